/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verified envelopes for tests of what comes after the verification.
 */
#ifndef VERIFIED_H
#define VERIFIED_H

#include "envelope.h"

/* Signs a text with a new key, and verifies it. Each call gives other bytes. Makes trust.d in the current directory. */
VerifiedEnvelope *verified_new(const char *text);

#endif
