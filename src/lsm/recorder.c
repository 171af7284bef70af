// SPDX-License-Identifier: GPL-2.0-only
/*
 * Turns are numbers: each change takes the next one, and they begin and end in
 * this order.
 */

#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "recorder.h"

static atomic64_t last_given = ATOMIC64_INIT(0);
static atomic64_t last_ended = ATOMIC64_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(waiters);

/**
 * ipe_recorder_turn() - Take a place in the order of records
 *
 * The caller must begin and end it, or no later record is ever written.
 *
 * Context: any; the lock of the change is held, or nobody else can change the
 * same object yet.
 * Return: the turn, never %0.
 */
u64 ipe_recorder_turn(void)
{
	return atomic64_inc_return(&last_given);
}

/**
 * ipe_recorder_begin() - Wait until all earlier turns have ended
 * @turn: the caller's
 *
 * Context: Process context; no lock of a change is held.
 */
void ipe_recorder_begin(u64 turn)
{
	might_sleep();
	/* Audit may take minutes for earlier records: this is no hang. */
	wait_event_idle(waiters, atomic64_read_acquire(&last_ended) == turn - 1);
}

/**
 * ipe_recorder_end() - Let the next turn begin
 * @turn: the caller's, which has begun
 */
void ipe_recorder_end(u64 turn)
{
	WARN_ON_ONCE(atomic64_read(&last_ended) != turn - 1);
	atomic64_set_release(&last_ended, turn);
	wake_up_all(&waiters);
}
