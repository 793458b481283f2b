/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A containerizer whose containers are plain processes: no isolators, no images, no other users, no URIs. What it does it does
 * to the end: a process starts after its pid is on disk, is found again after a restart of the agent by pid and start time,
 * and takes all below it along when it is destroyed. Built outside the tree: see Makefile. Contract: mesos/containerizer.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <mesos/containerizer.h>
#include "mesos/slave/containerizer.pb-c.h"

struct owed { /* an answer */
    struct owed *next;
    struct mesos_call *call;
};

struct plain {
    const struct mesos_host *host;
    const struct mesos_containerizer_services *services;
    char *dir; /* a file for each container: pid and start time */
    struct container *containers;
};

struct container {
    struct container *next;
    struct plain *plain;
    char *id, *sandbox;
    pid_t pid;
    struct owed *owed; /* by wait and destroy */
};

static void *
zeroed(size_t size)
{
    void *p = calloc(1, size);
    if (!p)
        abort();
    return p;
}

static char *
path_of(const char *dir, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        abort();
    return path;
}

static void
refuse(const struct plain *plain, struct mesos_call *call, int code, const char *why)
{
    plain->host->fail(plain->host, code, "%s", why);
    plain->host->reply(plain->host, call, code, (struct mesos_bytes){NULL, 0});
}

static struct container *
container_find(struct plain *plain, const char *id)
{
    struct container *container = plain->containers;
    while (container && strcmp(container->id, id) != 0)
        container = container->next;
    return container;
}

static struct container *
container_new(struct plain *plain, const char *id, const char *sandbox)
{
    struct container *container = zeroed(sizeof *container);
    container->plain = plain;
    container->id = strdup(id);
    container->sandbox = strdup(sandbox);
    container->next = plain->containers;
    plain->containers = container;
    return container;
}

static void
container_free(struct container *container)
{
    struct container **at = &container->plain->containers;
    while (*at != container)
        at = &(*at)->next;
    *at = container->next;
    for (struct owed *owed = container->owed, *next; owed; owed = next) {
        next = owed->next;
        free(owed);
    }
    free(container->id);
    free(container->sandbox);
    free(container);
}

/* ---- processes ---- */

/* Parent and start time of a process; false when it is not there or has ended. */
static bool
process_read(pid_t pid, pid_t *ret_parent, unsigned long long *ret_start)
{
    char path[64], text[1024], state;
    int parent;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[len] = '\0';
    const char *rest = strrchr(text, ')');
    if (!rest || sscanf(rest + 1, " %c %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &state, &parent,
                        ret_start) != 3)
        return false;
    *ret_parent = parent;
    return state != 'Z';
}

/* The process and all below it, children first asked before their parent is gone. (Reads all of /proc on the loop: an example
 * may; what serves thousands offloads it.) */
static void
kill_tree(pid_t pid)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    pid_t parent;
    unsigned long long start;
    kill(pid, SIGSTOP);
    while (proc && (entry = readdir(proc))) {
        pid_t child = (pid_t)atoi(entry->d_name);
        if (child > 1 && process_read(child, &parent, &start) && parent == pid)
            kill_tree(child);
    }
    if (proc)
        closedir(proc);
    kill(pid, SIGKILL);
}

/* ---- the end ---- */

static void
on_exited(pid_t pid, int status, void *arg)
{
    struct container *container = arg;
    struct plain *plain = container->plain;
    Mesos__Slave__ContainerTermination termination = MESOS__SLAVE__CONTAINER_TERMINATION__INIT;
    unsigned char bytes[64];
    (void)pid;
    termination.has_status = status >= 0; /* not known of one that an earlier agent started */
    termination.status = status;
    size_t len = mesos__slave__container_termination__pack(&termination, bytes);
    for (struct owed *owed = container->owed; owed; owed = owed->next)
        plain->host->reply(plain->host, owed->call, 0, (struct mesos_bytes){bytes, len});
    char *path = path_of(plain->dir, container->id);
    unlink(path);
    free(path);
    container_free(container);
}

static void
owe(struct plain *plain, const char *id, struct mesos_call *call, bool kill_it)
{
    struct container *container = container_find(plain, id);
    if (!container) {
        refuse(plain, call, -ENOENT, "there is no such container");
        return;
    }
    struct owed *owed = zeroed(sizeof *owed);
    owed->call = call;
    owed->next = container->owed;
    container->owed = owed;
    if (kill_it)
        kill_tree(container->pid);
}

static void
wait_for(void *instance, const char *id, struct mesos_call *call)
{
    owe(instance, id, call, false);
}

static void
destroy(void *instance, const char *id, struct mesos_call *call)
{
    owe(instance, id, call, true);
}

/* ---- launch ---- */

/* A NULL-terminated array with room for `more` behind the `count` of `from`. */
static const char **
array_of(const char *const *from, size_t count, size_t more)
{
    const char **list = zeroed((count + more + 1) * sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = from[i];
    return list;
}

/* The shell waits for a line, which comes when the pid is on disk; an agent that dies before leaves nothing behind. */
static const char **
argv_of(const Mesos__V1__CommandInfo *command)
{
    static const char *const first[] = {"/bin/sh", "-c", "read go && exec \"$@\" </dev/null", "sh"};
    bool shell = !command->has_shell || command->shell;
    const char **argv = array_of(first, 4, command->n_arguments + 3);
    size_t at = 4;
    if (shell) {
        argv[at++] = "/bin/sh";
        argv[at++] = "-c";
    }
    argv[at++] = command->value;
    for (size_t i = 1; !shell && i < command->n_arguments; i++)
        argv[at++] = command->arguments[i];
    return argv;
}

static const char **
environment_of(const struct mesos_containerizer_launch *launch, const Mesos__V1__CommandInfo *command, char **made)
{
    size_t count = 0, more = command->environment ? command->environment->n_variables : 0;
    while (launch->environment && launch->environment[count])
        count++;
    const char **list = array_of(launch->environment, count, more);
    for (size_t i = 0; i < more; i++) {
        const Mesos__V1__Environment__Variable *variable = command->environment->variables[i];
        if (asprintf(&made[i], "%s=%s", variable->name, variable->value ? variable->value : "") < 0)
            abort();
        list[count + i] = made[i];
    }
    return list;
}

static int
write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    bool written = file && fputs(text, file) >= 0;
    if (file && fclose(file) != 0)
        written = false;
    return written ? 0 : -EIO;
}

/* For the agent's own recovery, and for ours. */
static int
remember(const struct plain *plain, const char *id, const char *pid_path, pid_t pid)
{
    char text[64];
    pid_t parent;
    unsigned long long start;
    if (!process_read(pid, &parent, &start))
        return -ESRCH;
    char *path = path_of(plain->dir, id);
    snprintf(text, sizeof text, "%d %llu", (int)pid, start);
    int status = write_text(path, text);
    free(path);
    snprintf(text, sizeof text, "%d", (int)pid);
    return status < 0 || !pid_path ? status : write_text(pid_path, text);
}

static int
spawn(struct plain *plain, struct container *container, const struct mesos_containerizer_launch *launch,
      const Mesos__Slave__ContainerConfig *config)
{
    const Mesos__V1__CommandInfo *command = config->command_info;
    struct mesos_container_io io = {sizeof io, -1, -1, -1};
    void *logger;
    const struct mesos_container_logger_ops *logger_ops = plain->services->logger_ops(plain->services->self, &logger);
    int go[2], status = logger_ops ? logger_ops->prepare(logger, launch->container_id, config->directory, NULL, launch->config, &io) : 0;
    if (status < 0)
        return plain->host->fail(plain->host, status, "%s", plain->services->logger_failure(plain->services->self));
    if (pipe2(go, O_CLOEXEC) < 0)
        return plain->host->fail(plain->host, -errno, "cannot make a pipe");
    char **made = zeroed(((command->environment ? command->environment->n_variables : 0) + 1) * sizeof *made);
    const char **argv = argv_of(command), **environment = environment_of(launch, command, made);
    const int fds[] = {go[0], io.stdout_fd, io.stderr_fd};
    const struct mesos_spawn child = {.size = sizeof child, .argv = argv, .environment = environment,
                                      .directory = config->directory, .fds = fds, .fd_count = 3, .new_session = 1};
    status = plain->host->spawn(plain->host, &child, on_exited, container, &container->pid);
    if (status == 0 && (remember(plain, launch->container_id, launch->pid_checkpoint_path, container->pid) < 0 ||
                        write(go[1], "go\n", 3) != 3))
        MESOS_LOG(plain->host, ERROR, "container %s does not start: its pid cannot be written down", launch->container_id);
    close(go[0]);
    close(go[1]);
    if (io.stdout_fd >= 0)
        close(io.stdout_fd);
    if (io.stderr_fd >= 0)
        close(io.stderr_fd);
    for (size_t i = 0; made[i]; i++)
        free(made[i]);
    free(made);
    free(argv);
    free(environment);
    return status;
}

static void
launch_it(void *instance, const struct mesos_containerizer_launch *launch, struct mesos_call *call)
{
    struct plain *plain = instance;
    Mesos__Slave__ContainerConfig *config =
        mesos__slave__container_config__unpack(NULL, launch->config.len, launch->config.data);
    if (!config || !config->command_info || !config->command_info->value || config->container_info ||
        config->command_info->n_uris || config->user || launch->standalone || strchr(launch->container_id, '.')) {
        plain->host->reply(plain->host, call, 0, (struct mesos_bytes){"", 1}); /* for the next one */
    } else if (container_find(plain, launch->container_id)) {
        plain->host->reply(plain->host, call, 0, (struct mesos_bytes){"\2", 1});
    } else {
        struct container *container = container_new(plain, launch->container_id, config->directory);
        int status = spawn(plain, container, launch, config);
        if (status < 0)
            container_free(container);
        plain->host->reply(plain->host, call, status, (struct mesos_bytes){"\1", status < 0 ? 0 : 1});
    }
    if (config)
        mesos__slave__container_config__free_unpacked(config, NULL);
}

/* ---- recovery ---- */

static void
recover_one(struct plain *plain, const char *id, const struct mesos_isolator_state *states, size_t count)
{
    char *path = path_of(plain->dir, id);
    FILE *file = fopen(path, "re");
    int pid = 0;
    pid_t parent;
    unsigned long long then = 0, now = 0;
    const struct mesos_isolator_state *known = NULL;
    bool there = file && fscanf(file, "%d %llu", &pid, &then) == 2 &&
                                process_read(pid, &parent, &now) && now == then;
    if (file)
        fclose(file);
    for (size_t i = 0; i < count && !known; i++)
        known = strcmp(states[i].container_id, id) == 0 ? &states[i] : NULL;
    if (there && known) {
        struct container *container = container_new(plain, id, known->sandbox);
        container->pid = pid;
        plain->host->watch_pid(plain->host, pid, on_exited, container);
    } else {
        if (there)
            kill_tree(pid); /* nobody's any more */
        unlink(path);
    }
    free(path);
}

static void
recover(void *instance, const struct mesos_isolator_state *states, size_t count, struct mesos_call *call)
{
    struct plain *plain = instance;
    DIR *dir = opendir(plain->dir);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            recover_one(plain, entry->d_name, states, count);
    if (dir)
        closedir(dir);
    plain->host->reply(plain->host, call, 0, (struct mesos_bytes){NULL, 0});
}

/* After a restart the agent asks so which of its containerizers has a container. */
static int
describe(void *instance, const char *id, struct mesos_container_view *ret)
{
    const struct container *container = container_find(instance, id);
    if (!container)
        return -ENOENT;
    ret->container_id = container->id;
    ret->sandbox = container->sandbox;
    ret->pid = container->pid;
    return 0;
}

/* ---- life ---- */

static void
initialize(void *instance, const struct mesos_containerizer_services *services)
{
    ((struct plain *)instance)->services = services;
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct plain *plain = instance;
    plain->host = host;
    plain->dir = path_of(host->runtime_dir, "org_example_plain");
    if (mkdir(plain->dir, 0700) < 0 && errno != EEXIST)
        return host->fail(host, -errno, "cannot make %s: %s", plain->dir, strerror(errno));
    return 0;
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct plain *plain = instance;
    while (plain->containers) /* their processes go on */
        container_free(plain->containers);
    free(plain->dir);
    if (call)
        plain->host->reply(plain->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_containerizer_ops ops = {
    .initialize = initialize, .recover = recover, .launch = launch_it, .wait = wait_for, .destroy = destroy,
    .describe = describe};

static const struct mesos_module module = {
    MESOS_MODULE(CONTAINERIZER, ops, struct plain),
    .name = "org_example_plain",
    .version = "1.0",
    .author = "Example Org",
    .summary = "containers are plain processes",
    .start = start,
    .stop = stop,
};

MESOS_MODULES(&module);
