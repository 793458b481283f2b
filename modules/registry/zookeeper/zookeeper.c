/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry "zookeeper": the masters' common memory, in the ZooKeeper in which they elect their leader. Called by the
 * master through kind_registry. After one failed commit nothing is accepted any more: the master must stop leading.
 */
#include "zookeeper.h"

#include <errno.h>
#include <stdio.h>

#define SESSION_MS 10000

void
registry_reply(const struct registry *registry, struct mesos_call *call, int status, const char *text)
{
    if (status < 0)
        registry->host->fail(registry->host, status, "%s", text);
    registry->host->reply(registry->host, call, status, (struct mesos_bytes){NULL, 0});
}

bool
registry_is_broken(int status)
{
    return status == -ECONNRESET || status == -ENOTCONN;
}

struct retrying {
    struct registry *registry;
    void (*fn)(void *registry);
};

static void
on_retry(void *arg)
{
    struct retrying *retrying = arg;
    struct registry *registry = retrying->registry;
    void (*fn)(void *registry) = retrying->fn;
    if (zk_state(registry->zk) != ZK_CONNECTED) {
        registry->retry = registry->host->timer_start(registry->host, RETRY_MS, on_retry, retrying);
        return;
    }
    registry->retry = NULL;
    registry->retrying = NULL;
    free(retrying);
    fn(registry);
}

void
registry_retry(struct registry *registry, void (*fn)(void *registry))
{
    if (registry->retry)
        return;
    struct retrying *retrying = xcalloc(1, sizeof(*retrying));
    *retrying = (struct retrying){registry, fn};
    registry->retrying = retrying;
    registry->retry = registry->host->timer_start(registry->host, RETRY_MS, on_retry, retrying);
}

char *
registry_pack_path(const struct registry *registry, uint32_t serial)
{
    return xasprintf("%s/p%010u", registry->root, serial);
}

static void
registry_fetch(void *instance, registry_entry *entry, void *arg, struct mesos_call *call)
{
    reading_start(instance, true, entry, arg, call);
}

static void
registry_peek(void *instance, registry_entry *entry, void *arg, struct mesos_call *call)
{
    reading_start(instance, false, entry, arg, call);
}

static struct batch *
batch_new(const struct mesos_registry_entry *entries, size_t count, struct mesos_call *call)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += entries[i].key.len + entries[i].value.len;
    struct batch *batch = xcalloc(1, sizeof(*batch));
    batch->call = call;
    batch->count = count;
    batch->entries = xmalloc(count * sizeof(*batch->entries) + bytes + 1);
    char *at = (char *)(batch->entries + count);
    for (size_t i = 0; i < count; i++) {
        const struct mesos_registry_entry *from = &entries[i];
        struct mesos_registry_entry *to = &batch->entries[i];
        *to = (struct mesos_registry_entry){.size = sizeof(*to), .table = from->table};
        if (from->key.len)
            memcpy(at, from->key.data, from->key.len);
        to->key = (struct mesos_bytes){at, from->key.len};
        at += from->key.len;
        if (from->value.len)
            memcpy(at, from->value.data, from->value.len);
        if (from->value.data)
            to->value = (struct mesos_bytes){at, from->value.len};
        at += from->value.len;
    }
    return batch;
}

void
batch_free(struct batch *batch)
{
    list_remove(&batch->in_list);
    free(batch->entries);
    free(batch);
}

static void
registry_store(void *instance, const struct mesos_registry_entry *entries, size_t count, struct mesos_call *call)
{
    struct registry *registry = instance;
    struct batch *batch = batch_new(entries, count, call);
    list_push(&registry->waiting, &batch->in_list);
    writing_start(registry);
}

static int64_t
session_timeout_ms(const struct mesos_host *host)
{
    const char *text = host->daemon_option(host, "zk_session_timeout");
    int64_t ns;
    return text && duration_parse(str_of(text), &ns, NULL) == 0 && ns >= 1000000 ? ns / 1000000 : SESSION_MS;
}

static void
on_state(void *arg, enum zk_state state, const char *why)
{
    const struct registry *registry = arg;
    if (state == ZK_EXPIRED)
        MESOS_LOG(registry->host, WARNING, "registry zookeeper: its session is over: %s", why ? why : "no reason given");
}

static int
registry_start(void *instance, const struct mesos_host *host)
{
    struct registry *registry = instance;
    const char *text = registry->option_url ? registry->option_url : host->daemon_option(host, "zk");
    const char *node = registry->option_node;
    registry->host = host;
    list_init(&registry->waiting);
    list_init(&registry->in_group);
    if (!text)
        return host->fail(host, -EINVAL, "registry 'zookeeper' keeps its nodes where --zk says, which is not set");
    if (!*node || strchr(node, '/') || strcmp(node, ".") == 0 || strcmp(node, "..") == 0)
        return host->fail(host, -EINVAL, "option 'node' of registry 'zookeeper': '%s' is no name of a node", node);
    int rc = zk_url_read(host, "zk", text, &registry->url);
    if (rc < 0)
        return rc;
    uuid_new(registry->id);
    registry->root = xasprintf("%s/%s", registry->url.path, node);
    registry->epoch_path = xasprintf("%s/epoch", registry->root);
    registry->manifest_path = xasprintf("%s/manifest", registry->root);
    struct zk_options options = {host, &registry->url, session_timeout_ms(host), on_state, registry};
    registry->zk = zk_new(&options);
    return 0;
}

static void
registry_stop(void *instance, struct mesos_call *call)
{
    struct registry *registry = instance;
    if (registry->retry)
        registry->host->timer_stop(registry->host, registry->retry);
    free(registry->retrying);
    zk_free(registry->zk);
    reading_free(registry);
    while (!list_empty(&registry->waiting))
        batch_free(list_first(&registry->waiting, struct batch, in_list));
    while (!list_empty(&registry->in_group))
        batch_free(list_first(&registry->in_group, struct batch, in_list));
    content_free(registry->content);
    request_free(registry->request);
    zk_url_fini(&registry->url);
    free(registry->root);
    free(registry->epoch_path);
    free(registry->manifest_path);
    if (call)
        registry_reply(registry, call, 0, NULL);
}

static const struct mesos_registry_ops ops = {.fetch = registry_fetch, .store = registry_store, .peek = registry_peek};

static const struct mesos_option options[] = {
    {"url", MESOS_OPTION_STRING, offsetof(struct registry, option_url), NULL, "zk://...; default: what --zk says."},
    {"node", MESOS_OPTION_STRING, offsetof(struct registry, option_node), "registry",
     "The name of the node, below the URL's path, that has everything below it."},
    {0},
};

static const struct mesos_module module = {
    MESOS_MODULE(REGISTRY, ops, struct registry),
    .name = "zookeeper",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "keeps the registry in ZooKeeper, fenced by the leader's epoch",
    .options = options,
    .start = registry_start,
    .stop = registry_stop,
};

MESOS_MODULES(&module);
