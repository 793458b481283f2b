/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variables of libprocess for TLS, as executors get them from their agent and tools from their user. Daemons read them
 * through core/conf instead, which knows all of them.
 */
#include <errno.h>
#include <stdlib.h>

#include "loop/secure.h"

#define PREFIX "LIBPROCESS_SSL_"

static const char *
text(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* Under its name, or under the one that Mesos's book has for it. */
static const char *
text_or(const char *name, const char *in_the_book)
{
    const char *value = text(name);
    return value ? value : text(in_the_book);
}

static bool
flag(const char *name, bool fallback)
{
    const char *value = text(name);
    return value ? strcmp(value, "1") == 0 || strcmp(value, "true") == 0 : fallback;
}

int
secure_from_environment(struct secure **ret, struct err *err)
{
    const char *depth = text_or(PREFIX "VERIFICATION_DEPTH", PREFIX "VERIFY_DEPTH"), *scheme = text(PREFIX "HOSTNAME_VALIDATION_SCHEME");
    const struct secure_settings settings = {
        .cert_file = text(PREFIX "CERT_FILE"),
        .key_file = text(PREFIX "KEY_FILE"),
        .ca_file = text(PREFIX "CA_FILE"),
        .ca_dir = text(PREFIX "CA_DIR"),
        .ciphers = text(PREFIX "CIPHERS"),
        .curves = text_or(PREFIX "ECDH_CURVES", PREFIX "ECDH_CURVE"),
        .verify_server = flag(PREFIX "VERIFY_SERVER_CERT", false) || flag(PREFIX "VERIFY_CERT", false) ||
                         flag(PREFIX "REQUIRE_CLIENT_CERT", false) || flag(PREFIX "REQUIRE_CERT", false),
        .verify_ip = flag(PREFIX "VERIFY_IPADD", false),
        .names_by_lookup = !scheme || strcmp(scheme, "openssl") != 0,
        .tls_1_2 = flag(PREFIX "ENABLE_TLS_V1_2", true),
        .tls_1_3 = flag(PREFIX "ENABLE_TLS_V1_3", true),
        .downgrade = flag(PREFIX "SUPPORT_DOWNGRADE", false),
        .depth = depth ? (unsigned)strtoul(depth, NULL, 10) : 0,
    };
    *ret = NULL;
    if (!flag(PREFIX "ENABLED", false))
        return 0;
    *ret = secure_new(&settings, err);
    return *ret ? 0 : err_wrap(err, PREFIX "ENABLED");
}
