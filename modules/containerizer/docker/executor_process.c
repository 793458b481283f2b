/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our executor as a process beside the container, which it starts itself. It waits at a socket until it is
 * written down: an agent that is killed meanwhile leaves none that nobody knows. Called by launch.c's steps
 * once the image is there.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/processes.h"
#include "docker.h"
#include "launch.h"

#define GO_FD 3

static void
on_go(int fd, int events, void *arg)
{
    struct container *container = arg;
    struct docker *docker = container->docker;
    struct process process;
    struct err err = {0};
    char byte;
    ssize_t n = read(fd, &byte, 1);
    docker->host->unwatch_fd(docker->host, container->go_watch);
    container->go_watch = NULL;
    if (n != 1 || container->exited || process_read(container->pid, &process) < 0) {
        launch_fail(container, -ECHILD,
                    "Failed to launch the docker executor: it ended at once; the sandbox's stderr says why");
        return;
    }
    container->start_time = process.start_time;
    if (launch_unwanted(container, "its start"))
        return;
    if (state_write(container, &err) < 0) {
        launch_fail(container, err.code, err.text);
        return;
    }
    if (send(container->go_fd, &byte, 1, MSG_NOSIGNAL) != 1) {
        launch_fail(container, -errno, "Failed to launch the docker executor: it does not listen");
        return;
    }
    launch_done(container);
}

void
executor_flags(const struct container *container, struct docker_argv *argv)
{
    const struct docker *docker = container->docker;
    docker_argv_add(argv, "--container=%s", container->name);
    docker_argv_add(argv, "--docker=%s", docker->client.docker);
    docker_argv_add(argv, "--docker_socket=%s", docker->client.host);
    docker_argv_add(argv, "--sandbox_directory=%s", container->sandbox);
    docker_argv_add(argv, "--mapped_directory=%s", docker->mapped);
    docker_argv_add(argv, "--launcher_dir=%s", docker->launcher_dir);
    docker_argv_add(argv, "--stop_timeout=%lldms", (long long)docker->stop_timeout_ms);
    docker_argv_add(argv, "--cgroups_enable_cfs=%s", docker->cfs ? "true" : "false");
    if (docker->dns)
        docker_argv_add(argv, "--default_container_dns=%s", docker->dns);
    if (docker->engine)
        docker_argv_add(argv, "--engine_version=%s", docker->engine);
    if (docker->work_dir)
        docker_argv_add(argv, "--work_dir=%s", docker->work_dir);
}

static int
spawn_executor(struct container *container, int theirs)
{
    const struct docker *docker = container->docker;
    struct docker_argv argv = {0};
    docker_argv_add(&argv, "mesos-docker-executor");
    executor_flags(container, &argv);
    docker_argv_add(&argv, "--go_fd=%d", GO_FD);
    if (container->pid_path)
        docker_argv_add(&argv, "--pid_file=%s", container->pid_path);
    const int fds[] = {-1, container->out_fd, container->err_fd, theirs};
    auto_free char **variables = docker_environment_join(container->secrets, container->environment);
    union {
        char **from;
        const char *const *to;
    } words = {.from = argv.items}, environment = {.from = variables};
    struct mesos_spawn spawn = {
        .size = sizeof spawn,
        .argv = words.to,
        .file = docker->helper,
        .environment = environment.to,
        .directory = container->sandbox,
        .fds = fds,
        .fd_count = 4,
        .new_session = 1,
    };
    int rc = docker->host->spawn(docker->host, &spawn, on_executor_exited, container, &container->pid);
    docker_argv_fini(&argv);
    return rc;
}

void
executor_start_process(struct container *container)
{
    const struct mesos_host *host = container->docker->host;
    int ends[2];
    container->state = STATE_STARTING;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        launch_fail(container, -errno, "Failed to launch the docker executor: no socket");
        return;
    }
    container->go_fd = ends[0];
    int rc = spawn_executor(container, ends[1]);
    close(ends[1]);
    if (rc < 0) {
        container->pid = 0;
        auto_free char *text = xasprintf("Failed to launch the docker executor: %s", strerror(-rc));
        launch_fail(container, rc, text);
        return;
    }
    container->reaped_here = true;
    container->go_watch = host->watch_fd(host, container->go_fd, 1, on_go, container);
}

void
on_executor_exited(pid_t pid, int status, void *arg)
{
    struct container *container = arg;
    container->exited = true;
    container->has_status = status >= 0;
    container->status = status < 0 ? 0 : status;
    container->cleanly = status == 0 && !container->in_docker;
    if (container->state == STATE_RUNNING || container->state == STATE_ENDING)
        end_begin(container);
    else if (container->state == STATE_STARTING && !container->go_watch && !container->in_docker)
        launch_fail(container, -ECHILD, "Failed to launch the docker executor: it has ended");
}

void
executor_start(struct container *container)
{
    container->started = true;
    if (container->in_docker)
        executor_start_container(container);
    else
        executor_start_process(container);
}
