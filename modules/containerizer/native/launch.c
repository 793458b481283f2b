/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Launching, step by step: user -> output -> isolators prepare -> URIs -> helper -> isolators isolate -> the helper's
 * word to go. Each step calls the next; between steps a wish to destroy is heard. The agent runs no code of its own
 * between fork and exec: the helper does, told by description.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include "launch/description.h"
#include "native.h"

enum { ANSWER_NOT_MINE, ANSWER_LAUNCHED, ANSWER_EXISTS };

static void
reply_byte(const struct native *native, struct mesos_call *call, unsigned char byte)
{
    native->host->reply(native->host, call, 0, (struct mesos_bytes){&byte, 1});
}

static void
launching_over(struct container *container)
{
    container->launch = NULL;
    if (container->config)
        mesos__slave__container_config__free_unpacked(container->config, NULL);
    container->config = NULL;
    free(container->pid_path);
    container->pid_path = NULL;
    mesos_resource_sum_free(&container->resources);
    buf_fini(&container->steps);
    container->steps = (struct buf){0};
    entries_fini(&container->entries);
    asked_fini(&container->asked);
    close_at(&container->task_fd);
    container->task_fd = -1;
    buf_fini(&container->environment);
    container->environment = (struct buf){0};
    close_at(&container->in_fd);
    close_at(&container->out_fd);
    close_at(&container->err_fd);
    if (container->entry)
        container->native->host->unwatch_fd(container->native->host, container->entry);
    container->entry = NULL;
    close_at(&container->word_fd); /* without a word to go the helper ends */
    container->in_fd = container->out_fd = container->err_fd = container->word_fd = -1;
}

void
launch_fail(struct container *container, int code, const char *text)
{
    const struct mesos_host *host = container->native->host;
    struct mesos_call *call = container->launch;
    launching_over(container);
    host->fail(host, code, "%s", text);
    answer(container->native, call, code);
    end_begin(container);
}

/* True when the container must not go on; its launch has failed then. */
static bool
unwanted(struct container *container, const char *during)
{
    if (!container->destroy_wanted)
        return false;
    auto_free char *text = container->limitation && container->limitation->message
                               ? xstrdup(container->limitation->message)
                               : xasprintf("Container is being destroyed during %s", during);
    launch_fail(container, -ECANCELED, text);
    return true;
}

static void
launched(struct container *container)
{
    struct native *native = container->native;
    struct mesos_call *call = container->launch;
    launching_over(container);
    container->state = STATE_RUNNING;
    container->ran = true;
    reply_byte(native, call, ANSWER_LAUNCHED);
    if (container->exited)
        end_begin(container);
}

/* The helper's end of the socket is closed when it executes the program, or ends. */
static void
on_entered(int fd, int events, void *arg)
{
    struct container *container = arg;
    char byte;
    (void)events;
    if (recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    launched(container);
}

/* A container that others may be launched in at once is launched when its own view of files stands: who came earlier would
 * enter the host's. Executors say themselves that they are there. */
static void
release(struct container *container)
{
    const struct mesos_host *host = container->native->host;
    char go = 1;
    if (unwanted(container, "isolating"))
        return;
    if (container->exited) {
        launch_fail(container, -ECHILD, "Failed to start the container: its process ended at once; the sandbox's stderr says why");
        return;
    }
    if (send(container->word_fd, &go, 1, MSG_NOSIGNAL) != 1) {
        launch_fail(container, -errno, "Failed to start the container: its process does not listen");
        return;
    }
    if (container->kept)
        container->entry = host->watch_fd(host, container->word_fd, 1, on_entered, container);
    else
        launched(container);
}

bool
launch_give_up(struct container *container)
{
    return container->entry && unwanted(container, "starting");
}

static void isolate_next(struct container *container);

static void
on_isolated(void *arg, int status, const char *error, struct mesos_bytes bytes)
{
    struct container *container = arg;
    if (status < 0)
        launch_fail(container, status, error);
    else if (!unwanted(container, "isolating"))
        isolate_next(container);
}

static void
isolate_next(struct container *container)
{
    const struct mesos_containerizer_services *services = container->native->services;
    while (container->next < services->isolator_count) {
        uint32_t i = container->next++;
        void *isolator;
        const struct mesos_isolator_ops *ops = services->isolator_ops(services->self, i, &isolator);
        if (!ops->isolate || !container_isolated(container, i))
            continue;
        ops->isolate(isolator, container->id, container->pid,
                     services->call_new(services->self, i, "isolate", on_isolated, container));
        return;
    }
    release(container);
}

static void
start(struct container *container, const struct user *user)
{
    struct err err = {0};
    container->state = STATE_STARTING;
    if (linux_create(container, &err) < 0) {
        launch_fail(container, err.code, err.text);
        return;
    }
    if (switchboard_wanted(container) && switchboard_start(container, user, &err) < 0) {
        launch_fail(container, err.code, err.text);
        return;
    }
    if (description_end(container, user, &err) < 0) {
        launch_fail(container, err.code, err.text);
        return;
    }
    int rc = process_start(container);
    if (rc < 0) {
        auto_free char *text = xasprintf("Failed to fork: %s", strerror(-rc));
        launch_fail(container, rc, text);
        return;
    }
    container->state = STATE_ISOLATING;
    container->next = 0;
    isolate_next(container);
}

/* Asked again after fetching: the numbers come from the cache, unless a minute has passed. */
static void
on_user_for_start(struct container *container, const struct user *user, const char *error)
{
    if (unwanted(container, "starting"))
        return;
    if (error)
        launch_fail(container, -ENOENT, error);
    else
        start(container, geteuid() == 0 ? user : NULL);
}

/* A user that an isolator names is one of the image, where there is one: the helper looks there. */
static void
start_as(struct container *container)
{
    const struct asked *asked = &container->asked;
    user_find(container, asked->user && !asked->rootfs ? asked->user : container->user, on_user_for_start);
}

static void
on_fetch_done(struct container *container, const char *error)
{
    if (unwanted(container, "fetching"))
        return;
    if (error)
        launch_fail(container, -EIO, error);
    else
        start_as(container);
}

static void
fetch(struct container *container)
{
    struct err err = {0};
    if (container->config->command_info->n_uris == 0) {
        on_fetch_done(container, NULL);
        return;
    }
    container->state = STATE_FETCHING;
    if (fetch_start(container, on_fetch_done, &err) < 0)
        launch_fail(container, err.code, err.text);
}

static void prepare_next(struct container *container);

static void
on_prepared(void *arg, int status, const char *error, struct mesos_bytes bytes)
{
    struct container *container = arg;
    const struct mesos_containerizer_services *services = container->native->services;
    struct err err = {0};
    if (status < 0)
        launch_fail(container, status, error);
    else if (asked_add(container, services->isolator_name(services->self, container->next - 1), bytes, &err) < 0)
        launch_fail(container, err.code, err.text);
    else if (!unwanted(container, "preparing"))
        prepare_next(container);
}

static struct mesos_bytes
pack_config(const struct container *container, struct buf *out)
{
    size_t len = mesos__slave__container_config__get_packed_size(container->config);
    buf_added(out, mesos__slave__container_config__pack(container->config, (uint8_t *)buf_reserve(out, len)));
    return (struct mesos_bytes){buf_data(out), out->len};
}

static void
prepare_next(struct container *container)
{
    const struct mesos_containerizer_services *services = container->native->services;
    while (container->next < services->isolator_count) {
        uint32_t i = container->next++;
        void *isolator;
        const struct mesos_isolator_ops *ops = services->isolator_ops(services->self, i, &isolator);
        container->prepared = container->next;
        if (!ops->prepare || !container_isolated(container, i))
            continue;
        auto_buf struct buf packed = {0};
        struct mesos_isolator_container view = {
            .size = sizeof view,
            .container_id = container->id,
            .config = pack_config(container, &packed),
            .sandbox = container->sandbox,
            .user = container->user,
            .resources = mesos_resource_sum_view(&container->resources),
            .rootfs = container->rootfs,
            .image_volumes = (const char *const *)container->image_volumes,
            .image_count = container->image_count,
            .standalone = container_root(container)->standalone,
            .debug = container->debug,
            .parent_pid = container->parent ? container->parent->pid : 0,
        };
        ops->prepare(isolator, &view, services->call_new(services->self, i, "prepare", on_prepared, container));
        return;
    }
    fetch(container);
}

/* Where output goes. It is opened once: the fetcher writes there first, then the container. */
static int
open_output(struct container *container, struct err *err)
{
    const struct mesos_containerizer_services *services = container->native->services;
    void *logger;
    const struct mesos_container_logger_ops *ops = services->logger_ops(services->self, &logger);
    if (!ops)
        return err_set(err, -EINVAL, "containerizer 'native' needs a container logger, and none is configured");
    struct mesos_container_io io = {sizeof io, -1, -1, -1};
    auto_buf struct buf packed = {0};
    int rc = ops->prepare(logger, container->id, container->sandbox, container->user, pack_config(container, &packed), &io);
    if (rc < 0)
        return err_set(err, rc, "%s", services->logger_failure(services->self));
    if (io.stdin_fd >= 0)
        close(io.stdin_fd); /* what is typed into a container comes from its switchboard */
    container->out_fd = io.stdout_fd;
    container->err_fd = io.stderr_fd;
    return 0;
}

static void
on_provisioned(struct container *container, int status, const char *error)
{
    if (unwanted(container, "provisioning"))
        return;
    if (status < 0)
        launch_fail(container, status, error);
    else
        prepare_next(container);
}

static void
prepare(struct container *container)
{
    struct err err = {0};
    if (open_output(container, &err) < 0) {
        launch_fail(container, err.code, err.text);
        return;
    }
    container->next = 0;
    provision(container, on_provisioned);
}

static void
on_ground(struct container *container, int status, const char *error)
{
    struct err err = {0};
    if (unwanted(container, "preparing"))
        return;
    if (status < 0)
        launch_fail(container, status, error);
    else if (description_begin(container, NULL, &err) < 0)
        launch_fail(container, err.code, err.text);
    else
        prepare(container);
}

static void
on_user(struct container *container, const struct user *user, const char *error)
{
    if (unwanted(container, "preparing"))
        return;
    if (error) {
        launch_fail(container, -ENOENT, error);
    } else if (user && geteuid() != 0 && user->uid != geteuid()) {
        auto_free char *text = xasprintf("Failed to run as user '%s': the agent is not root", user->name);
        launch_fail(container, -EPERM, text);
    } else if (container->kept) {
        ground_make(container, user, on_ground);
    } else {
        prepare(container);
    }
}

/* A Docker container or an image is another containerizer's. */
static bool
is_mine(const Mesos__Slave__ContainerConfig *config)
{
    return !config->container_info || config->container_info->type == MESOS__V1__CONTAINER_INFO__TYPE__MESOS;
}

static int
check(const struct mesos_containerizer_launch *launch, const Mesos__Slave__ContainerConfig *config, struct err *err)
{
    const char *id = launch->container_id;
    bool nested = strchr(id, '.') != NULL;
    if (!*id || strchr(id, '/') || (!nested && strlen(id) > 242))
        return err_set(err, -EINVAL, "'%.200s' is no container id", id);
    if (!nested && config->directory[0] != '/')
        return err_set(err, -EINVAL, "the sandbox '%s' is not an absolute path", config->directory);
    return fetch_check(config, err);
}

/* What the environment will be made of, when there is a sandbox. */
static void
environment_keep(struct container *container, const char *const *entries)
{
    for (; entries && *entries; entries++)
        buf_append(&container->environment, *entries, strlen(*entries) + 1);
}

static void
config_set(char **field, const char *text)
{
    free(*field);
    *field = xstrdup(text);
}

/* The sandbox's path and the user of a nested one follow from its parent. */
static void
nested_config(const struct container *parent, const char *id, Mesos__Slave__ContainerConfig *config)
{
    auto_free char *sandbox = xasprintf("%s/containers/%s", parent->sandbox, strrchr(id, '.') + 1);
    config_set(&config->directory, sandbox);
    if (!config->user && parent->user)
        config_set(&config->user, parent->user);
}

static bool
is_standalone(const struct mesos_containerizer_launch *launch)
{
    return launch->size > offsetof(struct mesos_containerizer_launch, standalone) && launch->standalone;
}

/* Nothing of the kind is there: the launch begins. */
static void
begin(struct native *native, const struct mesos_containerizer_launch *launch, Mesos__Slave__ContainerConfig *config,
      struct mesos_call *call)
{
    struct err err = {0};
    struct container *container = container_new(native, launch->container_id, config->directory);
    container->config = config;
    container->launch = call;
    container->user = config->user ? xstrdup(config->user) : NULL;
    container->standalone = !container->parent && is_standalone(launch);
    container->kept = container->parent || container->standalone;
    container->debug = container->parent && config->has_container_class &&
                       config->container_class == MESOS__SLAVE__CONTAINER_CLASS__DEBUG;
    container_resources(container, launch->resources, launch->config);
    mesos_resource_sum_add(&container->resources, launch->resources);
    if (container->kept)
        environment_keep(container, launch->environment);
    else if (description_begin(container, launch, &err) < 0) {
        launch_fail(container, err.code, err.text);
        return;
    }
    user_find(container, container->user, on_user);
}

void
native_launch(void *instance, const struct mesos_containerizer_launch *launch, struct mesos_call *call)
{
    struct native *native = instance;
    struct err err = {0};
    struct container *parent, *known = container_find(native, launch->container_id);
    if (known && known->state == STATE_ENDED && known->standalone) {
        container_drop(known);
    } else if (known) {
        reply_byte(native, call, ANSWER_EXISTS);
        return;
    }
    Mesos__Slave__ContainerConfig *config =
        mesos__slave__container_config__unpack(NULL, launch->config.len, launch->config.data);
    if (!config) {
        answer(native, call, native->host->fail(native->host, -EPROTO, "the container's configuration does not decode"));
        return;
    }
    if (!is_mine(config) || check(launch, config, &err) < 0 ||
        nested_check(native, launch->container_id, &parent, &err) < 0) {
        mesos__slave__container_config__free_unpacked(config, NULL);
        if (err.code < 0)
            answer(native, call, native->host->fail(native->host, err.code, "%s", err.text));
        else
            reply_byte(native, call, ANSWER_NOT_MINE);
        return;
    }
    if (parent)
        nested_config(parent, launch->container_id, config);
    begin(native, launch, config, call);
}
