/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The docker executor's state. `docker run --detach` starts the container, `docker inspect` tells its first process,
 * `docker logs --follow` brings its output to ours, and when that process has ended `docker wait` tells how. An engine
 * that is away for a while only delays the news. Order and texts of updates: recorded exchanges of Mesos's own.
 */
#define _GNU_SOURCE 1
#include "executor/docker_executor.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/log.h"
#include "executor/docker_command.h"
#include "model/docker_state.h"
#include "executor/task_checks.h"
#include "executor/task_updates.h"
#include "wire/message.h"

enum {
    RUN_TIMEOUT_MS = 120 * 1000,
    INSPECT_TIMEOUT_MS = 5 * 1000,
    INSPECT_AGAIN_MS = 500,
    INSPECT_TRIES = 10, /* before RUNNING is told without what inspect says */
    WAIT_TIMEOUT_MS = 10 * 1000,
    WAIT_AGAIN_MS = 1000,
    LOST_MS = 60 * 1000, /* its first process is gone, and no engine says how it ended */
    STOP_EXTRA_MS = 10 * 1000, /* beyond the grace that docker stop was given */
    KILL_AGAIN_MS = 5 * 1000,
    LOGS_FLUSH_MS = 5 * 1000,
    UNACKNOWLEDGED_EXIT_MS = 60 * 1000, /* after the terminal update */
    SHUTDOWN_MARGIN_MS = 1000, /* the agent's grace less this is ours */
};

enum phase { WAITING, STARTING, RUNNING, FLUSHING, ENDED };

struct docker_executor {
    struct loop *loop;
    struct docker_executor_options options;
    struct docker_client client;
    char *host;
    struct agent_link *link;
    struct arena *arena;
    const Mesos__V1__TaskInfo *task;
    enum phase phase;
    struct docker_commands commands;
    struct docker_command *run, *logs, *inspect, *wait, *stop; /* those under way */
    struct docker_state state; /* as last inspected */
    int inspect_tries;
    bool told_running;
    int pid_fd; /* of the container's first process; -1 */
    struct loop_fd *pid_watch;
    int64_t gone_ms; /* when that process was first known to be gone; 0 */
    bool task_acknowledged, tells_killing;
    bool killed, out_of_time, unhealthy, shutting_down, run_failed;
    int64_t stop_due_ms; /* when docker kills it, by the stop under way */
    int exit_code; /* -1: not known */
    char *end_message;
    int end_reason;
    struct task_checks *checks;
    struct task_updates updates;
    Mesos__V1__NetworkInfo *network; /* where it is reached, NULL = at the agent's address */
    struct loop_timer inspect_timer, wait_timer, kill_timer, flush_timer, logs_timer, completion_timer, exit_timer;
};

static void inspect(struct docker_executor *executor);
static void wait_for_end(struct docker_executor *executor);
static void begin_kill(struct docker_executor *executor, int64_t grace_ms);
static int64_t grace_of(const struct docker_executor *executor, const Mesos__V1__KillPolicy *policy);

/* ---- updates ---- */

static void
add_update(struct docker_executor *executor, const char *task_id, Mesos__V1__TaskStatus *status)
{
    Mesos__V1__TaskID id = MESOS__V1__TASK_ID__INIT;
    id.value = (char *)(uintptr_t)task_id;
    status->task_id = &id;
    task_updates_send(&executor->updates, status);
}

static void
with_network(const struct docker_executor *executor, Mesos__V1__TaskStatus *status,
             Mesos__V1__ContainerStatus *container)
{
    if (!executor->network || status->state != MESOS__V1__TASK_STATE__TASK_RUNNING)
        return;
    mesos__v1__container_status__init(container);
    container->network_infos = (Mesos__V1__NetworkInfo **)(uintptr_t)&executor->network;
    container->n_network_infos = 1;
    status->container_status = container;
}

static void
report(struct docker_executor *executor, Mesos__V1__TaskState state, const char *message, int reason, struct str data)
{
    auto_arena struct arena *arena = arena_new(256);
    Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
    Mesos__V1__ContainerStatus container;
    status.state = state;
    status.message = (char *)(uintptr_t)message;
    status.has_reason = reason != 0;
    status.reason = (Mesos__V1__TaskStatus__Reason)reason;
    status.has_data = data.len > 0;
    status.data = (ProtobufCBinaryData){data.len, (uint8_t *)(uintptr_t)data.ptr};
    status.check_status = task_checks_nothing_yet(executor->task, arena);
    status.has_healthy = executor->phase == ENDED && executor->unhealthy;
    status.healthy = false;
    with_network(executor, &status, &container);
    add_update(executor, executor->task->task_id->value, &status);
}

static void
finish(struct docker_executor *executor)
{
    loop_stop(executor->loop);
}

static void
on_acknowledged(struct docker_executor *executor, const Mesos__V1__Executor__Event__Acknowledged *acknowledged)
{
    if (task_updates_acknowledged(&executor->updates, acknowledged))
        executor->task_acknowledged = true;
    if (executor->phase == ENDED && task_updates_empty(&executor->updates))
        finish(executor);
}

static void
on_exit_timer(void *arg)
{
    log_warning("The terminal update was not acknowledged in time; leaving");
    finish(arg);
}

/* ---- the end ---- */

static void
end(struct docker_executor *executor)
{
    Mesos__V1__TaskState state = MESOS__V1__TASK_STATE__TASK_FAILED;
    int reason = executor->end_reason;
    executor->phase = ENDED;
    docker_command_cancel(executor->logs);
    docker_command_cancel(executor->stop);
    docker_command_cancel(executor->inspect);
    executor->logs = executor->stop = executor->inspect = NULL;
    task_checks_free(executor->checks);
    executor->checks = NULL;
    loop_timer_stop(&executor->kill_timer);
    loop_timer_stop(&executor->completion_timer);
    loop_timer_stop(&executor->inspect_timer);
    loop_timer_stop(&executor->flush_timer);
    loop_timer_stop(&executor->logs_timer);
    if (executor->out_of_time)
        reason = MESOS__V1__TASK_STATUS__REASON__REASON_MAX_COMPLETION_TIME_REACHED;
    else if (executor->exit_code == 0)
        state = MESOS__V1__TASK_STATE__TASK_FINISHED;
    else if (executor->killed)
        state = MESOS__V1__TASK_STATE__TASK_KILLED;
    log_info("%s", executor->end_message);
    report(executor, state, executor->end_message, reason, STR_LIT(""));
    if (agent_link_subscribed(executor->link))
        loop_timer_start(&executor->exit_timer, UNACKNOWLEDGED_EXIT_MS);
    else if (!executor->options.agent.checkpoint)
        finish(executor);
}

static void
on_flush_timer(void *arg)
{
    end(arg);
}

/* All is known but the last of its output. */
static void
ended(struct docker_executor *executor, int code, char *message)
{
    if (executor->phase == FLUSHING || executor->phase == ENDED) {
        free(message);
        return;
    }
    if (!executor->told_running && !executor->run_failed) {
        executor->told_running = true;
        report(executor, MESOS__V1__TASK_STATE__TASK_RUNNING, NULL, 0, STR_LIT(""));
    }
    executor->phase = FLUSHING;
    executor->exit_code = code;
    executor->end_message = message;
    task_checks_pause(executor->checks);
    loop_timer_stop(&executor->wait_timer);
    loop_timer_stop(&executor->logs_timer);
    docker_command_cancel(executor->wait);
    executor->wait = NULL;
    loop_timer_start(&executor->flush_timer, executor->logs ? LOGS_FLUSH_MS : 0);
}

static void
on_last_state(const struct docker_result *result, void *arg)
{
    struct docker_executor *executor = arg;
    struct docker_state state;
    executor->inspect = NULL;
    int code = executor->exit_code;
    executor->exit_code = -1;
    if (docker_well(result) && docker_state_read(result->out, &state, NULL) == 0 && state.oom_killed) {
        executor->end_reason = MESOS__V1__TASK_STATUS__REASON__REASON_CONTAINER_LIMITATION_MEMORY;
        ended(executor, code, xasprintf("Container exited with status %d: it reached its memory limit", code));
        return;
    }
    ended(executor, code, xasprintf("Container exited with status %d", code));
}

static struct docker_command *
call_docker(struct docker_executor *executor, const struct docker_argv *argv, int64_t timeout_ms, docker_done_fn *done)
{
    struct docker_call call = {.argv = argv, .env_fd = -1, .timeout_ms = timeout_ms};
    return docker_command_start(&executor->commands, &call, done, executor);
}

static struct docker_command *
call_inspect(struct docker_executor *executor, docker_done_fn *done)
{
    struct docker_argv argv;
    docker_argv_init(&argv, &executor->client);
    docker_argv_add(&argv, "inspect");
    docker_argv_add(&argv, "--type=container");
    docker_argv_add(&argv, "%s", executor->options.container);
    struct docker_command *command = call_docker(executor, &argv, INSPECT_TIMEOUT_MS, done);
    docker_argv_fini(&argv);
    return command;
}

/* The code is known. One that SIGKILL may have made is looked into: the kernel kills who has too much memory. */
static void
on_code(struct docker_executor *executor, int code)
{
    if (code != 128 + SIGKILL || executor->killed || executor->out_of_time) {
        ended(executor, code, xasprintf("Container exited with status %d", code));
        return;
    }
    executor->exit_code = code;
    docker_command_cancel(executor->inspect);
    executor->inspect = call_inspect(executor, on_last_state);
}

static bool
says_gone(const struct docker_result *result)
{
    auto_free char *text = str_dup(result->err);
    return !result->timed_out && (strcasestr(text, "no such container") || strcasestr(text, "no such object"));
}

/* No code came: what does the engine say of the container? */
static void
on_state_instead(const struct docker_result *result, void *arg)
{
    struct docker_executor *executor = arg;
    struct docker_state state;
    executor->inspect = NULL;
    if (docker_well(result) && docker_state_read(result->out, &state, NULL) == 0) {
        if (!state.running && strcmp(state.status, "restarting") != 0) {
            on_code(executor, state.exit_code);
            return;
        }
        executor->state = state;
        executor->gone_ms = 0;
    } else if (says_gone(result)) {
        ended(executor, -1, xstrdup("The container was removed by somebody else"));
        return;
    } else if (executor->gone_ms && loop_now_ms(executor->loop) - executor->gone_ms > LOST_MS) {
        auto_free char *text = docker_result_text(result);
        ended(executor, -1, xasprintf("Failed to get exit status of container: docker inspect %s", text));
        return;
    }
    loop_timer_start(&executor->wait_timer, WAIT_AGAIN_MS);
}

static void
on_waited(const struct docker_result *result, void *arg)
{
    struct docker_executor *executor = arg;
    uint64_t code;
    executor->wait = NULL;
    if (docker_well(result) && str_to_u64(str_trim(result->out), &code) == 0 && code <= 255) {
        on_code(executor, (int)code);
        return;
    }
    if (!result->timed_out)
        log_warning("docker wait does not tell the exit status: %.*s", STR_ARG(result->err));
    if (!executor->inspect)
        executor->inspect = call_inspect(executor, on_state_instead);
}

static void
call_wait(struct docker_executor *executor)
{
    struct docker_argv argv;
    if (executor->wait || executor->phase != RUNNING)
        return;
    docker_argv_init(&argv, &executor->client);
    docker_argv_add(&argv, "wait");
    docker_argv_add(&argv, "%s", executor->options.container);
    executor->wait = call_docker(executor, &argv, WAIT_TIMEOUT_MS, on_waited);
    docker_argv_fini(&argv);
}

static void
pid_forget(struct docker_executor *executor)
{
    loop_fd_unwatch(executor->pid_watch);
    executor->pid_watch = NULL;
    close_at(&executor->pid_fd);
    executor->pid_fd = -1;
}

static void
on_first_process_gone(int fd, int events, void *arg)
{
    struct docker_executor *executor = arg;
    (void)fd;
    (void)events;
    pid_forget(executor);
    executor->gone_ms = loop_now_ms(executor->loop);
    call_wait(executor);
}

static void
on_wait_timer(void *arg)
{
    wait_for_end(arg);
}

/* Its first process is watched where it can be seen: a client per container that only waits would be dear. */
static void
wait_for_end(struct docker_executor *executor)
{
    if (executor->phase != RUNNING || executor->pid_watch)
        return;
    if (executor->state.running && executor->state.pid > 0 && executor->gone_ms == 0)
        executor->pid_fd = (int)syscall(SYS_pidfd_open, executor->state.pid, 0u);
    if (executor->pid_fd >= 0) {
        executor->pid_watch =
            loop_fd_watch(executor->loop, executor->pid_fd, LOOP_READ, on_first_process_gone, executor);
        return;
    }
    if (executor->gone_ms == 0)
        executor->gone_ms = loop_now_ms(executor->loop);
    call_wait(executor);
}

/* ---- its output ---- */

static void start_logs(struct docker_executor *executor, bool since_now);

static void
on_logs_timer(void *arg)
{
    struct docker_executor *executor = arg;
    if (executor->phase == RUNNING && !executor->logs && executor->pid_watch)
        start_logs(executor, true);
}

static void
on_logs_ended(const struct docker_result *result, void *arg)
{
    struct docker_executor *executor = arg;
    (void)result;
    executor->logs = NULL;
    if (executor->phase == FLUSHING)
        loop_timer_start(&executor->flush_timer, 0);
    else if (executor->phase == RUNNING)
        loop_timer_start(&executor->logs_timer, WAIT_AGAIN_MS); /* the engine restarted, or this is the end */
}

static void
start_logs(struct docker_executor *executor, bool since_now)
{
    struct docker_argv argv;
    docker_argv_init(&argv, &executor->client);
    docker_argv_add(&argv, "logs");
    docker_argv_add(&argv, "--follow");
    if (since_now)
        docker_argv_add(&argv, "--since=%.3f", loop_wall_secs(executor->loop) - (double)WAIT_AGAIN_MS / 1000);
    docker_argv_add(&argv, "%s", executor->options.container);
    struct docker_call call = {.argv = &argv, .env_fd = -1, .follows = true};
    executor->logs = docker_command_start(&executor->commands, &call, on_logs_ended, executor);
    docker_argv_fini(&argv);
}

/* ---- checks ---- */

static void
on_check_status(Mesos__V1__TaskStatus *status, void *arg)
{
    struct docker_executor *executor = arg;
    Mesos__V1__ContainerStatus container;
    with_network(executor, status, &container);
    add_update(executor, executor->task->task_id->value, status);
}

static void
on_unhealthy(void *arg)
{
    struct docker_executor *executor = arg;
    log_info("Killing task %s, which failed its health check too often", executor->task->task_id->value);
    executor->unhealthy = true;
    begin_kill(executor, grace_of(executor, NULL));
}

/* The command of a check runs inside the container. */
static struct probe *
probe_inside(void *arg, const Mesos__V1__CommandInfo *command, probe_done_fn *done, void *done_arg)
{
    const struct docker_executor *executor = arg;
    Mesos__V1__CommandInfo outer = MESOS__V1__COMMAND_INFO__INIT;
    struct docker_argv argv;
    bool shell = !command->has_shell || command->shell;
    docker_argv_init(&argv, &executor->client);
    docker_argv_add(&argv, "exec");
    if (command->user) {
        docker_argv_add(&argv, "--user");
        docker_argv_add(&argv, "%s", command->user);
    }
    for (size_t i = 0; command->environment && i < command->environment->n_variables; i++)
        if (command->environment->variables[i]->value) {
            docker_argv_add(&argv, "-e");
            docker_argv_add(&argv, "%s=%s", command->environment->variables[i]->name,
                            command->environment->variables[i]->value);
        }
    docker_argv_add(&argv, "%s", executor->options.container);
    if (shell) {
        docker_argv_add(&argv, "sh");
        docker_argv_add(&argv, "-c");
        docker_argv_add(&argv, "%s", command->value ? command->value : "");
    } else {
        /* As everywhere in Mesos, the first argument is the program's own name. */
        docker_argv_add(&argv, "%s", command->value ? command->value : "");
        for (size_t i = 1; i < command->n_arguments; i++)
            docker_argv_add(&argv, "%s", command->arguments[i]);
    }
    outer.has_shell = true;
    outer.shell = false;
    outer.value = argv.items[0];
    outer.arguments = argv.items;
    outer.n_arguments = argv.count;
    struct probe_tools tools = {.loop = executor->loop};
    struct probe *probe = probe_command(&tools, &outer, done, done_arg);
    docker_argv_fini(&argv);
    return probe;
}

static void
start_checks(struct docker_executor *executor)
{
    static const struct task_checks_handler handler = {on_check_status, on_unhealthy};
    const Mesos__V1__ContainerInfo__DockerInfo *docker = executor->task->container->docker;
    bool host = !docker->has_network || docker->network == MESOS__V1__CONTAINER_INFO__DOCKER_INFO__NETWORK__HOST;
    struct probe_tools tools = {
        .loop = executor->loop,
        .launcher_dir = executor->options.launcher_dir,
        .command = probe_inside,
        .command_arg = executor,
        .network_of = host ? 0 : executor->state.pid,
    };
    executor->checks = task_checks_new(&tools, executor->task, &handler, executor);
    if (executor->killed)
        task_checks_pause(executor->checks);
}

/* ---- the start ---- */

static void
keep_network(struct docker_executor *executor)
{
    const Mesos__V1__ContainerInfo *info = executor->task->container;
    Mesos__V1__NetworkInfo *network = arena_alloc(executor->arena, sizeof(*network));
    const char *addresses[2] = {executor->state.ip, executor->state.ip6};
    if (!*addresses[0] && !*addresses[1])
        return;
    mesos__v1__network_info__init(network);
    if (info->n_network_infos > 0)
        *network = *info->network_infos[0];
    network->n_ip_addresses = 0;
    network->ip_addresses = arena_calloc(executor->arena, 2, sizeof(*network->ip_addresses));
    for (int i = 0; i < 2; i++) {
        if (!*addresses[i])
            continue;
        Mesos__V1__NetworkInfo__IPAddress *address = arena_alloc(executor->arena, sizeof(*address));
        mesos__v1__network_info__ipaddress__init(address);
        address->ip_address = arena_strdup(executor->arena, str_of(addresses[i]));
        network->ip_addresses[network->n_ip_addresses++] = address;
    }
    executor->network = network;
}

static void
tell_running(struct docker_executor *executor, struct str data)
{
    if (executor->told_running)
        return;
    executor->told_running = true;
    /* Data is text to those who read it: no byte that is none. */
    report(executor, MESOS__V1__TASK_STATE__TASK_RUNNING, NULL, 0, data);
    start_checks(executor);
    if (executor->task->max_completion_time)
        loop_timer_start_ns(&executor->completion_timer, executor->task->max_completion_time->nanoseconds);
}

static void
on_inspect_timer(void *arg)
{
    inspect(arg);
}

static void
on_inspected(const struct docker_result *result, void *arg)
{
    struct docker_executor *executor = arg;
    struct err err = {0};
    executor->inspect = NULL;
    if (executor->phase != RUNNING)
        return;
    if (docker_well(result) && docker_state_read(result->out, &executor->state, &err) == 0) {
        keep_network(executor);
        tell_running(executor, result->out);
        wait_for_end(executor);
        return;
    }
    auto_free char *text = err.code ? xstrdup(err.text) : docker_result_text(result);
    log_error("Failed to inspect container '%s': %s", executor->options.container, text);
    if (says_gone(result) || ++executor->inspect_tries >= INSPECT_TRIES) {
        tell_running(executor, STR_LIT(""));
        wait_for_end(executor);
        return;
    }
    loop_timer_start(&executor->inspect_timer, INSPECT_AGAIN_MS);
}

static void
inspect(struct docker_executor *executor)
{
    if (executor->phase == RUNNING && !executor->inspect)
        executor->inspect = call_inspect(executor, on_inspected);
}

static void
on_completion_time(void *arg)
{
    struct docker_executor *executor = arg;
    log_info("Killing task %s which exceeded its maximum completion time", executor->task->task_id->value);
    executor->out_of_time = true;
    begin_kill(executor, grace_of(executor, NULL));
}

/* The client's last words are its own; the first line is worth most. */
static char *
words(struct str text)
{
    text = str_trim(text);
    if (str_starts(text, STR_LIT("docker: ")))
        text = str_n(text.ptr + 8, text.len - 8);
    struct str rest = text, line, first = str_cut(&rest, '\n');
    while (rest.len > 0 && (first.len == 0 || str_starts(first, STR_LIT("WARNING")))) {
        line = str_cut(&rest, '\n');
        if (line.len > 0)
            first = line;
    }
    return str_dup(str_trim(first));
}

static void
on_run_done(const struct docker_result *result, void *arg)
{
    struct docker_executor *executor = arg;
    executor->run = NULL;
    if (result->err.len > 0) {
        fprintf(stderr, "%.*s", STR_ARG(result->err));
        fflush(stderr);
    }
    if (docker_well(result)) {
        executor->phase = RUNNING;
        log_info("Started container %s", executor->options.container);
        start_logs(executor, false);
        inspect(executor);
        if (executor->killed)
            begin_kill(executor, grace_of(executor, NULL));
        return;
    }
    executor->run_failed = true;
    if (result->timed_out) {
        ended(executor, -1, xasprintf("Failed to run docker container: docker run did not end within %d seconds",
                                      RUN_TIMEOUT_MS / 1000));
        return;
    }
    auto_free char *said = words(result->err);
    ended(executor, 125, xasprintf("Container exited with status %d: %s",
                                   WIFEXITED(result->status) ? WEXITSTATUS(result->status) : 125, said));
}

struct variables {
    const char **items;
    size_t count;
    struct arena *arena;
};

static void
variable(struct variables *variables, const char *name, const char *value)
{
    for (size_t i = 0; i < variables->count; i++) {
        size_t len = strlen(name);
        if (strncmp(variables->items[i], name, len) == 0 && variables->items[i][len] == '=') {
            variables->items[i] = arena_printf(variables->arena, "%s=%s", name, value);
            return;
        }
    }
    const char **items = arena_calloc(variables->arena, variables->count + 2, sizeof(*items));
    if (variables->count)
        memcpy(items, variables->items, variables->count * sizeof(*items));
    variables->items = items;
    variables->items[variables->count++] = arena_printf(variables->arena, "%s=%s", name, value);
}

static void
gather_environment(const struct docker_executor *executor, struct variables *own, struct variables *more)
{
    const Mesos__V1__TaskInfo *task = executor->task;
    json_t *root = executor->options.task_environment ? json_loads(executor->options.task_environment, 0, NULL) : NULL;
    json_t *item;
    const char *key;
    json_object_foreach(root, key, item)
        if (json_is_string(item))
            variable(more, key, json_string_value(item));
    json_decref(root);
    for (size_t i = 0; task->command->environment && i < task->command->environment->n_variables; i++) {
        const Mesos__V1__Environment__Variable *v = task->command->environment->variables[i];
        if (v->value)
            variable(more, v->name, v->value);
        else
            log_warning("Environment variable '%s' has no plain value and is left out", v->name);
    }
    if (task->n_resources && task->resources[0]->allocation_info && task->resources[0]->allocation_info->role)
        variable(own, "MESOS_ALLOCATION_ROLE", task->resources[0]->allocation_info->role);
    variable(own, "MESOS_TASK_ID", task->task_id->value); /* monitoring agents look for it in every task */
    variable(own, "MESOS_CONTAINER_NAME", executor->options.container);
    variable(own, "MESOS_SANDBOX", executor->options.mapped_directory);
}

static double
limit_of(const Mesos__V1__TaskInfo *task, const char *name)
{
    for (size_t i = 0; i < task->n_limits; i++)
        if (strcmp(task->limits[i]->key, name) == 0 && task->limits[i]->value)
            return task->limits[i]->value->value;
    return 0;
}

static int
start_run(struct docker_executor *executor, struct err *err)
{
    const Mesos__V1__TaskInfo *task = executor->task;
    auto_arena struct arena *arena = arena_new(1024);
    struct variables own = {.arena = arena}, more = {.arena = arena};
    struct docker_argv argv;
    auto_fd int env_fd = -1;
    if (!task->container || task->container->type != MESOS__V1__CONTAINER_INFO__TYPE__DOCKER || !task->command)
        return err_set(err, -EINVAL, "the task has no docker container and command");
    gather_environment(executor, &own, &more);
    struct docker_run run = {
        .client = &executor->client,
        .name = executor->options.container,
        .sandbox = executor->options.sandbox_directory,
        .mapped = executor->options.mapped_directory,
        .work_dir = executor->options.work_dir,
        .container = task->container,
        .command = task->command,
        .environment = own.items,
        .more = more.items,
        .resources = task->resources,
        .resource_count = task->n_resources,
        .limits = {docker_scalar(task->resources, task->n_resources, "cpus"),
                   docker_scalar(task->resources, task->n_resources, "mem"), limit_of(task, "cpus"),
                   limit_of(task, "mem")},
        .cfs = executor->options.cgroups_enable_cfs,
        .dns = executor->options.default_container_dns,
    };
    if (docker_run_argv(&run, &argv, &env_fd, err))
        return err->code;
    struct docker_call call = {.argv = &argv, .env_fd = env_fd, .timeout_ms = RUN_TIMEOUT_MS};
    executor->run = docker_command_start(&executor->commands, &call, on_run_done, executor);
    docker_argv_fini(&argv);
    return 0;
}

static void
on_launch(struct docker_executor *executor, const Mesos__V1__TaskInfo *task)
{
    struct err err = {0};
    if (executor->task) {
        Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
        char message[] = "Attempted to run multiple tasks using a \"docker\" executor";
        status.state = MESOS__V1__TASK_STATE__TASK_FAILED;
        status.message = message;
        add_update(executor, task->task_id->value, &status);
        return;
    }
    executor->task = message_dup(task, executor->arena);
    log_info("Starting task %s", task->task_id->value);
    report(executor, MESOS__V1__TASK_STATE__TASK_STARTING, NULL, 0, STR_LIT(""));
    executor->phase = STARTING;
    if (start_run(executor, &err)) {
        log_error("%s", err.text);
        executor->run_failed = true;
        ended(executor, -1, xasprintf("Failed to run docker container: %s", err.text));
    }
}

/* ---- killing ---- */

static int64_t
grace_of(const struct docker_executor *executor, const Mesos__V1__KillPolicy *policy)
{
    int64_t grace_ms = executor->options.shutdown_grace_ms;
    if (executor->options.stop_timeout_ms > grace_ms)
        grace_ms = executor->options.stop_timeout_ms;
    if (policy && policy->grace_period)
        return policy->grace_period->nanoseconds / 1000000;
    policy = executor->task ? executor->task->kill_policy : NULL;
    return policy && policy->grace_period ? policy->grace_period->nanoseconds / 1000000 : grace_ms;
}

/* docker stop and docker kill have failed: the engine is not at hand, but the process is. Its end is the container's. */
static void
kill_ourselves(struct docker_executor *executor)
{
    if (executor->pid_fd < 0)
        return;
    log_warning("Killing the container's first process %d, since docker does not", (int)executor->state.pid);
    if (syscall(SYS_pidfd_send_signal, executor->pid_fd, SIGKILL, NULL, 0u) < 0)
        log_error("Cannot kill process %d: %s", (int)executor->state.pid, strerror(errno));
}

static void
on_docker_killed(const struct docker_result *result, void *arg)
{
    struct docker_executor *executor = arg;
    executor->stop = NULL;
    if (executor->phase != RUNNING || docker_well(result))
        return;
    auto_free char *text = docker_result_text(result);
    log_error("Failed to kill container '%s': %s", executor->options.container, text);
    kill_ourselves(executor);
    executor->stop_due_ms = INT64_MAX;
    loop_timer_start(&executor->kill_timer, KILL_AGAIN_MS);
}

static void
on_stopped(const struct docker_result *result, void *arg)
{
    struct docker_executor *executor = arg;
    struct docker_argv argv;
    executor->stop = NULL;
    if (executor->phase != RUNNING || docker_well(result))
        return;
    auto_free char *text = docker_result_text(result);
    log_error("Failed to stop container '%s': %s", executor->options.container, text);
    docker_argv_init(&argv, &executor->client);
    docker_argv_add(&argv, "kill");
    docker_argv_add(&argv, "%s", executor->options.container);
    executor->stop = call_docker(executor, &argv, INSPECT_TIMEOUT_MS, on_docker_killed);
    docker_argv_fini(&argv);
}

static void
call_stop(struct docker_executor *executor, int64_t grace_ms)
{
    struct docker_argv argv;
    docker_command_cancel(executor->stop);
    docker_argv_init(&argv, &executor->client);
    docker_argv_add(&argv, "stop");
    docker_argv_add(&argv, "-t");
    docker_argv_add(&argv, "%lld", (long long)((grace_ms + 999) / 1000));
    docker_argv_add(&argv, "%s", executor->options.container);
    executor->stop_due_ms = loop_now_ms(executor->loop) + grace_ms;
    executor->stop = call_docker(executor, &argv, grace_ms + STOP_EXTRA_MS, on_stopped);
    docker_argv_fini(&argv);
}

static void
on_kill_timer(void *arg)
{
    struct docker_executor *executor = arg;
    if (executor->phase == RUNNING && !executor->stop)
        call_stop(executor, 0);
}

static void
begin_kill(struct docker_executor *executor, int64_t grace_ms)
{
    bool first = !executor->killed;
    if (executor->phase != RUNNING && executor->phase != STARTING)
        return;
    if (grace_ms < 0)
        grace_ms = 0;
    if (grace_ms > INT32_MAX)
        grace_ms = INT32_MAX;
    executor->killed = true;
    if (first) {
        task_checks_pause(executor->checks);
        if (executor->tells_killing && !executor->out_of_time)
            report(executor, MESOS__V1__TASK_STATE__TASK_KILLING, NULL, 0, STR_LIT(""));
    }
    /* A container that docker is just starting is stopped when it has started. */
    if (executor->phase != RUNNING)
        return;
    /* Asked again: a shorter grace counts from now, a longer one does not revive what was promised. */
    if (!executor->stop || loop_now_ms(executor->loop) + grace_ms < executor->stop_due_ms)
        call_stop(executor, grace_ms);
}

static void
on_kill(struct docker_executor *executor, const Mesos__V1__Executor__Event__Kill *kill)
{
    if (!executor->task || strcmp(executor->task->task_id->value, kill->task_id->value) != 0) {
        log_warning("Ignoring KILL of unknown task '%s'", kill->task_id->value);
        return;
    }
    begin_kill(executor, grace_of(executor, kill->kill_policy));
}

void
docker_executor_shutdown(struct docker_executor *executor)
{
    log_info("Shutting down");
    executor->shutting_down = true;
    if (executor->phase == WAITING) {
        finish(executor);
        return;
    }
    int64_t grace_ms = grace_of(executor, NULL), limit_ms = executor->options.shutdown_grace_ms - SHUTDOWN_MARGIN_MS;
    begin_kill(executor, grace_ms < limit_ms ? grace_ms : limit_ms);
}

/* ---- the agent ---- */

static void
on_subscribed(struct docker_executor *executor, const Mesos__V1__Executor__Event__Subscribed *subscribed)
{
    const Mesos__V1__FrameworkInfo *framework = subscribed->framework_info;
    log_info("Registered docker executor on %s", subscribed->agent_info->hostname);
    for (size_t i = 0; i < framework->n_capabilities; i++)
        if (framework->capabilities[i]->has_type &&
            framework->capabilities[i]->type == MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__TASK_KILLING_STATE)
            executor->tells_killing = true;
    if (executor->phase == ENDED) {
        loop_timer_start(&executor->exit_timer, UNACKNOWLEDGED_EXIT_MS);
        if (task_updates_empty(&executor->updates))
            finish(executor);
    }
}

static void
on_event(const Mesos__V1__Executor__Event *event, void *arg)
{
    struct docker_executor *executor = arg;
    int type = event->has_type ? (int)event->type : MESOS__V1__EXECUTOR__EVENT__TYPE__UNKNOWN;
    const ProtobufCEnumValue *name =
        protobuf_c_enum_descriptor_get_value(&mesos__v1__executor__event__type__descriptor, type);
    if (type != MESOS__V1__EXECUTOR__EVENT__TYPE__ACKNOWLEDGED && type != MESOS__V1__EXECUTOR__EVENT__TYPE__HEARTBEAT)
        log_info("Received %s event", name ? name->name : "UNKNOWN");
    if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__SUBSCRIBED && event->subscribed)
        on_subscribed(executor, event->subscribed);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__LAUNCH && event->launch)
        on_launch(executor, event->launch->task);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__KILL && event->kill)
        on_kill(executor, event->kill);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__ACKNOWLEDGED && event->acknowledged)
        on_acknowledged(executor, event->acknowledged);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__SHUTDOWN)
        docker_executor_shutdown(executor);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__ERROR)
        log_error("The agent says: %s", event->error ? event->error->message : "(nothing)");
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__LAUNCH_GROUP)
        log_warning("Ignoring a task group: the docker executor runs one container");
}

static void
on_subscribe(Mesos__V1__Executor__Call__Subscribe *subscribe, struct arena *arena, void *arg)
{
    struct docker_executor *executor = arg;
    task_updates_repeat(&executor->updates, subscribe, arena);
    if (executor->task && !executor->task_acknowledged) {
        subscribe->unacknowledged_tasks = arena_calloc(arena, 1, sizeof(*subscribe->unacknowledged_tasks));
        subscribe->unacknowledged_tasks[0] = message_dup(executor->task, arena);
        subscribe->n_unacknowledged_tasks = 1;
    }
}

static void
on_lost(const struct err *why, void *arg)
{
    struct docker_executor *executor = arg;
    log_info("Disconnected from the agent: %s", why->code ? why->text : "connection closed");
    loop_timer_stop(&executor->exit_timer);
    if (executor->options.agent.checkpoint && !(executor->shutting_down && executor->phase == ENDED))
        return;
    log_info("The framework does not checkpoint: nobody waits for this task");
    if (executor->phase == WAITING || executor->phase == ENDED)
        finish(executor);
    else
        docker_executor_shutdown(executor);
}

/* The container must not stay without anybody who knows of it. */
static void
on_given_up(const struct err *why, void *arg)
{
    struct docker_executor *executor = arg;
    log_error("Giving up: %s", why->text);
    executor->options.agent.checkpoint = false;
    if (executor->phase == WAITING || executor->phase == ENDED)
        finish(executor);
    else
        begin_kill(executor, 0);
}

/* ---- life ---- */

void
docker_executor_reap(struct docker_executor *executor)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (!docker_commands_reap(&executor->commands, pid, status))
            task_checks_reap(executor->checks, pid, status);
}

bool
docker_executor_is_clean(const struct docker_executor *executor)
{
    return executor->phase == WAITING || (executor->phase == ENDED && executor->exit_code >= 0);
}

static int
check_options(const struct docker_executor_options *options, struct err *err)
{
    json_error_t why;
    json_t *root = NULL;
    int rc = 0;
    if (options->task_environment) {
        root = json_loads(options->task_environment, 0, &why);
        if (!json_is_object(root))
            rc = err_set(err, -EINVAL, "--task_environment is no JSON object: %s", root ? "another value" : why.text);
        json_decref(root);
    }
    if (rc == 0 && options->default_container_dns) {
        root = json_loads(options->default_container_dns, 0, &why);
        if (!json_is_object(root))
            rc = err_set(err, -EINVAL, "--default_container_dns is no JSON object: %s", root ? "another value" : why.text);
        json_decref(root);
    }
    return rc;
}

struct docker_executor *
docker_executor_new(struct loop *loop, const struct docker_executor_options *options, struct err *err)
{
    static const struct agent_link_handler handler = {on_subscribe, on_event, on_lost, on_given_up};
    if (check_options(options, err))
        return NULL;
    struct docker_executor *executor = xcalloc(1, sizeof(*executor));
    executor->loop = loop;
    executor->options = *options;
    executor->arena = arena_new(1024);
    executor->host = docker_host(options->docker_socket);
    executor->client = (struct docker_client){options->docker, executor->host, docker_version(str_of(options->engine_version))};
    executor->pid_fd = executor->exit_code = -1;
    docker_commands_init(&executor->commands, loop);
    task_updates_init(&executor->updates, loop, executor->options.agent.executor_id);
    loop_timer_init(&executor->inspect_timer, loop, on_inspect_timer, executor);
    loop_timer_init(&executor->wait_timer, loop, on_wait_timer, executor);
    loop_timer_init(&executor->kill_timer, loop, on_kill_timer, executor);
    loop_timer_init(&executor->flush_timer, loop, on_flush_timer, executor);
    loop_timer_init(&executor->logs_timer, loop, on_logs_timer, executor);
    loop_timer_init(&executor->completion_timer, loop, on_completion_time, executor);
    loop_timer_init(&executor->exit_timer, loop, on_exit_timer, executor);
    executor->link = agent_link_new(loop, &executor->options.agent, &handler, executor);
    executor->updates.link = executor->link;
    return executor;
}

void
docker_executor_free(struct docker_executor *executor)
{
    if (!executor)
        return;
    task_checks_free(executor->checks);
    docker_commands_fini(&executor->commands);
    pid_forget(executor);
    task_updates_fini(&executor->updates);
    loop_timer_stop(&executor->inspect_timer);
    loop_timer_stop(&executor->wait_timer);
    loop_timer_stop(&executor->kill_timer);
    loop_timer_stop(&executor->flush_timer);
    loop_timer_stop(&executor->logs_timer);
    loop_timer_stop(&executor->completion_timer);
    loop_timer_stop(&executor->exit_timer);
    agent_link_free(executor->link);
    arena_free(executor->arena);
    free(executor->end_message);
    free(executor->host);
    free(executor);
}
