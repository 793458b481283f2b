/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerizer "native": one process tree per container on the agent's own machine, made by a sealed helper and kept
 * apart by whatever isolators are configured. Called by the agent. This file owns the table of containers and the
 * questions about them; launching, ending and recovering are in the files beside it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "base/file.h"
#include "base/units.h"
#include "common/cgroup.h"
#include "common/packed.h"
#include "native.h"

#define HELPER_MAX_BYTES (64u << 20)
#define DESTROY_TIMEOUT_MS (60 * 1000)

void
answer(const struct native *native, struct mesos_call *call, int status)
{
    native->host->reply(native->host, call, status, (struct mesos_bytes){NULL, 0});
}

void
owe(struct list *list, struct mesos_call *call)
{
    struct owed *owed = xmalloc(sizeof *owed);
    owed->call = call;
    list_push(list, &owed->in_list);
}

struct container *
container_find(struct native *native, const char *id)
{
    return map_get(&native->containers, str_of(id));
}

struct container *
container_alive(struct native *native, const char *id)
{
    struct container *container = container_find(native, id);
    return container && container->state != STATE_ENDED ? container : NULL;
}

const struct container *
container_root(const struct container *container)
{
    while (container->parent)
        container = container->parent;
    return container;
}

const char *
container_name(const struct container *container)
{
    const char *dot = strrchr(container->id, '.');
    return dot ? dot + 1 : container->id;
}

const char *
container_directory(const struct container *container)
{
    while (container->debug && container->parent)
        container = container->parent;
    return container->sandbox;
}

bool
container_isolated(const struct container *container, uint32_t index)
{
    const struct mesos_containerizer_services *services = container->native->services;
    void *isolator;
    const struct mesos_isolator_ops *ops = services->isolator_ops(services->self, index, &isolator);
    if (container->parent)
        return ops->supports_nesting && ops->supports_nesting(isolator);
    return !container->standalone || (ops->supports_standalone && ops->supports_standalone(isolator));
}

/* A nested one is its parent's from now on. The parent, when there is one, is known. */
struct container *
container_new(struct native *native, const char *id, const char *sandbox)
{
    struct container *container = xcalloc(1, sizeof *container);
    const char *dot = strrchr(id, '.');
    container->native = native;
    container->id = xstrdup(id);
    container->sandbox = xstrdup(sandbox ? sandbox : "");
    list_init(&container->children);
    list_init(&container->in_parent);
    if (dot) {
        container->parent = map_get(&native->containers, str_n(id, (size_t)(dot - id)));
        container->kept = true;
        list_push(&container->parent->children, &container->in_parent);
        container->runtime_dir = xasprintf("%s/containers/%s", container->parent->runtime_dir, dot + 1);
    } else {
        container->runtime_dir = xasprintf("%s/%s", native->containers_dir, id);
    }
    container->in_fd = container->out_fd = container->err_fd = container->word_fd = container->task_fd = -1;
    container->exited = true;
    list_init(&container->waits);
    list_init(&container->destroys);
    list_init(&container->in_ending);
    map_add(&native->containers, str_of(container->id), container);
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
    const struct mesos_containerizer_services *services = container->native->services;
    if (services)
        services->call_forget(services->self, container); /* an isolator may still owe an answer to it */
    provision_forget(container);
    map_remove(&container->native->containers, str_of(container->id));
    list_remove(&container->in_ending);
    list_remove(&container->in_parent);
    struct container *child, *tmp;
    list_foreach_safe(child, tmp, &container->children, in_parent)
    {
        list_remove(&child->in_parent);
        child->parent = NULL; /* everything is going */
    }
    owed_free(&container->waits);
    owed_free(&container->destroys);
    buf_fini(&container->termination);
    buf_fini(&container->environment);
    container->native->host->timer_stop(container->native->host, container->switchboard_timer);
    close_at(&container->in_fd);
    close_at(&container->out_fd);
    close_at(&container->err_fd);
    close_at(&container->word_fd);
    if (container->config)
        mesos__slave__container_config__free_unpacked(container->config, NULL);
    if (container->limitation)
        mesos__slave__container_limitation__free_unpacked(container->limitation, NULL);
    buf_fini(&container->steps);
    buf_fini(&container->limits);
    mesos_resource_sum_free(&container->resources);
    entries_fini(&container->entries);
    asked_fini(&container->asked);
    close_at(&container->task_fd);
    free(container->inside_sandbox);
    free(container->inside_directory);
    free(container->pid_path);
    free(container->runtime_dir);
    free(container->user);
    free(container->sandbox);
    free(container->id);
    free(container);
}

static int
unknown(const struct native *native, const char *id)
{
    return native->host->fail(native->host, -ENOENT, "Unknown container %s", id);
}

static void
native_wait(void *instance, const char *container_id, struct mesos_call *call)
{
    struct native *native = instance;
    struct container *container = container_find(native, container_id);
    if (!container)
        answer(native, call, unknown(native, container_id));
    else if (container->state == STATE_ENDED)
        native->host->reply(native->host, call, 0,
                            (struct mesos_bytes){buf_data(&container->termination), container->termination.len});
    else
        owe(&container->waits, call);
}

void
container_destroy(struct container *container)
{
    container->destroy_wanted = true;
    if (container->state == STATE_RUNNING)
        end_begin(container);
    else if (launch_give_up(container))
        return;
    else if (container->fetching) /* its end is the launch's end */
        container->native->services->fetch_cancel(container->native->services->self, container->fetching);
    else
        provision_cancel(container);
}

static void
native_destroy(void *instance, const char *container_id, struct mesos_call *call)
{
    struct native *native = instance;
    struct container *container = container_find(native, container_id);
    if (!container) {
        answer(native, call, unknown(native, container_id));
        return;
    }
    if (container->state == STATE_ENDED) {
        native_wait(instance, container_id, call);
        return;
    }
    owe(&container->destroys, call);
    container_destroy(container);
}

#define LIMIT_MAX 1e9

/* A limit among the fields ContainerConfig.limits; false = there is none of that name. */
static bool
limit_of(struct mesos_bytes config, const char *name, double *ret)
{
    struct str rest = str_n(config.data, config.len);
    struct packed_field field, key, scalar, value;
    bool found = false;
    while (packed_next(&rest, &field)) {
        if (field.number != 16 || !packed_find(field.bytes, 1, &key) || !str_is(key.bytes, name) ||
            !packed_find(field.bytes, 2, &scalar) || !packed_find(scalar.bytes, 1, &value))
            continue;
        *ret = packed_to_double(value.value);
        found = *ret >= 0;
    }
    return found;
}

/* The figures that a container's own resources give: Mesos shows requests as soft limits and memory as a limit too. */
void
container_resources(struct container *container, struct mesos_resources resources, struct mesos_bytes limits)
{
    int64_t cpus = 0, mem = 0;
    double cpus_limit, mem_limit;
    for (size_t i = 0; i < resources.count; i++) {
        const struct mesos_resource *r = (const void *)((const char *)resources.items + i * resources.stride);
        if (r->type != MESOS_VALUE_SCALAR)
            continue;
        cpus += strcmp(r->name, "cpus") == 0 ? r->scalar : 0;
        mem += strcmp(r->name, "mem") == 0 ? r->scalar : 0;
    }
    Mesos__V1__ResourceStatistics s = MESOS__V1__RESOURCE_STATISTICS__INIT;
    s.has_cpus_soft_limit = cpus > 0;
    s.cpus_soft_limit = (double)cpus / 1000;
    s.has_mem_limit_bytes = s.has_mem_soft_limit_bytes = mem > 0;
    s.mem_limit_bytes = s.mem_soft_limit_bytes = (uint64_t)(mem / 1000) << 20;
    if (limit_of(limits, "mem", &mem_limit)) {
        s.has_mem_limit_bytes = mem_limit < LIMIT_MAX; /* one without end is none */
        s.mem_limit_bytes = s.has_mem_limit_bytes ? (uint64_t)mem_limit << 20 : 0;
    }
    s.has_cpus_limit = limit_of(limits, "cpus", &cpus_limit) && cpus_limit < LIMIT_MAX;
    s.cpus_limit = s.has_cpus_limit ? cpus_limit : 0;
    buf_clear(&container->limits);
    size_t len = mesos__v1__resource_statistics__get_packed_size(&s);
    buf_added(&container->limits, mesos__v1__resource_statistics__pack(&s, (uint8_t *)buf_reserve(&container->limits, len)));
}

static int
native_kill(void *instance, const char *container_id, int signo)
{
    struct native *native = instance;
    struct container *container = container_alive(native, container_id);
    if (container && container->kept && container->state < STATE_RUNNING) {
        container_destroy(container); /* whatever the signal: there is no program yet that could answer it */
        return 0;
    }
    if (!container || container->state != STATE_RUNNING || container->exited)
        return -ESRCH;
    return kill(container->pid, signo) < 0 ? -errno : 0; /* not reaped before we are told: the pid is still its */
}

static void
on_limited(void *arg, const char *container_id, struct mesos_bytes limitation)
{
    struct native *native = arg;
    struct container *container = container_alive(native, container_id);
    if (!container || container->limitation || container->state == STATE_ENDING)
        return;
    container->limitation = mesos__slave__container_limitation__unpack(NULL, limitation.len, limitation.data);
    container->destroy_wanted = true;
    if (container->state == STATE_RUNNING)
        end_begin(container);
    else
        launch_give_up(container);
}

/* The program's own status where its init wrote it down; else the init was killed, and the program with it. */
static void
kept_status(struct container *container)
{
    int status;
    if (status_read(container, &status))
        container->status = status;
    else if (!container->has_status)
        container->status = SIGKILL;
    container->has_status = true;
}

void
on_container_exited(pid_t pid, int status, void *arg)
{
    struct container *container = arg;
    container->exited = true;
    container->has_status = status >= 0;
    container->status = status;
    if (container->kept)
        kept_status(container);
    else if (status_read(container, &container->status)) /* of the program below an init of ours */
        container->has_status = true;
    if (container->state == STATE_RUNNING || container->state == STATE_ENDING)
        end_begin(container);
}

static void
native_initialize(void *instance, const struct mesos_containerizer_services *services)
{
    struct native *native = instance;
    native->services = services;
    native->watcher = (struct mesos_isolator_watcher){sizeof native->watcher, native, on_limited};
    for (uint32_t i = 0; i < services->isolator_count; i++) {
        void *isolator;
        const struct mesos_isolator_ops *ops = services->isolator_ops(services->self, i, &isolator);
        if (ops->initialize)
            ops->initialize(isolator, &native->watcher);
    }
}

/* A copy that nobody can change: an upgrade of the package does not put another helper between this agent and its
 * containers. Where memory may not be executed the file itself must do. */
static int
helper_seal(struct native *native, struct err *err)
{
    auto_buf struct buf program = {0};
    if (file_read(native->helper_path, HELPER_MAX_BYTES, &program, err) < 0)
        return err_wrap(err, "the launch helper (is --launcher_dir right?)");
    native->helper_fd = -1;
    auto_fd int fd = memfd_create("mesos-containerizer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || write(fd, buf_data(&program), program.len) != (ssize_t)program.len || fchmod(fd, 0555) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        MESOS_LOG(native->host, WARNING, "cannot seal a copy of '%s': %s; running the file itself", native->helper_path,
                  strerror(errno));
        return 0;
    }
    native->helper_fd = take_fd(&fd);
    return 0;
}

static int64_t
destroy_timeout_ms(const struct mesos_host *host)
{
    const char *text = host->daemon_option(host, "cgroups_destroy_timeout");
    int64_t ns;
    return text && duration_parse(str_of(text), &ns, NULL) == 0 ? ns / 1000000 : DESTROY_TIMEOUT_MS;
}

/* The agent itself in the groups that --agent_subsystems asks for. */
static int
join_own_groups(const struct mesos_host *host, struct err *err)
{
    const char *listed = host->daemon_option(host, "agent_subsystems");
    const char *hierarchy = host->daemon_option(host, "cgroups_hierarchy");
    const char *root = host->daemon_option(host, "cgroups_root");
    return listed && *listed && hierarchy && root ? cgroup_join_listed(hierarchy, root, listed, err) : 0;
}

static int
native_start(void *instance, const struct mesos_host *host)
{
    struct native *native = instance;
    struct err err = {0};
    native->host = host;
    native->helper_fd = -1;
    list_init(&native->ending);
    native->ticks_per_second = sysconf(_SC_CLK_TCK);
    if (!host->runtime_dir || !host->launcher_dir)
        return host->fail(host, -EINVAL, "containerizer 'native' needs --runtime_dir and --launcher_dir");
    native->containers_dir = xasprintf("%s/containers", host->runtime_dir);
    native->helper_path = xasprintf("%s/mesos-containerizer", host->launcher_dir);
    if (dir_make(native->containers_dir, 0755, &err) < 0 || helper_seal(native, &err) < 0 ||
        join_own_groups(host, &err) < 0 || linux_start(native, &err) < 0)
        return host->fail(host, err.code, "%s", err.text);
    native->destroy_timeout_ms = destroy_timeout_ms(host);
    if (provisioner_start(native, &err) < 0)
        return host->fail(host, err.code, "%s", err.text);
    return 0;
}

static void
native_stop(void *instance, struct mesos_call *call)
{
    struct native *native = instance;
    struct container *container;
    native->stopped = true;
    end_stop(native);
    map_foreach(container, &native->containers)
        container_free(container); /* what runs goes on running: the next agent recovers it */
    map_fini(&native->containers);
    provisioner_stop(native);
    users_fini(native);
    linux_stop(native);
    buf_fini(&native->seccomp_key);
    buf_fini(&native->seccomp_program);
    close_at(&native->helper_fd);
    native->helper_fd = -1;
    free(native->containers_dir);
    free(native->helper_path);
    if (call)
        answer(native, call, 0);
}

static const struct mesos_containerizer_ops ops = {
    .initialize = native_initialize,
    .recover = native_recover,
    .launch = native_launch,
    .wait = native_wait,
    .destroy = native_destroy,
    .update = native_update,
    .usage = native_usage,
    .status = native_status,
    .kill = native_kill,
    .remove = native_remove,
    .describe = native_describe,
    .each = native_each,
    .attach = native_attach,
    .prune_images = native_prune_images,
};

static const struct mesos_module module = {
    MESOS_MODULE(CONTAINERIZER, ops, struct native),
    .name = "native",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "runs containers as process trees of the agent's machine, with the configured isolators",
    .start = native_start,
    .stop = native_stop,
};

MESOS_MODULES(&module);
