/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * States of the store for tests: made, compared, printed and read back.
 */
#ifndef STATES_H
#define STATES_H

#include "store-internal.h"

#define SOME_ID "0123456789abcdef0123456789abcdef"

/* A digest that differs with the number. */
Digest digest(uint8_t number);

/* Digest and times differ with the number. */
VersionRecord record(const char *name, struct ipe_version version, uint8_t number, VersionState state);

void add(StoreState *state, VersionRecord added);
StoreState *empty_state(void);

/* failed_units: NULL for the trial of an earlier release, without settings of health. */
void set_trial(StoreState *s, ConfirmBy confirm, char **failed_units);

void assert_state_equal(const StoreState *a, const StoreState *b);

/* Prints a state and reads it back. */
void assert_survives(const StoreState *s);

#endif
