/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The docker executor's start: `docker run --detach` with the task's environment, then `docker inspect` until
 * it tells the first process and the addresses, and RUNNING is told with what it said. A run that fails ends
 * the task with the client's words. Called at LAUNCH, by docker_executor.c.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "executor/docker_task.h"
#include "wire/message.h"

enum {
    RUN_TIMEOUT_MS = 120 * 1000,
    INSPECT_AGAIN_MS = 500,
    INSPECT_TRIES = 10, /* before RUNNING is told without what inspect says */
};

static void inspect(struct docker_executor *executor);

/* ---- what runs is looked at ---- */

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

/* What docker says of the container, without the task's secrets: the agent and the master keep updates. */
static char *
hide_secrets(const struct docker_executor *executor, struct str data)
{
    json_t *secrets = json_loads(executor->options.secrets, 0, NULL), *value;
    auto_free const char **names = xcalloc(json_object_size(secrets) + 1, sizeof(*names));
    size_t count = 0;
    const char *name;
    json_object_foreach(secrets, name, value) names[count++] = name;
    char *hidden = docker_state_hide(data, names);
    json_decref(secrets);
    return hidden;
}

static void
tell_running(struct docker_executor *executor, struct str data)
{
    auto_free char *hidden = NULL;
    if (executor->told_running)
        return;
    executor->told_running = true;
    if (executor->options.secrets && data.len > 0) {
        hidden = hide_secrets(executor, data);
        data = str_of(hidden ? hidden : "");
    }
    /* Data is text to those who read it: no byte that is none. */
    docker_executor_report(executor, MESOS__V1__TASK_STATE__TASK_RUNNING, NULL, 0, data);
    docker_executor_start_checks(executor);
    if (executor->task->max_completion_time)
        loop_timer_start_ns(&executor->completion_timer, executor->task->max_completion_time->nanoseconds);
}

void
docker_executor_on_inspect_timer(void *arg)
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
        docker_executor_wait(executor);
        return;
    }
    auto_free char *text = err.code ? xstrdup(err.text) : docker_result_text(result);
    log_error("Failed to inspect container '%s': %s", executor->options.container, text);
    if (docker_executor_says_gone(result) || ++executor->inspect_tries >= INSPECT_TRIES) {
        tell_running(executor, STR_LIT(""));
        docker_executor_wait(executor);
        return;
    }
    loop_timer_start(&executor->inspect_timer, INSPECT_AGAIN_MS);
}

static void
inspect(struct docker_executor *executor)
{
    if (executor->phase == RUNNING && !executor->inspect)
        executor->inspect = docker_executor_call_inspect(executor, on_inspected);
}

void
docker_executor_on_completion_time(void *arg)
{
    struct docker_executor *executor = arg;
    log_info("Killing task %s which exceeded its maximum completion time", executor->task->task_id->value);
    executor->out_of_time = true;
    docker_executor_kill(executor, docker_executor_grace_ms(executor, NULL));
}

/* ---- docker run ---- */

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
        docker_executor_start_logs(executor, false);
        inspect(executor);
        if (executor->killed)
            docker_executor_kill(executor, docker_executor_grace_ms(executor, NULL));
        return;
    }
    executor->run_failed = true;
    if (result->timed_out) {
        docker_executor_ended(
            executor, -1,
            xasprintf("Failed to run docker container: docker run did not end within %d seconds",
                      RUN_TIMEOUT_MS / 1000));
        return;
    }
    auto_free char *said = words(result->err);
    docker_executor_ended(executor, 125,
                          xasprintf("Container exited with status %d: %s",
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
variables_of_json(struct variables *variables, const char *json)
{
    json_t *root = json ? json_loads(json, 0, NULL) : NULL, *item;
    const char *key;
    json_object_foreach(root, key, item) if (json_is_string(item))
        variable(variables, key, json_string_value(item));
    json_decref(root);
}

static void
gather_environment(const struct docker_executor *executor, struct variables *own, struct variables *more)
{
    const Mesos__V1__TaskInfo *task = executor->task;
    variables_of_json(more, executor->options.task_environment);
    for (size_t i = 0; task->command->environment && i < task->command->environment->n_variables; i++) {
        const Mesos__V1__Environment__Variable *v = task->command->environment->variables[i];
        if (v->has_type && v->type == MESOS__V1__ENVIRONMENT__VARIABLE__TYPE__SECRET)
            continue; /* the containerizer has resolved it */
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
    struct variables own = {.arena = arena}, more = {.arena = arena}, secrets = {.arena = arena};
    struct docker_argv argv;
    auto_fd int env_fd = -1;
    if (!task->container || task->container->type != MESOS__V1__CONTAINER_INFO__TYPE__DOCKER ||
        !task->command)
        return err_set(err, -EINVAL, "the task has no docker container and command");
    gather_environment(executor, &own, &more);
    variables_of_json(&secrets, executor->options.secrets);
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
        .secrets = secrets.items,
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

void
docker_executor_launch(struct docker_executor *executor, const Mesos__V1__TaskInfo *task)
{
    struct err err = {0};
    if (executor->task) {
        Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
        char message[] = "Attempted to run multiple tasks using a \"docker\" executor";
        status.state = MESOS__V1__TASK_STATE__TASK_FAILED;
        status.message = message;
        docker_executor_add_update(executor, task->task_id->value, &status);
        return;
    }
    executor->task = message_dup(task, executor->arena);
    log_info("Starting task %s", task->task_id->value);
    docker_executor_report(executor, MESOS__V1__TASK_STATE__TASK_STARTING, NULL, 0, STR_LIT(""));
    executor->phase = STARTING;
    if (start_run(executor, &err)) {
        log_error("%s", err.text);
        executor->run_failed = true;
        docker_executor_ended(executor, -1, xasprintf("Failed to run docker container: %s", err.text));
    }
}
