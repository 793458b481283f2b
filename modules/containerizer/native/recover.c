/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a restart of the agent: which containers still run? A container is taken back when its pid lives and began at
 * the time that the helper wrote down; everything else in runtime_dir is an orphan or has ended and is cleared away.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include "base/file.h"
#include "common/processes.h"
#include "native.h"

#define STATE_MAX_BYTES 65536

/* What <runtime_dir>/containers/<id>/state says. */
struct found {
    char *id, *sandbox;
    pid_t pid;
    uint64_t start_time;
    bool alive;
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
    struct str first = str_cut(&rest, '\n'), sandbox = str_cut(&rest, '\n');
    struct str pid = str_cut(&first, ' ');
    uint64_t number;
    if (str_to_u64(pid, &number) < 0 || number == 0 || number > INT32_MAX || str_to_u64(first, &ret->start_time) < 0)
        return -EINVAL;
    ret->pid = (pid_t)number;
    ret->sandbox = str_dup(sandbox);
    return 0;
}

static void
look_at(struct recovery *recovery, const char *directory, const char *id)
{
    struct found found = {0};
    struct process process;
    auto_free char *path = xasprintf("%s/%s/state", directory, id);
    if (read_state(path, &found) < 0)
        found.sandbox = xstrdup(""); /* the helper ended before it wrote: nothing ran */
    found.id = xstrdup(id);
    found.alive = found.pid > 0 && process_read(found.pid, &process) == 0 && process.state != 'Z' &&
                  process.start_time == found.start_time;
    recovery->found = xreallocarray(recovery->found, recovery->count + 1, sizeof found);
    recovery->found[recovery->count++] = found;
}

static void
recovery_work(void *arg)
{
    struct recovery *recovery = arg;
    const char *directory = recovery->native->containers_dir;
    DIR *dir = opendir(directory);
    if (!dir) {
        recovery->status = err_errno(&recovery->err, "cannot read '%s'", directory);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.')
            look_at(recovery, directory, entry->d_name);
    }
    closedir(dir);
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
    container->pid = found->pid;
    container->not_before = container->not_after = found->start_time;
    if (found->alive && native->host->watch_pid(native->host, found->pid, on_container_exited, container) == 0)
        container->exited = false;
    return container;
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
        ops->recover(isolator, recovery->states, recovery->state_count, recovery->orphans, recovery->orphan_count,
                     services->call_new(services->self, i, "recover", on_recovered, recovery));
        return;
    }
    recovery_end(recovery);
}

static void
recovery_done(void *arg)
{
    struct recovery *recovery = arg;
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
    native->host->offload(native->host, false, recovery_work, recovery_done, recovery);
}
