/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole cluster in this process: a real master, a real agent, a scheduler and executors played over the wire, one
 * virtual clock, an in-memory network that can be cut between master and agent. The modules are those that ship, but for
 * the containerizer (executor_double.h). Time-outs of minutes are waited for in full and cost nothing.
 */
#ifndef SCENARIO_CLUSTER_H
#define SCENARIO_CLUSTER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/agent.h"
#include "agent/options.h"
#include "base/arena.h"
#include "executor_double.h"
#include "master/master.h"
#include "master/options.h"
#include "mesos/v1/scheduler/scheduler.pb-c.h"
#include "wire/http_client.h"
#include "stage.h"

enum { EVENTS = 512, PORTS = 256 };

#define EVENT(name) MESOS__V1__SCHEDULER__EVENT__TYPE__##name
#define STATE(name) MESOS__V1__TASK_STATE__##name
#define MINUTE 60000

struct scheduler {
    struct http_client *stream, *calls;
    Mesos__V1__Scheduler__Event *events[EVENTS];
    size_t event_count, seen; /* events before `seen` were looked at */
    char stream_id[64];
    int status;
    bool called, stream_ended;
};

/* An operator who listens to the master's events: what came, in words, one event a line. */
struct watcher {
    struct cluster *c;
    struct http_client *client;
    struct buf log;
    size_t heartbeats;
    bool ended;
};

struct cluster {
    char dir[64];
    struct loop *loop;
    struct stream_net *net;
    struct arena *arena;
    struct address master_at, agent_at;
    bool cut; /* between master and agent */
    unsigned connecting; /* the next so many connections to the master are a scheduler's */
    uint16_t ports[PORTS]; /* of connections that are never cut */
    size_t port_count;
    uint16_t newest; /* port of the last connection to the master */
    struct host *master_host, *agent_host;
    struct option_set *master_set, *agent_set;
    struct master_options master_options;
    struct agent_options agent_options;
    struct master *master;
    struct agent *agent;
    struct module *isolator, *containerizer; /* of the agent */
    struct scheduler scheduler, second;
    char framework_id[80], agent_id[80];
    mesos_modules_fn *linked; /* a library of modules more, linked in; NULL = none */
    bool tolerant; /* a daemon that gives up is none of a test's failures, but noted: */
    bool master_ended, agent_ended;
};

/* Opening must work; trying may fail, and leaves nothing behind then. */
void master_open(struct cluster *c, const char *more);
bool master_try(struct cluster *c, const char *more, struct err *err);
void master_close(struct cluster *c);
void agent_open(struct cluster *c);
bool agent_try(struct cluster *c, struct err *err);
void host_close(struct cluster *c, struct host *host, struct option_set *set);
void agent_close(struct cluster *c);
void pass(struct cluster *c, int64_t ms);
void wait_up(struct cluster *c);
/* Loop and network, no daemon yet. */
struct cluster *cluster_empty(uint64_t seed);
struct cluster *cluster_new(const char *master_flag);
void cluster_free(struct cluster *c);
/* The next event of that type within ms; NULL when none comes. */
const Mesos__V1__Scheduler__Event *next(struct cluster *c, struct scheduler *s, Mesos__V1__Scheduler__Event__Type type, int64_t ms);
const Mesos__V1__TaskStatus *next_status(struct cluster *c, struct scheduler *s, int64_t ms);
void subscribe(struct cluster *c, struct scheduler *s);
/* One call; `rest` are the members after the framework's id. */
void call(struct cluster *c, struct scheduler *s, const char *rest);
const Mesos__V1__Offer *next_offer(struct cluster *c, struct scheduler *s);
double cpus_of(const Mesos__V1__Offer *offer);
/* Launches a task on an executor of the framework's own and gives the rest of the offer back. */
void launch(struct cluster *c, struct scheduler *s, const char *task_id);
void acknowledge(struct cluster *c, struct scheduler *s, const Mesos__V1__TaskStatus *status);
/* Waits for the task's next update, which must be this one, and acknowledges it. */
void expect(struct cluster *c, struct scheduler *s, const char *task_id, Mesos__V1__TaskState state);
/* A task that runs, acknowledged. */
struct executor_double *running(struct cluster *c, const char *task_id);
void watch(struct cluster *c, struct watcher *watcher);
void unwatch(struct watcher *watcher);
/* What came since the last look. */
void expect_events(struct watcher *watcher, const char *text);

#endif
