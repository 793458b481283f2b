/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Isolator "namespaces/ipc": System V objects, POSIX message queues and /dev/shm of a container's own, or shared with its
 * parent where it asks for that. The /dev/shm of a PRIVATE container is a tmpfs below runtime_dir, because containers that
 * are nested in it later may share it.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/units.h"
#include "base/file.h"
#include "base/map.h"
#include "common/launch_info.h"
#include "common/volume.h"

#define NAME "namespaces/ipc"
#define AGENT_SHM "/dev/shm"
#define SHM_FLAGS (MS_NOSUID | MS_NODEV | MS_STRICTATIME)

struct ipc {
    const struct mesos_host *host;
    struct map containers; /* id -> struct shm */
    bool no_sharing; /* of the agent's namespace */
    uint64_t default_size; /* of /dev/shm; 0 = as the kernel says */
};

/* Where a container's /dev/shm can be mounted from. */
struct shm {
    char *id, *path; /* path NULL: it is the root file system's own, and nobody can share it */
};

static bool
supports(void *instance)
{
    return true;
}

/* <runtime_dir>/containers/<id>[/containers/<nested>].../shm */
static char *
own_path(const struct ipc *ipc, const char *id)
{
    auto_buf struct buf path = {0};
    buf_puts(&path, ipc->host->runtime_dir);
    for (struct str rest = str_of(id); rest.len > 0;) {
        struct str name = str_cut(&rest, '.');
        buf_printf(&path, "/containers/%.*s", STR_ARG(name));
    }
    buf_puts(&path, "/shm");
    return xstrdup(buf_cstr(&path));
}

static void
remember(struct ipc *ipc, const char *id, const char *path)
{
    struct shm *shm = map_get(&ipc->containers, str_of(id));
    if (!shm) {
        shm = xcalloc(1, sizeof *shm);
        shm->id = xstrdup(id);
        map_add(&ipc->containers, str_of(shm->id), shm);
    }
    free(shm->path);
    shm->path = path ? xstrdup(path) : NULL;
}

static void
forget(struct ipc *ipc, const char *id)
{
    struct shm *shm = map_remove(&ipc->containers, str_of(id));
    if (!shm)
        return;
    free(shm->id);
    free(shm->path);
    free(shm);
}

static char *
options_of(uint64_t size)
{
    return size > 0 ? xasprintf("mode=1777,size=%llu", (unsigned long long)size) : xstrdup("mode=1777");
}

/* Where the container's own /dev/shm is, as the host sees it before the root changes. */
static char *
target_of(const struct mesos_isolator_container *container)
{
    return xasprintf("%s" AGENT_SHM, container->rootfs ? container->rootfs : "");
}

static void
bind_at(const struct mesos_isolator_container *container, const char *source, struct launch_info *info)
{
    auto_free char *target = target_of(container);
    launch_info_mount(info, source, target, NULL, MS_BIND, NULL);
}

static int
be_private(struct ipc *ipc, const struct mesos_isolator_container *container, uint64_t size, struct launch_info *info)
{
    const struct mesos_host *host = ipc->host;
    auto_free char *path = own_path(ipc, container->container_id), *options = options_of(size);
    struct err err = {0};
    launch_info_clone(info, CLONE_NEWIPC);
    if (dir_make(path, 0755, &err) < 0)
        return host->fail(host, err.code, "Failed to create container shared memory directory: %s", err.text);
    if (mount("tmpfs", path, "tmpfs", SHM_FLAGS, options) < 0)
        return host->fail(host, -errno, "Failed to mount '%s': %s", path, strerror(errno));
    remember(ipc, container->container_id, path);
    bind_at(container, path, info);
    return 0;
}

/* What nobody asked for: a namespace per root, and /dev/shm as the file system has it. */
static int
be_usual(struct ipc *ipc, const struct mesos_isolator_container *container, struct launch_info *info)
{
    if (container->parent_pid > 0)
        launch_info_enter(info, CLONE_NEWIPC);
    else
        launch_info_clone(info, CLONE_NEWIPC);
    remember(ipc, container->container_id, container->rootfs ? NULL : AGENT_SHM);
    if (container->rootfs) {
        auto_free char *target = target_of(container), *options = options_of(ipc->default_size);
        launch_info_mount(info, "tmpfs", target, "tmpfs", SHM_FLAGS, options);
    }
    return 0;
}

static int
share(struct ipc *ipc, const struct mesos_isolator_container *container, struct launch_info *info)
{
    const struct mesos_host *host = ipc->host;
    const char *dot = strrchr(container->container_id, '.'), *path = AGENT_SHM;
    if (!dot && ipc->no_sharing)
        return host->fail(host, -EPERM, "Sharing agent IPC namespace with top-level container is not allowed");
    if (dot) {
        const struct shm *parent =
            map_get(&ipc->containers, str_n(container->container_id, (size_t)(dot - container->container_id)));
        launch_info_enter(info, CLONE_NEWIPC);
        if (!parent || !parent->path)
            return host->fail(host, -EINVAL, "Failed to get parent shared memory path: the parent's /dev/shm is of its root "
                              "file system alone; its ipc_mode must be PRIVATE for others to share it");
        path = parent->path;
    }
    remember(ipc, container->container_id, path);
    if (container->rootfs || strcmp(path, AGENT_SHM) != 0)
        bind_at(container, path, info);
    return 0;
}

static int
decide(struct ipc *ipc, const struct mesos_isolator_container *container, const Mesos__Slave__ContainerConfig *config,
       struct launch_info *info)
{
    const struct mesos_host *host = ipc->host;
    const Mesos__V1__LinuxInfo *linux_info = config->container_info ? config->container_info->linux_info : NULL;
    bool has_mode = linux_info && linux_info->has_ipc_mode;
    int mode = has_mode ? (int)linux_info->ipc_mode : 0;
    uint64_t size = linux_info && linux_info->has_shm_size ? (uint64_t)linux_info->shm_size << 20 : ipc->default_size;
    if (linux_info && linux_info->has_shm_size && mode != MESOS__V1__LINUX_INFO__IPC_MODE__PRIVATE)
        return host->fail(host, -EINVAL, "Only support specifying the size of /dev/shm when the IPC mode is `PRIVATE`");
    if (container->debug) {
        if (mode == MESOS__V1__LINUX_INFO__IPC_MODE__PRIVATE)
            return host->fail(host, -EINVAL, "Private IPC mode is not supported for DEBUG containers");
        launch_info_enter(info, CLONE_NEWIPC);
        return 0;
    }
    if (!has_mode)
        return be_usual(ipc, container, info);
    if (mode == MESOS__V1__LINUX_INFO__IPC_MODE__PRIVATE)
        return be_private(ipc, container, size, info);
    if (mode == MESOS__V1__LINUX_INFO__IPC_MODE__SHARE_PARENT)
        return share(ipc, container, info);
    return host->fail(host, -EINVAL, "Unknown IPC mode");
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    struct ipc *ipc = instance;
    struct launch_info info;
    launch_info_init(&info);
    Mesos__Slave__ContainerConfig *config = container_config(container, ipc->host);
    int rc = config ? decide(ipc, container, config, &info) : -EINVAL;
    if (config)
        mesos__slave__container_config__free_unpacked(config, NULL);
    launch_info_reply(&info, ipc->host, call, rc);
}

/* ---- after a restart ---- */

static void
take_back(struct ipc *ipc, const struct mesos_isolator_state *state)
{
    auto_free char *own = own_path(ipc, state->container_id);
    Mesos__Slave__ContainerConfig *config = NULL;
    if (state->config.len > 0)
        config = mesos__slave__container_config__unpack(NULL, state->config.len, state->config.data);
    if (access(own, F_OK) == 0)
        remember(ipc, state->container_id, own);
    else
        remember(ipc, state->container_id, config && config->rootfs ? NULL : AGENT_SHM);
    if (config)
        mesos__slave__container_config__free_unpacked(config, NULL);
}

/* One that shares has what its parent has. Parents come before their children. */
static void
take_over_parents(struct ipc *ipc, const struct mesos_isolator_state *state)
{
    const char *dot = strrchr(state->container_id, '.');
    Mesos__Slave__ContainerConfig *config =
        dot && state->config.len > 0 ? mesos__slave__container_config__unpack(NULL, state->config.len, state->config.data)
                                     : NULL;
    const Mesos__V1__LinuxInfo *info = config && config->container_info ? config->container_info->linux_info : NULL;
    const struct shm *parent =
        dot ? map_get(&ipc->containers, str_n(state->container_id, (size_t)(dot - state->container_id))) : NULL;
    if (parent && info && info->has_ipc_mode && info->ipc_mode == MESOS__V1__LINUX_INFO__IPC_MODE__SHARE_PARENT)
        remember(ipc, state->container_id, parent->path);
    if (config)
        mesos__slave__container_config__free_unpacked(config, NULL);
}

static size_t
depth(const char *id)
{
    size_t dots = 0;
    for (; *id; id++)
        dots += *id == '.';
    return dots;
}

static void
recover(void *instance, const struct mesos_isolator_state *states, size_t count, const char *const *orphans,
        size_t orphan_count, struct mesos_call *call)
{
    struct ipc *ipc = instance;
    size_t deepest = 0;
    for (size_t i = 0; i < count; i++) {
        take_back(ipc, &states[i]);
        deepest = depth(states[i].container_id) > deepest ? depth(states[i].container_id) : deepest;
    }
    for (size_t level = 1; level <= deepest; level++) {
        for (size_t i = 0; i < count; i++) {
            if (depth(states[i].container_id) == level)
                take_over_parents(ipc, &states[i]);
        }
    }
    ipc->host->reply(ipc->host, call, 0, (struct mesos_bytes){NULL, 0}); /* orphans are cleaned up one by one */
}

static void
cleanup(void *instance, const char *container_id, struct mesos_call *call)
{
    struct ipc *ipc = instance;
    auto_free char *path = own_path(ipc, container_id);
    int rc = 0;
    forget(ipc, container_id);
    if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT && errno != EPERM)
        rc = ipc->host->fail(ipc->host, -errno, "Failed to unmount container shared memory directory '%s': %s", path,
                             strerror(errno));
    if (rc == 0 && rmdir(path) == 0) /* what lies above is the containerizer's, when it has made it already */
        *strrchr(path, '/') = '\0', rmdir(path);
    ipc->host->reply(ipc->host, call, rc, (struct mesos_bytes){NULL, 0});
}

/* ---- the module ---- */

static int
start(void *instance, const struct mesos_host *host)
{
    struct ipc *ipc = instance;
    const char *no_sharing = host->daemon_option(host, "disallow_sharing_agent_ipc_namespace");
    const char *size = host->daemon_option(host, "default_container_shm_size");
    struct err err = {0};
    ipc->host = host;
    ipc->no_sharing = no_sharing && strcmp(no_sharing, "true") == 0;
    if (geteuid() != 0)
        return host->fail(host, -EPERM, "isolator '" NAME "' requires root permissions");
    if (access("/proc/self/ns/ipc", F_OK) < 0)
        return host->fail(host, -ENOTSUP, "isolator '" NAME "': IPC namespaces are not supported by this kernel");
    if (size && *size && bytes_parse(str_of(size), &ipc->default_size, &err) < 0)
        return host->fail(host, err.code, "--default_container_shm_size=%s: %s", size, err.text);
    return needs_linux_filesystem(host, NAME);
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct ipc *ipc = instance;
    struct shm *shm;
    map_foreach(shm, &ipc->containers)
    {
        free(shm->id);
        free(shm->path);
        free(shm);
    }
    map_fini(&ipc->containers);
    if (call)
        ipc->host->reply(ipc->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .recover = recover,
    .prepare = prepare,
    .cleanup = cleanup,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct ipc),
    .name = NAME,
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "gives containers IPC objects and shared memory of their own",
    .start = start,
    .stop = stop,
    .phase = MESOS_PHASE_LINUX,
};

MESOS_MODULES(&module);
