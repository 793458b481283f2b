/* SPDX-License-Identifier: Apache-2.0 */
/* Group commit in front of the registry module. Used by the verbs that admit, lose and forget agents. */
#include "master/registrar.h"

#include <errno.h>

#include "base/buf.h"
#include "base/log.h"

/* Key and value are offsets into the batch's bytes. */
struct change {
    enum mesos_registry_table table;
    size_t key, key_len, value, value_len;
    bool remove;
};

struct waiter {
    registrar_done_fn *done;
    void *arg;
};

struct batch {
    struct change *changes;
    size_t count, cap;
    struct waiter *waiters;
    size_t waiter_count, waiter_cap;
    struct buf bytes;
};

struct registrar {
    struct registrar_options options;
    struct batch open, storing;
    struct loop_timer soon; /* fires in the next turn of the loop */
    bool in_flight, failed;
    int64_t since_ns;
    registry_entry_fn *entry;
    registrar_done_fn *fetched;
    void *fetched_arg;
    struct metric_timer *store_ms;
    struct metric *fetch_ms;
    struct metric *queued;
};

static void
batch_clear(struct batch *batch)
{
    batch->count = batch->waiter_count = 0;
    buf_clear(&batch->bytes);
    buf_shrink(&batch->bytes, 1 << 16);
}

static void
batch_fini(struct batch *batch)
{
    free(batch->changes);
    free(batch->waiters);
    buf_fini(&batch->bytes);
}

static void flush(void *arg);

struct registrar *
registrar_new(const struct registrar_options *options)
{
    struct registrar *r = xcalloc(1, sizeof(*r));
    r->options = *options;
    loop_timer_init(&r->soon, options->loop, flush, r);
    r->store_ms = metrics_timer(options->metrics, "registrar/state_store_ms");
    metric_timer_window(r->store_ms, INT64_C(24) * 3600 * 1000000000);
    r->fetch_ms = metrics_get(options->metrics, "registrar/state_fetch_ms");
    r->queued = metrics_get(options->metrics, "registrar/queued_operations");
    return r;
}

void
registrar_free(struct registrar *r)
{
    if (!r)
        return;
    host_call_forget(r->options.host, r);
    loop_timer_stop(&r->soon);
    batch_fini(&r->open);
    batch_fini(&r->storing);
    free(r);
}

static void
registrar_fail(struct registrar *r, const char *what, const char *error)
{
    struct err err;
    r->failed = true;
    err_set(&err, -EIO, "%s: %s", what, error ? error : "unknown error");
    r->options.failed(r->options.arg, err.text);
}

static void
on_fetched(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct registrar *r = arg;
    (void)answer;
    metric_set(r->fetch_ms, (double)(loop_now_ns(r->options.loop) - r->since_ns) / 1e6);
    if (status) {
        registrar_fail(r, "Cannot read the registry", error);
        return;
    }
    r->fetched(r->fetched_arg);
}

static void
on_entry(void *arg, const struct mesos_registry_entry *entry)
{
    struct registrar *r = arg;
    r->entry(r->fetched_arg, entry);
}

void
registrar_fetch(struct registrar *r, registry_entry_fn *entry, registrar_done_fn *done, void *arg)
{
    r->entry = entry;
    r->fetched = done;
    r->fetched_arg = arg;
    r->since_ns = loop_now_ns(r->options.loop);
    registry_fetch(r->options.registry, r->options.fetch_timeout_ms, on_entry, on_fetched, r);
}

static struct change *
change_new(struct batch *batch)
{
    if (batch->count == batch->cap) {
        batch->cap = batch->cap ? batch->cap * 2 : 64;
        batch->changes = xreallocarray(batch->changes, batch->cap, sizeof(*batch->changes));
    }
    return &batch->changes[batch->count++];
}

static void
flush_soon(struct registrar *r)
{
    if (!loop_timer_running(&r->soon) && !r->in_flight && !r->failed)
        loop_timer_start(&r->soon, 0);
}

void
registrar_put(struct registrar *r, enum mesos_registry_table table, struct str key, struct str value)
{
    struct change *change = change_new(&r->open);
    *change = (struct change){.table = table, .key_len = key.len, .value_len = value.len};
    change->key = r->open.bytes.len;
    buf_append_str(&r->open.bytes, key);
    change->value = r->open.bytes.len;
    buf_append_str(&r->open.bytes, value);
    metric_inc(r->queued);
    flush_soon(r);
}

void
registrar_remove(struct registrar *r, enum mesos_registry_table table, struct str key)
{
    struct change *change = change_new(&r->open);
    *change = (struct change){.table = table, .key_len = key.len, .remove = true};
    change->key = r->open.bytes.len;
    buf_append_str(&r->open.bytes, key);
    metric_inc(r->queued);
    flush_soon(r);
}

void
registrar_commit(struct registrar *r, registrar_done_fn *done, void *arg)
{
    struct batch *batch = &r->open;
    if (!done)
        return;
    if (batch->waiter_count == batch->waiter_cap) {
        batch->waiter_cap = batch->waiter_cap ? batch->waiter_cap * 2 : 64;
        batch->waiters = xreallocarray(batch->waiters, batch->waiter_cap, sizeof(*batch->waiters));
    }
    batch->waiters[batch->waiter_count++] = (struct waiter){done, arg};
    flush_soon(r);
}

static void
on_stored(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct registrar *r = arg;
    (void)answer;
    metric_timer_record(r->store_ms, (double)(loop_now_ns(r->options.loop) - r->since_ns) / 1e6);
    r->in_flight = false;
    if (status) {
        registrar_fail(r, "Cannot write the registry", error);
        return;
    }
    metric_add(r->queued, -(double)r->storing.count);
    /* A waiter may make new changes: they go to the open batch. */
    for (size_t i = 0; i < r->storing.waiter_count; i++)
        r->storing.waiters[i].done(r->storing.waiters[i].arg);
    batch_clear(&r->storing);
    if (r->open.count || r->open.waiter_count)
        flush_soon(r);
}

static void
flush(void *arg)
{
    struct registrar *r = arg;
    if (r->in_flight || r->failed || (!r->open.count && !r->open.waiter_count))
        return;
    struct batch spare = r->storing;
    r->storing = r->open;
    r->open = spare;
    r->in_flight = true;
    r->since_ns = loop_now_ns(r->options.loop);
    struct batch *batch = &r->storing;
    auto_free struct mesos_registry_entry *entries = xcalloc(batch->count + 1, sizeof(*entries));
    const char *bytes = buf_data(&batch->bytes);
    for (size_t i = 0; i < batch->count; i++) {
        const struct change *change = &batch->changes[i];
        entries[i].size = sizeof(entries[i]);
        entries[i].table = change->table;
        entries[i].key = (struct mesos_bytes){bytes + change->key, change->key_len};
        if (!change->remove)
            entries[i].value = (struct mesos_bytes){bytes + change->value, change->value_len};
    }
    registry_store(r->options.registry, r->options.store_timeout_ms, entries, batch->count, on_stored, r);
}
