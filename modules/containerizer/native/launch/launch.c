/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mesos-containerizer launch`: the few steps between the agent and what runs in a container. The agent starts it with
 * descriptors 0 to 2 as the container's, 3 as its own end of a socket (see description.h) and an empty environment; it
 * takes the steps, waits for the agent's word, and turns into the program. It stays beside nothing.
 *
 * Linked statically and kept small: it runs once per container. Nothing here may depend on the container's environment.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <linux/close_range.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "helper.h"
#include "network.h"
#include "switchboard.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void
read_large(struct launch *launch)
{
    for (size_t at = 0; at < launch->len;) {
        ssize_t n = pread(LAUNCH_LARGE_FD, launch->steps + at, launch->len - at, (off_t)at);
        if (n <= 0)
            fail("mesos-containerizer: the description of the container is cut short");
        at += (size_t)n;
    }
}

static void
receive(struct launch *launch)
{
    static char packet[sizeof(struct launch_head) + LAUNCH_INLINE_MAX] __attribute__((aligned(16)));
    ssize_t n;
    do
        n = recv(LAUNCH_FD, packet, sizeof packet, 0);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        fail("Failed to synchronize with agent (it's probably exited)");
    struct launch_head head;
    if (n < (ssize_t)sizeof head)
        fail("mesos-containerizer: `launch` is for the agent: descriptor %d is no socket of it", LAUNCH_FD);
    memcpy(&head, packet, sizeof head);
    if (head.magic != LAUNCH_MAGIC || head.len > LAUNCH_MAX || (!head.large && head.len != (size_t)n - sizeof head))
        fail("mesos-containerizer: the description of the container is malformed");
    launch->len = head.len;
    launch->steps = head.large ? allocate(head.len + 1) : packet + sizeof head;
    if (head.large)
        read_large(launch);
}

static const struct launch_step *
step_next(const struct launch *launch, size_t *at)
{
    if (launch->len - *at < sizeof(struct launch_step))
        return NULL;
    const struct launch_step *step = (const void *)(launch->steps + *at);
    size_t padded = ((size_t)step->len + 7) & ~(size_t)7;
    if (launch->len - *at - sizeof *step < padded)
        fail("mesos-containerizer: the description of the container is malformed");
    *at += sizeof *step + padded;
    return step;
}

/* Without the agent's word nothing is run, and the next agent must find nothing that says otherwise. */
static void
unwrite(const struct launch *launch)
{
    const char *directory = NULL;
    size_t at = 0;
    for (size_t begin = 0; begin < launch->len; begin = at) {
        const struct launch_step *step = step_next(launch, &at);
        const char *path = launch->steps + begin + sizeof *step;
        if (!step || step->kind == LAUNCH_WAIT)
            break;
        if (step->kind == LAUNCH_TRACES)
            directory = path;
        else if (directory && strncmp(path, directory, strlen(directory)) == 0 &&
                 (step->kind == LAUNCH_WRITE_STATE || step->kind == LAUNCH_WRITE_FILE || step->kind == LAUNCH_WRITE_PID))
            unlink(path);
    }
    if (directory)
        rmdir(directory);
}

static void
wait_for_agent(const struct launch *launch)
{
    char byte;
    ssize_t n;
    do
        n = recv(LAUNCH_FD, &byte, 1, 0);
    while (n < 0 && errno == EINTR);
    if (n != 1) {
        unwrite(launch);
        fail("Failed to synchronize with agent (it's probably exited)");
    }
}

static void
set_rlimit(const struct launch_rlimit *limit)
{
    struct rlimit value = {limit->soft == UINT64_MAX ? RLIM_INFINITY : limit->soft,
                           limit->hard == UINT64_MAX ? RLIM_INFINITY : limit->hard};
    if (setrlimit((__rlimit_resource_t)limit->resource, &value) < 0)
        fail("Failed to set rlimit %u: %s", limit->resource, strerror(errno));
}

static int
run_argv(const char *file, char *const *argv, char *const *environment)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execve(file, argv, environment);
        _exit(127);
    }
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return pid < 0 ? -1 : status;
}

/* strings: what to execute, then argv. It runs as root, so the container's environment is not for it. */
static void
run_program(char *strings, size_t len)
{
    char path[] = "PATH=" PATH_DEFAULT;
    char *const environment[] = {path, NULL};
    char *argv[256];
    size_t count = 0;
    for (char *at = strings + strlen(strings) + 1; at < strings + len && count < 255; at += strlen(at) + 1)
        argv[count++] = at;
    argv[count] = NULL;
    int status = run_argv(strings, argv, environment);
    if (status != 0)
        fail("The pre-exec command '%s' failed: wait status %d", count ? argv[count - 1] : strings, status);
}

static const char *
environment_get(const struct launch *launch, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < launch->environment_count; i++) {
        if (strncmp(launch->environment[i], name, len) == 0 && launch->environment[i][len] == '=')
            return launch->environment[i] + len + 1;
    }
    return NULL;
}

/* A name without '/' is looked up in the container's PATH, as execvp would in the container's environment. */
static void
execute(const struct launch *launch, const char *file)
{
    const char *path = strchr(file, '/') ? NULL : environment_get(launch, "PATH");
    int reason = ENOENT;
    if (strchr(file, '/')) {
        execve(file, launch->arguments, launch->environment);
        reason = errno;
    }
    for (const char *at = path ? path : PATH_DEFAULT; !strchr(file, '/') && at;) {
        const char *end = strchr(at, ':');
        int len = (int)(end ? end - at : (ptrdiff_t)strlen(at));
        char candidate[PATH_MAX];
        if (snprintf(candidate, sizeof candidate, "%.*s%s%s", len, at, len > 0 ? "/" : "./", file) < (int)sizeof candidate) {
            execve(candidate, launch->arguments, launch->environment);
            reason = errno == EACCES ? EACCES : reason;
        }
        at = end ? end + 1 : NULL;
    }
    fail("Failed to execute '%s': %s", file, strerror(reason));
}

/* path: what becomes the three standard streams; "" = they are it already. */
static void
take_terminal(struct launch *launch, const char *path)
{
    int fd = *path ? open(path, O_RDWR | O_NOCTTY) : -1;
    if (*path && (fd < 0 || dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0))
        fail("Failed to open the terminal '%s': %s", path, strerror(errno));
    if (fd > 2)
        close(fd);
    if (ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
        fail("Failed to make the terminal the controlling one: %s", strerror(errno));
    launch->tty = true;
}

static void
join_cgroup(const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1)
        fail("Failed to join the control group '%s': %s", path, strerror(errno));
    close(fd);
}

static uint32_t
number_of(const char *bytes, size_t len)
{
    struct launch_number number;
    if (len != sizeof number)
        fail("mesos-containerizer: the description of the container is malformed");
    memcpy(&number, bytes, sizeof number);
    return number.number;
}

/* Those of the agent's order: who we are and the word to go. */
static bool
take_first_step(struct launch *launch, uint32_t kind, char *bytes, size_t len)
{
    size_t first = strnlen(bytes, len) + 1;
    switch (kind) {
    case LAUNCH_ENVIRONMENT:
        launch->environment[launch->environment_count++] = bytes;
        return true;
    case LAUNCH_ARGUMENT:
        launch->arguments[launch->argument_count++] = bytes;
        return true;
    case LAUNCH_CGROUP:
        join_cgroup(bytes);
        return true;
    case LAUNCH_TRACES:
        return true; /* only looked at when they are to go */
    case LAUNCH_WRITE_FILE:
        write_file(bytes, bytes + first, first < len ? len - first : 0, 0600);
        return true;
    case LAUNCH_WRITE_PID:
        write_pid(bytes);
        return true;
    case LAUNCH_WRITE_STATE:
        write_state(bytes);
        return true;
    case LAUNCH_WAIT:
        wait_for_agent(launch);
        return true;
    default:
        return false;
    }
}

static bool
take_mount_step(struct launch *launch, uint32_t kind, const char *bytes, size_t len)
{
    switch (kind) {
    case LAUNCH_ENTER_MOUNTS:
        mounts_enter(number_of(bytes, len));
        return true;
    case LAUNCH_UNSHARE:
        if (unshare((int)number_of(bytes, len)) < 0)
            fail("Failed to make new namespaces: %s", strerror(errno));
        return true;
    case LAUNCH_SLAVE:
        mounts_slave(bytes, len);
        return true;
    case LAUNCH_SANDBOX:
        sandbox_open(launch, bytes);
        return true;
    case LAUNCH_ROOT_PREPARE:
        root_prepare(launch, bytes);
        return true;
    case LAUNCH_MOUNT:
        mount_one(launch, bytes, len);
        return true;
    case LAUNCH_LINK:
        make_link(launch, bytes, len);
        return true;
    case LAUNCH_RENAME:
        make_renamed(launch, bytes, len);
        return true;
    case LAUNCH_MKDIR:
    case LAUNCH_MKDIRS:
        make_directory(launch, bytes, kind == LAUNCH_MKDIRS);
        return true;
    case LAUNCH_ROOT:
        root_change(launch, bytes);
        return true;
    case LAUNCH_MASK:
        mask(bytes);
        return true;
    default:
        return false;
    }
}

static bool
take_identity_step(struct launch *launch, uint32_t kind, const char *bytes, size_t len)
{
    switch (kind) {
    case LAUNCH_RLIMIT:
        set_rlimit((const void *)bytes);
        return true;
    case LAUNCH_CAPABILITIES:
        capabilities_keep(launch, (const void *)bytes);
        return true;
    case LAUNCH_USER:
        switch_user(launch, (const void *)bytes, len);
        return true;
    case LAUNCH_USER_NAME:
        switch_user_name(launch, bytes, len);
        return true;
    case LAUNCH_GROUPS:
        set_groups((const void *)bytes, len);
        return true;
    case LAUNCH_NO_NEW_PRIVILEGES:
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
            fail("Failed to set no_new_privs: %s", strerror(errno));
        return true;
    case LAUNCH_SECCOMP:
        seccomp_install(bytes, len);
        return true;
    default:
        return false;
    }
}

static void
take_step(struct launch *launch, const struct launch_step *step, char *bytes)
{
    if (take_first_step(launch, step->kind, bytes, step->len) || take_mount_step(launch, step->kind, bytes, step->len) ||
        take_identity_step(launch, step->kind, bytes, step->len))
        return;
    switch (step->kind) {
    case LAUNCH_RUN:
        run_program(bytes, step->len);
        break;
    case LAUNCH_DIRECTORY:
        if (chdir(bytes) < 0)
            fail("Failed to chdir into current working directory '%s': %s", bytes, strerror(errno));
        break;
    case LAUNCH_STATUS:
        status_open(launch, bytes);
        break;
    case LAUNCH_INIT:
        init(launch);
        break;
    case LAUNCH_TERMINAL:
        take_terminal(launch, bytes);
        break;
    case LAUNCH_KEEP:
        fcntl((int)number_of(bytes, step->len), F_SETFD, 0);
        break;
    case LAUNCH_EXECUTE:
        capabilities_apply(launch);
        follow_init(launch);
        execute(launch, bytes);
        break;
    default:
        fail("mesos-containerizer: step %u of the description is not known", step->kind);
    }
}

static void
take_steps(struct launch *launch)
{
    size_t at = 0, count = 0;
    while (step_next(launch, &at))
        count++;
    if (!launch->environment) {
        launch->environment = allocate((count + 1) * sizeof(char *));
        launch->arguments = allocate((count + 1) * sizeof(char *));
        memset(launch->environment, 0, (count + 1) * sizeof(char *));
        memset(launch->arguments, 0, (count + 1) * sizeof(char *));
    }
    at = 0;
    for (size_t begin = 0; begin < launch->len; begin = at) {
        const struct launch_step *step = step_next(launch, &at);
        if (!step)
            break;
        take_step(launch, step, launch->steps + begin + sizeof *step);
    }
}

static void
launch_run(void)
{
    struct launch launch = {.root_fd = -1, .sandbox_fd = -1, .status_fd = -1};
    receive(&launch);
    close_range(LAUNCH_FD, ~0u, CLOSE_RANGE_CLOEXEC); /* the program inherits 0, 1 and 2 only */
    take_steps(&launch);
    fail("mesos-containerizer: the description names nothing to execute");
}

/* The steps of a task, as the executor that starts it was given them. */
static void
task_run(int argc, char **argv)
{
    struct launch launch = {.root_fd = -1, .sandbox_fd = -1, .status_fd = -1, .environment = environ};
    struct stat st;
    int fd = argc > 1 ? atoi(argv[0]) : -1;
    if (fd < 3 || fstat(fd, &st) < 0 || st.st_size > LAUNCH_MAX)
        fail("mesos-containerizer: `task` is for executors");
    launch.len = (size_t)st.st_size;
    launch.steps = allocate(launch.len + 1);
    for (size_t at = 0; at < launch.len;) {
        ssize_t n = pread(fd, launch.steps + at, launch.len - at, (off_t)at);
        if (n <= 0)
            fail("mesos-containerizer: the description of the task is cut short");
        at += (size_t)n;
    }
    while (environ && environ[launch.environment_count])
        launch.environment_count++;
    launch.arguments = argv + 2;
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    launch.init = getppid(); /* the executor: the task goes with it, also after a change of user */
    launch.has_init = true;
    take_steps(&launch);
    capabilities_apply(&launch);
    follow_init(&launch);
    execute(&launch, argv[1]);
}

static int
usage(FILE *out, int status)
{
    fputs("Usage: mesos-containerizer <command>\n"
          "\n"
          "Helper of mesos-agent; not meant to be called by hand.\n"
          "\n"
          "Commands:\n"
          "  launch       take the steps that come on descriptor 3 and become the container's program\n"
          "  task         take the steps that a descriptor holds and become the task's program\n"
          "  switchboard  stand between a container's streams and who is attached to them\n"
          "  network-cni-setup  give a container that waits its host name and the files of its network\n"
          "  help         this text\n"
          "\n"
          "  --help, --version\n",
          out);
    return status;
}

int
main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "launch") == 0)
        launch_run();
    if (strcmp(command, "task") == 0)
        task_run(argc - 2, argv + 2);
    if (strcmp(command, "switchboard") == 0)
        return switchboard_run(argc - 2, argv + 2);
    if (strcmp(command, "network-cni-setup") == 0)
        return network_setup_run(argc - 2, argv + 2);
    if (strcmp(command, "--version") == 0)
        return printf("mesos-containerizer %s\n", CMESOS_VERSION) < 0;
    if (strcmp(command, "--help") == 0 || strcmp(command, "help") == 0)
        return usage(stdout, 0);
    if (*command)
        fprintf(stderr, "mesos-containerizer: '%s' is not a command of it\n", command);
    return usage(stderr, 2);
}
