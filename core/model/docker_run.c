/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `docker run` as a whole: its order, the environment, the framework's parameters, image
 * and command. Limits, volumes and network have files of their own. Facts of the command line: recorded calls
 * of Mesos's docker containerizer and docker's own documentation.
 */
#define _GNU_SOURCE 1
#include "model/docker_run.h"

#include <ctype.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "model/docker_run_parts.h"

enum {
    ENV_LINE_MAX = 60000, /* docker reads lines of an environment file up to 64 KB */
    IMAGE_MAX = 1024,
};

/* ---- the environment ---- */

static bool
fits_line(const char *item)
{
    return strlen(item) < ENV_LINE_MAX && !strpbrk(item, "\n\r") && *item != '#' &&
           !isspace((unsigned char)*item);
}

static int
check_variable(const char *item, struct err *err)
{
    const char *equals = strchr(item, '=');
    if (!equals || equals == item)
        return err_set(err, -EINVAL, "the environment has '%.80s', which has no name", item);
    for (const char *p = item; p < equals; p++)
        if (isspace((unsigned char)*p))
            return err_set(err, -EINVAL, "the environment variable '%.*s' has a space in its name",
                           (int)(equals - item < 80 ? equals - item : 80), item);
    return 0;
}

/* A file without a name, so that values are neither in a list of processes nor left on a disk. What no line
 * can hold goes onto the command line. */
static int
add_environment(const struct docker_run *run, struct docker_argv *argv, int *ret_fd, struct err *err)
{
    auto_buf struct buf file = {0};
    for (size_t i = 0; run->environment && run->environment[i]; i++) {
        docker_argv_add(argv, "-e");
        docker_argv_add(argv, "%s", run->environment[i]);
    }
    for (size_t i = 0; run->more && run->more[i]; i++) {
        const char *item = run->more[i];
        if (check_variable(item, err))
            return err->code;
        if (fits_line(item)) {
            buf_printf(&file, "%s\n", item);
        } else {
            docker_argv_add(argv, "-e");
            docker_argv_add(argv, "%s", item);
        }
    }
    if (file.len == 0)
        return 0;
    auto_fd int fd = memfd_create("environment", MFD_CLOEXEC);
    if (fd < 0 || write(fd, buf_data(&file), file.len) != (ssize_t)file.len || lseek(fd, 0, SEEK_SET) < 0)
        return err_errno(err, "cannot write the environment of the container down");
    docker_argv_add(argv, "--env-file");
    docker_argv_add(argv, "/proc/self/fd/%d", DOCKER_ENV_FD);
    *ret_fd = take_fd(&fd);
    return 0;
}

/* ---- the rest ---- */

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
    docker_argv_add(argv, "run");
    docker_argv_add(argv, "--detach");
    if (run->client->engine >=
        DOCKER_VERSION(20, 10, 0)) /* who pulls is the containerizer, which can be cut off */
        docker_argv_add(argv, "--pull=never");
    if (docker->privileged)
        docker_argv_add(argv, "--privileged");
    docker_run_add_figures(run, argv);
    if (add_environment(run, argv, ret_fd, err) || docker_run_add_volumes(run, argv, err) ||
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
