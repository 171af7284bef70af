/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file "history": one line for each entry, with a check, a space and a JSON object:
 *
 *     0123456789abcdef {"sequence":1,"usec":1,"name":"corp-base","version":"1.0.0","digest":"SHA-256 in
 * hex","to":"staged", "reason":"staged"}
 *
 * (on one line), and "change", "from", "message" and "transaction" where there are any; "to" is missing if the
 * version was removed. The check is the start of the object's SHA-256. It finds damage, and does not prove who wrote
 * the entry.
 *
 * One write appends an entry. If a crash or a full disk cuts it off, the line has no end or a wrong check; then the
 * next write replaces the whole file.
 */

#include <fcntl.h>
#include <sys/stat.h>

#include "io.h"
#include "json.h"
#include "store-history.h"
#include "store-internal.h"
#include "utf8.h"

#define CHECK_SIZE 16U
/* Bytes that are read at most; history_write() writes fewer. */
#define HISTORY_SIZE_MAX (32U << 20)
/* Bounds that ipectld never reaches: larger entries would fill answers, or leave no numbers for later changes. */
#define NAME_SIZE_MAX 255U
#define REASON_SIZE_MAX 64U
#define CHANGE_MAX (STORE_SEQUENCE_MAX / 2)

static int make_check(const char *text, size_t size, char ret[CHECK_SIZE + 1]) {
        char hex[DIGEST_HEX_SIZE];
        int r = digest_hex_of(text, size, hex);

        if (r >= 0)
                (void) snprintf(ret, CHECK_SIZE + 1, "%.*s", (int) CHECK_SIZE, hex);
        return r;
}

static int put_state(struct json_object *object, const char *member, int state) {
        return state == VERSION_ABSENT ? 0 : json_put_text(object, member, version_state_to_string(state));
}

static int put_entry(struct json_object *object, const HistoryEntry *entry) {
        char version[IPE_VERSION_STRLEN], digest[DIGEST_HEX_SIZE];
        int r;

        ipe_version_print(&entry->version, version);
        digest_to_hex(&entry->digest, digest);
        r = json_put(object, "sequence", json_object_new_uint64(entry->sequence));
        if (r >= 0 && entry->change > 0)
                r = json_put(object, "change", json_object_new_uint64(entry->change));
        if (r >= 0)
                r = json_put(object, "usec", json_object_new_uint64(entry->usec));
        if (r >= 0)
                r = json_put_bytes(object, "name", entry->name);
        if (r >= 0)
                r = json_put_text(object, "version", version);
        if (r >= 0)
                r = json_put_text(object, "digest", digest);
        if (r >= 0)
                r = put_state(object, "from", entry->from);
        if (r >= 0)
                r = put_state(object, "to", entry->to);
        if (r >= 0)
                r = json_put_bytes(object, "reason", entry->reason);
        if (r >= 0 && entry->transaction[0] != '\0')
                r = json_put_text(object, "transaction", entry->transaction);
        return r < 0 || !entry->message ? r : json_put_bytes(object, "message", entry->message);
}

static int print_entry(const HistoryEntry *entry, FILE *out) {
        _cleanup_json_ struct json_object *object = json_object_new_object();
        char check[CHECK_SIZE + 1];
        const char *text;
        int r = object ? put_entry(object, entry) : -ENOMEM;

        if (r < 0)
                return r;
        text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        r = text ? make_check(text, strlen(text), check) : -ENOMEM;
        if (r >= 0 && fprintf(out, "%s %s\n", check, text) < 0)
                r = -ENOMEM;
        return r;
}

/* Prints the entries from an index on. ret: to be freed. */
static int print_from(const History *history, size_t first, char **ret, size_t *ret_size) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        int r = out ? 0 : -ENOMEM;

        for (size_t i = first; i < history->n && r >= 0; i++)
                r = print_entry(&history->entries[i], out);
        if (out && fclose(out) != 0 && r >= 0)
                r = -ENOMEM;
        if (r < 0) {
                free(text);
                return r;
        }
        *ret = text;
        *ret_size = size;
        return 0;
}

/* As json_get_bytes(), for a text that goes to the bus. */
static int get_utf8(struct json_object *object, const char *member, char **ret) {
        int r = json_get_bytes(object, member, ret);

        return r >= 0 && !utf8_is_valid(*ret, strlen(*ret)) ? -EUCLEAN : r;
}

static int get_state(struct json_object *object, const char *member, int *ret) {
        const char *text = json_get_text(object, member);

        *ret = VERSION_ABSENT;
        if (!json_object_object_get_ex(object, member, NULL))
                return 0;
        *ret = text ? version_state_from_string(text) : -EINVAL;
        return *ret < 0 ? -EUCLEAN : 0;
}

static int get_texts(struct json_object *object, HistoryEntry *entry) {
        const char *version = json_get_text(object, "version"), *digest = json_get_text(object, "digest"),
                   *transaction = json_get_text(object, "transaction");

        if (!version || ipe_version_parse(version, strlen(version), &entry->version) < 0 || !digest ||
            digest_from_hex(digest, &entry->digest) < 0)
                return -EUCLEAN;
        if (transaction && strlen(transaction) >= sizeof(entry->transaction))
                return -EUCLEAN;
        if (transaction)
                strcpy(entry->transaction, transaction);
        return 0;
}

/* ret: its strings are to be freed also on failure. */
static int read_entry(struct json_object *object, HistoryEntry *ret) {
        int r = json_object_is_type(object, json_type_object) ? json_get_number(object, "sequence", &ret->sequence)
                                                              : -EUCLEAN;

        if (r >= 0 && json_object_object_get_ex(object, "change", NULL))
                r = json_get_number(object, "change", &ret->change);
        if (r >= 0)
                r = json_get_number(object, "usec", &ret->usec);
        if (r >= 0)
                r = get_texts(object, ret);
        if (r >= 0)
                r = get_state(object, "from", &ret->from);
        if (r >= 0)
                r = get_state(object, "to", &ret->to);
        if (r >= 0)
                r = get_utf8(object, "name", &ret->name);
        if (r >= 0)
                r = get_utf8(object, "reason", &ret->reason);
        if (r >= 0 && json_object_object_get_ex(object, "message", NULL))
                r = get_utf8(object, "message", &ret->message);
        if (r >= 0 &&
            (ret->change > CHANGE_MAX || strlen(ret->name) > NAME_SIZE_MAX || strlen(ret->reason) > REASON_SIZE_MAX))
                r = -EUCLEAN;
        return r;
}

static int parse_line(const char *line, size_t size, HistoryEntry *ret) {
        _cleanup_json_ struct json_object *object = NULL;
        char check[CHECK_SIZE + 1];
        int r;

        if (size <= CHECK_SIZE || line[CHECK_SIZE] != ' ')
                return -EUCLEAN;
        r = make_check(line + CHECK_SIZE + 1, size - CHECK_SIZE - 1, check);
        if (r >= 0 && memcmp(check, line, CHECK_SIZE) != 0)
                r = -EUCLEAN;
        if (r >= 0)
                r = json_parse(line + CHECK_SIZE + 1, size - CHECK_SIZE - 1, &object);
        return r < 0 ? r : read_entry(object, ret);
}

/* Keeps the sequence of the entry; an entry whose sequence does not count up is damaged. */
static int add_line(History *history, const char *line, size_t size) {
        HistoryEntry entry = {};
        int r = parse_line(line, size, &entry);

        if (r >= 0 && (entry.sequence <= history->sequence || entry.sequence > STORE_SEQUENCE_MAX - 1))
                r = -EUCLEAN;
        if (r >= 0) {
                history->sequence = entry.sequence - 1;
                r = history_add(history, &entry);
        }
        free(entry.name);
        free(entry.reason);
        free(entry.message);
        return r;
}

static int parse(const char *text, size_t size, History *history, size_t *ret_damaged) {
        size_t damaged = 0;

        while (size > 0) {
                const char *end = memchr(text, '\n', size);
                size_t len = end ? (size_t) (end - text) : size;
                int r = end ? add_line(history, text, len) : -EUCLEAN;

                if (r == -EUCLEAN)
                        damaged++;
                else if (r < 0)
                        return r;
                text += len + (end ? 1 : 0);
                size -= len + (end ? 1 : 0);
        }
        history->rewrite = history->rewrite || damaged > 0;
        *ret_damaged = damaged;
        return 0;
}

int history_read(const Store *store, History **ret, size_t *ret_damaged) {
        _cleanup_(history_freep) History *history = history_new();
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        int r;

        if (!history)
                return -ENOMEM;
        *ret_damaged = 0;
        r = read_plain_file_at(store->dir_fd, HISTORY_FILE, HISTORY_SIZE_MAX, (void **) &text, &size);
        if (r >= 0)
                r = parse(text, size, history, ret_damaged);
        else
                history->rewrite = true;
        if (r == -ENOMEM)
                return r;
        history->n_written = history->n;
        *ret = TAKE_PTR(history);
        return r == -ENOENT ? 0 : r;
}

/* Removes a part that was written before the disk failed; if that fails too, the check of the line finds it. */
static int append(const Store *store, const char *text, size_t size) {
        _cleanup_close_ int fd = openat(store->dir_fd, HISTORY_FILE,
                                        O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADF;
        r = write_all(fd, text, size);
        if (r >= 0 && fdatasync(fd) < 0)
                r = -errno;
        return r < 0 && ftruncate(fd, st.st_size) < 0 ? -errno : r;
}

int history_write(Store *store, History *history) {
        _cleanup_free_ char *text = NULL;
        bool whole = history->rewrite;
        size_t size = 0;
        int r;

        if (store->lock_fd < 0)
                return -EROFS;
        if (!whole && history->n_written == history->n)
                return 0;
        r = print_from(history, whole ? 0 : history->n_written, &text, &size);
        if (r >= 0)
                r = whole ? replace_file_at(store->dir_fd, HISTORY_FILE, text, size, 0600) : append(store, text, size);
        history->rewrite = r < 0;
        if (r >= 0)
                history->n_written = history->n;
        return r;
}
