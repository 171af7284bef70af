/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /org/ipe/policy/NAME/VERSION, and the calls that describe versions.
 */

#include "bus-policy.h"
#include "bus-reply.h"
#include "bus-view.h"
#include "object-path.h"
#include "summary.h"

static int find_policy(sd_bus *sd, const char *path, const char *interface, void *userdata, void **ret_found,
                       sd_bus_error *reterr) {
        Bus *bus = userdata;

        if (!object_path_find(path, bus->manager->state))
                return 0;
        *ret_found = bus;
        return 1;
}

static int list_objects(sd_bus *sd, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *reterr) {
        const StoreState *state = ((Bus *) userdata)->manager->state;
        char **nodes = calloc(state->n_versions + 1, sizeof(char *));
        int r = nodes ? 0 : -ENOMEM;

        for (size_t i = 0; r >= 0 && i < state->n_versions; i++)
                r = object_path_of(&state->versions[i], &nodes[i]);
        if (r < 0) {
                strv_free(nodes);
                return r;
        }
        *ret_nodes = nodes;
        return 1;
}

/* sd-bus has found the object before, but it may have gone since. */
static int record_of(const char *path, const Bus *bus, const VersionRecord **ret, sd_bus_error *reterr) {
        *ret = object_path_find(path, bus->manager->state);
        return *ret ? 0 : sd_bus_error_set(reterr, SD_BUS_ERROR_UNKNOWN_OBJECT, "The version is gone.");
}

/* A property of org.ipe.Policy, and an entry of the dictionary of GetPolicy(). */
typedef struct Member {
        const char *name;
        const char *type; /* "s", "t", "b" or "as" */
} Member;

static const Member members[] = {
        { "Name", "s" },        { "Version", "s" },       { "State", "s" },
        { "Digest", "s" },      { "Signer", "s" },        { "Source", "s" },
        { "StagedUSec", "t" },  { "ChangedUSec", "t" },   { "ExpiresUSec", "t" },
        { "Transaction", "s" }, { "Active", "b" },        { "SelectedForBoot", "b" },
        { "KernelPlace", "s" }, { "RollbackFloor", "s" }, { "NeedsExtendedAbi", "b" },
        { "Size", "t" },        { "TextSize", "t" },      { "WarningsCount", "t" },
        { "Warnings", "as" },
};

static const char *find_place(const Bus *bus, const VersionRecord *record) {
        static const char *const words[_KERNEL_PLACE_MAX] = { "loaded", "next", "previous" };
        KernelPlace place;

        if (bus_view_is_active(bus, record))
                return "active";
        return bus_view_place(bus, record, &place) ? words[place] : "none";
}

static int append_text(sd_bus_message *reply, const Bus *bus, const VersionRecord *record, const char *name) {
        char text[DIGEST_HEX_SIZE] = "";

        static_assert(IPE_VERSION_STRLEN <= sizeof(text), "a version fits, too");
        if (streq(name, "Name"))
                return sd_bus_message_append(reply, "s", record->name);
        if (streq(name, "State"))
                return sd_bus_message_append(reply, "s", version_state_to_string(record->state));
        if (streq(name, "Signer"))
                return sd_bus_message_append(reply, "s", record->signer);
        if (streq(name, "Source"))
                return sd_bus_message_append(reply, "s", record->source);
        if (streq(name, "Transaction"))
                return sd_bus_message_append(reply, "s", record->transaction);
        if (streq(name, "KernelPlace"))
                return sd_bus_message_append(reply, "s", find_place(bus, record));
        if (streq(name, "Version"))
                ipe_version_print(&record->version, text);
        else if (streq(name, "Digest"))
                digest_to_hex(&record->digest, text);
        else if (record->summary.known)
                ipe_version_print(&record->summary.floor, text);
        return sd_bus_message_append(reply, "s", text);
}

static uint64_t find_number(const Manager *manager, const VersionRecord *record, const char *name) {
        const PolicySummary *summary = &record->summary;

        if (streq(name, "StagedUSec"))
                return record->staged_usec;
        if (streq(name, "ChangedUSec"))
                return record->changed_usec;
        if (streq(name, "ExpiresUSec"))
                return summary->expires_usec;
        if (streq(name, "Size"))
                return summary->size;
        if (streq(name, "TextSize"))
                return summary->text_size;
        return summary->n_warnings + summary_has_keyring_warning(manager, summary);
}

static bool find_flag(const Bus *bus, const VersionRecord *record, const char *name) {
        if (streq(name, "Active"))
                return bus_view_is_active(bus, record);
        if (streq(name, "SelectedForBoot"))
                return bus_view_is_selected(bus, record);
        return record->summary.needs_extended_abi;
}

static int append_warnings(sd_bus_message *reply, const Manager *manager, const PolicySummary *summary) {
        int r = sd_bus_message_open_container(reply, 'a', "s");

        for (char **warning = summary->warnings; r >= 0 && warning && *warning; warning++)
                r = sd_bus_message_append(reply, "s", *warning);
        if (r >= 0 && summary_has_keyring_warning(manager, summary))
                r = sd_bus_message_append(reply, "s", summary->keyring_warning);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_member(sd_bus_message *reply, const Bus *bus, const VersionRecord *record, const Member *member) {
        switch (member->type[0]) {
        case 's':
                return append_text(reply, bus, record, member->name);
        case 't':
                return sd_bus_message_append(reply, "t", find_number(bus->manager, record, member->name));
        case 'b':
                return sd_bus_message_append(reply, "b", (int) find_flag(bus, record, member->name));
        default:
                return append_warnings(reply, bus->manager, &record->summary);
        }
}

static int get_member(sd_bus *sd, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                      void *userdata, sd_bus_error *reterr) {
        const VersionRecord *record;
        int r = record_of(path, userdata, &record, reterr);

        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if (streq(members[i].name, property))
                        return append_member(reply, userdata, record, &members[i]);
        return -ENOENT;
}

/* KernelPlace changes without a notice of the kernel, and the warnings depend on the keyring .fs-verity: nothing
 * announces these. */
static const sd_bus_vtable policy_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Name", "s", get_member, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Version", "s", get_member, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("State", "s", get_member, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Digest", "s", get_member, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Signer", "s", get_member, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("ExpiresUSec", "t", get_member, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Source", "s", get_member, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("StagedUSec", "t", get_member, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("ChangedUSec", "t", get_member, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Transaction", "s", get_member, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Active", "b", get_member, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("SelectedForBoot", "b", get_member, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("KernelPlace", "s", get_member, 0, 0),
        SD_BUS_PROPERTY("RollbackFloor", "s", get_member, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("NeedsExtendedAbi", "b", get_member, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Size", "t", get_member, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("TextSize", "t", get_member, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("WarningsCount", "t", get_member, 0, 0),
        SD_BUS_PROPERTY("Warnings", "as", get_member, 0, 0),
        SD_BUS_VTABLE_END,
};

static int append_list(sd_bus_message *reply, const Bus *bus) {
        const VersionRecord *active = bus_view_active(bus, NULL);
        const StoreState *state = bus->manager->state;
        int r = sd_bus_message_open_container(reply, 'a', "(ssssbo)");

        for (size_t i = 0; r >= 0 && i < state->n_versions; i++) {
                const VersionRecord *record = &state->versions[i];
                char version[IPE_VERSION_STRLEN], digest[DIGEST_HEX_SIZE];
                _cleanup_free_ char *path = NULL;

                ipe_version_print(&record->version, version);
                digest_to_hex(&record->digest, digest);
                r = object_path_of(record, &path);
                if (r >= 0)
                        r = sd_bus_message_append(reply, "(ssssbo)", record->name, version,
                                                  version_state_to_string(record->state), digest, record == active,
                                                  path);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_description(sd_bus_message *reply, const Bus *bus, const VersionRecord *record) {
        int r = sd_bus_message_open_container(reply, 'a', "{sv}");

        for (size_t i = 0; i < ELEMENTSOF(members) && r >= 0; i++) {
                r = sd_bus_message_open_container(reply, 'e', "sv");
                if (r >= 0)
                        r = sd_bus_message_append(reply, "s", members[i].name);
                if (r >= 0)
                        r = sd_bus_message_open_container(reply, 'v', members[i].type);
                if (r >= 0)
                        r = append_member(reply, bus, record, &members[i]);
                for (int depth = 0; r >= 0 && depth < 2; depth++)
                        r = sd_bus_message_close_container(reply);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int method_list_policies(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        sd_bus_message *reply = NULL;
        int r = sd_bus_message_new_method_return(message, &reply);

        if (r >= 0)
                r = append_list(reply, userdata);
        return bus_send_reply(reply, r);
}

int bus_policy_read(const Bus *bus, sd_bus_message *message, const VersionRecord **ret, sd_bus_error *reterr) {
        const char *name, *version;
        Failure failure = {};
        int r = sd_bus_message_read(message, "ss", &name, &version);

        if (r < 0)
                return r;
        r = manager_find(bus->manager, name, version, ret, &failure);
        return r != 0 ? bus_refuse(reterr, r, &failure) : 0;
}

int method_get_policy(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        const Bus *bus = userdata;
        sd_bus_message *reply = NULL;
        const VersionRecord *record;
        int r = bus_policy_read(bus, message, &record, reterr);

        if (r < 0)
                return r;
        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = append_description(reply, bus, record);
        return bus_send_reply(reply, r);
}

int bus_policy_register(Bus *bus) {
        int r = sd_bus_add_fallback_vtable(bus->bus, NULL, POLICY_PREFIX, POLICY_INTERFACE, policy_vtable, find_policy,
                                           bus);

        if (r >= 0)
                r = sd_bus_add_node_enumerator(bus->bus, NULL, POLICY_PREFIX, list_objects, bus);
        return r;
}
