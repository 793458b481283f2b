/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "network/cni": containers whose NetworkInfo names a network get a network namespace of their own
 * and are attached to it by CNI plugins, foreign programs that the operator installs. Containers that name
 * none stay in the host's network; with a root file system of their own they see the host's /etc/hosts,
 * hostname and resolv.conf. Without any CNI flag the isolator only does the latter, and refuses names of
 * networks. Rules and texts: Mesos's.
 *
 * This file is the isolator as the containerizer sees it, and its containers; configure.c is its start,
 * prepare.c finds out what a container is to join, attach.c does the work, state.c writes it down, figures.c
 * tells of it.
 */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include "cni.h"

static bool
supports(void *instance)
{
    return true;
}

/* ---- containers ---- */

struct container *
container_find(const struct cni *cni, struct str id)
{
    return map_get(&cni->containers, id);
}

struct container *
container_new(struct cni *cni, const char *id)
{
    struct container *container = xcalloc(1, sizeof *container);
    container->cni = cni;
    container->id = xstrdup(id);
    map_add(&cni->containers, str_of(container->id), container);
    return container;
}

void
container_network_add(struct container *container, const char *name, const char *interface)
{
    container->networks =
        xreallocarray(container->networks, container->network_count + 1, sizeof *container->networks);
    container->networks[container->network_count++] =
        (struct network){.name = xstrdup(name), .interface = xstrdup(interface)};
}

void
container_free(struct container *container)
{
    if (container->run)
        run_cancel(container->run);
    map_remove(&container->cni->containers, str_of(container->id));
    for (size_t i = 0; i < container->network_count; i++) {
        struct network *network = &container->networks[i];
        free(network->name);
        free(network->interface);
        cni_config_fini(&network->config);
        cni_result_fini(&network->result);
        buf_fini(&network->info);
        buf_fini(&network->answer);
    }
    free(container->networks);
    free(container->id);
    free(container->rootfs);
    free(container->hostname);
    free(container->owner);
    buf_fini(&container->failures);
    free(container);
}

void
cni_reply(const struct cni *cni, struct mesos_call *call, int status)
{
    cni->host->reply(cni->host, call, status, (struct mesos_bytes){NULL, 0});
}

void
container_fail(struct container *container, int code, const char *text)
{
    struct mesos_call *call = container->call;
    container->call = NULL;
    cni_reply(container->cni, call, container->cni->host->fail(container->cni->host, code, "%s", text));
}

/* The nearest container above that has networks of its own; NULL: the host's network is used up there. */
const struct container *
container_owner_above(const struct cni *cni, const char *id)
{
    struct str name = str_of(id);
    while (name.len > 0) {
        while (name.len > 0 && name.ptr[name.len - 1] != '.')
            name.len--;
        name.len -= name.len > 0;
        const struct container *found = container_find(cni, name);
        if (found && found->network_count > 0)
            return found;
    }
    return NULL;
}

void
cni_complain(void *arg, const char *text)
{
    const struct cni *cni = arg;
    MESOS_LOG(cni->host, ERROR, "%s", text);
}

/* ---- their life ---- */

static void
isolate(void *instance, const char *container_id, pid_t pid, struct mesos_call *call)
{
    struct cni *cni = instance;
    struct container *container = container_find(cni, str_of(container_id));
    if (!container) {
        cni_reply(cni, call, 0);
        return;
    }
    container->pid = pid;
    container->call = call;
    if (container->network_count > 0)
        attach(container);
    else
        files_give(container);
}

static void
cleanup(void *instance, const char *container_id, struct mesos_call *call)
{
    struct cni *cni = instance;
    struct container *container = container_find(cni, str_of(container_id));
    if (!container) {
        cni_reply(cni, call, 0);
        return;
    }
    if (container->run)
        run_cancel(container->run);
    container->run = NULL;
    if (container->call)
        container_fail(container, -ECANCELED, "the container is being destroyed");
    if (container->network_count == 0) {
        container_free(container);
        cni_reply(cni, call, 0);
        return;
    }
    container->call = call;
    detach(container);
}

/* ---- recovery ---- */

/* What recover was told, while directories are looked at. Orphans that nobody else knows are detached
 * meanwhile. */
struct recovery {
    struct cni *cni;
    const struct mesos_isolator_state *states;
    size_t count;
    const char *const *orphans;
    size_t orphan_count;
};

static void
recover_one(void *arg, const char *id)
{
    struct recovery *recovery = arg;
    struct cni *cni = recovery->cni;
    bool alive = false, known = false;
    if (strlen(id) > NAME_MAX || container_find(cni, str_of(id)))
        return;
    struct container *container = container_new(cni, id);
    for (size_t i = 0; i < recovery->count; i++)
        if (strcmp(recovery->states[i].container_id, id) == 0) {
            container->pid = recovery->states[i].pid;
            alive = true;
        }
    for (size_t i = 0; i < recovery->orphan_count; i++)
        known = known || strcmp(recovery->orphans[i], id) == 0;
    state_read(container);
    if (alive || known)
        return;
    MESOS_LOG(cni->host, INFO, "removing what an earlier agent left of container %s", id);
    detach(container);
}

static void
recover(void *instance, const struct mesos_isolator_state *states, size_t count, const char *const *orphans,
        size_t orphan_count, struct mesos_call *call)
{
    struct cni *cni = instance;
    struct recovery recovery = {cni, states, count, orphans, orphan_count};
    struct err err = {0};
    if (cni->root_dir && state_each(cni, recover_one, &recovery, &err) < 0)
        cni_reply(cni, call, cni->host->fail(cni->host, err.code, "%s", err.text));
    else
        cni_reply(cni, call, 0);
}

/* ---- the module's life ---- */

static int
start(void *instance, const struct mesos_host *host)
{
    struct cni *cni = instance;
    struct err err = {0};
    cni->host = host;
    runs_init(&cni->runs, host);
    if (cni_configure(cni, &err) == 0)
        return 0;
    cni_release(cni); /* nobody stops what did not start */
    return host->fail(host, err.code, "%s", err.text);
}

/* Containers go on without the agent; a plugin that is at work does not. */
static void
stop(void *instance, struct mesos_call *call)
{
    struct cni *cni = instance;
    struct container *container;
    map_foreach (container, &cni->containers) {
        container->run = NULL;
        container_free(container);
    }
    runs_fini(&cni->runs);
    map_fini(&cni->containers);
    cni_release(cni);
    if (call)
        cni_reply(cni, call, 0);
}

static const struct mesos_option options[] = {
    {"plugin_timeout", MESOS_OPTION_DURATION, offsetof(struct cni, plugin_timeout_ns), "45secs",
     "How long the plugins of one container may take together before they are killed."},
    {0},
};

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .recover = recover,
    .prepare = cni_prepare,
    .isolate = isolate,
    .usage = cni_usage,
    .status = cni_status,
    .cleanup = cleanup,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct cni),
    .name = "network/cni",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "attaches containers to networks by CNI plugins",
    .options = options,
    .start = start,
    .stop = stop,
    .phase = MESOS_PHASE_NETWORK,
};

MESOS_MODULES(&module);
