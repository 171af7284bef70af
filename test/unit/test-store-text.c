/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state of the store as text: each state survives, and a damaged text is never taken for a state.
 */

#include "test-unit.h"

#include "states.h"

static const struct ipe_version one = { 1, 0, 0 }, two = { 2, 0, 0 }, ten = { 10, 0, 0 };

static void a_state_survives_as_text(void **state) {
        _cleanup_(store_state_freep) StoreState *s = empty_state();

        assert_survives(s);
        for (int i = 0; i < _VERSION_STATE_MAX; i++)
                add(s, record("name", (struct ipe_version) { 65535, 0, (uint16_t) i }, (uint8_t) i, i));
        s->versions[0].staged_usec = 0;
        s->versions[0].changed_usec = UINT64_MAX;
        s->versions[1].signer[0] = '\0';
        s->versions[1].source[0] = '\0';
        assert_survives(s);
        s->activating = true;
        s->activating_digest = digest(3);
        strcpy(s->activating_transaction, SOME_ID);
        strcpy(s->versions[0].transaction, SOME_ID);
        assert_survives(s);
        set_trial(s, CONFIRM_MANUAL, NULL);
        assert_survives(s);
        set_trial(s, CONFIRM_AUTO, (char *[]) { (char *) "a\\x2d\xff.service", (char *) "", NULL });
        assert_survives(s);
        assert_int_equal(store_state_set_shadowing(s, "a\\\xff", &(Digest) { { 4 } }), 0);
        assert_survives(s);
        assert_int_equal(store_state_set_shadowing(s, NULL, NULL), 0);
        assert_survives(s);
        strcpy(s->pending_boot_id, SOME_ID);
        assert_survives(s);
        strcpy(s->deactivated_boot_id, SOME_ID);
        s->rolling_back = true;
        assert_survives(s);
        store_state_set_activating(s, &s->activating_digest, NULL);
        assert_false(s->rolling_back);
}

/* Policy and file names need not be UTF-8. */
static void discarded_files_survive_until_they_are_forgotten(void **state) {
        _cleanup_(store_state_freep) StoreState *s = store_state_copy(NULL);
        const Digest first = { { 1 } }, second = { { 2 } };

        assert_non_null(s);
        assert_false(store_state_is_discarded(s, &first));
        assert_int_equal(store_state_set_discarded(s, "a\\\xff", &first, true), 0);
        assert_int_equal(store_state_set_discarded(s, "a", &second, true), 0);
        assert_int_equal(store_state_set_discarded(s, "a", &second, true), 0);
        assert_int_equal(s->n_discarded, 2);
        assert_survives(s);
        assert_int_equal(store_state_set_discarded(s, "a", &first, false), 0);
        assert_false(store_state_is_discarded(s, &first));
        assert_true(store_state_is_discarded(s, &second));
        assert_survives(s);
}

static void every_byte_of_a_name_survives_as_text(void **state) {
        _cleanup_(store_state_freep) StoreState *s = empty_state();
        VersionRecord r = record("", one, 0, VERSION_STAGED);
        char bytes[256] = {}, pair[] = "\\x";
        _cleanup_free_ char *text = NULL;
        size_t size;

        for (unsigned value = 1; value < 256; value++)
                bytes[value - 1] = (char) value;
        r.name = r.signer = r.source = bytes;
        assert_int_equal(store_state_add(s, &r), 0);
        /* Names that look like escape sequences. */
        add(s, record("\\x41", one, 1, VERSION_STAGED));
        add(s, record("\\", one, 2, VERSION_STAGED));
        add(s, record("\\\\x", one, 3, VERSION_STAGED));
        add(s, record(pair, one, 4, VERSION_STAGED));
        add(s, record("\"},{\"", one, 5, VERSION_STAGED));
        assert_survives(s);
        /* All of it is printable. */
        assert_int_equal(store_state_print(s, &text, &size), 0);
        for (size_t i = 0; i < size; i++)
                assert_true(text[i] == '\n' || (text[i] >= 0x20 && text[i] <= 0x7e));
}

static void a_state_that_could_not_be_read_is_not_written(void **state) {
        static const VersionState singular[] = { VERSION_TRIAL, VERSION_CONFIRMED, VERSION_PENDING_REBOOT };
        char *text = NULL;
        size_t size;

        for (size_t i = 0; i < ELEMENTSOF(singular); i++) {
                _cleanup_(store_state_freep) StoreState *s = empty_state();

                add(s, record("a", one, 1, singular[i]));
                assert_survives(s);
                add(s, record("b", one, 2, singular[i]));
                assert_int_equal(store_state_print(s, &text, &size), -EINVAL);
        }
        for (int wrong = 0; wrong < 13; wrong++) {
                _cleanup_(store_state_freep) StoreState *s = empty_state();

                add(s, record(wrong == 0 ? "" : "a", one, 1, VERSION_STAGED));
                add(s, record("b", one, wrong == 1 ? 1 : 2, VERSION_STAGED));
                if (wrong == 2)
                        strcpy(s->pending_boot_id, "0123456789ABCDEF0123456789ABCDEF");
                if (wrong == 3)
                        s->versions[1].name[0] = 'A';
                if (wrong == 4)
                        s->trial.boots = 1;
                if (wrong == 5)
                        s->trial.boots_max = TRIAL_BOOTS_MAX + 1;
                if (wrong == 6)
                        s->trial.boot_sec = TRIAL_BOOT_SEC_MAX + 1;
                if (wrong == 7)
                        s->versions[1].sequence = s->versions[0].sequence;
                if (wrong == 8)
                        s->versions[0].sequence = 0;
                if (wrong == 9)
                        s->sequence--;
                if (wrong == 10)
                        s->sequence = STORE_SEQUENCE_MAX + 1;
                if (wrong == 11)
                        strcpy(s->deactivated_boot_id, "0123");
                if (wrong == 12)
                        s->rolling_back = true;
                assert_int_equal(store_state_print(s, &text, &size), -EINVAL);
        }
        assert_null(text);
}

static void a_state_that_would_be_too_large_is_not_written(void **state) {
        _cleanup_(store_state_freep) StoreState *s = empty_state();
        char *source = malloc(STORE_STATE_SIZE_MAX), *text = NULL;
        VersionRecord r = record("a", one, 1, VERSION_STAGED);
        size_t size;

        assert_non_null(source);
        memset(source, 's', STORE_STATE_SIZE_MAX - 1);
        source[STORE_STATE_SIZE_MAX - 1] = '\0';
        r.source = source;
        assert_int_equal(store_state_add(s, &r), 0);
        assert_int_equal(store_state_print(s, &text, &size), -EFBIG);
        assert_null(text);
        free(source);
}

#define HEX "00000000000000000000000000000000000000000000000000000000000000"
#define BOOT_ID "0123456789abcdef0123456789abcdef"
/* A version: what differs between them; all members but one for those in which something is wrong. */
#define TAIL "\"signer\":\"s\",\"source\":\"f\",\"staged_usec\":1,\"changed_usec\":2}"
#define VERSION(name, version, digest, state)                                                                      \
        "{\"name\":\"" name "\",\"version\":\"" version "\",\"digest\":\"" digest HEX "\",\"state\":\"" state "\"" \
        "," TAIL
#define A VERSION("a", "1.0.0", "01", "staged")
#define BOOT "\"boot_id\":\"" BOOT_ID "\","
#define TRIAL(boot, deadline, confirm, units) \
        "{" boot "\"deadline_usec\":" deadline ",\"confirm\":\"" confirm "\",\"failed_units\":[" units "]}"
#define BOOT_TRIAL(boots, max, sec) \
        TRIAL(BOOT "\"boots\":" boots ",\"boots_max\":" max ",\"boot_sec\":" sec ",", "1", "auto", "")
#define HEALTH(members) TRIAL(BOOT "\"health\":" members ",", "1", "auto", "")
#define HEALTH_LISTS "\"units\":[\"a\"],\"ignore_units\":[],\"essential_paths\":[\"/b\"]"
#define STATE(format, versions, more) "{\"format\":" format ",\"versions\":[" versions "]" more "}"

static void texts_in_other_spelling_are_read(void **state) {
        static const struct {
                const char *text;
                size_t n_versions;
        } good[] = {
                { STATE("1", "", ""), 0 },
                { " \t\r\n" STATE(" 1 ", " ", " ") " \n\n", 0 },
                { STATE("1", A, ""), 1 },
                { "{\"versions\":[" A "],\"format\":1}", 1 },
                { STATE("1", VERSION("b", "1.0.0", "02", "trial") "," VERSION("a", "10.0.0", "03", "staged") "," A, ""),
                  3 },
                { STATE("1", A, ",\"activating\":\"ff" HEX "\",\"pending_boot_id\":\"" BOOT_ID "\""), 1 },
                { STATE("1", A, ",\"trial\":" TRIAL(BOOT, "1", "auto", "\"a\",\"b\"")), 1 },
                { STATE("1", A, ",\"trial\":" BOOT_TRIAL("100", "100", "86400")), 1 },
                { STATE("1", A, ",\"trial\":" HEALTH("{\"command\":true," HEALTH_LISTS "}")), 1 },
                { STATE("1", A, ",\"trial\":" TRIAL(BOOT "\"unenforced\":true,", "1", "auto", "")), 1 },
                /* Of a newer daemon. */
                { STATE("1",
                        "{\"colour\":[null],"
                        "\"name\":\"a\",\"version\":\"1.0.0\",\"digest\":\"01" HEX "\",\"state\":\"staged\"," TAIL,
                        ",\"more\":{\"format\":2}"),
                  1 },
                { STATE("1", VERSION("\\u0061", "1.0.0", "01", "staged"), ""), 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                _cleanup_(store_state_freep) StoreState *s = NULL;

                assert_int_equal(store_state_parse(good[i].text, strlen(good[i].text), &s), 0);
                assert_int_equal(s->n_versions, good[i].n_versions);
                for (size_t k = 1; k < s->n_versions; k++)
                        assert_true(strcmp(s->versions[k - 1].name, s->versions[k].name) < 0 ||
                                    ipe_version_compare(&s->versions[k - 1].version, &s->versions[k].version) < 0);
        }
}

typedef struct DamagedCase {
        const char *what, *text;
} DamagedCase;

#define MEMBERS(members) STATE("1", "{" members "}", "")
#define NAME "\"name\":\"a\","
#define V "\"version\":\"1.0.0\","
#define DIGEST "\"digest\":\"01" HEX "\","
#define ST "\"state\":\"staged\","
#define SIGNER "\"signer\":\"s\","
#define SOURCE "\"source\":\"f\","
#define STAGED "\"staged_usec\":1,"
#define CHANGED "\"changed_usec\":2"

static const DamagedCase damaged[] = {
        { "empty", "" },
        { "white space", "\n" },
        { "zeros", "\\0" },
        { "no JSON", "state" },
        { "null", "null" },
        { "an array", "[]" },
        { "a number", "1" },
        { "an object without members", "{}" },
        { "no format", "{\"versions\":[]}" },
        { "no versions", "{\"format\":1}" },
        { "a format of the past", STATE("0", "", "") },
        { "a format of the future", STATE("2", "", "") },
        { "a negative format", STATE("-1", "", "") },
        { "a format that is 1 only in 32 bits", STATE("4294967297", "", "") },
        { "a format with a fraction", STATE("1.0", "", "") },
        { "a format in quotes", STATE("\"1\"", "", "") },
        { "a format that is true", STATE("true", "", "") },
        { "versions that are no array", "{\"format\":1,\"versions\":{}}" },
        { "versions that are null", "{\"format\":1,\"versions\":null}" },
        { "a version that is no object", STATE("1", "1", "") },
        { "a version that is null", STATE("1", "null", "") },
        { "a version that is an array", STATE("1", "[]", "") },
        { "a comma at the end", STATE("1", A ",", "") },
        { "bytes behind the end", STATE("1", A, "") "x" },
        { "a second object", STATE("1", A, "") STATE("1", "", "") },
        { "a comment", "{/**/\"format\":1,\"versions\":[]}" },

        { "no name", MEMBERS(V DIGEST ST SIGNER SOURCE STAGED CHANGED) },
        { "no version", MEMBERS(NAME DIGEST ST SIGNER SOURCE STAGED CHANGED) },
        { "no digest", MEMBERS(NAME V ST SIGNER SOURCE STAGED CHANGED) },
        { "no state", MEMBERS(NAME V DIGEST SIGNER SOURCE STAGED CHANGED) },
        { "no signer", MEMBERS(NAME V DIGEST ST SOURCE STAGED CHANGED) },
        { "no source", MEMBERS(NAME V DIGEST ST SIGNER STAGED CHANGED) },
        { "no staging time", MEMBERS(NAME V DIGEST ST SIGNER SOURCE CHANGED) },
        { "no time of change", MEMBERS(NAME V DIGEST ST SIGNER SOURCE "\"staged_usec\":1") },
        { "a name that is a number", MEMBERS("\"name\":1," V DIGEST ST SIGNER SOURCE STAGED CHANGED) },
        { "a name that is null", MEMBERS("\"name\":null," V DIGEST ST SIGNER SOURCE STAGED CHANGED) },
        { "a version that is a number", MEMBERS(NAME "\"version\":1.0," DIGEST ST SIGNER SOURCE STAGED CHANGED) },
        { "a digest that is null", MEMBERS(NAME V "\"digest\":null," ST SIGNER SOURCE STAGED CHANGED) },
        { "a state that is a number", MEMBERS(NAME V DIGEST "\"state\":0," SIGNER SOURCE STAGED CHANGED) },
        { "a signer that is null", MEMBERS(NAME V DIGEST ST "\"signer\":null," SOURCE STAGED CHANGED) },
        { "a source that is an object", MEMBERS(NAME V DIGEST ST SIGNER "\"source\":{}," STAGED CHANGED) },
        { "a time in quotes", MEMBERS(NAME V DIGEST ST SIGNER SOURCE "\"staged_usec\":\"1\"," CHANGED) },
        { "a time with a fraction", MEMBERS(NAME V DIGEST ST SIGNER SOURCE "\"staged_usec\":1.5," CHANGED) },
        { "a negative time", MEMBERS(NAME V DIGEST ST SIGNER SOURCE "\"staged_usec\":-1," CHANGED) },

        { "an empty name", STATE("1", VERSION("", "1.0.0", "01", "staged"), "") },
        { "a NUL in a name", STATE("1", VERSION("a\\u0000b", "1.0.0", "01", "staged"), "") },
        { "an escaped NUL in a name", STATE("1", VERSION("a\\\\x00", "1.0.0", "01", "staged"), "") },
        { "a byte in a name that is not escaped", STATE("1", VERSION("\xff", "1.0.0", "01", "staged"), "") },
        { "a letter in a name that is not ASCII", STATE("1", VERSION("\\u00fc", "1.0.0", "01", "staged"), "") },
        { "a line break in a name", STATE("1", VERSION("a\\n", "1.0.0", "01", "staged"), "") },
        { "a backslash alone", STATE("1", VERSION("\\\\", "1.0.0", "01", "staged"), "") },
        { "an unknown escape sequence", STATE("1", VERSION("\\\\n", "1.0.0", "01", "staged"), "") },
        { "an escape sequence without digits", STATE("1", VERSION("\\\\x", "1.0.0", "01", "staged"), "") },
        { "an escape sequence with one digit", STATE("1", VERSION("\\\\xf", "1.0.0", "01", "staged"), "") },
        { "an escape sequence in capitals", STATE("1", VERSION("\\\\xFF", "1.0.0", "01", "staged"), "") },
        { "an escape sequence that is not needed", STATE("1", VERSION("\\\\x61", "1.0.0", "01", "staged"), "") },
        { "an escaped backslash in digits", STATE("1", VERSION("\\\\x5c", "1.0.0", "01", "staged"), "") },
        { "two components of a version", STATE("1", VERSION("a", "1.0", "01", "staged"), "") },
        { "a component that is too large", STATE("1", VERSION("a", "1.0.65536", "01", "staged"), "") },
        { "a version with a NUL", STATE("1", VERSION("a", "1.0.0\\u0000", "01", "staged"), "") },
        { "an empty version", STATE("1", VERSION("a", "", "01", "staged"), "") },
        { "a digest that is too short", STATE("1", VERSION("a", "1.0.0", "0", "staged"), "") },
        { "a digest that is too long", STATE("1", VERSION("a", "1.0.0", "001", "staged"), "") },
        { "a digest in capitals", STATE("1", VERSION("a", "1.0.0", "AA", "staged"), "") },
        { "a digest that is a path", STATE("1", VERSION("a", "1.0.0", "./", "staged"), "") },
        { "an unknown state", STATE("1", VERSION("a", "1.0.0", "01", "rejected"), "") },
        { "an empty state", STATE("1", VERSION("a", "1.0.0", "01", ""), "") },

        { "a version twice", STATE("1", A "," VERSION("a", "1.0.0", "02", "failed"), "") },
        { "a version twice, in two spellings", STATE("1", A "," VERSION("\\u0061", "1.0.0", "02", "failed"), "") },
        { "an object twice", STATE("1", A "," VERSION("b", "1.0.0", "01", "failed"), "") },
        { "two on trial",
          STATE("1", VERSION("a", "1.0.0", "01", "trial") "," VERSION("b", "1.0.0", "02", "trial"), "") },
        { "two confirmed",
          STATE("1", VERSION("a", "1.0.0", "01", "confirmed") "," A "," VERSION("b", "1.0.0", "02", "confirmed"), "") },
        { "two pending",
          STATE("1", VERSION("a", "1.0.0", "01", "pending-reboot") "," VERSION("a", "2.0.0", "02", "pending-reboot"),
                "") },

        { "an activation of nothing", STATE("1", "", ",\"activating\":\"\"") },
        { "an activation that is true", STATE("1", "", ",\"activating\":true") },
        { "a preflight of nothing", STATE("1", "", ",\"shadowing\":\"\"") },
        { "a preflight of no policy", STATE("1", A, ",\"shadowing\":\"01" HEX "\"") },
        { "a preflight of a policy without a name",
          STATE("1", A, ",\"shadowing\":\"01" HEX "\",\"shadowing_name\":\"\"") },
        { "a preflight of a name alone", STATE("1", A, ",\"shadowing_name\":\"a\"") },
        { "a preflight that is a number", STATE("1", "", ",\"shadowing\":1") },
        { "an activation that is null", STATE("1", "", ",\"activating\":null") },
        { "a transaction of another form", STATE("1", A, ",\"activating_transaction\":\"1\"") },
        { "a trial that is true", STATE("1", A, ",\"trial\":true") },
        { "a trial of no boot", STATE("1", A, ",\"trial\":" TRIAL("", "1", "auto", "")) },
        { "a trial of a boot of another form",
          STATE("1", A, ",\"trial\":" TRIAL("\"boot_id\":\"1\",", "1", "auto", "")) },
        { "a trial that ended before all time", STATE("1", A, ",\"trial\":" TRIAL(BOOT, "-1", "auto", "")) },
        { "a trial that nobody confirms", STATE("1", A, ",\"trial\":" TRIAL(BOOT, "1", "never", "")) },
        { "a failed unit that is a number", STATE("1", A, ",\"trial\":" TRIAL(BOOT, "1", "auto", "1")) },
        { "a failed unit with a NUL", STATE("1", A, ",\"trial\":" TRIAL(BOOT, "1", "auto", "\"a\\u0000\"")) },
        { "settings of health that are true", STATE("1", A, ",\"trial\":" HEALTH("true")) },
        { "settings of health without a command", STATE("1", A, ",\"trial\":" HEALTH("{" HEALTH_LISTS "}")) },
        { "settings of health with a command's words",
          STATE("1", A, ",\"trial\":" HEALTH("{\"command\":[\"/a\"]," HEALTH_LISTS "}")) },
        { "settings of health without lists", STATE("1", A, ",\"trial\":" HEALTH("{\"command\":true}")) },
        { "a unit that restarts and is a number",
          STATE("1", A, ",\"trial\":" TRIAL(BOOT "\"restarting_units\":[1],", "1", "auto", "")) },
        { "a trial that is not enforced by number",
          STATE("1", A, ",\"trial\":" TRIAL(BOOT "\"unenforced\":1,", "1", "auto", "")) },
        { "a boot that is too short", STATE("1", "", ",\"pending_boot_id\":\"0123\"") },
        { "a boot that is too long", STATE("1", "", ",\"pending_boot_id\":\"" BOOT_ID "0\"") },
        { "a boot in capitals", STATE("1", "", ",\"pending_boot_id\":\"0123456789ABCDEF0123456789ABCDEF\"") },
        { "a boot that is empty", STATE("1", "", ",\"pending_boot_id\":\"\"") },
        { "a boot that is a number", STATE("1", "", ",\"pending_boot_id\":1") },
        { "no policy since a boot of another form", STATE("1", "", ",\"deactivated_boot_id\":\"yes\"") },
        { "no policy since no boot", STATE("1", "", ",\"deactivated_boot_id\":\"\"") },
        { "a rollback of nothing", STATE("1", A, ",\"rolling_back\":true") },
        { "a rollback that is a text", STATE("1", A, ",\"activating\":\"01" HEX "\",\"rolling_back\":\"\"") },
        { "discarded files that are no list", STATE("1", "", ",\"discarded\":{}") },
        { "a discarded file that is a text", STATE("1", "", ",\"discarded\":[\"a\"]") },
        { "a discarded file without a digest", STATE("1", "", ",\"discarded\":[{\"name\":\"a\"}]") },
        { "a discarded file without a name", STATE("1", "", ",\"discarded\":[{\"digest\":\"01" HEX "\"}]") },
        { "a discarded file of no policy",
          STATE("1", "", ",\"discarded\":[{\"name\":\"\",\"digest\":\"01" HEX "\"}]") },
};

/* Completes a text with a check that holds. */
static char *seal(const char *text, size_t *ret_size) {
        char *sealed;

        assert_int_equal(text[strlen(text) - 1], '}');
        assert_int_equal(store_seal(text, strlen(text) - 1, &sealed, ret_size), 0);
        return sealed;
}

#define V1(number) "{" NAME V DIGEST ST number TAIL
#define V2(number) "{" NAME "\"version\":\"2.0.0\",\"digest\":\"02" HEX "\"," ST number TAIL
#define NUMBER(n) "\"sequence\":" n ","

static void assert_damaged(const char *text, size_t size) {
        char *copy = malloc(size);
        StoreState *s = NULL;

        /* Of exactly this size, so that a read behind its end is seen. */
        assert_non_null(copy);
        memcpy(copy, text, size);
        assert_int_equal(store_state_parse(copy, size, &s), -EUCLEAN);
        assert_null(s);
        free(copy);
}

static void a_damaged_text_is_no_state(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(damaged); i++) {
                print_message("# %s\n", damaged[i].what);
                assert_damaged(damaged[i].text, strlen(damaged[i].text));
        }
        /* A crash on a file system that does not keep its promises. */
        assert_damaged("\0\0\0\0", 4);
        assert_damaged(STATE("1", A, "") "\0", sizeof(STATE("1", A, "")));
}

static const DamagedCase damaged_numbers[] = {
        { "no number", STATE("1", V1(""), ",\"sequence\":1") },
        { "one without a number", STATE("1", V1(NUMBER("1")) "," V2(""), ",\"sequence\":2") },
        { "a number of 0", STATE("1", V1(NUMBER("0")), ",\"sequence\":1") },
        { "a number twice", STATE("1", V1(NUMBER("1")) "," V2(NUMBER("1")), ",\"sequence\":2") },
        { "a number above the highest", STATE("1", V1(NUMBER("2")), ",\"sequence\":1") },
        { "a number in quotes", STATE("1", V1(NUMBER("\"1\"")), ",\"sequence\":1") },
        { "a highest number that is null", STATE("1", V1(NUMBER("1")), ",\"sequence\":null") },
        { "a highest number without end", STATE("1", V1(NUMBER("1")), ",\"sequence\":9223372036854775808") },
        { "a negative highest number", STATE("1", "", ",\"sequence\":-1") },
};

static void numbers_that_cannot_be_are_damage(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(damaged_numbers); i++) {
                _cleanup_free_ char *text = NULL;
                size_t size;

                print_message("# %s\n", damaged_numbers[i].what);
                text = seal(damaged_numbers[i].text, &size);
                assert_damaged(text, size);
        }
}

static void a_number_may_be_any_up_to_the_highest(void **state) {
        _cleanup_(store_state_freep) StoreState *s = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;

        text = seal(STATE("1", V2(NUMBER("3")) "," V1(NUMBER("9223372036854775807")),
                          ",\"sequence\":9223372036854775807"),
                    &size);
        assert_int_equal(store_state_parse(text, size, &s), 0);
        assert_int_equal(store_state_find(s, "a", &one)->sequence, INT64_MAX);
        assert_int_equal(store_state_find(s, "a", &two)->sequence, 3);
}

/* An older release wrote neither numbers nor a check. */
static void versions_without_numbers_are_in_the_order_of_their_times(void **state) {
        static const char text[] = STATE("1",
                                         "{" NAME V DIGEST ST SIGNER SOURCE STAGED "\"changed_usec\":7},"
                                         "{" NAME "\"version\":\"2.0.0\",\"digest\":\"02" HEX
                                         "\"," ST SIGNER SOURCE STAGED "\"changed_usec\":5},"
                                         "{" NAME "\"version\":\"10.0.0\",\"digest\":\"03" HEX
                                         "\"," ST SIGNER SOURCE STAGED "\"changed_usec\":7}",
                                         "");
        _cleanup_(store_state_freep) StoreState *s = NULL;

        assert_int_equal(store_state_parse(text, strlen(text), &s), 0);
        assert_int_equal(s->sequence, 3);
        assert_int_equal(store_state_find(s, "a", &two)->sequence, 1);
        assert_int_equal(store_state_find(s, "a", &one)->sequence, 2);
        /* Of those at once the higher is the later. */
        assert_int_equal(store_state_find(s, "a", &ten)->sequence, 3);
        assert_survives(s);
}

static void a_text_with_numbers_needs_its_check(void **state) {
        static const char text[] = STATE("1", V1(NUMBER("1")), ",\"sequence\":1"),
                          other[] = STATE("1", V1(NUMBER("1")), ",\"sequence\":2");
        _cleanup_free_ char *sealed = NULL, *of_other = NULL;
        size_t size, other_size;

        assert_damaged(text, strlen(text));
        sealed = seal(text, &size);
        of_other = seal(other, &other_size);
        assert_int_equal(size, other_size);
        memcpy(sealed, of_other, strlen(other) - 1);
        assert_damaged(sealed, size);
        /* A check of another place. */
        assert_damaged("{\"check\":\"00" HEX "\",\"format\":1,\"versions\":[]}",
                       strlen("{\"check\":\"00" HEX "\",\"format\":1,\"versions\":[]}"));
}

/* An administrator can do so, too: 'head -n -2 state.json | sha256sum'. */
static void the_check_is_sha256_of_all_lines_but_the_last_two(void **state) {
        _cleanup_free_ char *text = NULL;
        char printed[256] = {};
        size_t size;
        FILE *pipe;

        text = seal("{\n  \"a\": 1\n}", &size);
        pipe = popen("printf '{\\n  \"a\": 1,\\n' | sha256sum", "r");
        assert_non_null(pipe);
        assert_int_equal(fread(printed, 1, 64, pipe), 64);
        pclose(pipe);
        assert_memory_equal(text + size - strlen("\"\n}\n") - 64, printed, 64);
}

static void a_broken_configuration_of_libcrypto_is_no_matter(void **state) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        assert_int_equal(setenv("OPENSSL_CONF", "/dev/null/missing", 1), 0);
        text = seal("{}", &size);
        assert_int_equal(store_check_seal(text, size), 0);
        assert_int_equal(store_check_seal(text, 3), -EUCLEAN);
}

static char *print_example(size_t *ret_size) {
        _cleanup_(store_state_freep) StoreState *s = empty_state();
        char *text;

        add(s, record("a\\\xff", one, 1, VERSION_SUPERSEDED));
        add(s, record("a", two, 2, VERSION_CONFIRMED));
        s->activating = true;
        strcpy(s->pending_boot_id, BOOT_ID);
        assert_int_equal(store_state_print(s, &text, ret_size), 0);
        return text;
}

static void a_text_cut_anywhere_is_no_state(void **state) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        text = print_example(&size);
        assert_int_equal(text[size - 1], '\n');
        for (size_t cut = 0; cut < size; cut++)
                assert_damaged(text, cut);
}

static void a_text_with_a_flipped_bit_is_no_state(void **state) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        text = print_example(&size);
        for (size_t i = 0; i < 8 * size; i++) {
                text[i / 8] ^= (char) (1 << i % 8);
                assert_damaged(text, size);
                text[i / 8] ^= (char) (1 << i % 8);
        }
}

/* The state of an older release has no check: it is read as a state that there can be, or refused. */
static void a_text_without_a_check_and_with_a_flipped_bit_is_a_state_or_refused(void **state) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        text = print_example(&size);
        for (size_t i = 0; i < 8 * size; i++) {
                _cleanup_(store_state_freep) StoreState *s = NULL;
                int r;

                text[i / 8] ^= (char) (1 << i % 8);
                r = store_state_parse_unchecked(text, size, &s);
                assert_true(r == 0 || r == -EUCLEAN);
                if (r == 0)
                        assert_survives(s);
                text[i / 8] ^= (char) (1 << i % 8);
        }
}

static void deep_nesting_is_refused_and_harms_nobody(void **state) {
        size_t size = 1 << 20;
        char *text = malloc(size);

        assert_non_null(text);
        memset(text, '[', size);
        assert_damaged(text, size);
        free(text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_state_survives_as_text),
                cmocka_unit_test(discarded_files_survive_until_they_are_forgotten),
                cmocka_unit_test(every_byte_of_a_name_survives_as_text),
                cmocka_unit_test(a_state_that_could_not_be_read_is_not_written),
                cmocka_unit_test(a_state_that_would_be_too_large_is_not_written),
                cmocka_unit_test(texts_in_other_spelling_are_read),
                cmocka_unit_test(a_damaged_text_is_no_state),
                cmocka_unit_test(a_text_cut_anywhere_is_no_state),
                cmocka_unit_test(a_text_with_a_flipped_bit_is_no_state),
                cmocka_unit_test(a_text_without_a_check_and_with_a_flipped_bit_is_a_state_or_refused),
                cmocka_unit_test(numbers_that_cannot_be_are_damage),
                cmocka_unit_test(a_number_may_be_any_up_to_the_highest),
                cmocka_unit_test(versions_without_numbers_are_in_the_order_of_their_times),
                cmocka_unit_test(a_text_with_numbers_needs_its_check),
                cmocka_unit_test(the_check_is_sha256_of_all_lines_but_the_last_two),
                cmocka_unit_test(a_broken_configuration_of_libcrypto_is_no_matter),
                cmocka_unit_test(deep_nesting_is_refused_and_harms_nobody),
        };

        return run_tests_as_tap(tests);
}
