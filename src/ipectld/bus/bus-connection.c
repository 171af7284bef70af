/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connection to the system bus: its filters, its objects and its name.
 */

#include <systemd/sd-id128.h>

#include "bus-activate.h"
#include "bus-boot.h"
#include "bus-connection.h"
#include "bus-flood.h"
#include "bus-job.h"
#include "bus-log.h"
#include "bus-manager.h"
#include "bus-policy.h"
#include "bus-text.h"
#include "bus-trust.h"
#include "bus-view.h"
#include "bus-volume.h"
#include "bus-watch.h"
#include "log.h"
#include "object-path.h"
#include "preflight.h"
#include "subscribers.h"

/* sd-bus answers this call itself, but closes the connection if the machine has no ID. */
static int filter_machine_id(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        sd_id128_t id;

        if (sd_bus_message_is_method_call(message, "org.freedesktop.DBus.Peer", "GetMachineId") <= 0 ||
            sd_id128_get_machine(&id) >= 0)
                return 0;
        return sd_bus_reply_method_errorf(message, SD_BUS_ERROR_FAILED,
                                          "This machine has no ID: /etc/machine-id cannot be read.");
}

static int connect_bus(Bus *bus, sd_event *event) {
        int r;

        r = sd_bus_open_system_with_description(&bus->bus, "ipectld");
        if (r < 0) {
                log_error("Cannot connect to the system bus: %s", strerror(-r));
                return r;
        }
        (void) sd_bus_set_exit_on_disconnect(bus->bus, true);
        r = sd_bus_add_filter(bus->bus, NULL, filter_machine_id, NULL);
        if (r >= 0)
                r = bus_flood_start(bus, event);
        if (r >= 0)
                r = presence_new(bus->bus, &bus->presence);
        if (r >= 0)
                r = bus_manager_register(bus);
        if (r >= 0)
                r = sd_bus_add_object_manager(bus->bus, NULL, BUS_ROOT_PATH);
        if (r >= 0)
                r = bus_policy_register(bus);
        if (r >= 0)
                r = bus_job_register(bus);
        if (r >= 0)
                r = bus_log_register(bus);
        if (r >= 0)
                r = sd_bus_attach_event(bus->bus, event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0) {
                log_error("Cannot offer objects on the bus: %s", strerror(-r));
                return r;
        }
        r = sd_bus_request_name(bus->bus, BUS_NAME, 0);
        if (r < 0)
                log_error("Cannot take the name " BUS_NAME ": %s", strerror(-r));
        return r;
}

/* Makes the state of handlers. */
static int start_handlers(Bus *bus) {
        int r = bus_view_start(bus);

        if (r >= 0)
                r = bus_text_start(bus);
        return r < 0 ? r : bus_trust_start(bus);
}

int bus_new(Manager *manager, Source *source, sd_event *event, Bus **ret) {
        _cleanup_(bus_freep) Bus *bus = calloc(1, sizeof(*bus));
        int r;

        if (!bus)
                return -ENOMEM;
        bus->manager = manager;
        bus->source = source;
        r = start_handlers(bus);
        if (r < 0)
                return r;
        r = callers_new(event, &bus->callers);
        if (r < 0)
                log_error("Cannot connect to the system bus: %s", strerror(-r));
        else
                r = connect_bus(bus, event);
        if (r < 0)
                return r;
        bus->polkit = polkit_new(bus->callers, bus->presence);
        bus->subscribers = subscribers_new(bus->bus, bus->callers, bus->presence);
        if (!bus->polkit || !bus->subscribers)
                return -ENOMEM;
        r = bus_watch_start(bus);
        if (r < 0)
                return r;
        manager->announcer = (Announcer) { .bus = bus->bus, .subscribers = bus->subscribers };
        *ret = TAKE_PTR(bus);
        return 0;
}

Bus *bus_free(Bus *bus) {
        if (!bus)
                return NULL;
        bus_job_cancel(bus);
        preflight_cancel(bus->manager);
        bus_activation_cancel(bus);
        bus_volume_cancel(bus);
        bus_boot_cancel(bus);
        bus->manager->announcer = (Announcer) {};
        subscribers_free(bus->subscribers);
        polkit_free(bus->polkit);
        callers_free(bus->callers);
        presence_free(bus->presence);
        bus_watch_free(bus->watch);
        bus_flood_free(bus->flood);
        bus_text_free(bus->texts);
        bus_view_free(bus->view);
        bus_trust_free(bus->trust);
        sd_bus_flush_close_unref(bus->bus);
        free(bus);
        return NULL;
}
