/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The activation that a caller asks for. Beside the right to activate there are two rights that weaken the protection
 * of the machine from a bad policy, each with an action of its own:
 *
 *      activate-force      activates the policy although it denies files that run (force, accept); never if it
 *                          denies an essential file
 *      activate-no-trial   confirms the policy at once, without a trial, or with a shorter or weaker trial than the
 *                          configuration says
 */

#include "bus-options.h"
#include "bus-reply.h"
#include "bus-activate-request.h"
#include "findings.h"
#include "kernel-extended.h"

static int check_trial_sec(const ActivateOptions *options, sd_bus_error *reterr) {
        if (!options->has_trial_sec)
                return 0;
        if (options->trial_sec > KERNEL_TRIAL_SEC_MAX)
                return sd_bus_error_setf(reterr, SD_BUS_ERROR_INVALID_ARGS, "A trial takes at most %u seconds.",
                                         KERNEL_TRIAL_SEC_MAX);
        if (options->trial_sec == 0 && options->has_confirm)
                return sd_bus_error_set(reterr, SD_BUS_ERROR_INVALID_ARGS,
                                        "Without a trial there is nothing to confirm: leave 'confirm' "
                                        "out, or set trial-sec.");
        return 0;
}

static int check_options(ActivateOptions *options, const char *confirm, sd_bus_error *reterr) {
        int by = confirm ? confirm_by_from_string(confirm) : CONFIRM_MANUAL;
        struct ipe_version version;
        Failure failure = {};

        if (options->version && *options->version &&
            ipe_version_parse(options->version, strlen(options->version), &version) < 0)
                return bus_refuse(reterr,
                                  failure_set(&failure, FAILURE_INVALID_ARGUMENT,
                                              "'%.50s' is not a version: expected X.Y.Z.", options->version),
                                  &failure);
        if (options->accept && !findings_id_is_valid(options->accept))
                return sd_bus_error_setf(reterr, SD_BUS_ERROR_INVALID_ARGS,
                                         "The option 'accept' has the %u hexadecimal digits that "
                                         "'ipectl preflight' prints.",
                                         ACCEPT_DIGITS);
        if (by < 0)
                return bus_refuse(reterr,
                                  failure_set(&failure, FAILURE_INVALID_ARGUMENT,
                                              "The option 'confirm' is 'auto' or "
                                              "'manual', not '%.100s'.",
                                              confirm),
                                  &failure);
        options->has_confirm = confirm != NULL;
        options->confirm = (ConfirmBy) by;
        return check_trial_sec(options, reterr);
}

static int read_options(sd_bus_message *message, ActivationRequest *request, sd_bus_error *reterr) {
        ActivateOptions *options = &request->options;
        const char *confirm = NULL;
        int force = false, r;
        const BusOption table[] = {
                { "version", "s", &options->version },
                { "trial-sec", "t", &options->trial_sec, &options->has_trial_sec },
                { "force", "b", &force },
                { "accept", "s", &options->accept },
                { "confirm", "s", &confirm },
                {},
        };

        r = bus_read_options(message, table, reterr);
        if (r < 0)
                return r;
        request->force = force;
        return check_options(options, confirm, reterr);
}

/* activate_check() gives the reason if there is nothing to activate: it reads the kernel, too. */
static void plan(const Bus *bus, ActivationRequest *request) {
        const VersionRecord *record;
        Failure ignored = {};

        if (activate_plan(bus->manager, request->name, &request->options, &record, &request->plan, &ignored) != 0)
                return;
        request->is_planned = true;
        request->digest = record->digest;
        request->is_confirmed = record->state == VERSION_CONFIRMED;
}

int activation_request_read(Bus *bus, sd_bus_message *message, bool has_options, ActivationRequest *ret,
                            sd_bus_error *reterr) {
        ActivationRequest request = {};
        int r = bus_read_text(message, "name", &request.name, reterr);

        if (r >= 0 && has_options)
                r = read_options(message, &request, reterr);
        if (r < 0)
                return r;
        plan(bus, &request);
        *ret = request;
        return 0;
}

/* A confirmed version needs no trial: activating it again weakens nothing. */
static bool has_less_trial(const Bus *bus, const ActivationRequest *request) {
        const Config *config = &bus->manager->config;
        const ActivatePlan *plan = &request->plan;

        if (!request->is_planned)
                return request->options.has_trial_sec && request->options.trial_sec < config->trial_sec;
        if (request->is_confirmed)
                return false;
        return plan->trial_sec == 0 || plan->trial_sec < config->trial_sec ||
               (plan->confirm == CONFIRM_AUTO && config->confirm == CONFIRM_MANUAL);
}

void activation_request_list_actions(const Bus *bus, const ActivationRequest *request,
                                     const char *ret[static POLKIT_ACTIONS_MAX + 1]) {
        size_t n = 0;

        ret[n++] = ACTION("activate");
        if (request->force || request->options.accept)
                ret[n++] = ACTION("activate-force");
        if (has_less_trial(bus, request))
                ret[n++] = ACTION("activate-no-trial");
        ret[n] = NULL;
}

static int describe_plan(const ActivatePlan *plan, BusDetails *ret) {
        char trial_sec[21];
        int r;

        snprintf(trial_sec, sizeof(trial_sec), "%llu", (unsigned long long) plan->trial_sec);
        r = bus_details_add(ret, "trial-sec", trial_sec);
        if (r >= 0 && plan->trial_sec > 0)
                r = bus_details_add(ret, "confirm", confirm_by_to_string(plan->confirm));
        return r;
}

int activation_request_describe(const Bus *bus, const ActivationRequest *request, BusDetails *ret) {
        int r;

        if (!request->is_planned)
                r = bus_details_add_names(ret, request->name, request->options.version);
        else
                r = bus_details_add_version(ret, request->name,
                                            store_state_find_digest(bus->manager->state, &request->digest));
        if (r >= 0 && request->is_planned)
                r = describe_plan(&request->plan, ret);
        if (r >= 0)
                r = bus_details_add(ret, "force", request->force ? "true" : "false");
        if (r >= 0 && request->options.accept)
                r = bus_details_add(ret, "accept", request->options.accept);
        return r;
}

bool activation_request_is(const ActivationRequest *request, const VersionRecord *record, const ActivatePlan *plan) {
        return request->is_planned && digest_equal(&request->digest, &record->digest) &&
               request->plan.trial_sec == plan->trial_sec &&
               (plan->trial_sec == 0 || request->plan.confirm == plan->confirm);
}
