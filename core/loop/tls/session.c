/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One TLS connection between a stream and what carries its bytes. It never waits: what the carrier does not take or have is
 * a want. Called through the table by core/loop/stream_secure.c, on the loop's thread.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "loop/tls/tls.h"

enum { CARRIER = 120, /* any number of a kind of BIO that OpenSSL does not use */
       MESSAGES_MAX = 64, MESSAGE_BYTES = 64 * 1024 /* one more for so many of data */ };

struct session {
    SSL *ssl;
    struct tls_context *context;
    struct secure_io io;
    bool server, heard; /* has the peer sent anything? */
    int io_error; /* of the carrier; 0 = none */
    bool broken; /* after a fatal alert nothing may be sent */
    uint64_t messages, received; /* the peer's: of the protocol itself, and bytes of data */
};

/* ---- what it costs ---- */

/* Each change of keys costs us more than the peer, and OpenSSL takes any number of them before it says a word to us. */
static bool
is_busy_with_itself(const struct session *session)
{
    return session->messages > MESSAGES_MAX + session->received / MESSAGE_BYTES;
}

static void
on_message(int sent, int version, int type, const void *data, size_t len, SSL *ssl, void *arg)
{
    struct session *session = arg;
    if (!sent && type == SSL3_RT_HANDSHAKE)
        session->messages++;
}

/* ---- the carrier as OpenSSL sees it ---- */

static int
carrier_write(BIO *bio, const char *data, int len)
{
    struct session *session = BIO_get_data(bio);
    ssize_t n = session->io.send(session->io.arg, data, (size_t)len);
    BIO_clear_retry_flags(bio);
    if (n == -EAGAIN || n == 0) {
        BIO_set_retry_write(bio);
        return -1;
    }
    if (n < 0)
        session->io_error = (int)n;
    return (int)n;
}

static int
carrier_read(BIO *bio, char *data, int len)
{
    struct session *session = BIO_get_data(bio);
    ssize_t n = is_busy_with_itself(session) ? -EPROTO : session->io.recv(session->io.arg, data, (size_t)len);
    BIO_clear_retry_flags(bio);
    if (n == -EAGAIN) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (n < 0)
        session->io_error = (int)n;
    if (n > 0)
        session->heard = true;
    return n < 0 ? -1 : (int)n;
}

static long
carrier_control(BIO *bio, int command, long number, void *pointer)
{
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

BIO_METHOD *
tls_carrier_new(void)
{
    BIO_METHOD *method = BIO_meth_new(CARRIER | BIO_TYPE_SOURCE_SINK, "stream");
    BIO_meth_set_write(method, carrier_write);
    BIO_meth_set_read(method, carrier_read);
    BIO_meth_set_ctrl(method, carrier_control);
    return method;
}

static BIO *
carrier_of(struct session *session)
{
    BIO *bio = BIO_new(session->context->carrier);
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    return bio;
}

/* ---- life ---- */

static void
set_names(SSL *ssl, const struct tls_context *context, const char *name, const char *ip)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (name)
        SSL_set_tlsext_host_name(ssl, (char *)(uintptr_t)name);
    if (!context->verify || context->names_by_lookup)
        return;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (name)
        X509_VERIFY_PARAM_set1_host(param, name, 0);
    else if (context->verify_ip && ip)
        X509_VERIFY_PARAM_set1_ip_asc(param, ip);
}

static void *
session_new(void *arg, bool server, const char *name, const char *ip, const struct secure_io *io)
{
    struct tls_context *context = arg;
    struct session *session = xcalloc(1, sizeof(*session));
    session->io = *io;
    session->server = server;
    session->context = tls_context_ref(context);
    session->ssl = SSL_new(context->ctx);
    BIO *bio = carrier_of(session);
    SSL_set_bio(session->ssl, bio, bio);
    SSL_set_msg_callback(session->ssl, on_message);
    SSL_set_msg_callback_arg(session->ssl, session);
    if (server) {
        SSL_set_accept_state(session->ssl);
    } else {
        SSL_set_connect_state(session->ssl);
        set_names(session->ssl, context, name, ip);
    }
    return session;
}

static void
session_free(void *arg)
{
    struct session *session = arg;
    SSL_free(session->ssl);
    tls_context_free(session->context);
    free(session);
}

/* ---- what happened ---- */

static int
refused(const struct session *session, struct err *err)
{
    long verdict = SSL_get_verify_result(session->ssl);
    unsigned long first = ERR_peek_error();
    int reason = ERR_GET_REASON(first);
    bool ours = ERR_GET_LIB(first) == ERR_LIB_SSL;
    if (ours && reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK) {
        ERR_clear_error();
        return err_set(err, -EPERM, "the peer's certificate is not accepted: %s", X509_verify_cert_error_string(verdict));
    }
    bool gone = !session->heard && (first == 0 || (ours && reason == SSL_R_UNEXPECTED_EOF_WHILE_READING));
    bool other = ours && (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG);
    if (!session->server && (gone || other)) {
        ERR_clear_error();
        err_set(err, -EPROTO, "the peer does not speak TLS");
        return SECURE_NOT_TLS;
    }
    return tls_complain(err, -EPROTO, "the handshake failed");
}

static int
handshake(void *arg, struct err *err)
{
    struct session *session = arg;
    ERR_clear_error();
    int n = SSL_do_handshake(session->ssl);
    if (n == 1)
        return 0;
    switch (SSL_get_error(session->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        return SECURE_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return SECURE_WANT_WRITE;
    default:
        session->broken = true;
        if (session->io_error && session->heard)
            return err_set(err, session->io_error, "%s", strerror(-session->io_error));
        return refused(session, err);
    }
}

/* Of a reading or writing that brought nothing. */
static ssize_t
outcome(struct session *session, int n)
{
    switch (SSL_get_error(session->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        return SECURE_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return SECURE_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        session->broken = true;
        ERR_clear_error();
        return session->io_error ? session->io_error : -ECONNRESET; /* cut off without a goodbye is no orderly end */
    }
}

static ssize_t
send_some(void *arg, const void *data, size_t len)
{
    struct session *session = arg;
    ERR_clear_error();
    int n = SSL_write(session->ssl, data, (int)len);
    if (n > 0)
        return n;
    ssize_t result = outcome(session, n);
    return result == 0 ? -EPIPE : result;
}

static ssize_t
recv_some(void *arg, void *data, size_t len)
{
    struct session *session = arg;
    ERR_clear_error();
    int n = SSL_read(session->ssl, data, (int)len);
    session->received += n > 0 ? (unsigned)n : 0;
    return n > 0 ? n : outcome(session, n);
}

static int
finish(void *arg)
{
    struct session *session = arg;
    if (session->broken || !SSL_is_init_finished(session->ssl))
        return 0;
    ERR_clear_error();
    int n = SSL_shutdown(session->ssl);
    bool waits = n < 0 && SSL_get_error(session->ssl, n) == SSL_ERROR_WANT_WRITE;
    ERR_clear_error();
    return waits ? SECURE_WANT_WRITE : 0;
}

static bool
names(void *arg, const char *name, const char *ip)
{
    const struct session *session = arg;
    return tls_names(SSL_get0_peer_certificate(session->ssl), name, ip);
}

__attribute__((visibility("default"))) const struct secure_engine *mesos_tls_engine(void);

const struct secure_engine *
mesos_tls_engine(void)
{
    static const struct secure_engine engine = {SECURE_ENGINE_VERSION, tls_context_new, tls_context_free, session_new,
                                                session_free, handshake, send_some, recv_some, finish, names,
                                                tls_context_remark};
    return &engine;
}
