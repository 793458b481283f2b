/* SPDX-License-Identifier: Apache-2.0 */
/* An operator's settings as a context of OpenSSL: files, versions, ciphers, whom to trust. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pemerr.h>
#include <openssl/x509err.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "loop/tls/tls.h"

enum { DEPTH = 4, SESSION_SECS = 3600, TICKETS = 1, RECORDS_AHEAD = 16 * 1024 + 512 };

/* In words for who wrote the configuration, where OpenSSL's are for who wrote a program. */
static const char *
reason_of(unsigned long error)
{
    if (ERR_SYSTEM_ERROR(error))
        return strerrordesc_np(ERR_GET_REASON(error));
    if (ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE)
        return "there is none in PEM form in the file (-----BEGIN ...)";
    if (ERR_GET_LIB(error) == ERR_LIB_X509 && ERR_GET_REASON(error) == X509_R_KEY_VALUES_MISMATCH)
        return "the key is another certificate's (key values mismatch)";
    if (ERR_GET_LIB(error) == ERR_LIB_OSSL_DECODER && ERR_GET_REASON(error) == ERR_R_UNSUPPORTED)
        return "the file holds no private key that can be read (PEM, without a pass phrase)";
    return ERR_reason_error_string(error);
}

int
tls_complain(struct err *err, int code, const char *what)
{
    unsigned long first = ERR_get_error();
    const char *reason = first ? reason_of(first) : NULL;
    err_set(err, code, "%s: %s", what, reason ? reason : "OpenSSL gives no reason");
    ERR_clear_error();
    return code;
}

static int
set_versions(SSL_CTX *ctx, const struct secure_settings *settings, struct err *err)
{
    if (!settings->tls_1_2 && !settings->tls_1_3)
        return err_set(err, -EINVAL, "TLS 1.2 and 1.3 are both switched off: nothing is left to speak");
    SSL_CTX_set_min_proto_version(ctx, settings->tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(ctx, settings->tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    return 0;
}

/* "openssl-style" names of both kinds: those of TLS 1.3 begin with TLS_. A list of old names only leaves 1.3 as it is. */
static int
set_ciphers(SSL_CTX *ctx, const char *list, struct err *err)
{
    char what[600];
    if (!list)
        return 0;
    snprintf(what, sizeof(what), "ciphers '%.500s'", list);
    if (strncmp(list, "TLS_", 4) == 0)
        return SSL_CTX_set_ciphersuites(ctx, list) == 1 ? 0 : tls_complain(err, -EINVAL, what);
    return SSL_CTX_set_cipher_list(ctx, list) == 1 ? 0 : tls_complain(err, -EINVAL, what);
}

static int
set_curves(SSL_CTX *ctx, const char *list, struct err *err)
{
    if (!list || strcmp(list, "auto") == 0 || SSL_CTX_set1_groups_list(ctx, (char *)(uintptr_t)list) == 1)
        return 0;
    char what[600];
    snprintf(what, sizeof(what), "ecdh_curves '%.500s'", list);
    return tls_complain(err, -EINVAL, what);
}

/* A key that is locked by a pass phrase is refused: OpenSSL would ask at the terminal, and the loop would wait for it. */
static int
no_phrase(char *out, int size, int writing, void *arg)
{
    bool *asked = arg;
    *asked = true;
    return 0;
}

static int
load_key(SSL_CTX *ctx, const struct secure_settings *settings, struct err *err)
{
    char what[1000];
    bool asked = false;
    SSL_CTX_set_default_passwd_cb(ctx, no_phrase);
    SSL_CTX_set_default_passwd_cb_userdata(ctx, &asked);
    int loaded = SSL_CTX_use_PrivateKey_file(ctx, settings->key_file, SSL_FILETYPE_PEM);
    SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
    if (loaded == 1)
        return 0;
    if (asked) {
        ERR_clear_error();
        return err_set(err, -EINVAL, "private key '%.400s' is locked with a pass phrase, which nobody can give to a daemon: write it "
                                     "without one, as with 'openssl pkey -in OLD -out NEW', and keep the file at mode 0600",
                       settings->key_file);
    }
    snprintf(what, sizeof(what), "private key '%.400s' of certificate '%.400s'", settings->key_file, settings->cert_file);
    return tls_complain(err, -EINVAL, what);
}

static int
load_own(SSL_CTX *ctx, const struct secure_settings *settings, struct err *err)
{
    char what[1000];
    if (!settings->cert_file && !settings->key_file)
        return 0;
    if (!settings->cert_file || !settings->key_file)
        return err_set(err, -EINVAL, "a certificate and its private key go together: %s is not set",
                       settings->cert_file ? "key_file" : "cert_file");
    snprintf(what, sizeof(what), "certificate '%.900s'", settings->cert_file);
    if (SSL_CTX_use_certificate_chain_file(ctx, settings->cert_file) != 1)
        return tls_complain(err, -EINVAL, what);
    return load_key(ctx, settings, err);
}

/* OpenSSL looks into a directory when it needs an authority, and says nothing of one that there is not. */
static int
check_directory(const char *path, struct err *err)
{
    struct stat st;
    int error = stat(path, &st) < 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
    return error ? err_set(err, -EINVAL, "authorities in '%.400s': %s", path, strerrordesc_np(error)) : 0;
}

static int
load_authorities(SSL_CTX *ctx, const struct secure_settings *settings, bool server, struct err *err)
{
    char what[1000];
    if (!settings->ca_file && !settings->ca_dir) {
        if (SSL_CTX_set_default_verify_paths(ctx) == 1)
            return 0;
        return tls_complain(err, -EINVAL, "certificates of the system");
    }
    snprintf(what, sizeof(what), "authorities in '%.400s%s%.400s'", settings->ca_file ? settings->ca_file : "",
             settings->ca_file && settings->ca_dir ? "' and '" : "", settings->ca_dir ? settings->ca_dir : "");
    if (settings->ca_dir && check_directory(settings->ca_dir, err) < 0)
        return err->code;
    if (SSL_CTX_load_verify_locations(ctx, settings->ca_file, settings->ca_dir) != 1)
        return tls_complain(err, -EINVAL, what);
    if (server && settings->require_client && settings->ca_file)
        SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(settings->ca_file)); /* a hint to clients */
    return 0;
}

/* Sessions are resumed by ticket alone, whose keys live as long as the context: none outlives a reload, and the server
 * keeps nothing. */
static void
set_habits(SSL_CTX *ctx, bool server)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ctx, SESSION_SECS);
    SSL_CTX_set_num_tickets(ctx, TICKETS);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_default_read_buffer_len(ctx, RECORDS_AHEAD);
    SSL_CTX_set_max_cert_list(ctx, 64 * 1024);
    if (server)
        SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"mesos", 5);
}

static void
set_verification(SSL_CTX *ctx, const struct secure_settings *settings, bool verify, bool server)
{
    int mode = !verify ? SSL_VERIFY_NONE : server ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_PEER;
    SSL_CTX_set_verify(ctx, mode, NULL);
    SSL_CTX_set_verify_depth(ctx, settings->depth ? (int)settings->depth : DEPTH);
}

static int
fill(struct tls_context *context, const struct secure_settings *settings, bool server, struct err *err)
{
    SSL_CTX *ctx = context->ctx;
    int status = set_versions(ctx, settings, err);
    set_habits(ctx, server);
    set_verification(ctx, settings, context->verify, server);
    if (status == 0)
        status = set_ciphers(ctx, settings->ciphers, err);
    if (status == 0)
        status = set_curves(ctx, settings->curves, err);
    if (status == 0)
        status = load_own(ctx, settings, err);
    if (status == 0 && context->verify)
        status = load_authorities(ctx, settings, server, err);
    return status;
}

void *
tls_context_new(const struct secure_settings *settings, bool server, struct err *err)
{
    struct tls_context *context = xcalloc(1, sizeof(*context));
    context->refs = 1;
    context->carrier = tls_carrier_new();
    context->server = server;
    context->verify = server ? settings->require_client : settings->verify_server;
    context->verify_ip = settings->verify_ip;
    context->names_by_lookup = settings->names_by_lookup;
    ERR_clear_error();
    context->ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (!context->ctx) {
        tls_complain(err, -ENOSYS, "OpenSSL does not start");
        tls_context_free(context);
        return NULL;
    }
    if (fill(context, settings, server, err) == 0)
        return context;
    tls_context_free(context);
    return NULL;
}

struct tls_context *
tls_context_ref(struct tls_context *context)
{
    context->refs++;
    return context;
}

void
tls_context_free(void *arg)
{
    struct tls_context *context = arg;
    if (--context->refs)
        return;
    BIO_meth_free(context->carrier);
    SSL_CTX_free(context->ctx);
    free(context);
}

/* Others refuse it, if they look; a cluster whose daemons do not look goes on working, so that this is no error. */
bool
tls_context_remark(void *arg, char *out, size_t size)
{
    const struct tls_context *context = arg;
    X509 *own = SSL_CTX_get0_certificate(context->ctx);
    struct tm end;
    char date[32];
    if (!own || ASN1_TIME_to_tm(X509_get0_notAfter(own), &end) != 1)
        return false;
    strftime(date, sizeof(date), "%Y-%m-%d", &end);
    if (X509_cmp_current_time(X509_get0_notBefore(own)) > 0)
        snprintf(out, size, "the certificate is not valid yet: whoever checks it will not talk to this daemon");
    else if (X509_cmp_current_time(X509_get0_notAfter(own)) < 0)
        snprintf(out, size, "the certificate has expired on %s: whoever checks it does not talk to this daemon", date);
    else
        return false;
    return true;
}
