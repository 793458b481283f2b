/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS as the options say it: LIBPROCESS_SSL_... of the environment and the same as ssl_... everywhere else. Part of the option
 * tables (libmain links it); main makes the struct secure and gives it to its daemon.
 */
#ifndef DAEMON_TLS_H
#define DAEMON_TLS_H

#include "loop/secure.h"

struct daemon_options;
struct option_set;

/* In struct daemon_options as `tls`. */
struct daemon_tls_options {
    bool enabled, support_downgrade, verify_server_cert, require_client_cert, verify_ipadd, tls_1_2, tls_1_3;
    const char *cert_file, *key_file, *ca_dir, *ca_file, *ciphers, *ecdh_curves, *hostname_validation_scheme;
    int64_t verification_depth;
};

#define DAEMON_TLS_ROW(TYPE, name_, type_, member_, fallback_)                                                     \
    .name = "ssl_" name_, .type = OPTION_##type_, .offset = offsetof(TYPE, common.tls.member_), .fallback = fallback_
#define DAEMON_TLS_OLD(name_, version_)                                                                            \
    {.name = "ssl_enable_" name_, .type = OPTION_BOOL, .offset = SIZE_MAX, .fallback = "false",                      \
     .check = daemon_check_old_tls, .help = version_ " is not spoken; only false is accepted."}

/* TYPE: as in DAEMON_OPTION_ROWS. */
#define DAEMON_TLS_OPTION_ROWS(TYPE)                                                                               \
    {DAEMON_TLS_ROW(TYPE, "enabled", BOOL, enabled, "false"), .group = "TLS",                                      \
     .help = "Speak TLS with everybody, except over the executors' Unix socket."},                                 \
    {DAEMON_TLS_ROW(TYPE, "support_downgrade", BOOL, support_downgrade, "false"),                                  \
     .help = "Take plain connections on the same port as well, and call peers that have no TLS without it: for the " \
             "time in which a cluster moves to TLS."},                                                             \
    {DAEMON_TLS_ROW(TYPE, "cert_file", PATH, cert_file, NULL),                                                     \
     .help = "The certificate, and those that lead to its authority, as PEM. Read again on SIGHUP, as all files of " \
             "this group are."},                                                                                   \
    {DAEMON_TLS_ROW(TYPE, "key_file", PATH, key_file, NULL), .help = "The certificate's private key, as PEM."},    \
    {DAEMON_TLS_ROW(TYPE, "verify_server_cert", BOOL, verify_server_cert, "false"),                                \
     .help = "Demand of whom we call a certificate that an authority of ours signed and that is theirs."},         \
    {DAEMON_TLS_ROW(TYPE, "require_client_cert", BOOL, require_client_cert, "false"),                              \
     .help = "Demand such a certificate of whoever calls us as well. Implies --ssl_verify_server_cert."},          \
    {DAEMON_TLS_ROW(TYPE, "verify_ipadd", BOOL, verify_ipadd, "false"),                                            \
     .help = "A certificate may name its owner by address."},                                                      \
    {DAEMON_TLS_ROW(TYPE, "verification_depth", INT, verification_depth, "4"), .min = "1", .max = "100",           \
     .argument = "NUMBER", .help = "How many certificates may stand between a peer's and its authority."},         \
    {DAEMON_TLS_ROW(TYPE, "ca_dir", PATH, ca_dir, NULL),                                                           \
     .help = "A directory of authorities as `openssl rehash` leaves it. Without this and --ssl_ca_file those of the " \
             "system count."},                                                                                     \
    {DAEMON_TLS_ROW(TYPE, "ca_file", PATH, ca_file, NULL), .help = "A file of authorities, as PEM."},              \
    {DAEMON_TLS_ROW(TYPE, "ciphers", STRING, ciphers, NULL), .argument = "LIST",                                   \
     .help = "Ciphers of TLS 1.2 as OpenSSL lists them (those of 1.3 when it begins with TLS_). What OpenSSL holds " \
             "good today when unset: the list that was Mesos's default has no sound cipher in it."},               \
    {DAEMON_TLS_ROW(TYPE, "ecdh_curves", STRING, ecdh_curves, "auto"), .argument = "LIST",                         \
     .help = "Curves for the exchange of keys, by colons; auto leaves them to OpenSSL."},                          \
    {DAEMON_TLS_ROW(TYPE, "hostname_validation_scheme", STRING, hostname_validation_scheme, "legacy"),             \
     .choices = "legacy|openssl",                                                                                  \
     .help = "Whose certificate it has to be: legacy compares it with the name that the peer's address resolves to, " \
             "for those who call and those who are called; openssl with the name (or with --ssl_verify_ipadd the "  \
             "address) that is called, for those who are called only."},                                           \
    {DAEMON_TLS_ROW(TYPE, "enable_tls_v1_2", BOOL, tls_1_2, "true"), .help = "Speak TLS 1.2."},                    \
    {DAEMON_TLS_ROW(TYPE, "enable_tls_v1_3", BOOL, tls_1_3, "true"), .help = "Speak TLS 1.3."},                    \
    DAEMON_TLS_OLD("ssl_v3", "SSL 3"), DAEMON_TLS_OLD("tls_v1_0", "TLS 1.0"), DAEMON_TLS_OLD("tls_v1_1", "TLS 1.1")

int daemon_check_old_tls(const char *value, void *target, struct option_set *set, struct err *err);
/* Between the options above; no file is opened. */
int daemon_tls_finish(struct daemon_options *options, struct option_set *set, struct err *err);
/* What peers are spoken to with; *ret NULL = no TLS is wanted. Logs what an operator should know. */
int daemon_tls_start(struct secure **ret, const struct daemon_options *options, struct err *err);

#endif
