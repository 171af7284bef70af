/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads trust.d, and finds out whether it has changed since.
 *
 * A file that cannot be used affects no other. But a revocation list that cannot be read may revoke any certificate:
 * its path is kept as a doubt, and trust.c refuses certificates for which there is no other list.
 */

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <time.h>

#include "crypto.h"
#include "io.h"
#include "layers.h"
#include "trust-internal.h"

#define PEM_SIZE_MAX (4U << 20)

/* Two changes within one tick of the file system's clock have the same time. */
#define SETTLED_SEC 2

const char *const trust_directories[] = { "/etc/ipe/trust.d", "/run/ipe/trust.d", "/usr/lib/ipe/trust.d", NULL };

Trust *trust_free(Trust *trust) {
        if (!trust)
                return NULL;
        sk_X509_pop_free(trust->trusted, X509_free);
        sk_X509_CRL_pop_free(trust->crls, X509_CRL_free);
        for (size_t i = 0; i < trust->n_problems; i++) {
                free(trust->problems[i].path);
                free(trust->problems[i].sentence);
        }
        free(trust->problems);
        strv_free(trust->files);
        free(trust->traces.list);
        free(trust->doubt);
        free(trust);
        return NULL;
}

size_t trust_count(const Trust *trust) {
        return (size_t) sk_X509_num(trust->trusted);
}

const char *trust_doubt(const Trust *trust) {
        return trust->doubt;
}

static int _printf_(3, 4) add_problem(Trust *trust, const char *path, const char *format, ...) {
        Problem *larger = reallocarray(trust->problems, trust->n_problems + 1, sizeof(*larger)), *problem;
        va_list arguments;

        if (!larger)
                return -ENOMEM;
        trust->problems = larger;
        problem = &larger[trust->n_problems];
        problem->path = strdup(path);
        va_start(arguments, format);
        if (vasprintf(&problem->sentence, format, arguments) < 0)
                problem->sentence = NULL;
        va_end(arguments);
        if (!problem->path || !problem->sentence) {
                free(problem->path);
                free(problem->sentence);
                return -ENOMEM;
        }
        trust->n_problems++;
        return 0;
}

static int add_doubt(Trust *trust, const char *path) {
        if (!trust->doubt)
                trust->doubt = strdup(path);
        return trust->doubt ? 0 : -ENOMEM;
}

/* The content of a file, until the whole file has proved well formed. */
typedef struct Content {
        STACK_OF(X509) * certificates;
        STACK_OF(X509_CRL) * crls;
        unsigned n_certificates, n_crls, n_ignored;
} Content;

static void content_done(Content *content) {
        sk_X509_pop_free(content->certificates, X509_free);
        sk_X509_CRL_pop_free(content->crls, X509_CRL_free);
}

/* Returns 0, -EINVAL if it is broken, -ENOMEM. */
static int take_certificate(Content *content, const unsigned char *data, long size) {
        X509 *certificate = X509_new_ex(crypto_context(), NULL);
        const unsigned char *end = data;

        if (!certificate)
                return -ENOMEM;
        if (!d2i_X509(&certificate, &end, size))
                return -EINVAL;
        content->n_certificates++;
        if (end == data + size && sk_X509_push(content->certificates, certificate) > 0)
                return 0;
        X509_free(certificate);
        return end == data + size ? -ENOMEM : -EINVAL;
}

/* libcrypto ignores lists about other issuers, or about some reasons alone, without an error, and takes a list of
 * changes (delta) for a complete one. */
static bool is_of_known_kind(const X509_CRL *crl) {
        ISSUING_DIST_POINT *scope;
        int critical;
        bool known;

        if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
                return false;
        scope = X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, &critical, NULL);
        known = scope ? !scope->indirectCRL && !scope->onlysomereasons : critical == -1;
        ISSUING_DIST_POINT_free(scope);
        return known;
}

/* Returns as take_certificate(), or -EOPNOTSUPP. */
static int take_crl(Content *content, const unsigned char *data, long size) {
        X509_CRL *crl = X509_CRL_new_ex(crypto_context(), NULL);
        const unsigned char *end = data;
        int r = -ENOMEM;

        if (!crl)
                return -ENOMEM;
        if (!d2i_X509_CRL(&crl, &end, size))
                return -EINVAL;
        if (end != data + size)
                r = -EINVAL;
        else if (!is_of_known_kind(crl))
                r = -EOPNOTSUPP;
        else if (sk_X509_CRL_push(content->crls, crl) > 0)
                return 0;
        X509_CRL_free(crl);
        return r;
}

static int take_block(Content *content, const char *kind, const unsigned char *data, long size) {
        if (streq(kind, PEM_STRING_X509_CRL)) {
                content->n_crls++;
                return take_crl(content, data, size);
        }
        if (streq(kind, PEM_STRING_X509) || streq(kind, PEM_STRING_X509_OLD))
                return take_certificate(content, data, size);
        content->n_ignored++;
        return 0;
}

/* Returns 1 if a block was read, 0 at the end, -EINVAL if one is broken, -EOPNOTSUPP, -ENOMEM. */
static int read_block(BIO *bio, Content *content) {
        unsigned char *data = NULL;
        char *kind = NULL, *header = NULL;
        unsigned long error;
        long size;
        int r;

        ERR_clear_error();
        if (PEM_read_bio(bio, &kind, &header, &data, &size) != 1) {
                error = ERR_peek_last_error();
                return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE ? 0 : -EINVAL;
        }
        r = take_block(content, kind, data, size);
        OPENSSL_free(kind);
        OPENSSL_free(header);
        OPENSSL_free(data);
        return r < 0 ? r : 1;
}

static int read_pem(const void *data, size_t size, Content *content) {
        BIO *bio = BIO_new_mem_buf(data, (int) size);
        int r = bio ? 1 : -ENOMEM;

        while (r > 0)
                r = read_block(bio, content);
        BIO_free(bio);
        return r;
}

/* Records the file of the next certificate. */
static int add_file(Trust *trust, const char *path) {
        size_t n = trust_count(trust);
        char **larger = reallocarray(trust->files, n + 2, sizeof(*larger));

        if (!larger)
                return -ENOMEM;
        trust->files = larger;
        larger[n] = strdup(path);
        larger[n + 1] = NULL;
        return larger[n] ? 0 : -ENOMEM;
}

static int take_content(Trust *trust, const char *path, Content *content) {
        while (sk_X509_num(content->certificates) > 0) {
                if (add_file(trust, path) < 0 ||
                    sk_X509_push(trust->trusted, sk_X509_value(content->certificates, 0)) <= 0)
                        return -ENOMEM;
                (void) sk_X509_shift(content->certificates);
        }
        while (sk_X509_CRL_num(content->crls) > 0) {
                if (sk_X509_CRL_push(trust->crls, sk_X509_CRL_value(content->crls, 0)) <= 0)
                        return -ENOMEM;
                (void) sk_X509_CRL_shift(content->crls);
        }
        return 0;
}

/* Counts also lists that libcrypto ignores, such as one with a blank before its first line. */
static unsigned count_lists(const char *data, size_t size) {
        static const char begin[] = "BEGIN " PEM_STRING_X509_CRL;
        const char *end = data + size, *at = data;
        unsigned n = 0;

        while ((at = memmem(at, (size_t) (end - at), begin, strlen(begin)))) {
                at += strlen(begin);
                n++;
        }
        return n;
}

/* Uses a whole file or nothing of it. is_list: by its name it has a revocation list. */
static int take_file(Trust *trust, const LayeredFile *file, bool is_list, const void *data, size_t size) {
        _cleanup_(content_done)
                Content content = { .certificates = sk_X509_new_null(), .crls = sk_X509_CRL_new_null() };
        int r;

        if (!content.certificates || !content.crls)
                return -ENOMEM;
        r = read_pem(data, size, &content);
        if (r == -ENOMEM)
                return r;
        if (r == -EOPNOTSUPP)
                r = add_problem(trust, file->path,
                                "it has a revocation list that is not complete (delta), or not of its issuer or for "
                                "all reasons");
        else if (r < 0)
                r = add_problem(trust, file->path, "not a certificate or a revocation list in PEM: %s",
                                crypto_reason());
        else if (is_list && content.n_crls == 0)
                r = add_problem(trust, file->path, "it has no revocation list in PEM");
        else if (count_lists(data, size) != content.n_crls)
                r = add_problem(trust, file->path,
                                "there is a revocation list in it that cannot be read: its lines begin with dashes");
        else if (content.n_certificates + content.n_crls == 0)
                r = add_problem(trust, file->path, "it has no certificate in PEM");
        else if (is_list && content.n_certificates > 0)
                r = add_problem(trust, file->path, "it has a certificate; to trust that, call the file NAME.pem");
        else {
                if (content.n_ignored > 0)
                        r = add_problem(trust, file->path,
                                        "it has other blocks than certificates and revocation lists");
                return r < 0 ? r : take_content(trust, file->path, &content);
        }
        ERR_clear_error();
        return r == 0 && (is_list || count_lists(data, size) > 0) ? add_doubt(trust, file->path) : r;
}

static int read_file(Trust *trust, const LayeredFile *file) {
        bool is_list = stem_length(file->name, ".crl.pem") > 0;
        _cleanup_free_ void *data = NULL;
        size_t size;
        int r;

        if (stem_length(file->name, ".pem") == 0)
                return add_problem(trust, file->path, "its name does not end in .pem, so it is not read");
        r = read_file_at(AT_FDCWD, file->path, PEM_SIZE_MAX, &data, &size);
        if (r == -ENOMEM)
                return r;
        if (r >= 0)
                return take_file(trust, file, is_list, data, size);
        trust->unread = true;
        if (add_problem(trust, file->path, "cannot read it: %s%s", strerror(-r),
                        r == -EACCES ? " (ipectld reads it as the user 'ipe': 'chmod a+r' makes it readable)" : "") < 0)
                return -ENOMEM;
        /* These errors mean that it is no file, so it has no list. */
        return is_list || (r != -ENOENT && r != -EISDIR && r != -ELOOP && r != -ENOTDIR && r != -EBADF)
                       ? add_doubt(trust, file->path)
                       : 0;
}

static void take_trace(const char *path, Traces *traces, time_t now) {
        struct stat st;
        Trace *trace = &traces->list[traces->n++];

        *trace = (Trace) {};
        if (stat(path, &st) < 0)
                return;
        trace->device = st.st_dev;
        trace->inode = st.st_ino;
        trace->size = st.st_size;
        trace->modified = st.st_mtim;
        trace->changed = st.st_ctim;
        if (st.st_ctim.tv_sec > now - SETTLED_SEC || st.st_mtim.tv_sec > now - SETTLED_SEC)
                traces->settled = false;
}

/* ret: list is to be freed. */
static int take_traces(const char *const *directories, const LayeredFiles *files, Traces *ret) {
        Traces traces = { .settled = true };
        time_t now = time(NULL);
        size_t n = 0;

        while (directories[n])
                n++;
        traces.list = calloc(n + files->n + 1, sizeof(*traces.list));
        if (!traces.list)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                take_trace(directories[i], &traces, now);
        for (size_t i = 0; i < files->n; i++)
                take_trace(files->files[i].path, &traces, now);
        *ret = traces;
        return 0;
}

static bool time_equal(const struct timespec *a, const struct timespec *b) {
        return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool trace_equal(const Trace *a, const Trace *b) {
        return a->device == b->device && a->inode == b->inode && a->size == b->size &&
               time_equal(&a->modified, &b->modified) && time_equal(&a->changed, &b->changed);
}

static bool traces_prove(const Traces *known, const Traces *now) {
        if (!known->settled || known->n != now->n)
                return false;
        for (size_t i = 0; i < now->n; i++)
                if (!trace_equal(&known->list[i], &now->list[i]))
                        return false;
        return true;
}

int trust_new(Trust **ret) {
        _cleanup_(trust_freep) Trust *trust = calloc(1, sizeof(*trust));

        if (!trust)
                return -ENOMEM;
        trust->trusted = sk_X509_new_null();
        trust->crls = sk_X509_CRL_new_null();
        if (!trust->trusted || !trust->crls)
                return -ENOMEM;
        *ret = TAKE_PTR(trust);
        return 0;
}

/* traces: from before the reads; moved into the result. */
static int read_files(const LayeredFiles *files, Traces *traces, Trust **ret) {
        _cleanup_(trust_freep) Trust *trust = NULL;
        int r = trust_new(&trust);

        for (size_t i = 0; i < files->n && r >= 0; i++)
                r = read_file(trust, &files->files[i]);
        if (r < 0)
                return r;
        trust->traces = *traces;
        *traces = (Traces) {};
        /* The cause may go away without a change of the file. */
        if (trust->unread)
                trust->traces.settled = false;
        *ret = TAKE_PTR(trust);
        return 0;
}

static bool has_problem(const Trust *trust, const Problem *problem) {
        for (size_t i = 0; trust && i < trust->n_problems; i++)
                if (streq(trust->problems[i].path, problem->path) &&
                    streq(trust->problems[i].sentence, problem->sentence))
                        return true;
        return false;
}

static void report_problems(const Trust *trust, const Trust *before, TrustProblem problem, void *userdata) {
        for (size_t i = 0; i < trust->n_problems; i++)
                if (!has_problem(before, &trust->problems[i]))
                        problem(trust->problems[i].path, trust->problems[i].sentence, userdata);
}

void trust_report_problems(const Trust *trust, TrustProblem problem, void *userdata) {
        report_problems(trust, NULL, problem, userdata);
}

static void exchange(Trust *a, Trust *b) {
        Trust other = *a;

        *a = *b;
        *b = other;
}

int trust_refresh(Trust *trust, const char *const *directories, TrustProblem problem, void *userdata) {
        _cleanup_(trust_freep) Trust *new = NULL;
        _cleanup_layers_ LayeredFiles files = {};
        Traces traces = {};
        int r;

        r = crypto_init();
        if (r >= 0)
                r = layers_list(directories, "", &files, NULL);
        if (r >= 0)
                r = take_traces(directories, &files, &traces);
        if (r >= 0 && !traces_prove(&trust->traces, &traces)) {
                r = read_files(&files, &traces, &new);
                if (r >= 0) {
                        if (problem)
                                report_problems(new, trust, problem, userdata);
                        exchange(trust, new);
                        r = 1;
                }
        }
        free(traces.list);
        return r;
}

int trust_load(const char *const *directories, TrustProblem problem, void *userdata, Trust **ret) {
        _cleanup_(trust_freep) Trust *trust = NULL;
        int r = trust_new(&trust);

        if (r >= 0)
                r = trust_refresh(trust, directories, problem, userdata);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(trust);
        return 0;
}
