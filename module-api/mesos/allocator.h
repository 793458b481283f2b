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
    /* Packed mesos.v1.scheduler.OfferConstraints that check_constraints has passed; data NULL = none. */
    struct mesos_bytes constraints;
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
    /* This framework has something of this agent, which will be unavailable: the master asks it to make room. Called after a
     * cycle's offers, once per (framework, agent) that no inverse offer is out for, and once with agent 0 at the end. */
    void (*inverse_offer)(void *arg, mesos_framework_t framework, mesos_agent_t agent);
};

/* When a machine is planned to be away. */
struct mesos_unavailability {
    size_t size;
    int64_t start_ns; /* since 1970; may be in the past */
    int64_t duration_ns; /* -1 = for ever */
};

/* Why an agent's resources are not (further) offered to a framework: append only, numbers are the ABI. The allocator tells
 * those of its own; OFFERED, OFFERED_TO_OTHER, AGENT_UNREACHABLE, AGENT_RECOVERING, AGENT_DEACTIVATED and
 * AGENT_DRAINING are the master's to find out. */
enum mesos_offer_reason {
    MESOS_OFFER_REASON_OFFERABLE = 1, /* nothing: a coming cycle may offer them */
    MESOS_OFFER_REASON_OFFERED = 2, /* the framework has an offer of them */
    MESOS_OFFER_REASON_OFFERED_TO_OTHER = 3,
    MESOS_OFFER_REASON_IN_USE = 4, /* nothing is free there */
    MESOS_OFFER_REASON_FILTERED = 5, /* the framework has refused them for a time */
    MESOS_OFFER_REASON_ROLE_SUPPRESSED = 6,
    MESOS_OFFER_REASON_OFFER_CONSTRAINTS = 7, /* the framework's own */
    MESOS_OFFER_REASON_RESERVED = 8, /* what is free is reserved for other roles */
    MESOS_OFFER_REASON_CAPABILITY_MISSING = 9, /* what is free needs a capability that the framework lacks */
    MESOS_OFFER_REASON_GPUS_KEPT = 10, /* an agent with GPUs is for frameworks that use them */
    MESOS_OFFER_REASON_BELOW_MINIMUM = 11, /* what is free is less than is worth an offer */
    MESOS_OFFER_REASON_QUOTA = 12, /* guarantees of others or the role's own limit */
    MESOS_OFFER_REASON_FRAMEWORK_INACTIVE = 13,
    MESOS_OFFER_REASON_AGENT_INACTIVE = 14,
    MESOS_OFFER_REASON_AGENT_UNREACHABLE = 15,
    MESOS_OFFER_REASON_AGENT_RECOVERING = 16,
    MESOS_OFFER_REASON_NOT_WHITELISTED = 17,
    MESOS_OFFER_REASON_ALLOCATION_PAUSED = 18,
    MESOS_OFFER_REASON_AGENT_DEACTIVATED = 19, /* by an operator */
    MESOS_OFFER_REASON_AGENT_DRAINING = 20, /* or drained already */
};

struct mesos_allocator_explanation {
    size_t size;
    mesos_agent_t agent;
    uint32_t reason; /* enum mesos_offer_reason */
    const char *role; /* NULL: the same for each of the framework's roles */
    const char *text; /* one sentence without full stop */
    int64_t until_ms; /* on the clock of host->now_ms; 0 = it does not end by itself */
    int64_t since_ms; /* FILTERED: of the refusal; else 0 */
    int64_t offer; /* FILTERED: what decline was told; else -1 */
    struct mesos_resources available; /* what nobody has */
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
    /* Is this packed mesos.v1.scheduler.OfferConstraints one that add_framework and update_framework can be given? 0, or a
     * negative errno with host->fail's text. NULL = the allocator knows no constraints: the master refuses them. */
    int (*check_constraints)(void *instance, struct mesos_bytes constraints);
    /* Do the constraints that this framework has for that role exclude the agent? */
    bool (*excluded)(void *instance, mesos_framework_t framework, const char *role, mesos_agent_t agent);
    /* As recover_resources, for a refusal of the framework's own: `offer` is the master's number of the (first) offer,
     * which explain tells again. NULL = recover_resources is called. */
    void (*decline)(void *instance, mesos_framework_t framework, mesos_agent_t agent, struct mesos_resources resources,
                    double refuse_secs, int64_t offer);
    /* Calls tell at least once for each agent (agent 0) or for the one that is named, saying what keeps its resources
     * from the framework as things stand; everything in it is borrowed. Ends when tell says false. Changes nothing.
     * 0, or -ENOENT for a framework or agent that is not known. */
    int (*explain)(void *instance, mesos_framework_t framework, mesos_agent_t agent,
                   bool (*tell)(void *arg, const struct mesos_allocator_explanation *explanation), void *arg);
    /* The agent will be unavailable then; NULL = not any more. All inverse offers about it have been answered for with
     * update_inverse_offer before, refusals of such are forgotten, and inverse offers begin with the next cycle. An agent is
     * added without one. NULL member = the allocator makes no inverse offers. */
    void (*update_unavailability)(void *instance, mesos_agent_t agent, const struct mesos_unavailability *unavailability);
    /* The inverse offer about this agent that is out to this framework has come back: answered (either way), rescinded or
     * timed out. refuse_secs > 0: the next one not before that; else the next cycle may make one. Required with
     * update_unavailability. */
    void (*update_inverse_offer)(void *instance, mesos_framework_t framework, mesos_agent_t agent, double refuse_secs);
};

#endif
