/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client of ipe-inspect: one connection, one request, one answer up to the end of the stream, bounded in size and
 * time.
 */

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "essential.h"
#include "inspect-client.h"

/* ipe-inspect reads processes for 9 s at most, and may wait for a disk besides. */
#define ANSWER_USEC (15 * UINT64_C(1000000))

struct InspectCall {
        int fd;
        char *answer;
        size_t size, room;
        sd_event_source *io, *timer;
        InspectDone done;
        void *userdata;
};

static void call_freep(InspectCall **call) {
        inspect_cancel(*call);
}

InspectCall *inspect_cancel(InspectCall *call) {
        if (!call)
                return NULL;
        sd_event_source_disable_unref(call->io);
        sd_event_source_disable_unref(call->timer);
        safe_close(call->fd);
        free(call->answer);
        free(call);
        return NULL;
}

static int cannot(Failure *failure, const char *why) {
        return failure_set(failure, FAILURE_NOT_SUPPORTED,
                           "Cannot find out what runs on this system, nor what the policy would deny of it (%s): see "
                           "'systemctl status ipe-inspect.socket' and 'journalctl -u \"ipe-inspect@*\"'.",
                           why);
}

static void finish(InspectCall *ended, int result, const Failure *failure, const Inspection *inspection) {
        _cleanup_(call_freep) InspectCall *call = ended;

        call->done(result, failure, inspection, call->userdata);
}

static void finish_badly(InspectCall *call, const char *why) {
        Failure failure = {};
        int r = cannot(&failure, why);

        finish(call, r, &failure, NULL);
}

static void finish_with_answer(InspectCall *call) {
        _cleanup_(inspection_freep) Inspection *inspection = NULL;
        int r = call->size > 0 ? inspection_parse(call->answer, call->size, &inspection) : -ENODATA;

        if (r == -ENODATA)
                finish_badly(call, "ipe-inspect gives no answer");
        else if (r < 0)
                finish_badly(call, r == -ENOMEM ? strerror(ENOMEM) : "its answer is invalid");
        else
                finish(call, 0, &(const Failure) {}, inspection);
}

/* Returns 1 if there may be more, 0 at the end, or a negative errno. */
static int read_some(InspectCall *call) {
        ssize_t n;

        if (call->size == call->room) {
                size_t room = call->room > 0 ? 2 * call->room : 64 * 1024;
                char *larger = room <= 2 * (size_t) INSPECTION_SIZE_MAX ? realloc(call->answer, room) : NULL;

                if (!larger)
                        return -ENOMEM;
                call->answer = larger;
                call->room = room;
        }
        n = read(call->fd, call->answer + call->size, call->room - call->size);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 1 : -errno;
        call->size += (size_t) n;
        return call->size > INSPECTION_SIZE_MAX ? -EFBIG : n > 0;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        InspectCall *call = userdata;
        int r = read_some(call);

        if (r < 0)
                finish_badly(call, strerror(-r));
        else if (r == 0)
                finish_with_answer(call);
        return 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        finish_badly(userdata, "ipe-inspect takes too long");
        return 0;
}

static int connect_to(InspectCall *call) {
        static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = INSPECT_SOCKET };

        call->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (call->fd < 0 || connect(call->fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        return 0;
}

static int send_request(const InspectCall *call, const Config *config) {
        InspectionRequest request = { .modules = config->essential_modules, .firmware = config->essential_firmware };
        _cleanup_(strv_freep) char **paths = NULL, **tools = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r = essential_paths(config, &paths);

        if (r >= 0)
                r = essential_tools(&tools);
        request.paths = paths;
        request.tools = tools;
        if (r >= 0)
                r = inspection_request_print(&request, &text, &size);
        if (r < 0)
                return r;
        /* The buffer of a socket holds more than any reasonable configuration. */
        if (send(call->fd, text, size, MSG_NOSIGNAL) != (ssize_t) size)
                return -EMSGSIZE;
        return shutdown(call->fd, SHUT_WR) < 0 ? -errno : 0;
}

int inspect_start(Manager *manager, InspectDone done, void *userdata, InspectCall **ret, Failure *reterr) {
        _cleanup_(call_freep) InspectCall *call = calloc(1, sizeof(*call));
        int r;

        if (!call)
                return -ENOMEM;
        *call = (InspectCall) { .fd = -1, .done = done, .userdata = userdata };
        r = connect_to(call);
        if (r >= 0)
                r = send_request(call, &manager->config);
        if (r >= 0)
                r = sd_event_add_io(manager->event, &call->io, call->fd, EPOLLIN, on_readable, call);
        if (r >= 0)
                r = sd_event_add_time_relative(manager->event, &call->timer, CLOCK_MONOTONIC, ANSWER_USEC, 0, on_time,
                                               call);
        if (r < 0)
                return r == -ENOMEM ? r : cannot(reterr, strerror(-r));
        *ret = TAKE_PTR(call);
        return 0;
}
