/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mesos-docker-executor: the program that the containerizer "docker" starts beside one task. Reads its flags, runs the
 * loop. As `mesos-docker-executor client <pid> [--terminal] -- <program> <arguments>` it becomes a docker client of the
 * agent's, which ends with the agent <pid>, and whose controlling terminal is its standard input where one is wanted.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/units.h"
#include "executor/docker_executor.h"
#include "executor/flags.h"
#include "executor/surroundings.h"
#include "model/docker_run.h"

enum {
    CONTAINER, DOCKER, DOCKER_SOCKET, SANDBOX_DIRECTORY, MAPPED_DIRECTORY, STOP_TIMEOUT, LAUNCHER_DIR,
    TASK_ENVIRONMENT, DEFAULT_CONTAINER_DNS, CGROUPS_ENABLE_CFS, ENGINE_VERSION, WORK_DIR, PID_FILE, GO_FD,
};

static struct flag *
known_flags(size_t *ret_count)
{
    static const struct flag known[] = {
        [CONTAINER] = {"container", NULL, true, "name that the docker container gets"},
        [DOCKER] = {"docker", NULL, true, "path of the docker client"},
        [DOCKER_SOCKET] = {"docker_socket", NULL, true, "socket of the docker engine"},
        [SANDBOX_DIRECTORY] = {"sandbox_directory", NULL, true, "the sandbox on the host"},
        [MAPPED_DIRECTORY] = {"mapped_directory", NULL, true, "the sandbox inside of the container"},
        [STOP_TIMEOUT] = {"stop_timeout", NULL, true, "how long docker stop waits, when that is longer than the grace"},
        [LAUNCHER_DIR] = {"launcher_dir", NULL, true, "directory of the helper programs"},
        [TASK_ENVIRONMENT] = {"task_environment", NULL, true, "JSON object of further variables of the task"},
        [DEFAULT_CONTAINER_DNS] = {"default_container_dns", NULL, true, "JSON of the agent's flag of that name"},
        [CGROUPS_ENABLE_CFS] = {"cgroups_enable_cfs", NULL, true, "limit cpu time to what the task asks for"},
        [ENGINE_VERSION] = {"engine_version", NULL, true, "version of the docker engine, where it is known"},
        [WORK_DIR] = {"work_dir", NULL, true, "work_dir of the agent: marks its containers"},
        [PID_FILE] = {"pid_file", NULL, true, "file that gets our pid before anything begins"},
        [GO_FD] = {"go_fd", NULL, true, "descriptor that is told when that is done and says when to go on"},
    };
    *ret_count = ARRAY_LEN(known);
    return xmemdup(known, sizeof(known));
}

static void
on_term(int signo, void *arg)
{
    (void)signo;
    docker_executor_shutdown(arg);
}

static void
on_chld(int signo, void *arg)
{
    (void)signo;
    docker_executor_reap(arg);
}

static int
run(const struct docker_executor_options *options, bool *ret_clean, struct err *err)
{
    int rc = 0;
    struct loop *loop = loop_new(NULL, err);
    struct docker_executor *executor = loop ? docker_executor_new(loop, options, err) : NULL;
    if (!executor || (rc = loop_signal(loop, SIGCHLD, on_chld, executor, err)) != 0 ||
        (rc = loop_signal(loop, SIGTERM, on_term, executor, err)) != 0)
        rc = err->code;
    if (rc == 0) {
        loop_run(loop);
        *ret_clean = docker_executor_is_clean(executor);
    }
    docker_executor_free(executor);
    loop_free(loop);
    return rc;
}

static int
need(const struct flag *flag, struct err *err)
{
    return flag->value ? 0 : err_set(err, -EINVAL, "Missing required option --%s", flag->name);
}

static int
read_flags(const struct flag *flags, struct docker_executor_options *options, struct err *err)
{
    const char *cfs = flags[CGROUPS_ENABLE_CFS].value;
    int64_t stop_ns = 0;
    if (need(&flags[DOCKER], err) || need(&flags[CONTAINER], err) || need(&flags[SANDBOX_DIRECTORY], err) ||
        need(&flags[MAPPED_DIRECTORY], err) || need(&flags[LAUNCHER_DIR], err))
        return err->code;
    if (flags[STOP_TIMEOUT].value && duration_parse(str_of(flags[STOP_TIMEOUT].value), &stop_ns, err))
        return err_wrap(err, "--stop_timeout");
    if (cfs && strcmp(cfs, "true") != 0 && strcmp(cfs, "false") != 0)
        return err_set(err, -EINVAL, "--cgroups_enable_cfs=%.40s is none of true|false", cfs);
    options->docker = flags[DOCKER].value;
    options->docker_socket = flags[DOCKER_SOCKET].value ? flags[DOCKER_SOCKET].value : "/var/run/docker.sock";
    options->container = flags[CONTAINER].value;
    options->sandbox_directory = flags[SANDBOX_DIRECTORY].value;
    options->mapped_directory = flags[MAPPED_DIRECTORY].value;
    options->launcher_dir = flags[LAUNCHER_DIR].value;
    options->task_environment = flags[TASK_ENVIRONMENT].value;
    options->default_container_dns = flags[DEFAULT_CONTAINER_DNS].value;
    options->engine_version = flags[ENGINE_VERSION].value;
    options->work_dir = flags[WORK_DIR].value;
    options->stop_timeout_ms = stop_ns / 1000000;
    options->cgroups_enable_cfs = cfs && strcmp(cfs, "true") == 0;
    return 0;
}

/* Writes our pid down, says so, and waits for the word: who started us may be gone by then, and nobody would know us. */
static int
wait_for_word(const struct flag *flags, struct err *err)
{
    uint64_t fd;
    char byte = 1, pid[16];
    if (flags[PID_FILE].value) {
        snprintf(pid, sizeof(pid), "%d", (int)getpid());
        if (file_replace(flags[PID_FILE].value, pid, strlen(pid), 0644, false, err))
            return err_wrap(err, "--pid_file");
    }
    if (!flags[GO_FD].value)
        return 0;
    if (str_to_u64(str_of(flags[GO_FD].value), &fd) || fd < 3 || fd > 1000)
        return err_set(err, -EINVAL, "--go_fd=%.20s is no descriptor", flags[GO_FD].value);
    ssize_t n = write((int)fd, &byte, 1);
    while (n == 1 && (n = read((int)fd, &byte, 1)) < 0 && errno == EINTR)
        n = 1;
    close((int)fd);
    return n == 1 ? 0 : err_set(err, -ECANCELED, "the agent has gone before it said go");
}

static int
become_client(int argc, char **argv)
{
    uint64_t parent;
    int at = 3;
    bool terminal = argc > 3 && strcmp(argv[3], "--terminal") == 0;
    at += terminal;
    if (argc < at + 2 || strcmp(argv[at], "--") != 0 || str_to_u64(str_of(argv[2]), &parent)) {
        fprintf(stderr, "usage: mesos-docker-executor client <pid> [--terminal] -- <program> [<argument>...]\n");
        return 127;
    }
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || (uint64_t)getppid() != parent)
        return 127;
    if (terminal) {
        setsid(); /* it may be one already */
        if (ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
            fprintf(stderr, "no controlling terminal: %s\n", strerror(errno));
    }
    execv(argv[at + 1], argv + at + 1);
    fprintf(stderr, "%s: %s\n", argv[at + 1], strerror(errno));
    return 127;
}

/* The task's secrets, taken out of our environment before anybody is started. The caller's; NULL = none. */
static char *
take_secrets(void)
{
    char *value = getenv(DOCKER_SECRETS_VARIABLE), *secrets = value ? xstrdup(value) : NULL;
    if (value) {
        explicit_bzero(value, strlen(value));
        unsetenv(DOCKER_SECRETS_VARIABLE);
    }
    return secrets;
}

int
main(int argc, char **argv)
{
    struct err err = {0};
    struct docker_executor_options options = {0};
    struct surroundings surroundings = {0};
    size_t count;
    bool clean = false;
    if (argc > 1 && strcmp(argv[1], "client") == 0)
        return become_client(argc, argv);
    auto_free char *secrets = take_secrets();
    options.secrets = secrets;
    auto_free struct flag *flags = known_flags(&count);
    int rc = flags_read("mesos-docker-executor", "Runs the docker container of one task for mesos-agent.", flags, count,
                        argc, argv, &err);
    if (rc == 1)
        return 0;
    signal(SIGPIPE, SIG_IGN);
    if (rc == 0)
        rc = read_flags(flags, &options, &err);
    if (rc == 0)
        rc = surroundings_read(&surroundings, &err);
    if (rc == 0)
        rc = wait_for_word(flags, &err);
    if (rc == 0) {
        options.agent = surroundings.agent;
        options.shutdown_grace_ms = surroundings.shutdown_grace_ms;
        rc = run(&options, &clean, &err);
    }
    if (rc)
        log_error("mesos-docker-executor: %s", err.text);
    surroundings_fini(&surroundings);
    /* Only 0 lets the containerizer believe that the container has ended. */
    return rc ? 1 : clean ? 0 : 2;
}
