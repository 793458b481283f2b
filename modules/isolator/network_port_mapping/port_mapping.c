/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "network/port_mapping": a network namespace for each container; all of them share the host's address and
 * divide its ports among them. layout.h tells how packets find their way, settings.h what can be set. Nested containers
 * are in the network of their root.
 */
#include "port_mapping.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/file.h"
#include "common/launch_info.h"
#include "model/resources.h"

#define NAME "network/port_mapping"

struct container *
container_new(struct isolator *isolator, const char *id)
{
    const struct settings *settings = &isolator->ground->settings;
    struct container *container = xcalloc(1, sizeof *container);
    container->id = xstrdup(id);
    list_init(&container->jobs);
    if (settings->rates)
        container->rates = rates_new(settings->rates_window_ms, settings->rates_interval_ms);
    map_add(&isolator->containers, str_of(container->id), container);
    return container;
}

void
container_free(struct isolator *isolator, struct container *container)
{
    map_remove(&isolator->containers, str_of(container->id));
    ports_fini(&container->ports);
    ports_fini(&container->ephemeral);
    rates_free(container->rates);
    free(container->id);
    free(container);
}

static void
answer(const struct isolator *isolator, struct mesos_call *call, int status)
{
    isolator->host->reply(isolator->host, call, status, (struct mesos_bytes){NULL, 0});
}

static struct container *
container_find(const struct isolator *isolator, const char *id)
{
    return map_get(&isolator->containers, str_of(id));
}

static bool
yes(void *instance)
{
    return true;
}

/* Ports that the agent has; what else a framework may ask for never comes here. */
static int
take_ports(const struct isolator *isolator, struct mesos_resources resources, struct ports *ret)
{
    const struct mesos_host *host = isolator->host;
    const struct ports *all = &isolator->ground->settings.ports;
    struct err err = {0};
    auto_ports struct ports ports = {0};
    if (ports_of_resources(&ports, resources, "ports", &err) < 0)
        return host->fail(host, err.code, "%s", err.text);
    if (!ports_contain(all, &ports)) {
        auto_buf struct buf text = {0};
        ports_print(&text, &ports);
        return host->fail(host, -EINVAL, "Some non-ephemeral ports specified in %s are not managed by the agent",
                          buf_cstr(&text));
    }
    ports_fini(ret);
    *ret = ports;
    ports = (struct ports){0};
    return 0;
}

static int64_t
cpus_of(struct mesos_resources resources)
{
    auto_resources struct resources sum = {0};
    resources_add_view(&sum, resources);
    return resources_scalar(&sum, "cpus");
}

static int
take_ephemeral(struct isolator *isolator, struct container *container)
{
    const struct mesos_host *host = isolator->host;
    struct mesos_range range;
    if (!ports_take(&isolator->free, isolator->ground->settings.ephemeral_per_container, &range))
        return host->fail(host, -EAGAIN, "Failed to allocate ephemeral ports: %u of %u are free, and a container gets %u in a row",
                          ports_size(&isolator->free), ports_size(&isolator->ground->settings.ephemeral),
                          isolator->ground->settings.ephemeral_per_container);
    ports_add(&container->ephemeral, range.begin, range.end);
    ports_subtract(&isolator->free, &container->ephemeral);
    return 0;
}

static void
give_back(struct isolator *isolator, struct container *container)
{
    ports_add_all(&isolator->free, &container->ephemeral);
    isolator->flows[container->flow] = false;
    container_free(isolator, container);
}

static uint16_t
take_flow(struct isolator *isolator)
{
    for (uint16_t flow = LAYOUT_FLOW_FIRST; isolator->ground->settings.unique_flow && flow <= LAYOUT_FLOW_LAST; flow++) {
        if (isolator->flows[flow])
            continue;
        isolator->flows[flow] = true;
        return flow;
    }
    return 0; /* none is left: it shares the host's */
}

static void
tell_ports(const struct isolator *isolator, const struct container *container, const char *what)
{
    auto_buf struct buf ports = {0};
    auto_buf struct buf ephemeral = {0};
    ports_print(&ports, &container->ports);
    ports_print(&ephemeral, &container->ephemeral);
    MESOS_LOG(isolator->host, INFO, "container %s %s ports %s and ephemeral ports %s", container->id, what,
              buf_cstr(&ports), buf_cstr(&ephemeral));
}

static int
prepare_root(struct isolator *isolator, const struct mesos_isolator_container *view)
{
    const struct mesos_host *host = isolator->host;
    const struct settings *settings = &isolator->ground->settings;
    if (container_find(isolator, view->container_id))
        return host->fail(host, -EEXIST, "Container %s has already been prepared", view->container_id);
    struct container *container = container_new(isolator, view->container_id);
    int rc = take_ports(isolator, view->resources, &container->ports);
    if (rc == 0)
        rc = take_ephemeral(isolator, container);
    if (rc < 0) {
        give_back(isolator, container);
        return rc;
    }
    int64_t cpus = cpus_of(view->resources);
    container->egress = settings_limit(&settings->egress, cpus);
    container->ingress = settings_limit(&settings->ingress, cpus);
    tell_ports(isolator, container, "uses");
    return 0;
}

/* Whether the root of this nested container has a network of its own. */
static bool
in_network(const struct isolator *isolator, const char *id)
{
    return map_get(&isolator->containers, str_n(id, strcspn(id, "."))) != NULL;
}

static void
prepare(void *instance, const struct mesos_isolator_container *view, struct mesos_call *call)
{
    struct isolator *isolator = instance;
    struct launch_info info;
    int rc = 0;
    launch_info_init(&info);
    if (!strchr(view->container_id, '.')) {
        rc = prepare_root(isolator, view);
        launch_info_clone(&info, CLONE_NEWNET);
    } else if (in_network(isolator, view->container_id)) {
        launch_info_enter(&info, CLONE_NEWNET);
    }
    launch_info_reply(&info, isolator->host, call, rc);
}

static void
attached(struct job *job)
{
    metrics_added(job->isolator, job);
    if (job->status < 0)
        job_fail(job, job->status, "the container's network");
}

static void
isolate(void *instance, const char *container_id, pid_t pid, struct mesos_call *call)
{
    struct isolator *isolator = instance;
    struct container *container = container_find(isolator, container_id);
    if (!container || container->pid) {
        int rc = strchr(container_id, '.') ? 0
                 : isolator->host->fail(isolator->host, -EINVAL, "Container %s %s", container_id,
                                        container ? "has already been isolated" : "is not known");
        answer(isolator, call, rc);
        return;
    }
    container->pid = pid;
    container->flow = take_flow(isolator);
    struct job *job = job_new(isolator, call, container, container_id, pid, side_attach, attached);
    job_take(job, container);
    ports_copy(&job->ephemeral, &container->ephemeral);
    job->helper = "setup";
    job_start(job);
}

static void
updated(struct job *job)
{
    if (job->status == 0)
        return;
    job->isolator->host->count(job->isolator->host, "port_mapping/updating_container_ip_filters_errors", 1);
    job_fail(job, job->status, "the container's network");
}

static bool
same_limit(const struct net_limit *a, const struct net_limit *b)
{
    return a->rate == b->rate && a->ceil == b->ceil && (a->burst == b->burst || b->burst == 0);
}

/* Takes over what is new; whether that is anything. What limits a container from before the restart is set again. */
static bool
take_news(struct isolator *isolator, struct container *container, struct ports *ports, struct mesos_resources requests)
{
    const struct settings *settings = &isolator->ground->settings;
    int64_t cpus = cpus_of(requests);
    struct net_limit egress = settings_limit(&settings->egress, cpus);
    struct net_limit ingress = settings_limit(&settings->ingress, cpus);
    bool moved = !ports_equal(ports, &container->ports);
    bool out = egress.rate && !same_limit(&container->egress, &egress);
    bool in = ingress.rate && !same_limit(&container->ingress, &ingress) &&
              (container->ingress.rate || !container->recovered || settings->isolate_existing);
    if (moved) {
        struct ports old = container->ports;
        container->ports = *ports;
        *ports = old;
    }
    if (out)
        container->egress = egress;
    if (in)
        container->ingress = ingress;
    return moved || out || in;
}

static void
update(void *instance, const char *container_id, struct mesos_resources requests, struct mesos_bytes limits,
       struct mesos_call *call)
{
    struct isolator *isolator = instance;
    struct container *container = container_find(isolator, container_id);
    auto_ports struct ports ports = {0};
    int rc = container ? take_ports(isolator, requests, &ports) : 0;
    if (!container || !container->pid || rc < 0 || !take_news(isolator, container, &ports, requests)) {
        answer(isolator, call, rc);
        return;
    }
    tell_ports(isolator, container, "now uses");
    struct job *job = job_new(isolator, call, container, container_id, container->pid, side_update, updated);
    job_take(job, container);
    job->helper = "update";
    job_start(job);
}

static void
told(struct job *job)
{
    struct isolator *isolator = job->isolator;
    struct container *container = container_find(isolator, job->id);
    if (job->status < 0 && job->has_counters) {
        /* It may be ending: what is known is told. */
        MESOS_LOG(isolator->host, WARNING, "statistics of container %s: %s", job->id, job->err.text);
        job->status = 0;
    } else if (container && job->helper && !job->helper_said) {
        container->unknown_egress = false;
    }
    if (!container || !job->has_counters)
        return;
    Mesos__V1__ResourceStatistics stats;
    Mesos__V1__Value__Range range;
    auto_arena struct arena *arena = arena_new(0);
    mesos__v1__resource_statistics__init(&stats);
    stats.timestamp = isolator->host->wall_secs(isolator->host);
    if (container->ephemeral.count > 0) {
        mesos__v1__value__range__init(&range);
        range.begin = container->ephemeral.items[0].begin;
        range.end = container->ephemeral.items[0].end;
        stats.net_ephemeral_ports = &range;
    }
    if (container->rates)
        stats.net_rate_statistics = rates_statistics(container->rates, isolator->host->now_ms(isolator->host), arena);
    size_t len = mesos__v1__resource_statistics__get_packed_size(&stats);
    buf_added(&job->answer, mesos__v1__resource_statistics__pack(&stats, (uint8_t *)buf_reserve(&job->answer, len)));
}

static void
usage(void *instance, const char *container_id, struct mesos_call *call)
{
    struct isolator *isolator = instance;
    const struct settings *settings = &isolator->ground->settings;
    const struct container *container = container_find(isolator, container_id);
    if (!container || !container->pid) {
        answer(isolator, call, 0);
        return;
    }
    struct job *job = job_new(isolator, call, NULL, container_id, container->pid, side_usage, told);
    if (container->unknown_egress || container->egress.rate || settings->sockets_summary || settings->sockets_details ||
        settings->snmp)
        job->helper = "statistics";
    job_start(job);
}

static void
detached(struct job *job)
{
    struct isolator *isolator = job->isolator;
    struct container *container = job->container;
    metrics_removed(isolator, job);
    if (job->status < 0)
        job_fail(job, job->status, "the container's network");
    job->container = NULL;
    give_back(isolator, container);
}

static void
cleanup(void *instance, const char *container_id, struct mesos_call *call)
{
    struct isolator *isolator = instance;
    struct container *container = container_find(isolator, container_id);
    if (!container) {
        answer(isolator, call, 0); /* a nested one, or one without a network of its own */
        return;
    }
    struct job *job = job_new(isolator, call, container, container_id, container->pid, side_detach, detached);
    job_take(job, container);
    job_start(job);
}

/* Bytes a second; 0 = it does not say. */
static uint64_t
link_speed(const char *name)
{
    struct ethtool_cmd command = {.cmd = ETHTOOL_GSET};
    struct ifreq request = {0};
    auto_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(request.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
    request.ifr_data = (void *)&command;
    if (fd < 0 || ioctl(fd, SIOCETHTOOL, &request) < 0)
        return 0;
    uint32_t megabits = ethtool_cmd_speed(&command);
    return megabits == (uint32_t)SPEED_UNKNOWN ? 0 : megabits * 1000000ull / 8;
}

/* What the kernel must have, and what it need have only when somebody asks for it. */
static int
check_kernel(struct isolator *isolator, const struct buf *missing, struct err *err)
{
    struct ground *ground = isolator->ground;
    struct str rest = buf_str(missing);
    ground->fq_codel = true;
    while (rest.len > 0) {
        struct str name = str_cut(&rest, '\n');
        const char *flag = NULL;
        if (str_is(name, "the queueing discipline fq_codel")) {
            ground->fq_codel = false;
            if (!ground->settings.unique_flow)
                continue;
            flag = "egress_unique_flow_per_container";
        } else if (str_is(name, "the queueing discipline htb")) {
            bool limited = ground->settings.egress.fixed || ground->settings.egress.per_cpu ||
                           ground->settings.egress.automatic;
            if (!limited && !ground->settings.ingress.fixed && !ground->settings.ingress.per_cpu &&
                !ground->settings.ingress.automatic)
                continue;
            flag = limited ? "egress_rate_limit_per_container or egress_rate_per_cpu"
                           : "ingress_rate_limit_per_container or ingress_rate_per_cpu";
        } else if (str_is(name, "socket diagnosis")) {
            if (!ground->settings.sockets_details)
                continue;
            flag = "network_enable_socket_statistics_details";
        }
        return err_set(err, -ENOTSUP, "isolator '" NAME "': this kernel has not %.*s%s%s", STR_ARG(name),
                       flag ? ", which is needed by option " : "", flag ? flag : "");
    }
    return 0;
}

static int
find_host(struct ground *ground, struct err *err)
{
    struct net *net;
    int rc = net_open(&net, err);
    if (rc < 0)
        return rc;
    rc = host_net_find(net, ground->settings.eth0_name, ground->settings.lo_name, &ground->host, err);
    net_close(net);
    return rc < 0 ? rc : settings_link(&ground->settings, ground->host.eth0, link_speed(ground->host.eth0), err);
}

static const char *
option_of(const void *arg, const char *name)
{
    const struct mesos_host *host = arg;
    return host->daemon_option ? host->daemon_option(host, name) : NULL;
}

/* Looks and refuses; nothing of the host is changed before recover. */
static int
begin(struct isolator *isolator, struct err *err)
{
    const struct mesos_host *host = isolator->host;
    struct ground *ground = isolator->ground;
    auto_buf struct buf range = {0};
    auto_buf struct buf missing = {0};
    if (geteuid() != 0)
        return err_set(err, -EPERM, "isolator '" NAME "' needs an agent that runs as root");
    if (!host->runtime_dir || !host->launcher_dir)
        return err_set(err, -EINVAL, "isolator '" NAME "' needs an agent with runtime_dir and launcher_dir");
    int rc = file_read("/proc/sys/net/ipv4/ip_local_port_range", 64, &range, err);
    if (rc < 0 || (rc = settings_read(&ground->settings, option_of, host, buf_cstr(&range), err)) < 0)
        return rc;
    ground->links_dir = xasprintf("%s/netns", host->runtime_dir);
    isolator->helper = xasprintf("%s/mesos-network-helper", host->launcher_dir);
    if ((rc = helper_check(isolator->helper, &missing, err)) < 0 ||
        (rc = check_kernel(isolator, &missing, err)) < 0 || (rc = find_host(ground, err)) < 0)
        return rc;
    ports_copy(&isolator->free, &ground->settings.ephemeral);
    return 0;
}

static void
ground_free(struct ground *ground)
{
    settings_fini(&ground->settings);
    net_close(ground->net);
    free(ground->links_dir);
    free(ground);
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct isolator *isolator = instance;
    struct err err = {0};
    isolator->host = host;
    isolator->ground = xcalloc(1, sizeof *isolator->ground);
    int rc = begin(isolator, &err);
    if (rc < 0) {
        ground_free(isolator->ground);
        free(isolator->helper);
        return host->fail(host, rc, "%s", err.text);
    }
    const struct host_net *network = &isolator->ground->host;
    MESOS_LOG(host, INFO, "containers share the address of %s, by way of %s; %u ephemeral ports each", network->eth0,
              network->lo, isolator->ground->settings.ephemeral_per_container);
    return 0;
}

static void
recover(void *instance, const struct mesos_isolator_state *states, size_t count, const char *const *orphans,
        size_t orphan_count, struct mesos_call *call)
{
    struct isolator *isolator = instance;
    isolator_recover(instance, states, count, orphans, orphan_count, call);
    metrics_begin(isolator); /* before this nobody counts */
    sampling_begin(isolator);
}

void
isolator_end(struct isolator *isolator)
{
    struct mesos_call *call = isolator->stop;
    struct container *container;
    map_foreach(container, &isolator->containers)
        container_free(isolator, container);
    map_fini(&isolator->containers);
    ports_fini(&isolator->free);
    ground_free(isolator->ground);
    free(isolator->helper);
    isolator->stop = NULL;
    if (call)
        answer(isolator, call, 0);
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct isolator *isolator = instance;
    isolator->stopping = true;
    sampling_end(isolator);
    isolator->stop = call;
    if (isolator->jobs == 0) /* else what is under way ends soon; without a call there is nobody to wait for it */
        isolator_end(isolator);
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = yes,
    .recover = recover,
    .prepare = prepare,
    .isolate = isolate,
    .update = update,
    .usage = usage,
    .cleanup = cleanup,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct isolator),
    .name = NAME,
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "gives containers a network with ports of the host's address",
    .start = start,
    .stop = stop,
    .phase = MESOS_PHASE_NETWORK,
};

MESOS_MODULES(&module);
