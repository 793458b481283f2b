/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "network/ports": looks from time to time on which TCP ports the processes of containers listen, and reports
 * those that have ports which they were not given; with --enforce_container_ports they are destroyed. Ports belong to the
 * root container: those nested in it count for it. Containers in networks of their own are left alone. Looking is work
 * of another thread; everything else happens on the loop's.
 *
 * With the linux launcher a container's processes are those of its freezer cgroup, as in Mesos; with the posix launcher,
 * for which Mesos has no such isolator, those of its process tree and session.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "base/map.h"
#include "base/units.h"
#include "common/cgroup.h"
#include "common/processes.h"
#include "listeners.h"
#include "mesos/isolator.h"
#include "mesos/slave/containerizer.pb-c.h"
#include "model/resources.h"
#include "wire/message.h"

#define PORTS_DEFAULT "[31000-32000]" /* the agent's, where its resources say nothing */

struct network_ports {
    const struct mesos_host *host;
    const struct mesos_isolator_watcher *watcher;
    struct cgroup_tree freezer;
    bool by_cgroup, enforce, with_cni, has_isolated, stopped, looking;
    struct port_ranges isolated; /* what is looked at; all ports where has_isolated is false */
    int64_t interval_ms;
    struct map containers; /* id -> struct container */
    struct mesos_timer *timer;
};

struct container {
    char *id;
    pid_t pid;
    bool has_ports; /* known: not yet after a restart */
    struct port_ranges ports; /* of the root */
    uint16_t *told; /* what the last report was about */
    size_t told_count;
    bool limited;
};

/* One container as the other thread sees it. */
struct target {
    char *id;
    pid_t pid;
    pid_t *pids;
    size_t pid_count;
    uint16_t *ports;
    size_t port_count;
};

struct scan {
    struct network_ports *ports;
    struct target *targets; /* nested ones before those that they are nested in */
    size_t count;
    int status;
};

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

static struct container *
container_find(const struct network_ports *ports, struct str id)
{
    return map_get(&ports->containers, id);
}

static struct str
root_of(const char *id)
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
            (const struct mesos_resource *)(const void *)((const char *)resources.items + i * resources.stride);
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
    if (!has_own_network(ports, view->config) && (!nested || container_find(ports, root_of(view->container_id)))) {
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
                has_own_network(ports, states[i].config) || (nested && !container_find(ports, root_of(id))))
                continue;
            container_new(ports, id)->pid = states[i].pid;
        }
    }
    answer(ports, call, 0);
}

/* ---- on the other thread ---- */

static void
on_pid(void *arg, pid_t pid)
{
    struct target *target = arg;
    target->pids = xreallocarray(target->pids, target->pid_count + 1, sizeof *target->pids);
    target->pids[target->pid_count++] = pid;
}

static int
by_number(const void *a, const void *b)
{
    const pid_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static void
list_processes(const struct scan *scan, const struct processes *all, struct target *target)
{
    if (scan->ports->by_cgroup) {
        cgroup_pids(&scan->ports->freezer, target->id, on_pid, target);
    } else if (target->pid > 0 && processes_find(all, target->pid)) {
        auto_free bool *member = xcalloc(all->count + 1, sizeof *member);
        processes_tree(all, target->pid, member);
        for (size_t i = 0; i < all->count; i++)
            if (member[i])
                on_pid(target, all->items[i].pid);
    }
    if (target->pid_count)
        qsort(target->pids, target->pid_count, sizeof *target->pids, by_number);
}

/* A cgroup's processes are listed with those of the ones nested in it. */
static bool
is_nested_ones(const struct scan *scan, size_t index, pid_t pid)
{
    struct str id = str_of(scan->targets[index].id);
    for (size_t i = 0; i < index; i++) {
        const struct target *other = &scan->targets[i];
        if (str_starts(str_of(other->id), id) && other->id[id.len] == '.' && other->pid_count &&
            bsearch(&pid, other->pids, other->pid_count, sizeof pid, by_number))
            return true;
    }
    return false;
}

static void
scan_work(void *arg)
{
    struct scan *scan = arg;
    const struct network_ports *ports = scan->ports;
    struct listeners listeners;
    struct processes all = {0};
    scan->status = listeners_read(&listeners, ports->has_isolated ? &ports->isolated : NULL);
    if (scan->status == 0 && listeners.count > 0 && !ports->by_cgroup)
        scan->status = processes_read(&all);
    for (size_t i = 0; i < scan->count && scan->status == 0 && listeners.count > 0; i++) {
        struct target *target = &scan->targets[i];
        list_processes(scan, &all, target);
        for (size_t j = 0; j < target->pid_count; j++)
            if (!is_nested_ones(scan, i, target->pids[j]))
                listeners_of(&listeners, target->pids[j], &target->ports, &target->port_count);
    }
    processes_fini(&all);
    listeners_fini(&listeners);
}

/* ---- what was found ---- */

/* Those of the target that its root does not have, as ranges; their number. */
static size_t
foreign_ports(const struct target *target, const struct container *root, Mesos__V1__Value__Range *ranges)
{
    size_t count = 0;
    for (size_t i = 0; i < target->port_count; i++) {
        uint16_t port = target->ports[i];
        if (ports_has(&root->ports, port))
            continue;
        if (count > 0 && ranges[count - 1].end + 1 == port) {
            ranges[count - 1].end = port;
            continue;
        }
        mesos__v1__value__range__init(&ranges[count]);
        ranges[count].begin = ranges[count].end = port;
        count++;
    }
    return count;
}

static void
limit(const struct network_ports *ports, struct container *root, Mesos__V1__Value__Range *ranges, size_t count, char *message)
{
    auto_free Mesos__V1__Value__Range **list = xcalloc(count, sizeof *list);
    Mesos__V1__Value__Ranges value = MESOS__V1__VALUE__RANGES__INIT;
    Mesos__V1__Resource resource = MESOS__V1__RESOURCE__INIT, *resources[] = {&resource};
    Mesos__Slave__ContainerLimitation limitation = MESOS__SLAVE__CONTAINER_LIMITATION__INIT;
    char name[] = "ports";
    auto_buf struct buf packed = {0};
    for (size_t i = 0; i < count; i++)
        list[i] = &ranges[i];
    value.range = list;
    value.n_range = count;
    resource.name = name;
    resource.type = MESOS__V1__VALUE__TYPE__RANGES;
    resource.ranges = &value;
    limitation.resources = resources;
    limitation.n_resources = 1;
    limitation.message = message;
    limitation.has_reason = true;
    limitation.reason = MESOS__V1__TASK_STATUS__REASON__REASON_CONTAINER_LIMITATION;
    message_pack(&packed, &limitation);
    root->limited = true;
    ports->watcher->limited(ports->watcher->arg, root->id, (struct mesos_bytes){buf_data(&packed), packed.len});
}

static bool
is_told(const struct container *container, const struct target *target)
{
    return container->told_count == target->port_count &&
           (target->port_count == 0 ||
            memcmp(container->told, target->ports, target->port_count * sizeof *target->ports) == 0);
}

static void
check(struct network_ports *ports, struct target *target)
{
    struct container *container = container_find(ports, str_of(target->id));
    struct container *root = container_find(ports, root_of(target->id));
    if (!container || !root || !root->has_ports || root->limited || target->port_count == 0 || is_told(container, target))
        return;
    auto_free Mesos__V1__Value__Range *ranges = xcalloc(target->port_count, sizeof *ranges);
    size_t count = foreign_ports(target, root, ranges);
    if (count == 0)
        return;
    free(container->told);
    container->told = xmemdup(target->ports, target->port_count * sizeof *target->ports);
    container->told_count = target->port_count;
    auto_buf struct buf message = {0};
    buf_printf(&message, "Container %s is listening on unallocated port(s): [", target->id);
    for (size_t i = 0; i < count; i++)
        buf_printf(&message, "%s%llu-%llu", i ? ", " : "", (unsigned long long)ranges[i].begin,
                   (unsigned long long)ranges[i].end);
    buf_putc(&message, ']');
    MESOS_LOG(ports->host, INFO, "%s", buf_cstr(&message));
    if (ports->enforce && ports->watcher) {
        auto_free char *text = xstrdup(buf_cstr(&message));
        limit(ports, root, ranges, count, text);
    }
}

static void look_later(struct network_ports *ports);

/* What the other thread reads as long as it looks. */
static void
forget(struct network_ports *ports)
{
    ports_fini(&ports->isolated);
    if (ports->by_cgroup)
        cgroup_tree_close(&ports->freezer);
}

static void
scan_done(void *arg)
{
    struct scan *scan = arg;
    struct network_ports *ports = scan->ports;
    if (scan->status < 0)
        MESOS_LOG(ports->host, ERROR, "cannot tell which ports are listened on: %s", strerror(-scan->status));
    for (size_t i = 0; i < scan->count; i++) {
        struct target *target = &scan->targets[i];
        if (!ports->stopped)
            check(ports, target);
        free(target->id);
        free(target->pids);
        free(target->ports);
    }
    free(scan->targets);
    free(scan);
    ports->looking = false;
    if (ports->stopped)
        forget(ports);
    else
        look_later(ports);
}

static size_t
depth(const char *id)
{
    size_t dots = 0;
    for (; *id; id++)
        dots += *id == '.';
    return dots;
}

static int
deepest_first(const void *a, const void *b)
{
    const struct target *left = a, *right = b;
    size_t l = depth(left->id), r = depth(right->id);
    return (l < r) - (l > r);
}

static void
look(void *arg)
{
    struct network_ports *ports = arg;
    const struct container *container;
    ports->timer = NULL;
    if (map_count(&ports->containers) == 0) {
        look_later(ports);
        return;
    }
    struct scan *scan = xcalloc(1, sizeof *scan);
    scan->ports = ports;
    scan->targets = xcalloc(map_count(&ports->containers), sizeof *scan->targets);
    map_foreach(container, &ports->containers)
        scan->targets[scan->count++] = (struct target){.id = xstrdup(container->id), .pid = container->pid};
    qsort(scan->targets, scan->count, sizeof *scan->targets, deepest_first);
    ports->looking = true;
    ports->host->offload(ports->host, false, scan_work, scan_done, scan);
}

static void
look_later(struct network_ports *ports)
{
    ports->timer = ports->host->timer_start(ports->host, ports->interval_ms, look, ports);
}

static void
initialize(void *instance, const struct mesos_isolator_watcher *watcher)
{
    struct network_ports *ports = instance;
    ports->watcher = watcher;
    look_later(ports);
}

/* ---- start ---- */

static bool
option_true(const struct mesos_host *host, const char *name)
{
    const char *text = host->daemon_option(host, name);
    return text && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0 || strcmp(text, "yes") == 0);
}

/* "[31000-32000,8080-8080]" */
static int
take_ranges(struct network_ports *ports, struct str text, struct err *err)
{
    struct str whole = str_trim(text);
    struct str rest = whole.len >= 2 ? str_n(whole.ptr + 1, whole.len - 2) : whole;
    while (rest.len > 0) {
        struct str end = str_trim(str_cut(&rest, ',')), begin = str_cut(&end, '-');
        uint64_t first, last;
        if (str_to_u64(str_trim(begin), &first) < 0 || str_to_u64(str_trim(end), &last) < 0 || first > last || last > 65535)
            return err_set(err, -EINVAL, "Failed to parse isolated ports range '%.*s'", STR_ARG(text));
        ports_add(&ports->isolated, first, last);
    }
    ports->has_isolated = true;
    return 0;
}

/* The ports of --resources; without any the agent offers the default ones. */
static int
take_agents_ports(struct network_ports *ports, struct err *err)
{
    const char *text = ports->host->daemon_option(ports->host, "resources");
    auto_resources struct resources resources = {0};
    if (text && *text && resources_parse(&resources, str_of(text), "*", err) < 0)
        return err_wrap(err, "Failed to parse agent resources");
    if (!text || !strstr(text, "ports"))
        return take_ranges(ports, STR_LIT(PORTS_DEFAULT), err);
    for (uint32_t i = 0; i < resources.count; i++)
        for (uint32_t j = 0; strcmp(resources.items[i].name, "ports") == 0 && j < resources.items[i].range_count; j++)
            ports_add(&ports->isolated, resources.items[i].ranges[j].begin, resources.items[i].ranges[j].end);
    ports->has_isolated = true;
    return 0;
}

static int
configure(struct network_ports *ports, struct err *err)
{
    const struct mesos_host *host = ports->host;
    const char *range = host->daemon_option(host, "container_ports_isolated_range");
    const char *interval = host->daemon_option(host, "container_ports_watch_interval");
    const char *isolation = host->daemon_option(host, "isolation");
    int64_t ns = 30 * INT64_C(1000000000);
    bool agents_only = option_true(host, "check_agent_port_range_only");
    if (agents_only && range)
        return err_set(err, -EINVAL, "Only one of '--check_agent_port_range_only' or '--container_ports_isolated_range' "
                       "should be specified");
    if (interval && duration_parse(str_of(interval), &ns, err) < 0)
        return err_wrap(err, "--container_ports_watch_interval");
    ports->interval_ms = ns > 10000000 ? ns / 1000000 : 10;
    ports->enforce = option_true(host, "enforce_container_ports");
    ports->with_cni = !isolation || !strstr(isolation, "network/port_mapping"); /* it is there unless another is */
    if (range && take_ranges(ports, str_of(range), err) < 0)
        return err->code;
    return agents_only ? take_agents_ports(ports, err) : 0;
}

static int
check_kernel(struct err *err)
{
    struct listeners listeners;
    int rc = listeners_read(&listeners, NULL);
    if (rc < 0)
        return err_set(err, rc, "isolator 'network/ports' needs a kernel that tells listening TCP sockets (sock_diag, "
                       "CONFIG_INET_TCP_DIAG), and this one does not: %s", strerror(-rc));
    listeners_fini(&listeners);
    return 0;
}

static int
open_freezer(struct network_ports *ports, struct err *err)
{
    const struct mesos_host *host = ports->host;
    const char *launcher = host->daemon_option(host, "launcher");
    const char *hierarchy = host->daemon_option(host, "cgroups_hierarchy"), *root = host->daemon_option(host, "cgroups_root");
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
    if (configure(ports, &err) < 0 || check_kernel(&err) < 0 || open_freezer(ports, &err) < 0) {
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
    map_foreach(container, &ports->containers)
        container_free(ports, container);
    map_fini(&ports->containers);
    if (!ports->looking)
        forget(ports);
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
    .abi = MESOS_ABI,
    .size = sizeof(struct mesos_module),
    .host_size = sizeof(struct mesos_host),
    .ops_size = sizeof ops,
    .kind = MESOS_KIND_ISOLATOR,
    .instance_size = sizeof(struct network_ports),
    .name = "network/ports",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "holds containers to the TCP ports that they were given",
    .start = start,
    .stop = stop,
    .ops = &ops,
    .phase = MESOS_PHASE_NETWORK,
};

MESOS_EXPORT const struct mesos_module *const *mesos_modules(void);
MESOS_EXPORT const struct mesos_module *const *
mesos_modules(void)
{
    static const struct mesos_module *const modules[] = {&module, NULL};
    return modules;
}
