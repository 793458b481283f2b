/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the master is told: one field for every flag that has a meaning so far. Filled by conf_load from
 * master_option_table (options.c), read-only afterwards. Fields bear the flag's name; durations are nanoseconds
 * (_ns), sizes bytes (_bytes), text is NULL when unset. Every value has passed its range check.
 */
#ifndef MASTER_OPTIONS_H
#define MASTER_OPTIONS_H

#include "daemon/options.h"

struct master_options {
    struct daemon_options common; /* ip, port, hostname, work_dir, logging, modules */

    /* Registry. */
    const char *registry; /* "memory", "local", "zookeeper", or the name of a loaded registry module */
    bool registry_strict; /* agents that come back must be known to it */
    int64_t registry_fetch_timeout_ns;
    int64_t registry_store_timeout_ns;
    int64_t registry_gc_interval_ns;
    int64_t registry_max_agent_age_ns;
    int64_t registry_max_agent_count;

    /* Agents' liveness. */
    int64_t agent_ping_timeout_ns; /* 1secs..15mins */
    int64_t max_agent_ping_timeouts; /* >= 1 */
    int64_t agent_reregister_timeout_ns; /* >= 10mins */
    double recovery_agent_removal_limit; /* share of the recovered agents that may be removed: 0.0..1.0 */
    int64_t agent_removal_rate_count; /* 0 = no limit; else that many removals ... */
    int64_t agent_removal_rate_ns; /* ... in this time */

    /* Offers and the allocator. */
    const char *allocator; /* module name as host_start takes it: "hierarchical" means hierarchical_drf */
    int64_t allocation_interval_ns;
    int64_t offer_timeout_ns; /* 0 = offers stay until used */
    const char *role_sorter; /* "drf" */
    const char *framework_sorter; /* "drf" */
    double allocator_agent_recovery_factor;
    int64_t allocator_recovery_timeout_ns;
    const char *fair_sharing_excluded_resource_names; /* comma list */
    bool filter_gpu_resources;
    const char *min_allocatable_resources; /* "cpus:0.01|mem:32" */
    uint64_t offer_constraints_re2_max_mem; /* bytes that one expression may take */
    int64_t offer_constraints_re2_max_program_size; /* instructions of one expression */
    const char *whitelist; /* path of a file, one agent host name a line, watched; NULL or "*" = every agent */
    const char *roles; /* closed comma list of roles, NULL = any role */
    const char *weights; /* "role=weight,..." */

    /* Security. */
    bool authenticate_http_frameworks;
    const char *http_authenticators; /* names of modules, comma list */
    const char *http_framework_authenticators; /* likewise; NULL only without authenticate_http_frameworks */
    const char *credentials; /* path of the file of principals and secrets, NULL = none */

    /* Frameworks. */
    bool root_submissions; /* may frameworks run as root */
    int64_t max_completed_frameworks;
    int64_t max_completed_tasks_per_framework;
    int64_t max_unreachable_tasks_per_framework;
    bool publish_per_framework_metrics;
    const char *rate_limits; /* JSON, for the module rate_limiter; NULL = nobody is limited */
    const char *rate_limiter;

    /* Who agents and v0 schedulers are. */
    bool authenticate_agents, authenticate_frameworks; /* those that have not proved who they are cannot register */
    int64_t authentication_v0_timeout_ns;
    const char *authenticators; /* module names, comma list */

    int64_t max_operator_event_stream_subscribers;
    /* What it gives up, applied by main. */
    const char *run_as; /* the user to become; NULL = stays who it is */
    const char *seccomp; /* "strict", "relaxed" or "off" */
    const char *cluster; /* the cluster's name in /state, NULL = none */
};

/* The table for struct conf_owner, ended by a NULL name. */
extern const struct option master_option_table[];
/* The whole owner; target is filled. */
struct conf_owner master_conf_owner(struct master_options *target);

#endif
