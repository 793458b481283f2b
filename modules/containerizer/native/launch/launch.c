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
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <linux/close_range.h>
#include <stdarg.h>
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
#include "description.h"
#include "network.h"
#include "switchboard.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define FAILED 1

struct launch {
    const char *state_path; /* of what the next agent finds; NULL = not written yet */
    char *steps; /* aligned to 8 */
    size_t len;
    char **environment, **arguments;
    size_t environment_count, argument_count, cap;
    bool tty; /* descriptor 0 is the terminal that controls the session */
    pid_t init; /* 0: what runs is the first process */
};

__attribute__((noreturn, format(printf, 1, 2))) static void
fail(const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text - 1, fmt, ap);
    va_end(ap);
    n = n < 0 ? 0 : n >= (int)sizeof text - 1 ? (int)sizeof text - 2 : n;
    text[n++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, text, (size_t)n);
    (void)ignored;
    _exit(FAILED);
}

static void *
allocate(size_t size)
{
    void *p = malloc(size);
    if (!p)
        fail("mesos-containerizer: out of memory");
    return p;
}

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

/* Numbers are written without stdio: it would allocate. */
static void
write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    size_t len = strlen(text);
    if (fd < 0 || write(fd, text, len) != (ssize_t)len)
        fail("Failed to write '%s': %s", path, strerror(errno));
    close(fd);
}

static unsigned long long
own_start_time(void)
{
    char text[1024];
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n <= 0)
        fail("Failed to read /proc/self/stat: %s", strerror(errno));
    close(fd);
    text[n] = '\0';
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++) /* field 22, counted from 1; the ')' ends field 2 */
        at = strchr(at + 1, ' ');
    if (!at)
        fail("Failed to read /proc/self/stat: too short");
    return strtoull(at + 1, NULL, 10);
}

static void
write_state(const char *path)
{
    const char *text = path + strlen(path) + 1;
    size_t cap = strlen(text) + 64;
    char *content = allocate(cap);
    snprintf(content, cap, "%d %llu\n%s\n", (int)getpid(), own_start_time(), text);
    write_file(path, content);
    free(content);
}

static void
write_pid(const char *path)
{
    char text[16];
    snprintf(text, sizeof text, "%d", (int)getpid());
    write_file(path, text);
}

/* Without the agent's word nothing is run, and the next agent must find nothing that says otherwise. */
static void
wait_for_agent(const char *state_path)
{
    char byte;
    ssize_t n;
    do
        n = recv(LAUNCH_FD, &byte, 1, 0);
    while (n < 0 && errno == EINTR);
    if (n != 1) {
        if (state_path)
            unlink(state_path);
        fail("Failed to synchronize with agent (it's probably exited)");
    }
}

static void
switch_user(const struct launch_user *user, size_t len)
{
    size_t count = (len - sizeof *user) / sizeof(uint32_t);
    _Static_assert(sizeof(gid_t) == sizeof(uint32_t), "groups are copied as they come");
    if (setgroups(count, (const gid_t *)user->groups) < 0)
        fail("Failed to set supplementary groups: %s", strerror(errno));
    if (setresgid(user->gid, user->gid, user->gid) < 0)
        fail("Failed to set gid to %u: %s", user->gid, strerror(errno));
    if (setresuid(user->uid, user->uid, user->uid) < 0)
        fail("Failed to set uid to %u: %s", user->uid, strerror(errno));
}

static void
set_rlimit(const struct launch_rlimit *limit)
{
    struct rlimit value = {limit->soft == UINT64_MAX ? RLIM_INFINITY : limit->soft,
                           limit->hard == UINT64_MAX ? RLIM_INFINITY : limit->hard};
    if (setrlimit((__rlimit_resource_t)limit->resource, &value) < 0)
        fail("Failed to set rlimit %u: %s", limit->resource, strerror(errno));
}

static void
run_shell(const struct launch *launch, char *command)
{
    pid_t pid = vfork();
    if (pid == 0) {
        char sh[] = "sh", flag[] = "-c";
        char *argv[] = {sh, flag, command, NULL};
        execve("/bin/sh", argv, launch->environment);
        _exit(127);
    }
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (pid < 0 || status != 0)
        fail("The pre-exec command '%s' failed: wait status %d", command, pid < 0 ? -1 : status);
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

/* ---- init of a container that outlives the agent ---- */

static void
init_write_status(const char *path, int status)
{
    char text[16];
    snprintf(text, sizeof text, "%d", status);
    write_file(path, text);
}

/* Hands every signal on, reaps what is orphaned here, and ends with the program. Nothing of it is open in here: the
 * program's end is the end of its output. */
__attribute__((noreturn)) static void
init_run(const char *path, pid_t program, const sigset_t *signals)
{
    close_range(0, ~0u, 0);
    for (;;) {
        siginfo_t info;
        int signo = sigwaitinfo(signals, &info);
        if (signo > 0 && signo != SIGCHLD)
            kill(program, signo);
        int status;
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
            if (pid != program)
                continue;
            init_write_status(path, status);
            _exit(WIFEXITED(status) ? WEXITSTATUS(status) : FAILED);
        }
    }
}

/* The terminal's signals are for the program, not for its init. All signals are blocked. */
static void
take_foreground(void)
{
    setpgid(0, 0);
    tcsetpgrp(STDIN_FILENO, getpid());
}

/* Returns in the child, which goes when its init goes. */
static void
init(struct launch *launch, const char *path)
{
    sigset_t signals, before;
    sigfillset(&signals);
    sigprocmask(SIG_SETMASK, &signals, &before);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    pid_t self = getpid();
    pid_t pid = fork();
    if (pid < 0)
        fail("Failed to fork: %s", strerror(errno));
    if (pid > 0)
        init_run(path, pid, &signals);
    launch->init = self;
    if (launch->tty)
        take_foreground();
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* Last before the program: a change of the user would take it back. */
static void
follow_init(const struct launch *launch)
{
    if (launch->init == 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != launch->init)
        _exit(FAILED);
}

static void
take_step(struct launch *launch, const struct launch_step *step, char *bytes)
{
    switch (step->kind) {
    case LAUNCH_ENVIRONMENT:
        launch->environment[launch->environment_count++] = bytes;
        break;
    case LAUNCH_ARGUMENT:
        launch->arguments[launch->argument_count++] = bytes;
        break;
    case LAUNCH_MAKE_DIRECTORY:
        if (mkdir(bytes, 0755) < 0 && errno != EEXIST)
            fail("Failed to create directory '%s': %s", bytes, strerror(errno));
        break;
    case LAUNCH_WRITE_PID:
        write_pid(bytes);
        break;
    case LAUNCH_WRITE_STATE:
        write_state(bytes);
        launch->state_path = bytes;
        break;
    case LAUNCH_WAIT:
        wait_for_agent(launch->state_path);
        break;
    case LAUNCH_DIRECTORY:
        if (chdir(bytes) < 0)
            fail("Failed to chdir into current working directory '%s': %s", bytes, strerror(errno));
        break;
    case LAUNCH_RLIMIT:
        set_rlimit((const void *)bytes);
        break;
    case LAUNCH_USER:
        switch_user((const void *)bytes, step->len);
        break;
    case LAUNCH_NO_NEW_PRIVILEGES:
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
            fail("Failed to set no_new_privs: %s", strerror(errno));
        break;
    case LAUNCH_SHELL:
        run_shell(launch, bytes);
        break;
    case LAUNCH_TERMINAL:
        if (ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
            fail("Failed to make the terminal the controlling one: %s", strerror(errno));
        launch->tty = true;
        break;
    case LAUNCH_INIT:
        init(launch, bytes);
        break;
    case LAUNCH_EXECUTE:
        follow_init(launch);
        execute(launch, bytes);
        break;
    default:
        fail("mesos-containerizer: step %u of the description is not known", step->kind);
    }
}

static void
launch_run(void)
{
    struct launch launch = {0};
    receive(&launch);
    close_range(LAUNCH_FD, ~0u, CLOSE_RANGE_CLOEXEC); /* the program inherits 0, 1 and 2 only */
    size_t at = 0, count = 0;
    while (step_next(&launch, &at))
        count++;
    launch.environment = allocate((count + 1) * sizeof(char *));
    launch.arguments = allocate((count + 1) * sizeof(char *));
    memset(launch.environment, 0, (count + 1) * sizeof(char *));
    memset(launch.arguments, 0, (count + 1) * sizeof(char *));
    at = 0;
    for (size_t begin = 0; begin < launch.len; begin = at) {
        const struct launch_step *step = step_next(&launch, &at);
        if (!step)
            break;
        take_step(&launch, step, launch.steps + begin + sizeof *step);
    }
    fail("mesos-containerizer: the description names nothing to execute");
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
