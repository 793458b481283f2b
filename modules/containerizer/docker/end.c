/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a container: its executor is killed, docker is told to stop what it runs, then to kill it, and what a docker
 * that does not answer leaves alive is killed by what it has in its environment. Then whoever waits is told, and after
 * --docker_remove_delay docker removes it. Each step has a time-out, so an end is always reached.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include "common/processes.h"
#include "docker.h"

#define EXECUTOR_GRACE_MS (10 * 1000) /* for a process that was sent SIGKILL */
#define REMOVE_AGAIN_MS (60 * 1000)
#define REMOVE_TRIES 10
#define LATE_MS (5 * 1000) /* docker may still be about to make what it does not know yet */
#define KILL_ROUNDS 20

enum step { STEP_NONE, STEP_EXECUTOR, STEP_DOCKER, STEP_DONE };

struct removal {
    struct list in_docker;
    struct docker *docker;
    char *name;
    struct mesos_timer *timer;
    unsigned tries;
};

/* ---- removal ---- */

static void
removal_free(struct removal *removal)
{
    const struct mesos_host *host = removal->docker->host;
    if (removal->timer)
        host->timer_stop(host, removal->timer);
    list_remove(&removal->in_docker);
    free(removal->name);
    free(removal);
}

static void on_removal_time(void *arg);

static void
on_removed(const struct cli_result *result, void *arg)
{
    struct removal *removal = arg;
    const struct mesos_host *host = removal->docker->host;
    if (cli_well(result) || cli_says_gone(result) || ++removal->tries >= REMOVE_TRIES) {
        if (!cli_well(result) && !cli_says_gone(result))
            MESOS_LOG(host, ERROR, "docker does not remove container %s: %.*s", removal->name,
                      STR_ARG(str_trim(result->err)));
        removal_free(removal);
        return;
    }
    removal->timer = host->timer_start(host, REMOVE_AGAIN_MS, on_removal_time, removal);
}

static void
on_removal_time(void *arg)
{
    struct removal *removal = arg;
    const char *const words[] = {"rm", "-f", "-v", removal->name, NULL};
    removal->timer = NULL;
    if (!cli_call(removal->docker, REMOVE_TIMEOUT_MS, on_removed, removal, words))
        removal->timer = removal->docker->host->timer_start(removal->docker->host, REMOVE_AGAIN_MS, on_removal_time, removal);
}

void
remove_later(struct docker *docker, const char *name, int64_t delay_ms)
{
    struct removal *removal = xcalloc(1, sizeof *removal);
    removal->docker = docker;
    removal->name = xstrdup(name);
    list_push(&docker->removals, &removal->in_docker);
    removal->timer = docker->host->timer_start(docker->host, delay_ms, on_removal_time, removal);
}

bool
removal_is_waiting(const struct docker *docker, struct str name)
{
    const struct removal *removal;
    list_foreach(removal, &docker->removals, in_docker)
    {
        if (str_is(name, removal->name))
            return true;
    }
    return false;
}

void
removals_stop(struct docker *docker)
{
    while (!list_empty(&docker->removals))
        removal_free(list_first(&docker->removals, struct removal, in_docker));
}

/* ---- what docker does not kill ---- */

struct hunt {
    struct docker *docker;
    char *variable, *value;
    int signo;
    unsigned found;
    void (*done)(void *arg, unsigned found);
    void *arg;
};

static unsigned
hunt_once(const struct hunt *hunt)
{
    struct processes all;
    unsigned found = 0;
    if (processes_read(&all) < 0)
        return 0;
    for (size_t i = 0; i < all.count; i++) {
        const struct process *p = &all.items[i];
        auto_free char *value = p->state == 'Z' ? NULL : process_environment(p->pid, hunt->variable);
        if (!value || strcmp(value, hunt->value) != 0)
            continue;
        found++;
        kill(p->pid, hunt->signo);
    }
    processes_fini(&all);
    return found;
}

static void
hunt_work(void *arg)
{
    struct hunt *hunt = arg;
    const struct timespec pause = {0, 20 * 1000 * 1000};
    for (unsigned round = 0; round < KILL_ROUNDS; round++) {
        unsigned found = hunt_once(hunt);
        hunt->found += found;
        if (found == 0 || hunt->signo != SIGKILL)
            return;
        nanosleep(&pause, NULL);
    }
}

static void
hunt_done(void *arg)
{
    struct hunt *hunt = arg;
    if (!hunt->docker->stopped)
        hunt->done(hunt->arg, hunt->found);
    free(hunt->variable);
    free(hunt->value);
    free(hunt);
}

void
kill_by_environment(struct docker *docker, const char *variable, const char *value, int signo,
                    void (*done)(void *arg, unsigned found), void *arg)
{
    struct hunt *hunt = xcalloc(1, sizeof *hunt);
    *hunt = (struct hunt){docker, xstrdup(variable), xstrdup(value), signo, 0, done, arg};
    docker->host->offload(docker->host, false, hunt_work, hunt_done, hunt);
}

/* ---- the end ---- */

static void
drop_sessions(struct container *root)
{
    struct container *session;
    map_foreach(session, &root->docker->containers)
    {
        if (session->parent != root)
            continue;
        if (session->launch)
            answer_fail(root->docker, take(&session->launch), -ECANCELED, "its container has ended");
        if (session->state != STATE_ENDED) {
            session->has_status = true;
            session->status = SIGKILL;
        }
        owed_answer(session, &session->waits);
        owed_answer(session, &session->destroys);
        container_free(session);
    }
}

static void
finish(struct container *container)
{
    struct docker *docker = container->docker;
    const struct mesos_containerizer_services *services = docker->services;
    void *logger;
    const struct mesos_container_logger_ops *ops = services->logger_ops(services->self, &logger);
    container->step = STEP_DONE;
    drop_sessions(container);
    if (ops && ops->cleanup)
        ops->cleanup(logger, container->id);
    state_remove(container);
    if (container->started) {
        remove_later(docker, container->name, docker->remove_delay_ms);
        if (container->executor_name)
            remove_later(docker, container->executor_name, docker->remove_delay_ms);
    }
    owed_answer(container, &container->waits);
    owed_answer(container, &container->destroys);
    container_free(container);
}

/* An executor in docker: how has it ended? */
static void
on_code(const struct cli_result *result, void *arg)
{
    struct container *container = arg;
    uint64_t code;
    container->cli = NULL;
    container->has_status = cli_well(result) && str_to_u64(str_trim(result->out), &code) == 0 && code <= 255;
    if (container->has_status)
        container->status = (int)(code << 8);
    finish(container);
}

static void
gone(struct container *container)
{
    if (!container->in_docker) {
        finish(container);
        return;
    }
    const char *const words[] = {"inspect", "--type=container", "--format", "{{.State.ExitCode}}", own_name(container), NULL};
    container->cli = cli_call(container->docker, INSPECT_TIMEOUT_MS, on_code, container, words);
    if (!container->cli)
        finish(container);
}

static void
on_hunted(void *arg, unsigned found)
{
    struct docker *docker = ((void **)arg)[0];
    char *id = ((void **)arg)[1];
    struct container *container = container_find(docker, id);
    if (container && found > 0)
        MESOS_LOG(docker->host, WARNING, "container %s: %u times a process was killed that docker did not kill", id, found);
    if (container && container->state == STATE_ENDING && container->step == STEP_DOCKER)
        gone(container);
    free(id);
    free(arg);
}

static void
hunt_for(struct container *container)
{
    void **arg = xcalloc(2, sizeof *arg);
    arg[0] = container->docker;
    arg[1] = xstrdup(container->id);
    kill_by_environment(container->docker, "MESOS_CONTAINER_NAME", container->name, SIGKILL, on_hunted, arg);
}

static void
on_killed(const struct cli_result *result, void *arg)
{
    struct container *container = arg;
    container->cli = NULL;
    if (cli_well(result) || cli_says_gone(result)) {
        gone(container);
        return;
    }
    MESOS_LOG(container->docker->host, ERROR, "docker does not kill container %s: %s%.*s", container->name,
              result->timed_out ? "its client was cut off" : "", STR_ARG(str_trim(result->err)));
    hunt_for(container);
}

static void
on_stopped(const struct cli_result *result, void *arg)
{
    struct container *container = arg;
    container->cli = NULL;
    if (cli_says_gone(result))
        remove_later(container->docker, container->name, LATE_MS);
    if (cli_well(result) || cli_says_gone(result)) {
        gone(container);
        return;
    }
    MESOS_LOG(container->docker->host, WARNING, "docker does not stop container %s: %s%.*s", container->name,
              result->timed_out ? "its client was cut off" : "", STR_ARG(str_trim(result->err)));
    const char *const words[] = {"kill", container->name, container->executor_name, NULL};
    container->cli = cli_call(container->docker, KILL_TIMEOUT_MS, on_killed, container, words);
    if (!container->cli)
        hunt_for(container);
}

static void
stop_docker(struct container *container)
{
    struct docker *docker = container->docker;
    char seconds[24];
    container->step = STEP_DOCKER;
    if (!container->started || container->cleanly) {
        finish(container);
        return;
    }
    if (container->in_docker && container->exited && !container->executor_name && !container->destroy_wanted) {
        gone(container); /* it has ended by itself */
        return;
    }
    snprintf(seconds, sizeof seconds, "%lld", (long long)((docker->stop_timeout_ms + 999) / 1000));
    const char *const words[] = {"stop", "-t", seconds, container->name, container->executor_name, NULL};
    container->cli = cli_call(docker, docker->stop_timeout_ms + STOP_EXTRA_MS, on_stopped, container, words);
    if (!container->cli)
        hunt_for(container);
}

static void
on_executor_stays(void *arg)
{
    struct container *container = arg;
    container->timer = NULL;
    MESOS_LOG(container->docker->host, ERROR, "container %s: its executor %d does not die", container->id, (int)container->pid);
    stop_docker(container);
}

/* Is the pid still the process that we know? */
static bool
is_still_it(const struct container *container)
{
    struct process process;
    if (container->reaped_here)
        return true; /* it is not reaped before we are told */
    return process_read(container->pid, &process) == 0 && process.start_time == container->start_time;
}

/* Also called again when the executor has ended. */
void
end_begin(struct container *container)
{
    const struct mesos_host *host = container->docker->host;
    if (is_session(container)) {
        session_end(container);
        return;
    }
    if (container->state != STATE_ENDING) {
        container->state = STATE_ENDING;
        container->step = STEP_EXECUTOR;
        if (!container->in_docker && container->pid > 0 && !container->exited && is_still_it(container)) {
            kill(container->pid, SIGKILL);
            container->timer = host->timer_start(host, EXECUTOR_GRACE_MS, on_executor_stays, container);
            return;
        }
    } else if (container->step != STEP_EXECUTOR || !container->exited) {
        return;
    }
    if (container->timer)
        host->timer_stop(host, container->timer);
    container->timer = NULL;
    stop_docker(container);
}
