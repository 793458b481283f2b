/* SPDX-License-Identifier: Apache-2.0 */
/* A lone allocator and a sink that writes down its offers, with short words for what a master does to it. */
#ifndef TESTS_ALLOCATOR_BOX_H
#define TESTS_ALLOCATOR_BOX_H

#include "lone_host.h"
#include "mesos/allocator.h"
#include "model/resources.h"

struct box_offer {
    mesos_framework_t framework;
    mesos_agent_t agent;
    char role[64];
    struct resources resources;
};

struct box {
    struct lone_host lone;
    const struct mesos_allocator_ops *ops;
    struct mesos_allocator_sink sink;
    struct box_offer *offers; /* not yet taken */
    size_t offer_count, offer_cap;
    char asked[1024]; /* "f1 a2" lines: inverse offers since it was emptied */
    size_t ask_ends; /* ends of cycles that made inverse offers */
    size_t ends; /* ends of cycles that offered something */
    bool ended; /* nothing came since the last end */
    bool in_call; /* an offer now breaks the contract */
    /* Packed messages that frameworks and agents come with from now on; borrowed, may be empty. */
    struct str constraints, framework_info, agent_info;
};

/* path: MESOS_TEST_ALLOCATOR from the environment, else `fallback`. Fails the test when it does not start. */
void box_init(struct box *box, const char *const *options);
void box_fini(struct box *box);
const char *box_path(void);

/* roles: "a,b"; flags: letters of "g" gpu, "r" revocable, "s" shared, "f" reservation refinement, "i" inactive. */
void box_add_framework(struct box *box, mesos_framework_t framework, const char *roles, const char *flags);
void box_update_framework(struct box *box, mesos_framework_t framework, const char *roles, const char *suppressed);
/* resources as --resources writes them; host name: "host<agent>". */
void box_add_agent(struct box *box, mesos_agent_t agent, const char *resources);
void box_update_agent(struct box *box, mesos_agent_t agent, const char *resources);
void box_recover(struct box *box, const struct box_offer *offer, const char *part, double refuse_secs);
/* Lets the soon cycles run. */
void box_settle(struct box *box);
/* Takes the i-th waiting offer back with that filter; it is gone from the list then. */
void box_decline(struct box *box, size_t i, double refuse_secs);
void box_decline_all(struct box *box, double refuse_secs);
/* "f1 a2 web cpus:1; mem:2" lines of the waiting offers in order, to compare. Static. */
const char *box_text(struct box *box);
/* When the agent will be away; start_ns 0 = it will not. */
void box_plan(struct box *box, mesos_agent_t agent, int64_t start_ns);
/* What was asked since the last call. */
const char *box_asked(struct box *box);
/* Forgets the waiting offers: they are running tasks now. */
void box_launch_all(struct box *box);

#endif
