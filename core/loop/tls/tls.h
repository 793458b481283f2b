/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the TLS library share. Nobody outside core/loop/tls includes it. */
#ifndef LOOP_TLS_TLS_H
#define LOOP_TLS_TLS_H

#include <openssl/ssl.h>

#include "loop/secure.h"

struct tls_context {
    unsigned refs; /* each session has one */
    SSL_CTX *ctx;
    BIO_METHOD *carrier;
    bool server;
    bool verify, verify_ip, names_by_lookup;
};

/* context.c */
void *tls_context_new(const struct secure_settings *settings, bool server, struct err *err);
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_free(void *context);
bool tls_context_remark(void *context, char *out, size_t size);
/* Takes OpenSSL's list of complaints, which is emptied, as one sentence. */
int tls_complain(struct err *err, int code, const char *what);

/* session.c: the way of bytes to and from a stream. */
BIO_METHOD *tls_carrier_new(void);

/* names.c: for a session whose chain of certificates is right. */
bool tls_names(X509 *certificate, const char *name, const char *ip);

#endif
