/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The file "events": a line for each denial, and for each verdict of the shadow
 * that differs. Unlike audit records, lines need no audit, and none is left
 * out. See lines.h for how long a line is kept.
 */
#ifndef _SECURITY_IPE_FS_EVENTS_H
#define _SECURITY_IPE_FS_EVENTS_H

#include <linux/fs.h>
#include <linux/seq_buf.h>

#include "event.h"

/* Bytes of a policy's name in a line; no directory has a longer name. */
#define IPE_FS_EVENTS_NAME_MAX NAME_MAX

/* Bytes for the path of a control group, with the NUL and one to spare. */
#define IPE_FS_EVENTS_CGROUP_MAX 256

/* Bytes of a line without the values that may be long. */
#define IPE_FS_EVENTS_SHORT_MAX 384

/**
 * struct ipe_fs_events_paths - the paths of a line
 * @file: of the file; NULL if there is none, or it cannot be had
 * @cgroup: of the task's control group; NULL if it cannot be had
 */
struct ipe_fs_events_paths {
	const char *file;
	const char *cgroup;
};

extern const struct file_operations ipe_fs_events_fops;

int ipe_fs_events_init(void);
void ipe_fs_events_add(const struct ipe_event *event);
size_t ipe_fs_events_size(const struct ipe_event *event,
			  const struct ipe_fs_events_paths *paths);
void ipe_fs_events_print(struct seq_buf *s, const struct ipe_event *event,
			 const struct ipe_fs_events_paths *paths);
void ipe_fs_events_print_short(struct seq_buf *s,
			       const struct ipe_event *event);

#endif
