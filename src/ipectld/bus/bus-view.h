/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers about the kernel, which several properties and calls share. They may be a bit old for users other than root,
 * see bus-age.h.
 */
#ifndef IPECTLD_BUS_VIEW_H
#define IPECTLD_BUS_VIEW_H

#include "bus.h"

/* Returns 0 or -ENOMEM. */
int bus_view_start(Bus *bus);

BusView *bus_view_free(BusView *view);

/* Returns the stored version that is active, or NULL; valid until the next change.
 * ret_active: the active policy, borrowed, with an empty name if none is; may be NULL. */
const VersionRecord *bus_view_active(const Bus *bus, const KernelPolicy **ret_active);

/* Whether a stored version is active. */
bool bus_view_is_active(const Bus *bus, const VersionRecord *record);

/* Whether the next boot tries this version first. */
bool bus_view_is_selected(const Bus *bus, const VersionRecord *record);

/* Finds the place of a stored version in the kernel. Returns false if the kernel does not have it; it may be the active
 * one. */
bool bus_view_place(const Bus *bus, const VersionRecord *record, KernelPlace *ret);

/* The warning of the manager, borrowed; NULL for none. Returns 0 or -ENOMEM. */
int bus_view_warning(const Bus *bus, const char **ret);

#endif
