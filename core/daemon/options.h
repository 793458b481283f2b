/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options that master and agent share: identity on the network, logging, modules. Each daemon embeds a
 * struct daemon_options as its member `common` and puts DAEMON_OPTIONS into its own table.
 * Units: options without unit in their name are text; durations are nanoseconds, as core/conf parses them.
 */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include "conf/option.h"

struct daemon_options {
    /* Identity. After main's options_identity() ip is set (an address, "0.0.0.0" when none was given). */
    const char *ip;
    const char *ip_discovery_command;
    int64_t port; /* 0 = any free one */
    const char *advertise_ip; /* NULL = the one that is bound to, or found by the host's name */
    const char *advertise_port; /* text, checked to be 1..65535; NULL = port */
    const char *hostname; /* NULL = looked up (hostname_lookup) or the advertised ip */
    bool hostname_lookup;
    const char *zk_session_timeout; /* kept as text: nothing reads it before there is a ZooKeeper election */

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

    /* Modules. What --modules, --modules_dir and [modules] name is in conf_modules(). */
    const char *module_path; /* directories, colon-separated, searched for libraries without a slash */
    const char *election; /* name of the election module: "standalone" */
    const char *launcher_dir; /* helpers: mesos-executor, mesos-containerizer, mesos-fetcher */

    const char *work_dir; /* state; NULL only for a master with --registry=memory */
    const char *ulimit; /* "-n 8192" as ULIMIT of /etc/default; applied by main */
};

#endif
