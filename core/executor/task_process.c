/* SPDX-License-Identifier: Apache-2.0 */
/* Starts and ends the processes of a task. Called by the command executor from its loop. */
#include "executor/task_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/log.h"

extern char **environ;

enum { TREE_MAX = 4096, KILL_ROUNDS = 20 };

void
task_process_adopt_orphans(void)
{
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        log_warning("Cannot adopt orphans of the task: %s", strerror(errno));
}

/* ---- the environment of the task ---- */

struct env_list {
    char **items; /* NULL-terminated, each owned */
    size_t count;
};

static void
env_set(struct env_list *env, const char *name, const char *value)
{
    size_t len = strlen(name), at = 0;
    while (at < env->count && !(strncmp(env->items[at], name, len) == 0 && env->items[at][len] == '='))
        at++;
    if (at == env->count) {
        env->items = xreallocarray(env->items, env->count + 2, sizeof(*env->items));
        env->items[++env->count] = NULL;
    } else {
        free(env->items[at]);
    }
    env->items[at] = xasprintf("%s=%s", name, value);
}

static void
env_add_all(struct env_list *env, const Mesos__V1__Environment *from)
{
    for (size_t i = 0; from && i < from->n_variables; i++) {
        const Mesos__V1__Environment__Variable *v = from->variables[i];
        if (v->value)
            env_set(env, v->name, v->value);
        else if (v->secret && getenv(v->name))
            continue; /* the agent has resolved it into our own environment */
        else
            log_warning("Environment variable '%s' has no plain value and is left out", v->name);
    }
}

static void
env_inherit(struct env_list *env)
{
    for (char **at = environ; *at; at++) {
        char *equals = strchr(*at, '=');
        auto_free char *name = equals ? xstrndup(*at, (size_t)(equals - *at)) : NULL;
        if (name && strcmp(name, "MESOS_EXECUTOR_AUTHENTICATION_TOKEN") != 0)
            env_set(env, name, equals + 1);
    }
    if (!getenv("PATH"))
        env_set(env, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

static struct env_list
env_make(const struct task_command *task)
{
    struct env_list env = {0};
    env_inherit(&env);
    if (task->allocation_role)
        env_set(&env, "MESOS_ALLOCATION_ROLE", task->allocation_role);
    if (task->task_id) /* monitoring agents look for it in every task */
        env_set(&env, "MESOS_TASK_ID", task->task_id);
    env_add_all(&env, task->extra_environment);
    env_add_all(&env, task->command->environment);
    return env;
}

static void
env_free(struct env_list *env)
{
    for (size_t i = 0; i < env->count; i++)
        free(env->items[i]);
    free(env->items);
}

/* ---- starting ---- */

struct identity {
    bool change;
    uid_t uid;
    gid_t gid;
    gid_t groups[256];
    int group_count;
};

static int
find_user(const char *name, struct identity *ret, struct err *err)
{
    *ret = (struct identity){0};
    /* The common case costs no look into the user database: the agent has made us who the task is to be. */
    if (!name || !*name || (geteuid() == 0 && strcmp(name, "root") == 0))
        return 0;
    errno = 0;
    const struct passwd *user = getpwnam(name);
    if (!user)
        return err_set(err, -ENOENT, "no such user '%s' on this machine", name);
    if (user->pw_uid == geteuid())
        return 0;
    if (geteuid() != 0)
        return err_set(err, -EPERM, "cannot become user '%s' without being root", name);
    ret->change = true;
    ret->uid = user->pw_uid;
    ret->gid = user->pw_gid;
    ret->group_count = ARRAY_LEN(ret->groups);
    if (getgrouplist(name, user->pw_gid, ret->groups, &ret->group_count) < 0)
        return err_set(err, -E2BIG, "user '%s' is in too many groups", name);
    return 0;
}

static char **
make_argv(const Mesos__V1__CommandInfo *command)
{
    bool shell = !command->has_shell || command->shell;
    size_t count = shell ? 3 : command->n_arguments ? command->n_arguments : 1;
    char **argv = xcalloc(count + 1, sizeof(*argv));
    if (shell) {
        argv[0] = xstrdup("sh");
        argv[1] = xstrdup("-c");
        argv[2] = xstrdup(command->value);
    } else if (command->n_arguments == 0) {
        argv[0] = xstrdup(command->value);
    }
    for (size_t i = 0; !shell && i < command->n_arguments; i++)
        argv[i] = xstrdup(command->arguments[i]);
    return argv;
}

/* What the helper is called with: its own words, then the command's program and argv. */
static char **
make_helper_argv(const struct task_command *task)
{
    bool shell = !task->command->has_shell || task->command->shell;
    char **command = make_argv(task->command);
    size_t count = 0;
    while (command[count])
        count++;
    char **argv = xcalloc(count + 5, sizeof(*argv));
    argv[0] = xstrdup("mesos-containerizer");
    argv[1] = xstrdup("task");
    argv[2] = xasprintf("%d", task->launch->steps_fd);
    argv[3] = xstrdup(shell ? "/bin/sh" : task->command->value);
    memcpy(argv + 4, command, count * sizeof(*argv));
    free(command);
    return argv;
}

int
task_launch_read(const char *text, const char *launcher_dir, struct task_launch *ret, struct err *err)
{
    int program_fd, steps_fd, len = 0;
    if (sscanf(text, "%d:%d%n", &program_fd, &steps_fd, &len) != 2 || text[len] || program_fd < -1 || steps_fd < 3)
        return err_set(err, -EINVAL, "--task_launch=%s is not <descriptor>:<descriptor>", text);
    if (fcntl(steps_fd, F_SETFD, FD_CLOEXEC) < 0 || (program_fd >= 0 && fcntl(program_fd, F_SETFD, FD_CLOEXEC) < 0))
        return err_set(err, -errno, "--task_launch=%s names no open descriptors", text);
    if (program_fd < 0 && !launcher_dir)
        return err_set(err, -EINVAL, "--task_launch=%s needs --launcher_dir", text);
    *ret = (struct task_launch){program_fd, NULL, steps_fd};
    if (program_fd < 0)
        ret->program = xasprintf("%s/mesos-containerizer", launcher_dir);
    return 0;
}

static void
child_fail(const char *what, const char *name) __attribute__((noreturn));

static void
child_fail(const char *what, const char *name)
{
    dprintf(STDERR_FILENO, "%s '%s': %s\n", what, name, strerror(errno));
    _exit(EXIT_FAILURE);
}

static void
child_detach(const struct task_command *task)
{
    int null_fd = open("/dev/null", O_RDONLY);
    if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(task->stdout_fd, STDOUT_FILENO) < 0)
        child_fail("Cannot redirect", "standard input and output");
    if (null_fd > STDERR_FILENO)
        close(null_fd);
}

/* The helper takes the way that was described to it and becomes the command. argv is the helper's. */
static void
child_launch(const struct task_command *task, char **argv, char **envp) __attribute__((noreturn));

static void
child_launch(const struct task_command *task, char **argv, char **envp)
{
    const struct task_launch *launch = task->launch;
    fcntl(launch->steps_fd, F_SETFD, 0);
    if (launch->program_fd >= 0)
        fexecve(launch->program_fd, argv, envp);
    else
        execve(launch->program, argv, envp);
    child_fail("Failed to execute the launch helper for", task->command->value);
}

static void
child_run(const struct task_command *task, const struct identity *identity, char **argv, char **envp, pid_t parent)
    __attribute__((noreturn));

static void
child_run(const struct task_command *task, const struct identity *identity, char **argv, char **envp, pid_t parent)
{
    bool shell = !task->command->has_shell || task->command->shell;
    sigset_t none;
    setsid();
    if (!task->detached && isatty(STDIN_FILENO))
        ioctl(STDIN_FILENO, TIOCSCTTY, 0); /* the container's terminal is the task's: its signals, its job control */
    /* The executor's handlers are inherited until exec: a signal for the command must not end in one of them. All are
     * blocked since before the fork. */
    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (task->detached)
        child_detach(task);
    if (identity->change && (setgroups((size_t)identity->group_count, identity->groups) < 0 ||
                             setgid(identity->gid) < 0 || setuid(identity->uid) < 0))
        child_fail("Cannot become user", task->user);
    /* After the change of user, which clears it: the command must not outlive a killed executor. */
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    if (task->launch)
        child_launch(task, argv, envp);
    if (task->working_directory && chdir(task->working_directory) < 0)
        child_fail("Cannot change to working directory", task->working_directory);
    environ = envp;
    if (shell)
        execv("/bin/sh", argv);
    else
        execvp(task->command->value, argv);
    child_fail("Failed to execute command", shell ? "/bin/sh" : task->command->value);
}

pid_t
task_process_start(const struct task_command *task, struct err *err)
{
    struct identity identity;
    if (!task->command || !task->command->value)
        return err_set(err, -EINVAL, "the task's command has no value");
    int rc = find_user(task->launch ? NULL : task->user, &identity, err);
    if (rc)
        return rc;
    struct env_list env = env_make(task);
    char **argv = task->launch ? make_helper_argv(task) : make_argv(task->command);
    pid_t parent = getpid();
    log_flush();
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        child_run(task, &identity, argv, env.items, parent);
    if (pid < 0)
        err_errno(err, "cannot fork");
    sigprocmask(SIG_SETMASK, &before, NULL);
    for (char **at = argv; *at; at++)
        free(*at);
    free(argv);
    env_free(&env);
    return pid < 0 ? err->code : pid;
}

/* ---- signalling ---- */

struct pid_set {
    pid_t pids[TREE_MAX];
    size_t count;
};

static void
add_children_of_thread(struct pid_set *set, pid_t pid, const char *tid)
{
    char path[320], text[4096];
    snprintf(path, sizeof(path), "/proc/%d/task/%s/children", (int)pid, tid);
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return;
    text[n] = '\0';
    char *save = NULL;
    for (char *word = strtok_r(text, " ", &save); word && set->count < TREE_MAX; word = strtok_r(NULL, " ", &save))
        set->pids[set->count++] = (pid_t)atoi(word);
}

static void
add_children(struct pid_set *set, pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    if (!dir)
        return;
    const struct dirent *e;
    while ((e = readdir(dir)) != NULL)
        if (e->d_name[0] != '.')
            add_children_of_thread(set, pid, e->d_name);
    closedir(dir);
}

/* A process that ended and waits to be reaped counts as gone. */
static bool
is_zombie(pid_t pid)
{
    char path[64], text[512];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return true;
    text[n] = '\0';
    const char *after_name = strrchr(text, ')');
    return !after_name || after_name[1] == '\0' || after_name[2] == 'Z' || after_name[2] == 'X';
}

/* Children of ours that a dead child of the session `top` left behind. */
static void
add_orphans(struct pid_set *set, pid_t top)
{
    size_t kept = set->count, end;
    add_children(set, getpid());
    end = set->count;
    for (size_t i = kept; i < end; i++)
        if (set->pids[i] != top && getsid(set->pids[i]) == top)
            set->pids[kept++] = set->pids[i];
    set->count = kept;
}

/* top: the process whose descendants are meant, itself only when it is a child of ours. */
static int
signal_once(pid_t top, int signo)
{
    struct pid_set *set = xcalloc(1, sizeof(*set));
    int sent = 0;
    if (top == getpid()) {
        add_children(set, top);
    } else {
        set->pids[set->count++] = top;
        add_orphans(set, top);
    }
    for (size_t i = 0; i < set->count; i++)
        add_children(set, set->pids[i]);
    for (size_t i = 0; i < set->count; i++)
        if (!is_zombie(set->pids[i]) && kill(set->pids[i], signo) == 0)
            sent++;
    free(set);
    return sent;
}

int
task_process_signal_tree(pid_t pid, int signo)
{
    int total = 0, sent;
    for (int round = 0; round < (signo == SIGKILL ? KILL_ROUNDS : 1); round++) {
        sent = signal_once(pid, signo);
        total += sent;
        if (sent == 0)
            break;
        if (signo == SIGKILL)
            usleep(1000); /* those killed need a moment; those forked meanwhile get the next round */
    }
    return total;
}

int
task_process_signal_all(int signo)
{
    return task_process_signal_tree(getpid(), signo);
}

void
task_process_describe(int status, char *out, size_t size)
{
    if (WIFEXITED(status))
        snprintf(out, size, "exited with status %d", WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        snprintf(out, size, "terminated with signal %s", strsignal(WTERMSIG(status)));
    else
        snprintf(out, size, "ended with wait status %d", status);
}
