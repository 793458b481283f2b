/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schedulers over libprocess (v0) and their master, on a virtual clock and an in-memory network. Agent and drivers are
 * played over the wire; the modules are those that ship. The second driver is there to take over from the first.
 */
#ifndef SCENARIO_DRIVERS_H
#define SCENARIO_DRIVERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/arena.h"
#include "host/host.h"
#include "master/master.h"
#include "master/options.h"
#include "mesos/internal/messages.pb-c.h"
#include "mesos/scheduler/scheduler.pb-c.h"
#include "stage.h"
#include "wire/json.h"
#include "wire/libprocess.h"
#include "wire/message.h"

enum { NOTES = 256 };

struct note {
    char *name;
    void *body;
    size_t len;
};

/* Whoever is not the master: an address, and what arrived there. */
struct peer {
    struct world *world;
    struct address at;
    struct http_server *http;
    struct libprocess *libprocess;
    struct note notes[NOTES];
    size_t count, seen;
    bool deaf; /* what arrives is not noted */
    const char *actor;
};

struct world {
    struct loop *loop;
    struct stream_net *net;
    struct host *host;
    struct master_options options;
    struct master *master;
    struct address master_at;
    struct peer agent, driver, second;
    const struct peer *unreachable; /* for the master, not the other way */
    struct arena *arena;
    char framework_id[80], agent_id[80];
};

#define UNPACK(Type, type, note) MESSAGE_UNPACK(Type, type, str_n((note)->body, (note)->len), w->arena, NULL)

/* A message from its JSON, sent by the peer. %s is the framework's id. */
#define SAYS(w, peer, name, Type, type, ...)                                                                 \
    do {                                                                                                     \
        struct err err_ = {0};                                                                               \
        auto_free char *json_ = xasprintf(__VA_ARGS__);                                                      \
        Type *message_ = MESSAGE_FROM_JSON(Type, type, str_of(json_), (w)->arena, &err_);                    \
        assert_string_equal(err_.text, "");                                                                  \
        says(peer, name, message_);                                                                          \
    } while (0)

#define CALLS(w, peer, ...)                                                                                  \
    SAYS(w, peer, "mesos.scheduler.Call", Mesos__Scheduler__Call, mesos__scheduler__call, __VA_ARGS__)

#define INFO "\"user\":\"root\",\"name\":\"driver\",\"failover_timeout\":60,\"checkpoint\":true"

struct world *world_new(void);
void world_free(struct world *w);
void pass(struct world *w, int64_t ms);
void peer_listen(struct peer *peer);
/* As when its process ends: every connection to it breaks. */
void peer_dies(struct peer *peer);
void says(struct peer *peer, const char *name, const void *message);
/* The next message of that name since the last one looked at; NULL when it does not come within the time. */
const struct note *hears(struct peer *peer, const char *name, int64_t within_ms);
size_t times(const struct peer *peer, const char *name);
void hears_error(struct world *w, struct peer *peer, const char *text);
void registers(struct world *w, struct peer *peer);
void subscribes_again(struct world *w, struct peer *peer, bool force);
const char *offered(struct world *w, struct peer *peer);
void launches(struct world *w, struct peer *peer, const char *task_id);
void agent_updates(struct world *w, const char *task_id, const char *state);
const Mesos__Internal__StatusUpdateMessage *updated(struct world *w, struct peer *peer, Mesos__V1__TaskState state);

#endif
