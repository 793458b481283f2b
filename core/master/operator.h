/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master's operator API. http_operator.c decodes a call, checks its shape and what the client accepts, and hands it
 * to the function of its name (operator_<name>, in operator_<name>.c or the file of its family); the list is
 * operator_calls.def. Events for subscribers are operator_subscribe.c's: the nouns call them where they change.
 */
#ifndef MASTER_OPERATOR_H
#define MASTER_OPERATOR_H

#include "daemon/operator.h"
#include "master/state.h"
#include "mesos/v1/master/master.pb-c.h"
#include "wire/writer.h"

/* One call. The function owes the exchange exactly one answer, at once or later. */
struct operator_call {
    struct master *master;
    struct http_exchange *exchange;
    const Mesos__V1__Master__Call *call; /* in the request's arena: lives until the answer */
    struct arena *arena;                 /* the request's */
    bool json;                           /* the answer, or each record of it; else protobuf */
};

#define CALL(NAME, name, member) void operator_##name(struct operator_call *op);
#define LATER(NAME, member, what)
#include "master/operator_calls.def"
#undef CALL
#undef LATER

/* Sets the response's type and sends it. */
void operator_answer(struct operator_call *op, Mesos__V1__Master__Response *response,
                     Mesos__V1__Master__Response__Type type);
/* For answers that are written rather than built, from pages, as soon as these are made: `write` fills the member
 * (number, name) of the response. */
void operator_answer_written(struct operator_call *op, Mesos__V1__Master__Response__Type type, const char *type_name,
                             uint32_t number, const char *name,
                             void (*write)(struct writer *writer, struct master *master, struct sight *sight));

/* operator_later.c: may it be done, once it is built? False: answered. */
bool operator_later_admits(struct operator_call *op);
/* The agent or role that it is about, for the audit log; NULL = none, or several. */
const char *operator_later_object(const struct operator_call *op);

/* Numbers of the lists of Response.GetTasks. */
enum { OPERATOR_TASKS = 2, OPERATOR_COMPLETED_TASKS = 3, OPERATOR_UNREACHABLE_TASKS = 5 };

/* One item of a list, for records.c. */
void operator_write_task(struct writer *writer, uint32_t number, const struct task *task);
void operator_write_executor(struct writer *writer, const struct executor *executor, struct arena *arena);
void operator_write_agent(struct writer *writer, const struct agent *agent, struct sight *sight, struct arena *arena);
void operator_write_recovered(struct writer *writer, const struct recovered_agent *recovered, struct sight *sight,
                              struct arena *arena);
/* All items, which are on pages already: inside an answer of views_await, and on a rope. */
void operator_write_sheets(struct writer *writer, const struct sheets *sheets, struct sight *sight);

/* sight: who looks (sight.h), NULL = one who may see all.
 * The members of Response.GetState and its parts, for GET_STATE, the single calls and SUBSCRIBED. As above. */
void operator_write_tasks(struct writer *writer, struct master *master, struct sight *sight);
void operator_write_executors(struct writer *writer, struct master *master, struct sight *sight);
void operator_write_frameworks(struct writer *writer, struct master *master, struct sight *sight);
void operator_write_agents(struct writer *writer, struct master *master, struct sight *sight);
void operator_write_state(struct writer *writer, struct master *master, struct sight *sight);

/* One agent or framework as these show it, in arena. */
Mesos__V1__Master__Response__GetAgents__Agent *operator_agent(const struct agent *agent, struct sight *sight,
                                                              struct arena *arena);
Mesos__V1__Master__Response__GetFrameworks__Framework *operator_framework(const struct framework *framework,
                                                                          struct arena *arena);
Mesos__V1__TimeInfo *operator_time(double secs, struct arena *arena);

#endif
