/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One agent in this process, on a virtual clock and an in-memory network: the master and the executors are
 * played by the test over the wire, containers by a double that lives and dies as the test says. What is on
 * disk is real, so that an agent can go and another one find it.
 */
#ifndef SCENARIO_LONE_AGENT_H
#define SCENARIO_LONE_AGENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "agent/agent.h"
#include "agent/options.h"
#include "base/arena.h"
#include "base/log.h"
#include "host/host.h"
#include "mesos/internal/messages.pb-c.h"
#include "mesos/v1/executor/executor.pb-c.h"
#include "containers_double.h"
#include "stage.h"
#include "wire/http_client.h"
#include "wire/libprocess.h"
#include "wire/message.h"

#define SECS(n)      ((int64_t)(n)*1000000000)
#define MINS(n)      SECS(60 * (n))
#define AGENT_ID     "11111111-2222-3333-4444-555555555555-S0"
#define FRAMEWORK_ID "11111111-2222-3333-4444-555555555555-0000"

#define EVENT(name)  MESOS__V1__EXECUTOR__EVENT__TYPE__##name
#define STATE(name)  MESOS__V1__TASK_STATE__TASK_##name
#define REASON(name) MESOS__V1__TASK_STATUS__REASON__REASON_##name

enum { NOTES = 512, EVENTS = 64 };

struct note {
    char name[80];
    void *body;
    size_t len;
    int64_t at_ms;
};

struct world {
    struct loop *loop;
    struct stream_net *net;
    struct host *host;
    struct agent_options options;
    struct agent *agent;
    struct module *containerizer, *election;
    struct module *authenticatee; /* NULL: there is nothing to prove */
    struct module *estimator, *controller; /* NULL: the agent has none */
    struct address master_at, agent_at;
    struct http_server *master_http;
    struct libprocess *master;
    struct note notes[NOTES];
    size_t note_count;
    bool deaf, acknowledges; /* does not answer registration; answers updates */
    const char *login_error; /* what whoever begins to log in is told; NULL: nothing */
    struct arena *arena;
    struct http_client *stream, *calls;
    Mesos__V1__Executor__Event *events[EVENTS];
    size_t event_count;
    bool stream_ended;
    int status;
    int finished; /* exit status + 1 */
    char directory[64];
};

#define CASE(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
int world_set_up(void **state);
int world_tear_down(void **state);
void pass(struct world *w, int64_t ms);
/* The process dies: nothing is said to anybody, what is on disk stays. */
void restart(struct world *w);
/* A registered agent whose task "t" runs. */
void running(struct world *w);
struct address address_of(const char *text);

/* The master: what it hears (w->notes) and says. */
void master_up(struct world *w);
void master_down(struct world *w);
void on_master_message(const struct upid *from, struct str to, struct str name, struct str body, void *arg);
void master_says(struct world *w, const char *name, const void *message);
void ping(struct world *w, bool connected);
/* name: without mesos.internal. */
size_t heard_times(const struct world *w, const char *name);
/* The n-th status update, 0 = the first; NULL = not so many. */
Mesos__V1__TaskStatus *update(const struct world *w, size_t n, int64_t *ret_at_ms);
void run_task(struct world *w, const char *task_id, bool checkpoint);
void kill_task(struct world *w, const char *task_id);

/* The executor. Of a command task it has the task's id. */
void subscribe(struct world *w, const char *executor_id);
void executor_update(struct world *w, const char *task_id, const char *task_state, char letter);
void executor_update_of(struct world *w, const char *executor_id, const char *task_id, const char *task_state,
                        char letter);
/* The first that came of the type since it subscribed; NULL = none. */
const Mesos__V1__Executor__Event *event_of(const struct world *w, Mesos__V1__Executor__Event__Type type);

#endif
