/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lets polkit ask for a password on the terminal.
 */
#ifndef IPECTL_AGENT_H
#define IPECTL_AGENT_H

#include <sys/types.h>

/* Starts polkit's agent if stdin is a terminal and the user is not root, and waits until it listens.
 * Returns its pid; 0 if it does not run, which is no error: the desktop may have an agent. */
pid_t agent_open(void);

/* pid: 0 is allowed. */
void agent_close(pid_t pid);

#endif
