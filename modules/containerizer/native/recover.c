/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a restart of the agent: which containers still run? A container is taken back when its pid lives and began at
 * the time that the helper wrote down; everything else in runtime_dir is an orphan or has ended and is cleared away.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include "base/file.h"
#include "common/processes.h"
#include "native.h"

#define STATE_MAX_BYTES 65536
#define CONFIG_MAX_BYTES (8u << 20)

/* What <runtime_dir>/containers/<id> says. Parents come before their children. */
struct found {
    char *id, *sandbox, *user, *inside_sandbox, *inside_directory;
    struct buf config; /* packed; empty = not known */
    pid_t pid;
    uint64_t start_time;
    bool alive, standalone, debug, ended;
    bool in_cgroup, group_only; /* it has a control group; and nothing else that tells of it */
    pid_t switchboard; /* alive; 0 = none */
    struct buf termination;
};

struct recovery {
    struct native *native;
    struct mesos_call *call;
    struct found *found;
    size_t count;
    struct mesos_isolator_state *states; /* the agent's; ids and sandboxes are ours */
    size_t state_count;
    int status;
    struct err err;
    uint32_t next; /* isolator whose turn it is */
    const char **orphans;
    size_t orphan_count;
};

static int
read_state(const char *path, struct found *ret)
{
    auto_buf struct buf text = {0};
    if (file_read(path, STATE_MAX_BYTES, &text, NULL) < 0)
        return -ENOENT;
    struct str rest = buf_str(&text);
    struct str first = str_cut(&rest, '\n'), sandbox = str_cut(&rest, '\n'), user = str_cut(&rest, '\n');
    struct str pid = str_cut(&first, ' ');
    uint64_t number;
    if (str_to_u64(pid, &number) < 0 || number == 0 || number > INT32_MAX || str_to_u64(first, &ret->start_time) < 0)
        return -EINVAL;
    ret->pid = (pid_t)number;
    ret->sandbox = str_dup(sandbox);
    ret->user = user.len > 0 ? str_dup(user) : NULL;
    struct str inside_sandbox = str_cut(&rest, '\n'), inside_directory = str_cut(&rest, '\n');
    ret->inside_sandbox = inside_sandbox.len > 0 ? str_dup(inside_sandbox) : NULL;
    ret->inside_directory = inside_directory.len > 0 ? str_dup(inside_directory) : NULL;
    return 0;
}

static bool
is_there(const char *directory, const char *name)
{
    auto_free char *path = xasprintf("%s/%s", directory, name);
    return access(path, F_OK) == 0;
}

/* A record is a length and as many bytes; a torn one counts as none. */
static bool
read_record(const char *directory, const char *name, size_t max, struct buf *ret)
{
    auto_free char *path = xasprintf("%s/%s", directory, name);
    auto_buf struct buf record = {0};
    uint32_t len;
    if (file_read(path, max, &record, NULL) < 0 || record.len < sizeof len)
        return false;
    memcpy(&len, buf_data(&record), sizeof len);
    if (len != record.len - sizeof len)
        return false;
    buf_append(ret, buf_data(&record) + sizeof len, len);
    return true;
}

static bool
read_termination(const char *directory, struct buf *ret)
{
    if (!read_record(directory, "termination", STATE_MAX_BYTES, ret))
        return false;
    Mesos__Slave__ContainerTermination *t =
        mesos__slave__container_termination__unpack(NULL, ret->len, (const uint8_t *)buf_data(ret));
    if (!t) {
        buf_clear(ret);
        return false;
    }
    mesos__slave__container_termination__free_unpacked(t, NULL);
    return true;
}

static pid_t
read_switchboard(const char *directory)
{
    auto_free char *path = xasprintf("%s/io_switchboard/state", directory);
    auto_buf struct buf text = {0};
    struct process process;
    uint64_t pid, start_time;
    if (file_read(path, STATE_MAX_BYTES, &text, NULL) < 0)
        return 0;
    struct str rest = buf_str(&text), line = str_cut(&rest, '\n');
    if (str_to_u64(str_cut(&line, ' '), &pid) < 0 || pid == 0 || pid > INT32_MAX || str_to_u64(line, &start_time) < 0)
        return 0;
    bool alive = process_read((pid_t)pid, &process) == 0 && process.state != 'Z' && process.start_time == start_time;
    return alive ? (pid_t)pid : 0;
}

static void look_below(struct recovery *recovery, const char *directory, const char *parent, const char *sandbox,
                       unsigned depth);

static void
look_at(struct recovery *recovery, const char *above, const char *id, const char *parent_sandbox, unsigned depth)
{
    struct found found = {0};
    struct process process;
    const char *name = strrchr(id, '.') ? strrchr(id, '.') + 1 : id;
    auto_free char *directory = xasprintf("%s/%s", above, name);
    auto_free char *path = xasprintf("%s/state", directory);
    auto_free char *nested = xasprintf("%s/containers", directory);
    if (read_state(path, &found) < 0) { /* the helper ended before it wrote and nothing ran, or it was tidied up */
        found.sandbox = parent_sandbox ? xasprintf("%s/containers/%s", parent_sandbox, name) : xstrdup("");
        foreign_process(directory, &found.pid, &found.start_time);
    }
    found.id = xstrdup(id);
    found.switchboard = read_switchboard(directory);
    read_record(directory, "config", CONFIG_MAX_BYTES, &found.config);
    found.standalone = !parent_sandbox && is_there(directory, "standalone.marker");
    found.debug = parent_sandbox && is_there(directory, "force_destroy_on_recovery");
    found.ended = (parent_sandbox || found.standalone) && read_termination(directory, &found.termination);
    if (found.standalone && !found.sandbox[0] && recovery->native->host->work_dir) {
        free(found.sandbox);
        found.sandbox = xasprintf("%s/containers/%s", recovery->native->host->work_dir, id);
    }
    found.alive = found.pid > 0 && process_read(found.pid, &process) == 0 && process.state != 'Z' &&
                  process.start_time == found.start_time;
    recovery->found = xreallocarray(recovery->found, recovery->count + 1, sizeof found);
    recovery->found[recovery->count++] = found;
    if (depth < DEPTH_MAX)
        look_below(recovery, nested, id, found.sandbox, depth + 1);
}

/* parent NULL: the roots. */
static void
look_below(struct recovery *recovery, const char *directory, const char *parent, const char *sandbox, unsigned depth)
{
    DIR *dir = opendir(directory);
    if (!dir) {
        if (!parent)
            recovery->status = err_errno(&recovery->err, "cannot read '%s'", directory);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strchr(entry->d_name, '.'))
            continue;
        auto_free char *id = parent ? xasprintf("%s.%s", parent, entry->d_name) : xstrdup(entry->d_name);
        look_at(recovery, directory, id, sandbox, depth);
    }
    closedir(dir);
}

static const struct found *found_of(const struct recovery *recovery, const char *id);

/* A control group without traces: of a launch that the agent did not live to see through. */
static bool
on_group(void *arg, const char *id)
{
    struct recovery *recovery = arg;
    if (found_of(recovery, id))
        return true;
    struct found found = {.id = xstrdup(id), .sandbox = xstrdup(""), .group_only = true};
    recovery->found = xreallocarray(recovery->found, recovery->count + 1, sizeof found);
    recovery->found[recovery->count++] = found;
    return true;
}

static void
recovery_work(void *arg)
{
    struct recovery *recovery = arg;
    const struct cgroup_tree *tree = &recovery->native->tree;
    look_below(recovery, recovery->native->containers_dir, NULL, NULL, 1);
    if (linux_used(recovery->native))
        cgroup_each(tree, on_group, recovery);
    for (size_t i = 0; i < recovery->count; i++)
        recovery->found[i].in_cgroup = linux_used(recovery->native) && cgroup_exists(tree, recovery->found[i].id);
}

static void
recovery_free(struct recovery *recovery)
{
    union {
        const char *from;
        char *to;
    } text;
    for (size_t i = 0; i < recovery->count; i++) {
        free(recovery->found[i].id);
        free(recovery->found[i].sandbox);
        free(recovery->found[i].user);
        free(recovery->found[i].inside_sandbox);
        free(recovery->found[i].inside_directory);
        buf_fini(&recovery->found[i].config);
        buf_fini(&recovery->found[i].termination);
    }
    for (size_t i = 0; i < recovery->state_count; i++) {
        text.from = recovery->states[i].container_id;
        free(text.to);
        text.from = recovery->states[i].sandbox;
        free(text.to);
    }
    free(recovery->found);
    free(recovery->states);
    free(recovery->orphans);
    free(recovery);
}

static const struct found *
found_of(const struct recovery *recovery, const char *id)
{
    for (size_t i = 0; i < recovery->count; i++) {
        if (strcmp(recovery->found[i].id, id) == 0)
            return &recovery->found[i];
    }
    return NULL;
}

/* Isolators know of it from now on, whether it runs or is to be cleaned up. */
static struct container *
take_back(struct recovery *recovery, const char *id, const char *sandbox, const struct found *found)
{
    struct native *native = recovery->native;
    struct container *container = container_new(native, id, sandbox);
    container->state = STATE_RUNNING;
    container->prepared = native->services->isolator_count;
    if (!found)
        return container;
    container->user = found->user ? xstrdup(found->user) : NULL;
    container->in_cgroup = found->in_cgroup;
    container->inside_sandbox = found->inside_sandbox ? xstrdup(found->inside_sandbox) : NULL;
    container->inside_directory = found->inside_directory ? xstrdup(found->inside_directory) : NULL;
    container->pid = found->pid;
    container->not_before = container->not_after = found->start_time;
    if (found->alive && native->host->watch_pid(native->host, found->pid, on_container_exited, container) == 0)
        container->exited = false;
    if (found->switchboard && found->ended)
        kill(found->switchboard, SIGTERM);
    else if (found->switchboard)
        switchboard_recover(container, found->switchboard);
    return container;
}

/* One that the agent does not know of by itself: nested in another, or standalone. */
static void
take_kept_back(struct recovery *recovery, const struct found *found)
{
    struct native *native = recovery->native;
    const char *dot = strrchr(found->id, '.');
    if (dot && !map_get(&native->containers, str_n(found->id, (size_t)(dot - found->id))))
        return; /* cannot be: its parent was read before it */
    struct container *container = take_back(recovery, found->id, found->sandbox, found);
    container->standalone = found->standalone;
    container->debug = found->debug;
    container->kept = container->ran = true;
    if (found->ended) {
        container->state = STATE_ENDED;
        buf_append(&container->termination, buf_data(&found->termination), found->termination.len);
        return;
    }
    container->destroy_wanted = found->debug;
    if (container->exited) {
        container->has_status = true;
        if (!status_read(container, &container->status))
            container->status = SIGKILL;
    }
    if (found->group_only)
        container->destroy_wanted = true;
    if (found->pid == 0 && container->exited)
        container->ran = false; /* nothing ever ran, so there is nothing to tell */
}

static void
take_all_back(struct recovery *recovery)
{
    struct native *native = recovery->native;
    recovery->orphans = xcalloc(recovery->count + 1, sizeof *recovery->orphans);
    for (size_t i = 0; i < recovery->state_count; i++) {
        struct mesos_isolator_state *state = &recovery->states[i];
        const struct found *found = found_of(recovery, state->container_id);
        if (container_find(native, state->container_id))
            continue;
        const struct container *container = take_back(recovery, state->container_id, state->sandbox, found);
        state->pid = container->exited ? 0 : container->pid;
    }
    for (size_t i = 0; i < recovery->count; i++) {
        const struct found *found = &recovery->found[i];
        if (container_find(native, found->id))
            continue;
        if (found->standalone || strchr(found->id, '.')) {
            take_kept_back(recovery, found);
            continue;
        }
        take_back(recovery, found->id, found->sandbox, found)->destroy_wanted = true;
        recovery->orphans[recovery->orphan_count++] = found->id;
    }
}

/* The isolators know: what has ended or belongs to nobody goes now, in the background. */
static void
end_dead_ones(struct native *native)
{
    struct container *container;
    map_foreach(container, &native->containers)
    {
        if (container->state != STATE_RUNNING || !(container->destroy_wanted || container->exited))
            continue;
        if (container->destroy_wanted)
            MESOS_LOG(native->host, INFO, "destroying orphan container %s", container->id);
        end_begin(container);
    }
}

static void
recovery_end(struct recovery *recovery)
{
    struct native *native = recovery->native;
    if (recovery->status < 0)
        native->host->fail(native->host, recovery->status, "%s", recovery->err.text);
    answer(native, recovery->call, recovery->status);
    if (recovery->status == 0)
        end_dead_ones(native);
    recovery_free(recovery);
}

static void
on_provisioner_recovered(void *arg, int status, const char *error)
{
    struct recovery *recovery = arg;
    if (status < 0)
        recovery->status = err_set(&recovery->err, status, "%s", error);
    recovery_end(recovery);
}

static void recover_next(struct recovery *recovery);

static void
on_recovered(void *arg, int status, const char *error, struct mesos_bytes bytes)
{
    struct recovery *recovery = arg;
    const struct mesos_containerizer_services *services = recovery->native->services;
    if (status < 0) {
        recovery->status = err_set(&recovery->err, status, "isolator '%s' does not recover: %s",
                                   services->isolator_name(services->self, recovery->next - 1), error);
        recovery_end(recovery);
        return;
    }
    recover_next(recovery);
}

static struct mesos_bytes
config_of(const struct recovery *recovery, const char *id)
{
    const struct found *found = found_of(recovery, id);
    return found ? (struct mesos_bytes){buf_data(&found->config), found->config.len} : (struct mesos_bytes){NULL, 0};
}

/* The agent's, and those of our own that the isolator looks after. */
static struct mesos_isolator_state *
states_for(const struct recovery *recovery, uint32_t isolator, size_t *ret_count)
{
    struct native *native = recovery->native;
    const struct container *container;
    size_t count = recovery->state_count;
    struct mesos_isolator_state *states = xcalloc(count + map_count(&native->containers) + 1, sizeof *states);
    if (count > 0)
        memcpy(states, recovery->states, count * sizeof *states);
    for (size_t i = 0; i < count; i++)
        states[i].config = config_of(recovery, states[i].container_id);
    map_foreach(container, &native->containers)
    {
        if (container->kept && container->state != STATE_ENDED && container_isolated(container, isolator))
            states[count++] = (struct mesos_isolator_state){sizeof *states, container->id,
                                                            container->exited ? 0 : container->pid, container->sandbox,
                                                            config_of(recovery, container->id)};
    }
    *ret_count = count;
    return states;
}

static void
recover_next(struct recovery *recovery)
{
    const struct mesos_containerizer_services *services = recovery->native->services;
    while (recovery->next < services->isolator_count) {
        uint32_t i = recovery->next++;
        void *isolator;
        const struct mesos_isolator_ops *ops = services->isolator_ops(services->self, i, &isolator);
        if (!ops->recover)
            continue;
        size_t count;
        auto_free struct mesos_isolator_state *states = states_for(recovery, i, &count);
        ops->recover(isolator, states, count, recovery->orphans, recovery->orphan_count,
                     services->call_new(services->self, i, "recover", on_recovered, recovery));
        return;
    }
    provisioner_recover(recovery->native, on_provisioner_recovered, recovery);
}

static void
recovery_done(void *arg)
{
    struct recovery *recovery = arg;
    linux_release(recovery->native);
    if (recovery->native->stopped) {
        recovery_free(recovery);
        return;
    }
    if (recovery->status < 0) {
        recovery_end(recovery);
        return;
    }
    take_all_back(recovery);
    recover_next(recovery);
}

void
native_recover(void *instance, const struct mesos_isolator_state *states, size_t count, struct mesos_call *call)
{
    struct native *native = instance;
    struct recovery *recovery = xcalloc(1, sizeof *recovery);
    recovery->native = native;
    recovery->call = call;
    recovery->states = xcalloc(count + 1, sizeof *recovery->states);
    recovery->state_count = count;
    for (size_t i = 0; i < count; i++) {
        recovery->states[i] = (struct mesos_isolator_state){
            .size = sizeof states[i],
            .container_id = xstrdup(states[i].container_id),
            .pid = states[i].pid,
            .sandbox = xstrdup(states[i].sandbox ? states[i].sandbox : ""),
        };
    }
    linux_hold(native);
    native->host->offload(native->host, false, recovery_work, recovery_done, recovery);
}
