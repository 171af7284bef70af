/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-unit.h"

#include "events.h"

static void assert_text(const char *field, const char *text, const char *expected) {
        if (!streq(text ?: "(none)", expected ?: "(none)"))
                fail_msg("%s: '%s', expected '%s'", field, text ?: "(none)", expected ?: "(none)");
}

static void assert_number(const char *field, uint64_t number, uint64_t expected) {
        if (number != expected)
                fail_msg("%s: %llu, expected %llu", field, (unsigned long long) number, (unsigned long long) expected);
}

void assert_event(const KernelEvent *event, const KernelEvent *expected) {
        assert_number("lost", event->lost, expected->lost);
        assert_number("uid", event->uid, expected->uid);
        assert_number("seq", event->seq, expected->seq);
        assert_number("time_ns", event->time_ns, expected->time_ns);
        assert_number("repeats", event->repeats, expected->repeats);
        assert_number("denied", event->denied, expected->denied);
        assert_number("shadow", event->shadow, expected->shadow);
        assert_number("enforcing", (uint64_t) event->enforcing, (uint64_t) expected->enforcing);
        assert_number("pid", event->pid, expected->pid);
        assert_number("inode", event->inode, expected->inode);
        assert_number("file_system", event->file_system, expected->file_system);
        assert_text("operation", event->operation, expected->operation);
        assert_text("hook", event->hook, expected->hook);
        assert_text("policy_name", event->policy_name, expected->policy_name);
        assert_text("policy_version", event->policy_version, expected->policy_version);
        assert_text("rule", event->rule, expected->rule);
        assert_text("comm", event->comm, expected->comm);
        assert_text("cgroup", event->cgroup, expected->cgroup);
        assert_text("path", event->path, expected->path);
        assert_text("device", event->device, expected->device);
}
