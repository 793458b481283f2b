/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kind allocator: decides which framework is offered what. Used by the master; --allocator selects it.
 *
 * Frameworks and agents are numbers that the master makes (never reused in a master's life); their ids come along once
 * for logs. Everything is synchronous; offers come back through the sink, from a timer or another loop turn of the
 * allocator's, never from inside a call of the master's.
 *
 * Bookkeeping: what the allocator passes to the sink counts as offered to that framework until the master gives it back
 * with recover_resources. A launched task changes nothing here: its resources simply stay out until it ends. Running
 * tasks found at re-registration come with add_agent / add_framework as `used`.
 */
#ifndef MESOS_ALLOCATOR_H
#define MESOS_ALLOCATOR_H

#include "mesos/module.h"
#include "mesos/resource.h"

typedef uint32_t mesos_framework_t;
typedef uint32_t mesos_agent_t;

struct mesos_allocator_framework {
    size_t size;
    mesos_framework_t framework;
    const char *id; /* for logs */
    struct mesos_bytes info; /* packed mesos.v1.FrameworkInfo */
    const char *const *roles; /* subscribed roles, never empty; "*" or "a/b" */
    uint32_t role_count;
    const char *const *suppressed_roles;
    uint32_t suppressed_role_count;
    bool active; /* gets offers */
    bool revocable, shared, gpu, reservation_refinement, region_aware; /* capabilities */
};

struct mesos_allocator_agent {
    size_t size;
    mesos_agent_t agent;
    const char *id; /* for logs */
    const char *hostname; /* what the whitelist names */
    struct mesos_bytes info; /* packed mesos.v1.AgentInfo */
    struct mesos_resources total; /* not allocated */
    bool active;
};

/* Resources of one agent used by or given to one framework. */
struct mesos_allocator_use {
    size_t size;
    mesos_agent_t agent;
    mesos_framework_t framework;
    struct mesos_resources resources; /* with allocation_role */
};

struct mesos_allocator_sink {
    size_t size;
    void *arg;
    /* These resources of this agent are for this framework, in this role. Borrowed during the call. The allocator calls
     * it once per (framework, role, agent) and once with agent 0 at the end of each cycle that offered anything. */
    void (*offer)(void *arg, mesos_framework_t framework, const char *role, mesos_agent_t agent,
                  struct mesos_resources resources);
};

struct mesos_allocator_ops {
    /* Called once after start; the sink lives as long as the instance. Required. */
    void (*initialize)(void *instance, const struct mesos_allocator_sink *sink);
    /* Required: */
    void (*add_framework)(void *instance, const struct mesos_allocator_framework *framework,
                          const struct mesos_allocator_use *used, size_t used_count);
    void (*update_framework)(void *instance, const struct mesos_allocator_framework *framework);
    /* The framework's resources must have been recovered before. */
    void (*remove_framework)(void *instance, mesos_framework_t framework);
    void (*activate_framework)(void *instance, mesos_framework_t framework);
    void (*deactivate_framework)(void *instance, mesos_framework_t framework);
    void (*add_agent)(void *instance, const struct mesos_allocator_agent *agent,
                      const struct mesos_allocator_use *used, size_t used_count);
    void (*update_agent)(void *instance, const struct mesos_allocator_agent *agent);
    void (*remove_agent)(void *instance, mesos_agent_t agent); /* what is used there is forgotten */
    void (*activate_agent)(void *instance, mesos_agent_t agent);
    void (*deactivate_agent)(void *instance, mesos_agent_t agent);
    /* Resources come back: declined, rescinded, or their task ended. refuse_secs < 0: no filter; else the framework is
     * not offered a subset of these on this agent in that role for so long. */
    void (*recover_resources)(void *instance, mesos_framework_t framework, mesos_agent_t agent,
                              struct mesos_resources resources, double refuse_secs);
    /* roles NULL / count 0 = all of the framework's. Revive also drops its filters. */
    void (*suppress)(void *instance, mesos_framework_t framework, const char *const *roles, size_t count);
    void (*revive)(void *instance, mesos_framework_t framework, const char *const *roles, size_t count);
    /* Optional (NULL = not supported, the master says so to whoever asks): */
    void (*update_weight)(void *instance, const char *role, double weight);
    void (*update_quota)(void *instance, const char *role, struct mesos_bytes quota); /* packed mesos.v1.quota.QuotaConfig */
    /* hostnames NULL = no whitelist, everyone is served. */
    void (*update_whitelist)(void *instance, const char *const *hostnames, size_t count);
    void (*request_resources)(void *instance, mesos_framework_t framework, struct mesos_bytes call);
    /* Part of an offer's or an agent's resources changed form (reserve, create...); later issues use it. */
    void (*update_allocation)(void *instance, mesos_framework_t framework, mesos_agent_t agent,
                              struct mesos_resources consumed, struct mesos_resources converted);
    int (*update_available)(void *instance, mesos_agent_t agent, struct mesos_resources consumed,
                            struct mesos_resources converted);
    /* While paused no offers are made (recovery after failover). */
    void (*pause)(void *instance);
    void (*resume)(void *instance);
};

#endif
