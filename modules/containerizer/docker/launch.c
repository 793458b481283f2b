/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a wish to a running container: the wish checked, output opened, URIs fetched; then image.c has the
 * image there, and the executor is started as a process (executor_process.c) or in a docker container of its
 * own (executor_container.c). Here a launch succeeds or fails: a failure's words, docker's above all, go into
 * the answer and into the sandbox's stderr.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "docker.h"
#include "launch.h"

enum { ANSWER_NOT_MINE, ANSWER_LAUNCHED, ANSWER_EXISTS };

/* ---- how it came out ---- */

static void
reply_byte(const struct docker *docker, struct mesos_call *call, char byte)
{
    docker->host->reply(docker->host, call, 0, (struct mesos_bytes){&byte, 1});
}

static void
say(const struct container *container, const char *text)
{
    if (container->err_fd < 0)
        return;
    size_t len = strlen(text);
    auto_free char *line = xasprintf("%s%s", text, len > 0 && text[len - 1] == '\n' ? "" : "\n");
    if (write(container->err_fd, line, strlen(line)) < 0)
        MESOS_LOG(container->docker->host, WARNING, "container %s: cannot write to its stderr: %s",
                  container->id, strerror(errno));
}

/* What only a launch needs. */
static void
launching_over(struct container *container)
{
    const struct mesos_host *host = container->docker->host;
    auto_free char *logins = xasprintf("%s/%s.login", container->docker->state_dir, container->id);
    if (container->go_watch)
        host->unwatch_fd(host, container->go_watch);
    container->go_watch = NULL;
    close_at(&container->go_fd);
    close_at(&container->out_fd);
    close_at(&container->err_fd);
    container->go_fd = container->out_fd = container->err_fd = -1;
    dir_remove(logins, NULL);
    secrets_forget(container);
    if (container->config)
        mesos__slave__container_config__free_unpacked(container->config, NULL);
    container->config = NULL;
}

void
launch_fail(struct container *container, int code, const char *text)
{
    struct docker *docker = container->docker;
    struct mesos_call *call = take(&container->launch);
    say(container, text);
    cli_cancel(container->cli);
    container->cli = NULL;
    launching_over(container);
    if (call)
        answer_fail(docker, call, code, "%s", text);
    container->state = STATE_RUNNING; /* whatever there is of it ends as what runs does */
    end_begin(container);
}

/* True when the container must not go on; its launch has failed then. */
bool
launch_unwanted(struct container *container, const char *during)
{
    if (!container->destroy_wanted)
        return false;
    auto_free char *text = xasprintf("Container is being destroyed during %s", during);
    launch_fail(container, -ECANCELED, text);
    return true;
}

void
launch_done(struct container *container)
{
    struct docker *docker = container->docker;
    struct mesos_call *call = take(&container->launch);
    launching_over(container);
    container->state = STATE_RUNNING;
    reply_byte(docker, call, ANSWER_LAUNCHED);
    if (container->exited)
        end_begin(container);
}

/* ---- before the image ---- */

static void
on_fetched(void *arg, const char *error)
{
    struct container *container = arg;
    container->fetching = NULL;
    if (launch_unwanted(container, "fetching"))
        return;
    if (error)
        launch_fail(container, -EIO, error);
    else
        launch_image(container);
}

static void
fetch(struct container *container)
{
    const struct mesos_containerizer_services *services = container->docker->services;
    const Mesos__V1__CommandInfo *command = container->config->command_info;
    auto_buf struct buf packed = {0};
    if (command->n_uris == 0) {
        launch_image(container);
        return;
    }
    size_t len = mesos__v1__command_info__get_packed_size(command);
    buf_added(&packed, mesos__v1__command_info__pack(command, (uint8_t *)buf_reserve(&packed, len)));
    struct mesos_fetch wish = {
        .size = sizeof wish,
        .container_id = container->id,
        .command = {buf_data(&packed), packed.len},
        .directory = container->sandbox,
        .user = container->user,
        .out_fd = container->out_fd,
        .err_fd = container->err_fd,
    };
    container->state = STATE_FETCHING;
    container->fetching = services->fetch(services->self, &wish, on_fetched, container);
    if (!container->fetching)
        launch_fail(container, -ECANCELED, "Failed to fetch all URIs: the agent is stopping");
}

static int
open_output(struct container *container, struct err *err)
{
    const struct mesos_containerizer_services *services = container->docker->services;
    void *logger;
    const struct mesos_container_logger_ops *ops = services->logger_ops(services->self, &logger);
    if (!ops)
        return err_set(err, -EINVAL,
                       "containerizer 'docker' needs a container logger, and none is configured");
    struct mesos_container_io io = {sizeof io, -1, -1, -1};
    auto_buf struct buf packed = {0};
    size_t len = mesos__slave__container_config__get_packed_size(container->config);
    buf_added(&packed,
              mesos__slave__container_config__pack(container->config, (uint8_t *)buf_reserve(&packed, len)));
    int rc = ops->prepare(logger, container->id, container->sandbox, container->user,
                          (struct mesos_bytes){buf_data(&packed), packed.len}, &io);
    if (rc < 0)
        return err_set(err, rc, "%s", services->logger_failure(services->self));
    if (io.stdin_fd >= 0)
        close(io.stdin_fd);
    container->out_fd = io.stdout_fd;
    container->err_fd = io.stderr_fd;
    return 0;
}

/* ---- the wish ---- */

static bool
has_odd_uri(const Mesos__V1__CommandInfo *command)
{
    for (size_t i = 0; i < command->n_uris; i++) {
        const char *file = command->uris[i]->output_file;
        struct str rest = str_of(file ? file : "");
        if (strpbrk(command->uris[i]->value, "\\'") ||
            (file && (!*file || *file == '/' || strpbrk(file, "\\'"))))
            return true;
        while (rest.len > 0) {
            if (str_is(str_cut(&rest, '/'), ".."))
                return true;
        }
    }
    return false;
}

static int
check(const char *id, const Mesos__Slave__ContainerConfig *config, struct err *err)
{
    if (!*id || strlen(id) > 200 ||
        id[strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")])
        return err_set(err, -EINVAL, "'%.200s' is no container id that docker could have in a name", id);
    if (config->directory[0] != '/')
        return err_set(err, -EINVAL, "the sandbox '%s' is not an absolute path", config->directory);
    if (has_odd_uri(config->command_info))
        return err_set(err, -EINVAL,
                       "Could not fetch: Illegal characters in URI or in its output file, which must be "
                       "within the sandbox directory");
    return 0;
}

/* Also what the command line would refuse, so that nothing is fetched and pulled for it. */
static int
check_run(struct container *container, struct err *err)
{
    const struct docker *docker = container->docker;
    const Mesos__Slave__ContainerConfig *config = container->config;
    struct docker_argv argv;
    int env_fd = -1;
    bool task = config->task_info != NULL;
    struct docker_run run = {
        .client = &docker->client,
        .name = container->name,
        .sandbox = container->sandbox,
        .mapped = docker->mapped,
        .container = config->container_info,
        .command = task && config->task_info->command ? config->task_info->command : config->command_info,
        .resources = task ? config->task_info->resources : config->resources,
        .resource_count = task ? config->task_info->n_resources : config->n_resources,
        .limits = container->limits,
    };
    int rc = docker_run_argv(&run, &argv, &env_fd, err);
    if (rc == 0)
        docker_argv_fini(&argv);
    close_at(&env_fd);
    return rc;
}

static void
keep_environment(struct container *container, const char *const *entries)
{
    size_t count = 0;
    while (entries && entries[count])
        count++;
    container->environment = xcalloc(count + 2, sizeof *container->environment);
    for (size_t i = 0; i < count; i++)
        container->environment[i] = xstrdup(entries[i]);
}

static void
on_secrets(struct container *container, const struct err *failure)
{
    struct err err = {0};
    if (launch_unwanted(container, "resolving its secrets"))
        return;
    if (!failure && container->config->task_info && secrets_for_executor(container, &err) < 0)
        failure = &err;
    if (failure)
        launch_fail(container, failure->code, failure->text);
    else
        fetch(container);
}

static void
begin(struct container *container, const struct mesos_containerizer_launch *launch)
{
    const struct docker *docker = container->docker;
    struct err err = {0};
    container->user = container->config->user ? xstrdup(container->config->user) : NULL;
    container->pid_path = launch->pid_checkpoint_path ? xstrdup(launch->pid_checkpoint_path) : NULL;
    container->terminal = container->config->container_info->tty_info != NULL;
    container->in_docker = !container->config->task_info || docker->mesos_image;
    if (container->config->task_info && docker->mesos_image)
        container->executor_name = xasprintf(NAME_PREFIX "%s" EXECUTOR_SUFFIX, container->id);
    limits_from_config(container);
    if (open_output(container, &err) < 0 || check_run(container, &err) < 0) {
        launch_fail(container, err.code, err.text);
        return;
    }
    secrets_of_container(container, on_secrets);
}

static bool
is_mine(const struct docker *docker, const char *id, const Mesos__Slave__ContainerConfig *config)
{
    const char *dot = strrchr(id, '.');
    if (dot) /* only sessions are nested here */
        return config->has_container_class && config->container_class == MESOS__SLAVE__CONTAINER_CLASS__DEBUG;
    return config->container_info &&
           config->container_info->type == MESOS__V1__CONTAINER_INFO__TYPE__DOCKER &&
           config->container_info->docker;
}

static void
on_session_secrets(struct container *container, const struct err *failure)
{
    struct docker *docker = container->docker;
    if (!failure && !container->destroy_wanted) {
        session_launch(container);
        return;
    }
    answer_fail(docker, take(&container->launch), failure ? failure->code : -ECANCELED, "%s",
                failure ? failure->text : "Container is being destroyed while its secrets are resolved");
    owed_answer(container, &container->waits);
    owed_answer(container, &container->destroys);
    container_free(container);
}

static void
launch_session(struct docker *docker, const struct mesos_containerizer_launch *launch,
               Mesos__Slave__ContainerConfig *config, struct mesos_call *call)
{
    const char *dot = strrchr(launch->container_id, '.');
    const struct container *parent =
        map_get(&docker->containers, str_n(launch->container_id, (size_t)(dot - launch->container_id)));
    if (!parent || parent->state != STATE_RUNNING || is_session(parent)) {
        mesos__slave__container_config__free_unpacked(config, NULL);
        answer_fail(docker, call, -ENOENT, "Parent container of %s does not run", launch->container_id);
        return;
    }
    auto_free char *sandbox = xasprintf("%s/containers/%s", parent->sandbox, dot + 1);
    struct container *container = container_new(docker, launch->container_id, sandbox);
    container->config = config;
    container->launch = call;
    keep_environment(container, launch->environment);
    secrets_of_container(container, on_session_secrets);
}

void
docker_launch(void *instance, const struct mesos_containerizer_launch *launch, struct mesos_call *call)
{
    struct docker *docker = instance;
    struct err err = {0};
    if (container_find(docker, launch->container_id)) {
        reply_byte(docker, call, ANSWER_EXISTS);
        return;
    }
    Mesos__Slave__ContainerConfig *config =
        mesos__slave__container_config__unpack(NULL, launch->config.len, launch->config.data);
    if (!config) {
        answer_fail(docker, call, -EPROTO, "the container's configuration does not decode");
        return;
    }
    bool standalone =
        launch->size > offsetof(struct mesos_containerizer_launch, standalone) && launch->standalone;
    if (!is_mine(docker, launch->container_id, config) || standalone) {
        mesos__slave__container_config__free_unpacked(config, NULL);
        reply_byte(docker, call, ANSWER_NOT_MINE);
        return;
    }
    if (strchr(launch->container_id, '.')) {
        launch_session(docker, launch, config, call);
        return;
    }
    if (check(launch->container_id, config, &err) < 0) {
        mesos__slave__container_config__free_unpacked(config, NULL);
        answer_fail(docker, call, err.code, "%s", err.text);
        return;
    }
    struct container *container = container_new(docker, launch->container_id, config->directory);
    container->config = config;
    container->launch = call;
    keep_environment(container, launch->environment);
    begin(container, launch);
}
