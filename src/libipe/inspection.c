/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An inspection as a value, and as JSON:
 *
 *     {
 *       "volumes": [ { "name": "usr", "device": [ 254, 0 ], "root_hash": "sha256:HEX", "signed": true, "cmdline": false
 * } ], "files": [ { "path": "/usr/bin/sh", "operation": "EXECUTE", "volume": 0, "processes": "sh[12]", "note": "",
 *                    "initramfs": false, "fsverity": "", "fsverity_signed": false } ]
 *     }
 *
 * A file on no volume has no member "volume"; one of which the kernel may know more facts has "incomplete": true. One
 * that only users need has "scope": "users", an essential one "essential"; all others are of the system. If
 * ipe-inspect did not look at all processes of an owner, there is a member "cuts": [ { "uid": 1000, "scope": "users",
 * "processes": 3 } ].
 *
 * json_put_bytes() writes names. Those of an answer are UTF-8, as they go to the bus; a request may have any path.
 */

#include "inspection.h"
#include "json.h"
#include "utf8.h"

static void volume_done(VolumeFacts *volume) {
        free(volume->name);
}

static void file_done(FileFacts *file) {
        free(file->path);
        free(file->processes);
        free(file->note);
}

Inspection *inspection_free(Inspection *inspection) {
        if (!inspection)
                return NULL;
        for (size_t i = 0; i < inspection->n_volumes; i++)
                volume_done(&inspection->volumes[i]);
        for (size_t i = 0; i < inspection->n_files; i++)
                file_done(&inspection->files[i]);
        free(inspection->volumes);
        free(inspection->files);
        free(inspection->cuts);
        free(inspection);
        return NULL;
}

int inspection_add_volume(Inspection *inspection, VolumeFacts *volume) {
        int r = list_make_room(&inspection->volumes, inspection->n_volumes, sizeof(*volume));

        if (r < 0 || !volume->name) {
                volume_done(volume);
                return -ENOMEM;
        }
        inspection->volumes[inspection->n_volumes++] = *volume;
        return 0;
}

int inspection_add_file(Inspection *inspection, FileFacts *file) {
        int r = list_make_room(&inspection->files, inspection->n_files, sizeof(*file));

        if (r < 0 || !file->path || !file->processes || !file->note) {
                file_done(file);
                return -ENOMEM;
        }
        inspection->files[inspection->n_files++] = *file;
        return 0;
}

int inspection_add_cut(Inspection *inspection, const InspectionCut *cut) {
        int r = list_make_room(&inspection->cuts, inspection->n_cuts, sizeof(*cut));

        if (r >= 0)
                inspection->cuts[inspection->n_cuts++] = *cut;
        return r;
}

static void set_boolean(const struct ipe_vocabulary *vocabulary, enum ipe_property_id property, bool value,
                        struct ipe_facts *facts) {
        if (value)
                facts->booleans |= 1U << vocabulary->slot[property];
}

static void set_digest(const struct ipe_vocabulary *vocabulary, enum ipe_property_id property, const FactDigest *digest,
                       struct ipe_facts *facts) {
        if (digest->algorithm[0] == '\0')
                return;
        facts->digests[vocabulary->slot[property]] = (struct ipe_digest) {
                .algorithm = digest->algorithm,
                .algorithm_len = strlen(digest->algorithm),
                .value = digest->value,
                .value_len = digest->size,
        };
}

void inspection_facts(const Inspection *inspection, const FileFacts *file, const struct ipe_vocabulary *vocabulary,
                      struct ipe_facts *ret) {
        const VolumeFacts *volume = file->volume < inspection->n_volumes ? &inspection->volumes[file->volume] : NULL;

        *ret = (struct ipe_facts) {};
        set_boolean(vocabulary, IPE_PROPERTY_BOOT_VERIFIED, file->is_initramfs, ret);
        set_boolean(vocabulary, IPE_PROPERTY_FSVERITY_SIGNATURE, file->fsverity_signed, ret);
        set_digest(vocabulary, IPE_PROPERTY_FSVERITY_DIGEST, &file->fsverity, ret);
        if (!volume)
                return;
        set_boolean(vocabulary, IPE_PROPERTY_DMVERITY_SIGNATURE, volume->is_signed, ret);
        set_boolean(vocabulary, IPE_PROPERTY_DMVERITY_CMDLINE, volume->is_cmdline, ret);
        set_digest(vocabulary, IPE_PROPERTY_DMVERITY_ROOTHASH, &volume->root_hash, ret);
}

VolumeVerdict volume_judge(const Inspection *inspection, size_t number, const struct ipe_policy *policy,
                           const struct ipe_vocabulary *vocabulary) {
        const FileFacts file = { .operation = IPE_OP_EXECUTE, .volume = number };
        VolumeVerdict ret = { .action = "" };
        struct ipe_verdict verdict;
        struct ipe_facts facts;

        if (!policy)
                return ret;
        inspection_facts(inspection, &file, vocabulary, &facts);
        verdict = ipe_policy_evaluate(policy, IPE_OP_EXECUTE, &facts);
        ret.action = ipe_action_name(verdict.action);
        (void) ipe_verdict_print(policy, &verdict, ret.rule, sizeof(ret.rule));
        return ret;
}

void fact_digest_print(const FactDigest *digest, char ret[FACT_DIGEST_STRLEN]) {
        char *out = ret;

        *out = '\0';
        if (digest->algorithm[0] == '\0')
                return;
        out += sprintf(out, "%s:", digest->algorithm);
        for (size_t i = 0; i < digest->size; i++)
                out += sprintf(out, "%02x", digest->value[i]);
}

static int hex_digit(char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Returns 0 or -EUCLEAN. An empty text gives an empty digest. */
static int digest_parse(const char *text, FactDigest *ret) {
        const char *colon = strchr(text, ':'), *hex;
        FactDigest digest = {};

        if (*text == '\0') {
                *ret = digest;
                return 0;
        }
        if (!colon || colon == text || (size_t) (colon - text) >= sizeof(digest.algorithm) ||
            !utf8_is_valid(text, (size_t) (colon - text)))
                return -EUCLEAN;
        memcpy(digest.algorithm, text, (size_t) (colon - text));
        for (hex = colon + 1; *hex; hex += 2) {
                int high = hex_digit(hex[0]), low = high < 0 ? -1 : hex_digit(hex[1]);

                if (low < 0 || digest.size >= sizeof(digest.value))
                        return -EUCLEAN;
                digest.value[digest.size++] = (uint8_t) (high << 4 | low);
        }
        if (digest.size == 0)
                return -EUCLEAN;
        *ret = digest;
        return 0;
}

static const char *const scope_names[_SCOPE_MAX] = { "users", "system", "essential" };

/* Printing */

static int put_digest(struct json_object *object, const char *member, const FactDigest *digest) {
        char text[FACT_DIGEST_STRLEN];

        fact_digest_print(digest, text);
        return json_put_bytes(object, member, text);
}

static int put_volume(struct json_object *array, const VolumeFacts *volume) {
        struct json_object *object = json_object_new_object(), *device = json_object_new_array();
        int r = json_append(array, object);

        if (r < 0) {
                json_object_put(device);
                return r;
        }
        r = json_put(object, "device", device);
        if (r >= 0)
                r = json_append(device, json_object_new_int64(volume->major));
        if (r >= 0)
                r = json_append(device, json_object_new_int64(volume->minor));
        if (r >= 0)
                r = json_put_bytes(object, "name", volume->name);
        if (r >= 0)
                r = put_digest(object, "root_hash", &volume->root_hash);
        if (r >= 0)
                r = json_put_flag(object, "signed", volume->is_signed);
        return r < 0 ? r : json_put_flag(object, "cmdline", volume->is_cmdline);
}

static int put_file(struct json_object *array, const FileFacts *file) {
        struct json_object *object = json_object_new_object();
        int r = json_append(array, object);

        if (r >= 0)
                r = json_put_bytes(object, "path", file->path);
        if (r >= 0)
                r = json_put_text(object, "operation", ipe_op_name(file->operation));
        if (r >= 0 && file->volume != SIZE_MAX)
                r = json_put(object, "volume", json_object_new_uint64(file->volume));
        if (r >= 0)
                r = json_put_flag(object, "initramfs", file->is_initramfs);
        if (r >= 0 && file->is_incomplete)
                r = json_put_flag(object, "incomplete", true);
        if (r >= 0)
                r = put_digest(object, "fsverity", &file->fsverity);
        if (r >= 0)
                r = json_put_flag(object, "fsverity_signed", file->fsverity_signed);
        if (r >= 0)
                r = json_put_bytes(object, "processes", file->processes);
        if (r >= 0)
                r = json_put_bytes(object, "note", file->note);
        return r < 0 || file->scope == SCOPE_SYSTEM ? r : json_put_text(object, "scope", scope_names[file->scope]);
}

static int put_cut(struct json_object *array, const InspectionCut *cut) {
        struct json_object *object = json_object_new_object();
        int r = json_append(array, object);

        if (r >= 0)
                r = json_put(object, "uid", json_object_new_uint64(cut->uid));
        if (r >= 0)
                r = json_put_text(object, "scope", scope_names[cut->scope]);
        return r < 0 ? r : json_put(object, "processes", json_object_new_uint64(cut->processes));
}

static int put_cuts(struct json_object *root, const Inspection *inspection) {
        struct json_object *array = inspection->n_cuts > 0 ? json_object_new_array() : NULL;
        int r = inspection->n_cuts > 0 ? json_put(root, "cuts", array) : 0;

        for (size_t i = 0; r >= 0 && i < inspection->n_cuts; i++)
                r = put_cut(array, &inspection->cuts[i]);
        return r;
}

/* Copies the text of an object. */
static int copy_text(struct json_object *object, char **ret, size_t *ret_size) {
        size_t size;
        const char *text = json_object_to_json_string_length(object,
                                                             JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
                                                             &size);
        char *copy;

        if (!text)
                return -ENOMEM;
        if (size > INSPECTION_SIZE_MAX)
                return -EFBIG;
        copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        *ret_size = size;
        return 0;
}

int inspection_print(const Inspection *inspection, char **ret, size_t *ret_size) {
        _cleanup_json_ struct json_object *root = json_object_new_object();
        struct json_object *volumes = json_object_new_array(), *files = json_object_new_array();
        int r = root ? json_put(root, "volumes", volumes) : -ENOMEM;

        if (r < 0) {
                json_object_put(files);
                return r;
        }
        r = json_put(root, "files", files);
        for (size_t i = 0; r >= 0 && i < inspection->n_volumes; i++)
                r = put_volume(volumes, &inspection->volumes[i]);
        for (size_t i = 0; r >= 0 && i < inspection->n_files; i++)
                r = put_file(files, &inspection->files[i]);
        if (r >= 0)
                r = put_cuts(root, inspection);
        return r < 0 ? r : copy_text(root, ret, ret_size);
}

/* Parsing */

/* ret: a copy. */
static int get_string(struct json_object *object, const char *member, char **ret) {
        _cleanup_free_ char *text = NULL;
        int r = json_get_bytes(object, member, &text);

        if (r < 0)
                return r;
        if (!utf8_is_valid(text, strlen(text)))
                return -EUCLEAN;
        *ret = TAKE_PTR(text);
        return 0;
}

static int get_digest(struct json_object *object, const char *member, FactDigest *ret) {
        _cleanup_free_ char *text = NULL;
        int r = json_get_bytes(object, member, &text);

        return r < 0 ? r : digest_parse(text, ret);
}

static int get_device(struct json_object *object, VolumeFacts *ret) {
        struct json_object *device;
        int64_t numbers[2];

        if (!json_object_object_get_ex(object, "device", &device) || !json_object_is_type(device, json_type_array) ||
            json_object_array_length(device) != 2)
                return -EUCLEAN;
        for (size_t i = 0; i < 2; i++) {
                struct json_object *number = json_object_array_get_idx(device, i);

                numbers[i] = json_object_is_type(number, json_type_int) ? json_object_get_int64(number) : -1;
                if (numbers[i] < 0 || numbers[i] > UINT32_MAX)
                        return -EUCLEAN;
        }
        ret->major = (unsigned) numbers[0];
        ret->minor = (unsigned) numbers[1];
        return 0;
}

static int read_volume(struct json_object *object, Inspection *inspection) {
        VolumeFacts volume = {};
        int r = json_object_is_type(object, json_type_object) ? get_string(object, "name", &volume.name) : -EUCLEAN;

        if (r >= 0)
                r = get_device(object, &volume);
        if (r >= 0)
                r = get_digest(object, "root_hash", &volume.root_hash);
        if (r >= 0 && volume.root_hash.size == 0)
                r = -EUCLEAN;
        if (r >= 0)
                r = json_get_flag(object, "signed", &volume.is_signed);
        if (r >= 0)
                r = json_get_flag(object, "cmdline", &volume.is_cmdline);
        if (r >= 0)
                return inspection_add_volume(inspection, &volume);
        volume_done(&volume);
        return r;
}

static int get_operation(struct json_object *object, enum ipe_op *ret) {
        const char *text = json_get_text(object, "operation");

        for (int operation = 0; text && operation < IPE_OP_COUNT; operation++)
                if (streq(text, ipe_op_name((enum ipe_op) operation))) {
                        *ret = (enum ipe_op) operation;
                        return 0;
                }
        return -EUCLEAN;
}

static int get_volume(struct json_object *object, const Inspection *inspection, size_t *ret) {
        uint64_t number;

        *ret = SIZE_MAX;
        if (!json_object_object_get_ex(object, "volume", NULL))
                return 0;
        if (json_get_number(object, "volume", &number) < 0 || number >= inspection->n_volumes)
                return -EUCLEAN;
        *ret = number;
        return 0;
}

static int get_scope(struct json_object *object, FileScope *ret) {
        const char *text = json_get_text(object, "scope");

        for (int scope = 0; text && scope < _SCOPE_MAX; scope++)
                if (streq(text, scope_names[scope])) {
                        *ret = (FileScope) scope;
                        return 0;
                }
        return -EUCLEAN;
}

static int read_file(struct json_object *object, Inspection *inspection) {
        FileFacts file = { .scope = SCOPE_SYSTEM };
        int r = json_object_is_type(object, json_type_object) ? get_string(object, "path", &file.path) : -EUCLEAN;

        if (r >= 0)
                r = get_string(object, "processes", &file.processes);
        if (r >= 0)
                r = get_string(object, "note", &file.note);
        if (r >= 0)
                r = get_operation(object, &file.operation);
        if (r >= 0)
                r = get_volume(object, inspection, &file.volume);
        if (r >= 0)
                r = json_get_flag(object, "initramfs", &file.is_initramfs);
        if (r >= 0 && json_object_object_get_ex(object, "incomplete", NULL))
                r = json_get_flag(object, "incomplete", &file.is_incomplete);
        if (r >= 0 && json_object_object_get_ex(object, "scope", NULL))
                r = get_scope(object, &file.scope);
        if (r >= 0)
                r = get_digest(object, "fsverity", &file.fsverity);
        if (r >= 0)
                r = json_get_flag(object, "fsverity_signed", &file.fsverity_signed);
        if (r >= 0)
                return inspection_add_file(inspection, &file);
        file_done(&file);
        return r;
}

static int read_cut(struct json_object *object, Inspection *inspection) {
        InspectionCut cut = {};
        uint64_t uid;

        if (!json_object_is_type(object, json_type_object) || get_scope(object, &cut.scope) < 0 ||
            cut.scope == SCOPE_ESSENTIAL || json_get_number(object, "uid", &uid) < 0 || uid > UINT32_MAX ||
            json_get_number(object, "processes", &cut.processes) < 0)
                return -EUCLEAN;
        cut.uid = (uint32_t) uid;
        return inspection_add_cut(inspection, &cut);
}

static int read_array(struct json_object *root, const char *member, int (*read)(struct json_object *, Inspection *),
                      Inspection *inspection) {
        struct json_object *array;
        size_t n;
        int r = 0;

        if (!json_object_object_get_ex(root, member, &array) || !json_object_is_type(array, json_type_array))
                return -EUCLEAN;
        n = json_object_array_length(array);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = read(json_object_array_get_idx(array, i), inspection);
        return r;
}

int inspection_parse(const char *text, size_t size, Inspection **ret) {
        _cleanup_(inspection_freep) Inspection *inspection = calloc(1, sizeof(*inspection));
        _cleanup_json_ struct json_object *root = NULL;
        int r;

        if (!inspection)
                return -ENOMEM;
        r = size > INSPECTION_SIZE_MAX ? -EUCLEAN : json_parse(text, size, &root);
        if (r >= 0 && !json_object_is_type(root, json_type_object))
                r = -EUCLEAN;
        if (r >= 0)
                r = read_array(root, "volumes", read_volume, inspection);
        if (r >= 0)
                r = read_array(root, "files", read_file, inspection);
        if (r >= 0 && json_object_object_get_ex(root, "cuts", NULL))
                r = read_array(root, "cuts", read_cut, inspection);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(inspection);
        return 0;
}

/* Requests */

void inspection_request_done(InspectionRequest *request) {
        strv_free(request->paths);
        strv_free(request->tools);
        strv_free(request->modules);
        strv_free(request->firmware);
        *request = (InspectionRequest) {};
}

int inspection_request_print(const InspectionRequest *request, char **ret, size_t *ret_size) {
        _cleanup_json_ struct json_object *root = json_object_new_object();
        int r = root ? json_put_list(root, "paths", request->paths) : -ENOMEM;

        if (r >= 0)
                r = json_put_list(root, "tools", request->tools);
        if (r >= 0)
                r = json_put_list(root, "modules", request->modules);
        if (r >= 0)
                r = json_put_list(root, "firmware", request->firmware);
        return r < 0 ? r : copy_text(root, ret, ret_size);
}

int inspection_request_parse(const char *text, size_t size, InspectionRequest *ret) {
        _cleanup_(inspection_request_done) InspectionRequest request = {};
        _cleanup_json_ struct json_object *root = NULL;
        int r = json_parse(text, size, &root);

        if (r >= 0 && !json_object_is_type(root, json_type_object))
                r = -EUCLEAN;
        if (r >= 0)
                r = json_get_list(root, "paths", &request.paths);
        if (r >= 0 && json_object_object_get_ex(root, "tools", NULL))
                r = json_get_list(root, "tools", &request.tools);
        if (r >= 0)
                r = json_get_list(root, "modules", &request.modules);
        if (r >= 0)
                r = json_get_list(root, "firmware", &request.firmware);
        if (r < 0)
                return r;
        *ret = request;
        request = (InspectionRequest) {};
        return 0;
}
