/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Activate() and ActivateWithOptions(). Before anything changes, a simulation finds out which running files the policy
 * would deny. Then, if health checks are to confirm the policy, the service manager lists the units that have failed
 * already. Both take a moment, in which the daemon serves others, so activate_policy() repeats the checks from before.
 *
 * The question to polkit names one version and one kind of trial. From there on both are fixed.
 */

#include "bus-activate.h"
#include "bus-call.h"
#include "bus-reply.h"
#include "bus-activate-request.h"
#include "log.h"
#include "simulate.h"
#include "trial.h"

/* So many findings are in the error, and in the journal if the activation was forced. */
#define NAMED_MAX 3
#define LOGGED_MAX 20

typedef struct BusActivation {
        BusCall *call;
        uid_t uid; /* of the caller */
        Simulation *simulation;
        UnitsBeforeQuery *query;
        char *name;
        char version[IPE_VERSION_STRLEN];
        Digest digest;           /* of that version */
        ActivateOptions options; /* with the version above, and the trial that was authorised */
        bool force;
} BusActivation;

static BusActivation *activation_free(BusActivation *activation) {
        if (!activation)
                return NULL;
        simulate_cancel(activation->simulation);
        units_before_cancel(activation->query);
        bus_call_free(activation->call);
        free(activation->name);
        free(activation);
        return NULL;
}

static void activation_freep(BusActivation **activation) {
        activation_free(*activation);
}

void bus_activation_cancel(Bus *bus) {
        bus->activation = activation_free(bus->activation);
}

/* Nothing has changed yet. */
static void on_caller_gone(void *userdata) {
        bus_activation_cancel(userdata);
}

/* Refuses with a sentence, and the first findings of a scope after it. */
static int refuse(const Findings *findings, FileScope scope, const char *sentence, Failure *reterr) {
        char named[sizeof(reterr->sentence)] = "";
        size_t size = 0, n = 0;

        for (size_t i = 0; i < findings->n && n < NAMED_MAX && size < sizeof(named); i++)
                if (findings->list[i].scope == scope)
                        size += (size_t) snprintf(named + size, sizeof(named) - size, "%s '%.150s' by \"%.100s\"",
                                                  n++ > 0 ? "," : " It would deny",
                                                  findings->list[i].path[0] ? findings->list[i].path
                                                                            : "memory without a file",
                                                  findings->list[i].rule);
        return failure_set(reterr, FAILURE_WOULD_LOCK_OUT, "%s%s%s", sentence, named,
                           n == 0                          ? ""
                           : findings->by_scope[scope] > n ? ", ..."
                                                           : ".");
}

static int refuse_essential(const BusActivation *activation, const Findings *findings, Failure *reterr) {
        char sentence[512];

        snprintf(sentence, sizeof(sentence),
                 "'%.64s' %s would deny %llu things that are essential, and no option permits that: "
                 "'ipectl preflight %.64s' lists them. Permit them in the policy.",
                 activation->name, activation->version, (unsigned long long) findings->by_scope[SCOPE_ESSENTIAL],
                 activation->name);
        return refuse(findings, SCOPE_ESSENTIAL, sentence, reterr);
}

static int refuse_lock_out(const BusActivation *activation, const Findings *findings, Failure *reterr) {
        char sentence[768], accept[256] = "";

        if (findings->accept[0])
                snprintf(accept, sizeof(accept),
                         ", 'ipectl activate --accept=%s %.64s' (option 'accept') accepts these alone",
                         findings->accept, activation->name);
        snprintf(sentence, sizeof(sentence),
                 "%s'%.64s' %s would deny %llu things that the system runs now. 'ipectl preflight %.64s' "
                 "lists them%s, and 'ipectl activate --force %.64s' (option 'force') accepts any.",
                 activation->options.accept ? "These are not the findings that were accepted: " : "", activation->name,
                 activation->version, (unsigned long long) findings_blocking(findings), activation->name, accept,
                 activation->name);
        return refuse(findings, SCOPE_SYSTEM, sentence, reterr);
}

/* Decides about a version whose findings are unknown: essential files may be among those that the inspection could not
 * see. So the version needs a trial of the kernel, which ends even if nothing can be executed, or it was confirmed
 * before. Without trials in the kernel only a reboot would end the trial, and TrialBoots= boots would try the version
 * again: nobody could log in to stop that.
 *
 * code, failure: of the simulation. Returns 0, or the refusal. */
static int judge_unknown(const BusActivation *activation, int code, const Failure *failure, Failure *reterr) {
        const VersionRecord *record = store_state_find_digest(activation->call->bus->manager->state,
                                                              &activation->digest);
        bool confirmed = record && record->state == VERSION_CONFIRMED;
        Failure why = *failure;

        if (!activation->force || code == -ENOMEM)
                return code;
        if (!confirmed && !trial_is_kernel_timed(activation->call->bus->manager))
                return failure_set(reterr, FAILURE_NOT_SUPPORTED,
                                   "%s '%.64s' %s may deny essential files, and only reboots would end "
                                   "that, as this kernel has no trials: so 'force' does not activate it.",
                                   why.sentence, activation->name, activation->version);
        if (!confirmed && activation->options.trial_sec == 0)
                return failure_set(reterr, FAILURE_NOT_SUPPORTED,
                                   "%s '%.64s' %s may deny essential files, so 'force' does not activate it "
                                   "without a trial: 'ipectl activate --trial-sec=' sets one.",
                                   why.sentence, activation->name, activation->version);
        log_warning("'%s' %s is activated on demand, though the files that it denies are unknown: %s", activation->name,
                    activation->version, why.sentence);
        return 0;
}

/* Also logs the findings in processes of users, which do not prevent an activation. */
static void log_denied(const BusActivation *activation, const Findings *findings) {
        for (size_t i = 0; i < findings->n && i < LOGGED_MAX; i++)
                log_warning("'%s' %s is activated%s, though it denies '%s', which runs now: %s", activation->name,
                            activation->version, findings->list[i].scope == SCOPE_USERS ? "" : " on demand",
                            findings->list[i].path, findings->list[i].rule);
        if (findings_count(findings) > LOGGED_MAX)
                log_warning("'%s' %s denies %llu more things that run.", activation->name, activation->version,
                            (unsigned long long) findings_count(findings) - LOGGED_MAX);
}

/* Returns 0 if the findings permit the activation, or the refusal. */
static int judge(const BusActivation *activation, const Findings *findings, Failure *reterr) {
        const char *accept = activation->options.accept;

        if (findings->by_scope[SCOPE_ESSENTIAL] > 0)
                return refuse_essential(activation, findings, reterr);
        if (findings_blocking(findings) > 0 && !activation->force && (!accept || !findings_have_id(findings, accept)))
                return refuse_lock_out(activation, findings, reterr);
        log_denied(activation, findings);
        return 0;
}

/* The version may have been discarded meanwhile, and another policy with the same version staged, which was not
 * simulated. */
static int check_same(const Manager *manager, const BusActivation *activation, Failure *reterr) {
        const VersionRecord *record = store_state_find_digest(manager->state, &activation->digest);

        if (record)
                return 0;
        return failure_set(reterr, FAILURE_NO_SUCH_POLICY, "'%s' %s was discarded while the system was inspected.",
                           activation->name, activation->version);
}

/* Activates, if result is 0, and answers. */
static void finish(Bus *bus, int result, const UnitsBefore *before, Failure *failure) {
        _cleanup_(activation_freep) BusActivation *activation = TAKE_PTR(bus->activation);
        const VersionRecord *record;

        activation->options.before = before;
        if (result == 0)
                result = check_same(bus->manager, activation, failure);
        if (result == 0)
                result = activate_policy(bus->manager, activation->name, &activation->options, &record, failure);
        if (result == 0)
                result = bus_reply_with_path(activation->call->message, record);
        else
                result = bus_reply_with_error(activation->call->message, result, failure);
        if (result < 0)
                log_warning("Cannot answer a call of Activate(): %s", strerror(-result));
}

static void on_units_before(int result, const Failure *failure, UnitsBefore *before, void *userdata) {
        Bus *bus = userdata;
        Failure own = *failure;

        bus->activation->query = NULL;
        finish(bus, result, before, &own);
}

/* The findings permit the activation. */
static void proceed(Bus *bus) {
        BusActivation *activation = bus->activation;
        const VersionRecord *record;
        ActivatePlan plan = {};
        Failure failure = {};
        int r = check_same(bus->manager, activation, &failure);

        if (r == 0)
                r = activate_plan(bus->manager, activation->name, &activation->options, &record, &plan, &failure);
        if (r == 0 && activate_plan_is_watched(&plan)) {
                r = units_before_ask(bus->manager, on_units_before, bus, &activation->query, &failure);
                if (r == 0)
                        return;
        }
        finish(bus, r, NULL, &failure);
}

static void on_simulated(int result, const Failure *failure, Findings *findings, void *userdata) {
        Bus *bus = userdata;
        BusActivation *activation = bus->activation;
        Failure own = *failure;

        activation->simulation = NULL;
        if (result == 0)
                result = judge(activation, findings, &own);
        else
                result = judge_unknown(activation, result, failure, &own);
        if (result == 0)
                proceed(bus);
        else
                finish(bus, result, NULL, &own);
}

/* The configuration may change while the system is inspected. */
static void fix_plan(ActivateOptions *options, const ActivatePlan *plan) {
        options->has_trial_sec = true;
        options->trial_sec = plan->trial_sec;
        options->has_confirm = plan->trial_sec > 0;
        options->confirm = plan->confirm;
}

static int new_activation(Bus *bus, sd_bus_message *message, const VersionRecord *record, const ActivatePlan *plan,
                          const ActivationRequest *request, BusActivation **ret) {
        _cleanup_(activation_freep) BusActivation *activation = calloc(1, sizeof(*activation));
        int r;

        if (!activation)
                return -ENOMEM;
        activation->name = strdup(record->name);
        if (!activation->name)
                return -ENOMEM;
        ipe_version_print(&record->version, activation->version);
        activation->digest = record->digest;
        activation->options = request->options;
        activation->options.version = activation->version;
        fix_plan(&activation->options, plan);
        activation->force = request->force;
        r = callers_find_uid(bus->callers, message, &activation->uid);
        if (r >= 0)
                r = bus_call_new(bus, message, on_caller_gone, bus, &activation->call);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(activation);
        return 0;
}

/* Returns 0, and on_simulated() follows, or the result that it would have got. */
static int simulate_first(Bus *bus, BusActivation *activation, const VersionRecord *record, Failure *reterr) {
        int r = simulate_start(bus->manager, record, on_simulated, bus, &activation->simulation, reterr);

        if (r != 0 && r != -ENOMEM) {
                r = judge_unknown(activation, r, reterr, reterr);
                if (r == 0)
                        proceed(bus);
        }
        return r;
}

/* Root goes first, so that calls in a loop cannot keep root from activating. Nothing has changed yet for the other
 * activation. */
static void make_room(Bus *bus) {
        Failure failure = {};
        int r = failure_set(&failure, FAILURE_BUSY, "Root is activating a policy: try again in a moment.");

        r = bus_reply_with_error(bus->activation->call->message, r, &failure);
        if (r < 0)
                log_warning("Cannot answer a call of Activate(): %s", strerror(-r));
        bus_activation_cancel(bus);
}

/* activate_check() reads the kernel, after which another version may be the newest that waits: polkit was not asked
 * about that. ret, ret_plan: the version to activate, and how. Returns as activate_check(). */
static int check(Bus *bus, sd_bus_message *message, const ActivationRequest *request, const VersionRecord **ret,
                 ActivatePlan *ret_plan, Failure *reterr) {
        int r = activate_check(bus->manager, request->name, &request->options, ret, reterr);

        if (r == 0)
                r = activate_plan(bus->manager, request->name, &request->options, ret, ret_plan, reterr);
        if (r == 0 && !activation_request_is(request, *ret, ret_plan) && !polkit_is_root(bus->polkit, message))
                return failure_set(reterr, FAILURE_NOT_THAT_VERSION,
                                   "The version or the trial has changed since polkit was asked. Nothing "
                                   "was done: look again, and repeat the call.");
        if (r == 0 && bus->activation && bus->activation->uid != 0 && polkit_is_root(bus->polkit, message))
                make_room(bus);
        if (r == 0 && bus->activation)
                return failure_set(reterr, FAILURE_BUSY, "The activation of '%s' is under way: try again in a moment.",
                                   bus->activation->name);
        return r;
}

/* Returns 1, as the answer comes later, or an error as a handler does. */
static int begin(Bus *bus, sd_bus_message *message, const ActivationRequest *request, sd_bus_error *reterr) {
        const VersionRecord *record = NULL;
        ActivatePlan plan = {};
        Failure failure = {};
        int r;

        r = check(bus, message, request, &record, &plan, &failure);
        if (r != 0)
                return bus_refuse(reterr, r, &failure);
        r = new_activation(bus, message, record, &plan, request, &bus->activation);
        if (r < 0)
                return r;
        /* The active version denies nothing new. */
        if (record == manager_active(bus->manager, NULL))
                proceed(bus);
        else
                r = simulate_first(bus, bus->activation, record, &failure);
        if (r != 0) {
                bus_activation_cancel(bus);
                return bus_refuse(reterr, r, &failure);
        }
        return 1;
}

static int authorise(const Bus *bus, sd_bus_message *message, const ActivationRequest *request, sd_bus_error *reterr) {
        _cleanup_(bus_details_done) BusDetails details = {};
        const char *actions[POLKIT_ACTIONS_MAX + 1];
        int r = activation_request_describe(bus, request, &details);

        activation_request_list_actions(bus, request, actions);
        return r < 0 ? r : polkit_check_all(bus->polkit, message, actions, details.list, reterr);
}

static int activate(Bus *bus, sd_bus_message *message, bool has_options, sd_bus_error *reterr) {
        ActivationRequest request;
        int r = activation_request_read(bus, message, has_options, &request, reterr);

        if (r >= 0)
                r = authorise(bus, message, &request, reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        return begin(bus, message, &request, reterr);
}

int method_activate(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        return activate(userdata, message, false, reterr);
}

int method_activate_with_options(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        return activate(userdata, message, true, reterr);
}
