/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the ZooKeeper client share: the handle's life (zookeeper.c), its requests (zookeeper_requests.c) and what is
 * made of them (zookeeper_path.c, zookeeper_keeper.c). */
#ifndef COMMON_ZOOKEEPER_INSIDE_H
#define COMMON_ZOOKEEPER_INSIDE_H

#include "base/buf.h"
#include "base/list.h"
#include "common/zookeeper.h"

#include <zookeeper/zookeeper.h>

struct zk_lookup;
struct zk_keeper;

struct zk {
    const struct mesos_host *host;
    struct zk_url url;
    int64_t asked_timeout_ms;
    void (*on_state)(void *arg, enum zk_state state, const char *why);
    void *arg;

    zhandle_t *handle; /* NULL: names are being resolved, or we wait before the next session */
    char *addresses; /* what the handle was given: numeric */
    struct zk_lookup *lookup; /* under way */
    enum zk_state state;
    int64_t session, agreed_ms;
    int64_t connected_ms; /* when the servers were last seen; the session cannot live longer than its time-out after it */
    int64_t backoff_ms;
    bool ended; /* the handle's session is over: to be replaced as soon as the library has returned */
    char *why_ended;

    struct mesos_watch *watch;
    int fd; /* of the library, as long as it has said nothing else; -1 = none */
    struct mesos_timer *timer, *soon;
    struct list failed; /* requests that could not be asked, answered from the loop */
    struct list watches;
    struct list makers; /* struct path_maker: zk_create_path under way */
    unsigned inside; /* depth of calls of the library and of the user */
    bool freed;
    struct zk_keeper *keeper;

    int64_t agreed_slept_ms; /* zk_slept_ms when that was sent */
    int64_t looked_up_ms;
    int64_t lines_since_ms; /* of the library's log: repetitions are not worth a line each */
    unsigned lines;
};

/* For how long the machine has been asleep since it started: the loop's clock stands then, the servers' do not. */
int64_t zk_slept_ms(void);
/* Around everything that may call the user: zk_leave frees what was freed meanwhile. */
void zk_enter(struct zk *zk);
void zk_leave(struct zk *zk);
/* The server that we talk to, or try to, does not answer: another one may. Not from inside a callback. */
void zk_next_server(struct zk *zk);
/* The library was given something to do: look at its descriptor and its times soon. */
void zk_pump_soon(struct zk *zk);
/* The session is over (watches and requests with it): from requests, when the handle is about to be closed. */
void zk_requests_drop(struct zk *zk);
/* Of a client that is being freed: those are told nothing any more. */
void zk_makers_free(struct zk *zk);
/* Answers what could not be asked. */
void zk_requests_answer_failed(struct zk *zk);
void zk_keeper_session_over(struct zk *zk, const char *why);
void zk_keeper_free(struct zk *zk);

#endif
