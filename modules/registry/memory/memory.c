/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry "memory": what a master must remember lives as long as its process. For tests and for clusters that may
 * forget. Called by the master through kind_registry; never touches a disk.
 */
#include <errno.h>
#include "base/map.h"
#include "mesos/registry.h"

struct entry {
    size_t key_len; /* of `bytes`: the table's number, then the key */
    size_t value_len;
    unsigned char *value;
    unsigned char bytes[];
};

struct memory {
    const struct mesos_host *host;
    struct map entries;
};

static struct entry *
entry_new(const struct mesos_registry_entry *from)
{
    struct entry *entry = xmalloc(sizeof *entry + sizeof from->table + from->key.len);
    entry->key_len = sizeof from->table + from->key.len;
    memcpy(entry->bytes, &from->table, sizeof from->table);
    if (from->key.len > 0)
        memcpy(entry->bytes + sizeof from->table, from->key.data, from->key.len);
    entry->value_len = from->value.len;
    entry->value = from->value.len > 0 ? xmemdup(from->value.data, from->value.len) : NULL;
    return entry;
}

static void
entry_free(struct entry *entry)
{
    if (!entry)
        return;
    free(entry->value);
    free(entry);
}

static void
store_one(struct memory *memory, const struct mesos_registry_entry *from)
{
    struct entry *entry = entry_new(from);
    struct str key = str_n(entry->bytes, entry->key_len);
    entry_free(map_remove(&memory->entries, key));
    if (from->value.data)
        map_add(&memory->entries, key, entry);
    else
        entry_free(entry);
}

static void
memory_fetch(void *instance, void (*entry)(void *arg, const struct mesos_registry_entry *entry), void *arg,
             struct mesos_call *call)
{
    struct memory *memory = instance;
    struct entry *e;
    map_foreach(e, &memory->entries)
    {
        struct mesos_registry_entry out = {.size = sizeof out};
        memcpy(&out.table, e->bytes, sizeof out.table);
        out.key = (struct mesos_bytes){e->bytes + sizeof out.table, e->key_len - sizeof out.table};
        out.value = (struct mesos_bytes){e->value_len > 0 ? (const void *)e->value : "", e->value_len};
        entry(arg, &out);
    }
    memory->host->reply(memory->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static void
memory_store(void *instance, const struct mesos_registry_entry *entries, size_t count, struct mesos_call *call)
{
    struct memory *memory = instance;
    struct entry *entry;
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        store_one(memory, &entries[i]);
    map_foreach(entry, &memory->entries)
        bytes += entry->key_len + entry->value_len;
    memory->host->gauge(memory->host, "registrar/registry_size_bytes", (double)bytes);
    memory->host->reply(memory->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static int
memory_start(void *instance, const struct mesos_host *host)
{
    ((struct memory *)instance)->host = host;
    return 0;
}

static void
memory_stop(void *instance, struct mesos_call *call)
{
    struct memory *memory = instance;
    struct entry *e;
    map_foreach(e, &memory->entries)
        entry_free(e);
    map_fini(&memory->entries);
    if (call)
        memory->host->reply(memory->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_registry_ops ops = {.fetch = memory_fetch, .store = memory_store};

static const struct mesos_module module = {
    MESOS_MODULE(REGISTRY, ops, struct memory),
    .name = "memory",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "forgets everything when the master ends",
    .start = memory_start,
    .stop = memory_stop,
};

MESOS_MODULES(&module);
