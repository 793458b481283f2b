/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the master knows: agents, frameworks, offers, tasks, executors, and the functions that change them.
 * Private to core/master. One thread owns it all. Files: agents.c, frameworks.c, offers.c, tasks.c,
 * executors.c hold what belongs to one noun; call_*.c, message_*.c and event_*.c are the verbs (what event_agent_lost.c
 * does has a header of its own); http_*.c only read.
 */
#ifndef MASTER_STATE_H
#define MASTER_STATE_H

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "base/units.h"
#include "daemon/daemon.h"
#include "host/host.h"
#include "master/contact.h"
#include "master/inverse_offers.h"
#include "master/maintenance.h"
#include "master/master.h"
#include "master/metrics.h"
#include "master/options.h"
#include "master/registrar.h"
#include "master/sight.h"
#include "master/views.h"
#include "mesos/allocator.h"
#include "mesos/election.h"
#include "mesos/internal/messages.pb-c.h"
#include "mesos/v1/mesos.pb-c.h"
#include "mesos/v1/scheduler/scheduler.pb-c.h"
#include "model/resources.h"
#include "model/task_state.h"
#include "wire/libprocess.h"

enum { HEARTBEAT_MS = 15 * 1000 };

struct framework;
struct reading;

/* Sums of the usual scalars: firm ones, and SCALAR_REVOCABLE further on the revocable ones. */
enum { SCALAR_CPUS, SCALAR_MEM, SCALAR_DISK, SCALAR_GPUS, SCALAR_REVOCABLE, SCALARS = 2 * SCALAR_REVOCABLE };

/* One machine that was admitted. */
struct agent {
    struct master *master;
    char *id;  /* "<master id>-S<n>" */
    char *pid; /* upid as text */
    struct upid upid;
    char *hostname, *version;
    mesos_agent_t number;  /* the allocator's name for it */
    char observer[32];     /* "slave-observer(n)": who pings it */
    uint64_t capabilities; /* bit n: AgentInfo.Capability.Type n */
    bool connected;        /* its link stands */
    bool active;           /* may be offered */
    bool replaced;         /* ... because a new agent registered at its address */
    bool doomed;           /* to be marked unreachable as soon as --agent_removal_rate_limit allows */
    bool draining;         /* see marks.h */
    bool leaving;          /* a registry write that removes it is under way: what it sends is ignored */
    char *loss;            /* then: what frameworks are told */
    int64_t loss_ns;       /* then: since when it is unreachable, wall clock */
    bool returned;         /* has re-registered */
    bool plain;            /* has neither attributes nor domain: offers need not look into info */
    bool has_resource_version;
    bool ponged;   /* since the last ping */
    uint64_t mark; /* see framework_each_agent */
    uint32_t missed_pings;
    int32_t port;
    uint64_t heard_over; /* the latest connection that it registered over: libprocess_connection() */
    unsigned char resource_version[UUID_BYTES];
    void *info; /* packed mesos.SlaveInfo with id */
    size_t info_len;
    struct resources total;                    /* with what is oversubscribed */
    double registered_secs, reregistered_secs; /* wall clock */
    int64_t disconnected_ms;                   /* loop clock; valid while not connected */
    struct loop_timer ping;
    struct list tasks;     /* struct task.agent_node */
    struct list executors; /* struct executor.agent_node */
    struct list offers;    /* struct offer.agent_node */
    struct machine *machine;
    struct list machine_node;    /* machine->agents */
    struct list inverse_offers;  /* struct inverse_offer.agent_node */
    struct list inverse_answers; /* inverse_offers.c's */
    bool machine_down;           /* leaving because its machine goes down: the registry is being told */
    struct record record;  /* in master->agent_sheets; agent_touch() when anything of this changes that is shown */
};

/* One executor that is not a task's own: its resources are held until the agent says that it exited. */
struct executor {
    struct list agent_node;
    struct agent *agent;
    struct framework *framework;
    char *id;
    void *info; /* packed mesos.v1.ExecutorInfo */
    size_t info_len;
    char *user;                 /* that its command names; NULL = the framework's */
    bool told_to_end;           /* because its agent drains */
    struct resources resources; /* allocated */
    struct record record;       /* in framework->executor_sheets */
    char key[];                 /* "<agent number> <id>" in framework->executors */
};

/*
 * One task. `packed` holds a mesos.v1.Task: first what never changes (core_len bytes), then one field 8 per
 * status. State and the last update's uuid are members; task_pack() puts them back. A completed task keeps no
 * resources: they are in packed.
 */
struct task {
    struct list agent_node; /* agent->tasks, lost_agent->tasks, or framework->done */
    struct framework *framework;
    struct agent *agent;        /* NULL when the task is completed or unreachable */
    struct executor *executor;  /* NULL for command tasks */
    char *user;                 /* whom it runs as, when that is not the framework's user; else NULL */
    struct record record;       /* in one of the framework's sheets; record_touch() when it changes */
    struct resources resources; /* what is held from the allocator; empty when terminal */
    double first_status_time; /* in seconds, what /tasks sorts by; valid with last_status */
    unsigned char *packed;
    uint32_t core_len, len, cap;
    uint32_t last_status;      /* where the last status's field begins; 0 = none */
    uint8_t state;             /* Mesos__V1__TaskState: the latest that is known */
    uint8_t update_state;      /* state of the last update; valid with has_update */
    bool seen;                 /* named by the re-registration that is being handled */
    bool has_update, has_uuid; /* has_uuid: that update wants an acknowledgement ... */
    bool acknowledged;         /* ... and got it */
    bool killed;               /* KILL was asked for: said again to an agent that comes back with it */
    unsigned char update_uuid[UUID_BYTES];
    char id[];
};

struct offer {
    struct list framework_node, agent_node;
    struct framework *framework;
    struct agent *agent;
    struct resources resources; /* allocated to role */
    struct loop_timer timeout;
    struct record record; /* in framework->offer_sheets */
    uint64_t number;  /* the end of id */
    const char *role; /* behind id */
    char id[];
};

struct framework {
    struct master *master;
    char *id;
    mesos_framework_t number;
    struct arena *arena;            /* of info, roles, constraints */
    Mesos__V1__FrameworkInfo *info; /* with id */
    const char **roles;
    bool *suppressed; /* beside roles */
    uint32_t role_count;
    Mesos__V1__Scheduler__OfferConstraints *constraints; /* NULL = none were given */
    bool partition_aware, refinement, multi_role;
    bool connected, active, recovered;
    bool completed; /* in master->completed; only http_*.c look at it */
    /* Its contact (contact.h): the event stream, while connected ... */
    struct http_exchange *stream;
    bool json;
    char stream_id[UUID_TEXT];
    /* ... or where its v0 driver listens, or listened last; NULL for schedulers over HTTP. */
    char *pid;
    struct upid upid;
    struct loop_timer heartbeat, failover;
    double registered_secs, reregistered_secs, unregistered_secs;
    struct map tasks;       /* id -> struct task */
    struct map executors;   /* key -> struct executor */
    struct map unreachable; /* id -> struct task */
    struct list done;       /* completed tasks, oldest first */
    uint32_t done_count;
    struct map done_ids; /* id -> the youngest completed task of that id */
    struct list offers;
    struct sheets task_sheets, unreachable_sheets, done_sheets, executor_sheets, offer_sheets; /* what views show */
    struct offer **fresh; /* made in this cycle of the allocator, not yet sent */
    uint32_t fresh_count, fresh_cap;
    struct list fresh_node;            /* master->fresh */
    struct list inverse_offers;        /* struct inverse_offer.framework_node */
    struct list fresh_inverse_node;    /* master->fresh_inverse */
    struct list completed_node;        /* master->completed */
    struct framework_metrics *metrics; /* NULL when not published, and when it has gone */
    struct metric *messages_received, *messages_processed; /* of its principal; NULL = it has none */
};

/* An agent that the registry knows and that has not come back since this master leads. */
struct recovered_agent {
    void *info; /* packed mesos.SlaveInfo */
    size_t info_len;
    bool leaving;   /* to be marked unreachable as soon as --agent_removal_rate_limit allows, or being marked */
    bool marking;   /* the registry is being written: it must wait to come back */
    bool returning; /* its readmission is being written */
    struct record record; /* in master->recovered_sheets */
    char id[];
};

/* An agent that the registry lists as unreachable or gone. */
struct lost_agent {
    int64_t since_ns;    /* wall clock */
    uint64_t heard_over; /* as of struct agent; 0 when it is not known */
    struct list tasks; /* struct task.agent_node: those that frameworks->unreachable still know */
    char id[];
};

/* A registration that waits for the registry: the message is decoded again when it may become visible. */
struct admission {
    struct master *master;
    struct upid from;
    bool again;    /* ReregisterSlaveMessage */
    uint64_t over; /* the connection that it came over */
    char *id;
    void *body;
    size_t body_len;
    char pid[];
};

struct master {
    struct master_setup setup;
    struct loop *loop;
    const struct master_options *options;
    struct daemon *daemon;
    struct master_telemetry *telemetry;
    struct registrar *registrar;
    struct module *allocator, *election;
    struct logins *logins; /* login.h; NULL without an authenticator */
    char id[UUID_TEXT];
    char *hostname, *pid;
    char *leader_hostname; /* of another master that leads, or NULL */
    uint16_t leader_port;
    const char *no_leader; /* why nobody is pointed at: what clients are told; never NULL */
    bool led, lapsed; /* was elected once; its lease has run out, nothing is sent any more */
    struct loop_timer lapse; /* ends us then */
    bool elected, leading, ended;
    double start_secs, elected_secs;
    void *info; /* packed mesos.v1.MasterInfo */
    size_t info_len;
    const char **role_list; /* --roles; NULL = any */
    size_t role_list_count;

    struct map agents; /* id -> struct agent */
    uint32_t agents_connected, agents_active; /* how many of them are */
    struct map agents_by_pid;
    struct agent **agents_by_number; /* NULL where it was removed */
    struct map frameworks;           /* id -> struct framework */
    struct framework **frameworks_by_number;
    uint32_t next_agent_number, next_framework_number, agent_slots, framework_slots;
    uint32_t next_agent, next_framework, next_observer;
    uint64_t next_offer;
    struct map offers;
    struct map recovered;         /* id -> struct recovered_agent */
    size_t recovered_total;       /* how many there were when we began to lead */
    struct map unreachable, gone; /* id -> struct lost_agent, in order of time */
    struct map marked;            /* id -> struct marked_agent: marks.h */
    struct list mark_orders;      /* struct mark_order: operator_marks.c */
    struct loop_timer drain_check;
    struct map admissions;        /* pid -> struct admission */
    struct map observers;         /* "slave-observer(n)" -> struct agent */
    struct list completed;        /* frameworks, oldest first */
    struct map completed_ids;     /* id -> struct framework */
    struct list subscribers;      /* struct subscriber, oldest first: subscribers.c */
    uint32_t subscriber_count;
    struct list fresh; /* frameworks with fresh offers */
    struct map inverse_offers;
    struct list fresh_inverse; /* frameworks with fresh inverse offers */
    struct maintenance *maintenance;
    struct maintenance_entries *maintenance_entries; /* while the registry is read */
    struct mesos_allocator_sink sink;
    struct mesos_election_events election_events;
    struct loop_timer reregister, gc;
    struct throttle *throttle; /* rate limits of frameworks; NULL = none */
    /* The message of libprocess that is being handled, for who must keep it as it came. */
    struct handled {
        const struct upid *from;
        struct str to, name, body;
    } handled;
    char *weights; /* role=weight,... as they are in force; NULL = none */
    int64_t next_removal_ms; /* --agent_removal_rate_limit */
    bool awaited_in_vain;    /* --agent_reregister_timeout has passed since the election */
    struct list refused;     /* struct refused_offer: given back to the allocator outside its call */
    struct loop_timer refused_soon;
    int64_t used_scalars[SCALARS];  /* thousandths held by tasks and executors: SCALAR_... */
    int64_t total_scalars[SCALARS]; /* of all admitted agents */
    struct arena *arena;      /* of the message being handled; reset after it */
    struct buf out, frame;    /* scratch for packing and framing */
    uint64_t mark;            /* agents with this mark were visited */
    uint64_t framework_infos; /* how often one of them has changed */
    struct views *views;
    struct list listings; /* struct listing (http_tasks.c): answers of /tasks in the making */
    struct summaries *summaries; /* answers of /state-summary in the making; NULL = none were asked for */
    struct sheets agent_sheets, recovered_sheets;
    struct metrics_master m;
};

/* master.c */
void master_fatal(struct master *master, const char *fmt, ...) PRINTF_LIKE(2, 3);
void master_arena_reset(struct master *master);
/* Adds (sign 1) or takes (-1) the scalars of r to or from sums. */
void scalars_add(int64_t sums[SCALARS], const struct resources *r, int sign);

/* agents.c */
struct agent *agent_find(const struct master *master, const char *id);
/* The same for a message of its own: NULL, which is logged, unless it is from where the agent has registered. Who proved to
 * be an agent did so for that address. */
struct agent *agent_speaking(const struct master *master, const char *id, const struct upid *from, const char *message);
struct agent *agent_by_number(const struct master *master, mesos_agent_t number);
/* Everything that a (re-)registration says. Strings and messages are borrowed. */
struct agent_news {
    const struct upid *from;
    const Mesos__SlaveInfo *info; /* with id */
    const char *version;
    Mesos__V1__AgentInfo__Capability *const *capabilities;
    size_t capability_count;
    const Mesos__V1__UUID *resource_version;
    Mesos__V1__Resource *const *checkpointed;
    size_t checkpointed_count;
};
/* Makes it known, connected and active to master and pings it; the allocator learns of it by agent_announce.
 */
struct agent *agent_add(struct master *master, const struct agent_news *news, struct err *err);
/* Tells the allocator, with what tasks and executors already hold there. */
void agent_announce(struct agent *agent);
/* A known agent came again: takes over address, info and version. The allocator is not told: agent_reannounce
 * does it. */
int agent_update(struct agent *agent, const struct agent_news *news, struct err *err);
void agent_reannounce(struct agent *agent);
/* Oversubscribed resources: they replace the revocable part of the total. Offers with such are rescinded when it changes. */
void agent_oversubscribe(struct agent *agent, const struct resources *revocable);
/* Forgets it. Tasks, executors and offers must be gone. */
void agent_remove(struct agent *agent);
void agent_free(struct agent *agent);
void agent_set_state(struct agent *agent, bool connected, bool active);
/* Something of it that views show has changed: its own members, or what its tasks, executors and offers hold. */
static inline void
agent_touch(struct agent *agent)
{
    record_touch(&agent->record);
}
void recovered_agent_free(struct recovered_agent *recovered);
/* Packs message and sends it from actor "master". */
void agent_send(struct agent *agent, const char *name, const void *message);
void agent_send_to(struct master *master, const struct upid *to, const char *name, const void *message);
void agent_shutdown(struct master *master, const struct upid *to, const char *reason);
/* Starts (or restarts) pinging. */
void agent_observe(struct agent *agent);
void agent_pong(struct master *master, const struct upid *from, struct str observer);
/* info's total with checkpointed resources in their place; also what re-registration compares. */
int agent_total(struct resources *ret, const Mesos__SlaveInfo *info, Mesos__V1__Resource *const *checkpointed,
                size_t count, struct arena *arena, struct err *err);
double agent_ping_timeout_secs(const struct master *master);

/* executors.c */
struct executor *executor_find(const struct framework *framework, const struct agent *agent, const char *id);
/* resources move into it. */
struct executor *executor_add(struct framework *framework, struct agent *agent,
                              const Mesos__V1__ExecutorInfo *info, struct resources *resources);
/* Also gives its resources back when recover is true. */
void executor_remove(struct executor *executor, bool recover);
/* Only its memory: nothing knows it any more, or everything ends. */
void executor_free(struct executor *executor);

/* tasks.c */
struct task *task_find(const struct framework *framework, const char *id);
/* From a launch; resources move into it. */
struct task *task_add(struct framework *framework, struct agent *agent, struct executor *executor,
                      const Mesos__V1__TaskInfo *info, struct resources *resources);
/* From a re-registration. NULL with err when its resources are wrong. */
struct task *task_adopt(struct framework *framework, struct agent *agent, const Mesos__V1__Task *task,
                        struct err *err);
const char *task_state_name(Mesos__V1__TaskState state);
/* Takes a status over: state, list of statuses, metrics. latest: the newest state that the agent knows; when
 * it is terminal, resources are given back. uuid: of an update that wants an acknowledgement, or empty. */
void task_update(struct task *task, const Mesos__V1__TaskStatus *status, Mesos__V1__TaskState latest,
                 struct str uuid);
/* A status made here: fills status (strings in arena). reason < 0 = none. */
void task_status_init(Mesos__V1__TaskStatus *status, struct master *master, const char *task_id,
                      const char *agent_id, Mesos__V1__TaskState state, int reason, const char *message,
                      struct arena *arena);
/* The same about a task that is known, also when its agent is lost: with its agent and its own executor. */
void task_status_of(Mesos__V1__TaskStatus *status, const struct task *task, Mesos__V1__TaskState state, int reason,
                    const char *message, struct arena *arena);
/* To the framework's history, from its agent or from the unreachable ones; its resources must have been given back
 * (terminal). */
void task_complete(struct task *task);
/* The history forgets what it has under this id: the task is back. */
void task_forget_completed(struct framework *framework, const char *id);
/* Was exactly this update acknowledged before, so that the framework must not see it again? */
bool task_was_acknowledged(const struct framework *framework, const char *id, struct str uuid);
/* To the framework's unreachable tasks, and to those of the agent that is lost. */
void task_set_unreachable(struct task *task, struct lost_agent *lost);
/* A removed task leaves no trace in the history. */
void task_forget(struct task *task);
void task_free(struct task *task);
/* The last status, unpacked into arena; NULL when there is none. */
Mesos__V1__TaskStatus *task_last_status(const struct task *task, struct arena *arena);
/* In its packed form. */
struct str task_agent_id(const struct task *task);
struct str task_executor_id(const struct task *task); /* empty for command tasks */
/* Appends the mesos.v1.Task as it is now, its fields in order. */
void task_pack(const struct task *task, struct buf *out);
/* The whole mesos.v1.Task, unpacked into arena. */
Mesos__V1__Task *task_unpack(const struct task *task, struct arena *arena);

/* offers.c */
void offers_init(struct master *master);
struct offer *offer_find(const struct master *master, const char *id);
/* As operators see it, in arena. */
Mesos__V1__Offer *offer_shown(const struct offer *offer, struct arena *arena);
/* Takes it away: the resources are the caller's (moved to *ret) or, with ret NULL, go back to the allocator.
 */
void offer_take(struct offer *offer, struct resources *ret);
void offer_discard(struct offer *offer, double refuse_secs);
/* Tells the framework, then discards. */
void offer_rescind(struct offer *offer);
void offers_rescind_agent(struct agent *agent);
void offers_rescind_framework(struct framework *framework);
void offers_drop_framework(struct framework *framework); /* without telling it */
void refused_flush(void *arg);
/* The allocator's wish for an inverse offer cannot be met: it is told so, outside its call. */
void inverse_offer_refuse(struct master *master, mesos_framework_t framework, mesos_agent_t agent);
/* Where the agent is reached, in arena. */
Mesos__V1__URL *agent_url(const struct agent *agent, struct arena *arena);
/* What the allocator is told of refuse_seconds: default 5, negative and NaN are the default, at most a year.
 */
double filter_secs(const Mesos__V1__Filters *filters);

/* frameworks.c */
struct framework *framework_find(const struct master *master, const char *id);
struct framework *framework_by_number(const struct master *master, mesos_framework_t number);
/* info must have passed validation; id NULL or "" = a new one. The allocator learns of it by
 * framework_announce. */
struct framework *framework_add(struct master *master, const Mesos__V1__FrameworkInfo *info, const char *id);
void framework_announce(struct framework *framework);
/* Does info say just what the framework's own says? */
bool framework_info_is(const struct framework *framework, const Mesos__V1__FrameworkInfo *info);
/* Takes over changed info, suppressed roles and constraints; offers of roles that it left are rescinded. */
void framework_update(struct framework *framework, const Mesos__V1__FrameworkInfo *info,
                      char *const *suppressed, size_t suppressed_count,
                      const Mesos__V1__Scheduler__OfferConstraints *constraints);
/* From now on it is reached over this contact; the former one, when it is another, hears that it failed over. Sends
 * SUBSCRIBED and the first HEARTBEAT, or the driver's answer to its registration (again: see contact.h). */
void framework_connect(struct framework *framework, const struct contact *contact, bool again);
/* "sched@10.0.0.1:7001", or what agents are told of a scheduler over HTTP. */
char *framework_pid(const struct framework *framework);
bool framework_is_at(const struct framework *framework, const struct upid *pid);
/* No more offers until it subscribes again; it stays connected. */
void framework_deactivate(struct framework *framework);
/* The connection to that pid has ended. */
void frameworks_exited(struct master *master, const struct upid *pid);
void framework_count_call(struct framework *framework, Mesos__V1__Scheduler__Call__Type type);
/* Starts the time after which a framework that an agent told of, and that nobody came for, is removed. */
void framework_await(struct framework *framework, int64_t extra_ms);
void framework_set_suppressed(struct framework *framework, const char *const *roles, size_t count,
                              bool suppressed);
void framework_disconnect(struct framework *framework); /* its contact is gone already */
/* Ends everything of it: tasks are killed, agents told, history kept. */
void framework_remove(struct framework *framework, const char *why);
/* The same, by somebody else than its scheduler: a v0 driver, which has no stream that ends, hears of it. */
void framework_teardown(struct framework *framework, const char *why);
void framework_free(struct framework *framework);
bool framework_has_role(const struct framework *framework, const char *role);
bool framework_has_capability(const Mesos__V1__FrameworkInfo *info, int type);
/* Roles subscribed to by this info, in arena. */
const char **framework_info_roles(const Mesos__V1__FrameworkInfo *info, struct arena *arena,
                                  uint32_t *ret_count);
/* Calls fn once per agent that runs something of it. */
void framework_each_agent(struct framework *framework,
                          void (*fn)(struct framework *framework, struct agent *agent));
/* What the agent is told about it. */
void framework_tell_agent(struct framework *framework, struct agent *agent);
/* A status made by the master goes out as UPDATE (no acknowledgement is expected). */
void framework_send_status(struct framework *framework, Mesos__V1__TaskStatus *status);
/* One of an agent's; complete, with a uuid where an acknowledgement is waited for. */
void framework_forward(struct framework *framework, Mesos__Internal__StatusUpdateMessage *message);
void framework_send(struct framework *framework, Mesos__V1__Scheduler__Event *event);
void framework_send_error(struct framework *framework, const char *message);

/* whitelist.c */
void whitelist_start(struct master *master);
/* weights.c */
void weights_start(struct master *master);
void weights_stop(struct master *master);

/* master.c's dispatch */
void messages_handle(struct master *master, const struct upid *from, struct str to, struct str name,
                     struct str body);

#endif
