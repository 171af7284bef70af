/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first part of a preflight, by simulation.
 */

#include "log.h"
#include "policy-version.h"
#include "simulate.h"

struct Ruling {
        char *text; /* the policy borrows from it */
        struct ipe_policy *policy;
};

struct Simulation {
        Manager *manager;
        PolicyVersion *version;
        Digest digest; /* of its envelope */
        InspectCall *inspect;
        SimulateDone done;
        void *userdata;
};

Ruling *ruling_free(Ruling *ruling) {
        if (!ruling)
                return NULL;
        ipe_policy_free(ruling->policy);
        free(ruling->text);
        free(ruling);
        return NULL;
}

const struct ipe_policy *ruling_policy(const Ruling *ruling) {
        return ruling ? ruling->policy : NULL;
}

int ruling_load(const Manager *manager, Ruling **ret) {
        _cleanup_(ruling_freep) Ruling *ruling = calloc(1, sizeof(*ruling));
        _cleanup_kernel_policy_ KernelPolicy active = {};
        size_t size;
        int r;

        if (!ruling)
                return -ENOMEM;
        r = kernel_find_active(manager->kernel, &active);
        if (r > 0)
                r = kernel_read_policy(manager->kernel, active.name, active.place, &ruling->text, &size);
        else if (r == 0)
                r = -ENOENT;
        if (r >= 0)
                r = ipe_policy_parse(ruling->text, size, &manager->vocabulary, &ruling->policy, NULL);
        if (r < 0 && r != -ENOENT)
                return r;
        *ret = r < 0 ? NULL : TAKE_PTR(ruling);
        return 0;
}

static bool denies(const struct ipe_policy *policy, const FileFacts *file, const struct ipe_facts *facts,
                   struct ipe_verdict *ret) {
        *ret = ipe_policy_evaluate(policy, file->operation, facts);
        return ret->action == IPE_ACTION_DENY;
}

/* Whether a file is denied only because the kernel has not verified the signature of its volume. */
static bool lacks_signature(const Manager *manager, const struct ipe_policy *policy, const Inspection *inspection,
                            const FileFacts *file, const struct ipe_facts *facts) {
        struct ipe_facts wishful = *facts;
        struct ipe_verdict verdict;

        if (file->volume == SIZE_MAX || inspection->volumes[file->volume].is_signed)
                return false;
        wishful.booleans |= 1U << manager->vocabulary.slot[IPE_PROPERTY_DMVERITY_SIGNATURE];
        return !denies(policy, file, &wishful, &verdict);
}

/* Appends a remark to those in the parentheses. Returns 0 or -ENOMEM. */
static int add_remark(char **remarks, const char *before, const char *quoted, const char *behind) {
        char *joined;

        if (asprintf(&joined, "%s%s%s%s%s", *remarks ?: "", *remarks ? "; " : "", before, quoted, behind) < 0)
                return -ENOMEM;
        free(*remarks);
        *remarks = joined;
        return 0;
}

/* ret: to be freed; NULL for none. Returns 0 or -ENOMEM. */
static int remark_on(const Simulation *simulation, const Inspection *inspection, const FileFacts *file,
                     const struct ipe_facts *facts, char **ret) {
        static const char *const scopes[_SCOPE_MAX] = {
                [SCOPE_USERS] = "only users run it",
                [SCOPE_ESSENTIAL] = "it is essential",
        };
        _cleanup_free_ char *remarks = NULL;
        int r = 0;

        if (lacks_signature(simulation->manager, simulation->version->policy, inspection, file, facts))
                r = add_remark(&remarks, "the signature of its volume '", inspection->volumes[file->volume].name,
                               "' was not verified by the kernel: open it with root-hash-signature=");
        else if (file->note[0])
                r = add_remark(&remarks, "", file->note, "");
        if (r >= 0 && scopes[file->scope])
                r = add_remark(&remarks, "", scopes[file->scope], "");
        if (r >= 0)
                *ret = TAKE_PTR(remarks);
        return r;
}

/* ret: to be freed. Returns 0 or -ENOMEM. */
static int describe(const Simulation *simulation, const Inspection *inspection, const FileFacts *file,
                    const struct ipe_facts *facts, const struct ipe_verdict *verdict, char **ret) {
        const struct ipe_policy *policy = simulation->version->policy;
        size_t size = ipe_verdict_print(policy, verdict, NULL, 0) + 1;
        _cleanup_free_ char *rule = malloc(size), *remarks = NULL;
        int r = rule ? remark_on(simulation, inspection, file, facts, &remarks) : -ENOMEM;

        if (r < 0)
                return r;
        (void) ipe_verdict_print(policy, verdict, rule, size);
        if (!remarks)
                *ret = TAKE_PTR(rule);
        else if (asprintf(ret, "%s (%s)", rule, remarks) < 0)
                return -ENOMEM;
        return 0;
}

static int add(const Simulation *simulation, const Inspection *inspection, const FileFacts *file,
               const struct ipe_facts *facts, const struct ipe_verdict *verdict, Findings *findings) {
        _cleanup_free_ char *rule = NULL;
        Finding *finding;
        int r = describe(simulation, inspection, file, facts, verdict, &rule);

        if (r >= 0)
                r = findings_add(findings, file->scope, file->path, ipe_op_name(file->operation), rule, &finding);
        if (r < 0 || !finding || file->processes[0] == '\0')
                return r;
        /* Two files may have one path, if one of them was deleted. */
        return process_list_join(&finding->processes, file->processes);
}

/* Facts that are known only in part prove nothing here: the kernel knows more, and lets the file run. */
static bool is_denied_today(const struct ipe_policy *active, const FileFacts *file, const struct ipe_facts *facts) {
        struct ipe_verdict verdict;

        return active && !file->is_incomplete && denies(active, file, facts, &verdict);
}

static int judge(const Simulation *simulation, const struct ipe_policy *active, const Inspection *inspection,
                 Findings *findings) {
        int r = 0;

        for (size_t i = 0; i < inspection->n_files && r >= 0; i++) {
                const FileFacts *file = &inspection->files[i];
                struct ipe_verdict verdict;
                struct ipe_facts facts;

                inspection_facts(inspection, file, &simulation->manager->vocabulary, &facts);
                if (denies(simulation->version->policy, file, &facts, &verdict) &&
                    !is_denied_today(active, file, &facts))
                        r = add(simulation, inspection, file, &facts, &verdict, findings);
        }
        if (r >= 0)
                r = findings_set_cuts(findings, inspection);
        return r < 0 ? r : findings_seal(findings, &simulation->digest);
}

Simulation *simulate_cancel(Simulation *simulation) {
        if (!simulation)
                return NULL;
        inspect_cancel(simulation->inspect);
        policy_version_free(simulation->version);
        free(simulation);
        return NULL;
}

static void simulation_freep(Simulation **simulation) {
        simulate_cancel(*simulation);
}

/* Loads the active policy, if the kernel enforces: only then does a denial by both policies change nothing. */
static int load_enforced(const Manager *manager, Ruling **ret) {
        int r = kernel_get_switch(manager->kernel, KERNEL_ENFORCE);

        *ret = NULL;
        return r > 0 ? ruling_load(manager, ret) : r == -ENODEV ? 0 : r;
}

static void on_inspected(int result, const Failure *failure, const Inspection *inspection, void *userdata) {
        _cleanup_(simulation_freep) Simulation *simulation = userdata;
        _cleanup_(findings_done) Findings findings = {};
        _cleanup_(ruling_freep) Ruling *ruling = NULL;
        Failure own = *failure;

        simulation->inspect = NULL;
        if (result == 0) {
                result = load_enforced(simulation->manager, &ruling);
                if (result < 0)
                        failure_set_errno(&own, result, "Cannot read the active policy");
        }
        if (result == 0)
                result = judge(simulation, ruling_policy(ruling), inspection, &findings);
        if (result != 0)
                findings_done(&findings);
        simulation->done(result, &own, &findings, simulation->userdata);
}

int simulate_start(Manager *manager, const VersionRecord *record, SimulateDone done, void *userdata, Simulation **ret,
                   Failure *reterr) {
        _cleanup_(simulation_freep) Simulation *simulation = calloc(1, sizeof(*simulation));
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        int r;

        if (!simulation)
                return -ENOMEM;
        *simulation = (Simulation) { .manager = manager, .digest = record->digest, .done = done, .userdata = userdata };
        r = manager_open_envelope(manager, record, &envelope, reterr);
        if (r == 0)
                r = policy_version_new(manager, &envelope, &simulation->version, reterr);
        if (r == 0)
                r = inspect_start(manager, on_inspected, simulation, &simulation->inspect, reterr);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(simulation);
        return 0;
}
