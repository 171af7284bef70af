/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The history of policies, as ipectld records it. Everybody may ask for it, unlike for the journal.
 */
#ifndef IPECTL_HISTORY_H
#define IPECTL_HISTORY_H

#include "client.h"

/* All changes that options ask for, the oldest first. name: of a policy; NULL: of all. ret: an array, to be put. */
int history_ask(Client *client, const char *name, const Options *options, struct json_object **ret);

/* A change in a sentence, not yet escaped; to be freed. */
char *history_describe(struct json_object *change);

#endif
