/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `docker run` as a whole: its order, the framework's parameters, image and command.
 * Limits, volumes, network and the environment have files of their own. Facts of the command line: recorded calls
 * of Mesos's docker containerizer and docker's own documentation.
 */
#include "model/docker_run.h"

#include <ctype.h>
#include <errno.h>

#include "base/log.h"
#include "model/docker_run_parts.h"

#define IMAGE_MAX 1024

/* Those that would take the container out of our hands. */
static const char *
is_ours(const char *key)
{
    static const char *const ours[][2] = {
        {"rm", "--docker_remove_delay says when containers are removed"},
        {"detach", "the executor follows the container itself"},
        {"d", "the executor follows the container itself"},
        {"name", "monitoring finds containers by the name that the agent gives"},
        {"cidfile", "it would write a file as the agent"},
        {"env-file", "it would read a file as the agent"},
        {"label-file", "it would read a file as the agent"},
        {"entrypoint", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (strcmp(ours[i][0], key) == 0)
            return ours[i][1];
    return NULL;
}

static int
add_parameters(const struct docker_run *run, struct docker_argv *argv, struct err *err)
{
    const Mesos__V1__ContainerInfo__DockerInfo *docker = run->container->docker;
    for (size_t i = 0; i < docker->n_parameters; i++) {
        const char *key = docker->parameters[i]->key, *value = docker->parameters[i]->value;
        const char *why = is_ours(key);
        if (!*key || *key == '-' ||
            key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")])
            return err_set(err, -EINVAL, "'%.100s' is no name of an option of docker run", key);
        if (why) {
            log_warning("The docker parameter '%s' is left out: %s", key, why);
            continue;
        }
        docker_argv_add(argv, "--%s=%s", key, value);
    }
    return 0;
}

int
docker_image_check(const char *image, struct err *err)
{
    size_t len = strlen(image);
    if (len == 0 || len > IMAGE_MAX)
        return err_set(err, -EINVAL, "the name of the image has %zu bytes: 1 to %d are possible", len,
                       IMAGE_MAX);
    if (!isalnum((unsigned char)*image) && *image != '[')
        return err_set(err, -EINVAL, "the image '%.200s' begins with what no name of an image begins with",
                       image);
    if (image[strspn(image, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@[]+")])
        return err_set(err, -EINVAL, "the image '%.200s' has characters that no name of an image has", image);
    return 0;
}

static int
add_command(const struct docker_run *run, struct docker_argv *argv, struct err *err)
{
    const Mesos__V1__CommandInfo *command = run->command;
    bool shell = !command->has_shell || command->shell;
    docker_argv_add(argv, "%s", run->container->docker->image);
    if (shell) {
        if (!command->value)
            return err_set(err, -EINVAL, "Shell specified but no command value provided");
        docker_argv_add(argv, "-c");
        docker_argv_add(argv, "%s", command->value);
        return 0;
    }
    if (command->value)
        docker_argv_add(argv, "%s", command->value);
    for (size_t i = 0; i < command->n_arguments; i++)
        docker_argv_add(argv, "%s", command->arguments[i]);
    return 0;
}

static int
fill(const struct docker_run *run, struct docker_argv *argv, int *ret_fd, struct err *err)
{
    const Mesos__V1__ContainerInfo__DockerInfo *docker = run->container->docker;
    bool shell = !run->command->has_shell || run->command->shell;
    struct docker_environment environment = {run->environment, run->more, run->secrets, false};
    docker_argv_add(argv, "run");
    docker_argv_add(argv, "--detach");
    if (run->client->engine >=
        DOCKER_VERSION(20, 10, 0)) /* who pulls is the containerizer, which can be cut off */
        docker_argv_add(argv, "--pull=never");
    if (docker->privileged)
        docker_argv_add(argv, "--privileged");
    docker_run_add_figures(run, argv);
    if (docker_environment_add(argv, &environment, ret_fd, err) || docker_run_add_volumes(run, argv, err) ||
        docker_run_add_network(run, argv, err))
        return err->code;
    if (run->host_pid)
        docker_argv_add(argv, "--pid=host");
    if (run->container->tty_info) {
        docker_argv_add(argv, "--interactive");
        docker_argv_add(argv, "--tty");
    }
    if (shell) {
        docker_argv_add(argv, "--entrypoint");
        docker_argv_add(argv, "/bin/sh");
    }
    docker_argv_add(argv, "--name");
    docker_argv_add(argv, "%s", run->name);
    if (run->work_dir)
        docker_argv_add(argv, "--label=mesos.work_dir=%s", run->work_dir);
    if (add_parameters(run, argv, err))
        return err->code;
    return add_command(run, argv, err);
}

int
docker_run_argv(const struct docker_run *run, struct docker_argv *ret, int *ret_env_fd, struct err *err)
{
    auto_fd int fd = -1;
    if (!run->container->docker)
        return err_set(err, -EINVAL, "No docker info found in container info");
    if (docker_image_check(run->container->docker->image, err))
        return err->code;
    docker_argv_init(ret, run->client);
    if (fill(run, ret, &fd, err)) {
        docker_argv_fini(ret);
        return err->code;
    }
    *ret_env_fd = take_fd(&fd);
    return 0;
}
