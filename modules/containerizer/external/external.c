/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerizer "external": containers are run by a program of the operator's, which is called once per command: launch,
 * wait, usage, update, destroy, containers, recover. The protocol is that of Mesos 0.19 to 0.28. Its "wait" runs as long as
 * its container: that it ends is how the container's end is known.
 *
 * A container is launching (the other commands wait) -> running -> gone. Whatever the program says or does not say, every
 * call is answered: commands other than wait have a time-out, and a wait that fails leads to a destroy.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "common/processes.h"
#include "external.h"

enum { WAIT_GRACE_MS = 2000 /* for wait to tell of the end, after destroy has succeeded */ };

struct container {
    struct external *external;
    char *id, *sandbox; /* sandbox NULL: an orphan */
    bool running; /* launched */
    bool orphan; /* recovery waits for its end */
    bool destroy_wanted; /* while it is launching */
    bool destroyed; /* the program has said so */
    bool over; /* termination is set; destroy may still be running */
    struct buf termination; /* packed mesos.slave.ContainerTermination */
    char *launch_error; /* launch has failed; destroy tidies up before it is told */
    struct mesos_call *launch;
    struct run *launching, *wait, *destroy, *usage, *update;
    struct mesos_timer *grace;
    struct buf update_record; /* what the next update says; len 0 = there is none */
    struct list waits, destroys, usages, updates, updates_now; /* struct owed */
};

struct owed {
    struct list in_list;
    struct mesos_call *call;
};

static void container_over(struct container *container);
static void destroy_begin(struct container *container);

/* ---- answers ---- */

static void
owe(struct list *list, struct mesos_call *call)
{
    struct owed *owed = xcalloc(1, sizeof(*owed));
    owed->call = call;
    list_push(list, &owed->in_list);
}

static void
reply(const struct external *external, struct mesos_call *call, struct str bytes)
{
    external->host->reply(external->host, call, 0, (struct mesos_bytes){bytes.ptr, bytes.len});
}

static void
refuse(const struct external *external, struct mesos_call *call, int code, const char *why)
{
    external->host->fail(external->host, code, "%s", why);
    external->host->reply(external->host, call, code, (struct mesos_bytes){NULL, 0});
}

/* error NULL: with bytes. */
static void
settle(const struct external *external, struct list *list, int code, const char *error, struct str bytes)
{
    struct owed *owed, *next;
    list_foreach_safe (owed, next, list, in_list) {
        list_remove(&owed->in_list);
        if (error)
            refuse(external, owed->call, code, error);
        else
            reply(external, owed->call, bytes);
        free(owed);
    }
}

/* ---- containers ---- */

static struct container *
container_find(struct external *external, const char *id)
{
    return map_get(&external->containers, str_of(id));
}

static struct container *
container_new(struct external *external, const char *id, const char *sandbox)
{
    struct container *container = xcalloc(1, sizeof(*container));
    container->external = external;
    container->id = xstrdup(id);
    container->sandbox = sandbox ? xstrdup(sandbox) : NULL;
    list_init(&container->waits);
    list_init(&container->destroys);
    list_init(&container->usages);
    list_init(&container->updates);
    list_init(&container->updates_now);
    map_add(&external->containers, str_of(container->id), container);
    return container;
}

static char *
state_path(const struct container *container)
{
    return xasprintf("%s/%s", container->external->state_dir, container->id);
}

static void
container_free(struct container *container)
{
    struct external *external = container->external;
    struct run *runs[] = {container->launching, container->wait, container->destroy, container->usage, container->update};
    struct list *lists[] = {&container->waits, &container->destroys, &container->usages, &container->updates,
                            &container->updates_now};
    auto_free char *path = state_path(container);
    unlink(path);
    for (size_t i = 0; i < ARRAY_LEN(runs); i++)
        if (runs[i])
            run_forget(runs[i]);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        while (!list_empty(lists[i])) { /* the agent is going: the host has answered these */
            struct owed *owed = list_first(lists[i], struct owed, in_list);
            list_remove(&owed->in_list);
            free(owed);
        }
    if (container->grace)
        external->host->timer_stop(external->host, container->grace);
    map_remove(&external->containers, str_of(container->id));
    buf_fini(&container->termination);
    buf_fini(&container->update_record);
    free(container->launch_error);
    free(container->id);
    free(container->sandbox);
    free(container);
}

static struct run *
command(struct container *container, const char *name, struct str record, bool answers, int64_t timeout_ms, run_done_fn *done)
{
    return run_start(container->external,
                     &(struct run_wish){.command = name,
                                        .record = record,
                                        .sandbox = container->sandbox,
                                        .timeout_ms = timeout_ms,
                                        .answers = answers},
                     done, container);
}

static struct run *
command_of_id(struct container *container, const char *name, bool answers, int64_t timeout_ms, run_done_fn *done)
{
    auto_buf struct buf record = {0};
    id_record(&record, container->id);
    return command(container, name, buf_str(&record), answers, timeout_ms, done);
}

static int64_t
timeout_ms(const struct external *external)
{
    return external->timeout_ns / 1000000;
}

/* ---- the end ---- */

static void
orphan_gone(struct external *external)
{
    if (--external->orphans == 0 && external->recover)
        reply(external, take(&external->recover), str_n("", 0));
}

/* Everything is known, nothing runs for it that matters. */
static void
container_over(struct container *container)
{
    struct external *external = container->external;
    struct str termination = buf_str(&container->termination);
    if (container->destroy)
        return; /* it tidies up: its end comes here again */
    settle(external, &container->waits, 0, NULL, termination);
    settle(external, &container->destroys, 0, NULL, termination);
    settle(external, &container->usages, -ENOENT, "the container has ended", str_n("", 0));
    settle(external, &container->updates, -ENOENT, "the container has ended", str_n("", 0));
    settle(external, &container->updates_now, -ENOENT, "the container has ended", str_n("", 0));
    if (container->launch)
        refuse(external, take(&container->launch), -EIO, container->launch_error);
    bool orphan = container->orphan;
    container_free(container);
    if (orphan)
        orphan_gone(external);
}

static void
on_waited(void *arg, const char *error, struct str record)
{
    struct container *container = arg;
    struct external *external = container->external;
    struct err err = {0};
    container->wait = NULL;
    container->over = true;
    if (!error && termination_read(&container->termination, record, &err))
        error = err.text;
    if (!error) {
        container_over(container);
        return;
    }
    if (container->destroyed) {
        termination_make(&container->termination, SIGKILL, "Container destroyed");
        container_over(container);
        return;
    }
    /* Nobody knows any more whether it runs: it must not. */
    MESOS_LOG(external->host, ERROR, "container %s: %s; it is destroyed", container->id, error);
    termination_make(&container->termination, -1, error);
    destroy_begin(container);
}

static void
on_grace_over(void *arg)
{
    struct container *container = arg;
    container->grace = NULL;
    if (container->wait)
        run_kill(container->wait);
}

static void
on_destroyed(void *arg, const char *error, struct str record)
{
    struct container *container = arg;
    struct external *external = container->external;
    (void)record;
    container->destroy = NULL;
    if (error)
        MESOS_LOG(external->host, ERROR, "container %s: %s", container->id, error);
    if (container->over) {
        container_over(container);
    } else if (!error) {
        container->destroyed = true;
        container->grace = external->host->timer_start(external->host, WAIT_GRACE_MS, on_grace_over, container);
    } else {
        settle(external, &container->destroys, -EIO, error, str_n("", 0));
        if (container->orphan) {
            container->orphan = false; /* the next start finds it again */
            orphan_gone(external);
        }
    }
}

static void
destroy_begin(struct container *container)
{
    if (!container->destroy && !container->destroyed)
        container->destroy =
            command_of_id(container, "destroy", false, timeout_ms(container->external), on_destroyed);
}

static void
external_destroy(void *instance, const char *id, struct mesos_call *call)
{
    struct external *external = instance;
    struct container *container = container_find(external, id);
    if (!container) {
        refuse(external, call, -ENOENT, "the container is not known");
        return;
    }
    owe(&container->destroys, call);
    if (container->running)
        destroy_begin(container);
    else
        container->destroy_wanted = true;
}

static void
external_wait(void *instance, const char *id, struct mesos_call *call)
{
    struct external *external = instance;
    struct container *container = container_find(external, id);
    if (container)
        owe(&container->waits, call);
    else
        refuse(external, call, -ENOENT, "the container is not known");
}

/* The program that waits outlives an agent that is killed: the next one ends it, because it asks anew. */
static void
wait_begin(struct container *container)
{
    struct external *external = container->external;
    struct process process;
    struct err err = {0};
    container->wait = command_of_id(container, "wait", true, 0, on_waited);
    if (run_pid(container->wait) <= 0 || process_read(run_pid(container->wait), &process) < 0)
        return;
    auto_free char *path = state_path(container);
    auto_free char *text =
        xasprintf("%d %llu\n", (int)process.pid, (unsigned long long)process.start_time);
    if (file_replace(path, text, strlen(text), 0600, false, &err) < 0)
        MESOS_LOG(external->host, WARNING, "container %s: who waits for it is not written down: %s", container->id, err.text);
}

/* ---- usage and update ---- */

static void
on_usage(void *arg, const char *error, struct str record)
{
    struct container *container = arg;
    struct err err = {0};
    container->usage = NULL;
    if (!error && statistics_check(record, &err))
        error = err.text;
    settle(container->external, &container->usages, -EBADMSG, error, record);
}

static void update_begin(struct container *container);

static void
on_updated(void *arg, const char *error, struct str record)
{
    struct container *container = arg;
    (void)record;
    container->update = NULL;
    settle(container->external, &container->updates_now, -EIO, error, str_n("", 0));
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
    container->update = command(container, "update", buf_str(&container->update_record), false,
                                timeout_ms(container->external), on_updated);
}

/* One question at a time: whoever asks meanwhile gets the same answer. */
static void
usage_begin(struct container *container)
{
    if (container->running && !container->usage && !list_empty(&container->usages))
        container->usage = command_of_id(container, "usage", true, timeout_ms(container->external), on_usage);
}

static void
external_update(void *instance, const char *id, struct mesos_resources requests, struct mesos_bytes limits,
                struct mesos_call *call)
{
    struct external *external = instance;
    struct container *container = container_find(external, id);
    (void)limits; /* the protocol is older than they are */
    if (!container || container->over) {
        refuse(external, call, -ENOENT, "the container is not known");
        return;
    }
    buf_clear(&container->update_record);
    update_record(&container->update_record, id, requests);
    owe(&container->updates, call);
    update_begin(container);
}

static void
external_usage(void *instance, const char *id, struct mesos_call *call)
{
    struct external *external = instance;
    struct container *container = container_find(external, id);
    if (!container || container->over) {
        refuse(external, call, -ENOENT, "the container is not known");
        return;
    }
    owe(&container->usages, call);
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
        destroy_begin(container);
        return;
    }
    container->running = true;
    reply(external, take(&container->launch), STR_LIT("\1"));
    wait_begin(container);
    if (container->destroy_wanted)
        destroy_begin(container);
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
    if (strchr(launch->container_id, '.') || launch->standalone || strlen(launch->container_id) > EXTERNAL_ID_MAX) {
        reply(external, call, STR_LIT("\0")); /* the protocol knows executors' containers alone */
        return;
    }
    if (container_find(external, launch->container_id)) {
        reply(external, call, STR_LIT("\2"));
        return;
    }
    if (launch_record(&record, launch, &sandbox, &err)) {
        refuse(external, call, -EINVAL, err.text);
        return;
    }
    struct container *container = container_new(external, launch->container_id, sandbox);
    container->launch = call;
    container->launching = run_start(external,
                                     &(struct run_wish){.command = "launch",
                                                        .record = buf_str(&record),
                                                        .sandbox = sandbox,
                                                        .environment = launch->environment,
                                                        .timeout_ms = timeout_ms(external)},
                                     on_launched, container);
}

/* ---- recovery ---- */

/* Programs that an agent of before left waiting. */
static void
end_old_waits(struct external *external)
{
    DIR *dir = opendir(external->state_dir);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        auto_buf struct buf content = {0};
        auto_free char *path = xasprintf("%s/%s", external->state_dir, entry->d_name);
        int pid;
        unsigned long long start_time;
        struct process process;
        if (file_read(path, 100, &content, NULL) == 0 &&
            sscanf(buf_cstr(&content), "%d %llu", &pid, &start_time) == 2 && pid > 1 &&
            process_read(pid, &process) == 0 && process.start_time == start_time) {
            kill(-pid, SIGKILL);
            kill(pid, SIGKILL);
        }
        unlink(path);
    }
    if (dir)
        closedir(dir);
}

static void
recover_failed(struct external *external, const char *why)
{
    arena_free(take(&external->known));
    refuse(external, take(&external->recover), -EIO, why);
}

static void
take_back(struct external *external, const char *id)
{
    const char *sandbox = NULL;
    bool known = false;
    for (size_t i = 0; i < external->state_count && !known; i++)
        if (strcmp(external->states[i].container_id, id) == 0) {
            known = true;
            sandbox = external->states[i].sandbox;
        }
    if (container_find(external, id))
        return; /* it was listed twice */
    struct container *container = container_new(external, id, sandbox && access(sandbox, X_OK) == 0 ? sandbox : NULL);
    container->running = true;
    wait_begin(container);
    if (known)
        return;
    MESOS_LOG(external->host, WARNING, "container %s is nobody's any more; it is destroyed", id);
    container->orphan = true;
    external->orphans++;
    destroy_begin(container);
}

static void
on_containers(void *arg, const char *error, struct str record)
{
    struct external *external = arg;
    struct err err = {0};
    auto_arena struct arena *arena = arena_new(0);
    const char *const *ids = error ? NULL : containers_read(record, arena, &err);
    if (!ids) {
        recover_failed(external, error ? error : err.text);
        return;
    }
    external->orphans = 1; /* for this function */
    for (size_t i = 0; ids[i]; i++)
        take_back(external, ids[i]);
    arena_free(take(&external->known));
    orphan_gone(external);
}

static void
on_recovered(void *arg, const char *error, struct str record)
{
    struct external *external = arg;
    (void)record;
    if (error)
        recover_failed(external, error);
    else
        run_start(external,
                  &(struct run_wish){.command = "containers", .timeout_ms = timeout_ms(external), .answers = true},
                  on_containers, external);
}

static void
external_recover(void *instance, const struct mesos_isolator_state *states, size_t count, struct mesos_call *call)
{
    struct external *external = instance;
    external->recover = call;
    external->known = arena_new(0);
    external->states = arena_calloc(external->known, count + 1, sizeof(*external->states));
    external->state_count = count;
    for (size_t i = 0; i < count; i++) {
        external->states[i].container_id = arena_strdup(external->known, str_of(states[i].container_id));
        external->states[i].sandbox = arena_strdup(external->known, str_of(states[i].sandbox));
    }
    end_old_waits(external);
    run_start(external, &(struct run_wish){.command = "recover", .timeout_ms = timeout_ms(external)}, on_recovered, external);
}

/* ---- views ---- */

static struct mesos_container_view
view_of(const struct container *container)
{
    return (struct mesos_container_view){
        .size = sizeof(struct mesos_container_view), .container_id = container->id, .sandbox = container->sandbox};
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
        return host->fail(host, -EINVAL, "--containerizer_path is required: the program that runs containers");
    struct str line = str_of(external->program);
    auto_free char *file = str_dup(str_cut(&line, ' '));
    if (file[0] == '/' && access(file, X_OK) < 0)
        return host->fail(host, -errno, "--containerizer_path is '%s', and '%s' cannot be executed: %s", external->program,
                          file, strerror(errno));
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
    .abi = MESOS_ABI,
    .size = sizeof(struct mesos_module),
    .host_size = sizeof(struct mesos_host),
    .ops_size = sizeof ops,
    .kind = MESOS_KIND_CONTAINERIZER,
    .instance_size = sizeof(struct external),
    .name = "external",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "containers are run by a program, in the protocol of Mesos 0.19 to 0.28",
    .options = options,
    .start = start,
    .stop = stop,
    .ops = &ops,
};

MESOS_EXPORT const struct mesos_module *const *mesos_modules(void);
MESOS_EXPORT const struct mesos_module *const *
mesos_modules(void)
{
    static const struct mesos_module *const modules[] = {&module, NULL};
    return modules;
}
