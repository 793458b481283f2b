/* SPDX-License-Identifier: Apache-2.0 */
/* Emulated agents: one libprocess peer in this process, an actor per agent, one connection in each direction.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "base/arena.h"
#include "base/map.h"
#include "wire/libprocess.h"

struct peer_task; /* runs on an emulated agent */

struct peer {
    struct loop *loop;
    struct http_server *server;
    struct libprocess *libprocess;
    struct upid master;
    char self[128]; /* "127.0.0.1:port" */
    struct arena *arena;
    struct buf out;
    char **agent_ids; /* by number, 0 on; NULL while not registered */
    size_t agents, registered;
    const char *reserved_for; /* part of their memory is reserved for that role; NULL = none is */
    struct map tasks; /* those that run */
    size_t launched;
    uint64_t next_uuid;
};

void peer_init(struct peer *peer, struct loop *loop, uint16_t master_port, size_t agents);
void peer_fini(struct peer *peer);
/* Sends RegisterSlaveMessage of every agent; peer->registered counts the answers. Returns the bytes of one.
 */
size_t peer_register(struct peer *peer);
/* The registered agent comes back, running so many tasks of one framework: body of its ReregisterSlaveMessage. */
void peer_pack_reregister(const struct peer *peer, size_t agent, size_t tasks, struct buf *out);
/* What agents say of themselves when they are registered: body of UpdateSlaveMessage. */
void peer_pack_update(const struct peer *peer, size_t agent, struct buf *out);
/* Every task that runs ends as TASK_FINISHED. */
void peer_finish_tasks(struct peer *peer);

#endif
