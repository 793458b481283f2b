/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a restart of the agent: each cable of ours belongs to a container that goes on (or will be ended in the usual
 * way), whose ports the cable's own filters tell, or it is cleared away, with the filters, handles and links that nothing
 * is left of. What belongs to a container that goes on is not touched, so that its connections live.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "port_mapping.h"

struct known {
    char *id;
    pid_t pid; /* 0 = not told */
};

struct cable {
    char *id; /* "" = nobody knows */
    pid_t pid;
    int index;
    bool kept;
    struct ports ports;
    struct net_limit ingress;
    uint16_t flow;
};

struct recovery {
    struct known *known;
    size_t known_count;
    struct cable *cables;
    size_t count, cap;
    uint32_t cleared;
};

static void
recovery_free(struct recovery *recovery)
{
    for (size_t i = 0; i < recovery->known_count; i++)
        free(recovery->known[i].id);
    for (size_t i = 0; i < recovery->count; i++) {
        free(recovery->cables[i].id);
        ports_fini(&recovery->cables[i].ports);
    }
    free(recovery->known);
    free(recovery->cables);
    free(recovery);
}

static pid_t
pid_of(struct str name)
{
    uint64_t pid;
    if (!str_starts(name, STR_LIT(VETH_PREFIX)))
        return 0;
    struct str number = str_n(name.ptr + sizeof VETH_PREFIX - 1, name.len - (sizeof VETH_PREFIX - 1));
    return str_to_u64(number, &pid) == 0 && pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

static void
on_link(void *arg, const struct net_link *link)
{
    struct recovery *recovery = arg;
    pid_t pid = pid_of(str_of(link->name));
    if (pid == 0)
        return;
    if (recovery->count == recovery->cap) {
        recovery->cap = recovery->cap ? recovery->cap * 2 : 32;
        recovery->cables = xrealloc(recovery->cables, recovery->cap * sizeof *recovery->cables);
    }
    recovery->cables[recovery->count++] =
        (struct cable){.id = xstrdup(link->alias), .pid = pid, .index = link->index};
}

/* The pid whose handle the link names, or 0. */
static pid_t
link_pid(const char *links_dir, const char *id)
{
    auto_free char *path = xasprintf("%s/%s", links_dir, id);
    char text[64];
    uint64_t pid;
    ssize_t len = readlink(path, text, sizeof text - 1);
    struct str target = str_n(text, len > 0 ? (size_t)len : 0);
    if (!str_starts(target, STR_LIT(HANDLES_DIR "/")))
        return 0;
    struct str number = str_n(target.ptr + sizeof HANDLES_DIR, target.len - sizeof HANDLES_DIR);
    return str_to_u64(number, &pid) == 0 && pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

static void
each_link(const char *links_dir, void (*found)(void *arg, const char *id, pid_t pid), void *arg)
{
    DIR *directory = opendir(links_dir);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (entry->d_name[0] != '.')
            found(arg, entry->d_name, link_pid(links_dir, entry->d_name));
    if (directory)
        closedir(directory);
}

/* An agent that wrote no name on its cables left a link at least. */
static void
name_cable(void *arg, const char *id, pid_t pid)
{
    struct recovery *recovery = arg;
    for (size_t i = 0; i < recovery->count; i++) {
        struct cable *cable = &recovery->cables[i];
        if (cable->pid != pid || pid == 0 || cable->id[0])
            continue;
        free(cable->id);
        cable->id = xstrdup(id);
    }
}

static const struct known *
known_of(const struct recovery *recovery, const struct cable *cable)
{
    for (size_t i = 0; i < recovery->known_count; i++)
        if (strcmp(recovery->known[i].id, cable->id) == 0 ||
            (!cable->id[0] && recovery->known[i].pid == cable->pid))
            return &recovery->known[i];
    return NULL;
}

static uint16_t
flow_of(const struct ground *ground, const struct net_filters *flows, const struct ports *ports)
{
    auto_filters struct net_filters wanted = {0};
    layout_flow(&wanted, ports, 0);
    for (size_t i = 0; i < flows->count; i++)
        for (size_t k = 0; k < wanted.count; k++) {
            struct net_filter flow = flows->items[i];
            uint32_t class_id = flow.class_id;
            flow.class_id = 0;
            if (class_id > ground->flow_queue && net_filter_equal(&flow, &wanted.items[k]))
                return (uint16_t)(class_id & 0xffff);
        }
    return 0;
}

static int
keep(struct ground *ground, struct cable *cable, const struct net_filters *flows, struct err *err)
{
    auto_filters struct net_filters filters = {0};
    int rc = net_filters_read(ground->net, cable->index, NET_INGRESS, &filters, err);
    if (rc == 0)
        rc = net_limit_find(ground->net, cable->index, &cable->ingress, err);
    if (rc == -ENODEV) {
        cable->kept = false; /* it went just now */
        return 0;
    }
    if (rc < 0)
        return rc;
    layout_ports_of_veth(&filters, &cable->ports);
    cable->kept = true;
    cable->flow = flow_of(ground, flows, &cable->ports);
    return 0;
}

static struct job
job_for(struct ground *ground, struct cable *cable)
{
    return (struct job){.ground = ground, .id = cable->id, .pid = cable->pid, .ports = cable->ports,
                        .flow = cable->flow, .ns_fd = -1};
}

static int
clear(struct recovery *recovery, struct ground *ground, struct cable *cable, struct err *err)
{
    struct job job = job_for(ground, cable);
    recovery->cleared++;
    return side_clear(&job, err);
}

static int
sort_cables(struct recovery *recovery, struct ground *ground, struct err *err)
{
    auto_filters struct net_filters flows = {0};
    int rc = 0;
    if (ground->flow_queue)
        rc = net_filters_read(ground->net, ground->host.eth0_index, ground->flow_queue, &flows, err);
    for (size_t i = 0; i < recovery->count && rc == 0; i++) {
        struct cable *cable = &recovery->cables[i];
        const struct known *known = known_of(recovery, cable);
        if (known && !cable->id[0]) {
            free(cable->id);
            cable->id = xstrdup(known->id);
        }
        rc = known ? keep(ground, cable, &flows, err) : clear(recovery, ground, cable, err);
        if (rc < 0)
            err_wrap(err, "interface " VETH_PREFIX "%d", (int)cable->pid);
    }
    return rc;
}

static bool
leads_to_nobody(const struct net_filter *filter, const void *arg)
{
    const struct recovery *recovery = arg;
    for (size_t i = 0; i < recovery->count; i++)
        if (recovery->cables[i].kept && recovery->cables[i].index == filter->target)
            return false;
    return filter->verdict != NET_PASS;
}

static int
sweep_filters(const struct recovery *recovery, struct ground *ground, struct err *err)
{
    struct net_filters none = {0};
    struct layout_counts counts = {0};
    struct layout_change change = {.net = ground->net, .index = ground->host.eth0_index, .parent = NET_INGRESS,
                                   .wanted = &none, .in_question = leads_to_nobody, .arg = recovery, .remove = true};
    int rc = layout_apply(&change, &counts, err);
    change.index = ground->host.lo_index;
    if (rc == 0)
        rc = layout_apply(&change, &counts, err);
    return rc < 0 ? rc : side_clear_always(ground, err);
}

struct links {
    const struct recovery *recovery;
    const struct ground *ground;
};

static void
sweep_link(void *arg, const char *id, pid_t pid)
{
    const struct links *links = arg;
    for (size_t i = 0; i < links->recovery->count; i++)
        if (links->recovery->cables[i].kept && strcmp(links->recovery->cables[i].id, id) == 0)
            return;
    handle_remove(links->ground, id, pid);
}

static int
recover(struct recovery *recovery, struct ground *ground, struct err *err)
{
    struct links links = {recovery, ground};
    int rc = handles_ready(ground, err);
    if (rc < 0 || (rc = side_ready(ground, err)) < 0 || (rc = net_links(ground->net, on_link, recovery, err)) < 0)
        return rc;
    each_link(ground->links_dir, name_cable, recovery);
    if ((rc = sort_cables(recovery, ground, err)) < 0 || (rc = sweep_filters(recovery, ground, err)) < 0)
        return rc;
    each_link(ground->links_dir, sweep_link, &links);
    for (size_t i = 0; i < recovery->count && rc == 0; i++) {
        struct cable *cable = &recovery->cables[i];
        struct job job = job_for(ground, cable);
        if (cable->kept && cable->ports.count > 0) /* half of an update may be missing */
            rc = side_filters(&job, cable->index, err);
    }
    return rc;
}

static void
recover_work(struct job *job)
{
    job->status = recover(job->recovery, job->ground, &job->err);
}

static void
take_back(struct isolator *isolator, const struct cable *cable)
{
    const struct settings *settings = &isolator->ground->settings;
    if (map_get(&isolator->containers, str_of(cable->id)))
        return;
    struct container *container = container_new(isolator, cable->id);
    container->pid = cable->pid;
    container->recovered = container->unknown_egress = true;
    container->ingress = cable->ingress;
    container->flow = cable->flow;
    if (cable->flow <= LAYOUT_FLOW_LAST)
        isolator->flows[cable->flow] = true;
    ports_copy(&container->ports, &cable->ports);
    ports_subtract(&container->ports, &settings->ephemeral);
    ports_copy(&container->ephemeral, &cable->ports);
    ports_subtract(&container->ephemeral, &container->ports);
    ports_subtract(&isolator->free, &container->ephemeral);
    auto_buf struct buf text = {0};
    ports_print(&text, &container->ports);
    buf_puts(&text, " and ephemeral ports ");
    ports_print(&text, &container->ephemeral);
    MESOS_LOG(isolator->host, INFO, "container %s goes on with ports %s", container->id, buf_cstr(&text));
}

static void
recover_done(struct job *job)
{
    struct recovery *recovery = job->recovery;
    for (size_t i = 0; i < recovery->count && job->status == 0; i++)
        if (recovery->cables[i].kept)
            take_back(job->isolator, &recovery->cables[i]);
    if (recovery->cleared)
        MESOS_LOG(job->isolator->host, INFO, "cleared the networks of %u containers that nobody knows",
                  recovery->cleared);
    recovery_free(recovery);
}

void
isolator_recover(void *instance, const struct mesos_isolator_state *states, size_t count,
                 const char *const *orphans, size_t orphan_count, struct mesos_call *call)
{
    struct isolator *isolator = instance;
    struct recovery *recovery = xcalloc(1, sizeof *recovery);
    recovery->known = xcalloc(count + orphan_count + 1, sizeof *recovery->known);
    for (size_t i = 0; i < count; i++)
        recovery->known[recovery->known_count++] = (struct known){xstrdup(states[i].container_id), states[i].pid};
    for (size_t i = 0; i < orphan_count; i++)
        recovery->known[recovery->known_count++] = (struct known){xstrdup(orphans[i]), 0};
    struct job *job = job_new(isolator, call, NULL, "", 0, recover_work, recover_done);
    job->recovery = recovery;
    job_start(job);
}
