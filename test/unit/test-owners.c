/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose processes are, and which of them matter most: over a made-up /proc.
 */

#include <fcntl.h>

#include "test-unit.h"

#include "files.h"
#include "inspect.h"

static void put_process(int pid, unsigned real, const char *cgroup) {
        char path[64], text[256];

        snprintf(path, sizeof(path), "proc/%d/status", pid);
        snprintf(text, sizeof(text), "Name:\tx\\nUid: 0\nUmask:\t0022\nUid:\t%u\t0\t0\t0\nGid:\t0\t0\t0\t0\n", real);
        put_text(path, text);
        snprintf(path, sizeof(path), "proc/%d/cgroup", pid);
        put_text(path, cgroup);
}

/* expected: "PID UID SCOPE" of each process, in their order. */
static void assert_listed(const char *expected) {
        static const char *const scopes[] = { [SCOPE_SYSTEM] = "system", [SCOPE_USERS] = "users" };
        _cleanup_close_ int fd = open("proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_free_ Process *processes = NULL;
        char text[512] = "";
        size_t n, used = 0;

        assert_true(fd >= 0);
        assert_int_equal(list_processes(fd, &processes, &n), 0);
        for (size_t i = 0; i < n; i++) {
                used += (size_t) snprintf(text + used, sizeof(text) - used, "%s%d %u %s", i > 0 ? ", " : "",
                                          processes[i].pid, processes[i].uid, scopes[processes[i].scope]);
                assert_true(used < sizeof(text));
        }
        assert_string_equal(text, expected);
}

static void root_comes_first_then_the_system_then_users(void **state) {
        put_process(1, 1001, "0::/user.slice/user-1001.slice/session-1.scope\n");
        put_process(2, 1000, "0::/\n");
        put_process(3, 33, "0::/system.slice/web.service\n");
        put_process(4, 0, "0::/user.slice/user-1000.slice/session-2.scope\n");
        put_process(5, 0, "0::/init.scope\n");
        make_directory("proc/self");
        assert_listed("4 0 system, 5 0 system, 3 33 system, 2 1000 users, 1 1001 users");
}

static void a_service_of_a_user_id_of_its_own_is_the_systems(void **state) {
        put_process(1, 61184, "0::/system.slice/dynamic.service\n");
        put_process(2, 1000, "0::/system.slice/system-app.slice/app@1.service\n");
        put_process(3, 1000, "0::/machine.slice/container.scope\n");
        put_process(4, 1000, "0::/system.slicer/x.service\n");
        assert_listed("2 1000 system, 1 61184 system, 3 1000 users, 4 1000 users");
}

static void a_unit_that_runs_what_users_want_makes_them_no_service(void **state) {
        put_process(1, 0, "0::/system.slice/cron.service\n");
        put_process(2, 1000, "0::/system.slice/cron.service\n");
        assert_listed("1 0 system, 2 1000 users");
}

static void other_user_ids_of_a_user_take_from_his_budget(void **state) {
        put_process(1, 100001, "0::/user.slice/user-1000.slice/user@1000.service/app.slice/box.scope\n");
        put_process(2, 1000, "0::/user.slice/user-1000.slice/session-1.scope\n");
        put_process(3, 100001, "0::/\n");
        put_process(4, 33, "0::/user.slice/user-1000.slice/session-1.scope\n");
        put_process(5, 2000, "0::/user.slice/user-0.slice/session-1.scope\n");
        assert_listed("4 33 system, 1 1000 users, 2 1000 users, 5 2000 users, 3 100001 users");
}

static void the_hierarchy_of_the_service_manager_counts(void **state) {
        put_process(1, 1000,
                    "12:pids:/system.slice/x.service\n1:name=systemd:/user.slice/user-1000.slice\n0::/system.slice/"
                    "x.service\n");
        put_process(2, 1000, "1:name=systemd:/system.slice/y.service\n0::/\n");
        put_process(3, 1000, "");
        assert_listed("2 1000 system, 1 1000 users, 3 1000 users");
}

static void a_user_who_names_a_cgroup_says_nothing_of_it(void **state) {
        static const char forged[] = "a:name=systemd:/system.slice/x.service";
        char text[256];

        snprintf(text, sizeof(text), "0::/user.slice/user-1000.slice/%s\n", forged);
        put_process(1, 1000, text);
        snprintf(text, sizeof(text), "1:name=systemd:/user.slice/user-1000.slice/%s\n0::/%s\n", forged, forged);
        put_process(2, 1000, text);
        put_process(3, 1001, "5:cpu:/0::/system.slice/x.service\n0::/user.slice/user-1001.slice\n");
        assert_listed("1 1000 users, 2 1000 users, 3 1001 users");
}

static void a_process_that_cannot_be_read_may_be_roots_and_one_that_has_gone_is_none(void **state) {
        put_text("proc/1/status", "Name:\tx\n");
        put_text("proc/1/cgroup", "0::/\n");
        make_directory("proc/2");
        put_process(3, 1000, "0::/\n");
        assert_listed("1 0 system, 3 1000 users");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                unit_test_in_directory(root_comes_first_then_the_system_then_users),
                unit_test_in_directory(a_service_of_a_user_id_of_its_own_is_the_systems),
                unit_test_in_directory(a_unit_that_runs_what_users_want_makes_them_no_service),
                unit_test_in_directory(other_user_ids_of_a_user_take_from_his_budget),
                unit_test_in_directory(the_hierarchy_of_the_service_manager_counts),
                unit_test_in_directory(a_user_who_names_a_cgroup_says_nothing_of_it),
                unit_test_in_directory(a_process_that_cannot_be_read_may_be_roots_and_one_that_has_gone_is_none),
        };

        return run_tests_as_tap(tests);
}
