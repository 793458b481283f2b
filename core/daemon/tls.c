/* SPDX-License-Identifier: Apache-2.0 */
/* The options of TLS, their checks, and what is made of them; see tls.h. */
#include "daemon/tls.h"

#include <errno.h>

#include "base/log.h"
#include "daemon/options.h"

int
daemon_check_old_tls(const char *value, void *target, struct option_set *set, struct err *err)
{
    if (!value || strcmp(value, "false") == 0)
        return 0;
    return err_set(err, -EINVAL, "nothing older than TLS 1.2 is spoken: its ciphers are broken");
}

static bool
is_named(const char *file)
{
    return file && *file;
}

static bool
by_lookup(const struct daemon_tls_options *tls)
{
    return tls->hostname_validation_scheme && strcmp(tls->hostname_validation_scheme, "legacy") == 0;
}

static bool
is_called(const struct option_set *set, const char *option, const char *module)
{
    const char *value = conf_value(set, option, NULL);
    return value && strcmp(value, module) == 0;
}

/* Where TLS was asked for, what goes without it comes as a surprise. */
static void
note_zookeeper(struct option_set *set)
{
    if (conf_value(set, "zk", NULL) || is_called(set, "election", "zookeeper") || is_called(set, "registry", "zookeeper"))
        conf_note(set, "ssl_enabled is set, and ZooKeeper is reached without TLS: the client library of this system has no TLS; "
                       "call it over a tunnel where others could listen or write");
}

int
daemon_tls_finish(struct daemon_options *options, struct option_set *set, struct err *err)
{
    struct daemon_tls_options *tls = &options->tls;

    if (!tls->enabled) {
        if (conf_given(set, "ssl_cert_file") || conf_given(set, "ssl_key_file"))
            conf_note(set, "a certificate is named, but ssl_enabled is not set: TLS is off");
        return 0;
    }
    if (!is_named(tls->cert_file) || !is_named(tls->key_file))
        return err_set(err, -EINVAL, "option 'ssl_%s_file' is needed because ssl_enabled is set",
                       is_named(tls->cert_file) ? "key" : "cert");
    if (!tls->tls_1_2 && !tls->tls_1_3)
        return err_set(err, -EINVAL, "options 'ssl_enable_tls_v1_2' and 'ssl_enable_tls_v1_3' are both off: nothing is "
                                     "left to speak");
    if (tls->require_client_cert && !tls->verify_server_cert) {
        conf_override(set, "ssl_verify_server_cert", "true");
        tls->verify_server_cert = true;
    }
    if (tls->verify_server_cert && !tls->verify_ipadd && !by_lookup(tls))
        return err_set(err, -EINVAL, "option 'ssl_hostname_validation_scheme' is openssl, and daemons call each other by address: "
                                     "set ssl_verify_ipadd=true, so that certificates are compared with it");
    note_zookeeper(set);
    return 0;
}

static void
tell(const struct secure *secure)
{
    char remark[400];

    for (unsigned i = 0; secure_remark(secure, i, remark, sizeof(remark)); i++)
        log_warning("%s", remark);
}

int
daemon_tls_start(struct secure **ret, const struct daemon_options *options, struct err *err)
{
    const struct daemon_tls_options *tls = &options->tls;
    const struct secure_settings settings = {
        .cert_file = tls->cert_file,
        .key_file = tls->key_file,
        .ca_file = tls->ca_file,
        .ca_dir = tls->ca_dir,
        .ciphers = tls->ciphers,
        .curves = tls->ecdh_curves,
        .verify_server = tls->verify_server_cert,
        .require_client = tls->require_client_cert,
        .verify_ip = tls->verify_ipadd,
        .names_by_lookup = by_lookup(tls),
        .tls_1_2 = tls->tls_1_2,
        .tls_1_3 = tls->tls_1_3,
        .downgrade = tls->support_downgrade,
        .depth = (unsigned)tls->verification_depth,
    };

    *ret = NULL;
    if (!tls->enabled)
        return 0;
    *ret = secure_new(&settings, err);
    if (!*ret)
        return err_wrap(err, "TLS (ssl_enabled)");
    log_info("TLS is on with certificate %s%s%s", tls->cert_file,
             tls->require_client_cert ? "; clients have to show one too" : "",
             tls->support_downgrade ? "; plain connections are taken as well" : "");
    tell(*ret);
    return 0;
}
