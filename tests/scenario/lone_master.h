/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One master in this process, on a virtual clock and an in-memory network, with the modules that ship: agents
 * and a scheduler are played by the test over the wire. Minutes pass in milliseconds, and exactly as many as
 * the test says. The one double is a registry that answers when the test lets it, to see that nothing shows
 * before it is durable.
 */
#ifndef SCENARIO_LONE_MASTER_H
#define SCENARIO_LONE_MASTER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "../lib/facts.h"
#include "base/arena.h"
#include "base/log.h"
#include "host/host.h"
#include "master/master.h"
#include "master/options.h"
#include "mesos/internal/messages.pb-c.h"
#include "mesos/internal/registry.pb-c.h"
#include "mesos/registry.h"
#include "mesos/v1/scheduler/scheduler.pb-c.h"
#include "stage.h"
#include "wire/http_client.h"
#include "wire/libprocess.h"
#include "wire/message.h"
#include "wire/recordio.h"

#define SECS(n) ((int64_t)(n)*1000000000)
#define MINS(n) SECS(60 * (n))

enum { AGENT_MESSAGES = 2048, EVENTS = 256 };

/* What the registry was told, and what it is to say. */
extern struct held_registry {
    const struct mesos_host *host;
    struct mesos_call *stores[64];
    size_t store_count;
    bool hold;
    const struct mesos_registry_entry *recovered; /* what fetch gives */
    size_t recovered_count;
    struct {
        uint32_t table;
        char key[80];
        bool removed;
    } written[256];
    size_t written_count;
} registry;

/* Where masters write their audit log, from the next one on; NULL = nowhere of its own. */
extern const char *audit_path;

struct note {
    char name[80];
    char to[80];
    void *body;
    size_t len;
};

struct world {
    struct loop *loop;
    struct stream_net *net;
    struct host *host;
    struct master_options options;
    struct master *master;
    struct module *authorizer; /* NULL, or set before start_master */
    struct module *const *authenticators; /* the same */
    size_t authenticator_count;
    const struct daemon_realm *realms; /* the same */
    size_t realm_count;
    struct address master_at;
    const char *election; /* NULL = standalone; else a module that the test has added to `host` */
    size_t master_writes; /* how often anything of the master left over any connection, its ends included */
    char fatal[512];
    /* The agents' side: one address, as many actors as the test names. */
    struct address agents_at;
    struct http_server *agents_http;
    struct libprocess *agents;
    struct note notes[AGENT_MESSAGES];
    size_t note_count;
    bool silent; /* do not answer pings */
    /* The scheduler's side. */
    struct http_client *stream, *calls;
    struct arena *arena;
    Mesos__V1__Scheduler__Event *events[EVENTS];
    size_t event_count;
    char stream_id[64], framework_id[80];
    int status; /* of the last call */
    bool stream_ended;
    const char *capabilities; /* beside MULTI_ROLE: JSON that begins with a comma, or NULL */
    struct buf got;
};

#define EVENT(name) MESOS__V1__SCHEDULER__EVENT__TYPE__##name

#define UUID "0123456789abcdef"

/* Every store that was held is answered so; from now on they are at once. */
void registry_release(int status);
void start_master(struct world *w);
/* So much virtual time passes. */
void pass(struct world *w, int64_t ms);
struct world *world_new(void);
/* A world whose master leads. */
struct world *world_leading(void);
void world_free(struct world *w);
void agent_says(struct world *w, const char *actor, const char *name, const void *message);
Mesos__SlaveInfo *agent_info(struct world *w, const char *id);
void agent_registers(struct world *w, const char *actor);
void agent_reregisters(struct world *w, const char *actor, const char *id);
/* The last message of that name that an agent got, or NULL. */
const struct note *heard(const struct world *w, const char *name);
size_t heard_times(const struct world *w, const char *name);
/* Registers slave(1) and returns its id. */
const char *admitted(struct world *w);
/* The last event of that type, or NULL. */
const Mesos__V1__Scheduler__Event *told(const struct world *w, Mesos__V1__Scheduler__Event__Type type);
size_t told_times(const struct world *w, Mesos__V1__Scheduler__Event__Type type);
/* more: members of FrameworkInfo, beginning with a comma, or "". */
void subscribe(struct world *w, const char *more, const char *id);
/* One call; `rest` are the members after the framework's id. */
int call(struct world *w, const char *rest);
/* The body of an endpoint, valid until the next one. */
const char *get(struct world *w, const char *path);
const Mesos__V1__Offer *an_offer(struct world *w);
void launch(struct world *w, const char *task_id);
void agent_updates(struct world *w, const char *agent_id, const char *task_id, Mesos__V1__TaskState state, const char *uuid);
/* The same of some actor at the agents' address, which may be none of theirs. */
void somebody_updates(struct world *w, const char *actor, const char *agent_id, const char *task_id, Mesos__V1__TaskState state,
                      const char *uuid);
int acknowledge(struct world *w, const char *agent_id, const char *task_id);
/* The body of a recorded message; name: "<folder>/<file>". */
struct str recorded_body(struct buf *raw, const char *name);
void assert_same_bytes(const ProtobufCMessage *ours, const ProtobufCMessage *theirs);

#endif
