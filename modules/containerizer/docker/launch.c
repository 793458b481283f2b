/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a wish to a running container: output opened, URIs fetched, the image there or pulled, then our executor as a
 * process, which starts the task's container itself, or an executor in a docker container of its own. A failure's words,
 * docker's above all, go into the answer and into the sandbox's stderr.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "base/file.h"
#include "common/processes.h"
#include "docker.h"

enum { ANSWER_NOT_MINE, ANSWER_LAUNCHED, ANSWER_EXISTS };

#define GO_FD 3
#define LOGIN_MAX_BYTES 65536

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
        MESOS_LOG(container->docker->host, WARNING, "container %s: cannot write to its stderr: %s", container->id,
                  strerror(errno));
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
static bool
unwanted(struct container *container, const char *during)
{
    if (!container->destroy_wanted)
        return false;
    auto_free char *text = xasprintf("Container is being destroyed during %s", during);
    launch_fail(container, -ECANCELED, text);
    return true;
}

static void
launched(struct container *container)
{
    struct docker *docker = container->docker;
    struct mesos_call *call = take(&container->launch);
    launching_over(container);
    container->state = STATE_RUNNING;
    reply_byte(docker, call, ANSWER_LAUNCHED);
    if (container->exited)
        end_begin(container);
}

/* ---- the engine's version ---- */

static void
on_engine(const struct cli_result *result, void *arg)
{
    struct docker *docker = arg;
    struct str text = str_trim(result->out);
    docker->asking_engine = false;
    if (!cli_well(result) || !docker_version(text)) {
        MESOS_LOG(docker->host, WARNING, "the docker engine does not tell its version: %.*s", STR_ARG(str_trim(result->err)));
        return;
    }
    free(docker->engine);
    docker->engine = str_dup(str_n(text.ptr, text.len < 100 ? text.len : 100));
    docker->client.engine = docker_version(text);
    MESOS_LOG(docker->host, INFO, "docker engine %s at %s", docker->engine, docker->client.host);
}

void
engine_ask(struct docker *docker)
{
    static const char *const words[] = {"version", "--format", "{{.Server.Version}}", NULL};
    if (docker->engine || docker->asking_engine)
        return;
    docker->asking_engine = cli_call(docker, INSPECT_TIMEOUT_MS, on_engine, docker, words) != NULL;
}

/* ---- an executor that is a process ---- */

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
    if (unwanted(container, "its start"))
        return;
    if (state_write(container, &err) < 0) {
        launch_fail(container, err.code, err.text);
        return;
    }
    if (send(container->go_fd, &byte, 1, MSG_NOSIGNAL) != 1) {
        launch_fail(container, -errno, "Failed to launch the docker executor: it does not listen");
        return;
    }
    launched(container);
}

static void
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
    union {
        char **from;
        const char *const *to;
    } words = {.from = argv.items}, environment = {.from = container->environment};
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

static void
start_process(struct container *container)
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

/* ---- an executor in a docker container ---- */

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
        MESOS_LOG(docker->host, WARNING, "container %s: its output is not followed: %s", container->id, strerror(-rc));
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
        auto_free char *text = xasprintf("Failed to inspect container '%s': %s%.*s", own_name(container), err.text,
                                         STR_ARG(str_trim(result->err)));
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
    if (!unwanted(container, "its start"))
        launched(container);
}

static void
on_run(const struct cli_result *result, void *arg)
{
    struct container *container = arg;
    container->cli = NULL;
    if (!cli_well(result)) {
        auto_free char *text =
            result->timed_out
                ? xasprintf("Failed to run docker container: docker run did not end within %d seconds", RUN_TIMEOUT_MS / 1000)
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
    auto_free char *socket_volume = shown    ? xasprintf("%s/socket:%s/socket", docker->state_dir, docker->state_dir)
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

static void
start_container(struct container *container)
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

static void
start(struct container *container)
{
    container->started = true;
    if (container->in_docker)
        start_container(container);
    else
        start_process(container);
}

/* ---- the image ---- */

/* What pulls: a tag is always named, for else every tag there is would come. */
static char *
image_full(const char *image)
{
    const char *slash = strrchr(image, '/'), *last = slash ? slash : image;
    return strchr(last, ':') || strchr(image, '@') ? xstrdup(image) : xasprintf("%s:latest", image);
}

static void
on_pulled(const struct cli_result *result, void *arg)
{
    struct container *container = arg;
    const struct mesos_host *host = container->docker->host;
    container->cli = NULL;
    if (!cli_well(result)) {
        struct docker_argv argv;
        auto_free char *image = image_full(container->config->container_info->docker->image);
        docker_argv_init(&argv, &container->docker->client);
        docker_argv_add(&argv, "pull");
        docker_argv_add(&argv, "%s", image);
        auto_free char *text = cli_failure(&argv, result);
        docker_argv_fini(&argv);
        launch_fail(container, result->timed_out ? -ETIMEDOUT : -EIO, text);
        return;
    }
    host->timing(host, "containerizer/docker/image_pull_ms", (double)(host->now_ms(host) - container->pull_began_ms));
    if (!unwanted(container, "pulling"))
        start(container);
}

/* Logins that the framework had fetched into the sandbox. Nothing but them is taken over: a client's configuration can
 * name programs to run. No link leads to logins of others: what is fetched may be one. */
static json_t *
sandbox_logins(const struct container *container)
{
    static const char *const files[][2] = {{".docker", "config.json"}, {".", ".dockercfg"}};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        auto_free char *path = xasprintf("%s/%s", container->sandbox, files[i][0]);
        auto_fd int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        auto_fd int fd = directory < 0 ? -1 : openat(directory, files[i][1], O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        char text[LOGIN_MAX_BYTES];
        ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
        json_t *root = n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;
        json_t *auths = i == 0 ? json_incref(json_object_get(root, "auths")) : json_incref(root);
        json_decref(root);
        if (json_is_object(auths))
            return auths;
        json_decref(auths);
    }
    return NULL;
}

/* The clients' environment, with the sandbox's logins; NULL: the usual one. */
static const char **
pull_environment(const struct container *container)
{
    const struct docker *docker = container->docker;
    json_t *auths = sandbox_logins(container);
    if (!auths)
        return NULL;
    json_t *root = json_pack("{s:o}", "auths", auths);
    auto_free char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    auto_free char *directory = xasprintf("%s/%s.login", docker->state_dir, container->id);
    auto_free char *path = xasprintf("%s/config.json", directory);
    struct err err = {0};
    if (!text || dir_make(directory, 0700, &err) < 0 || file_replace(path, text, strlen(text), 0600, false, &err) < 0) {
        MESOS_LOG(docker->host, WARNING, "container %s: the logins of its sandbox are not used: %s", container->id, err.text);
        return NULL;
    }
    size_t count = 0;
    while (docker->environment[count])
        count++;
    const char **items = xcalloc(count + 2, sizeof *items);
    count = 0;
    for (char **item = docker->environment; *item; item++) {
        if (strncmp(*item, "DOCKER_CONFIG=", 14) != 0)
            items[count++] = *item;
    }
    items[count] = xasprintf("DOCKER_CONFIG=%s", directory); /* the last: freed by who asked */
    return items;
}

static void
pull(struct container *container)
{
    struct docker *docker = container->docker;
    struct docker_argv argv;
    auto_free char *image = image_full(container->config->container_info->docker->image);
    const char **environment = pull_environment(container);
    docker_argv_init(&argv, &docker->client);
    docker_argv_add(&argv, "pull");
    docker_argv_add(&argv, "%s", image);
    struct cli_wish wish = {.argv = &argv, .timeout_ms = docker->pull_timeout_ms, .env_fd = -1, .environment = environment};
    container->pull_began_ms = docker->host->now_ms(docker->host);
    container->cli = cli_start(docker, &wish, on_pulled, container, NULL);
    docker_argv_fini(&argv);
    for (size_t i = 0; environment && environment[i]; i++) {
        if (!environment[i + 1]) {
            union {
                const char *from;
                void *to;
            } last = {.from = environment[i]};
            free(last.to);
        }
    }
    free(environment);
    if (!container->cli)
        launch_fail(container, -EAGAIN, "Failed to pull the image: no client started");
}

static void
on_image(const struct cli_result *result, void *arg)
{
    struct container *container = arg;
    container->cli = NULL;
    if (unwanted(container, "pulling"))
        return;
    if (result->timed_out) {
        auto_free char *text = xasprintf("Failed to inspect image '%s': the docker client was cut off because it did not end "
                                         "in time; stderr='%.*s'",
                                         container->config->container_info->docker->image, STR_ARG(result->err));
        launch_fail(container, -ETIMEDOUT, text);
    } else if (cli_well(result)) {
        start(container);
    } else {
        pull(container);
    }
}

static void
image(struct container *container)
{
    const Mesos__V1__ContainerInfo__DockerInfo *info = container->config->container_info->docker;
    container->state = STATE_PULLING;
    engine_ask(container->docker);
    if (info->has_force_pull_image && info->force_pull_image) {
        pull(container);
        return;
    }
    const char *const words[] = {"inspect", "--type=image", info->image, NULL};
    container->cli = cli_call(container->docker, PS_TIMEOUT_MS, on_image, container, words);
    if (!container->cli)
        launch_fail(container, -EAGAIN, "Failed to inspect the image: no client started");
}

/* ---- before the image ---- */

static void
on_fetched(void *arg, const char *error)
{
    struct container *container = arg;
    container->fetching = NULL;
    if (unwanted(container, "fetching"))
        return;
    if (error)
        launch_fail(container, -EIO, error);
    else
        image(container);
}

static void
fetch(struct container *container)
{
    const struct mesos_containerizer_services *services = container->docker->services;
    const Mesos__V1__CommandInfo *command = container->config->command_info;
    auto_buf struct buf packed = {0};
    if (command->n_uris == 0) {
        image(container);
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
        return err_set(err, -EINVAL, "containerizer 'docker' needs a container logger, and none is configured");
    struct mesos_container_io io = {sizeof io, -1, -1, -1};
    auto_buf struct buf packed = {0};
    size_t len = mesos__slave__container_config__get_packed_size(container->config);
    buf_added(&packed, mesos__slave__container_config__pack(container->config, (uint8_t *)buf_reserve(&packed, len)));
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
        if (strpbrk(command->uris[i]->value, "\\'") || (file && (!*file || *file == '/' || strpbrk(file, "\\'"))))
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
        return err_set(err, -EINVAL, "Could not fetch: Illegal characters in URI or in its output file, which must be "
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
    fetch(container);
}

static bool
is_mine(const struct docker *docker, const char *id, const Mesos__Slave__ContainerConfig *config)
{
    const char *dot = strrchr(id, '.');
    if (dot) /* only sessions are nested here */
        return config->has_container_class && config->container_class == MESOS__SLAVE__CONTAINER_CLASS__DEBUG;
    return config->container_info && config->container_info->type == MESOS__V1__CONTAINER_INFO__TYPE__DOCKER &&
           config->container_info->docker;
}

static void
launch_session(struct docker *docker, const struct mesos_containerizer_launch *launch,
               Mesos__Slave__ContainerConfig *config, struct mesos_call *call)
{
    const char *dot = strrchr(launch->container_id, '.');
    const struct container *parent = map_get(&docker->containers, str_n(launch->container_id, (size_t)(dot - launch->container_id)));
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
    session_launch(container);
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
    bool standalone = launch->size > offsetof(struct mesos_containerizer_launch, standalone) && launch->standalone;
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
