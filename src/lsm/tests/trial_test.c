// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of trials: in time, by a timer that is early or late, and while a
 * record waits.
 */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "recorder.h"
#include "world.h"

static void policies_on_trial_cannot_be_locked(struct kunit *test)
{
	struct world *w = world_prepare(test, NEXT_TRIED_HELD, true, true);

	KUNIT_EXPECT_EQ(test, -EBUSY, ipe_lifecycle_lock(&w->policies));
	KUNIT_EXPECT_EQ(test, 0, world_write(w, IPE_WRITE_CONFIRM, A, NULL));
	KUNIT_EXPECT_EQ(test, 0, ipe_lifecycle_lock(&w->policies));
	world_end(test, w);
}

static void trial_ends_at_its_deadline(struct kunit *test)
{
	struct world *w = world_prepare(test, NEXT_TRIED_HELD, true, true);
	struct ipe_policies *policies = &w->policies;
	ktime_t deadline = policies->deadline;

	ipe_lifecycle_expire(policies, ktime_sub_ns(deadline, 1));
	KUNIT_EXPECT_EQ(test, '5', world_digit(w));
	KUNIT_EXPECT_EQ(test, IPE_TRIAL_SECONDS_MAX,
			ipe_slot_trial_seconds(w->slots[A]));
	ipe_lifecycle_expire(policies, deadline);
	KUNIT_EXPECT_EQ(test, '4', world_digit(w));
	KUNIT_EXPECT_EQ(test, 0, ipe_slot_trial_seconds(w->slots[A]));
	KUNIT_EXPECT_EQ(test, -ENODATA,
			world_write(w, IPE_WRITE_CONFIRM, A, NULL));
	/* A late timer does not end a trial that began since. */
	world_must(test, w, IPE_WRITE_TRIAL, A, 0);
	ipe_lifecycle_expire(policies, ktime_sub_ns(policies->deadline, 1));
	KUNIT_EXPECT_EQ(test, '5', world_digit(w));
	world_end(test, w);
}

/* A trial cannot be confirmed after its time, even if the timer is late. */
static void trial_ends_although_the_timer_is_late(struct kunit *test)
{
	struct world *w = world_prepare(test, NEXT_TRIED_HELD, true, true);

	w->policies.deadline = ktime_sub_ns(ktime_get_boottime(), 1);
	KUNIT_EXPECT_EQ(test, -ENODATA,
			world_write(w, IPE_WRITE_CONFIRM, A, NULL));
	KUNIT_EXPECT_EQ(test, '4', world_digit(w));
	world_end(test, w);
}

/* A timer that fires too early is set again. */
static void early_timer_is_started_again(struct kunit *test)
{
	struct world *w = world_prepare(test, NEXT_TRIED_HELD, true, true);
	struct ipe_policies *policies = &w->policies;

	hrtimer_cancel(&policies->timer);
	ipe_lifecycle_expire(policies, ktime_sub_ns(policies->deadline, 1));
	KUNIT_EXPECT_TRUE(test, hrtimer_active(&policies->timer));
	KUNIT_EXPECT_EQ(test, policies->deadline,
			hrtimer_get_expires(&policies->timer));
	world_end(test, w);
}

/* The timer may end several trials before the first end is recorded. */
static void trials_end_faster_than_they_are_recorded(struct kunit *test)
{
	struct world *w = world_prepare(test, NEXT_TRIED_HELD, true, true);
	struct ipe_request request = {
		.write = IPE_WRITE_TRIAL, .slot = w->slots[A], .seconds = 1,
	};
	struct ipe_policies *policies = &w->policies;
	int i;

	for (i = 0; i < 20; i++) {
		ipe_lifecycle_expire(policies, KTIME_MAX);
		KUNIT_EXPECT_EQ(test, '4', world_digit(w));
		KUNIT_EXPECT_NULL(test, policies->expiry);
		KUNIT_ASSERT_EQ(test, 0,
				ipe_lifecycle_write(policies, &request));
		KUNIT_EXPECT_NOT_NULL(test, policies->expiry);
	}
	world_end(test, w);
}

/**
 * struct confirmation - a confirmation in a thread of its own
 * @world: has the trial
 * @done: the thread has returned from it
 * @error: its result, once @done
 */
struct confirmation {
	struct world *world;
	struct completion done;
	int error;
};

static int confirm_apart(void *data)
{
	struct confirmation *c = data;

	c->error = world_write(c->world, IPE_WRITE_CONFIRM, A, NULL);
	complete(&c->done);
	return 0;
}

static bool trial_has_ended(struct world *w)
{
	int i;

	for (i = 0; i < 500 && ipe_slot_trial_seconds(w->slots[A]); i++)
		schedule_timeout_uninterruptible(msecs_to_jiffies(10));
	return !ipe_slot_trial_seconds(w->slots[A]);
}

/* A record waits for an earlier turn, which this test does not end. */
static void change_does_not_wait_for_records(struct kunit *test)
{
	struct world *w = world_prepare(test, NEXT_TRIED_HELD, true, true);
	struct confirmation c = { .world = w };
	u64 turn = ipe_recorder_turn();
	struct task_struct *thread;

	init_completion(&c.done);
	thread = kthread_run(confirm_apart, &c, "ipe-confirm");
	KUNIT_EXPECT_FALSE(test, IS_ERR(thread));
	KUNIT_EXPECT_TRUE(test, trial_has_ended(w));
	KUNIT_EXPECT_EQ(test, '5', world_digit(w));
	/* Its record comes after ours. */
	KUNIT_EXPECT_FALSE(test, completion_done(&c.done));
	ipe_recorder_begin(turn);
	ipe_recorder_end(turn);
	if (!IS_ERR(thread))
		wait_for_completion(&c.done);
	KUNIT_EXPECT_EQ(test, 0, c.error);
	world_end(test, w);
}

/* The only test that waits, for the kernel's own timer. */
static void timer_ends_a_trial(struct kunit *test)
{
	struct world *w = world_prepare(test, ACTIVE, true, true);
	struct ipe_request request = {
		.write = IPE_WRITE_TRIAL, .slot = w->slots[A], .seconds = 1,
	};

	KUNIT_ASSERT_EQ(test, 0, ipe_lifecycle_write(&w->policies, &request));
	KUNIT_EXPECT_EQ(test, '5', world_digit(w));
	while (ipe_slot_trial_seconds(w->slots[A]))
		schedule_timeout_uninterruptible(1);
	KUNIT_EXPECT_EQ(test, '4', world_digit(w));
	world_end(test, w);
}

static struct kunit_case trial_cases[] = {
	KUNIT_CASE(policies_on_trial_cannot_be_locked),
	KUNIT_CASE(trial_ends_at_its_deadline),
	KUNIT_CASE(trial_ends_although_the_timer_is_late),
	KUNIT_CASE(early_timer_is_started_again),
	KUNIT_CASE(trials_end_faster_than_they_are_recorded),
	KUNIT_CASE(change_does_not_wait_for_records),
	KUNIT_CASE(timer_ends_a_trial),
	{}
};

static struct kunit_suite trial_suite = {
	.name = "ipe-trial",
	.test_cases = trial_cases,
};

kunit_test_suite(trial_suite);
