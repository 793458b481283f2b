/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent is told: one field for every flag that has a meaning so far. Filled by conf_load from
 * agent_option_table (options.c), read-only afterwards. Fields bear the flag's name; durations are nanoseconds
 * (_ns), sizes bytes (_bytes), text is NULL when unset. Every value has passed its range check.
 */
#ifndef AGENT_OPTIONS_H
#define AGENT_OPTIONS_H

#include "daemon/options.h"

struct agent_options {
    struct daemon_options common; /* ip, port, hostname, work_dir, launcher_dir, logging, modules */

    const char *master; /* "host:port", what /etc/mesos/zk or the flag gives; file:// was read */
    const char *runtime_dir; /* volatile state: pids, sockets; never NULL */

    /* What this machine offers. */
    const char *resources; /* text or JSON array, NULL = detect everything */
    const char *attributes; /* "name:value;...", files in attributes/ joined in */
    const char *default_role; /* "*" */

    /* Containers. */
    const char *containerizers; /* "mesos" = the module native; or a comma list of module names */
    const char *containerizer_path; /* of the containerizer "external" */
    const char *isolation; /* comma list: "posix/cpu,posix/mem" */
    const char *launcher; /* "posix" */
    const char *container_logger; /* module name: "sandbox" */
    const char *secret_resolver; /* module name; NULL = "value" */
    bool switch_user;
    const char *sandbox_directory; /* where a container with an image of its own sees its sandbox */
    const char *default_container_info; /* JSON, or NULL */

    /* Fetcher. */
    const char *frameworks_home; /* prefix of relative executor URIs, NULL = none */
    int64_t fetcher_stall_timeout_ns;
    uint64_t fetcher_cache_size_bytes;
    const char *fetcher_cache_dir; /* never NULL */
    const char *hadoop_home; /* NULL = the hadoop of the PATH */

    /* Executors. */
    const char *executor_environment_variables; /* JSON object of strings, NULL = the default environment */
    int64_t executor_registration_timeout_ns;
    int64_t executor_reregistration_timeout_ns; /* <= 15secs */
    int64_t executor_reregistration_retry_interval_ns; /* 0 = none */
    int64_t executor_shutdown_grace_period_ns;
    int64_t http_heartbeat_interval_ns;
    bool http_executor_domain_sockets; /* also tell foreign executors the Unix socket; ours are always told */
    const char *domain_socket_location; /* NULL = <runtime_dir>/agent.sock */

    /* Security. */
    const char *http_authenticators; /* names of modules, comma list; NULL = basic, and jwt when there is a key */
    const char *http_credentials, *jwt_secret_key; /* paths, NULL = none */
    bool authenticate_http_executors; /* jwt_secret_key is there then */

    /* Registration and recovery. */
    const char *credential; /* path of a file; NULL = nothing is proved to the master */
    const char *authenticatee; /* module name */
    int64_t authentication_backoff_factor_ns, authentication_timeout_min_ns, authentication_timeout_max_ns;
    int64_t registration_backoff_factor_ns;
    const char *recover; /* "reconnect" or "cleanup" */
    int64_t recovery_timeout_ns;
    const char *reconfiguration_policy; /* "equal", "additive" or "any" */
    bool strict;

    int64_t max_completed_executors_per_framework;
    int64_t gc_delay_ns, disk_watch_interval_ns;

    /* Oversubscription. */
    const char *resource_estimator, *qos_controller; /* module names; NULL = none */
    int64_t oversubscribed_resources_interval_ns, qos_correction_interval_min_ns;
    double gc_disk_headroom;
};

/* The table for struct conf_owner, ended by a NULL name. */
extern const struct option agent_option_table[];
/* The whole owner; target is filled. */
struct conf_owner agent_conf_owner(struct agent_options *target);

#endif
