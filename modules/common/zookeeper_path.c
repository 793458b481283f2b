/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a node with all its parents, part by part, out of single requests. Called by whoever owns a path in ZooKeeper.
 */
#include "common/zookeeper_inside.h"

#include <errno.h>
#include <stdint.h>

struct path_maker {
    struct list in_zk;
    struct zk *zk;
    char *path;
    size_t at; /* so much of it is being looked at */
    zk_done_fn *done;
    void *arg;
};

static void next_part(struct path_maker *maker);

static void
maker_free(struct path_maker *maker)
{
    free(maker->path);
    free(maker);
}

static void
maker_end(struct path_maker *maker, const struct zk_answer *answer_)
{
    list_remove(&maker->in_zk); /* done may free the client */
    if (maker->done)
        maker->done(maker->arg, answer_);
    maker_free(maker);
}

void
zk_makers_free(struct zk *zk)
{
    struct path_maker *maker, *next;

    list_foreach_safe (maker, next, &zk->makers, in_zk)
        maker_free(maker);
    list_init(&zk->makers);
}

static void
on_part_made(void *arg, const struct zk_answer *a)
{
    struct path_maker *maker = arg;

    if (a->status == 0 || a->status == -EEXIST)
        next_part(maker);
    else
        maker_end(maker, a);
}

/* Asked for first: who may not create anything here is still served when it is there already. */
static void
on_part_looked_at(void *arg, const struct zk_answer *a)
{
    struct path_maker *maker = arg;

    if (a->status == -ENOENT)
        zk_create(maker->zk, a->path, (struct mesos_bytes){"", 0}, ZK_PERSISTENT, on_part_made, maker);
    else
        on_part_made(maker, a);
}

static void
next_part(struct path_maker *maker)
{
    size_t len = strlen(maker->path);

    if (maker->at >= len) {
        maker_end(maker, &(struct zk_answer){.path = maker->path, .failed = SIZE_MAX});
        return;
    }
    maker->at += 1 + strcspn(maker->path + maker->at + 1, "/");
    auto_free char *part = str_dup(str_n(maker->path, maker->at));
    zk_exists(maker->zk, part, NULL, NULL, on_part_looked_at, maker);
}

void
zk_create_path(struct zk *zk, const char *path, zk_done_fn *done, void *arg)
{
    struct path_maker *maker = xcalloc(1, sizeof(*maker));

    maker->zk = zk;
    list_push(&zk->makers, &maker->in_zk);
    maker->path = xstrdup(path);
    maker->done = done;
    maker->arg = arg;
    next_part(maker);
}
