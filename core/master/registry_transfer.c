/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backup, restore, moving house. An export disturbs no leader where the registry can be read beside one (zookeeper); an
 * import takes the registry over, as a new leader would, and stores everything as one batch.
 */
#include "master/registry_transfer.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/map.h"
#include "host/kind_registry.h"
#include "master/options.h"
#include "master/registry_json.h"

enum { FILE_MAX_BYTES = 1 << 30, PATIENCE_MS = 3600 * 1000 };

struct waiting {
    struct registry_entries *entries;
    bool done;
    int status;
    struct err err;
};

static void
on_entry(void *arg, const struct mesos_registry_entry *entry)
{
    struct waiting *waiting = arg;
    registry_entries_add(waiting->entries, entry->table, str_n(entry->key.data, entry->key.len),
                         str_n(entry->value.data, entry->value.len));
}

static void
on_done(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct waiting *waiting = arg;
    waiting->done = true;
    if (status)
        waiting->status = err_set(&waiting->err, status, "%s", error ? error : "no reason given");
}

static bool
is_done(void *arg)
{
    return ((struct waiting *)arg)->done;
}

static int
await(const struct registry_transfer *t, struct waiting *waiting, struct err *err)
{
    if (!loop_run_until(t->loop, is_done, waiting, PATIENCE_MS))
        return err_set(err, -EINTR, "it was interrupted");
    if (waiting->status)
        *err = waiting->err;
    return waiting->status;
}

/* peek: whoever leads goes on. */
static int
read_all(const struct registry_transfer *t, bool peek, struct registry_entries *entries, struct err *err)
{
    struct waiting waiting = {.entries = entries};
    int64_t timeout_ms = t->options->registry_fetch_timeout_ns / 1000000;
    if (peek)
        registry_peek(t->registry, timeout_ms, on_entry, on_done, &waiting);
    else
        registry_fetch(t->registry, timeout_ms, on_entry, on_done, &waiting);
    return await(t, &waiting, err);
}

static int
export(const struct registry_transfer *t, struct buf *result, struct err *err)
{
    struct registry_entries entries;
    auto_buf struct buf out = {0};
    registry_entries_init(&entries);
    int rc = read_all(t, true, &entries, err);
    if (rc == 0) {
        registry_to_json(&entries, &out, result);
        buf_puts(&out, "\n");
        if (strcmp(t->export_to, "-") != 0)
            rc = file_replace(t->export_to, buf_data(&out), out.len, 0600, true, err);
        else if (fwrite(buf_data(&out), 1, out.len, stdout) != out.len || fflush(stdout) != 0)
            rc = err_errno(err, "standard output");
    }
    if (rc == 0) {
        buf_printf(result, "registry '%s' exported to %s: ", module_name(t->registry),
                   strcmp(t->export_to, "-") ? t->export_to : "standard output");
        registry_entries_describe(&entries, result);
        buf_puts(result, "\n");
    }
    registry_entries_fini(&entries);
    return rc;
}

/* Those that are there and will not be any more are removed in the same batch. */
static void
add_removals(struct registry_entries *batch, const struct registry_entries *before)
{
    struct map wanted = {0};
    size_t puts = batch->count;
    for (size_t i = 0; i < puts; i++) {
        const struct mesos_registry_entry *e = &batch->items[i];
        char *name = arena_alloc(batch->arena, sizeof(e->table) + e->key.len);
        memcpy(name, &e->table, sizeof(e->table));
        memcpy(name + sizeof(e->table), e->key.data, e->key.len);
        map_set(&wanted, str_n(name, sizeof(e->table) + e->key.len), batch);
    }
    for (size_t i = 0; i < before->count; i++) {
        const struct mesos_registry_entry *e = &before->items[i];
        auto_buf struct buf name = {0};
        buf_append(&name, &e->table, sizeof(e->table));
        buf_append(&name, e->key.data, e->key.len);
        if (map_get(&wanted, buf_str(&name)))
            continue;
        registry_entries_add(batch, e->table, str_n(e->key.data, e->key.len), (struct str){0});
        batch->items[batch->count - 1].value.data = NULL;
    }
    map_fini(&wanted);
}

static int
store(const struct registry_transfer *t, const struct registry_entries *batch, struct err *err)
{
    struct waiting waiting = {0};
    registry_store(t->registry, t->options->registry_store_timeout_ns / 1000000, batch->items, batch->count, on_done,
                   &waiting);
    return await(t, &waiting, err);
}

static int
read_document(const struct registry_transfer *t, struct registry_entries *batch, struct buf *result, struct err *err)
{
    auto_buf struct buf text = {0};
    const char *from = strcmp(t->import_from, "-") ? t->import_from : "/dev/stdin";
    int rc = file_read(from, FILE_MAX_BYTES, &text, err);
    if (rc == 0 && (rc = registry_from_json(buf_str(&text), batch, result, err)) < 0)
        err_wrap(err, "'%s' cannot be imported", t->import_from);
    return rc;
}

static int
refuse_overwriting(const struct registry_transfer *t, const struct registry_entries *before, struct err *err)
{
    auto_buf struct buf what = {0};
    registry_entries_describe(before, &what);
    return err_set(err, -EEXIST,
                   "registry '%s' is not empty: it has %.*s; --overwrite-registry replaces all of it, and "
                   "--export-registry=FILE keeps a copy before",
                   module_name(t->registry), (int)what.len, buf_data(&what));
}

static int
import(const struct registry_transfer *t, struct registry_entries *batch, struct registry_entries *before,
       struct buf *result, struct err *err)
{
    int rc = read_document(t, batch, result, err);
    if (rc == 0)
        rc = read_all(t, true, before, err); /* looks first: a leader that is there goes on when this is refused */
    if (rc == 0 && !registry_entries_bare(before) && !t->overwrite)
        rc = refuse_overwriting(t, before, err);
    if (rc < 0)
        return rc;
    registry_entries_fini(before);
    registry_entries_init(before);
    rc = read_all(t, false, before, err);
    if (rc == 0 && !registry_entries_bare(before) && !t->overwrite)
        rc = refuse_overwriting(t, before, err);
    if (rc < 0)
        return rc;
    buf_printf(result, "registry '%s' imported from %s: ", module_name(t->registry), t->import_from);
    registry_entries_describe(batch, result);
    if (!registry_entries_bare(before)) {
        buf_puts(result, "; replaced: ");
        registry_entries_describe(before, result);
    }
    add_removals(batch, before);
    rc = store(t, batch, err);
    if (rc < 0)
        buf_clear(result);
    else
        buf_puts(result, "\n");
    return rc;
}

int
registry_transfer(const struct registry_transfer *t, struct buf *result, struct err *err)
{
    struct registry_entries batch, before;
    if (t->export_to)
        return export(t, result, err);
    registry_entries_init(&batch);
    registry_entries_init(&before);
    int rc = import(t, &batch, &before, result, err);
    registry_entries_fini(&batch);
    registry_entries_fini(&before);
    return rc;
}
