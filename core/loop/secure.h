/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS under streams. The library that knows OpenSSL (core/loop/tls) is loaded when TLS is asked for and not before, so that
 * programs without it, and each waiting executor, stay as small as they are. Streams know it by the table below.
 */
#ifndef LOOP_SECURE_H
#define LOOP_SECURE_H

#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

/* What an operator says (the LIBPROCESS_SSL_ variables). NULL = unset. */
struct secure_settings {
    const char *cert_file, *key_file; /* PEM; who listens needs both */
    const char *ca_file, *ca_dir;     /* whom to trust; neither = those of the system */
    const char *ciphers, *curves;     /* NULL = what OpenSSL thinks right today */
    bool verify_server;  /* a server that we call has to prove who it is */
    bool require_client; /* a client that calls us has to show a certificate that we trust */
    bool verify_ip;      /* a certificate may name its owner by address */
    bool names_by_lookup; /* peers are known by what their address resolves to; else by the name they were called by */
    bool tls_1_2, tls_1_3;
    bool downgrade; /* plain peers are served, and called, plainly */
    unsigned depth; /* of chains; 0 = 4 */
};

struct secure;

/* Loads the library and reads the files. NULL with one sentence that names the setting. */
struct secure *secure_new(const struct secure_settings *settings, struct err *err);
/* As LIBPROCESS_SSL_... of the environment say it; *ret NULL = they do not ask for TLS. For executors and tools. */
int secure_from_environment(struct secure **ret, struct err *err);
struct secure *secure_ref(struct secure *secure);
void secure_unref(struct secure *secure); /* NULL is fine */
/* Reads the files again, for connections from now on; when they are wrong everything stays as it was. */
int secure_reload(struct secure *secure, struct err *err);
/* The files that were read, NULL-terminated; lives as long as it. */
const char *const *secure_files(const struct secure *secure);
bool secure_downgrades(const struct secure *secure);
/* A sentence on what an operator should know of these settings (a key that others can read, ...); false = nothing more.
 * i counts from 0. */
bool secure_remark(const struct secure *secure, unsigned i, char *out, size_t size);

/* ---- what the library is ---- */

enum {
    SECURE_ENGINE_VERSION = 2,
    SECURE_WANT_READ = -100001, /* beside negative errnos: again when there is something to read */
    SECURE_WANT_WRITE = -100002,
    SECURE_NOT_TLS = -100003, /* the peer speaks something else, or left before it said anything */
};

struct secure_io { /* the connection below; counts or -E..., recv: 0 = end */
    ssize_t (*send)(void *arg, const void *data, size_t len);
    ssize_t (*recv)(void *arg, void *data, size_t len);
    void *arg;
};

struct secure_engine {
    unsigned version;
    void *(*context_new)(const struct secure_settings *settings, bool server, struct err *err);
    void (*context_free)(void *context); /* sessions go on */
    /* name: what a client calls the server, NULL = an address only; ip: the peer's, in text. Both are copied. */
    void *(*session_new)(void *context, bool server, const char *name, const char *ip, const struct secure_io *io);
    void (*session_free)(void *session);
    /* 0 = done, SECURE_... or -E... with err. */
    int (*handshake)(void *session, struct err *err);
    /* A count, 0 (recv: the peer ended in order), SECURE_WANT_... or -E.... After a want the same bytes have to be sent. */
    ssize_t (*send)(void *session, const void *data, size_t len);
    ssize_t (*recv)(void *session, void *data, size_t len);
    int (*finish)(void *session); /* tells the peer that nothing follows; 0 or SECURE_WANT_WRITE */
    /* Does the peer's certificate belong to that name, or to that address? NULL = do not look for it. */
    bool (*names)(void *session, const char *name, const char *ip);
    /* What an operator should know of the context's own certificate; false = nothing. */
    bool (*remark)(void *context, char *out, size_t size);
};

/* The one function that the library exports. */
typedef const struct secure_engine *secure_engine_fn(void);
#define SECURE_ENGINE_SYMBOL "mesos_tls_engine"

#endif
