/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inverse offers: the question to a framework whether it can do without an agent that will be unavailable, and what it last
 * answered. The allocator says when one is due; one is out per framework and agent at a time. They share their ids with
 * offers. Answers are shown to operators and change nothing by themselves; they live as long as the planned downtime.
 */
#ifndef MASTER_INVERSE_OFFERS_H
#define MASTER_INVERSE_OFFERS_H

#include "base/list.h"
#include "loop/loop.h"
#include "mesos/allocator.h"
#include "mesos/v1/allocator/allocator.pb-c.h"
#include "mesos/v1/mesos.pb-c.h"

struct agent;
struct arena;
struct framework;
struct machine;
struct master;

struct inverse_offer {
    struct list framework_node, agent_node;
    struct framework *framework;
    struct agent *agent;
    struct loop_timer timeout; /* --offer_timeout */
    bool sent;
    char id[];
};

/* The sink's inverse_offer. */
void on_inverse_offer(void *arg, mesos_framework_t framework, mesos_agent_t agent);
struct inverse_offer *inverse_offer_find(const struct master *master, const char *id);
Mesos__V1__InverseOffer *inverse_offer_shown(const struct inverse_offer *offer, struct arena *arena);
/* The framework says yes or no; it is asked again after so many seconds. */
void inverse_offer_answer(struct inverse_offer *offer, bool accepted, double refuse_secs);
void inverse_offers_rescind_agent(struct agent *agent);
void inverse_offers_rescind_framework(struct framework *framework);
void inverse_offers_drop_framework(struct framework *framework); /* without telling it */
void inverse_offers_free(struct master *master); /* nobody is told */
/* What is known of answers about this agent, or from this framework, goes. */
void inverse_answers_forget(struct agent *agent);
void inverse_answers_forget_framework(struct framework *framework);
/* The last answer of each framework about the machine's agents. */
Mesos__V1__Allocator__InverseOfferStatus **inverse_offer_statuses(const struct machine *machine, struct arena *arena,
                                                                  size_t *ret_count);

#endif
