/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preflight: shows what a staged policy would deny. The daemon runs this as a job, and reports the findings by a
 * signal; if it ends meanwhile, there are none.
 */

#include "bus-value.h"
#include "client.h"
#include "output.h"
#include "table.h"

/* The matches precede the job, so that its end is not missed; the reply then says which daemon runs it. */
typedef struct Job {
        Client *client;
        char *daemon, *path; /* unique name, object; NULL before the job has begun */
        sd_bus_slot *finished, *owner;
        struct json_object *rows; /* the findings; NULL until the job has succeeded */
        bool ended;
        int error;
} Job;

static void job_done(Job *job) {
        sd_bus_slot_unref(job->finished);
        sd_bus_slot_unref(job->owner);
        free(job->daemon);
        free(job->path);
        json_object_put(job->rows);
}

static int read_findings(sd_bus_message *message, struct json_object **ret) {
        static const char *const keys[] = { "path", "operation", "rule", "processes" };

        return bus_read_rows(message, "(ssss)", keys, ret);
}

/* Reads why a job has failed. */
static int read_failure(sd_bus_message *message, sd_bus_error *reterr) {
        struct json_object *details = NULL;
        int r = bus_read_dictionary(message, &details);

        if (r < 0)
                return r;
        r = sd_bus_error_set(reterr, json_get_text(details, "error"), json_get_text(details, "message"));
        json_object_put(details);
        return r < 0 ? r : -EBADMSG;
}

static int read_result(sd_bus_message *message, Job *job) {
        struct json_object *rows = NULL;
        const char *result;
        int r = sd_bus_message_read(message, "s", &result);

        if (r >= 0)
                r = read_findings(message, &rows);
        if (r >= 0 && streq(result, "done")) {
                job->rows = rows;
                return 0;
        }
        json_object_put(rows);
        return r < 0 ? r : read_failure(message, &job->client->error);
}

/* Any client of the bus may send this signal; only that of our daemon and job counts. */
static int on_finished(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        const char *sender = sd_bus_message_get_sender(message);
        Job *job = userdata;

        if (job->ended || !job->path || !sender || !streq(sender, job->daemon) ||
            !streq(sd_bus_message_get_path(message), job->path))
                return 0;
        job->ended = true;
        job->error = read_result(message, job);
        return 0;
}

/* The call itself may start a daemon: only the end of the one that runs the job matters. */
static int on_owner(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        const char *name, *before, *after;
        Job *job = userdata;

        if (job->ended || !job->path || sd_bus_message_read(message, "sss", &name, &before, &after) < 0 ||
            !streq(before, job->daemon))
                return 0;
        job->ended = true;
        job->error = sd_bus_error_set(&job->client->error, SD_BUS_ERROR_NO_REPLY,
                                      "ipectld ended before the preflight did.");
        return 0;
}

static int add_matches(Job *job) {
        int r = sd_bus_match_signal(job->client->bus, &job->finished, MANAGER_NAME, NULL, "org.ipe.Job", "Finished",
                                    on_finished, job);

        return r < 0 ? r : client_match_owner(job->client, &job->owner, on_owner, job);
}

static char *copy(const char *text) {
        char *new = strdup(text ?: "");

        if (!new)
                oom();
        return new;
}

static int start(Job *job, const char *name) {
        sd_bus_message *reply = NULL;
        const char *path;
        int r = client_call(job->client, "StartPreflight", &reply, "sa{sv}", name, 0);

        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0) {
                job->daemon = copy(sd_bus_message_get_sender(reply));
                job->path = copy(path);
        }
        sd_bus_message_unref(reply);
        return r;
}

/* Waits without a limit, as other jobs may come first and take minutes. Ctrl-C ends the job. */
static int wait_for_end(Job *job) {
        int r = 0;

        while (r >= 0 && !job->ended) {
                r = sd_bus_process(job->client->bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(job->client->bus, UINT64_MAX);
                if (r == -EINTR)
                        r = 0;
        }
        return r < 0 ? r : job->error;
}

static int ask_for_findings(Client *client, char **argv, struct json_object **ret) {
        Job job = { .client = client };
        int r;

        client_doing(client, "Failed to find out what '%s' would deny", argv[1]);
        r = add_matches(&job);
        if (r >= 0)
                r = start(&job, argv[1]);
        if (r >= 0)
                r = wait_for_end(&job);
        if (r >= 0) {
                *ret = job.rows;
                job.rows = NULL;
        }
        job_done(&job);
        return r;
}

/* The last rows are sentences about the others. */
static size_t count_findings(struct json_object *rows) {
        size_t n = json_length(rows);

        while (n > 0 && !json_get(json_at(rows, n - 1), "operation"))
                n--;
        return n;
}

/* Finds the sentence that says what the preflight has missed: the last row, if it names no process. NULL: nothing. */
static const char *find_missed(struct json_object *rows) {
        size_t n = json_length(rows);
        struct json_object *last = n > count_findings(rows) ? json_at(rows, n - 1) : NULL;

        return last && !*json_get_text(last, "processes") ? json_get_text(last, "rule") : NULL;
}

static void print_sentences(struct json_object *rows, const Options *options) {
        size_t n = json_length(rows) - (find_missed(rows) ? 1 : 0);

        for (size_t i = count_findings(rows); i < n && !options->quiet; i++)
                say("%s.", json_get_text(json_at(rows, i), "rule"));
}

static void print_table(struct json_object *rows, size_t n, const Options *options) {
        static const char *const headers[] = { "PATH", "OPERATION", "RULE", "PROCESSES", NULL };
        Table *table = table_new(headers);

        for (size_t i = 0; i < n; i++) {
                struct json_object *finding = json_at(rows, i);
                const char *path = json_get_text(finding, "path");

                table_add(table, (const char *const[]) {
                                         *path ? path : "(memory without a file)", json_get_text(finding, "operation"),
                                         json_get_text(finding, "rule"), json_get_text(finding, "processes") });
        }
        table_print(table, options, "denial", "denials");
        table_free(table);
}

static void print_findings(struct json_object *rows, char **argv, const Options *options) {
        size_t n = count_findings(rows);

        if (n > 0)
                print_table(rows, n, options);
        else if (!options->quiet && !find_missed(rows))
                say("'%s' would deny nothing of what the preflight examined and saw.", argv[1]);
        print_sentences(rows, options);
}

static ExitStatus judge_findings(struct json_object *rows, char **argv) {
        const char *missed = find_missed(rows);

        if (!missed)
                return STATUS_OK;
        say_error("This list of what '%s' would deny is incomplete: %s.", argv[1], missed);
        return STATUS_FAILED;
}

ExitStatus verb_preflight(int argc, char **argv, const Options *options) {
        static const Question question = {
                .needs_authorization = true,
                .ask = ask_for_findings,
                .print = print_findings,
                .judge = judge_findings,
        };

        return client_ask(&question, argv, options);
}
