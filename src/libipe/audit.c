/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * "audit(SECONDS.MILLISECONDS:SERIAL): " and fields as in "events". The stock kernel writes the text of a rule between
 * quotes as it is, quotes included, and always last; so a rule ends at the last quote of the record. No field before
 * it can have a space between quotes, or look like its key.
 */

#include <linux/filter.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "audit.h"
#include "kernel-event-internal.h"

#define AUDIT_TYPE_IPE_ACCESS 1420
/* Above the longest record. */
#define MESSAGE_SIZE_MAX (64U * 1024)

#define STAMP "audit("
#define STAMP_END "): "
#define RULE " rule=\""
#define ALLOW "action=ALLOW"

static const char *find(const char *text, const char *end, const char *word) {
        assert(text);
        return memmem(text, (size_t) (end - text), word, strlen(word));
}

/* Takes the stamp off the front. Returns 0 or -EBADMSG. */
static int skip_stamp(const char **text, const char *end, uint64_t *ret_serial) {
        const char *colon, *stop;

        if ((size_t) (end - *text) < strlen(STAMP) || memcmp(*text, STAMP, strlen(STAMP)) != 0)
                return -EBADMSG;
        stop = find(*text, end, STAMP_END);
        if (!stop)
                return -EBADMSG;
        colon = memchr(*text, ':', (size_t) (stop - *text));
        if (!colon)
                return -EBADMSG;
        *text = stop + strlen(STAMP_END);
        return kernel_event_number(colon + 1, (size_t) (stop - colon - 1), ret_serial);
}

static int set_rule(const char *text, size_t size, KernelEvent *event) {
        if (memchr(text, '\0', size))
                return -EBADMSG;
        event->rule = strndup(text, size);
        return event->rule ? 0 : -ENOMEM;
}

static int set_all(const char *text, const char *end, KernelEvent *event) {
        const char *rule = find(text, end, RULE), *stop;
        int r;

        if (!rule)
                return kernel_event_set_fields(text, (size_t) (end - text), event);
        r = kernel_event_set_fields(text, (size_t) (rule - text), event);
        if (r < 0)
                return r;
        rule += strlen(RULE);
        stop = memrchr(rule, '"', (size_t) (end - rule));
        /* The second case: an earlier field "rule", in hex. */
        if (!stop || event->rule)
                return -EBADMSG;
        r = set_rule(rule, (size_t) (stop - rule), event);
        return r < 0 ? r : kernel_event_set_fields(stop + 1, (size_t) (end - stop - 1), event);
}

/* A record has no verdict of its own, but a rule ends with it. Without a rule, assume a denial. */
static bool is_denied(const char *rule) {
        size_t size = rule ? strlen(rule) : 0;

        while (size > 0 && rule[size - 1] == ' ')
                size--;
        return size < strlen(ALLOW) || memcmp(rule + size - strlen(ALLOW), ALLOW, strlen(ALLOW)) != 0;
}

int audit_record_parse(const char *text, size_t size, KernelEvent *ret) {
        _cleanup_kernel_event_ KernelEvent event = { .enforcing = -1, .uid = UINT32_MAX };
        const char *end = text + size;
        uint64_t serial = 0;
        int r;

        r = skip_stamp(&text, end, &serial);
        if (r >= 0)
                r = set_all(text, end, &event);
        if (r < 0)
                return r;
        if (!event.operation || event.lost > 0)
                return -EBADMSG;
        /* A record of suppressed denials alone names no process: it stands for the first of them. */
        if (event.pid == 0 && event.repeats > 0)
                event.repeats--;
        event.seq = serial;
        event.time_ns = 0;
        event.denied = is_denied(event.rule);
        *ret = event;
        event = (KernelEvent) {};
        return 0;
}

int audit_message_parse(const void *data, size_t size, KernelEvent *ret) {
        const char *text = (const char *) data + NLMSG_HDRLEN;
        struct nlmsghdr header;
        int r;

        if (size < NLMSG_HDRLEN)
                return -EBADMSG;
        memcpy(&header, data, sizeof(header));
        if (header.nlmsg_type != AUDIT_TYPE_IPE_ACCESS)
                return 0;
        if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > size)
                return -EBADMSG;
        size = header.nlmsg_len - NLMSG_HDRLEN;
        while (size > 0 && (text[size - 1] == '\0' || text[size - 1] == '\n'))
                size--;
        r = audit_record_parse(text, size, ret);
        return r < 0 ? r : 1;
}

int audit_filter(int fd) {
        struct sock_filter code[] = {
                /* A filter loads in network order, but the header is in the order of the machine. */
                BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap16(AUDIT_TYPE_IPE_ACCESS), 0, 1),
                BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
                BPF_STMT(BPF_RET | BPF_K, 0),
        };
        const struct sock_fprog program = { .len = ELEMENTSOF(code), .filter = code };

        if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
                code[1].k = AUDIT_TYPE_IPE_ACCESS;
        return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno : 0;
}

static void report_lost(KernelEventFunction function, void *userdata) {
        const KernelEvent lost = { .lost = 1, .uid = UINT32_MAX, .enforcing = -1 };

        function(&lost, userdata);
}

/* Returns 1, 0 if there is nothing, -ENOMEM or an errno of recvfrom(). */
static int read_message(int fd, char *buffer, KernelEventFunction function, void *userdata) {
        _cleanup_kernel_event_ KernelEvent event = {};
        struct sockaddr_nl sender = {};
        socklen_t sender_size = sizeof(sender);
        ssize_t n;
        int r;

        n = recvfrom(fd, buffer, MESSAGE_SIZE_MAX, MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *) &sender, &sender_size);
        if (n < 0 && errno == EINTR)
                return 1;
        if (n < 0 && errno == ENOBUFS) {
                report_lost(function, userdata);
                return 1;
        }
        if (n < 0)
                return errno == EAGAIN ? 0 : -errno;
        if (sender_size < sizeof(sender) || sender.nl_family != AF_NETLINK || sender.nl_pid != 0)
                return 1;
        if ((size_t) n > MESSAGE_SIZE_MAX)
                r = -EBADMSG;
        else
                r = audit_message_parse(buffer, (size_t) n, &event);
        if (r > 0)
                function(&event, userdata);
        return r == -ENOMEM ? r : 1;
}

int audit_read_events(int fd, KernelEventFunction function, void *userdata) {
        _cleanup_free_ char *buffer = malloc(MESSAGE_SIZE_MAX);
        int r = 1;

        if (!buffer)
                return -ENOMEM;
        for (unsigned i = 0; i < AUDIT_READ_MAX && r > 0; i++)
                r = read_message(fd, buffer, function, userdata);
        return r;
}
