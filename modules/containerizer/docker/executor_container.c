/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An executor in a docker container of its own: a framework's, or ours with --docker_mesos_image. `docker
 * run` starts it, its output is followed into the sandbox, and its first process is watched as any
 * executor's.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "common/processes.h"
#include "docker.h"
#include "launch.h"

/* ---- it has started ---- */

static void
on_follower_exited(pid_t pid, int status, void *arg)
{
}

static void
follow_output(struct container *container)
{
    struct docker *docker = container->docker;
    struct docker_argv argv;
    docker_argv_init(&argv, &docker->client);
    docker_argv_add(&argv, "logs");
    docker_argv_add(&argv, "--follow");
    docker_argv_add(&argv, "%s", own_name(container));
    const int fds[] = {-1, container->out_fd, container->err_fd};
    union {
        char **from;
        const char *const *to;
    } words = {.from = argv.items}, environment = {.from = docker->environment};
    struct mesos_spawn spawn = {
        .size = sizeof spawn,
        .argv = words.to,
        .environment = environment.to,
        .directory = "/",
        .fds = fds,
        .fd_count = 3,
        .new_session = 1,
    };
    pid_t pid;
    /* The agent does not take it along, and nobody waits for it: it ends with the container's output. */
    int rc = docker->host->spawn(docker->host, &spawn, on_follower_exited, NULL, &pid);
    docker_argv_fini(&argv);
    if (rc < 0)
        MESOS_LOG(docker->host, WARNING, "container %s: its output is not followed: %s", container->id,
                  strerror(-rc));
}

static int
pid_checkpoint(const struct container *container, struct err *err)
{
    char text[16];
    if (!container->pid_path)
        return 0;
    snprintf(text, sizeof text, "%d", (int)container->pid);
    return file_replace(container->pid_path, text, strlen(text), 0644, false, err);
}

static void
on_started_state(const struct cli_result *result, void *arg)
{
    struct container *container = arg;
    struct docker *docker = container->docker;
    struct process process;
    struct err err = {0};
    container->cli = NULL;
    if (!cli_well(result) || docker_state_read(result->out, &container->inspected, &err) < 0) {
        auto_free char *text = xasprintf("Failed to inspect container '%s': %s%.*s", own_name(container),
                                         err.text, STR_ARG(str_trim(result->err)));
        launch_fail(container, -EIO, text);
        return;
    }
    container->pid = container->inspected.pid;
    if (container->pid > 0 && process_read(container->pid, &process) == 0) {
        container->start_time = process.start_time;
        if (docker->host->watch_pid(docker->host, container->pid, on_executor_exited, container) < 0)
            container->exited = true;
    } else {
        container->exited = true;
    }
    if (pid_checkpoint(container, &err) < 0 || state_write(container, &err) < 0) {
        launch_fail(container, err.code, err.text);
        return;
    }
    if (!launch_unwanted(container, "its start"))
        launch_done(container);
}

static void
on_run(const struct cli_result *result, void *arg)
{
    struct container *container = arg;
    container->cli = NULL;
    if (!cli_well(result)) {
        auto_free char *text =
            result->timed_out
                ? xasprintf("Failed to run docker container: docker run did not end within %d seconds",
                            RUN_TIMEOUT_MS / 1000)
                : xasprintf("Failed to run docker container: %.*s", STR_ARG(str_trim(result->err)));
        launch_fail(container, -EIO, text);
        return;
    }
    follow_output(container);
    const char *const words[] = {"inspect", "--type=container", own_name(container), NULL};
    container->cli = cli_call(container->docker, INSPECT_TIMEOUT_MS, on_started_state, container, words);
    if (!container->cli)
        launch_fail(container, -EAGAIN, "Failed to inspect the docker container: no client started");
}

/* ---- its command line ---- */

static const char *
variable_of(const struct container *container, const char *name)
{
    size_t len = strlen(name);
    for (char **item = container->environment; item && *item; item++) {
        if (strncmp(*item, name, len) == 0 && (*item)[len] == '=')
            return *item + len + 1;
    }
    return NULL;
}

/* Those of the agent's that mean something inside: not its PATH and HOME. */
static const char **
inner_environment(const struct container *container, const char *socket)
{
    size_t count = 0;
    while (container->environment[count])
        count++;
    const char **items = xcalloc(count + 1, sizeof *items);
    count = 0;
    for (char **item = container->environment; *item; item++) {
        const char *name = *item;
        const Mesos__V1__Environment *wanted = container->config->command_info->environment;
        bool given = false;
        for (size_t i = 0; wanted && i < wanted->n_variables && !given; i++) {
            size_t len = strlen(wanted->variables[i]->name);
            given = strncmp(wanted->variables[i]->name, name, len) == 0 && name[len] == '=';
        }
        if ((strncmp(name, "PATH=", 5) == 0 && !given) || strncmp(name, "MESOS_SANDBOX=", 14) == 0 ||
            (socket && strncmp(name, "MESOS_DOMAIN_SOCKET=", 20) == 0))
            continue;
        items[count++] = name;
    }
    return items;
}

struct synthetic { /* the container of our own executor, with --docker_mesos_image */
    Mesos__V1__ContainerInfo info;
    Mesos__V1__ContainerInfo__DockerInfo docker;
    Mesos__V1__CommandInfo command;
};

static void
synthesize(const struct container *container, struct synthetic *made, const struct docker_argv *flags)
{
    const struct docker *docker = container->docker;
    mesos__v1__container_info__init(&made->info);
    mesos__v1__container_info__docker_info__init(&made->docker);
    mesos__v1__command_info__init(&made->command);
    made->info.type = MESOS__V1__CONTAINER_INFO__TYPE__DOCKER;
    made->info.docker = &made->docker;
    made->docker.image = docker->mesos_image;
    made->docker.has_network = true;
    made->docker.network = MESOS__V1__CONTAINER_INFO__DOCKER_INFO__NETWORK__HOST;
    made->command.has_shell = true;
    made->command.shell = false;
    made->command.value = docker->helper;
    made->command.arguments = flags->items;
    made->command.n_arguments = flags->count;
}

static int
run_argv(struct container *container, struct docker_argv *argv, int *env_fd, struct err *err)
{
    const struct docker *docker = container->docker;
    const char *socket = variable_of(container, "MESOS_DOMAIN_SOCKET");
    struct docker_argv flags = {0};
    struct synthetic made;
    auto_free char *name = xasprintf("MESOS_CONTAINER_NAME=%s", own_name(container));
    auto_free char *sandbox =
        xasprintf("MESOS_SANDBOX=%s", container->executor_name ? container->sandbox : docker->mapped);
    auto_free char *shown = socket ? agent_socket(docker, socket) : NULL;
    auto_free char *shown_variable = shown ? xasprintf("MESOS_DOMAIN_SOCKET=%s", shown) : NULL;
    const char *const own[] = {name, sandbox, shown_variable, NULL};
    auto_free const char **more = inner_environment(container, shown);
    const union {
        char **from;
        const char *const *to;
    } secrets = {.from = container->secrets};
    auto_free char *socket_volume =
        shown    ? xasprintf("%s/socket:%s/socket", docker->state_dir, docker->state_dir)
        : socket ? xasprintf("%s:%s", socket, socket)
                 : NULL;
    auto_free char *engine_volume =
        docker->socket_path ? xasprintf("%s:%s", docker->socket_path, docker->socket_path) : NULL;
    const char *volumes[3] = {NULL, NULL, NULL};
    size_t count = 0;
    if (socket_volume)
        volumes[count++] = socket_volume;
    if (container->executor_name && engine_volume)
        volumes[count++] = engine_volume;
    struct docker_run run = {
        .client = &docker->client,
        .name = own_name(container),
        .sandbox = container->sandbox,
        .mapped = docker->mapped,
        .work_dir = docker->work_dir,
        .container = container->config->container_info,
        .command = container->config->command_info,
        .environment = own,
        .more = more,
        .secrets = secrets.to,
        .volumes = volumes,
        .resources = container->config->resources,
        .resource_count = container->config->n_resources,
        .limits = container->limits,
        .cfs = docker->cfs,
        .dns = docker->dns,
    };
    if (container->executor_name) {
        executor_flags(container, &flags);
        synthesize(container, &made, &flags);
        run.container = &made.info;
        run.command = &made.command;
        run.mapped = container->sandbox;
        run.resource_count = 0;
        run.limits = (struct docker_limits){container->overhead_cpus, 0, 0, HUGE_VAL};
        run.host_pid = true;
    }
    int rc = docker_run_argv(&run, argv, env_fd, err);
    docker_argv_fini(&flags);
    return rc;
}

void
executor_start_container(struct container *container)
{
    struct docker_argv argv;
    struct err err = {0};
    auto_fd int env_fd = -1;
    container->state = STATE_STARTING;
    /* Written first: what docker makes of it is known to be ours, whenever the agent is killed. */
    if (run_argv(container, &argv, &env_fd, &err) < 0 || state_write(container, &err) < 0) {
        launch_fail(container, err.code, err.text);
        return;
    }
    struct cli_wish wish = {.argv = &argv, .timeout_ms = RUN_TIMEOUT_MS, .env_fd = env_fd};
    container->cli = cli_start(container->docker, &wish, on_run, container, NULL);
    docker_argv_fini(&argv);
    if (!container->cli)
        launch_fail(container, -EAGAIN, "Failed to run docker container: no client started");
}
