/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /org/ipe/policy/NAME/VERSION, and descriptions of versions.
 */

#include "bus-path.h"
#include "bus.h"
#include "summary.h"

static int find_policy(sd_bus *sd, const char *path, const char *interface, void *userdata, void **ret_found,
                       sd_bus_error *reterr) {
        Bus *bus = userdata;

        if (!bus_path_find(path, bus->manager->state))
                return 0;
        *ret_found = bus;
        return 1;
}

static int list_objects(sd_bus *sd, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *reterr) {
        const StoreState *state = ((Bus *) userdata)->manager->state;
        char **nodes = calloc(state->n_versions + 1, sizeof(char *));
        int r = nodes ? 0 : -ENOMEM;

        for (size_t i = 0; r >= 0 && i < state->n_versions; i++)
                r = bus_path_of(&state->versions[i], &nodes[i]);
        if (r < 0) {
                strv_free(nodes);
                return r;
        }
        *ret_nodes = nodes;
        return 1;
}

/* What every property starts with: the object was found, but may have gone since. */
static int record_of(const char *path, const Bus *bus, const VersionRecord **ret, sd_bus_error *reterr) {
        *ret = bus_path_find(path, bus->manager->state);
        return *ret ? 0 : sd_bus_error_set(reterr, SD_BUS_ERROR_UNKNOWN_OBJECT, "That version is gone.");
}

static int get_text(sd_bus *sd, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        char version[IPE_VERSION_STRLEN], digest[DIGEST_HEX_SIZE];
        const VersionRecord *record;
        const char *text;
        int r = record_of(path, userdata, &record, reterr);

        if (r < 0)
                return r;
        ipe_version_print(&record->version, version);
        digest_to_hex(&record->digest, digest);
        if (streq(property, "Name"))
                text = record->name;
        else if (streq(property, "Version"))
                text = version;
        else if (streq(property, "State"))
                text = version_state_to_string(record->state);
        else if (streq(property, "Digest"))
                text = digest;
        else if (streq(property, "Signer"))
                text = record->signer;
        else
                text = record->source;
        return sd_bus_message_append(reply, "s", text);
}

static int get_flag(sd_bus *sd, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        const VersionRecord *record, *chosen;
        int r = record_of(path, bus, &record, reterr);

        if (r < 0)
                return r;
        chosen = streq(property, "Active") ? bus_view_active(bus, NULL) : manager_selected(bus->manager);
        return sd_bus_message_append(reply, "b", record == chosen);
}

static const sd_bus_vtable policy_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Name", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Version", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("State", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Digest", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Signer", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Source", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Active", "b", get_flag, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("SelectedForBoot", "b", get_flag, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

int bus_policy_register(Bus *bus) {
        int r = sd_bus_add_fallback_vtable(bus->bus, NULL, POLICY_PREFIX, POLICY_INTERFACE, policy_vtable,
                                           find_policy, bus);

        if (r >= 0)
                r = sd_bus_add_node_enumerator(bus->bus, NULL, POLICY_PREFIX, list_objects, bus);
        return r;
}

int bus_policy_append_list(sd_bus_message *reply, Bus *bus) {
        const VersionRecord *active = bus_view_active(bus, NULL);
        const StoreState *state = bus->manager->state;
        int r = sd_bus_message_open_container(reply, 'a', "(ssssbo)");

        for (size_t i = 0; r >= 0 && i < state->n_versions; i++) {
                const VersionRecord *record = &state->versions[i];
                char version[IPE_VERSION_STRLEN], digest[DIGEST_HEX_SIZE];
                _cleanup_free_ char *path = NULL;

                ipe_version_print(&record->version, version);
                digest_to_hex(&record->digest, digest);
                r = bus_path_of(record, &path);
                if (r >= 0)
                        r = sd_bus_message_append(reply, "(ssssbo)", record->name, version,
                                                  version_state_to_string(record->state), digest, record == active,
                                                  path);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_record(sd_bus_message *reply, Bus *bus, const VersionRecord *record) {
        char version[IPE_VERSION_STRLEN], digest[DIGEST_HEX_SIZE];

        ipe_version_print(&record->version, version);
        digest_to_hex(&record->digest, digest);
        return sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "Name", "s", record->name,
                                     "Version", "s", version, "State", "s", version_state_to_string(record->state),
                                     "Digest", "s", digest, "Signer", "s", record->signer, "Source", "s",
                                     record->source, "StagedUSec", "t", record->staged_usec, "Active", "b",
                                     record == bus_view_active(bus, NULL), "SelectedForBoot", "b",
                                     record == manager_selected(bus->manager));
}

static int append_warnings(sd_bus_message *reply, const Manager *manager, const PolicySummary *summary) {
        int r = sd_bus_message_open_container(reply, 'e', "sv");

        if (r >= 0)
                r = sd_bus_message_append(reply, "s", "Warnings");
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "s");
        for (char **warning = summary->warnings; r >= 0 && warning && *warning; warning++)
                r = sd_bus_message_append(reply, "s", *warning);
        if (r >= 0 && summary_has_keyring_warning(manager, summary))
                r = sd_bus_message_append(reply, "s", summary->keyring_warning);
        for (int depth = 0; r >= 0 && depth < 3; depth++)
                r = sd_bus_message_close_container(reply);
        return r;
}

static int append_summary(sd_bus_message *reply, const Manager *manager, const PolicySummary *summary) {
        char floor[IPE_VERSION_STRLEN];
        int r;

        if (!summary->known)
                return 0;
        ipe_version_print(&summary->floor, floor);
        r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}", "RollbackFloor", "s", floor, "NeedsExtendedAbi", "b",
                                  (int) summary->needs_extended_abi, "Size", "t", (uint64_t) summary->size, "TextSize", "t",
                                  (uint64_t) summary->text_size, "WarningsCount", "t", summary->n_warnings +
                                  summary_has_keyring_warning(manager, summary));
        return r < 0 ? r : append_warnings(reply, manager, summary);
}

int bus_policy_append_description(sd_bus_message *reply, Bus *bus, const VersionRecord *record) {
        int r = sd_bus_message_open_container(reply, 'a', "{sv}");

        if (r >= 0)
                r = append_record(reply, bus, record);
        if (r >= 0)
                r = append_summary(reply, bus->manager, &record->summary);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}
