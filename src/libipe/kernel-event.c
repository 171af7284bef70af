/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines of "key=value". A value is a number or a word. As in audit records, text is in quotes if it is plain, else in
 * upper-case hex, and a single '?' if it is not known.
 */

#include <sys/sysmacros.h>

#include "kernel-event-internal.h"
#include "kernel-internal.h"
#include "kernel-open.h"

/* Reads at a time, so that a flood of denials does not keep the reader for ever. */
#define READS_MAX 16U

void kernel_event_done(KernelEvent *event) {
        free(event->operation);
        free(event->hook);
        free(event->policy_name);
        free(event->policy_version);
        free(event->rule);
        free(event->comm);
        free(event->cgroup);
        free(event->path);
        free(event->device);
        *event = (KernelEvent) {};
}

typedef struct Field {
        const char *key, *value;
        size_t key_size, value_size;
        bool quoted;
} Field;

/* Takes the next field off the front of a line. Returns 1, 0 at its end, or -EBADMSG. */
static int next_field(const char **line, const char *end, Field *ret) {
        const char *at = *line, *equals, *stop;

        while (at < end && *at == ' ')
                at++;
        if (at == end)
                return 0;
        equals = memchr(at, '=', (size_t) (end - at));
        if (!equals || equals == at || memchr(at, ' ', (size_t) (equals - at)))
                return -EBADMSG;
        *ret = (Field) { .key = at, .key_size = (size_t) (equals - at), .value = equals + 1 };
        ret->quoted = ret->value < end && *ret->value == '"';
        ret->value += ret->quoted;
        stop = memchr(ret->value, ret->quoted ? '"' : ' ', (size_t) (end - ret->value));
        if (!stop && ret->quoted)
                return -EBADMSG;
        if (!stop)
                stop = end;
        ret->value_size = (size_t) (stop - ret->value);
        *line = stop + ret->quoted;
        return 1;
}

static bool is_key(const Field *field, const char *key) {
        return strlen(key) == field->key_size && memcmp(field->key, key, field->key_size) == 0;
}

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int decode_hex(const Field *field, char **ret) {
        _cleanup_free_ char *text = malloc(field->value_size / 2 + 1);

        if (!text)
                return -ENOMEM;
        if (field->value_size == 0 || field->value_size % 2 != 0)
                return -EBADMSG;
        for (size_t i = 0; i < field->value_size / 2; i++) {
                int high = hex_digit(field->value[2 * i]), low = hex_digit(field->value[2 * i + 1]);

                if (high < 0 || low < 0 || (high == 0 && low == 0))
                        return -EBADMSG;
                text[i] = (char) (high << 4 | low);
        }
        text[field->value_size / 2] = '\0';
        *ret = TAKE_PTR(text);
        return 0;
}

static int set_copy(const Field *field, char **ret) {
        char *text;

        if (memchr(field->value, '\0', field->value_size))
                return -EBADMSG;
        text = strndup(field->value, field->value_size);
        if (!text)
                return -ENOMEM;
        free(*ret);
        *ret = text;
        return 0;
}

static bool is_unknown(const Field *field) {
        return !field->quoted && field->value_size == 1 && field->value[0] == '?';
}

/* A string that may hold anything. */
static int set_text(const Field *field, char **ret) {
        char *text = NULL;
        int r;

        if (field->quoted)
                return set_copy(field, ret);
        if (is_unknown(field))
                return 0;
        r = decode_hex(field, &text);
        if (r < 0)
                return r;
        free(*ret);
        *ret = text;
        return 0;
}

int kernel_event_number(const char *text, size_t size, uint64_t *ret) {
        uint64_t value = 0;

        if (size == 0 || size > 20)
                return -EBADMSG;
        for (size_t i = 0; i < size; i++) {
                unsigned digit = (unsigned) (text[i] - '0');

                if (digit > 9 || value > (UINT64_MAX - digit) / 10)
                        return -EBADMSG;
                value = 10 * value + digit;
        }
        *ret = value;
        return 0;
}

static int set_number(const Field *field, uint64_t *ret) {
        return kernel_event_number(field->value, field->value_size, ret);
}

/* '?' leaves it unchanged. */
static int set_uid(const Field *field, uint32_t *ret) {
        uint64_t value = *ret;
        int r = is_unknown(field) ? 0 : set_number(field, &value);

        if (r < 0 || value > UINT32_MAX)
                return -EBADMSG;
        *ret = (uint32_t) value;
        return 0;
}

/* "MAJOR:MINOR" */
static int set_device_number(const Field *field, dev_t *ret) {
        const char *colon = memchr(field->value, ':', field->value_size);
        uint64_t major, minor;
        size_t size;

        if (is_unknown(field))
                return 0;
        if (!colon)
                return -EBADMSG;
        size = (size_t) (colon - field->value);
        if (kernel_event_number(field->value, size, &major) < 0 ||
            kernel_event_number(colon + 1, field->value_size - size - 1, &minor) < 0 || major > UINT32_MAX ||
            minor > UINT32_MAX)
                return -EBADMSG;
        *ret = makedev((unsigned) major, (unsigned) minor);
        return 0;
}

static int set_flag(const Field *field, bool *ret) {
        uint64_t value = 0;
        int r = set_number(field, &value);

        *ret = value != 0;
        return r;
}

static int set_enforcing(const Field *field, int *ret) {
        bool value = false;
        int r;

        if (is_unknown(field))
                return 0;
        r = set_flag(field, &value);
        if (r >= 0)
                *ret = value;
        return r;
}

static int set_field(const Field *field, KernelEvent *event) {
        if (is_key(field, "lost"))
                return set_number(field, &event->lost);
        if (is_key(field, "uid"))
                return set_uid(field, &event->uid);
        if (is_key(field, "seq"))
                return set_number(field, &event->seq);
        if (is_key(field, "time"))
                return set_number(field, &event->time_ns);
        if (is_key(field, "pid"))
                return is_unknown(field) ? 0 : set_number(field, &event->pid);
        if (is_key(field, "ino"))
                return is_unknown(field) ? 0 : set_number(field, &event->inode);
        if (is_key(field, "suppressed"))
                return set_number(field, &event->repeats);
        if (is_key(field, "enforcing"))
                return set_enforcing(field, &event->enforcing);
        if (is_key(field, "shadow"))
                return set_flag(field, &event->shadow);
        if (is_key(field, "verdict")) {
                event->denied = field->value_size == 4 && memcmp(field->value, "DENY", 4) == 0;
                return 0;
        }
        if (is_key(field, "ipe_op"))
                return set_copy(field, &event->operation);
        if (is_key(field, "ipe_hook"))
                return set_copy(field, &event->hook);
        if (is_key(field, "policy_version"))
                return set_copy(field, &event->policy_version);
        if (is_key(field, "policy_name"))
                return set_text(field, &event->policy_name);
        if (is_key(field, "rule"))
                return set_text(field, &event->rule);
        if (is_key(field, "comm"))
                return set_text(field, &event->comm);
        if (is_key(field, "cgroup"))
                return set_text(field, &event->cgroup);
        if (is_key(field, "path"))
                return set_text(field, &event->path);
        if (is_key(field, "dev"))
                return set_text(field, &event->device);
        if (is_key(field, "sdev"))
                return set_device_number(field, &event->file_system);
        return 0;
}

int kernel_event_set_fields(const char *line, size_t size, KernelEvent *event) {
        const char *end = line + size;
        Field field;
        int r;

        while ((r = next_field(&line, end, &field)) > 0) {
                r = set_field(&field, event);
                if (r < 0)
                        break;
        }
        return r;
}

int kernel_event_parse(const char *line, size_t size, KernelEvent *ret) {
        _cleanup_kernel_event_ KernelEvent event = { .enforcing = -1, .uid = UINT32_MAX };
        int r = kernel_event_set_fields(line, size, &event);

        if (r < 0)
                return r;
        if (event.seq == 0 && event.lost == 0)
                return -EBADMSG;
        *ret = event;
        event = (KernelEvent) {};
        return 0;
}

int kernel_open_events(const Kernel *kernel) {
        if (kernel->abi == KERNEL_ABI_NONE)
                return -ENODEV;
        if (!kernel_has_feature(kernel, "events"))
                return -EOPNOTSUPP;
        return kernel_open_file(kernel->dir_fd, "events", KERNEL_OPEN_READ);
}

static int read_lines(const char *text, size_t size, KernelEventFunction function, void *userdata) {
        while (size > 0) {
                _cleanup_kernel_event_ KernelEvent event = {};
                const char *end = memchr(text, '\n', size);
                size_t length = end ? (size_t) (end - text) : size;
                int r = kernel_event_parse(text, length, &event);

                if (r == -ENOMEM)
                        return r;
                if (r >= 0)
                        function(&event, userdata);
                length += end ? 1 : 0;
                text += length;
                size -= length;
        }
        return 0;
}

static int read_once(int fd, char *buffer, KernelEventFunction function, void *userdata) {
        ssize_t n;
        int r;

        do
                n = read(fd, buffer, EVENTS_READ_SIZE);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == EAGAIN ? 0 : -errno;
        r = read_lines(buffer, (size_t) n, function, userdata);
        return r < 0 ? r : n > 0;
}

int kernel_read_some_events(int fd, KernelEventFunction function, void *userdata) {
        _cleanup_free_ char *buffer = malloc(EVENTS_READ_SIZE);

        if (!buffer)
                return -ENOMEM;
        return read_once(fd, buffer, function, userdata);
}

int kernel_read_events(int fd, KernelEventFunction function, void *userdata) {
        _cleanup_free_ char *buffer = malloc(EVENTS_READ_SIZE);
        int r = 1;

        if (!buffer)
                return -ENOMEM;
        for (unsigned i = 0; i < READS_MAX && r > 0; i++)
                r = read_once(fd, buffer, function, userdata);
        return r;
}
