/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Watches udev for dm-verity volumes. An event only means that it is time to look: ipe-inspect reports which volumes
 * are open, and whether the kernel has verified a signature of each. The daemon logs each new volume once, and once
 * more for each policy that denies it.
 */

#include <systemd/sd-device.h>

#include "clock.h"
#include "log.h"
#include "messages.h"
#include "volumes.h"

#define VERITY_UUID "CRYPT-VERITY-"
#define UUID_ATTRIBUTE "dm/uuid"
/* Lets one look cover events that come together. */
#define SETTLE_USEC (USEC_PER_SEC / 5)
#define INTERVAL_USEC USEC_PER_SEC
/* After a failed look. */
#define RETRY_USEC (30 * USEC_PER_SEC)
/* How many volumes are remembered. The daemon would log any more again at each look, so it does not log them at all. */
#define KNOWN_MAX 1024

typedef struct Known {
        char *name;
        FactDigest root_hash;
        unsigned major, minor;
        char *denied_by; /* the last policy that was logged to deny it, "NAME VERSION"; NULL for none */
} Known;

struct Volumes {
        Manager *manager;
        sd_device_monitor *monitor;
        sd_event_source *timer;
        InspectCall *inspect;
        bool again; /* an event came during the look */
        uint64_t looked_usec;
        Known *known;
        size_t n;
};

static void known_free(Known *known, size_t n) {
        for (size_t i = 0; i < n; i++) {
                free(known[i].name);
                free(known[i].denied_by);
        }
        free(known);
}

static bool is_same(const Known *known, const VolumeFacts *volume) {
        return known->major == volume->major && known->minor == volume->minor && streq(known->name, volume->name) &&
               memcmp(&known->root_hash, &volume->root_hash, sizeof(known->root_hash)) == 0;
}

static const Known *find(const Volumes *volumes, const VolumeFacts *volume) {
        for (size_t i = 0; i < volumes->n; i++)
                if (is_same(&volumes->known[i], volume))
                        return &volumes->known[i];
        return NULL;
}

static void log_volume(const VolumeFacts *volume, const VolumeVerdict *verdict, bool is_denied) {
        char root_hash[FACT_DIGEST_STRLEN];
        const LogField fields[] = {
                { "IPE_VOLUME", volume->name },
                { "IPE_ROOT_HASH", root_hash },
                { "IPE_SIGNED", volume->is_signed ? "1" : "0" },
                { "IPE_VERDICT", verdict->action },
                { "IPE_RULE", verdict->rule },
                {},
        };

        fact_digest_print(&volume->root_hash, root_hash);
        if (is_denied)
                log_entry(LOG_WARNING, MESSAGE_VOLUME_DENIED, fields,
                          "No rule trusts the volume '%s': nothing on it can be executed. The kernel has %s its root "
                          "hash %s; '%s' decides.",
                          volume->name, volume->is_signed ? "verified a signature of" : "no signature of", root_hash,
                          verdict->rule);
        else
                log_entry(LOG_INFO, MESSAGE_VOLUME, fields, "Volume '%s' with root hash %s, %s by the kernel: %s.",
                          volume->name, root_hash,
                          volume->is_signed ? "signed, verified" : "without a signature verified",
                          verdict->action[0] ? verdict->action : "no policy is active");
}

/* Logs the news about one volume. known: filled in. Returns 0 or -ENOMEM. */
static int note(const Volumes *volumes, const VolumeFacts *volume, const VolumeVerdict *verdict, const char *policy,
                Known *known) {
        const Known *before = find(volumes, volume);
        const char *denied_by = streq(verdict->action, "DENY") ? policy : before ? before->denied_by : NULL;
        Known new = {
                .name = strdup(volume->name),
                .root_hash = volume->root_hash,
                .major = volume->major,
                .minor = volume->minor,
                .denied_by = denied_by ? strdup(denied_by) : NULL,
        };

        if (!new.name || (denied_by && !new.denied_by)) {
                free(new.name);
                free(new.denied_by);
                return -ENOMEM;
        }
        if (!before)
                log_volume(volume, verdict, false);
        if (denied_by && !(before && before->denied_by && streq(before->denied_by, denied_by)))
                log_volume(volume, verdict, true);
        *known = new;
        return 0;
}

/* "NAME VERSION"; empty for none. ret: to be freed. Returns 0 or -ENOMEM. */
static int describe_policy(const struct ipe_policy *policy, char **ret) {
        char version[IPE_VERSION_STRLEN] = "";

        if (policy)
                ipe_version_print(ipe_policy_version(policy), version);
        return asprintf(ret, "%s %s", policy ? ipe_policy_name(policy) : "", version) < 0 ? -ENOMEM : 0;
}

static int compare(Volumes *volumes, const Inspection *inspection) {
        _cleanup_(ruling_freep) Ruling *ruling = NULL;
        Known *known = calloc(KNOWN_MAX, sizeof(*known));
        _cleanup_free_ char *policy = NULL;
        size_t n = 0;
        int r = known ? ruling_load(volumes->manager, &ruling) : -ENOMEM;

        if (r >= 0)
                r = describe_policy(ruling_policy(ruling), &policy);
        if (r < 0)
                policy = NULL;
        for (size_t i = 0; r >= 0 && i < inspection->n_volumes && n < KNOWN_MAX; i++) {
                VolumeVerdict verdict = volume_judge(inspection, i, ruling_policy(ruling),
                                                     &volumes->manager->vocabulary);

                r = note(volumes, &inspection->volumes[i], &verdict, policy, &known[n]);
                n += r >= 0;
        }
        if (r < 0) {
                known_free(known, n);
                return r;
        }
        known_free(volumes->known, volumes->n);
        volumes->known = known;
        volumes->n = n;
        return 0;
}

/* Whether any volume exists. */
static bool is_any(void) {
        sd_device_enumerator *enumerator = NULL;
        bool found = false;
        int r = sd_device_enumerator_new(&enumerator);

        if (r >= 0)
                r = sd_device_enumerator_add_match_subsystem(enumerator, "block", true);
        if (r >= 0)
                r = sd_device_enumerator_add_match_sysattr(enumerator, UUID_ATTRIBUTE, VERITY_UUID "*", true);
        if (r >= 0)
                found = sd_device_enumerator_get_device_first(enumerator) != NULL;
        sd_device_enumerator_unref(enumerator);
        return found;
}

static void look_in(Volumes *volumes, uint64_t usec) {
        if (sd_event_source_set_time_relative(volumes->timer, usec) < 0 ||
            sd_event_source_set_enabled(volumes->timer, SD_EVENT_ONESHOT) < 0)
                log_warning("Cannot set a timer, so a new volume is not logged.");
}

static void look_soon(Volumes *volumes) {
        uint64_t now = clock_usec(CLOCK_MONOTONIC), next;

        if (volumes->n == 0 && !is_any())
                return;
        if (volumes->inspect) {
                volumes->again = true;
                return;
        }
        next = volumes->looked_usec + INTERVAL_USEC;
        look_in(volumes, next > now + SETTLE_USEC ? next - now : SETTLE_USEC);
}

static void on_inspected(int result, const Failure *failure, const Inspection *inspection, void *userdata) {
        Volumes *volumes = userdata;

        volumes->inspect = NULL;
        if (result == 0)
                result = compare(volumes, inspection);
        if (result != 0) {
                log_warning("Cannot inspect the volumes, retrying later: %s",
                            failure && failure->sentence[0] ? failure->sentence : strerror(result < 0 ? -result : EIO));
                look_in(volumes, RETRY_USEC);
        } else if (volumes->again)
                look_soon(volumes);
        volumes->again = false;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Volumes *volumes = userdata;
        Failure failure = {};
        int r;

        if (volumes->inspect)
                return 0;
        volumes->looked_usec = clock_usec(CLOCK_MONOTONIC);
        r = inspect_start(volumes->manager, on_inspected, volumes, &volumes->inspect, &failure);
        if (r != 0) {
                log_warning("Cannot inspect the volumes, retrying later: %s",
                            failure.sentence[0] ? failure.sentence : strerror(-r));
                look_in(volumes, RETRY_USEC);
        }
        return 0;
}

static int on_device(sd_device_monitor *monitor, sd_device *device, void *userdata) {
        Volumes *volumes = userdata;
        const char *uuid, *name;

        /* A device that is gone has only its name left. */
        if (sd_device_get_sysattr_value(device, UUID_ATTRIBUTE, &uuid) >= 0
                    ? strncmp(uuid, VERITY_UUID, strlen(VERITY_UUID)) == 0
                    : volumes->n > 0 && sd_device_get_sysname(device, &name) >= 0 &&
                              strncmp(name, "dm-", strlen("dm-")) == 0)
                look_soon(volumes);
        return 0;
}

static int watch(Volumes *volumes) {
        int r = sd_device_monitor_new(&volumes->monitor);

        if (r >= 0)
                r = sd_device_monitor_filter_add_match_subsystem_devtype(volumes->monitor, "block", "disk");
        if (r >= 0)
                r = sd_device_monitor_attach_event(volumes->monitor, volumes->manager->event);
        if (r >= 0)
                r = sd_device_monitor_start(volumes->monitor, on_device, volumes);
        return r;
}

static void volumes_free(Volumes *volumes) {
        if (!volumes)
                return;
        inspect_cancel(volumes->inspect);
        sd_device_monitor_unref(volumes->monitor);
        sd_event_source_disable_unref(volumes->timer);
        known_free(volumes->known, volumes->n);
        free(volumes);
}

/* Another policy may be active now. */
static void on_change(Manager *manager, ManagerChange change, void *userdata) {
        if (change == MANAGER_STATE_CHANGED && manager->volumes)
                look_soon(manager->volumes);
}

void volumes_attach(Manager *manager) {
        Volumes *volumes = calloc(1, sizeof(*volumes));
        int r = -ENOMEM;

        if (volumes) {
                volumes->manager = manager;
                r = sd_event_add_time_relative(manager->event, &volumes->timer, CLOCK_MONOTONIC, 0, SETTLE_USEC / 2,
                                               on_timer, volumes);
                if (r >= 0)
                        r = sd_event_source_set_enabled(volumes->timer, SD_EVENT_OFF);
                if (r >= 0)
                        r = watch(volumes);
        }
        if (r < 0) {
                log_warning("Cannot watch for volumes, so new ones are not logged: %s", strerror(-r));
                volumes_free(volumes);
                return;
        }
        manager->volumes = volumes;
        manager_on_change(manager, on_change, NULL);
        look_soon(volumes);
}

void volumes_detach(Manager *manager) {
        volumes_free(manager->volumes);
        manager->volumes = NULL;
}
