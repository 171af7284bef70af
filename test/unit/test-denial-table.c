/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * src/ipectld/denial-table.c: what is told of many denials, and when. Time is a number here.
 */

#include "test-unit.h"

#include "denial-table.h"

#define SECOND 1000000ULL

typedef struct Told {
        unsigned n, n_first, n_summaries;
        uint64_t count, summed, total;
        char path[64], comm[64];
} Told;

static void on_report(const DenialReport *report, void *userdata) {
        Told *told = userdata;

        assert_true(report->count > 0);
        told->n++;
        told->total += report->count;
        if (!*report->operation) {
                told->n_summaries++;
                told->summed += report->count;
                return;
        }
        told->n_first += report->first;
        told->count = report->count;
        snprintf(told->path, sizeof(told->path), "%s", report->path);
        snprintf(told->comm, sizeof(told->comm), "%s", report->comm);
}

static KernelEvent denial(const char *path) {
        return (KernelEvent) {
                .seq = 1, .denied = true, .enforcing = 1, .pid = 12, .operation = (char *) "EXECUTE",
                .policy_name = (char *) "corp-base", .policy_version = (char *) "1.0.0",
                .rule = (char *) "DEFAULT action=DENY", .comm = (char *) "sh", .path = (char *) path,
        };
}

static void deny(DenialTable *table, uint64_t now, const char *path) {
        KernelEvent event = denial(path);

        denial_table_add(table, now, &event);
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
        denial_table_add(table, 1, &event);
        event = denial("/a"), event.operation = (char *) "FIRMWARE";
        denial_table_add(table, 1, &event);
        event = denial("/a"), event.policy_version = (char *) "2.0.0";
        denial_table_add(table, 1, &event);
        event = denial("/a"), event.policy_name = (char *) "other";
        denial_table_add(table, 1, &event);
        assert_int_equal(told.n_first, 7);
        event = denial("/a"), event.comm = (char *) "bash", event.pid = 13;
        denial_table_add(table, 1, &event);
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
        denial_table_add(table, 1, &event);
        denial_table_add(table, 2, &event);
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
        const KernelEvent lost = { .lost = 1000 }, most = { .lost = UINT64_MAX };

        denial_table_add(table, 1, &lost);
        assert_int_equal(told.summed, 1000);
        denial_table_add(table, 2, &most);
        denial_table_add(table, 3, &most);
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
        denial_table_add(table, 1, &event);
        assert_int_equal(told.count, 10);
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
        };

        return run_tests_as_tap(tests);
}
