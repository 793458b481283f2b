/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the registry: as a new leader, who raises the epoch first, or as somebody who only looks. A connection that
 * breaks meanwhile makes it begin again; the core's time-out ends it.
 */
#include "zookeeper.h"

#include <errno.h>
#include <stdio.h>

enum { PACKS_AT_ONCE = 16, MOVED_TRIES = 50 };

struct pack_request {
    struct reading *reading; /* NULL = free */
    struct manifest_pack wanted;
    struct pack *pack;
};

struct reading {
    struct registry *registry;
    bool claim;
    registry_entry *entry;
    void *arg;
    struct mesos_call *call;
    struct manifest manifest;
    struct content *content;
    struct pack_request requests[PACKS_AT_ONCE];
    uint32_t next, outstanding; /* packs */
    int failure;                /* of a pack; told when none is outstanding */
    struct err err;
    unsigned moved; /* how often a leader changed what we looked at */
};

static void begin(void *arg);

static void
forget(struct reading *reading)
{
    manifest_fini(&reading->manifest);
    reading->manifest = (struct manifest){0};
    content_free(reading->content);
    reading->content = content_new();
    reading->next = reading->outstanding = 0;
    reading->failure = 0;
}

void
reading_free(struct registry *registry)
{
    struct reading *reading = registry->reading;
    if (!reading)
        return;
    manifest_fini(&reading->manifest);
    content_free(reading->content);
    free(reading);
    registry->reading = NULL;
}

static void
fail(struct reading *reading, int status, const char *text)
{
    struct registry *registry = reading->registry;
    registry_reply(registry, reading->call, status, text);
    reading_free(registry);
}

static void
again(struct reading *reading)
{
    forget(reading);
    registry_retry(reading->registry, begin);
}

/* True when the answer is good. Else everything is seen to. */
static bool
is_good(struct reading *reading, const struct zk_answer *answer)
{
    if (answer->status == 0)
        return true;
    if (registry_is_broken(answer->status))
        again(reading);
    else
        fail(reading, answer->status, answer->error);
    return false;
}

static void
tell(void *arg, uint32_t table, struct str key, struct str value)
{
    struct reading *reading = arg;
    struct mesos_registry_entry entry = {
        .size = sizeof(entry), .table = table, .key = {key.ptr, key.len}, .value = {value.ptr, value.len}};
    reading->entry(reading->arg, &entry);
}

static void
finish(struct reading *reading)
{
    struct registry *registry = reading->registry;
    struct err err = {0};
    int rc = content_each(reading->content, tell, reading, &err);
    if (rc < 0) {
        auto_free char *text = xasprintf("registry znodes below '%s' are damaged: %s", registry->root, err.text);
        fail(reading, rc, text);
        return;
    }
    if (reading->claim) {
        content_free(registry->content);
        registry->content = reading->content;
        reading->content = NULL;
        registry->batch = reading->manifest.batch;
        registry->ready = true;
        registry->host->gauge(registry->host, "registrar/registry_size_bytes",
                              (double)content_stored_bytes(registry->content));
    }
    registry_reply(registry, reading->call, 0, NULL);
    reading_free(registry);
}

static void
on_record(void *arg, const struct pack_record *record)
{
    struct pack_request *request = arg;
    struct reading *reading = request->reading;
    struct err err = {0};
    if (reading->failure)
        return;
    if (content_record_add(reading->content, request->pack, record, &err) < 0) {
        auto_free char *path = registry_pack_path(reading->registry, request->wanted.serial);
        reading->failure = err_set(&reading->err, err.code, "registry znode '%s' is damaged: %s", path, err.text);
    }
}

static void ask_packs(struct reading *reading);

static void
on_pack(void *arg, const struct zk_answer *answer)
{
    struct pack_request *request = arg;
    struct reading *reading = request->reading;
    reading->outstanding--;
    if (answer->status && !reading->failure) {
        reading->failure = err_set(&reading->err, answer->status, "%s", answer->error);
        if (answer->status == -ENOENT)
            err_set(&reading->err, -ENOENT, "registry znode '%s' is missing: the manifest names it", answer->path);
    } else if (!answer->status && !reading->failure) {
        request->pack = content_pack_add(reading->content, &request->wanted);
        int rc = pack_read(str_n(answer->data.data, answer->data.len), answer->path, &request->wanted, on_record, request,
                           &reading->err);
        if (rc < 0)
            reading->failure = rc;
    }
    request->reading = NULL;
    ask_packs(reading);
}

/* All answers are there, one of them bad. */
static void
on_packs_failed(struct reading *reading)
{
    struct err err = reading->err;
    int failure = reading->failure;
    if (registry_is_broken(failure))
        again(reading);
    else if (failure == -ENOENT && !reading->claim && reading->moved++ < MOVED_TRIES)
        again(reading); /* the leader has written meanwhile */
    else
        fail(reading, failure, err.text);
}

static void
ask_packs(struct reading *reading)
{
    struct registry *registry = reading->registry;
    while (!reading->failure && reading->outstanding < PACKS_AT_ONCE && reading->next < reading->manifest.pack_count) {
        struct pack_request *request = reading->requests;
        while (request->reading)
            request++;
        *request = (struct pack_request){reading, reading->manifest.packs[reading->next++], NULL};
        auto_free char *path = registry_pack_path(registry, request->wanted.serial);
        reading->outstanding++;
        zk_get(registry->zk, path, NULL, NULL, on_pack, request);
    }
    if (reading->outstanding)
        return;
    if (reading->failure)
        on_packs_failed(reading);
    else
        finish(reading);
}

static bool
is_named(const struct manifest *manifest, uint32_t serial)
{
    for (uint32_t i = 0; i < manifest->pack_count; i++)
        if (manifest->packs[i].serial == serial)
            return true;
    return false;
}

/* What a leader left behind that died in the middle: never used numbers stay so, their nodes go with the next commit. */
static void
on_children(void *arg, const struct zk_answer *answer)
{
    struct reading *reading = arg;
    if (!is_good(reading, answer))
        return;
    reading->content->next_serial = reading->manifest.next_serial;
    for (size_t i = 0; i < answer->child_count; i++) {
        int64_t serial;
        const char *name = answer->children[i];
        if (name[0] != 'p' || str_to_i64(str_of(name + 1), &serial) < 0 || serial < 0 || serial >= UINT32_MAX)
            continue;
        if ((uint32_t)serial >= reading->content->next_serial)
            reading->content->next_serial = (uint32_t)serial + 1;
        if (!is_named(&reading->manifest, (uint32_t)serial))
            content_discard(reading->content, (uint32_t)serial);
    }
    ask_packs(reading);
}

static void
on_manifest(void *arg, const struct zk_answer *answer)
{
    struct reading *reading = arg;
    struct registry *registry = reading->registry;
    struct err err = {0};
    if (answer->status == -ENOENT && !reading->claim) { /* nobody has made one yet */
        finish(reading);
        return;
    }
    if (answer->status == -ENOENT) {
        err_set(&err, -EBADMSG, "registry znode '%s' is missing, but the registry was made: put it back, or remove '%s' and "
                "bring an export in with --import-registry", registry->manifest_path, registry->root);
        fail(reading, err.code, err.text);
        return;
    }
    if (!is_good(reading, answer))
        return;
    manifest_fini(&reading->manifest);
    int rc = manifest_read(str_n(answer->data.data, answer->data.len), answer->path, &reading->manifest, &err);
    if (rc < 0) {
        fail(reading, rc, err.text);
        return;
    }
    if (reading->claim)
        registry->manifest_version = answer->stat->version;
    if (reading->claim)
        zk_children(registry->zk, registry->root, NULL, NULL, on_children, reading);
    else
        ask_packs(reading);
}

static void
on_raised(void *arg, const struct zk_answer *answer)
{
    struct reading *reading = arg;
    struct registry *registry = reading->registry;
    if (answer->status == -ESTALE) { /* somebody else did: once more */
        again(reading);
        return;
    }
    if (!is_good(reading, answer))
        return;
    registry->epoch_version = answer->stat->version;
    zk_get(registry->zk, registry->manifest_path, NULL, NULL, on_manifest, reading);
}

static void
on_epoch(void *arg, const struct zk_answer *answer)
{
    struct reading *reading = arg;
    struct registry *registry = reading->registry;
    int64_t epoch = 0;
    if (!is_good(reading, answer))
        return;
    struct str rest = str_n(answer->data.data, answer->data.len), number = str_cut(&rest, '\n');
    if (str_to_i64(number, &epoch) < 0 || epoch < 0 || epoch == INT64_MAX) {
        MESOS_LOG(registry->host, WARNING, "registry znode '%s' holds no number: it begins anew", registry->epoch_path);
        epoch = 0;
    }
    auto_free char *text = xasprintf("%lld\n%s\n", (long long)epoch + 1, registry->id);
    zk_set(registry->zk, registry->epoch_path, (struct mesos_bytes){text, strlen(text)}, answer->stat->version, on_raised,
           reading);
}

static void
raise_epoch(struct reading *reading)
{
    zk_get(reading->registry->zk, reading->registry->epoch_path, NULL, NULL, on_epoch, reading);
}

/* Before anything is changed: is this a registry that we can read at all? */
static void
on_first_look(void *arg, const struct zk_answer *answer)
{
    struct reading *reading = arg;
    struct manifest manifest = {0};
    struct err err = {0};
    if (answer->status) {
        on_manifest(arg, answer);
        return;
    }
    int rc = manifest_read(str_n(answer->data.data, answer->data.len), answer->path, &manifest, &err);
    manifest_fini(&manifest);
    if (rc < 0)
        fail(reading, rc, err.text);
    else
        raise_epoch(reading);
}

static void
first_look(struct reading *reading)
{
    zk_get(reading->registry->zk, reading->registry->manifest_path, NULL, NULL, on_first_look, reading);
}

static void
on_epoch_made(void *arg, const struct zk_answer *answer)
{
    if (answer->status != -EEXIST && !is_good(arg, answer))
        return;
    first_look(arg);
}

static void
on_made(void *arg, const struct zk_answer *answer)
{
    struct reading *reading = arg;
    struct registry *registry = reading->registry;
    if (answer->status == -EEXIST && answer->failed == 1) { /* there is a manifest, but no epoch */
        MESOS_LOG(registry->host, WARNING, "registry znode '%s' was missing", registry->epoch_path);
        zk_create(registry->zk, registry->epoch_path, (struct mesos_bytes){"0\n", 2}, ZK_PERSISTENT, on_epoch_made, reading);
        return;
    }
    if (answer->status != -EEXIST && !is_good(reading, answer))
        return;
    first_look(reading);
}

static void
on_root(void *arg, const struct zk_answer *answer)
{
    struct reading *reading = arg;
    struct registry *registry = reading->registry;
    auto_buf struct buf empty = {0};
    struct manifest none = {.next_serial = 1};
    if (answer->status != -EEXIST && !is_good(reading, answer))
        return;
    manifest_write(&none, &empty);
    struct zk_op ops[] = {
        {.type = ZK_OP_CREATE, .path = registry->epoch_path, .data = {"0\n", 2}},
        {.type = ZK_OP_CREATE, .path = registry->manifest_path, .data = {buf_data(&empty), empty.len}},
    };
    zk_multi(registry->zk, ops, ARRAY_LEN(ops), on_made, reading);
}

static void
on_synced(void *arg, const struct zk_answer *answer)
{
    struct reading *reading = arg;
    if (answer->status == -ENOENT || is_good(reading, answer))
        zk_get(reading->registry->zk, reading->registry->manifest_path, NULL, NULL, on_manifest, reading);
}

static void
begin(void *arg)
{
    struct registry *registry = arg;
    struct reading *reading = registry->reading;
    if (!reading)
        return;
    if (reading->claim)
        zk_create_path(registry->zk, registry->root, on_root, reading);
    else
        zk_sync(registry->zk, registry->manifest_path, on_synced, reading);
}

void
reading_start(struct registry *registry, bool claim, registry_entry *entry, void *arg, struct mesos_call *call)
{
    if (registry->reading || registry->committing) {
        registry_reply(registry, call, -EBUSY, "registry 'zookeeper' is being read or written already");
        return;
    }
    struct reading *reading = xcalloc(1, sizeof(*reading));
    *reading = (struct reading){.registry = registry, .claim = claim, .entry = entry, .arg = arg, .call = call};
    reading->content = content_new();
    registry->reading = reading;
    begin(registry);
}
