/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as an inspection, and as a request for one: refused, or what is printed and read back to the same text, and
 * gives facts that a policy can be evaluated with.
 */

#include <string.h>

#include "fuzz.h"

#include "inspection.h"

static void check_facts(const Inspection *inspection) {
        struct ipe_vocabulary vocabulary;

        ipe_vocabulary_init(&vocabulary);
        for (size_t i = 0; i < inspection->n_files; i++) {
                struct ipe_facts facts;

                inspection_facts(inspection, &inspection->files[i], &vocabulary, &facts);
                for (size_t slot = 0; slot < IPE_DIGESTS_MAX; slot++)
                        require(!facts.digests[slot].value ||
                                        (facts.digests[slot].value_len > 0 && facts.digests[slot].algorithm_len > 0),
                                "a digest without a value");
        }
}

static void check_inspection(const char *data, size_t size) {
        _cleanup_(inspection_freep) Inspection *inspection = NULL, *back = NULL;
        _cleanup_free_ char *text = NULL, *again = NULL;
        size_t text_size, again_size;
        int r = inspection_parse(data, size, &inspection);

        require(r == 0 || r == -EUCLEAN, "neither an inspection nor nonsense");
        if (r != 0)
                return;
        check_facts(inspection);
        require(inspection_print(inspection, &text, &text_size) == 0, "an inspection that was read is not written");
        require(inspection_parse(text, text_size, &back) == 0, "an inspection that was written is not read");
        require(inspection_print(back, &again, &again_size) == 0, "an inspection is not written twice");
        require(text_size == again_size && memcmp(text, again, text_size) == 0, "an inspection changed on its way");
}

static void check_request(const char *data, size_t size) {
        _cleanup_(inspection_request_done) InspectionRequest request = {}, back = {};
        _cleanup_free_ char *text = NULL;
        size_t text_size;
        int r = inspection_request_parse(data, size, &request);

        require(r == 0 || r == -EUCLEAN, "neither a request nor nonsense");
        if (r != 0)
                return;
        require(inspection_request_print(&request, &text, &text_size) == 0, "a request that was read is not written");
        require(inspection_request_parse(text, text_size, &back) == 0, "a request that was written is not read");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        check_inspection((const char *) data, size);
        check_request((const char *) data, size);
        return 0;
}
