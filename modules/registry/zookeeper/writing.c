/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commits. All that waits becomes one; a request that broke off is looked into and, when it was not done, made again: the
 * manifest's version lets it happen once only. Whoever is refused because of the epoch is an older leader.
 */
#include "zookeeper.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    REQUEST_BYTES = 800 << 10, /* of data and names in one request: less than the servers' default limit */
    OP_BYTES = 128,            /* what an operation takes beside its data and path, and more */
    OPS_MAX = 256,
};

/* Kept until it is known that it was done. */
struct request {
    struct zk_op ops[OPS_MAX];
    char *paths[OPS_MAX];
    struct buf data[OPS_MAX];
    size_t count, bytes;
    size_t manifest; /* index of the operation that sets it; 0 = not in this request */
    size_t deletes;  /* index of the first that deletes */
    size_t deleting; /* how much of the garbage goes */
};

static void send(void *arg);

void
request_free(struct request *request)
{
    if (!request)
        return;
    for (size_t i = 0; i < request->count; i++) {
        free(request->paths[i]);
        buf_fini(&request->data[i]);
    }
    free(request);
}

static void
request_done(struct registry *registry)
{
    registry->asked_twice = false;
    request_free(registry->request);
    registry->request = NULL;
}

static void
finish_group(struct registry *registry, int status, const char *text)
{
    registry->committing = false;
    request_done(registry);
    while (!list_empty(&registry->in_group)) {
        struct batch *batch = list_first(&registry->in_group, struct batch, in_list);
        registry_reply(registry, batch->call, status, text);
        batch_free(batch);
    }
}

static void PRINTF_LIKE(3, 4)
fail(struct registry *registry, int status, const char *fmt, ...)
{
    char text[900];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    registry->failed = true;
    err_set(&registry->failure, status, "%s", text);
    finish_group(registry, status, registry->failure.text);
    writing_start(registry);
}

static void
committed(struct registry *registry)
{
    struct content *content = registry->content;
    size_t deleting = registry->request->deleting;
    registry->manifest_version++;
    registry->batch++;
    if (deleting)
        memmove(content->garbage, content->garbage + deleting,
                (content->garbage_count - deleting) * sizeof(*content->garbage));
    content->garbage_count -= deleting;
    registry->host->gauge(registry->host, "registrar/registry_size_bytes", (double)content_stored_bytes(content));
    finish_group(registry, 0, NULL);
    writing_start(registry);
}

/* The request that carried the manifest broke off: was it done? */
static void
on_looked(void *arg, const struct zk_answer *answer)
{
    struct registry *registry = arg;
    struct manifest found = {0};
    struct err err = {0};
    if (registry_is_broken(answer->status)) {
        registry_retry(registry, send);
        return;
    }
    if (answer->status) {
        fail(registry, answer->status, "%s", answer->error);
        return;
    }
    int rc = manifest_read(str_n(answer->data.data, answer->data.len), answer->path, &found, &err);
    manifest_fini(&found);
    if (rc < 0)
        fail(registry, rc, "%s", err.text);
    else if (found.batch == registry->batch + 1 && strcmp(found.leader, registry->id) == 0)
        committed(registry);
    else {
        registry->in_doubt = false;
        registry->asked_twice = true;
        send(registry);
    }
}

/* Made again after a broken connection, it fails as it would if the first one had been on its way still. */
static bool
came_late(const struct registry *registry, const struct zk_answer *answer)
{
    const struct request *request = registry->request;
    return registry->asked_twice && request->manifest &&
           (answer->status == -EEXIST || (answer->status == -ESTALE && answer->failed == request->manifest));
}

static void
drop_op(struct request *request, size_t index)
{
    free(request->paths[index]);
    buf_fini(&request->data[index]);
    request->count--;
    for (size_t i = index; i < request->count; i++) {
        request->ops[i] = request->ops[i + 1];
        request->paths[i] = request->paths[i + 1];
        request->data[i] = request->data[i + 1];
    }
}

static void
refused(struct registry *registry, const struct zk_answer *answer)
{
    struct request *request = registry->request;
    if (answer->failed == 0 && (answer->status == -ESTALE || answer->status == -ENOENT)) {
        fail(registry, -ESTALE, "another master has taken the registry '%s' over: its epoch is no longer ours", registry->root);
    } else if (came_late(registry, answer)) {
        registry->asked_twice = false;
        registry->in_doubt = true;
        send(registry);
    } else if (request->manifest && answer->failed == request->manifest && answer->status == -ESTALE) {
        fail(registry, -ESTALE, "registry znode '%s' was changed by somebody else", registry->manifest_path);
    } else if (answer->status == -ENOENT && request->manifest && answer->failed >= request->deletes &&
               answer->failed < request->count) {
        drop_op(request, answer->failed); /* somebody has tidied up already */
        send(registry);
    } else if (answer->status == -EEXIST && !request->manifest && registry->in_doubt) {
        registry->in_doubt = false; /* it was done before the connection broke */
        request_done(registry);
        send(registry);
    } else {
        fail(registry, answer->status, "%s", answer->error);
    }
}

static void
on_sent(void *arg, const struct zk_answer *answer)
{
    struct registry *registry = arg;
    if (registry_is_broken(answer->status)) {
        registry->in_doubt = true;
        registry_retry(registry, send);
    } else if (answer->status) {
        refused(registry, answer);
    } else if (registry->request->manifest) {
        registry->in_doubt = false;
        committed(registry);
    } else {
        registry->in_doubt = false;
        request_done(registry);
        send(registry);
    }
}

static struct zk_op *
add_op(struct request *request, enum zk_op_type type, char *path)
{
    struct zk_op *op = &request->ops[request->count];
    request->paths[request->count] = path;
    request->bytes += strlen(path) + OP_BYTES;
    *op = (struct zk_op){.type = type, .path = path, .mode = ZK_PERSISTENT, .version = -1};
    request->count++;
    return op;
}

/* The data that stands in the buffer of the operation just added. */
static void
set_data(struct request *request)
{
    const struct buf *data = &request->data[request->count - 1];
    request->ops[request->count - 1].data = (struct mesos_bytes){buf_data(data), data->len};
    request->bytes += data->len;
}

static void
add_manifest(struct registry *registry, struct request *request)
{
    struct manifest manifest = {.batch = registry->batch + 1};
    const struct content *content = registry->content;
    snprintf(manifest.leader, sizeof(manifest.leader), "%s", registry->id);
    content_manifest(content, &manifest);
    request->manifest = request->count;
    add_op(request, ZK_OP_SET, xstrdup(registry->manifest_path))->version = registry->manifest_version;
    manifest_write(&manifest, &request->data[request->manifest]);
    manifest_fini(&manifest);
    set_data(request);
    request->deletes = request->count;
    while (request->deleting < content->garbage_count && request->count < OPS_MAX && request->bytes < REQUEST_BYTES)
        add_op(request, ZK_OP_DELETE, registry_pack_path(registry, content->garbage[request->deleting++]));
}

/* As many changed packs as one request takes; the manifest goes with the last of them. */
static struct request *
request_new(struct registry *registry)
{
    struct request *request = xcalloc(1, sizeof(*request));
    struct content *content = registry->content;
    size_t bytes;
    add_op(request, ZK_OP_CHECK, xstrdup(registry->epoch_path))->version = registry->epoch_version;
    while ((bytes = content_next_dirty_bytes(content)) && request->bytes + bytes + OP_BYTES <= REQUEST_BYTES &&
           request->count < OPS_MAX / 2) {
        struct pack *pack = content_take_dirty(content, &request->data[request->count]);
        add_op(request, ZK_OP_CREATE, registry_pack_path(registry, pack->serial));
        set_data(request);
    }
    if (!bytes && (request->count == 1 || request->bytes + content_manifest_bytes(content) + OP_BYTES <= REQUEST_BYTES))
        add_manifest(registry, request);
    return request;
}

static void
send(void *arg)
{
    struct registry *registry = arg;
    if (!registry->committing)
        return;
    if (!registry->request)
        registry->request = request_new(registry);
    if (registry->request->manifest && registry->in_doubt)
        zk_get(registry->zk, registry->manifest_path, NULL, NULL, on_looked, registry);
    else
        zk_multi(registry->zk, registry->request->ops, registry->request->count, on_sent, registry);
}

static void
refuse_waiting(struct registry *registry, int status, const char *text)
{
    while (!list_empty(&registry->waiting)) {
        struct batch *batch = list_first(&registry->waiting, struct batch, in_list);
        registry_reply(registry, batch->call, status, text);
        batch_free(batch);
    }
}

static int
apply(struct registry *registry, const struct batch *batch, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < batch->count && rc == 0; i++) {
        const struct mesos_registry_entry *entry = &batch->entries[i];
        rc = content_store(registry->content, entry->table, str_n(entry->key.data, entry->key.len),
                           str_n(entry->value.data, entry->value.len), err);
    }
    return rc;
}

void
writing_start(struct registry *registry)
{
    struct err err = {0};
    int rc = 0;
    if (registry->failed)
        refuse_waiting(registry, registry->failure.code, registry->failure.text);
    if (!registry->ready)
        refuse_waiting(registry, -EINVAL, "registry 'zookeeper' was not read yet");
    if (registry->committing || list_empty(&registry->waiting))
        return;
    registry->committing = true;
    registry->in_doubt = false;
    while (!list_empty(&registry->waiting)) {
        struct batch *batch = list_first(&registry->waiting, struct batch, in_list);
        list_remove(&batch->in_list);
        list_push(&registry->in_group, &batch->in_list);
        if (rc == 0)
            rc = apply(registry, batch, &err);
    }
    if (rc < 0)
        fail(registry, rc, "%s", err.text);
    else
        send(registry);
}
