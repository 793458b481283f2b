/* SPDX-License-Identifier: Apache-2.0 */
/* An authorizer that refuses what the test names: linked into scenarios, so that each question that the master asks can be
 * seen by its refusal. */
#ifndef SCENARIO_NOTARY_H
#define SCENARIO_NOTARY_H

#include "lone_master.h"
#include "mesos/authorizer.h"
#include "mesos/http_authenticator.h"

/* One refusal: of an action, on objects of that value (NULL = all, and the action as such), to that principal (NULL = all). One
 * with claims is written "alice+key=value". */
struct refusal {
    enum mesos_action action;
    const char *value, *principal;
};

enum { REFUSALS = 64 };

extern struct notary {
    struct refusal refusals[REFUSALS];
    size_t count;
    uint64_t generation;
    size_t asked; /* how often an object was looked at */
    size_t asked_about[64]; /* by action */
    uint32_t reads; /* beside the value */
} notary;

void notary_forget(void);
void notary_refuse(enum mesos_action action, const char *value, const char *principal);
/* A world with that authorizer whose master leads. */
struct world *world_ruled(void);
/* The same, and requests of readers and operators say who they come from: "Authorization: alice", or "alice+key=value". */
struct world *world_ruled_by_name(void);
/* The same of schedulers; "+key=value" is somebody without a name. */
struct world *world_ruled_schedulers_by_name(void);
/* One request; some time passes. Returns its status; the body is in w->got. type NULL = no body. */
int ask(struct world *w, const char *method, const char *path, const char *type, const char *body);
/* POST /api/v1 with JSON both ways. */
int operator_asks(struct world *w, const char *body);

#define MAY_NOT(ACTION, value) notary_refuse(MESOS_ACTION_##ACTION, value, NULL)

/* Members of resources that somebody holds, as JSON. */
#define RESERVED "\"reservations\":[{\"type\":\"DYNAMIC\",\"role\":\"web\",\"principal\":\"alice\"}]"
#define VOLUME \
    RESERVED ",\"disk\":{\"persistence\":{\"id\":\"v\",\"principal\":\"bob\"},\"volume\":{\"container_path\":\"p\",\"mode\":\"RW\"}}"
/* One of them; an agent that is not there; a list of machines. */
#define RESOURCE "{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":10}," VOLUME "}"
#define AGENT    "\"agent_id\":{\"value\":\"none\"}"
#define MACHINES "[{\"hostname\":\"m\",\"ip\":\"10.0.0.9\"}]"

#endif
