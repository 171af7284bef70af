/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Policies that are trusted for their origin.
 */
#ifndef _SECURITY_IPE_PROVENANCE_H
#define _SECURITY_IPE_PROVENANCE_H

#include "envelope.h"

int ipe_provenance_read(const char *path, struct ipe_envelope *envelope);

#endif
