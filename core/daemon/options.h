/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options that master and agent share: identity on the network, logging, modules. Each daemon embeds a
 * struct daemon_options as its member `common` and puts DAEMON_OPTION_ROWS into its own table.
 * Units: options without unit in their name are text; durations are nanoseconds, as core/conf parses them.
 */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include "base/zk_url.h"
#include "conf/option.h"
#include "daemon/tls.h"

struct daemon_options {
    /* Identity. After main's identity step ip is set (an address, "0.0.0.0" when none was given). */
    const char *ip;
    const char *ip_discovery_command;
    int64_t port; /* 0 = any free one */
    const char *advertise_ip; /* NULL = the one that is bound to, or found by the host's name */
    const char *advertise_port; /* text, checked to be 1..65535; NULL = port */
    const char *hostname; /* NULL = looked up (hostname_lookup) or the advertised ip */
    bool hostname_lookup;

    /* Peers. */
    bool require_peer_address_ip_match; /* a libprocess message must come from the address that it names */
    uint64_t max_unread_bytes; /* that may wait for a peer that does not read; 0 = wire/limits.h */
    int64_t slow_peer_timeout_ns; /* 0 = wire/limits.h */

    /* Logging, given to log_open by main. */
    bool quiet;
    const char *logging_level;
    const char *log_dir;
    int64_t logbufsecs;
    const char *external_log_file;
    bool log_to_syslog;
    bool log_to_journald;
    uint64_t log_max_size_bytes;
    int64_t log_max_age_ns;

    const char *authorizer; /* name of the module; NULL = everything is allowed */
    const char *audit_log; /* NULL = beside the log files, when there are any */

    /* Modules. What --modules, --modules_dir and [modules] name is in conf_modules(). */
    const char *module_path; /* directories, colon-separated, searched for libraries without a slash */
    const char *telemetry; /* name of the telemetry module; NULL = none */
    const char *election; /* name of the election module: "standalone" */
    const char *launcher_dir; /* helpers: mesos-executor, mesos-containerizer, mesos-fetcher */

    /* Security. */
    const char *firewall_rules; /* JSON: endpoints that are disabled; NULL = none */
    const char *http_cors_origins; /* comma list; NULL = nothing is said to browsers */
    bool authenticate_http_readonly, authenticate_http_readwrite; /* realms that are protected */
    struct daemon_tls_options tls;

    const char *work_dir; /* state; NULL only for a master with --registry=memory */
    bool core_dumps; /* of our own memory, applied by main */
    const char *ulimit; /* "-n 8192" as ULIMIT of /etc/default; applied by main */
};

/* Short forms for tables. */
#define OPTION_ALIASES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define OPTION_NOT_YET(name_, type_, fallback_, help_, missing_)                                                   \
    {                                                                                                              \
        .name = name_, .type = OPTION_##type_, .state = OPTION_PLANNED, .offset = SIZE_MAX, .fallback = fallback_, \
        .help = help_, .note = missing_                                                                            \
    }
#define OPTION_GONE(name_, type_, help_, instead_)                                                                 \
    {                                                                                                              \
        .name = name_, .type = OPTION_##type_, .state = OPTION_RETIRED, .offset = SIZE_MAX, .help = help_,         \
        .note = instead_                                                                                           \
    }

/* TYPE: the owner's struct with a member `common`; PORT: its usual port as text. The last row has no comma. */
#define DAEMON_OPTION_ROWS(TYPE, PORT)                                                                             \
    {.name = "ip", .type = OPTION_STRING, .offset = offsetof(TYPE, common.ip), .argument = "ADDRESS",              \
     .group = "Network", .check = daemon_check_ip,                                                                 \
     .help = "The address to listen on. Every address of the machine when unset."},                                \
    {.name = "ip_discovery_command", .type = OPTION_STRING,                                                        \
     .offset = offsetof(TYPE, common.ip_discovery_command), .argument = "COMMAND",                                 \
     .help = "A program that prints the address to listen on; run once at start. Excludes --ip."},                 \
    {.name = "port", .type = OPTION_INT, .offset = offsetof(TYPE, common.port), .fallback = PORT, .min = "0",      \
     .max = "65535", .argument = "PORT", .help = "The port to listen on; 0 takes any free one."},                  \
    {.name = "advertise_ip", .type = OPTION_STRING, .offset = offsetof(TYPE, common.advertise_ip),                 \
     .argument = "ADDRESS", .check = daemon_check_ip,                                                              \
     .help = "The address that peers are told, when it is not the one listened on."},                              \
    {.name = "advertise_port", .type = OPTION_STRING, .offset = offsetof(TYPE, common.advertise_port),             \
     .argument = "PORT", .check = daemon_check_port,                                                               \
     .help = "The port that peers are told, when it is not the one listened on."},                                 \
    {.name = "hostname", .type = OPTION_STRING, .offset = offsetof(TYPE, common.hostname),                         \
     .argument = "NAME", .help = "The name that is shown for this machine. Looked up when unset."},                \
    {.name = "hostname_lookup", .type = OPTION_BOOL, .offset = offsetof(TYPE, common.hostname_lookup),             \
     .fallback = "true",                                                                                           \
     .help = "Look the machine's name up when --hostname is not given; otherwise the address is shown."},          \
    {.name = "require_peer_address_ip_match", .type = OPTION_BOOL,                                                 \
     .offset = offsetof(TYPE, common.require_peer_address_ip_match), .fallback = "false",                          \
     .help = "Refuse libprocess messages whose sender's address is not the one that they come from. Without it a message "     \
             "is believed to be of whom it names, as Mesos does: whoever reaches the port can give orders to an agent in the " \
             "name of its master, or to the master in that of an agent or a v0 framework, whatever logins are demanded. With " \
             "it only whoever is on the same address can. Needs peers to connect from the addresses that they advertise (no " \
             "translation in between). TLS with ssl_require_client_cert on every daemon closes it as well."},             \
    {.name = "max_unread_bytes", .type = OPTION_BYTES, .offset = offsetof(TYPE, common.max_unread_bytes),          \
     .fallback = "64MB", .min = "64KB", .max = "1GB",                                                              \
     .help = "A subscriber for whom more waits than this, because it does not read, is cut off."},                 \
    {.name = "slow_peer_timeout", .type = OPTION_DURATION, .offset = offsetof(TYPE, common.slow_peer_timeout_ns),  \
     .fallback = "60secs", .min = "1secs",                                                                         \
     .help = "How long a request may take to come in, and an answer may wait unread, before the peer is cut off."}, \
    OPTION_NOT_YET("domain", JSON, NULL, "The fault domain (region and zone) of this machine.", "fault domains"),  \
    {.name = "zk_session_timeout", .type = OPTION_DURATION, .offset = SIZE_MAX, .fallback = "10secs",              \
     .min = "1secs", .max = "10mins",                                                                              \
     .help = "How long a ZooKeeper session outlives its client; servers may grant another time."},                 \
    {.name = "quiet", .type = OPTION_BOOL, .offset = offsetof(TYPE, common.quiet), .fallback = "false",            \
     .group = "Logging", .help = "Write no log lines to stderr."},                                                 \
    {.name = "logging_level", .type = OPTION_STRING, .offset = offsetof(TYPE, common.logging_level),               \
     .fallback = "INFO", .choices = "INFO|WARNING|ERROR", .argument = "LEVEL",                                     \
     .help = "The least level that is logged."},                                                                   \
    {.name = "log_dir", .type = OPTION_PATH, .offset = offsetof(TYPE, common.log_dir),                             \
     .help = "The directory for log files; none are written when unset."},                                         \
    {.name = "logbufsecs", .type = OPTION_INT, .offset = offsetof(TYPE, common.logbufsecs), .fallback = "0",       \
     .min = "0", .max = "86400", .argument = "SECONDS",                                                            \
     .help = "How long lines below WARNING may wait in memory before they go to the log files."},                  \
    {.name = "initialize_driver_logging", .type = OPTION_BOOL, .offset = SIZE_MAX, .fallback = "true",             \
     .help = "Read by scheduler and executor drivers only; accepted here because they share the logging flags."},  \
    {.name = "external_log_file", .type = OPTION_PATH, .offset = offsetof(TYPE, common.external_log_file),         \
     .help = "The log file to show under /files when something else writes it, such as a supervisor."},            \
    {.name = "log_to_syslog", .type = OPTION_BOOL, .offset = offsetof(TYPE, common.log_to_syslog),                 \
     .fallback = "false", .help = "Also send log lines to syslog."},                                               \
    {.name = "log_to_journald", .type = OPTION_BOOL, .offset = offsetof(TYPE, common.log_to_journald),             \
     .fallback = "false", .help = "Also send log lines to journald, with level, file and line as fields."},        \
    {.name = "log_max_size", .type = OPTION_BYTES, .offset = offsetof(TYPE, common.log_max_size_bytes),            \
     .fallback = "1800MB", .min = "64KB", .help = "A log file that grows beyond this is followed by a new one."},  \
    {.name = "log_max_age", .type = OPTION_DURATION, .offset = offsetof(TYPE, common.log_max_age_ns),              \
     .fallback = "0ns", .help = "Log files of this program older than this are removed; 0 keeps all."},            \
    {.name = "modules", .type = OPTION_JSON, .offset = SIZE_MAX, .group = "Modules",                               \
     .help = "Libraries to load, modules in them and their parameters: {\"libraries\": [{\"file\": PATH, "         \
             "\"modules\": [{\"name\": NAME, \"parameters\": [{\"key\": KEY, \"value\": VALUE}]}]}]}."},           \
    {.name = "modules_dir", .type = OPTION_PATH, .offset = SIZE_MAX,                                               \
     .help = "A directory of files with such JSON, read in order of their names. Excludes --modules."},            \
    {.name = "module_path", .type = OPTION_STRING, .offset = offsetof(TYPE, common.module_path),                   \
     .fallback = MESOS_MODULEDIR, .fallback_text = "where modules were installed", .argument = "DIR:DIR...",       \
     .help = "Where libraries are looked for that are named without a directory."},                                \
    OPTION_NOT_YET("hooks", STRING, NULL, "Hook modules to install, in order.", "the module kind hook"),           \
    {.name = "election", .type = OPTION_STRING, .offset = offsetof(TYPE, common.election),                         \
     .fallback = "standalone", .argument = "MODULE", .help = "The module that decides or finds out who leads."},   \
    {.name = "telemetry", .type = OPTION_STRING, .offset = offsetof(TYPE, common.telemetry), .argument = "MODULE", \
     .help = "The module that shows metrics of containers, e.g. dcos. None when unset."},                          \
    {.name = "core_dumps", .type = OPTION_BOOL, .offset = offsetof(TYPE, common.core_dumps), .group = "Process",   \
     .fallback = "false", .help = "Let a crash leave a core dump of the daemon. It holds secrets."},               \
    {.name = "ulimit", .type = OPTION_STRING, .offset = offsetof(TYPE, common.ulimit),                             \
     .argument = "LIMITS", .check = daemon_check_ulimit,                                                           \
     .help = "Resource limits as the shell's ulimit takes them, e.g. \"-n 65536\"."},                              \
    OPTION_NOT_YET("memory_profiling", BOOL, "false", "Collect heap profiles on request.", "memory profiling"),    \
    DAEMON_TLS_OPTION_ROWS(TYPE),                                                                                  \
    {.name = "audit_log", .type = OPTION_PATH, .offset = offsetof(TYPE, common.audit_log), .group = "Security",    \
     .help = "The file that tells, as JSON lines, who was refused, who could not log in and what operators changed. "  \
             "When unset: mesos-master.audit.log or mesos-agent.audit.log in --log_dir; without that the same "       \
             "goes to the log."},                                                                                  \
    {.name = "acls", .type = OPTION_JSON, .offset = SIZE_MAX,                                                      \
     .help = "Access control lists: who may do what, in Mesos's JSON. A file is read again when it changes. Everything "\
             "is allowed when unset. The INI may have them as a section [acls] instead, one action a line, e.g. "    \
             "run_tasks = jenkins, ci -> jenkins | ANY -> NONE, and permissive = false."},                         \
    {.name = "authenticate_http_readonly", .type = OPTION_BOOL,                                                    \
     .offset = offsetof(TYPE, common.authenticate_http_readonly), .fallback = "false",                             \
     .help = "Only who has logged in may read over HTTP."},                                                        \
    {.name = "authenticate_http_readwrite", .aliases = OPTION_ALIASES("authenticate_http"), .type = OPTION_BOOL,   \
     .offset = offsetof(TYPE, common.authenticate_http_readwrite), .fallback = "false",                            \
     .help = "Only who has logged in may use endpoints that change something, and the operator API."},             \
    {.name = "require_authentication", .type = OPTION_BOOL, .offset = SIZE_MAX, .fallback = "false", .sample = "true", \
     .help = "Do not start while an address other than loopback would be open to who has not logged in, or would believe "      \
             "libprocess messages of anybody: needs require_peer_address_ip_match or TLS with ssl_require_client_cert."},         \
    {.name = "firewall_rules", .type = OPTION_JSON, .offset = offsetof(TYPE, common.firewall_rules),                \
     .argument = "JSON", .check = daemon_check_firewall,                                                           \
     .help = "Endpoints that nobody may use, by any of their names: {\"disabled_endpoints\": {\"paths\": "          \
             "[\"/files/browse\"]}}."},                                                                              \
    {.name = "http_cors_origins", .type = OPTION_STRING, .offset = offsetof(TYPE, common.http_cors_origins),           \
     .argument = "ORIGIN,ORIGIN...", .check = daemon_check_origins,                                                  \
     .help = "Whose pages may use this daemon from a browser: https://host:port, as their address begins, or * for every "    \
             "page, without the logins of its user. Pages of others cannot change anything then, nor read with 'jsonp'. Mesos "  \
             "does not have this: nothing is said to browsers when unset."}

/* Variables of libprocess that mean something to a daemon, for conf_owner.environment; ended by a NULL name. */
extern const struct option daemon_environment[];

int daemon_check_origins(const char *value, void *target, struct option_set *set, struct err *err);
int daemon_check_firewall(const char *value, void *target, struct option_set *set, struct err *err);
/* Is one of the comma list a module of ours that finds out who peers are, or proves it, by files of credentials? */
bool daemon_wants_credentials(const char *modules);
/* The name of a file that holds secrets; says nothing of a value that is none, and neither does shown. */
int daemon_check_secret_file(const char *value, void *target, struct option_set *set, struct err *err);
char *daemon_shown_secret_file(const char *value);
#define DAEMON_SECRET_FILE .type = OPTION_PATH, .check = daemon_check_secret_file, .shown = daemon_shown_secret_file
int daemon_check_ip(const char *value, void *target, struct option_set *set, struct err *err);
int daemon_check_port(const char *value, void *target, struct option_set *set, struct err *err);
int daemon_check_ulimit(const char *value, void *target, struct option_set *set, struct err *err);
/* A zk:// URL. */
int daemon_check_zk(const char *value, void *target, struct option_set *set, struct err *err);
/* For finish functions: where is the text that says where the master is or masters meet (NULL = none). Decides which
 * election belongs to it where the operator has not. */
void daemon_choose_election(struct option_set *set, const char *where);
/* Checks between the shared options, for an owner's finish function. */
int daemon_options_finish(struct daemon_options *common, struct option_set *set, struct err *err);

/* The row of the option that names the authorizer: --authorizers of a master, --authorizer of an agent. */
#define DAEMON_AUTHORIZER_ROW(TYPE, NAME)                                                                          \
    {.name = NAME, .type = OPTION_STRING, .offset = offsetof(TYPE, common.authorizer), .fallback = "local",        \
     .argument = "MODULE", .group = "Security",                                                                    \
     .help = "The module that decides who may do what. local decides by --acls, and is not asked without them."}

/* One entry of a --ulimit text: which RLIMIT_..., and its value (RLIM_INFINITY for "unlimited"). */
struct daemon_limit {
    int resource;
    uint64_t value;
    bool soft, hard;
};
enum { DAEMON_MAX_LIMITS = 16 };
int daemon_parse_ulimit(const char *text, struct daemon_limit out[DAEMON_MAX_LIMITS], size_t *ret_count,
                        struct err *err);

#endif
