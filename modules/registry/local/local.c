/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry "local": the master's memory in one SQLite file of its work_dir. Called by the master through kind_registry.
 * All file work is offloaded; what is asked for while a commit is under way joins the next one, so that the disk is
 * waited for once per group and not once per batch. After one failed commit nothing is accepted any more: the master
 * must stop leading, and what a later batch assumes may not be there.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "database.h"
#include "mesos/registry.h"

struct local {
    const struct mesos_host *host;
    const char *path; /* option; NULL = <work_dir>/registry.sqlite */
    bool create; /* option */
    struct database *db;
    struct list waiting; /* struct batch: asked for, not yet under way */
    struct group *group; /* under way */
    unsigned fetching; /* fetches under way */
    bool failed;
    struct err failure;
    struct mesos_call *stop; /* wanted as soon as nothing is under way */
};

struct batch {
    struct list in_list;
    struct mesos_call *call;
    size_t count;
    struct row *rows; /* with their bytes behind them, one allocation */
};

/* Batches that one commit makes durable. */
struct group {
    struct local *local;
    struct list batches;
    int status;
    int64_t bytes; /* of the database afterwards */
    struct err err;
};

struct fetch {
    struct local *local;
    struct mesos_call *call;
    void (*entry)(void *arg, const struct mesos_registry_entry *entry);
    void *arg;
    struct row *rows;
    size_t count;
    int status;
    struct err err;
};

static void
reply(const struct local *local, struct mesos_call *call, int status, const char *text)
{
    if (status < 0)
        local->host->fail(local->host, status, "%s", text);
    local->host->reply(local->host, call, status, (struct mesos_bytes){NULL, 0});
}

static void
close_if_wanted(struct local *local)
{
    if (!local->stop || local->group || local->fetching)
        return;
    struct mesos_call *call = local->stop;
    local->stop = NULL;
    database_close(local->db);
    local->db = NULL;
    reply(local, call, 0, NULL);
}

static void
on_fetch_row(void *arg, const struct row *row)
{
    struct fetch *fetch = arg;
    struct row copy = *row;
    copy.key.ptr = xmemdup(row->key.ptr, row->key.len);
    copy.value.ptr = xmemdup(row->value.ptr, row->value.len);
    if ((fetch->count & (fetch->count - 1)) == 0)
        fetch->rows = xreallocarray(fetch->rows, fetch->count ? 2 * fetch->count : 1, sizeof *fetch->rows);
    fetch->rows[fetch->count++] = copy;
}

static void
fetch_work(void *arg)
{
    struct fetch *fetch = arg;
    fetch->status = database_read(fetch->local->db, on_fetch_row, fetch, &fetch->err);
}

static void
row_free(struct row *row)
{
    union {
        const char *from;
        char *to;
    } key = {.from = row->key.ptr}, value = {.from = row->value.ptr};
    free(key.to);
    free(value.to);
}

static void
fetch_done(void *arg)
{
    struct fetch *fetch = arg;
    for (size_t i = 0; i < fetch->count; i++) {
        struct row *row = &fetch->rows[i];
        if (fetch->status == 0) {
            struct mesos_registry_entry entry = {
                .size = sizeof entry,
                .table = row->table,
                .key = {row->key.ptr, row->key.len},
                .value = {row->value.ptr, row->value.len},
            };
            fetch->entry(fetch->arg, &entry);
        }
        row_free(row);
    }
    reply(fetch->local, fetch->call, fetch->status, fetch->err.text);
    fetch->local->fetching--;
    close_if_wanted(fetch->local);
    free(fetch->rows);
    free(fetch);
}

static void
local_fetch(void *instance, void (*entry)(void *arg, const struct mesos_registry_entry *entry), void *arg,
            struct mesos_call *call)
{
    struct local *local = instance;
    struct fetch *fetch = xcalloc(1, sizeof *fetch);
    fetch->local = local;
    fetch->call = call;
    fetch->entry = entry;
    fetch->arg = arg;
    local->fetching++;
    local->host->offload(local->host, true, fetch_work, fetch_done, fetch);
}

static struct batch *
batch_new(const struct mesos_registry_entry *entries, size_t count, struct mesos_call *call)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += entries[i].key.len + entries[i].value.len + 1;
    struct batch *batch = xcalloc(1, sizeof *batch);
    batch->call = call;
    batch->count = count;
    batch->rows = xmalloc(count * sizeof *batch->rows + bytes + 1);
    char *at = (char *)(batch->rows + count);
    for (size_t i = 0; i < count; i++) {
        const struct mesos_registry_entry *e = &entries[i];
        batch->rows[i].table = e->table;
        if (e->key.len > 0)
            memcpy(at, e->key.data, e->key.len);
        batch->rows[i].key = str_n(at, e->key.len);
        at += e->key.len;
        if (e->value.len > 0)
            memcpy(at, e->value.data, e->value.len);
        batch->rows[i].value = e->value.data ? str_n(at, e->value.len) : str_n(NULL, 0);
        at += e->value.len + 1;
    }
    return batch;
}

static void
batch_free(struct batch *batch)
{
    list_remove(&batch->in_list);
    free(batch->rows);
    free(batch);
}

static void
group_work(void *arg)
{
    struct group *group = arg;
    struct database *db = group->local->db;
    group->status = database_begin(db, &group->err);
    const struct batch *batch;
    list_foreach(batch, &group->batches, in_list)
    {
        for (size_t i = 0; i < batch->count && group->status == 0; i++)
            group->status = database_write(db, &batch->rows[i], &group->err);
    }
    if (group->status == 0)
        group->status = database_commit(db, &group->err);
    if (group->status < 0)
        database_rollback(db);
    else
        group->bytes = database_bytes(db);
}

static void group_start(struct local *local);

static void
group_done(void *arg)
{
    struct group *group = arg;
    struct local *local = group->local;
    local->group = NULL;
    if (group->status < 0) {
        local->failed = true;
        local->failure = group->err;
    }
    if (group->bytes > 0)
        local->host->gauge(local->host, "registrar/registry_size_bytes", (double)group->bytes);
    while (!list_empty(&group->batches)) {
        struct batch *batch = list_first(&group->batches, struct batch, in_list);
        reply(local, batch->call, group->status, group->err.text);
        batch_free(batch);
    }
    free(group);
    group_start(local);
    close_if_wanted(local);
}

static void
refuse_waiting(struct local *local)
{
    while (!list_empty(&local->waiting)) {
        struct batch *batch = list_first(&local->waiting, struct batch, in_list);
        reply(local, batch->call, local->failure.code, local->failure.text);
        batch_free(batch);
    }
}

/* All that wait become one group, unless one is under way. */
static void
group_start(struct local *local)
{
    if (local->failed)
        refuse_waiting(local);
    if (local->group || list_empty(&local->waiting))
        return;
    struct group *group = xcalloc(1, sizeof *group);
    group->local = local;
    list_init(&group->batches);
    while (!list_empty(&local->waiting)) {
        struct list *node = local->waiting.next;
        list_remove(node);
        list_push(&group->batches, node);
    }
    local->group = group;
    local->host->offload(local->host, true, group_work, group_done, group);
}

static void
local_store(void *instance, const struct mesos_registry_entry *entries, size_t count, struct mesos_call *call)
{
    struct local *local = instance;
    struct batch *batch = batch_new(entries, count, call);
    list_push(&local->waiting, &batch->in_list);
    group_start(local);
}

static int
local_start(void *instance, const struct mesos_host *host)
{
    struct local *local = instance;
    local->host = host;
    list_init(&local->waiting);
    if (!local->path && !host->work_dir)
        return host->fail(host, -EINVAL, "registry 'local' keeps its file in --work_dir, which is not set");
    auto_free char *path = local->path ? xstrdup(local->path) : xasprintf("%s/registry.sqlite", host->work_dir);
    struct err err = {0};
    if (!local->create && access(path, F_OK) < 0)
        return host->fail(host, -ENOENT, "there is no registry '%s'", path);
    local->db = database_open(path, &err);
    if (!local->db)
        return host->fail(host, err.code, "%s", err.text);
    return 0;
}

static void
local_stop(void *instance, struct mesos_call *call)
{
    struct local *local = instance;
    local->stop = call;
    close_if_wanted(local);
}

static const struct mesos_registry_ops ops = {.fetch = local_fetch, .store = local_store};

static const struct mesos_option options[] = {
    {"path", MESOS_OPTION_PATH, offsetof(struct local, path), NULL,
     "The file; default: registry.sqlite in the master's work_dir."},
    {"create", MESOS_OPTION_BOOL, offsetof(struct local, create), "true", "Make the file when it is missing."},
    {0},
};

static const struct mesos_module module = {
    MESOS_MODULE(REGISTRY, ops, struct local),
    .name = "local",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "keeps the registry in a SQLite file of the master's work_dir",
    .options = options,
    .start = local_start,
    .stop = local_stop,
};

MESOS_MODULES(&module);
