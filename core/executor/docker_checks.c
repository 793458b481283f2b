/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of the docker executor's task: commands run inside the container by `docker exec`, HTTP and TCP
 * in the network of its first process. Begun once RUNNING is told; what they find becomes updates, and a task
 * that stays unhealthy is killed.
 */
#include "base/log.h"
#include "executor/docker_task.h"

static void
on_check_status(Mesos__V1__TaskStatus *status, void *arg)
{
    struct docker_executor *executor = arg;
    Mesos__V1__ContainerStatus container;
    docker_executor_with_network(executor, status, &container);
    docker_executor_add_update(executor, executor->task->task_id->value, status);
}

static void
on_unhealthy(void *arg)
{
    struct docker_executor *executor = arg;
    log_info("Killing task %s, which failed its health check too often", executor->task->task_id->value);
    executor->unhealthy = true;
    docker_executor_kill(executor, docker_executor_grace_ms(executor, NULL));
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

void
docker_executor_start_checks(struct docker_executor *executor)
{
    static const struct task_checks_handler handler = {on_check_status, on_unhealthy};
    const Mesos__V1__ContainerInfo__DockerInfo *docker = executor->task->container->docker;
    bool host =
        !docker->has_network || docker->network == MESOS__V1__CONTAINER_INFO__DOCKER_INFO__NETWORK__HOST;
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
