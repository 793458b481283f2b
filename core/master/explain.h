/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Why do I get no offers?": what the allocator says of each agent, completed with what only the master knows (who has
 * an offer, which agents are away). Reckoned when asked, nothing is kept for it. Asked by http_explain.c and by the
 * operator's call EXPLAIN_OFFERS.
 */
#ifndef MASTER_EXPLAIN_H
#define MASTER_EXPLAIN_H

#include "master/state.h"
#include "mesos/v1/master/master.pb-c.h"

/* More make no answer for anybody. */
enum { EXPLANATIONS_MAX = 100000 };

/*
 * In arena, without what the sight hides. agent_id and role may be NULL: then of all agents, of all the framework's roles. NULL
 * with err: -ENOENT for a framework, agent or role that is not there, -ENOTSUP when the allocator cannot explain.
 */
Mesos__V1__Master__Response__ExplainOffers *explain_offers(struct master *master, struct sight *sight, const char *framework_id,
                                                           const char *agent_id, const char *role,
                                                           struct arena *arena, struct err *err);
/* "FILTERED" */
const char *explain_reason_name(Mesos__V1__Master__Response__ExplainOffers__Explanation__Reason reason);

#endif
