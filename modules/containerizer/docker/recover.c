/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a restart of the agent. A container is taken back when its executor's process lives and began when we wrote down
 * that it did; that needs no docker. Docker's own list tells the orphans: containers with our mark (or, as Mesos leaves
 * them, with none) and our kind of name that nobody has taken back. They are stopped and removed. The list is looked at
 * again a little later, for what docker was only just making when the agent was killed.
 */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "common/processes.h"
#include "docker.h"

#define SWEEP_AGAIN_MS (10 * 1000)
#define SWEEPS 3
#define STATE_MAX_BYTES 65536

/* What a state file says. */
struct found {
    char *id, *sandbox, *name, *executor_name;
    bool in_docker, terminal, alive, known;
    pid_t pid;
    uint64_t start_time;
    double overhead_cpus, overhead_mem;
    struct docker_figures figures;
};

struct recovery {
    struct docker *docker;
    struct mesos_call *call;
    char **ids; /* those the agent knows */
    size_t id_count;
    struct found *found;
    size_t count, cap;
};

static void sweep(struct docker *docker);

/* ---- off the thread ---- */

static char *
text_of(const json_t *root, const char *key)
{
    const char *text = json_string_value(json_object_get(root, key));
    return text ? xstrdup(text) : NULL;
}

static bool
lives(const struct found *found)
{
    struct process process;
    return found->pid > 0 && process_read(found->pid, &process) == 0 && process.start_time == found->start_time &&
           process.state != 'Z';
}

static bool
found_read(const char *path, struct found *ret)
{
    auto_buf struct buf text = {0};
    json_t *root = file_read(path, STATE_MAX_BYTES, &text, NULL) < 0 ? NULL : json_loadb(buf_data(&text), text.len, 0, NULL);
    *ret = (struct found){
        .id = text_of(root, "id"),
        .sandbox = text_of(root, "sandbox"),
        .name = text_of(root, "name"),
        .executor_name = text_of(root, "executor_name"),
        .in_docker = json_is_true(json_object_get(root, "in_docker")),
        .terminal = json_is_true(json_object_get(root, "terminal")),
        .pid = (pid_t)json_integer_value(json_object_get(root, "pid")),
        .start_time = (uint64_t)json_integer_value(json_object_get(root, "start_time")),
        .overhead_cpus = json_number_value(json_object_get(root, "overhead_cpus")),
        .overhead_mem = json_number_value(json_object_get(root, "overhead_mem")),
        .figures = {
            .cpu_shares = (uint64_t)json_integer_value(json_object_get(root, "cpu_shares")),
            .cpu_quota = (uint64_t)json_integer_value(json_object_get(root, "cpu_quota")),
            .memory = (uint64_t)json_integer_value(json_object_get(root, "memory")),
            .memory_reservation = (uint64_t)json_integer_value(json_object_get(root, "memory_reservation")),
        },
    };
    json_decref(root);
    return ret->id && ret->sandbox && ret->name;
}

static void
found_fini(struct found *found)
{
    free(found->id);
    free(found->sandbox);
    free(found->name);
    free(found->executor_name);
}

static bool
agent_knows(const struct recovery *recovery, const char *id)
{
    for (size_t i = 0; i < recovery->id_count; i++) {
        if (strcmp(recovery->ids[i], id) == 0)
            return true;
    }
    return false;
}

/* What sessions of the earlier agent left in containers that go on. */
static void
end_sessions(const struct recovery *recovery)
{
    struct processes all;
    if (recovery->count == 0 || processes_read(&all) < 0)
        return;
    for (size_t at = 0; at < all.count; at++) {
        auto_free char *id = process_environment(all.items[at].pid, "MESOS_CONTAINER_ID");
        const char *dot = id ? strchr(id, '.') : NULL;
        for (size_t i = 0; dot && i < recovery->count; i++) {
            const char *root = recovery->found[i].id;
            if (strlen(root) == (size_t)(dot - id) && memcmp(root, id, (size_t)(dot - id)) == 0)
                kill(all.items[at].pid, SIGKILL);
        }
    }
    processes_fini(&all);
}

static void
take_entry(struct recovery *recovery, const char *name)
{
    auto_free char *path = xasprintf("%s/%s", recovery->docker->state_dir, name);
    struct found found;
    struct str text = str_of(name);
    if (str_ends(text, STR_LIT(".sock"))) {
        unlink(path);
        return;
    }
    if (str_ends(text, STR_LIT(".login"))) {
        dir_remove(path, NULL);
        return;
    }
    if (!str_ends(text, STR_LIT(".json")))
        return;
    if (!found_read(path, &found)) {
        found_fini(&found);
        unlink(path);
        return;
    }
    found.alive = lives(&found);
    found.known = agent_knows(recovery, found.id);
    if (!found.alive || !found.known)
        unlink(path);
    if (recovery->count == recovery->cap) {
        recovery->cap = recovery->cap ? 2 * recovery->cap : 16;
        recovery->found = xreallocarray(recovery->found, recovery->cap, sizeof *recovery->found);
    }
    recovery->found[recovery->count++] = found;
}

static void
recovery_work(void *arg)
{
    struct recovery *recovery = arg;
    DIR *directory = opendir(recovery->docker->state_dir);
    const struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        take_entry(recovery, entry->d_name);
    if (directory)
        closedir(directory);
    end_sessions(recovery);
}

/* ---- on the loop ---- */

static void
recovery_free(struct recovery *recovery)
{
    for (size_t i = 0; i < recovery->count; i++)
        found_fini(&recovery->found[i]);
    for (size_t i = 0; i < recovery->id_count; i++)
        free(recovery->ids[i]);
    free(recovery->found);
    free(recovery->ids);
    free(recovery);
}

static void
take_back(struct docker *docker, const struct found *found)
{
    struct container *container = container_new(docker, found->id, found->sandbox);
    container->executor_name = found->executor_name ? xstrdup(found->executor_name) : NULL;
    container->in_docker = found->in_docker;
    container->terminal = found->terminal;
    container->pid = found->pid;
    container->start_time = found->start_time;
    container->overhead_cpus = found->overhead_cpus;
    container->overhead_mem = found->overhead_mem;
    container->figures = found->figures;
    container->started = true;
    container->asked_status = true;
    container->state = STATE_RUNNING;
    if (docker->host->watch_pid(docker->host, container->pid, on_executor_exited, container) < 0)
        on_executor_exited(container->pid, -1, container);
}

/* Executors whose containers nobody knows any more. */
static void
put_down(struct docker *docker, const struct found *found)
{
    if (!found->alive || found->in_docker)
        return;
    MESOS_LOG(docker->host, WARNING, "killing the executor %d of container %s, which nobody knows", (int)found->pid, found->id);
    kill(found->pid, SIGKILL);
}

static void
recovery_done(void *arg)
{
    struct recovery *recovery = arg;
    struct docker *docker = recovery->docker;
    if (docker->stopped) {
        recovery_free(recovery);
        return;
    }
    for (size_t i = 0; i < recovery->count; i++) {
        const struct found *found = &recovery->found[i];
        if (found->alive && found->known)
            take_back(docker, found);
        else
            put_down(docker, found);
    }
    engine_ask(docker);
    docker->sweeps_left = SWEEPS;
    sweep(docker);
    answer(docker, recovery->call, 0);
    recovery_free(recovery);
}

void
docker_recover(void *instance, const struct mesos_isolator_state *states, size_t count, struct mesos_call *call)
{
    struct docker *docker = instance;
    struct recovery *recovery = xcalloc(1, sizeof *recovery);
    const char *given = docker->host->daemon_option(docker->host, "domain_socket_location");
    auto_free char *socket = given && *given ? xstrdup(given) : xasprintf("%s/agent.sock", docker->host->runtime_dir);
    auto_free char *shown = agent_socket(docker, socket);
    if (!shown)
        MESOS_LOG(docker->host, INFO, "executors in docker containers do not find '%s' again after a restart: %s", socket,
                  strerror(errno));
    recovery->docker = docker;
    recovery->call = call;
    recovery->ids = xcalloc(count + 1, sizeof *recovery->ids);
    for (size_t i = 0; i < count; i++)
        recovery->ids[recovery->id_count++] = xstrdup(states[i].container_id);
    docker->host->offload(docker->host, false, recovery_work, recovery_done, recovery);
}

/* ---- orphans ---- */

struct orphan {
    struct docker *docker;
    char *name;
};

static void
on_orphan_stopped(const struct cli_result *result, void *arg)
{
    struct orphan *orphan = arg;
    if (!cli_well(result) && !cli_says_gone(result))
        MESOS_LOG(orphan->docker->host, WARNING, "docker does not stop the orphan %s: %.*s", orphan->name,
                  STR_ARG(str_trim(result->err)));
    remove_later(orphan->docker, orphan->name, 0);
    free(orphan->name);
    free(orphan);
}

static void
end_orphan(struct docker *docker, struct str name)
{
    struct orphan *orphan = xcalloc(1, sizeof *orphan);
    char seconds[24];
    orphan->docker = docker;
    orphan->name = str_dup(name);
    MESOS_LOG(docker->host, INFO, "stopping and removing the docker container %s, which nobody knows", orphan->name);
    snprintf(seconds, sizeof seconds, "%lld", (long long)((docker->stop_timeout_ms + 999) / 1000));
    const char *const words[] = {"stop", "-t", seconds, orphan->name, NULL};
    if (cli_call(docker, docker->stop_timeout_ms + STOP_EXTRA_MS, on_orphan_stopped, orphan, words))
        return;
    free(orphan->name);
    free(orphan);
}

/* A name of ours: what follows the prefix, without the suffix of executors. */
static bool
is_ours(struct str name, struct str *ret_id)
{
    if (!str_starts(name, STR_LIT(NAME_PREFIX)))
        return false;
    *ret_id = str_n(name.ptr + strlen(NAME_PREFIX), name.len - strlen(NAME_PREFIX));
    if (str_ends(*ret_id, STR_LIT(EXECUTOR_SUFFIX)))
        ret_id->len -= strlen(EXECUTOR_SUFFIX);
    return ret_id->len == 36; /* a UUID: others may call theirs mesos-something, too */
}

static void
look_at(struct docker *docker, struct str line)
{
    struct str id, name = str_trim(str_cut(&line, '\t')), owner = str_trim(line);
    if (!is_ours(name, &id) || map_get(&docker->containers, id) || removal_is_waiting(docker, name))
        return;
    if (owner.len > 0 && docker->work_dir && !str_is(owner, docker->work_dir))
        return; /* another agent's, at the same docker engine */
    end_orphan(docker, name);
}

static void
on_sweep_time(void *arg)
{
    struct docker *docker = arg;
    docker->sweep_timer = NULL;
    sweep(docker);
}

static void
on_listed(const struct cli_result *result, void *arg)
{
    struct docker *docker = arg;
    const struct mesos_host *host = docker->host;
    struct str rest = result->out;
    if (cli_well(result)) {
        docker->sweeps_left--;
        while (rest.len > 0)
            look_at(docker, str_cut(&rest, '\n'));
    } else {
        MESOS_LOG(host, WARNING, "docker does not list its containers, so orphans are not looked for yet: %s%.*s",
                  result->timed_out ? "its client was cut off" : "", STR_ARG(str_trim(result->err)));
    }
    if (docker->sweeps_left > 0)
        docker->sweep_timer = host->timer_start(host, SWEEP_AGAIN_MS, on_sweep_time, docker);
}

static void
sweep(struct docker *docker)
{
    const char *const words[] = {"ps", "-a", "--no-trunc", "--filter", "name=" NAME_PREFIX, "--format",
                                 "{{.Names}}\t{{.Label \"mesos.work_dir\"}}", NULL};
    if (docker->kill_orphans)
        cli_call(docker, PS_TIMEOUT_MS, on_listed, docker, words);
}

void
sweep_stop(struct docker *docker)
{
    if (docker->sweep_timer)
        docker->host->timer_stop(docker->host, docker->sweep_timer);
    docker->sweep_timer = NULL;
}
