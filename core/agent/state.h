/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent knows while it runs, and the functions by which the files of this room reach each other.
 * Private to core/agent. Owners: the agent owns frameworks, a framework its executors, an executor its tasks.
 */
#ifndef AGENT_STATE_H
#define AGENT_STATE_H

#include "agent/agent.h"
#include "agent/login.h"
#include "agent/options.h"
#include "agent/status_updates.h"
#include "base/log.h"
#include "base/map.h"
#include "daemon/daemon.h"
#include "host/kind_containerizer.h"
#include "host/kind_election.h"
#include "mesos/internal/messages.pb-c.h"
#include "mesos/mesos.pb-c.h"
#include "mesos/slave/containerizer.pb-c.h"
#include "mesos/v1/executor/executor.pb-c.h"
#include "mesos/v1/mesos.pb-c.h"
#include "model/resources.h"
#include "model/task_state.h"
#include "wire/message.h"

#define AGENT_ACTOR                    "slave(1)"
#define AGENT_MAX_COMPLETED_FRAMEWORKS 50
#define AGENT_MAX_COMPLETED_TASKS      200
#define AGENT_EXECUTOR_HEARTBEAT_MS    (30 * 60 * 1000)

typedef Mesos__V1__TaskState task_state;
typedef Mesos__V1__TaskStatus__Reason task_reason;

/* Packed bytes on the heap. */
struct packed {
    char *data;
    uint32_t len;
};
void packed_set(struct packed *packed, struct str bytes);
void packed_fini(struct packed *packed);
static inline struct str
packed_str(const struct packed *packed)
{
    return str_n(packed->data, packed->len);
}

enum task_place {
    TASK_QUEUED,     /* waits for its executor to subscribe */
    TASK_LAUNCHED,   /* the executor was told */
    TASK_TERMINATED, /* ended, the update is not acknowledged yet */
    TASK_COMPLETED,  /* history */
};

enum task_limit { TASK_LIMIT_CPUS, TASK_LIMIT_MEM, TASK_LIMIT_KINDS };

struct task {
    struct list node; /* in its executor's list of its place */
    struct executor *executor;
    char *id;
    task_state state;
    enum task_place place;
    uint32_t group; /* tasks of one RunTaskGroupMessage share a number; 0 = alone */
    struct resources resources;
    double limits[TASK_LIMIT_KINDS]; /* cpus, megabytes; may be infinite */
    unsigned limited; /* bit of each kind that has one */
    struct packed info; /* mesos.v1.TaskInfo as it came; dropped when the executor has spoken of the task */
    struct packed task; /* mesos.v1.Task at the start, resources in the old format */
    struct packed *statuses; /* mesos.v1.TaskStatus, one per change of state */
    uint32_t status_count;
    char *check_user; /* that its check names; NULL = none, or not known: after a restart of what Apache Mesos wrote */
    bool kill_wanted;          /* killed while its executor was not connected */
    struct packed kill_policy; /* then: mesos.v1.KillPolicy, may be empty */
    bool told;                 /* an update of it went to the master: the two members below */
    task_state told_state;
    unsigned char told_uuid[UUID_BYTES];
};

enum executor_state { EXECUTOR_REGISTERING, EXECUTOR_RUNNING, EXECUTOR_TERMINATING, EXECUTOR_TERMINATED };

/* Why the agent itself ended an executor: what its tasks' last updates will say. */
struct executor_end {
    bool set;
    task_state state;
    task_reason reason;
    char *message;
};

struct executor {
    struct list node; /* in its framework's completed list; unused while it lives */
    struct framework *framework;
    struct agent *agent;
    char *id, *container_id, *name, *source, *role;
    char *user; /* of its command, else the framework's: rules ask for it; whether it runs as it: executor_runs_as */
    char *sandbox; /* work_dir/slaves/.../runs/<container id> */
    char *meta;    /* the same below meta/; NULL when not checkpointed */
    enum executor_state state;
    bool generated;             /* by us, for one command task */
    bool recovered;             /* known from the checkpoints of an earlier run, not heard of since */
    struct packed info;         /* mesos.v1.ExecutorInfo */
    struct resources resources; /* its own, without the tasks' */
    int64_t grace_ns;           /* between SHUTDOWN and the end of patience */
    struct map tasks;           /* by id: queued, launched and terminated */
    struct list queued, launched, terminated, completed;
    uint32_t completed_count;
    /* How it is reached: over its v1 stream, or at the pid of its v0 driver. */
    struct http_exchange *stream;
    bool json, subscribed_before;
    bool has_pid;
    struct upid upid;
    struct loop_timer patience; /* REGISTERING: executor_registration_timeout; TERMINATING: grace */
    struct loop_timer heartbeat;
    /* Its container. */
    struct launch_job *job; /* the sandbox is being made */
    size_t containerizer;   /* index of the one that has it or is asked */
    bool launching;         /* a containerizer's answer is awaited */
    bool in_container;      /* a containerizer has it */
    bool destroying;
    pid_t pid; /* recovered: from forked.pid, 0 = unknown */
    struct executor_end end;
    /* What updates say of the container, asked for once. */
    struct packed container_status;
    bool status_known, status_asked;
    struct list waiting; /* updates that wait for it */
    void *block; /* once it is history: holds all strings, bytes and tasks of it, and nothing of these is freed alone */
};

struct framework {
    struct list node; /* in the agent's completed list; unused while it lives */
    struct agent *agent;
    char *id, *pid;
    struct packed info; /* mesos.v1.FrameworkInfo */
    char *user;
    bool checkpoint, partition_aware;
    bool terminating;      /* shut down by the master: nobody waits for updates */
    bool unsaved;          /* its checkpoint could not be written: it gets no task before it is */
    struct map executors;  /* by id */
    struct list completed; /* executors */
    uint32_t completed_count;
};

enum agent_state { AGENT_RECOVERING, AGENT_DISCONNECTED, AGENT_RUNNING, AGENT_TERMINATING };

struct agent {
    struct agent_setup setup;
    struct loop *loop;
    const struct agent_options *options;
    char *hostname, *work_dir, *meta_dir, *runtime_dir, *launcher_dir, *socket_path;
    struct daemon *daemon;
    struct agent_telemetry *telemetry; /* NULL without such a module */
    struct oversubscription *oversubscription; /* from agent_start on */
    struct list usage_questions; /* usage.c */
    struct status_updates *updates;
    struct gc *gc;
    struct fetcher *fetcher; /* fetcher.h */
    enum agent_state state;
    uint64_t heard_over; /* the connection that the last answer to a registration came over: libprocess_connection() */
    bool reconnecting; /* recovering, and executors may subscribe already */
    bool finished;
    char *id;
    char pid[400], endpoint[128], ip[64];
    struct resources total;
    struct packed checkpointed; /* records of mesos.v1.Resource: what the master wants remembered */
    struct arena *attributes_arena;
    Mesos__V1__Attribute **attributes;
    size_t attribute_count;
    unsigned char resource_version[UUID_BYTES];
    struct map frameworks;
    struct list completed; /* frameworks */
    uint32_t completed_count;
    uint32_t next_group;
    /* drain.h */
    bool draining, drain_marks_gone;
    double drain_start_secs;    /* wall clock, of this run */
    struct packed drain_config; /* mesos.v1.DrainConfig */
    struct list container_calls; /* of the operator API, whose containerizer has not answered */
    /* registration.c */
    struct mesos_election_events election_events;
    struct upid master;
    bool has_master;
    char *master_hostname;
    struct loop_timer registration, pings, leave;
    struct agent_login login;
    char no_contact[256]; /* why the master was not reached, when that was told last */
    unsigned registrations; /* sent, or kept back by the login, since it began to register */
    int64_t backoff_ns, ping_timeout_ms;
    const char *leave_reason;
    struct resolve_job *resolving; /* find_master.c's */
    /* recover.c */
    struct recovery *recovery;
    double recovery_secs;
};

/* agent.c */
void agent_finish(struct agent *agent, int exit_status, const char *reason);
void agent_send_master(struct agent *agent, const char *name, const void *message);
void agent_send_master_bytes(struct agent *agent, const char *name, struct str body);
bool agent_from_master(const struct agent *agent, const struct upid *from, const char *what);
/* Whether the message that is being received was held up by the network: it comes while this agent re-registers, or over a
 * connection that is older than the master's last answer. What this agent tells of itself when it re-registers may be
 * under way, and the master reads from it which orders never arrived and which updates wait: both must stay true. */
bool agent_hears_late(const struct agent *agent);

/* detect.c */
int agent_detect(struct agent *agent, struct err *err);
/* SlaveInfo as the master wants it (old resources), AgentInfo as executors want it (new ones). In arena. */
Mesos__SlaveInfo *agent_slave_info(const struct agent *agent, struct arena *arena);
Mesos__V1__AgentInfo *agent_info(const struct agent *agent, struct arena *arena);

/* registration.c */
void registration_init(struct agent *agent);
void registration_fini(struct agent *agent);
void registration_start(struct agent *agent); /* recovery is over: detect and register */
/* The master that leads now, to be registered with; NULL = none leads. */
void registration_master(struct agent *agent, const struct upid *master);
void registration_exited(struct agent *agent, const struct upid *peer);
/* The master takes us in (again): its answer to Register or Reregister. */
void registration_done(struct agent *agent, struct str id,
                       const Mesos__Internal__MasterSlaveConnection *connection, bool again);
void registration_ping(struct agent *agent, bool connected);
void registration_login_done(struct agent *agent); /* login.c: who we are is known to the master */
void registration_again(struct agent *agent, const char *why);
/* Tells the master of what is oversubscribed and of the resource version, when it knows the agent. */
void registration_update(struct agent *agent);
/* Ends every executor, then the agent; its id is given up. why: a literal. */
void agent_leave(struct agent *agent, const char *why);

/* telemetry.c: what the telemetry module is told, when there is one */
int agent_telemetry_start(struct agent *agent, struct err *err);
void agent_telemetry_stop(struct agent *agent);
/* The variables that the module gives the executor, or a container inside of an executor's. */
void agent_telemetry_environment(const struct executor *executor,
                                 void (*set)(void *set_arg, const char *name, const char *value), void *set_arg);
void agent_telemetry_environment_inside(struct agent *agent, const char *container_id,
                                        void (*set)(void *set_arg, const char *name, const char *value), void *set_arg);
void agent_telemetry_recovered(struct agent *agent);
void agent_telemetry_ended(const struct executor *executor);

/* metrics.c */
void agent_metrics_add(struct agent *agent);
void agent_count(struct agent *agent, const char *metric);

/* oversubscription.c: what idle resources are lent out, and which executors on such must go */
int oversubscription_init(struct agent *agent, struct err *err); /* before recovery */
void oversubscription_start(struct agent *agent); /* recovery is over: estimates and corrections begin */
void oversubscription_free(struct agent *agent);
/* What the master is told: revocable resources, held and free ones. Never NULL. */
const struct resources *oversubscription_total(const struct agent *agent);
/* Is it (part of) that? */
bool resource_is_revocable(const struct mesos_resource *item, void *arg);

/* usage.c: contract in mesos/usage.h. */
void usage_ask(struct agent *agent, void (*done)(void *done_arg, int status, struct mesos_bytes usage), void *done_arg);
void usage_forget(struct agent *agent);

/* frameworks.c */
struct framework *framework_find(const struct agent *agent, struct str id);
/* Is it from the leading master or, as v0 drivers may send it, straight from the framework's scheduler? */
bool framework_sends(const struct framework *framework, const struct upid *from);
struct framework *framework_new(struct agent *agent, const Mesos__V1__FrameworkInfo *info, const char *pid);
struct framework *framework_back(struct agent *agent, const Mesos__V1__FrameworkInfo *info, const char *pid);
void framework_update(struct framework *framework, const Mesos__V1__FrameworkInfo *info, const char *pid);
void framework_free(struct framework *framework);
/* Removes it when it has no executors left. */
void framework_settle(struct framework *framework);
void framework_shutdown(struct framework *framework);
/* The executor that has this task, and the task. */
struct task *framework_task(const struct framework *framework, struct str task_id);

/* executors.c */
struct executor *executor_find(const struct framework *framework, struct str id);
/* container_id NULL = a new one. */
struct executor *executor_new(struct framework *framework, const Mesos__V1__ExecutorInfo *info,
                              bool generated, const char *container_id);
void executor_free(struct executor *executor);
/* The user that its container is to have; NULL = the agent's own (--no-switch_user). */
const char *executor_runs_as(const struct executor *executor);
/* Asks it to end, and ends its container when it does not within its grace period. */
void executor_shutdown(struct executor *executor);
/* Remembers why (the first reason counts) and ends the container now. */
void executor_destroy(struct executor *executor, task_state state, task_reason reason, const char *message);
void executor_end_set(struct executor *executor, task_state state, task_reason reason, const char *message);
/* The container has ended or never came to be. termination NULL: nothing is known of it. */
void executor_terminated(struct executor *executor, const Mesos__Slave__ContainerTermination *termination,
                         const char *abnormal);
/* Tells the master that one of a framework's own is not, or will not be, there. status: of its container; -1 = not known. */
void executor_send_exited(struct agent *agent, const char *framework_id, const char *executor_id, int status);
/* Removes it when it has ended and no update of it is open. */
void executor_settle(struct executor *executor);
/* history.c: after it became completed; and before it is freed. */
void executor_keep(struct executor *executor);
void executor_unkeep(struct executor *executor);
void executor_resources(const struct executor *executor, struct resources *ret); /* own and tasks' */
/* limits.c */
void task_limit_set(struct task *task, const char *name, const Mesos__V1__Value__Scalar *value);
/* Appends the fields `limits` of mesos.slave.ContainerConfig. */
void executor_limits(const struct executor *executor, struct buf *out);
/* Tells the containerizer what the executor and its tasks have together. */
void executor_tell_resources(struct executor *executor, host_done_fn *done, void *arg);
void executor_wait(struct executor *executor);
void executor_waiting_flush(
    struct executor *executor); /* updates.c: takes in what waits for the container's status */
void executor_waiting_free(struct executor *executor);
const char *executor_state_name(enum executor_state state);

/* executor_attach.c */
/* What an executor that comes (back) still carries with it. Borrowed; statuses are completed in place. */
struct executor_claims {
    Mesos__V1__TaskInfo *const *tasks;
    size_t task_count;
    Mesos__V1__TaskStatus *const *updates;
    size_t update_count;
};
/* Its contact stands: it runs, and gets what waits for it. again: it was known before. */
void executor_attached(struct executor *executor, const struct executor_claims *claims, bool again);

/* executor_driver.c: the same for executors that speak libprocess; only executor_stream.c calls these ... */
void executor_driver_launch(struct executor *executor, const struct task *task);
void executor_driver_kill(struct executor *executor, struct str task_id, const Mesos__V1__KillPolicy *policy);
void executor_driver_shutdown(struct executor *executor);
void executor_driver_message(struct executor *executor, struct str data);
void executor_driver_acknowledged(struct executor *executor, struct str task_id, const unsigned char *uuid);
/* ... and these are for who makes and ends the contact. */
/* Why a driver at that pid must not register as it where executors have to show tokens, or NULL. */
const char *executor_driver_refusal(const struct executor *executor, const struct upid *from);
void executor_driver_set(struct executor *executor, const struct upid *pid);
void executor_driver_link(struct executor *executor);
void executor_driver_forget(struct executor *executor);
void executor_driver_registered(struct executor *executor);
void executor_driver_reregistered(struct executor *executor);
void executor_driver_reconnect(struct executor *executor);

/* executor_stream.c: events to the executor, however it is reached */
bool executor_reachable(const struct executor *executor);
void executor_subscribed(struct executor *executor, struct http_exchange *exchange, bool json);
void executor_stream_close(struct executor *executor);
void executor_send_launch(struct executor *executor, struct task *task);
void executor_send_queued(struct executor *executor);
void executor_send_kill(struct executor *executor, struct str task_id, const Mesos__V1__KillPolicy *policy);
void executor_send_shutdown(struct executor *executor);
void executor_send_message(struct executor *executor, struct str data);
void executor_send_acknowledged(struct executor *executor, struct str task_id, const unsigned char *uuid);

/* tasks.c */
struct task *task_new(struct executor *executor, const Mesos__V1__TaskInfo *info, struct err *err);
void task_keep_check_user(struct task *task, const Mesos__V1__TaskInfo *info); /* once for a task */
/* From a checkpoint. */
struct task *task_recovered(struct executor *executor, const Mesos__V1__Task *checkpoint, struct err *err);
void task_free(struct task *task);
void task_move(struct task *task, enum task_place place);
/* A task whose end was told and acknowledged, as far as it is remembered; NULL = none of that id. */
const struct task *framework_ended_task(const struct framework *framework, struct str task_id);
/* Takes a new state in; statuses of the same state replace each other. */
void task_status_add(struct task *task, const Mesos__V1__TaskStatus *status);
/* mesos.v1.Task as it is now, in arena. */
Mesos__V1__Task *task_message(const struct task *task, struct arena *arena);
/* message_kill_task.c: hands the kill to its executor, now or when that is there again; a queued task ends, with its
 * group. policy may be NULL. The task and its executor may be gone afterwards. */
void task_kill(struct task *task, const Mesos__V1__KillPolicy *policy);
const char *task_state_name(task_state state);

/* updates.c: between executors, the status update manager and the master */
extern const struct status_updates_sink agent_updates_sink;
/* An update from outside or of the agent's own making. status is completed in place (agent id, timestamp,
 * uuid). */
void agent_update(struct agent *agent, struct framework *framework, struct executor *executor,
                  Mesos__V1__TaskStatus *status, bool from_executor);
/* One that the agent makes. executor may be NULL. */
void agent_update_make(struct agent *agent, struct framework *framework, struct executor *executor,
                       struct str task_id, task_state state, task_reason reason, const char *message);
/* The same, of a container that broke a limit: limitation names the resources, or is NULL. */
void agent_update_limited(struct agent *agent, struct framework *framework, struct executor *executor,
                          struct str task_id, task_state state, task_reason reason, const char *message,
                          Mesos__V1__TaskResourceLimitation *limitation);
/* One for a task that never was anybody's: TASK_DROPPED, or TASK_LOST for frameworks that do not know
 * partitions. */
void agent_update_drop(struct agent *agent, struct framework *framework, struct str executor_id,
                       struct str task_id, task_reason reason, const char *message);

/* command_executor.c */
Mesos__V1__ExecutorInfo *command_executor_info(const struct agent *agent,
                                               const Mesos__V1__FrameworkInfo *framework,
                                               const Mesos__V1__TaskInfo *task, struct arena *arena);
/* default_executor.c */
bool executor_is_default(const Mesos__V1__ExecutorInfo *info);
Mesos__V1__CommandInfo *default_executor_command(const struct executor *executor, struct arena *arena);
/* environment.c: "NAME=value", NULL-terminated, in arena. */
const char *const *executor_environment(const struct executor *executor, struct arena *arena);

/* launch.c */
/* Checkpoints the executor and its queued tasks, makes the sandbox and starts the container, all in the
 * background. */
void executor_launch(struct executor *executor);
void launch_job_forget(struct executor *executor);

/* checkpoint.c: files below work_dir/meta. All paths are the caller's to free. */
char *checkpoint_agent_dir(const struct agent *agent, const char *agent_id);
char *checkpoint_framework_dir(const struct agent *agent, const char *framework_id);
char *checkpoint_run_dir(const struct agent *agent, const char *framework_id, const char *executor_id,
                         const char *container_id);
char *checkpoint_updates_path(const struct executor *executor, const char *task_id);
char *sandbox_run_dir(const struct agent *agent, const char *framework_id, const char *executor_id,
                      const char *container_id);
/* One record (length and packed bytes) that replaces the file. */
int checkpoint_record(const char *path, struct str bytes, bool sync, struct err *err);
/* Reads one record. -ENOENT when there is no file; -EBADMSG when it is torn. */
int checkpoint_record_read(const char *path, struct buf *ret, struct err *err);
/* Takes the next record off the front: false when there is no whole one. The record's bytes stay at the
 * front. */
bool checkpoint_record_next(struct buf *buf, struct str *ret_record);
int checkpoint_link(const char *target, const char *link, struct err *err);
int checkpoint_agent(struct agent *agent, struct err *err); /* slave.info and the latest link, durable */
int checkpoint_boot_id(struct agent *agent, struct err *err);
int checkpoint_framework(struct framework *framework, struct err *err);
void checkpoint_task_bytes(const struct task *task, struct buf *out); /* content of task.info */
int checkpoint_task(struct task *task, struct err *err);
/* The executor has it, so that it is sent to nobody again: the values of its secrets leave the disk. Before its first status is
 * added. */
void checkpoint_task_taken(struct task *task);
void checkpoint_contact(struct executor *executor); /* pids/libprocess.pid, or http.marker */
void checkpoint_sentinel(struct executor *executor);
/* mesos.v1.ExecutorInfo with resources in the old format; hide: without values of secrets, as files have it. */
struct str checkpoint_executor_bytes(const struct executor *executor, bool hide, struct arena *arena);

/* checkpoint_version.c: which form meta/ has. Refused with an error when it is of a later release; 0 when nothing tells. */
int checkpoint_version_read(const struct agent *agent, unsigned *ret_version, struct err *err);
int checkpoint_version_write(const struct agent *agent, unsigned version_before, struct err *err);

/* checkpoint_resources.c */
int checkpoint_resources(struct agent *agent, Mesos__V1__Resource *const *resources, size_t count,
                         struct err *err);
int checkpoint_resources_read(struct agent *agent, struct err *err);
Mesos__V1__Resource **checkpointed_resources(const struct agent *agent, struct arena *arena,
                                             size_t *ret_count);

/* volumes.c: persistent volumes on disk. resources: what is checkpointed, of which only volumes matter here. */
int volumes_make(const struct agent *agent, Mesos__V1__Resource *const *resources, size_t count, struct err *err);
void volumes_remove(struct agent *agent, Mesos__V1__Resource *const *old, size_t old_count,
                    Mesos__V1__Resource *const *kept, size_t kept_count);
void volumes_recover(struct agent *agent); /* goes on removing what an earlier agent had not */

/* recover.c */
/* Reads what an earlier run left; when executors may be alive, waits for them; ends in registration_start. */
int recover_start(struct agent *agent, struct err *err);
void recover_free(struct agent *agent);
int recover_read(struct agent *agent, struct err *err); /* recover_read.c: the reading alone */
void recover_heard(struct agent *agent); /* an executor subscribed or ended: is everybody back? */

/* reconfigure.c */
/* Does what the agent was then agree with what it is told to be now, as far as --reconfiguration_policy demands? */
int reconfigure_compare(const struct agent *agent, const Mesos__SlaveInfo *then, struct err *err);
/* Does it still have what its reservations and volumes need, and under the policy any its tasks (if running: after a
 * reboot there are none)? In one line: who needs what. */
int reconfigure_covers(const struct agent *agent, bool running, struct err *err);

/* gc.c */
struct gc *gc_new(struct agent *agent);
void gc_free(struct gc *gc);
/* A directory, relative to work_dir and to meta alike, may go gc_delay after now less `age_secs`, in both
 * places. */
void gc_schedule(struct gc *gc, const char *path, double age_secs);
void gc_unschedule(struct gc *gc, const char *path);
void gc_schedule_framework(struct gc *gc, const char *framework_id, double age_secs);
void gc_schedule_executor(struct gc *gc, const char *framework_id, const char *executor_id, double age_secs);
void gc_schedule_run(struct gc *gc, const char *framework_id, const char *executor_id,
                     const char *container_id, double age_secs);
/* The executor (and its framework) is in use again. */
void gc_keep_executor(struct gc *gc, const char *framework_id, const char *executor_id);

/* sandboxes under /files, each by its executor's container */
bool files_describe_sandbox(void *arg, const char *container_id, struct mesos_object *ret);
void files_show_executor(struct executor *executor);
void files_hide_executor(struct executor *executor);

/* http_*.c */
extern const struct route agent_routes[];
void http_state(struct http_exchange *exchange, void *arg);
void http_stats(struct http_exchange *exchange, void *arg);
void http_resource_provider(struct http_exchange *exchange, void *arg);
void http_containerizer_debug(struct http_exchange *exchange, void *arg);
void http_containers(struct http_exchange *exchange, void *arg);
void http_monitor_statistics(struct http_exchange *exchange, void *arg);
/* Nobody waits for what containerizers still owe to operators' calls: the server is gone. */
void operator_calls_forget(struct agent *agent);
void http_api_v1(struct http_exchange *exchange, void *arg);
void http_api_v1_executor(struct http_exchange *exchange, void *arg);

/* message_*.c, one per message of the master's and of v0 executors: the list is messages.def */
#define MESSAGE(Type, type, name)                                                                            \
    void message_##name(struct agent *agent, const struct upid *from, const Mesos__Internal__##Type *message);
#include "agent/messages.def"
#undef MESSAGE

/* message_executor_to_framework.c: bytes for the executor's scheduler, of either kind to either kind */
void executor_says(struct executor *executor, struct str data);
/* message_status_update.c: the status of a v0 driver's update, with what stood beside it */
Mesos__V1__TaskStatus *driver_status(Mesos__Internal__StatusUpdate *update);

/* call_*.c, one per call of executors: the list is calls.def. The answer is given in the call. */
#define CALL(NAME, name)                                                                                     \
    void call_##name(struct executor *executor, const Mesos__V1__Executor__Call *call,                       \
                     struct http_exchange *exchange, bool json);
#include "agent/calls.def"
#undef CALL

#endif
