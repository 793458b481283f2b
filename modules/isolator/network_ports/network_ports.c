/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "network/ports": looks from time to time on which TCP ports the processes of containers listen,
 * and reports those that have ports which they were not given; with --enforce_container_ports they are
 * destroyed. Ports belong to the root container: those nested in it count for it. Containers in networks of
 * their own are left alone. Looking is work of another thread; everything else happens on the loop's.
 *
 * This file is the isolator as the containerizer sees it, and its containers; scan.c looks, check.c judges
 * what was found, configure.c reads the flags.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include "mesos/slave/containerizer.pb-c.h"
#include "network_ports.h"

static bool
supports(void *instance)
{
    return true;
}

static void
answer(const struct network_ports *ports, struct mesos_call *call, int status)
{
    ports->host->reply(ports->host, call, status, (struct mesos_bytes){NULL, 0});
}

/* ---- containers ---- */

struct container *
container_find(const struct network_ports *ports, struct str id)
{
    return map_get(&ports->containers, id);
}

struct str
container_root_id(const char *id)
{
    struct str rest = str_of(id);
    return str_cut(&rest, '.');
}

static struct container *
container_new(struct network_ports *ports, const char *id)
{
    struct container *container = xcalloc(1, sizeof *container);
    container->id = xstrdup(id);
    map_add(&ports->containers, str_of(container->id), container);
    return container;
}

static void
container_free(struct network_ports *ports, struct container *container)
{
    map_remove(&ports->containers, str_of(container->id));
    ports_fini(&container->ports);
    free(container->told);
    free(container->id);
    free(container);
}

static void
set_ports(struct container *container, struct mesos_resources resources)
{
    ports_fini(&container->ports);
    container->has_ports = true;
    for (size_t i = 0; i < resources.count; i++) {
        const struct mesos_resource *resource =
            (const struct mesos_resource *)(const void *)((const char *)resources.items +
                                                          i * resources.stride);
        if (strcmp(resource->name, "ports") != 0 || resource->type != MESOS_VALUE_RANGES)
            continue;
        for (uint32_t j = 0; j < resource->range_count; j++)
            ports_add(&container->ports, resource->ranges[j].begin, resource->ranges[j].end);
    }
}

/* Its NetworkInfo names a network, which network/cni gives it. */
static bool
has_own_network(const struct network_ports *ports, struct mesos_bytes packed)
{
    Mesos__Slave__ContainerConfig *config =
        ports->with_cni ? mesos__slave__container_config__unpack(NULL, packed.len, packed.data) : NULL;
    const Mesos__V1__ContainerInfo *info = config ? config->container_info : NULL;
    bool found = false;
    for (size_t i = 0; info && i < info->n_network_infos; i++)
        found = found || info->network_infos[i]->name;
    if (config)
        mesos__slave__container_config__free_unpacked(config, NULL);
    return found;
}

/* ---- their life ---- */

static void
prepare(void *instance, const struct mesos_isolator_container *view, struct mesos_call *call)
{
    struct network_ports *ports = instance;
    bool nested = strchr(view->container_id, '.') != NULL;
    struct container *container = container_find(ports, str_of(view->container_id));
    if (container) {
        answer(ports, call, ports->host->fail(ports->host, -EEXIST, "Container has already been prepared"));
        return;
    }
    if (!has_own_network(ports, view->config) &&
        (!nested || container_find(ports, container_root_id(view->container_id)))) {
        container = container_new(ports, view->container_id);
        if (!nested)
            set_ports(container, view->resources);
    }
    answer(ports, call, 0);
}

static void
isolate(void *instance, const char *container_id, pid_t pid, struct mesos_call *call)
{
    struct network_ports *ports = instance;
    struct container *container = container_find(ports, str_of(container_id));
    if (container)
        container->pid = pid;
    answer(ports, call, 0);
}

static void
update(void *instance, const char *container_id, struct mesos_resources requests, struct mesos_bytes limits,
       struct mesos_call *call)
{
    struct network_ports *ports = instance;
    struct container *container = container_find(ports, str_of(container_id));
    if (container && !strchr(container_id, '.'))
        set_ports(container, requests);
    answer(ports, call, 0);
}

static void
cleanup(void *instance, const char *container_id, struct mesos_call *call)
{
    struct network_ports *ports = instance;
    struct container *container = container_find(ports, str_of(container_id));
    if (container)
        container_free(ports, container);
    answer(ports, call, 0);
}

/* Which ports they have is not known before the next update: the executors' own resources are not all. */
static void
recover(void *instance, const struct mesos_isolator_state *states, size_t count, const char *const *orphans,
        size_t orphan_count, struct mesos_call *call)
{
    struct network_ports *ports = instance;
    for (int nested = 0; nested < 2; nested++) {
        for (size_t i = 0; i < count; i++) {
            const char *id = states[i].container_id;
            if ((strchr(id, '.') != NULL) != nested || container_find(ports, str_of(id)) ||
                has_own_network(ports, states[i].config) ||
                (nested && !container_find(ports, container_root_id(id))))
                continue;
            container_new(ports, id)->pid = states[i].pid;
        }
    }
    answer(ports, call, 0);
}

/* ---- the module's life ---- */

static void
initialize(void *instance, const struct mesos_isolator_watcher *watcher)
{
    struct network_ports *ports = instance;
    ports->watcher = watcher;
    scan_later(ports);
}

static int
check_kernel(struct err *err)
{
    struct listeners listeners;
    int rc = listeners_read(&listeners, NULL);
    if (rc < 0)
        return err_set(err, rc,
                       "isolator 'network/ports' needs a kernel that tells listening TCP sockets (sock_diag, "
                       "CONFIG_INET_TCP_DIAG), and this one does not: %s",
                       strerror(-rc));
    listeners_fini(&listeners);
    return 0;
}

static int
open_freezer(struct network_ports *ports, struct err *err)
{
    const struct mesos_host *host = ports->host;
    const char *launcher = host->daemon_option(host, "launcher");
    const char *hierarchy = host->daemon_option(host, "cgroups_hierarchy"),
               *root = host->daemon_option(host, "cgroups_root");
    ports->by_cgroup = launcher && strcmp(launcher, "linux") == 0;
    if (ports->by_cgroup && cgroup_tree_open(&ports->freezer, hierarchy ? hierarchy : "/sys/fs/cgroup",
                                             root ? root : "mesos", "freezer", err) < 0)
        return err_wrap(err, "isolator 'network/ports': Failed to prepare the freezer cgroup");
    return 0;
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct network_ports *ports = instance;
    struct err err = {0};
    ports->host = host;
    ports->freezer = CGROUP_TREE_INIT;
    if (network_ports_configure(ports, &err) < 0 || check_kernel(&err) < 0 || open_freezer(ports, &err) < 0) {
        ports_fini(&ports->isolated);
        return host->fail(host, err.code, "%s", err.text);
    }
    return 0;
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct network_ports *ports = instance;
    struct container *container;
    ports->stopped = true;
    ports->host->timer_stop(ports->host, ports->timer);
    map_foreach (container, &ports->containers)
        container_free(ports, container);
    map_fini(&ports->containers);
    if (!ports->looking)
        scan_forget(ports);
    if (call)
        answer(ports, call, 0);
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .initialize = initialize,
    .recover = recover,
    .prepare = prepare,
    .isolate = isolate,
    .update = update,
    .cleanup = cleanup,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct network_ports),
    .name = "network/ports",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "holds containers to the TCP ports that they were given",
    .start = start,
    .stop = stop,
    .phase = MESOS_PHASE_NETWORK,
};

MESOS_MODULES(&module);
