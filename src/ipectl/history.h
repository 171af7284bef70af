/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The history of policies, as ipectld records it. Unlike the journal, every user may read it.
 */
#ifndef IPECTL_HISTORY_H
#define IPECTL_HISTORY_H

#include "client.h"

/* Asks for the changes of the policy argv[1] (NULL: of all) that --lines= and --since= select; for a Question.
 * ret: an array, the oldest first; to be put. */
int history_ask(Client *client, char **argv, struct json_object **ret);

/* Makes a sentence of a change; not yet escaped, to be freed. */
char *history_describe(struct json_object *change);

#endif
