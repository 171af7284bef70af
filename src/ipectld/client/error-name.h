/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What refusals are called on the bus and in the journal.
 */
#ifndef IPECTLD_ERROR_NAME_H
#define IPECTLD_ERROR_NAME_H

#include "failure.h"

/* result: what a function of the manager returned, not a success.
 * Returns "org.ipe.Error.NoSuchPolicy" and the like; for a negative errno the name that sd-bus has for it. Static. */
const char *error_name_of(int result);

#endif
