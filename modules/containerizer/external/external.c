/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerizer "external": containers are run by a program of the operator's, which is called once per
 * command: launch, wait, usage, update, destroy, containers, recover. The protocol is that of Mesos 0.19 to
 * 0.28. Its "wait" runs as long as its container: that it ends is how the container's end is known.
 *
 * A container is launching (the other commands wait) -> running -> gone. Whatever the program says or does
 * not say, every call is answered: commands other than wait have a time-out, and a wait that fails leads to a
 * destroy.
 *
 * This file is the module and what is asked of a container that lives; end.c is its end, recover.c an agent's
 * new start.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "container.h"
#include "external.h"

/* ---- usage and update ---- */

static void
on_usage(void *arg, const char *error, struct str record)
{
    struct container *container = arg;
    struct err err = {0};
    container->usage = NULL;
    if (!error && statistics_check(record, &err))
        error = err.text;
    external_settle(container->external, &container->usages, -EBADMSG, error, record);
}

static void update_begin(struct container *container);

static void
on_updated(void *arg, const char *error, struct str record)
{
    struct container *container = arg;
    (void)record;
    container->update = NULL;
    external_settle(container->external, &container->updates_now, -EIO, error, str_n("", 0));
    update_begin(container);
}

/* Of several changes that wait the last one is told. */
static void
update_begin(struct container *container)
{
    if (!container->running || container->update || list_empty(&container->updates))
        return;
    while (!list_empty(&container->updates)) {
        struct list *node = container->updates.next;
        list_remove(node);
        list_push(&container->updates_now, node);
    }
    container->update = container_command(container, "update", buf_str(&container->update_record), false,
                                          external_timeout_ms(container->external), on_updated);
}

/* One question at a time: whoever asks meanwhile gets the same answer. */
static void
usage_begin(struct container *container)
{
    if (container->running && !container->usage && !list_empty(&container->usages))
        container->usage = container_command_of_id(container, "usage", true,
                                                   external_timeout_ms(container->external), on_usage);
}

static void
external_update(void *instance, const char *id, struct mesos_resources requests, struct mesos_bytes limits,
                struct mesos_call *call)
{
    struct external *external = instance;
    struct container *container = container_find(external, id);
    (void)limits; /* the protocol is older than they are */
    if (!container || container->over) {
        external_refuse(external, call, -ENOENT, "the container is not known");
        return;
    }
    buf_clear(&container->update_record);
    update_record(&container->update_record, id, requests);
    external_owe(&container->updates, call);
    update_begin(container);
}

static void
external_usage(void *instance, const char *id, struct mesos_call *call)
{
    struct external *external = instance;
    struct container *container = container_find(external, id);
    if (!container || container->over) {
        external_refuse(external, call, -ENOENT, "the container is not known");
        return;
    }
    external_owe(&container->usages, call);
    usage_begin(container);
}

/* ---- launch ---- */

static void
on_launched(void *arg, const char *error, struct str record)
{
    struct container *container = arg;
    struct external *external = container->external;
    (void)record;
    container->launching = NULL;
    if (error) { /* half of it may run */
        container->launch_error = xstrdup(error);
        container->over = true;
        termination_make(&container->termination, -1, error);
        container_destroy_begin(container);
        return;
    }
    container->running = true;
    external_reply(external, take(&container->launch), STR_LIT("\1"));
    container_wait_begin(container);
    if (container->destroy_wanted)
        container_destroy_begin(container);
    update_begin(container);
    usage_begin(container);
}

static void
external_launch(void *instance, const struct mesos_containerizer_launch *launch, struct mesos_call *call)
{
    struct external *external = instance;
    struct err err = {0};
    auto_buf struct buf record = {0};
    auto_free char *sandbox = NULL;
    if (strchr(launch->container_id, '.') || launch->standalone ||
        strlen(launch->container_id) > EXTERNAL_ID_MAX) {
        external_reply(external, call, STR_LIT("\0")); /* the protocol knows executors' containers alone */
        return;
    }
    if (container_find(external, launch->container_id)) {
        external_reply(external, call, STR_LIT("\2"));
        return;
    }
    if (launch_record(&record, launch, &sandbox, &err)) {
        external_refuse(external, call, -EINVAL, err.text);
        return;
    }
    struct container *container = container_new(external, launch->container_id, sandbox);
    container->launch = call;
    container->launching = run_start(external,
                                     &(struct run_wish){.command = "launch",
                                                        .record = buf_str(&record),
                                                        .sandbox = sandbox,
                                                        .environment = launch->environment,
                                                        .timeout_ms = external_timeout_ms(external)},
                                     on_launched, container);
}

/* ---- views ---- */

static struct mesos_container_view
view_of(const struct container *container)
{
    return (struct mesos_container_view){.size = sizeof(struct mesos_container_view),
                                         .container_id = container->id,
                                         .sandbox = container->sandbox};
}

static int
external_describe(void *instance, const char *id, struct mesos_container_view *ret)
{
    const struct container *container = container_find(instance, id);
    if (!container)
        return -ENOENT;
    struct mesos_container_view view = view_of(container);
    size_t size = ret->size < sizeof(view) ? ret->size : sizeof(view);
    memcpy(ret, &view, size);
    ret->size = size;
    return 0;
}

static void
external_each(void *instance, void (*found)(void *arg, const struct mesos_container_view *view), void *arg)
{
    struct external *external = instance;
    const struct container *container;
    map_foreach (container, &external->containers) {
        struct mesos_container_view view = view_of(container);
        found(arg, &view);
    }
}

/* ---- life ---- */

static int
start(void *instance, const struct mesos_host *host)
{
    struct external *external = instance;
    struct err err = {0};
    external->host = host;
    external->program = host->daemon_option(host, "containerizer_path");
    external->image = host->daemon_option(host, "default_container_image");
    list_init(&external->runs);
    if (!external->program || !*external->program)
        return host->fail(host, -EINVAL,
                          "--containerizer_path is required: the program that runs containers");
    struct str line = str_of(external->program);
    auto_free char *file = str_dup(str_cut(&line, ' '));
    if (file[0] == '/' && access(file, X_OK) < 0)
        return host->fail(host, -errno, "--containerizer_path is '%s', and '%s' cannot be executed: %s",
                          external->program, file, strerror(errno));
    if (external->timeout_ns < 1000000)
        return host->fail(host, -EINVAL, "parameter 'timeout' leaves the program no time: write 1ms or more");
    if (!host->runtime_dir)
        return host->fail(host, -EINVAL, "it needs the agent's runtime_dir");
    external->state_dir = xasprintf("%s/external", host->runtime_dir);
    return dir_make(external->state_dir, 0700, &err) ? host->fail(host, -EIO, "%s", err.text) : 0;
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct external *external = instance;
    struct container *container;
    map_foreach (container, &external->containers)
        container_free(container);
    map_fini(&external->containers);
    runs_end(external);
    arena_free(external->known);
    free(external->state_dir);
    if (call)
        external->host->reply(external->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_containerizer_ops ops = {
    .recover = external_recover,
    .launch = external_launch,
    .wait = external_wait,
    .destroy = external_destroy,
    .update = external_update,
    .usage = external_usage,
    .describe = external_describe,
    .each = external_each,
};

static const struct mesos_option options[] = {
    {"timeout", MESOS_OPTION_DURATION, offsetof(struct external, timeout_ns), "45secs",
     "How long a command of the program other than wait may take before it is killed."},
    {0},
};

static const struct mesos_module module = {
    MESOS_MODULE(CONTAINERIZER, ops, struct external),
    .name = "external",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "containers are run by a program, in the protocol of Mesos 0.19 to 0.28",
    .options = options,
    .start = start,
    .stop = stop,
};

MESOS_MODULES(&module);
