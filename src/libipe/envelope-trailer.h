/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of an appended signature: that of a signed module.
 */
#ifndef LIBIPE_ENVELOPE_TRAILER_H
#define LIBIPE_ENVELOPE_TRAILER_H

#include "base.h"

#define ENVELOPE_MARK "~Module signature appended~\n"

/* Stands between a detached signature and the mark: struct module_signature in the kernel's
 * include/linux/module_signature.h. */
typedef struct Trailer {
        uint8_t unused[2];
        uint8_t id_type;
        uint8_t more_unused[5];
        uint32_t message_size; /* big endian */
} Trailer;

#define ID_TYPE_PKCS7 2

#endif
