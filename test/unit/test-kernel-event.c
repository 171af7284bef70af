/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * src/libipe/kernel-event.c: lines of the kernel's file "events", through a FIFO.
 */

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "test-unit.h"

#include "events.h"
#include "files.h"
#include "kernel-event.h"

#define LINE                                                                                                   \
        "seq=7 time=123456789012 ipe_op=EXECUTE ipe_hook=BPRM_CHECK enforcing=1 verdict=DENY shadow=1 "        \
        "policy_name=\"corp-base\" policy_version=1.2.3 line=4 rule=\"DEFAULT op=EXECUTE action=DENY\" "       \
        "pid=42 uid=1000 comm=\"sh\" cgroup=\"/a.slice/b.service\" path=\"/usr/bin/true\" dev=\"vda\" ino=12 " \
        "sdev=254:3 boot_verified=TRUE "                                                                       \
        "dmverity_roothash=sha256:00ff"

static int parse(const char *line, KernelEvent *ret) {
        return kernel_event_parse(line, strlen(line), ret);
}

static void assert_line(const char *line, const KernelEvent *expected) {
        _cleanup_kernel_event_ KernelEvent event = {};

        assert_int_equal(parse(line, &event), 0);
        assert_event(&event, expected);
}

static void a_line_is_taken_apart(void **state) {
        const KernelEvent expected = {
                .uid = 1000,
                .seq = 7,
                .time_ns = 123456789012,
                .denied = true,
                .shadow = true,
                .enforcing = 1,
                .pid = 42,
                .inode = 12,
                .operation = TEXT("EXECUTE"),
                .hook = TEXT("BPRM_CHECK"),
                .policy_name = TEXT("corp-base"),
                .policy_version = TEXT("1.2.3"),
                .rule = TEXT("DEFAULT op=EXECUTE action=DENY"),
                .comm = TEXT("sh"),
                .cgroup = TEXT("/a.slice/b.service"),
                .path = TEXT("/usr/bin/true"),
                .device = TEXT("vda"),
                .file_system = makedev(254, 3),
        };

        assert_line(LINE, &expected);
}

static void what_is_not_plain_comes_in_hex(void **state) {
        const KernelEvent expected = {
                .seq = 1,
                .uid = UINT32_MAX,
                .enforcing = -1,
                .comm = TEXT("a b"),
                .path = TEXT("/a\n\"\xff"),
        };
        KernelEvent event = {};

        assert_int_equal(parse("seq=1 comm=612062 path=2F610A22FF policy_name=corp", &event), -EBADMSG);
        assert_line("seq=1 comm=612062 path=2F610A22FF verdict=ALLOW shadow=0", &expected);
}

static void what_the_kernel_did_not_know_is_null(void **state) {
        const KernelEvent unknown = { .seq = 1, .uid = UINT32_MAX, .enforcing = -1 };

        assert_line("seq=1 path=? rule=? comm=? dev=? ino=? sdev=?", &unknown);
}

static void a_device_number_is_two_numbers(void **state) {
        static const char *const wrong[] = {
                "8", "8:", ":1", "8:1:1", "8:x", "-8:1", "4294967296:0", "0:4294967296", ""
        };
        _cleanup_kernel_event_ KernelEvent event = {};

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                char line[64];

                snprintf(line, sizeof(line), "seq=1 sdev=%s", wrong[i]);
                assert_int_equal(parse(line, &event), -EBADMSG);
        }
}

static void assert_lost(const char *line, uint64_t lost, uint32_t uid) {
        const KernelEvent expected = { .lost = lost, .uid = uid, .enforcing = -1 };

        assert_line(line, &expected);
}

static void lost_lines_are_counted(void **state) {
        assert_lost("lost=18446744073709551615", UINT64_MAX, UINT32_MAX);
}

static void lost_lines_say_whose_they_were(void **state) {
        assert_lost("lost=42 uid=1000", 42, 1000);
        assert_lost("lost=1 uid=0", 1, 0);
        assert_lost("lost=7 uid=?", 7, UINT32_MAX);
        assert_lost("lost=7 uid=4294967294 since=? new=\"x y\"", 7, 4294967294);
}

static void nonsense_is_refused(void **state) {
        static const char *const lines[] = {
                "",
                " ",
                "x",
                "=",
                "=1",
                "seq",
                "seq=",
                "seq=x",
                "seq=-1",
                "seq=18446744073709551616",
                "seq=1 x",
                "seq=1 path=\"/a",
                "seq=1 path=2",
                "seq=1 path=2f",
                "seq=1 path=2G",
                "seq=1 path=00",
                "seq=1 path=",
                "seq=1 a b=c",
                "lost=1 uid=4294967296",
                "lost=1 uid=",
                "lost=1 uid=x",
                "lost=1 uid=-1",
                "lost=0 uid=1",
                "lost=0",
                "seq=0",
                "time=1",
                "seq=1 shadow=x",
                "seq=1 pid=",
        };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                KernelEvent event = {};

                print_message("# '%s'\n", lines[i]);
                assert_int_equal(parse(lines[i], &event), -EBADMSG);
                assert_null(event.path);
        }
        assert_int_equal(kernel_event_parse("seq=1 ipe_op=A\0B", 16, &(KernelEvent) {}), -EBADMSG);
}

/* Cut or changed anywhere, it is taken or refused; sanitizers see the rest. */
static void no_byte_leads_astray(void **state) {
        for (size_t i = 0; i <= strlen(LINE); i++) {
                _cleanup_free_ char *copy = strndup(LINE, i);
                KernelEvent event = {};

                assert_non_null(copy);
                (void) kernel_event_parse(copy, i, &event);
                kernel_event_done(&event);
        }
        for (size_t i = 0; i < strlen(LINE); i++)
                for (int byte = 0; byte < 256; byte += 5) {
                        _cleanup_free_ char *copy = strdup(LINE);
                        KernelEvent event = {};

                        assert_non_null(copy);
                        copy[i] = (char) byte;
                        (void) kernel_event_parse(copy, strlen(LINE), &event);
                        kernel_event_done(&event);
                }
}

typedef struct Seen {
        size_t n;
        uint64_t last, lost;
} Seen;

static void on_event(const KernelEvent *event, void *userdata) {
        Seen *seen = userdata;

        seen->n++;
        seen->last = event->seq;
        seen->lost += event->lost;
}

static void lines_are_read_until_there_are_no_more(void **state) {
        static const char text[] = LINE "\nnonsense\nlost=1 uid=?\nlost=2 uid=7\nseq=11 verdict=DENY\n";
        _cleanup_(kernel_freep) Kernel *kernel = NULL;
        _cleanup_close_ int fd = -1, writer = -1;
        Seen seen = {};

        put_text("ipe/features", "events\n");
        assert_return_code(mkfifo("ipe/events", 0600), errno);
        assert_int_equal(kernel_open("ipe", &kernel), 0);
        fd = kernel_open_events(kernel);
        assert_true(fd >= 0);
        writer = open("ipe/events", O_WRONLY | O_CLOEXEC);
        assert_return_code(writer, errno);
        assert_int_equal(kernel_read_events(fd, on_event, &seen), 0);
        assert_int_equal(seen.n, 0);
        assert_int_equal(write(writer, text, strlen(text)), strlen(text));
        assert_int_equal(kernel_read_events(fd, on_event, &seen), 0);
        assert_int_equal(seen.n, 4);
        assert_int_equal(seen.last, 11);
        assert_int_equal(seen.lost, 3);
}

static void a_reader_that_never_gets_to_the_end_is_not_kept(void **state) {
        _cleanup_(kernel_freep) Kernel *kernel = NULL;
        _cleanup_close_ int fd = -1;
        Seen seen = {};

        put_text("ipe/features", "events\n");
        assert_return_code(symlink("/dev/zero", "ipe/events"), errno);
        assert_int_equal(kernel_open("ipe", &kernel), 0);
        assert_int_equal(kernel_open_events(kernel), -ELOOP);
        fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
        assert_int_equal(kernel_read_events(fd, on_event, &seen), 1);
        assert_int_equal(seen.n, 0);
}

static void there_are_no_events_without_the_feature(void **state) {
        _cleanup_(kernel_freep) Kernel *upstream = NULL, *none = NULL;

        put_text("ipe/events", "");
        assert_int_equal(kernel_open("ipe", &upstream), 0);
        assert_int_equal(kernel_open_events(upstream), -EOPNOTSUPP);
        assert_int_equal(kernel_open("missing", &none), 0);
        assert_int_equal(kernel_open_events(none), -ENODEV);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_line_is_taken_apart),
                cmocka_unit_test(what_is_not_plain_comes_in_hex),
                cmocka_unit_test(what_the_kernel_did_not_know_is_null),
                cmocka_unit_test(a_device_number_is_two_numbers),
                cmocka_unit_test(lost_lines_are_counted),
                cmocka_unit_test(lost_lines_say_whose_they_were),
                cmocka_unit_test(nonsense_is_refused),
                cmocka_unit_test(no_byte_leads_astray),
                unit_test_in_directory(lines_are_read_until_there_are_no_more),
                unit_test_in_directory(a_reader_that_never_gets_to_the_end_is_not_kept),
                unit_test_in_directory(there_are_no_events_without_the_feature),
        };

        return run_tests_as_tap(tests);
}
