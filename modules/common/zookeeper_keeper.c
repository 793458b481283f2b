/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper: asks for agreement about a node again and again, so that who depends on it (a leader's lease) knows for how long
 * it has been there, and gives up servers that are silent sooner than the library does.
 */
#include "common/zookeeper_inside.h"

#include <errno.h>

struct zk_keeper {
    char *path;
    int64_t period_ms;
    void (*lost)(void *arg, const char *why);
    void *arg;
    struct mesos_timer *timer;
    bool asked;
    int64_t waits_since_ms; /* for an answer or for a connection; moved on when a server was given up */
};

static void on_keeper_time(void *arg);

static void
keeper_lost(struct zk *zk, const char *why)
{
    struct zk_keeper *keeper = take(&zk->keeper);

    zk->host->timer_stop(zk->host, keeper->timer);
    void (*lost)(void *arg, const char *why) = keeper->lost;
    void *arg = keeper->arg;
    free(keeper->path);
    free(keeper);
    if (lost && !zk->freed)
        lost(arg, why);
}

static void
on_kept(void *arg, const struct zk_answer *a)
{
    struct zk *zk = arg;

    if (!zk->keeper)
        return;
    zk->keeper->asked = false;
    if (a->status == -ENOENT || a->status == -EACCES)
        keeper_lost(zk, a->status == -ENOENT ? "the node of the leader is gone from ZooKeeper" : a->error);
}

static void
on_keeper_time(void *arg)
{
    struct zk *zk = arg;
    struct zk_keeper *keeper = zk->keeper;

    keeper->timer = zk->host->timer_start(zk->host, keeper->period_ms, on_keeper_time, zk);
    int64_t now = zk->host->now_ms(zk->host);
    if (keeper->asked || zk->state != ZK_CONNECTED) {
        /* The library gives a silent server up after two thirds of the session: too late for a lease of as much. */
        if (now - keeper->waits_since_ms > zk_session_timeout_ms(zk) / 4) {
            keeper->waits_since_ms = now;
            zk_next_server(zk);
        }
        return;
    }
    keeper->waits_since_ms = now;
    struct zk_op check = {.type = ZK_OP_CHECK, .path = keeper->path, .version = -1};
    keeper->asked = true;
    zk_multi(zk, &check, 1, on_kept, zk);
}

void
zk_keep(struct zk *zk, const char *path, int64_t period_ms, void (*lost)(void *arg, const char *why), void *arg)
{
    zk_keeper_free(zk);
    if (!path)
        return;
    struct zk_keeper *keeper = xcalloc(1, sizeof(*keeper));
    keeper->path = xstrdup(path);
    keeper->period_ms = period_ms > 0 ? period_ms : 1;
    keeper->lost = lost;
    keeper->arg = arg;
    keeper->waits_since_ms = zk->host->now_ms(zk->host);
    zk->keeper = keeper;
    keeper->timer = zk->host->timer_start(zk->host, 0, on_keeper_time, zk);
}

void
zk_keeper_session_over(struct zk *zk, const char *why)
{
    if (zk->keeper)
        keeper_lost(zk, why);
}

void
zk_keeper_free(struct zk *zk)
{
    struct zk_keeper *keeper = take(&zk->keeper);

    if (!keeper)
        return;
    zk->host->timer_stop(zk->host, keeper->timer);
    free(keeper->path);
    free(keeper);
}
