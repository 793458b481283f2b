/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which daemons are spoken to over TLS, and whom to trust: --ca_file, --cert_file and --key_file, which are the
 * variables MESOS_CA_FILE, MESOS_CERT_FILE and MESOS_KEY_FILE, or the lines ca_file=, cert_file= and key_file= of ~/.mesos, else
 * the variables of libprocess, else the system's authorities. A server is always checked.
 */
#include "cli/tls.h"

#include "cli/config.h"
#include "loop/secure.h"

/* In order: our variable, the line of ~/.mesos, libprocess's variable. *ret is the caller's; NULL = none. */
static int
setting(char **ret, const char *own, const char *key, const char *other, struct err *err)
{
    const char *value = getenv(own);

    *ret = NULL;
    if (value && *value) {
        *ret = xstrdup(value);
        return 0;
    }
    if (cli_config_value(ret, key, err) < 0)
        return err->code;
    value = getenv(other);
    if (!*ret && value && *value)
        *ret = xstrdup(value);
    return 0;
}

static bool
environment_wants_tls(void)
{
    const char *value = getenv("LIBPROCESS_SSL_ENABLED");

    return value && (strcmp(value, "1") == 0 || strcmp(value, "true") == 0);
}

static bool
is_wanted(const struct cli *cli, const struct cli_server *server)
{
    return server->scheme == CLI_SCHEME_TLS || (server->scheme == CLI_SCHEME_ANY && (cli->tls || environment_wants_tls()));
}

int
cli_tls_prepare(struct cli *cli, const struct cli_server *server, struct err *err)
{
    auto_free char *ca_file = NULL, *cert_file = NULL, *key_file = NULL;

    if (!is_wanted(cli, server))
        return 0;
    cli->tls = true; /* what it names speaks TLS too */
    if (cli->secure)
        return 0;
    if (setting(&ca_file, "MESOS_CA_FILE", "ca_file", "LIBPROCESS_SSL_CA_FILE", err) < 0 ||
        setting(&cert_file, "MESOS_CERT_FILE", "cert_file", "LIBPROCESS_SSL_CERT_FILE", err) < 0 ||
        setting(&key_file, "MESOS_KEY_FILE", "key_file", "LIBPROCESS_SSL_KEY_FILE", err) < 0)
        return err->code;
    struct secure_settings settings = {.ca_file = ca_file, .cert_file = cert_file, .key_file = key_file,
                                       .verify_server = true, .verify_ip = true, .names_by_lookup = true,
                                       .tls_1_2 = true, .tls_1_3 = true};
    settings.ca_dir = ca_file ? NULL : getenv("LIBPROCESS_SSL_CA_DIR");
    cli->secure = secure_new(&settings, err);
    return cli->secure ? 0 : err_wrap(err, "TLS with %s", server->host);
}

struct secure *
cli_tls(const struct cli *cli, const struct cli_server *server, const char **ret_name)
{
    *ret_name = *server->name ? server->name : NULL;
    return is_wanted(cli, server) ? cli->secure : NULL;
}

struct http_client *
cli_client(const struct cli *cli, const struct cli_server *server)
{
    const char *name;
    struct http_client *client = http_client_new(cli->loop, &server->address, server->host);
    struct secure *secure = cli_tls(cli, server, &name);

    http_client_secure(client, secure, name);
    return client;
}

void
cli_tls_free(struct cli *cli)
{
    secure_unref(cli->secure);
    cli->secure = NULL;
}
