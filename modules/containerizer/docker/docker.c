/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerizer "docker": tasks and executors in docker containers, by the docker command line. Called by the agent. This
 * file owns the table of containers, the simple questions about them, and what is read at start.
 */
#include "docker.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "base/file.h"
#include "base/units.h"

#define VERSION_TIMEOUT_MS 5000
#define PULL_TIMEOUT_FALLBACK_MS (60 * 1000)

extern char **environ;

void
answer(const struct docker *docker, struct mesos_call *call, int status)
{
    docker->host->reply(docker->host, call, status, (struct mesos_bytes){NULL, 0});
}

void
answer_fail(const struct docker *docker, struct mesos_call *call, int code, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    auto_free char *text = xvasprintf(format, ap);
    va_end(ap);
    answer(docker, call, docker->host->fail(docker->host, code, "%s", text));
}

void
owe(struct list *list, struct mesos_call *call)
{
    struct owed *owed = xmalloc(sizeof *owed);
    owed->call = call;
    list_push(list, &owed->in_list);
}

static struct mesos_bytes
termination(const struct container *container, struct buf *out)
{
    Mesos__Slave__ContainerTermination t = MESOS__SLAVE__CONTAINER_TERMINATION__INIT;
    t.has_status = container->has_status;
    t.status = container->status;
    size_t len = mesos__slave__container_termination__get_packed_size(&t);
    buf_added(out, mesos__slave__container_termination__pack(&t, (uint8_t *)buf_reserve(out, len)));
    return (struct mesos_bytes){buf_data(out), out->len};
}

/* Tells all of them how the container ended. */
void
owed_answer(struct container *container, struct list *list)
{
    const struct mesos_host *host = container->docker->host;
    auto_buf struct buf packed = {0};
    struct mesos_bytes bytes = termination(container, &packed);
    while (!list_empty(list)) {
        struct owed *owed = list_first(list, struct owed, in_list);
        list_remove(&owed->in_list);
        host->reply(host, owed->call, 0, bytes);
        free(owed);
    }
}

struct container *
container_find(struct docker *docker, const char *id)
{
    return map_get(&docker->containers, str_of(id));
}

bool
is_session(const struct container *container)
{
    return container->parent != NULL;
}

const char *
own_name(const struct container *container)
{
    return container->executor_name ? container->executor_name : container->name;
}

struct container *
container_new(struct docker *docker, const char *id, const char *sandbox)
{
    struct container *container = xcalloc(1, sizeof *container);
    const char *dot = strrchr(id, '.');
    container->docker = docker;
    container->id = xstrdup(id);
    container->sandbox = xstrdup(sandbox ? sandbox : "");
    container->name = xasprintf(NAME_PREFIX "%s", id);
    if (dot)
        container->parent = map_get(&docker->containers, str_n(id, (size_t)(dot - id)));
    container->out_fd = container->err_fd = container->go_fd = -1;
    list_init(&container->inspecting);
    list_init(&container->waits);
    list_init(&container->destroys);
    map_add(&docker->containers, str_of(container->id), container);
    return container;
}

static void
owed_free(struct list *list)
{
    while (!list_empty(list)) {
        struct owed *owed = list_first(list, struct owed, in_list);
        list_remove(&owed->in_list);
        free(owed);
    }
}

void
container_free(struct container *container)
{
    struct docker *docker = container->docker;
    const struct mesos_host *host = docker->host;
    map_remove(&docker->containers, str_of(container->id));
    questions_drop(container, "the container has ended");
    cli_cancel(container->cli);
    if (container->timer)
        host->timer_stop(host, container->timer);
    if (container->go_watch)
        host->unwatch_fd(host, container->go_watch);
    close_at(&container->go_fd);
    close_at(&container->out_fd);
    close_at(&container->err_fd);
    session_free(container->session);
    owed_free(&container->waits);
    owed_free(&container->destroys);
    if (container->config)
        mesos__slave__container_config__free_unpacked(container->config, NULL);
    for (char **item = container->environment; item && *item; item++)
        free(*item);
    free(container->environment);
    secrets_forget(container);
    free(container->pid_path);
    free(container->executor_name);
    free(container->name);
    free(container->user);
    free(container->sandbox);
    free(container->id);
    free(container);
}

static int
unknown(const struct docker *docker, const char *id)
{
    return docker->host->fail(docker->host, -ENOENT, "Unknown container %s", id);
}

static void
docker_wait(void *instance, const char *container_id, struct mesos_call *call)
{
    struct docker *docker = instance;
    struct container *container = container_find(docker, container_id);
    if (!container) {
        answer(docker, call, unknown(docker, container_id));
        return;
    }
    owe(&container->waits, call);
    if (container->state == STATE_ENDED)
        owed_answer(container, &container->waits);
}

void
container_destroy(struct container *container)
{
    container->destroy_wanted = true;
    if (container->state == STATE_RUNNING) {
        end_begin(container);
    } else if (container->state == STATE_FETCHING && container->fetching) {
        container->docker->services->fetch_cancel(container->docker->services->self, container->fetching);
    } else if (container->state == STATE_PULLING || container->state == STATE_STARTING) {
        launch_fail(container, -ECANCELED, container->state == STATE_PULLING
                                               ? "Container is being destroyed while its image is pulled"
                                               : "Container is being destroyed while it starts");
    }
}

static void
docker_destroy(void *instance, const char *container_id, struct mesos_call *call)
{
    struct docker *docker = instance;
    struct container *container = container_find(docker, container_id);
    if (!container) {
        answer(docker, call, unknown(docker, container_id));
        return;
    }
    owe(&container->destroys, call);
    if (container->state == STATE_ENDED)
        owed_answer(container, &container->destroys);
    else
        container_destroy(container);
}

static void
on_signalled(const struct cli_result *result, void *arg)
{
}

static void
on_session_signalled(void *arg, unsigned found)
{
}

static int
docker_kill(void *instance, const char *container_id, int signo)
{
    struct docker *docker = instance;
    struct container *container = container_find(docker, container_id);
    char text[24];
    if (!container || container->state != STATE_RUNNING)
        return -ESRCH;
    if (is_session(container)) {
        if (signo == SIGKILL)
            container_destroy(container);
        else
            kill_by_environment(docker, "MESOS_CONTAINER_ID", container->id, signo, on_session_signalled, NULL);
        return 0;
    }
    snprintf(text, sizeof text, "--signal=%d", signo);
    const char *const words[] = {"kill", text, container->name, NULL};
    return cli_call(docker, KILL_TIMEOUT_MS, on_signalled, NULL, words) ? 0 : -EAGAIN;
}

static void
docker_remove(void *instance, const char *container_id, struct mesos_call *call)
{
    struct docker *docker = instance;
    struct container *container = container_find(docker, container_id);
    if (container && (!is_session(container) || container->state != STATE_ENDED)) {
        answer_fail(docker, call, -EBUSY, "Container %s has not ended", container_id);
        return;
    }
    if (container)
        container_free(container);
    answer(docker, call, 0);
}

static struct mesos_container_view
view_of(const struct container *container)
{
    return (struct mesos_container_view){
        .size = sizeof(struct mesos_container_view),
        .container_id = container->id,
        .sandbox = container->sandbox,
        .ended = container->state == STATE_ENDED,
        .pid = container->pid,
    };
}

static int
docker_describe(void *instance, const char *container_id, struct mesos_container_view *ret)
{
    struct container *container = container_find(instance, container_id);
    if (!container)
        return -ENOENT;
    struct mesos_container_view view = view_of(container);
    size_t size = ret->size < sizeof view ? ret->size : sizeof view;
    memcpy(ret, &view, size);
    ret->size = size;
    return 0;
}

static void
docker_each(void *instance, void (*found)(void *arg, const struct mesos_container_view *view), void *arg)
{
    struct docker *docker = instance;
    const struct container *container;
    map_foreach(container, &docker->containers)
    {
        struct mesos_container_view view = view_of(container);
        found(arg, &view);
    }
}

static void
docker_initialize(void *instance, const struct mesos_containerizer_services *services)
{
    struct docker *docker = instance;
    docker->services = services;
}

/* ---- start ---- */

static const char *
option(const struct docker *docker, const char *name, const char *fallback)
{
    const char *value = docker->host->daemon_option(docker->host, name);
    return value && *value ? value : fallback;
}

static int64_t
option_ms(const struct docker *docker, const char *name, int64_t fallback_ms)
{
    int64_t ns;
    const char *value = option(docker, name, NULL);
    return value && duration_parse(str_of(value), &ns, NULL) == 0 ? ns / 1000000 : fallback_ms;
}

static bool
option_bool(const struct docker *docker, const char *name, bool fallback)
{
    const char *value = option(docker, name, NULL);
    return value ? strcmp(value, "true") == 0 || strcmp(value, "1") == 0 : fallback;
}

/* As execvp would find it. */
static char *
find_program(const char *name)
{
    struct str rest = str_of(getenv("PATH") ? getenv("PATH") : "/usr/local/bin:/usr/bin:/bin");
    if (strchr(name, '/'))
        return xstrdup(name);
    while (rest.len > 0) {
        struct str directory = str_cut(&rest, ':');
        auto_free char *path = xasprintf("%.*s/%s", STR_ARG(directory), name);
        struct stat st;
        if (directory.len > 0 && access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
            return take(&path);
    }
    return NULL;
}

char *
agent_socket(const struct docker *docker, const char *socket)
{
    auto_free char *directory = xasprintf("%s/socket", docker->state_dir);
    auto_free char *path = xasprintf("%s/agent.sock", directory);
    if (strlen(path) > 107 || (mkdir(directory, 0755) < 0 && errno != EEXIST))
        return NULL;
    if ((unlink(path) < 0 && errno != ENOENT) || link(socket, path) < 0)
        return NULL;
    return take(&path);
}

/* Logins of the client: a file of its own, which nobody else may read. */
static int
write_config(struct docker *docker, const char *json, char **ret, struct err *err)
{
    auto_free char *directory = xasprintf("%s/config", docker->state_dir);
    auto_free char *path = xasprintf("%s/config.json", directory);
    if (dir_make(directory, 0700, err) < 0 || file_replace(path, json, strlen(json), 0600, false, err) < 0)
        return err_wrap(err, "--docker_config");
    *ret = take(&directory);
    return 0;
}

/* What the agent has, without what is Mesos's: the client looks at DOCKER_..., proxies and HOME. */
static int
make_environment(struct docker *docker, struct err *err)
{
    const char *config = option(docker, "docker_config", NULL);
    auto_free char *directory = NULL;
    size_t count = 0;
    if (config && write_config(docker, config, &directory, err) < 0)
        return err->code;
    while (environ[count])
        count++;
    docker->environment = xcalloc(count + 3, sizeof *docker->environment);
    count = 0;
    for (char **item = environ; *item; item++) {
        if (strncmp(*item, "MESOS_", 6) != 0 && strncmp(*item, "LIBPROCESS_", 11) != 0 &&
            !(directory && strncmp(*item, "DOCKER_CONFIG=", 14) == 0))
            docker->environment[count++] = xstrdup(*item);
    }
    if (directory)
        docker->environment[count++] = xasprintf("DOCKER_CONFIG=%s", directory);
    if (!getenv("HOME"))
        docker->environment[count++] = xstrdup("HOME=/");
    return 0;
}

static int
check_client(struct docker *docker, struct err *err)
{
    static const char *const words[] = {"--version", NULL};
    auto_buf struct buf said = {0};
    if (access(docker->helper, X_OK) < 0)
        return err_errno(err, "cannot execute '%s' (is --launcher_dir right?)", docker->helper);
    if (cli_ask_now(docker, words, VERSION_TIMEOUT_MS, &said, err) < 0)
        return err_wrap(err, "--docker=%s", option(docker, "docker", "docker"));
    struct str text = str_trim(buf_str(&said)), rest = text;
    while (rest.len > 8 && strncasecmp(rest.ptr, "version ", 8) != 0)
        rest = str_n(rest.ptr + 1, rest.len - 1);
    uint32_t version = rest.len > 8 ? docker_version(rest) : 0;
    if (version < DOCKER_VERSION(1, 8, 0))
        return err_set(err, -EINVAL, "--docker=%s is no docker client of 1.8.0 or later: it says '%.*s'", docker->client.docker,
                       (int)(text.len < 100 ? text.len : 100), text.ptr);
    return 0;
}

static int
read_options(struct docker *docker, struct err *err)
{
    const struct mesos_host *host = docker->host;
    const char *program = option(docker, "docker", "docker"), *socket = option(docker, "docker_socket", "/var/run/docker.sock");
    const char *dns = option(docker, "default_container_dns", NULL), *image = option(docker, "docker_mesos_image", NULL);
    if (!host->runtime_dir || !host->launcher_dir)
        return err_set(err, -EINVAL, "containerizer 'docker' needs --runtime_dir and --launcher_dir");
    auto_free char *path = find_program(program);
    if (!path)
        return err_set(err, -ENOENT, "--docker=%s is no program of the PATH; containerizer 'docker' needs the docker client",
                       program);
    if (strncmp(socket, "unix://", 7) == 0)
        socket += 7;
    if (!strstr(socket, "://") && *socket != '/')
        return err_set(err, -EINVAL, "--docker_socket=%s is no absolute path", socket);
    docker->client.docker = take(&path);
    docker->client.host = docker_host(socket);
    docker->socket_path = *socket == '/' ? xstrdup(socket) : NULL;
    docker->helper = xasprintf("%s/mesos-docker-executor", host->launcher_dir);
    docker->switchboard = xasprintf("%s/mesos-containerizer", host->launcher_dir);
    docker->launcher_dir = xstrdup(host->launcher_dir);
    docker->work_dir = host->work_dir ? xstrdup(host->work_dir) : NULL;
    docker->state_dir = xasprintf("%s/docker", host->runtime_dir);
    docker->mapped = xstrdup(option(docker, "sandbox_directory", "/mnt/mesos/sandbox"));
    docker->dns = dns ? xstrdup(dns) : NULL;
    docker->mesos_image = image ? xstrdup(image) : NULL;
    docker->remove_delay_ms = option_ms(docker, "docker_remove_delay", 6 * 3600 * 1000);
    docker->stop_timeout_ms = option_ms(docker, "docker_stop_timeout", 0);
    docker->pull_timeout_ms = option_ms(docker, "executor_registration_timeout", PULL_TIMEOUT_FALLBACK_MS);
    docker->kill_orphans = option_bool(docker, "docker_kill_orphans", true);
    docker->cfs = option_bool(docker, "cgroups_enable_cfs", false);
    if (image && docker_image_check(image, err) < 0)
        return err_wrap(err, "--docker_mesos_image");
    return dir_make(docker->state_dir, 0755, err);
}

static int
docker_start(void *instance, const struct mesos_host *host)
{
    struct docker *docker = instance;
    struct err err = {0};
    docker->host = host;
    list_init(&docker->calls);
    list_init(&docker->removals);
    list_init(&docker->askings);
    if (read_options(docker, &err) < 0 || make_environment(docker, &err) < 0 || check_client(docker, &err) < 0)
        return host->fail(host, err.code, "%s", err.text);
    return 0;
}

static void
docker_stop(void *instance, struct mesos_call *call)
{
    struct docker *docker = instance;
    struct container *container;
    docker->stopped = true;
    sweep_stop(docker);
    removals_stop(docker);
    map_foreach(container, &docker->containers)
        container_free(container); /* what runs goes on running: the next agent recovers it */
    map_fini(&docker->containers);
    secrets_stop(docker);
    cli_stop(docker);
    for (char **item = docker->environment; item && *item; item++)
        free(*item);
    free(docker->environment);
    union {
        const char *from;
        void *to;
    } client = {.from = docker->client.docker}, socket = {.from = docker->client.host};
    free(client.to);
    free(socket.to);
    free(docker->engine);
    free(docker->helper);
    free(docker->switchboard);
    free(docker->launcher_dir);
    free(docker->work_dir);
    free(docker->state_dir);
    free(docker->mapped);
    free(docker->socket_path);
    free(docker->dns);
    free(docker->mesos_image);
    if (call)
        answer(docker, call, 0);
}

static const struct mesos_containerizer_ops ops = {
    .initialize = docker_initialize,
    .recover = docker_recover,
    .launch = docker_launch,
    .wait = docker_wait,
    .destroy = docker_destroy,
    .update = docker_update,
    .usage = docker_usage,
    .status = docker_status,
    .kill = docker_kill,
    .remove = docker_remove,
    .describe = docker_describe,
    .each = docker_each,
    .attach = docker_attach,
};

static const struct mesos_module module = {
    MESOS_MODULE(CONTAINERIZER, ops, struct docker),
    .name = "docker",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "runs tasks and executors in docker containers, by the docker command line",
    .start = docker_start,
    .stop = docker_stop,
};

MESOS_MODULES(&module);
