/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of errors on the bus and in the journal.
 */
#ifndef IPECTLD_ERROR_NAME_H
#define IPECTLD_ERROR_NAME_H

#include "failure.h"

/* result: a refusal or an errno of a function of the manager.
 * Returns "org.ipe.Error.NoSuchPolicy" and the like; for a negative errno the name that sd-bus has for it. Static. */
const char *error_name_of(int result);

#endif
