/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * src/ipectld/denials/denial-table.c: how and when many denials are reported; denial-origin.c: whose they are. Time is
 * a number here.
 */

#include "test-unit.h"

#include "denial-origin.h"
#include "denial-table.h"

#define SECOND 1000000ULL
#define USER 1000U

typedef struct Told {
        unsigned n, n_first, n_summaries;
        uint64_t count, summed, total;
        char path[64], comm[64];
        uint32_t summed_uid;
} Told;

static void on_report(const DenialReport *report, void *userdata) {
        Told *told = userdata;

        assert_true(report->count > 0);
        told->n++;
        told->total += report->count;
        if (!*report->operation) {
                told->n_summaries++;
                told->summed += report->count;
                told->summed_uid = report->uid;
                return;
        }
        told->n_first += report->first;
        told->count = report->count;
        snprintf(told->path, sizeof(told->path), "%s", report->path);
        snprintf(told->comm, sizeof(told->comm), "%s", report->comm);
}

static KernelEvent denial(const char *path) {
        return (KernelEvent) {
                .seq = 1,
                .denied = true,
                .enforcing = 1,
                .pid = 12,
                .uid = USER,
                .operation = (char *) "EXECUTE",
                .policy_name = (char *) "corp-base",
                .policy_version = (char *) "1.0.0",
                .rule = (char *) "DEFAULT action=DENY",
                .comm = (char *) "sh",
                .path = (char *) path,
        };
}

static void deny_to(DenialTable *table, uint64_t now, uint32_t uid, bool system, const char *path) {
        KernelEvent event = denial(path);

        event.uid = uid;
        denial_table_add(table, now, &event, system);
}

static void deny(DenialTable *table, uint64_t now, const char *path) {
        deny_to(table, now, USER, false, path);
}

static DenialTable *table_of(Told *told) {
        DenialTable *table = denial_table_new(on_report, told);

        assert_non_null(table);
        return table;
}

static void the_first_is_told_at_once_and_the_others_are_counted(void **state) {
        Told told = {};
        _cleanup_(denial_table_freep) DenialTable *table = table_of(&told);
        uint64_t now = SECOND;

        deny(table, now, "/a");
        assert_int_equal(told.n, 1);
        assert_int_equal(told.n_first, 1);
        assert_true(denial_table_next(table) == UINT64_MAX);
        for (unsigned i = 0; i < 5; i++)
                deny(table, now + i, "/a");
        assert_int_equal(told.n, 1);
        assert_true(denial_table_next(table) == now + DENIAL_INTERVAL_MIN_USEC);
        denial_table_tick(table, now + DENIAL_INTERVAL_MIN_USEC - 1);
        assert_int_equal(told.n, 1);
        denial_table_tick(table, now + DENIAL_INTERVAL_MIN_USEC);
        assert_int_equal(told.n, 2);
        assert_int_equal(told.count, 5);
        assert_int_equal(told.n_first, 1);
        assert_true(denial_table_next(table) == UINT64_MAX);
}

static void the_intervals_grow_up_to_a_bound(void **state) {
        Told told = {};
        _cleanup_(denial_table_freep) DenialTable *table = table_of(&told);
        uint64_t last = SECOND, interval = DENIAL_INTERVAL_MIN_USEC;

        deny(table, last, "/a");
        for (unsigned i = 0; i < 8; i++) {
                deny(table, last + 1, "/a");
                assert_true(denial_table_next(table) == last + interval);
                last += interval;
                denial_table_tick(table, last);
                assert_int_equal(told.n, i + 2);
                interval = 6 * interval < DENIAL_INTERVAL_MAX_USEC ? 6 * interval : DENIAL_INTERVAL_MAX_USEC;
        }
        assert_true(interval == DENIAL_INTERVAL_MAX_USEC);
}

static void after_a_quiet_time_the_next_one_is_told_at_once(void **state) {
        Told told = {};
        _cleanup_(denial_table_freep) DenialTable *table = table_of(&told);

        deny(table, SECOND, "/a");
        deny(table, 2 * SECOND, "/a");
        denial_table_tick(table, 11 * SECOND);
        assert_int_equal(told.n, 2);
        deny(table, 1000 * SECOND, "/a");
        assert_int_equal(told.n, 3);
        deny(table, 1001 * SECOND, "/a");
        assert_true(denial_table_next(table) == 1000 * SECOND + DENIAL_INTERVAL_MIN_USEC);
}

static void what_differs_is_another_kind(void **state) {
        Told told = {};
        _cleanup_(denial_table_freep) DenialTable *table = table_of(&told);
        KernelEvent event;

        deny(table, 1, "/a");
        deny(table, 1, "/b");
        deny(table, 1, NULL);
        event = denial("/a"), event.rule = (char *) "other";
        denial_table_add(table, 1, &event, false);
        event = denial("/a"), event.operation = (char *) "FIRMWARE";
        denial_table_add(table, 1, &event, false);
        event = denial("/a"), event.policy_version = (char *) "2.0.0";
        denial_table_add(table, 1, &event, false);
        event = denial("/a"), event.policy_name = (char *) "other";
        denial_table_add(table, 1, &event, false);
        assert_int_equal(told.n_first, 7);
        event = denial("/a"), event.comm = (char *) "bash", event.pid = 13;
        denial_table_add(table, 1, &event, false);
        assert_int_equal(told.n, 7);
        denial_table_tick(table, 100 * SECOND);
        assert_int_equal(told.n, 8);
        assert_string_equal(told.comm, "bash");
}

static void a_long_string_is_cut_and_known_again(void **state) {
        Told told = {};
        _cleanup_(denial_table_freep) DenialTable *table = table_of(&told);
        _cleanup_free_ char *path = malloc(20001), *rule = malloc(20001);
        KernelEvent event;

        assert_true(path && rule);
        memset(path, 'p', 20000);
        memset(rule, 'r', 20000);
        path[20000] = rule[20000] = '\0';
        event = denial(path), event.rule = rule;
        denial_table_add(table, 1, &event, false);
        denial_table_add(table, 2, &event, false);
        assert_int_equal(told.n, 1);
}

static void a_flood_of_new_kinds_is_told_up_to_a_rate_and_nothing_is_forgotten(void **state) {
        Told told = {};
        _cleanup_(denial_table_freep) DenialTable *table = table_of(&told);
        const unsigned n = 100000;
        uint64_t now = 1;
        char path[32];

        /* In 100 seconds. */
        for (unsigned i = 0; i < n; i++) {
                now += 1000;
                snprintf(path, sizeof(path), "/%u", i);
                deny(table, now, path);
                if (denial_table_next(table) <= now)
                        denial_table_tick(table, now);
        }
        assert_in_range(told.n_first, DENIAL_BURST, DENIAL_BURST + 100 * SECOND / DENIAL_NEW_USEC + 1);
        assert_in_range(told.n_summaries, 2, 4);
        denial_table_flush(table, now);
        assert_int_equal(told.total, n);
        assert_int_equal(told.summed, n - told.n_first);
}

static void what_is_pushed_out_of_the_table_is_counted(void **state) {
        Told told = {};
        _cleanup_(denial_table_freep) DenialTable *table = table_of(&told);
        uint64_t now = 1;
        char path[32];

        deny(table, now, "/old");
        deny(table, now, "/old");
        deny(table, now, "/old");
        for (unsigned i = 0; i < DENIAL_KINDS_MAX; i++) {
                now += DENIAL_NEW_USEC;
                snprintf(path, sizeof(path), "/%u", i);
                deny(table, now, path);
        }
        assert_int_equal(told.n_first, 1 + DENIAL_KINDS_MAX);
        denial_table_flush(table, now);
        assert_int_equal(told.summed, 2);
        deny(table, now + DENIAL_NEW_USEC, "/old");
        assert_int_equal(told.n_first, 2 + DENIAL_KINDS_MAX);
}

static void what_was_lost_is_told_as_a_number(void **state) {
        Told told = {};
        _cleanup_(denial_table_freep) DenialTable *table = table_of(&told);
        const KernelEvent lost = { .lost = 1000, .uid = USER }, most = { .lost = UINT64_MAX, .uid = USER };

        denial_table_add(table, 1, &lost, false);
        assert_int_equal(told.summed, 1000);
        assert_int_equal(told.summed_uid, USER);
        denial_table_add(table, 2, &most, false);
        denial_table_add(table, 3, &most, false);
        assert_int_equal(told.n_summaries, 1);
        told.summed = 0;
        denial_table_tick(table, 1 + DENIAL_INTERVAL_MIN_USEC);
        assert_true(told.summed == UINT64_MAX);
}

static void a_line_that_stands_for_many_counts_as_many(void **state) {
        Told told = {};
        _cleanup_(denial_table_freep) DenialTable *table = table_of(&told);
        KernelEvent event = denial("/a");

        event.repeats = 9;
        denial_table_add(table, 1, &event, false);
        assert_int_equal(told.count, 10);
}

/* So many new kinds of a user, in no time. */
static void flood(DenialTable *table, uint64_t now, uint32_t uid, bool system, unsigned n) {
        char path[64];

        for (unsigned i = 0; i < n; i++) {
                snprintf(path, sizeof(path), "/home/%u/%u", uid, i);
                deny_to(table, now, uid, system, path);
        }
}

static void a_flood_of_one_user_hides_no_other(void **state) {
        static const struct {
                uint32_t flooder, victim;
                bool flooder_is_system, victim_is_system;
        } cases[] = {
                { USER, 0, false, false }, /* root */
                { USER, 0, false, true },
                { USER, USER + 1, false, false },
                { USER, USER, false, true }, /* the same user's service of the system */
                { USER, 33, false, true },
                { 33, 0, true, false }, /* a service that was broken into */
                { 33, 34, true, true },
                { 33, USER, true, false },
                { 0, USER, false, false },
                { UINT32_MAX, USER, false, false }, /* processes that had ended before anybody looked */
                { UINT32_MAX, 0, false, false },
                { USER, UINT32_MAX, false, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Told told = {};
                _cleanup_(denial_table_freep) DenialTable *table = table_of(&told);

                flood(table, 1, cases[i].flooder, cases[i].flooder_is_system, 10000);
                deny_to(table, 1, cases[i].victim, cases[i].victim_is_system, "/usr/bin/the-real-one");
                assert_string_equal(told.path, "/usr/bin/the-real-one");
                /* Nor is what was counted. */
                deny_to(table, 2, cases[i].victim, cases[i].victim_is_system, "/usr/bin/the-real-one");
                flood(table, 3, cases[i].flooder, cases[i].flooder_is_system, 10000);
                denial_table_tick(table, 2 + DENIAL_INTERVAL_MIN_USEC);
                denial_table_flush(table, 2 + DENIAL_INTERVAL_MIN_USEC);
                assert_int_equal(told.total, 20002);
                assert_int_equal(told.summed_uid, cases[i].flooder);
        }
}

static void more_users_than_places_hide_neither_root_nor_services(void **state) {
        Told told = {};
        _cleanup_(denial_table_freep) DenialTable *table = table_of(&told);

        for (uint32_t uid = 1; uid <= 4 * DENIAL_USERS_MAX; uid++)
                flood(table, 1, uid, false, DENIAL_BURST + 1);
        /* Those with a place, and the rest, which has one in common. */
        assert_int_equal(told.n_first, (DENIAL_USERS_MAX + 1) * DENIAL_BURST);
        deny_to(table, 1, 0, false, "/root");
        assert_string_equal(told.path, "/root");
        deny_to(table, 1, 4 * DENIAL_USERS_MAX, true, "/service");
        assert_string_equal(told.path, "/service");
        denial_table_flush(table, 2);
        assert_int_equal(told.total, 4ULL * DENIAL_USERS_MAX * (DENIAL_BURST + 1) + 2);
}

static void a_place_is_free_again_once_its_user_is_quiet(void **state) {
        Told told = {};
        _cleanup_(denial_table_freep) DenialTable *table = table_of(&told);
        const uint64_t later = 1 + (uint64_t) DENIAL_BURST * DENIAL_NEW_USEC;

        for (uint32_t uid = 1; uid <= DENIAL_USERS_MAX; uid++)
                deny_to(table, 1, uid, false, "/a");
        flood(table, 1, 100000, false, DENIAL_BURST + 1);
        assert_int_equal(told.n_first, DENIAL_USERS_MAX + DENIAL_BURST);
        flood(table, later, 100001, false, DENIAL_BURST);
        flood(table, later, 100002, false, DENIAL_BURST);
        assert_int_equal(told.n_first, DENIAL_USERS_MAX + 3 * DENIAL_BURST);
}

static void root_and_services_may_have_more_at_once(void **state) {
        Told told = {};
        _cleanup_(denial_table_freep) DenialTable *table = table_of(&told);

        flood(table, 1, 0, false, DENIAL_SYSTEM_BURST + 10);
        assert_int_equal(told.n_first, DENIAL_SYSTEM_BURST);
        flood(table, 1, 33, true, DENIAL_SYSTEM_BURST + 10);
        assert_int_equal(told.n_first, 2 * DENIAL_SYSTEM_BURST);
}

/* A system whose policy forgot many files: each of them is named once, however often they come around. */
static void kinds_of_root_are_remembered_as_many_as_are_told(void **state) {
        Told told = {};
        _cleanup_(denial_table_freep) DenialTable *table = table_of(&told);

        for (unsigned i = 0; i < 5; i++)
                flood(table, 1 + i, 0, false, DENIAL_SYSTEM_BURST);
        assert_int_equal(told.n_first, DENIAL_SYSTEM_BURST);
        assert_int_equal(told.n_summaries, 0);
        denial_table_flush(table, 10);
        assert_int_equal(told.total, 5 * DENIAL_SYSTEM_BURST);
}

static void services_of_the_system_are_known_by_their_cgroup(void **state) {
        static const struct {
                const char *text;
                bool system;
        } cases[] = {
                { "0::/system.slice/ssh.service\n", true },
                { "0::/system.slice\n", true },
                { "0::/system.slice/system-getty.slice/getty@tty1.service", true },
                { "0::/init.scope\n", true },
                { "12:cpu:/\n1:name=systemd:/system.slice/x.service\n0::/\n", true },
                { "0::/user.slice/user-1000.slice/session-1.scope\n", false },
                { "0::/user.slice/user-1000.slice/user@1000.service/app.slice/system.slice/x\n", false },
                { "0::/system.slice.d/x\n", false },
                { "0::/init.scope2\n", false },
                { "5:cpu:/system.slice/x.service\n0::/user.slice\n", false },
                { "5:name=x:/system.slice/x.service\n", false },
                { "0::/../system.slice/x\n", false },
                { "/system.slice\n", false },
                { "0::/a\\n0::/system.slice\n", false },
                { "", false },
                { "\n\n", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *cgroup = denial_origin_cgroup_of_text(cases[i].text);

                assert_int_equal(denial_origin_is_system(cgroup), cases[i].system);
        }
        assert_null(denial_origin_cgroup(0));
        assert_null(denial_origin_cgroup(UINT64_MAX));
}

static void the_unit_of_a_control_group_is_the_first_that_is_no_slice(void **state) {
        static const struct {
                const char *cgroup, *unit;
        } cases[] = {
                { "/system.slice/ssh.service", "ssh.service" },
                { "/system.slice/a.service/b.service", "a.service" },
                { "/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service" },
                { "/system.slice/_cpu.service", "cpu.service" },
                { "/user.slice/user-1000.slice/user@1000.service/app.slice/ssh.service", "user@1000.service" },
                { "/init.scope", "init.scope" },
                { "/a.service", "a.service" },
                { "/system.slice", NULL },
                { "/system.slice/", NULL },
                { "//", NULL },
                { "/x", NULL },
                { "/", NULL },
                { "a.service", NULL },
                { "", NULL },
                { NULL, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *unit = denial_origin_unit(cases[i].cgroup);

                assert_true(cases[i].unit ? unit && streq(unit, cases[i].unit) : !unit);
        }
}

static void the_user_of_a_process_is_read(void **state) {
        static const struct {
                const char *text;
                uint32_t uid;
        } cases[] = {
                { "Name:\tsh\nUid:\t1000\t0\t0\t0\nGid:\t1\t2\t3\t4\n", 1000 },
                { "Name:\t\\nUid:\t0\nUid:\t7\t7\t7\t7\n", 7 },
                { "Name:\tsh\nUid:\t4294967295\t0\n", UINT32_MAX },
                { "Name:\tsh\nUid:\t99999999999999999999\t0\n", UINT32_MAX },
                { "Name:\tsh\nUid:\t-1\t0\n", UINT32_MAX },
                { "Name:\tsh\nUid:\t12", UINT32_MAX },
                { "", UINT32_MAX },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_true(denial_origin_uid_of_status(cases[i].text) == cases[i].uid);
        assert_true(denial_origin_uid((uint64_t) getpid()) == getuid());
        assert_true(denial_origin_uid(0) == UINT32_MAX);
        assert_true(denial_origin_uid(UINT64_MAX) == UINT32_MAX);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_is_told_at_once_and_the_others_are_counted),
                cmocka_unit_test(the_intervals_grow_up_to_a_bound),
                cmocka_unit_test(after_a_quiet_time_the_next_one_is_told_at_once),
                cmocka_unit_test(what_differs_is_another_kind),
                cmocka_unit_test(a_long_string_is_cut_and_known_again),
                cmocka_unit_test(a_flood_of_new_kinds_is_told_up_to_a_rate_and_nothing_is_forgotten),
                cmocka_unit_test(what_is_pushed_out_of_the_table_is_counted),
                cmocka_unit_test(what_was_lost_is_told_as_a_number),
                cmocka_unit_test(a_line_that_stands_for_many_counts_as_many),
                cmocka_unit_test(a_flood_of_one_user_hides_no_other),
                cmocka_unit_test(more_users_than_places_hide_neither_root_nor_services),
                cmocka_unit_test(a_place_is_free_again_once_its_user_is_quiet),
                cmocka_unit_test(root_and_services_may_have_more_at_once),
                cmocka_unit_test(kinds_of_root_are_remembered_as_many_as_are_told),
                cmocka_unit_test(services_of_the_system_are_known_by_their_cgroup),
                cmocka_unit_test(the_unit_of_a_control_group_is_the_first_that_is_no_slice),
                cmocka_unit_test(the_user_of_a_process_is_read),
        };

        return run_tests_as_tap(tests);
}
