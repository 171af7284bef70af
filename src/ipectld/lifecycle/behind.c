/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keeps the current state while the disk has an older one. The next change that the disk takes writes it, or a timer,
 * whichever comes first.
 *
 * A daemon that starts meanwhile finds the older state. It sees the end of a trial in the kernel (trial.c), but not a
 * rollback: the kernel looks the same after a boot that could not load the better version. So a note in /run, the
 * digest of the version to which the kernel went back, reports it. The note counts only if the kernel agrees
 * (reconcile.c).
 */

#include <fcntl.h>
#include <unistd.h>

#include "behind.h"
#include "clock.h"
#include "io.h"
#include "log.h"
#include "recover.h"

#define RETRY_USEC (10 * USEC_PER_SEC)
/* RuntimeDirectory= of the unit. */
#define NOTE_DIRECTORY "/run/ipectld"
#define NOTE "rolled-back"
#define NOTE_PATH NOTE_DIRECTORY "/" NOTE
/* The digest in hex, and a newline. */
#define NOTE_SIZE DIGEST_HEX_SIZE

struct Behind {
        bool is_behind;         /* the latest state is not on disk */
        bool state_damaged;     /* a damaged state.json lies on a read-only disk */
        sd_event_source *timer; /* NULL before the first failure */
};

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata);

static void start_timer(Manager *manager) {
        Behind *behind = manager->behind;
        int r = 0;

        if (!behind->timer)
                r = sd_event_add_time_relative(manager->event, &behind->timer, CLOCK_BOOTTIME, RETRY_USEC, 0, on_timer,
                                               manager);
        else {
                r = sd_event_source_set_time_relative(behind->timer, RETRY_USEC);
                if (r >= 0)
                        r = sd_event_source_set_enabled(behind->timer, SD_EVENT_ONESHOT);
        }
        if (r < 0)
                log_error("Cannot start a timer, so the next change writes '" STORE_DIRECTORY "/state.json': %s",
                          strerror(-r));
}

/* A disk that was read-only at start may be writable by now. */
static int write_again(Manager *manager) {
        _cleanup_(store_freep) Store *store = NULL;
        int r;

        if (store_is_read_only(manager->store)) {
                r = store_open(STORE_DIRECTORY, &store);
                if (r < 0)
                        return r;
                store_free(manager->store);
                manager->store = TAKE_PTR(store);
        }
        /* As long as the damaged file is there, the objects that only it names are not removed. */
        if (manager->behind->state_damaged) {
                r = store_quarantine_state(manager->store);
                if (r >= 0)
                        r = recover_state(manager);
                if (r < 0)
                        return r;
                manager->behind->state_damaged = false;
        }
        return store_write_state(manager->store, manager->state);
}

/* The disk has the current state. */
static void end(Manager *manager) {
        Behind *behind = manager->behind;

        manager->disk_error = 0;
        if (!behind->is_behind)
                return;
        behind->is_behind = false;
        if (behind->timer)
                (void) sd_event_source_set_enabled(behind->timer, SD_EVENT_OFF);
        behind_forget_rollback();
        changes_write(manager->changes, manager->store);
        announce_behind(&manager->announcer, 0);
}

void behind_retry(Manager *manager) {
        int r;

        if (manager->disk_error == 0)
                return;
        r = write_again(manager);
        if (r >= 0)
                end(manager);
        else
                log_debug("Still cannot write '" STORE_DIRECTORY "/state.json': %s", strerror(-r));
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata) {
        Manager *manager = userdata;

        behind_retry(manager);
        if (manager->disk_error != 0)
                start_timer(manager);
        return 0;
}

int behind_commit(Manager *manager, StoreState **new, Failure *reterr) {
        bool was_behind = manager->disk_error != 0;
        Why why = manager->why;
        int r = manager_commit(manager, new, reterr);

        /* An invalid state is refused, no matter how the disk is. */
        if (r >= 0 || r == -EINVAL)
                return r;
        manager->why = why;
        manager_adopt(manager, new, r);
        if (!was_behind)
                announce_behind(&manager->announcer, r);
        start_timer(manager);
        return 1;
}

void behind_begin(Manager *manager) {
        if (manager->disk_error != 0)
                start_timer(manager);
}

void behind_note_damaged(Manager *manager) {
        manager->behind->state_damaged = true;
}

static void on_change(Manager *manager, ManagerChange change, void *userdata) {
        if (change != MANAGER_STATE_CHANGED)
                return;
        if (manager->disk_error != 0)
                manager->behind->is_behind = true;
        else
                end(manager);
}

int behind_attach(Manager *manager) {
        manager->behind = calloc(1, sizeof(*manager->behind));
        if (!manager->behind)
                return -ENOMEM;
        manager_on_change(manager, on_change, NULL);
        return 0;
}

void behind_detach(Manager *manager) {
        if (!manager->behind)
                return;
        sd_event_source_disable_unref(manager->behind->timer);
        free(manager->behind);
        manager->behind = NULL;
}

static int write_note(const char *text) {
        _cleanup_close_ int fd = open(NOTE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -errno : replace_file_at(fd, NOTE, text, strlen(text), 0600);
}

void behind_note_rollback(const Digest *to) {
        char text[NOTE_SIZE + 1];
        int r;

        digest_to_hex(to, text);
        strcpy(text + NOTE_SIZE - 1, "\n");
        r = write_note(text);
        if (r < 0)
                log_warning("Cannot write '" NOTE_PATH
                            "', ignoring; the rollback is not recorded if ipectld ends before "
                            "it can write '" STORE_DIRECTORY "': %s",
                            strerror(-r));
}

int behind_find_rollback(Digest *ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = read_file_at(AT_FDCWD, NOTE_PATH, NOTE_SIZE, (void **) &text, &size);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (size != NOTE_SIZE || text[NOTE_SIZE - 1] != '\n')
                return -EBADMSG;
        text[NOTE_SIZE - 1] = '\0';
        return digest_from_hex(text, ret) < 0 ? -EBADMSG : 1;
}

void behind_forget_rollback(void) {
        if (unlink(NOTE_PATH) < 0 && errno != ENOENT)
                log_warning("Cannot remove '" NOTE_PATH "', ignoring: %s", strerror(errno));
}
