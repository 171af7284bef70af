/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asking for a password on a terminal, on behalf of polkit.
 */
#ifndef IPECTL_AGENT_H
#define IPECTL_AGENT_H

#include <sys/types.h>

/* Starts polkit's agent for terminals, if a person sits at one and is not root, and waits until it listens.
 * Returns its pid; 0 if there is none, which is not an error: an agent of the desktop may do. */
pid_t agent_open(void);

/* Ends it; 0 is fine. */
void agent_close(pid_t pid);

#endif
