/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of hierarchical_drf share. Words:
 *   kind    a scalar resource's name as a small number, so that sums are arrays
 *   role    a node of the tree of roles; shares are compared between siblings
 *   client  one framework in one of its roles: the one that is offered things
 *   use     what a framework has of an agent in a role, offered or running
 *   filter  what a client refused of an agent, until when
 * An agent is quiet when nothing can be offered of it before something changes; a cycle in steady state only finds that
 * all agents are quiet.
 */
#ifndef HIERARCHICAL_DRF_H
#define HIERARCHICAL_DRF_H

#include "base/map.h"
#include "constraints.h"
#include "mesos/allocator.h"
#include "model/resources.h"

enum { KINDS_MAX = 16 }; /* further scalar names are offered all the same but do not count for shares */

struct amounts {
    int64_t of[KINDS_MAX]; /* thousandths */
};

/* One alternative of min_allocatable_resources: all of these. */
struct minimum {
    struct amounts least;
};

struct minimums {
    struct minimum *items; /* none = anything is enough */
    uint32_t count;
};

/* What siblings are compared by. */
struct node {
    struct role *role; /* NULL for clients */
    const char *name; /* last word when all else is equal */
    struct amounts used;
    double weight, share;
    uint64_t offers; /* how often something was given below: equal shares take turns */
    uint32_t active; /* clients below that want offers */
    bool own; /* of a role: stands for its own frameworks among its children */
};

struct order {
    struct node **nodes; /* fairest first */
    uint32_t count, cap;
};

struct role {
    struct node tree, own; /* everything below; its own clients only */
    struct role *parent;
    struct order below; /* own and children */
    struct order clients; /* nodes of struct client */
    char *name; /* "a/b" */
    const char *last; /* "b" */
    uint32_t refs; /* clients, uses, children, a weight */
    bool weighted; /* holds a reference */
    uint32_t filter_count; /* of its clients, as tell_roles reckons it */
    bool used, told; /* has clients; its gauges are there */
    double told_share;
    uint32_t told_filters;
};

struct filter {
    struct resources refused;
    int64_t until_ms;
    uint64_t seen; /* agent's version at which refused still held all that was free; 0 = not known */
    uint32_t next; /* index + 1 of the next filter of the same client and agent */
};

/* What of a filter only explanations want: apart, so that cycles read no more than they need. */
struct filter_note {
    int64_t since_ms;
    int64_t offer; /* the master's number for what was refused, or -1 */
};

struct client {
    struct node node;
    struct framework *framework;
    struct role *role;
    uint32_t *filters; /* by agent slot: index + 1 of the first filter */
    uint32_t filters_cap, filter_count;
    uint32_t uses;
    const struct role_constraints *constraints; /* the framework's, for this role */
    uint8_t *verdicts; /* of the constraints, by agent slot: enum verdict */
    uint32_t verdicts_cap;
    struct minimums *minimums; /* the framework's own for this role; NULL = everybody's */
    bool subscribed; /* false: role given up while things run in it */
    bool suppressed;
    bool counted; /* in `active` of the nodes above */
    bool fresh; /* may want what others have refused: the next full cycle asks it even about quiet agents */
};

enum verdict { VERDICT_UNKNOWN, VERDICT_ADMITTED, VERDICT_EXCLUDED };

struct framework {
    mesos_framework_t number;
    char *id;
    struct constraints *constraints;
    struct client **clients;
    uint32_t client_count;
    bool active, revocable, shared, gpu, refinement;
};

struct use {
    mesos_framework_t framework;
    struct role *role;
    struct client *client; /* NULL: framework not known (yet) */
    struct amounts amounts;
};

/* What a framework was asked about an agent that will be unavailable. */
struct inverse {
    mesos_framework_t framework;
    bool out; /* an inverse offer of it waits for an answer */
    int64_t until_ms; /* none before that */
};

/* An inverse offer of the running cycle. */
struct ask {
    mesos_framework_t framework;
    mesos_agent_t agent;
};

struct agent {
    mesos_agent_t number;
    uint32_t slot; /* dense, reused */
    char *id, *hostname;
    struct buf traits; /* what constraints look at */
    struct resources total, used, free; /* without allocation role; free = total less used */
    struct amounts counted; /* what of total is in the cluster's total */
    struct amounts free_amounts;
    struct use *uses;
    uint32_t use_count, use_cap;
    uint64_t version; /* changes with free */
    uint64_t quiet_epoch; /* quiet while this is the allocator's epoch ... */
    int64_t quiet_until_ms; /* ... and until then; INT64_MIN = not quiet */
    bool active, listed, gpus, waiting; /* listed: by the whitelist; waiting: for the next soon cycle */
    bool leaving; /* will be unavailable */
    struct inverse *inverses;
    uint32_t inverse_count;
};

struct offer {
    mesos_framework_t framework;
    mesos_agent_t agent;
    struct role *role; /* holds a reference */
    struct resources resources;
};

struct drf {
    const struct mesos_host *host;
    const struct mesos_allocator_sink *sink;
    struct mesos_timer *batch, *soon;
    int64_t batch_due_ns;  /* when the batch timer should fire */
    int64_t soon_since_ns; /* when the soon cycle was asked for */
    int64_t interval_ms;
    bool paused, filter_gpus;
    bool everything_waits; /* the soon cycle looks at all agents */

    char *kinds[KINDS_MAX];
    bool kind_excluded[KINDS_MAX];
    uint32_t kind_count;
    struct minimums minimums;
    uint32_t own_minimums; /* clients that have their own */
    uint32_t constrained; /* frameworks that have constraints */
    struct regex_limits regex_limits;
    bool has_whitelist;
    struct map whitelist; /* host name -> itself, owned */

    struct map frameworks, agents, roles; /* by number, by number, by name */
    struct agent **slots;
    uint32_t slot_count, first_free; /* no slot below first_free is free */
    uint64_t seed;

    struct role root;
    struct amounts total;
    struct amounts told_total, told_used; /* as the gauges show it */
    bool shares_stale; /* total changed: every share is to be reckoned anew */
    uint64_t epoch; /* changes with whatever may make a quiet agent interesting to anyone */
    uint32_t fresh_count; /* clients that are fresh */

    struct filter *filters; /* pool; unused ones are chained in free_filter */
    struct filter_note *filter_notes; /* beside filters */
    uint32_t filter_cap, filter_used, free_filter;

    struct offer *offers; /* of the running cycle */
    uint32_t offer_count, offer_cap;
    struct ask *asks; /* of the running cycle */
    uint32_t ask_count, ask_cap;
    uint32_t leaving_count; /* agents that will be unavailable */
    struct agent **waiting; /* of the next soon cycle */
    uint32_t waiting_count, waiting_cap;
};

/* kinds.c */
int kind_find(struct drf *drf, const char *name); /* -1 when the table is full */
int kind_number(struct drf *drf, const char *name, uint32_t max); /* a new one only below max */
void amounts_of(struct drf *drf, struct mesos_resources view, struct amounts *ret);
void amounts_add(struct amounts *a, const struct amounts *b);
void amounts_subtract(struct amounts *a, const struct amounts *b);
bool amounts_zero(const struct amounts *a);
bool amounts_allocatable(const struct drf *drf, const struct minimums *minimums, const struct amounts *a);

/* settings.c: what the daemon's options say. 0 or -E with host->fail's text. */
int settings_read(struct drf *drf);
void settings_free(struct drf *drf);

/* sorter.c */
struct role *role_get(struct drf *drf, const char *name); /* with a new reference */
void role_put(struct drf *drf, struct role *role);
void role_set_weight(struct drf *drf, const char *name, double weight);
void sorter_init(struct drf *drf);
void sorter_free(struct drf *drf);
void sorter_add_client(struct client *client);
void sorter_remove_client(struct client *client);
/* Counts the client in or out among those that want offers. */
void sorter_set_wanting(struct client *client, bool wanting);
void sorter_allocated(struct drf *drf, struct client *client, const struct amounts *amounts, bool offered);
void sorter_recovered(struct drf *drf, struct client *client, const struct amounts *amounts);
/* Reckons all shares anew when the total has changed. */
void sorter_refresh(struct drf *drf);
/* Calls fn for each client that wants offers, fairest first, until it says true: then that is the answer. */
bool sorter_visit(struct role *root, bool (*fn)(struct client *client, void *arg), void *arg);

/* filters.c */
void filters_add(struct drf *drf, struct client *client, struct agent *agent, const struct resources *refused,
                 double refuse_secs, int64_t offer);
void filters_drop_client(struct drf *drf, struct client *client);
void filters_drop_slot(struct drf *drf, uint32_t slot);
/* What the client could have of the agent was refused and has not changed since: no need to look closer. *until_ms is
 * lowered to when that ends. */
bool filters_hide_agent(struct drf *drf, struct client *client, struct agent *agent, int64_t now_ms, int64_t *until_ms);
bool filters_hide(struct drf *drf, struct client *client, struct agent *agent, const struct resources *available,
                  int64_t now_ms, int64_t *until_ms);
/* The filter that hides this, or NULL; remembers nothing. */
const struct filter *filters_look(const struct drf *drf, const struct client *client, const struct agent *agent,
                                  const struct resources *available, int64_t now_ms, struct filter_note *ret_note);
void filters_free(struct drf *drf);

/* wishes.c: what frameworks say of the offers that they want: constraints, and minimums of their own. */
int wishes_check(void *instance, struct mesos_bytes constraints);
/* Takes both over, for the clients that are there; the info's offer_filters hold the minimums. */
void wishes_take(struct drf *drf, struct framework *framework, const struct mesos_allocator_framework *from);
void wishes_drop_client(struct drf *drf, struct client *client);
void wishes_drop_framework(struct drf *drf, struct framework *framework);
/* Another agent has this slot now, or the same one says other things of itself. */
void wishes_forget_slot(struct drf *drf, uint32_t slot);
bool wishes_admit(struct client *client, const struct agent *agent);
bool wishes_excluded(void *instance, mesos_framework_t framework, const char *role, mesos_agent_t agent);
/* Is this worth an offer to the client? */
bool wishes_enough(const struct drf *drf, const struct client *client, const struct amounts *amounts);

/* inverse.c */
void inverse_look_at(struct drf *drf, struct agent *agent, int64_t now_ms);
void inverse_deliver(struct drf *drf);
void inverse_forget_agent(struct drf *drf, struct agent *agent);
void inverse_forget_framework(struct drf *drf, mesos_framework_t framework);
void inverse_drop_filters(struct drf *drf, mesos_framework_t framework);
void inverse_update_unavailability(void *instance, mesos_agent_t agent, const struct mesos_unavailability *unavailability);
void inverse_update(void *instance, mesos_framework_t framework, mesos_agent_t agent, double refuse_secs);

/* explain.c */
int explain(void *instance, mesos_framework_t framework, mesos_agent_t agent,
            bool (*tell)(void *arg, const struct mesos_allocator_explanation *explanation), void *arg);

/* frameworks.c */
struct framework *framework_find(struct drf *drf, mesos_framework_t number);
struct client *framework_client(const struct framework *framework, const char *role);
void client_set_fresh(struct drf *drf, struct client *client, bool fresh);
void client_used(struct drf *drf, struct client *client, int change); /* a use came (1) or went (-1) */
void frameworks_free(struct drf *drf);
void framework_add(void *instance, const struct mesos_allocator_framework *framework,
                   const struct mesos_allocator_use *used, size_t used_count);
void framework_update(void *instance, const struct mesos_allocator_framework *framework);
void framework_remove(void *instance, mesos_framework_t framework);
void framework_activate(void *instance, mesos_framework_t framework);
void framework_deactivate(void *instance, mesos_framework_t framework);
void framework_suppress(void *instance, mesos_framework_t framework, const char *const *roles, size_t count);
void framework_revive(void *instance, mesos_framework_t framework, const char *const *roles, size_t count);

/* agents.c */
struct agent *agent_find(struct drf *drf, mesos_agent_t number);
/* Takes from the agent for the framework; resources carry their allocation role. */
void agent_use(struct drf *drf, struct agent *agent, mesos_framework_t framework, struct mesos_resources resources,
               bool offered);
/* A framework appeared or is going: its uses find or lose their clients. */
void agents_bind(struct drf *drf, const struct framework *framework);
void agents_unbind(struct drf *drf, const struct framework *framework);
void agent_add(void *instance, const struct mesos_allocator_agent *agent, const struct mesos_allocator_use *used,
               size_t used_count);
void agent_update(void *instance, const struct mesos_allocator_agent *agent);
void agent_remove(void *instance, mesos_agent_t agent);
void agent_activate(void *instance, mesos_agent_t agent);
void agent_deactivate(void *instance, mesos_agent_t agent);
void agent_recover(void *instance, mesos_framework_t framework, mesos_agent_t agent, struct mesos_resources resources,
                   double refuse_secs);
void agent_decline(void *instance, mesos_framework_t framework, mesos_agent_t agent, struct mesos_resources resources,
                   double refuse_secs, int64_t offer);
void agent_update_allocation(void *instance, mesos_framework_t framework, mesos_agent_t agent,
                             struct mesos_resources consumed, struct mesos_resources converted);
int agent_update_available(void *instance, mesos_agent_t agent, struct mesos_resources consumed,
                           struct mesos_resources converted);
void agents_update_whitelist(void *instance, const char *const *hostnames, size_t count);
void agents_free(struct drf *drf);

/* allocate.c */
/* What of these the client may have at all: reservations and capabilities. */
void allocate_part(const struct client *client, const struct resources *from, struct resources *ret);
void allocate_untell(const struct drf *drf, struct role *role); /* its gauges go with it */
void allocate_untell(const struct drf *drf, struct role *role); /* the gauges of a role that goes */
void allocate_start(struct drf *drf); /* the batch timer */
void allocate_stop(struct drf *drf);
void allocate_soon(struct drf *drf, struct agent *agent); /* agent NULL = all of them, quiet ones only for fresh clients */
void allocate_again(struct drf *drf); /* all agents, for everyone: no agent is quiet any more */
void allocate_forget(struct drf *drf, struct agent *agent); /* it goes away */
void allocate_pause(void *instance);
void allocate_resume(void *instance);

#endif
