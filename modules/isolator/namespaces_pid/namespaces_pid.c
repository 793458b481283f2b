/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Isolator "namespaces/pid": a container sees its own processes and those of containers nested in it, and no others. A
 * container may ask to share its parent's pid namespace, a root the agent's, unless the operator forbids that.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/launch_info.h"
#include "common/volume.h"

#define NAME "namespaces/pid"

struct pids {
    const struct mesos_host *host;
    bool no_sharing; /* of the agent's namespace */
};

static bool
supports(void *instance)
{
    return true;
}

static bool
wants_sharing(const Mesos__Slave__ContainerConfig *config)
{
    const Mesos__V1__ContainerInfo *info = config->container_info;
    return info && info->linux_info && info->linux_info->has_share_pid_namespace && info->linux_info->share_pid_namespace;
}

static bool
is_in_ours(pid_t pid)
{
    char path[64];
    struct stat theirs, ours;
    snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)pid);
    return stat(path, &theirs) < 0 || stat("/proc/self/ns/pid", &ours) < 0 || theirs.st_ino == ours.st_ino;
}

static int
decide(const struct pids *pids, const struct mesos_isolator_container *container,
       const Mesos__Slave__ContainerConfig *config, struct launch_info *info)
{
    bool share = wants_sharing(config);
    if (container->parent_pid > 0)
        launch_info_enter(info, CLONE_NEWPID);
    else if (share && pids->no_sharing)
        return pids->host->fail(pids->host, -EPERM, "Sharing agent pid namespace with top-level container is not allowed");
    if (container->debug)
        return 0; /* and its parent's mounts with it */
    if (!share)
        launch_info_clone(info, CLONE_NEWPID);
    /* The host's /proc tells of the host's processes; the kernel mounts none twice in one place. */
    if (!share || (container->parent_pid > 0 && !is_in_ours(container->parent_pid)))
        launch_info_mount(info, "proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    return 0;
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    const struct pids *pids = instance;
    struct launch_info info;
    launch_info_init(&info);
    Mesos__Slave__ContainerConfig *config = container_config(container, pids->host);
    int rc = config ? decide(pids, container, config, &info) : -EINVAL;
    if (config)
        mesos__slave__container_config__free_unpacked(config, NULL);
    launch_info_reply(&info, pids->host, call, rc);
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct pids *pids = instance;
    const char *no_sharing = host->daemon_option(host, "disallow_sharing_agent_pid_namespace");
    pids->host = host;
    pids->no_sharing = no_sharing && strcmp(no_sharing, "true") == 0;
    if (geteuid() != 0)
        return host->fail(host, -EPERM, "isolator '" NAME "' requires root permissions");
    if (access("/proc/self/ns/pid", F_OK) < 0)
        return host->fail(host, -ENOTSUP, "isolator '" NAME "': pid namespaces are not supported by this kernel");
    return needs_linux_filesystem(host, NAME);
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .prepare = prepare,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct pids),
    .name = NAME,
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "gives containers pid namespaces of their own",
    .start = start,
    .phase = MESOS_PHASE_LINUX,
};

MESOS_MODULES(&module);
