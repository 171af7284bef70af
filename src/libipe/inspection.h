/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The programs that run on a system, and the facts that the kernel's providers know of them: dm-verity volumes, and
 * files. ipe-inspect collects them; ipectld reads them as JSON and judges them.
 */
#ifndef LIBIPE_INSPECTION_H
#define LIBIPE_INSPECTION_H

#include "base.h"
#include "failure.h"
#include "policy.h"

/* Bytes that are read at most: some ten thousand files. */
#define INSPECTION_SIZE_MAX (16U << 20)

/* Files to inspect besides those that run. Lists end with NULL, or are NULL. */
typedef struct InspectionRequest {
        char **paths;    /* essential; absolute; a missing one is left out */
        char **tools;    /* as paths, but not essential */
        char **modules;  /* by name */
        char **firmware; /* below the directories of firmware */
} InspectionRequest;

/* The value of a digest property. */
typedef struct FactDigest {
        char algorithm[32]; /* in the spelling of the kernel; empty: there is none */
        uint8_t value[64];  /* raw */
        size_t size;        /* bytes of value */
} FactDigest;

/* "sha256:HEX", NUL included. */
#define FACT_DIGEST_STRLEN (32 + 1 + 128 + 1)

/* ret: empty where there is no digest. */
void fact_digest_print(const FactDigest *digest, char ret[FACT_DIGEST_STRLEN]);

/* A dm-verity volume that is open. */
typedef struct VolumeFacts {
        char *name; /* of device-mapper; UTF-8 */
        unsigned major, minor;
        FactDigest root_hash;
        bool is_signed;  /* the kernel verified a signature of the root hash */
        bool is_cmdline; /* the kernel command line has the root hash */
} VolumeFacts;

/* The heaviest need for a file among all processes that have it mapped. */
typedef enum FileScope {
        SCOPE_USERS,     /* nobody but unprivileged users has it mapped */
        SCOPE_SYSTEM,    /* root or a system service has it mapped */
        SCOPE_ESSENTIAL, /* the request or PID 1 names it */
        _SCOPE_MAX,
} FileScope;

/* Something that is executed, or would be loaded. */
typedef struct FileFacts {
        char *path; /* UTF-8; empty for memory that has no file */
        enum ipe_op operation;
        FileScope scope;
        size_t volume; /* in the list of volumes; SIZE_MAX if it is on none */
        bool is_initramfs;
        bool is_incomplete;   /* the kernel may know more facts */
        FactDigest fsverity;  /* of the file, if it has fs-verity */
        bool fsverity_signed; /* the kernel verified a signature of it */
        char *processes;      /* "sh[12], init[1]", UTF-8; empty if none has it mapped */
        char *note;           /* a sentence about facts that could not be found; UTF-8; empty for none */
} FileFacts;

/* An owner who has more processes than ipe-inspect looks at. */
typedef struct InspectionCut {
        uint32_t uid;
        FileScope scope;    /* SCOPE_USERS or SCOPE_SYSTEM */
        uint64_t processes; /* so many are missing in the list of files, in part or whole */
} InspectionCut;

typedef struct Inspection {
        VolumeFacts *volumes;
        size_t n_volumes;
        FileFacts *files; /* those of the system come first */
        size_t n_files;
        InspectionCut *cuts;
        size_t n_cuts;
} Inspection;

Inspection *inspection_free(Inspection *inspection);

static inline void inspection_freep(Inspection **inspection) {
        inspection_free(*inspection);
}

/* Add one; take over its strings, also on failure. Return 0 or -ENOMEM. */
int inspection_add_volume(Inspection *inspection, VolumeFacts *volume);
int inspection_add_file(Inspection *inspection, FileFacts *file);
int inspection_add_cut(Inspection *inspection, const InspectionCut *cut);

/* The verdict of a policy on executing a file of a volume, without other facts about the file. */
typedef struct VolumeVerdict {
        const char *action; /* "ALLOW", "DENY", or empty without a policy */
        char rule[1024];    /* that matched */
} VolumeVerdict;

/* number: of the volume in the inspection. policy: NULL for none. vocabulary: with the builtin properties. */
VolumeVerdict volume_judge(const Inspection *inspection, size_t number, const struct ipe_policy *policy,
                           const struct ipe_vocabulary *vocabulary);

/* The facts as the kernel would hand them to a policy. They borrow from inspection.
 * vocabulary: with the builtin properties. */
void inspection_facts(const Inspection *inspection, const FileFacts *file, const struct ipe_vocabulary *vocabulary,
                      struct ipe_facts *ret);

/* As JSON. ret: to be freed. Returns 0, -EFBIG above INSPECTION_SIZE_MAX, or -ENOMEM. */
int inspection_print(const Inspection *inspection, char **ret, size_t *ret_size);

/* Reads it back; the text may come from anybody. Returns 0, -EUCLEAN or -ENOMEM. */
int inspection_parse(const char *text, size_t size, Inspection **ret);

/* The same for a request. ret: to be freed, with free() or inspection_request_done(). */
int inspection_request_print(const InspectionRequest *request, char **ret, size_t *ret_size);
int inspection_request_parse(const char *text, size_t size, InspectionRequest *ret);
void inspection_request_done(InspectionRequest *request);

#endif
