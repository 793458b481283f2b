/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerizer "docker": tasks and executors in docker containers, by the docker command line. Called by the agent. This
 * file owns the table of containers, and answers the simple questions about them.
 */
#include "docker.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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

static int
docker_start(void *instance, const struct mesos_host *host)
{
    struct docker *docker = instance;
    struct err err = {0};
    docker->host = host;
    list_init(&docker->calls);
    list_init(&docker->removals);
    list_init(&docker->askings);
    if (settings_read(docker, &err) < 0)
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
    settings_free(docker);
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
