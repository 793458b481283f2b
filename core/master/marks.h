/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operators have decided on agents: that they are deactivated, and that they drain. A mark is kept by the agent's id
 * beside everything else that is known of it, because it outlives the agent's absence: whoever writes an agent's entry of
 * the registry (admitted, unreachable) puts the mark into it, and whoever admits an agent asks for it. Called by the verbs
 * that write the registry, by the views, and by operator_marks.c, which alone changes marks.
 */
#ifndef MASTER_MARKS_H
#define MASTER_MARKS_H

#include "master/state.h"

struct marks {
    bool deactivated;              /* nothing of it is offered; draining and drained agents are, too */
    Mesos__V1__DrainState state;   /* UNKNOWN: is not drained */
    bool mark_gone;                /* when it is drained */
    bool limited;                  /* max_grace_ns says something */
    int64_t max_grace_ns;
};

struct marked_agent {
    struct marks marks;    /* durable: acted upon, and shown */
    struct marks written;  /* of the newest write, which may be under way: what further writes must say, too */
    uint32_t writes;       /* of marks, under way */
    bool going;            /* is being marked gone */
    double drain_start_secs; /* when it was last told to drain; 0 = not since this master leads */
    char id[];
};

/* NULL: no operator has said anything about it. */
struct marked_agent *marked_agent(const struct master *master, const char *id);
struct marked_agent *marked_agent_make(struct master *master, const char *id);
/* The agent is forgotten: removed, gone, or unreachable for too long. */
void marked_agent_forget(struct master *master, const char *id);
/* Nothing is left to say. */
void marked_agent_settle(struct master *master, struct marked_agent *marked);
void marks_free(struct master *master);

/* As messages have it. */
struct drain_message {
    Mesos__V1__DrainInfo info;
    Mesos__V1__DrainConfig config;
    Mesos__V1__DurationInfo grace;
};
/* NULL when it is not drained; else points into message. */
Mesos__V1__DrainInfo *marks_drain_info(const struct marks *marks, struct drain_message *message);
/* An entry as the registry has it; a mark that it carries is taken over. drain and deactivated are the entry's. */
void marks_recover(struct master *master, const char *id, const Mesos__V1__DrainInfo *drain, bool deactivated);

/* The registry's entries, with the mark as it is written now. Changes of the batch; nobody waits yet. */
void registry_put_admitted(struct master *master, const Mesos__SlaveInfo *info);
void registry_put_admitted_packed(struct master *master, const void *info, size_t info_len);
void registry_put_unreachable(struct master *master, const char *id, int64_t since_ns);
void registry_put_gone(struct master *master, const char *id, int64_t since_ns);

/* May it be offered, as far as operators are concerned? */
bool agent_is_deactivated(const struct agent *agent);

/* event_agent_drained.c */
/* Tells an agent that drains so (again); nothing to others. */
void agent_tell_drain(struct agent *agent);
/* Something of a draining agent has ended: is it empty? Found out from the loop. */
void agent_drain_check(struct agent *agent);
void on_drain_check(void *arg);

/* operator_marks.c */
/* A drained agent's next mark, decided by the master itself. */
void agent_drained(struct master *master, const char *id);
void mark_orders_free(struct master *master);

#endif
