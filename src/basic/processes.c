/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists of processes for people.
 */

#include "processes.h"
#include "utf8.h"

static bool contains(const ProcessList *list, const char *process) {
        size_t size = strlen(process);

        for (const char *at = list->text; at && (at = strstr(at, process)); at += size)
                if ((at == list->text || at[-1] == ' ') && (at[size] == '\0' || at[size] == ','))
                        return true;
        return false;
}

/* A process chooses its own name, which must not look like the end of one entry and the start of another. */
static char *to_name(const char *comm) {
        _cleanup_free_ char *printable = utf8_escape(comm, strlen(comm));
        char *name, *end;

        if (!printable)
                return NULL;
        name = end = malloc(4 * strlen(printable) + 1);
        for (const char *c = printable; name && *c; c++)
                end += sprintf(end, strchr(",[]", *c) ? "\\x%02x" : "%c", *c);
        if (name)
                *end = '\0';
        return name;
}

/* Returns 0 or -ENOMEM. */
static int append(ProcessList *list, const char *text) {
        char *joined;

        if (asprintf(&joined, "%s%s%s", list->text ?: "", list->n > 0 ? ", " : "", text) < 0)
                return -ENOMEM;
        free(list->text);
        list->text = joined;
        list->n++;
        return 0;
}

int process_list_join(ProcessList *list, const char *others) {
        return list->n > PROCESSES_MAX ? 0 : append(list, others);
}

int process_list_add(ProcessList *list, const char *comm, uint64_t pid) {
        _cleanup_free_ char *name = to_name(comm), *process = NULL;

        if (!name || asprintf(&process, "%s[%llu]", name, (unsigned long long) pid) < 0) {
                process = NULL;
                return -ENOMEM;
        }
        if (list->n > PROCESSES_MAX || contains(list, process))
                return 0;
        return append(list, list->n == PROCESSES_MAX ? "..." : process);
}
