/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent's new start does: programs that the last one left waiting are ended, the program says which
 * containers there are, and each is waited for again or, when the agent does not know it, destroyed before
 * recovery is answered.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "common/processes.h"
#include "container.h"
#include "external.h"

/* Programs that an agent of before left waiting. */
static void
end_old_waits(struct external *external)
{
    DIR *dir = opendir(external->state_dir);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        auto_buf struct buf content = {0};
        auto_free char *path = xasprintf("%s/%s", external->state_dir, entry->d_name);
        int pid;
        unsigned long long start_time;
        struct process process;
        if (file_read(path, 100, &content, NULL) == 0 &&
            sscanf(buf_cstr(&content), "%d %llu", &pid, &start_time) == 2 && pid > 1 &&
            process_read(pid, &process) == 0 && process.start_time == start_time) {
            kill(-pid, SIGKILL);
            kill(pid, SIGKILL);
        }
        unlink(path);
    }
    if (dir)
        closedir(dir);
}

static void
recover_failed(struct external *external, const char *why)
{
    arena_free(take(&external->known));
    external_refuse(external, take(&external->recover), -EIO, why);
}

static void
take_back(struct external *external, const char *id)
{
    const char *sandbox = NULL;
    bool known = false;
    for (size_t i = 0; i < external->state_count && !known; i++)
        if (strcmp(external->states[i].container_id, id) == 0) {
            known = true;
            sandbox = external->states[i].sandbox;
        }
    if (container_find(external, id))
        return; /* it was listed twice */
    struct container *container =
        container_new(external, id, sandbox && access(sandbox, X_OK) == 0 ? sandbox : NULL);
    container->running = true;
    container_wait_begin(container);
    if (known)
        return;
    MESOS_LOG(external->host, WARNING, "container %s is nobody's any more; it is destroyed", id);
    container->orphan = true;
    external->orphans++;
    container_destroy_begin(container);
}

static void
on_containers(void *arg, const char *error, struct str record)
{
    struct external *external = arg;
    struct err err = {0};
    auto_arena struct arena *arena = arena_new(0);
    const char *const *ids = error ? NULL : containers_read(record, arena, &err);
    if (!ids) {
        recover_failed(external, error ? error : err.text);
        return;
    }
    external->orphans = 1; /* for this function */
    for (size_t i = 0; ids[i]; i++)
        take_back(external, ids[i]);
    arena_free(take(&external->known));
    external_orphan_gone(external);
}

static void
on_recovered(void *arg, const char *error, struct str record)
{
    struct external *external = arg;
    (void)record;
    if (error)
        recover_failed(external, error);
    else
        run_start(external,
                  &(struct run_wish){
                      .command = "containers", .timeout_ms = external_timeout_ms(external), .answers = true},
                  on_containers, external);
}

void
external_recover(void *instance, const struct mesos_isolator_state *states, size_t count,
                 struct mesos_call *call)
{
    struct external *external = instance;
    external->recover = call;
    external->known = arena_new(0);
    external->states = arena_calloc(external->known, count + 1, sizeof(*external->states));
    external->state_count = count;
    for (size_t i = 0; i < count; i++) {
        external->states[i].container_id = arena_strdup(external->known, str_of(states[i].container_id));
        external->states[i].sandbox = arena_strdup(external->known, str_of(states[i].sandbox));
    }
    end_old_waits(external);
    run_start(external, &(struct run_wish){.command = "recover", .timeout_ms = external_timeout_ms(external)},
              on_recovered, external);
}
