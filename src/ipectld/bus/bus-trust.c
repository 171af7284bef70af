/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ListTrust(): the certificates of trust.d, and the use of each. The judgement takes time and depends on the clock, so
 * users other than root may get an answer that is a bit old, see bus-age.h.
 */

#include "bus-age.h"
#include "bus-reply.h"
#include "bus-trust.h"
#include "clock.h"

/* A unit of a budget pays for so many certificates. */
#define CERTIFICATES_PER_UNIT 20U

struct BusTrust {
        TrustList list;
        BusAge age;
};

static bool charge(const Bus *bus, uid_t uid, size_t n) {
        return callers_charge(bus->callers, uid, n / CERTIFICATES_PER_UNIT);
}

/* Returns 0, FAILURE_TOO_MANY_CALLS without a sentence, or a negative errno.
 *
 * The function reads only files that have changed, but judges every certificate, which takes time: the budget of the
 * user pays for that. */
static int refresh(const Bus *bus, uid_t uid, Failure *reterr) {
        uint64_t begun = clock_usec(CLOCK_MONOTONIC);
        TrustList list;
        size_t n;
        int r;

        if (!charge(bus, uid, bus->trust->list.n))
                return FAILURE_TOO_MANY_CALLS;
        if (!bus_age_is_stale(bus, &bus->trust->age))
                return 0;
        r = manager_refresh_trust(bus->manager);
        if (r < 0)
                return failure_set_errno(reterr, r, "Cannot read the trusted certificates");
        n = trust_count(bus->manager->trust);
        if (n > bus->trust->list.n && !charge(bus, uid, n - bus->trust->list.n))
                return FAILURE_TOO_MANY_CALLS;
        r = trust_list(bus->manager->trust, &list);
        if (r < 0)
                return r;
        trust_list_done(&bus->trust->list);
        bus->trust->list = list;
        bus_age_set(bus, &bus->trust->age, begun);
        return 0;
}

static int append_certificate(sd_bus_message *reply, const TrustedCertificate *certificate) {
        char fingerprint[DIGEST_HEX_SIZE];

        digest_to_hex(&certificate->fingerprint, fingerprint);
        return sd_bus_message_append(reply, "a{sv}", 10, "Subject", "s", certificate->subject, "Issuer", "s",
                                     certificate->issuer, "Fingerprint", "s", fingerprint, "NotBeforeUSec", "t",
                                     certificate->not_before_usec, "NotAfterUSec", "t", certificate->not_after_usec,
                                     "File", "s", certificate->file, "Revoked", "b", (int) certificate->revoked,
                                     "Signs", "b", (int) certificate->signs, "Certifies", "b",
                                     (int) certificate->certifies, "Problem", "s", certificate->problem ?: "");
}

static int append_list(sd_bus_message *reply, const TrustList *list) {
        int r = sd_bus_message_open_container(reply, 'a', "a{sv}");

        for (size_t i = 0; i < list->n && r >= 0; i++)
                r = append_certificate(reply, &list->certificates[i]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int method_list_trust(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        sd_bus_message *reply = NULL;
        Failure failure = {};
        uid_t uid;
        int r;

        r = callers_find_uid(bus->callers, message, &uid);
        if (r < 0)
                return r;
        r = refresh(bus, uid, &failure);
        if (r == FAILURE_TOO_MANY_CALLS)
                return bus_refuse_too_many(reterr, uid);
        if (r != 0)
                return bus_refuse(reterr, r, &failure);
        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = append_list(reply, &bus->trust->list);
        return bus_send_reply(reply, r);
}

int bus_trust_start(Bus *bus) {
        bus->trust = calloc(1, sizeof(*bus->trust));
        return bus->trust ? 0 : -ENOMEM;
}

BusTrust *bus_trust_free(BusTrust *trust) {
        if (!trust)
                return NULL;
        trust_list_done(&trust->list);
        free(trust);
        return NULL;
}
