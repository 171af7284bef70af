/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * src/libipe/audit.c: records as the stock kernel and ours write them.
 */

#include <linux/netlink.h>
#include <sys/socket.h>

#include "test-unit.h"

#include "audit.h"
#include "events.h"

#define STAMP "audit(1700000000.123:45): "
#define FIELDS \
        "ipe_op=EXECUTE ipe_hook=BPRM_CHECK enforcing=1 pid=42 comm=\"sh\" path=\"/tmp/hello\" dev=\"tmpfs\" ino=12"
#define RECORD STAMP FIELDS " rule=\"DEFAULT op=EXECUTE action=DENY\""

/* FIELDS, of a denial. */
static const KernelEvent denial = {
        .seq = 45,
        .uid = UINT32_MAX,
        .denied = true,
        .enforcing = 1,
        .pid = 42,
        .inode = 12,
        .operation = TEXT("EXECUTE"),
        .hook = TEXT("BPRM_CHECK"),
        .comm = TEXT("sh"),
        .path = TEXT("/tmp/hello"),
        .device = TEXT("tmpfs"),
};

static int parse(const char *text, KernelEvent *ret) {
        return audit_record_parse(text, strlen(text), ret);
}

static void assert_record(const char *text, const KernelEvent *expected) {
        _cleanup_kernel_event_ KernelEvent event = {};

        assert_int_equal(parse(text, &event), 0);
        assert_event(&event, expected);
}

/* The same of FIELDS and these words behind them, which say no more than the rule. */
static void assert_rule(const char *words, const char *rule, bool denied) {
        KernelEvent expected = denial;
        char text[512];

        assert_in_range(snprintf(text, sizeof(text), STAMP FIELDS " %s", words), 1, sizeof(text) - 1);
        expected.rule = TEXT(rule);
        expected.denied = denied;
        assert_record(text, &expected);
}

static void a_record_is_taken_apart(void **state) {
        assert_rule("rule=\"DEFAULT op=EXECUTE action=DENY\"", "DEFAULT op=EXECUTE action=DENY", true);
}

static void what_is_allowed_is_no_denial(void **state) {
        assert_rule("rule=\"op=EXECUTE boot_verified=TRUE action=ALLOW\"", "op=EXECUTE boot_verified=TRUE action=ALLOW",
                    false);
}

static void a_rule_that_is_not_known_is_taken_for_the_worse(void **state) {
        assert_rule("rule=?", NULL, true);
}

static void memory_has_no_path(void **state) {
        const KernelEvent expected = {
                .seq = 45,
                .uid = UINT32_MAX,
                .denied = true,
                .enforcing = 0,
                .pid = 1,
                .operation = TEXT("EXECUTE"),
                .hook = TEXT("MMAP"),
                .comm = TEXT("a b"),
                .rule = TEXT("DEFAULT action=DENY"),
        };

        assert_record(STAMP "ipe_op=EXECUTE ipe_hook=MMAP enforcing=0 pid=1 comm=612062 path=? dev=? ino=? "
                            "rule=\"DEFAULT action=DENY\"",
                      &expected);
}

/* The stock kernel does not escape what a policy has in its rules. */
static void quotes_in_a_rule_are_part_of_it(void **state) {
        assert_rule("rule=\"op=EXECUTE dmverity_roothash=a\" pid=1 path=\"/x:00 action=DENY\"",
                    "op=EXECUTE dmverity_roothash=a\" pid=1 path=\"/x:00 action=DENY", true);
}

static void our_records_say_how_many_they_stand_for(void **state) {
        KernelEvent expected = denial;

        expected.rule = TEXT("DEFAULT op=EXECUTE action=DENY");
        expected.repeats = 7;
        expected.shadow = true;
        assert_record(RECORD " suppressed=7 shadow=1", &expected);
        expected.rule = TEXT("op=\"");
        expected.repeats = 1;
        expected.shadow = false;
        assert_record(STAMP FIELDS " rule=6F703D22 suppressed=1", &expected);
}

/* The kernel has no place for them any more, or does not know any more which ones they were. */
static void record_of_suppressed_denials_alone_is_of_no_other(void **state) {
        const KernelEvent file = {
                .seq = 45, .uid = 1000, .repeats = 6, .denied = true, .enforcing = 1, .inode = 12,
                .operation = TEXT("EXECUTE"), .hook = TEXT("MMAP"), .comm = TEXT("sh"), .device = TEXT("vda"),
        }, unknown = {
                .seq = 45, .uid = UINT32_MAX, .repeats = 0, .denied = true, .enforcing = -1,
                .operation = TEXT("?"), .hook = TEXT("?"),
        };

        assert_record(STAMP "ipe_op=EXECUTE ipe_hook=MMAP enforcing=1 pid=? comm=\"sh\" path=? dev=\"vda\" ino=12 "
                            "rule=? suppressed=7 uid=1000 auid=4294967295",
                      &file);
        assert_record(STAMP "ipe_op=? ipe_hook=? enforcing=? pid=? comm=? path=? dev=? ino=? rule=? suppressed=1",
                      &unknown);
}

/* The process that is denied has chosen its path and its name. */
static void a_path_cannot_forge_a_field(void **state) {
        const KernelEvent expected = {
                .seq = 45,
                .uid = UINT32_MAX,
                .denied = true,
                .enforcing = -1,
                .pid = 42,
                .operation = TEXT("EXECUTE"),
                .comm = TEXT("sh"),
                .path = TEXT("/a rule=\"x"),
                .rule = TEXT("DEFAULT action=DENY"),
        };

        /* "/a rule="x": the kernel writes in hex what has a space or a quote. */
        assert_record(STAMP "ipe_op=EXECUTE pid=42 comm=\"sh\" path=2F612072756C653D2278 rule=\"DEFAULT action=DENY\"",
                      &expected);
}

static void nonsense_is_refused(void **state) {
        static const char *const texts[] = {
                "",
                "audit(",
                "audit(1.1:1)",
                "audit(1.1:): ipe_op=A",
                "audit(1.1:x): ipe_op=A",
                "audit(1): ipe_op=A",
                "ipe_op=EXECUTE",
                STAMP,
                STAMP "pid=1",
                STAMP "ipe_op",
                STAMP "ipe_op=A pid=x",
                STAMP "ipe_op=A rule=\"",
                STAMP "ipe_op=A rule=00 rule=\"x\"",
                STAMP "ipe_op=A rule=41 rule=\"x\"",
                STAMP "ipe_op=A rule=\"x\" y",
                STAMP "ipe_op=A lost=1",
                STAMP "ipe_op=A path=\"x",
                " " RECORD,
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                KernelEvent event = {};

                print_message("# '%s'\n", texts[i]);
                assert_int_equal(parse(texts[i], &event), -EBADMSG);
                assert_null(event.operation);
        }
        assert_int_equal(audit_record_parse(STAMP "ipe_op=A rule=\"x\0y\"", sizeof(STAMP "ipe_op=A rule=\"x\0y\"") - 1,
                                            &(KernelEvent) {}),
                         -EBADMSG);
}

static void no_byte_leads_astray(void **state) {
        for (size_t i = 0; i <= strlen(RECORD); i++) {
                _cleanup_free_ char *copy = malloc(i + 1);
                KernelEvent event = {};

                assert_non_null(copy);
                memcpy(copy, RECORD, i);
                /* Of the length that is given, so that sanitizers see a read behind it. */
                copy = realloc(copy, i > 0 ? i : 1);
                (void) audit_record_parse(copy, i, &event);
                kernel_event_done(&event);
        }
}

typedef struct Message {
        struct nlmsghdr header;
        char text[256];
} Message;

static Message message(uint16_t type, uint32_t length) {
        Message m = { .header = { .nlmsg_type = type, .nlmsg_len = length } };

        assert_in_range(strlen(RECORD), 1, sizeof(m.text));
        memcpy(m.text, RECORD, strlen(RECORD));
        return m;
}

static void a_message_is_as_long_as_it_says_and_no_longer_than_it_is(void **state) {
        const uint32_t length = NLMSG_HDRLEN + strlen(RECORD);
        static const struct {
                uint16_t type;
                uint32_t says, is;
                int expected;
        } cases[] = {
                { 1420, 0, 0, 1 },
                { 1419, 0, 0, 0 },
                { 1300, 0, 0, 0 },
                { 1420, 1, 0, -EBADMSG },
                { 1420, 15, 0, -EBADMSG },
                { 1420, 16, 0, -EBADMSG },
                { 1420, UINT32_MAX, 0, -EBADMSG },
                { 1420, 0, 15, -EBADMSG },
                { 1420, 0, 16, -EBADMSG },
                { 1420, 0, 1, -EBADMSG },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_kernel_event_ KernelEvent event = {};
                Message m = message(cases[i].type, cases[i].says ?: length);

                print_message("# case %zu\n", i);
                assert_int_equal(audit_message_parse(&m, cases[i].is ?: length, &event), cases[i].expected);
                assert_int_equal(event.operation != NULL, cases[i].expected > 0);
        }
}

typedef struct Seen {
        size_t n;
} Seen;

static void on_event(const KernelEvent *event, void *userdata) {
        ((Seen *) userdata)->n++;
}

/* A socket of netlink to which another process, this one, can send. */
static int open_netlink(uint32_t *ret_port) {
        struct sockaddr_nl address = { .nl_family = AF_NETLINK };
        socklen_t size = sizeof(address);
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_USERSOCK);

        assert_return_code(fd, errno);
        assert_return_code(bind(fd, (struct sockaddr *) &address, sizeof(address)), errno);
        assert_return_code(getsockname(fd, (struct sockaddr *) &address, &size), errno);
        *ret_port = address.nl_pid;
        return fd;
}

static void send_to(int fd, uint32_t port, const Message *m) {
        const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_pid = port };

        assert_int_equal(sendto(fd, m, m->header.nlmsg_len, 0, (const struct sockaddr *) &address, sizeof(address)),
                         m->header.nlmsg_len);
}

static void only_the_kernel_is_believed(void **state) {
        uint32_t port, other;
        _cleanup_close_ int reader = open_netlink(&port), writer = open_netlink(&other);
        Message m = message(1420, NLMSG_HDRLEN + strlen(RECORD));
        Seen seen = {};

        send_to(writer, port, &m);
        assert_int_equal(audit_read_events(reader, on_event, &seen), 0);
        assert_int_equal(seen.n, 0);
        assert_int_equal(recv(reader, &m, sizeof(m), MSG_DONTWAIT), -1);
}

static void the_filter_keeps_what_is_of_ipe(void **state) {
        uint32_t port, other;
        _cleanup_close_ int reader = open_netlink(&port), writer = open_netlink(&other);
        Message ours = message(1420, NLMSG_HDRLEN + strlen(RECORD)), m = message(1300, NLMSG_HDRLEN + strlen(RECORD));

        assert_return_code(audit_filter(reader), errno);
        send_to(writer, port, &m);
        send_to(writer, port, &ours);
        assert_int_equal(recv(reader, &m, sizeof(m), MSG_DONTWAIT), ours.header.nlmsg_len);
        assert_int_equal(m.header.nlmsg_type, 1420);
        assert_int_equal(recv(reader, &m, sizeof(m), MSG_DONTWAIT), -1);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_record_is_taken_apart),
                cmocka_unit_test(what_is_allowed_is_no_denial),
                cmocka_unit_test(a_rule_that_is_not_known_is_taken_for_the_worse),
                cmocka_unit_test(memory_has_no_path),
                cmocka_unit_test(quotes_in_a_rule_are_part_of_it),
                cmocka_unit_test(our_records_say_how_many_they_stand_for),
                cmocka_unit_test(record_of_suppressed_denials_alone_is_of_no_other),
                cmocka_unit_test(a_path_cannot_forge_a_field),
                cmocka_unit_test(nonsense_is_refused),
                cmocka_unit_test(no_byte_leads_astray),
                cmocka_unit_test(a_message_is_as_long_as_it_says_and_no_longer_than_it_is),
                cmocka_unit_test(only_the_kernel_is_believed),
                cmocka_unit_test(the_filter_keeps_what_is_of_ipe),
        };

        return run_tests_as_tap(tests);
}
