/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kind isolator: one aspect of a container's isolation and statistics. Used by the native containerizer, in order of
 * `phase`; cleanup in the reverse order. --isolation selects the set. Container ids are the Mesos ones; a nested id is
 * written "parent.child". Every asynchronous member owes its call one reply; a member that is NULL counts as done.
 *
 * What prepare answers (packed mesos.slave.ContainerLaunchInfo) is put together over all isolators, in their order:
 * - environment: a later value of a name wins, and wins over the agent's; task_environment: the same, for the program of a
 *   command task and not for its executor.
 * - clone_namespaces: CLONE_NEW... numbers, their union is what the container gets new. enter_namespaces: the same numbers,
 *   joined from the container's parent (nested ones only); a kind that is in both is an error, but CLONE_NEWPID: the new
 *   namespace is below the parent's then.
 * - mounts, then file_operations, in the order in which they were asked for, in the container's mount namespace, before the
 *   root changes: targets and sources are paths of the host. A mount has what mount(2) takes: source, type, flags (MS_...,
 *   a bind with MS_RDONLY is remounted so), options (data). Asking for mounts without CLONE_NEWNS among the clone_namespaces of
 *   anybody is an error. masked_paths: as seen inside, after the root has changed.
 * - How the paths of mounts and file operations are followed, because tasks may have put links anywhere in what is theirs: one
 *   below rootfs as the container itself would, so that no link and no ".." leads out of it; one below the sandbox of
 *   the container's root ("<sandbox>" without "/containers/<name>" of nested ones) without following any link; others as usual.
 *   A mount's target that is missing is made: a directory, or an empty file when its source is no directory.
 * - rootfs: absolute path on the host; one isolator at most. The containerizer makes it a mount of its own before the first
 *   mount and changes to it; what is mounted in it is the isolators' affair. working_directory, user, command, tty_slave_path,
 *   seccomp_profile, effective_capabilities, bounding_capabilities: the last one wins. user: looked up in the files of rootfs
 *   where there is one ("name", "uid", "name:group", "uid:gid"), else on the host. command: a field that is set replaces that of
 *   what would be executed, a value the arguments too.
 * - supplementary_groups and task_supplementary_groups are added; rlimits are added; no_new_privileges when anybody asks.
 * - pre_exec_commands run in the container as root, after the mounts and before the root changes, with PATH as their only
 *   environment; each must succeed.
 *
 * A command task (config.task_info is set) with a root file system of its own: its executor stays in the host's, in the
 * container's mount namespace; rootfs, working_directory, command, capabilities, seccomp profile, no_new_privileges and
 * terminal apply to the task that the executor starts. The other containers get them themselves.
 */
#ifndef MESOS_ISOLATOR_H
#define MESOS_ISOLATOR_H

#include "mesos/module.h"
#include "mesos/resource.h"

/*
 * Phases of our own isolators, in tens so that others find room between; those of third parties that have no reason for
 * another place begin at MESOS_PHASE_CUSTOM.
 */
enum mesos_isolator_phase {
    MESOS_PHASE_FILESYSTEM = 10, /* filesystem/...: the mount namespace and the root */
    MESOS_PHASE_RUNTIME = 20, /* docker/runtime, appc/runtime: what the image says */
    MESOS_PHASE_VOLUME = 40, /* volume/... */
    MESOS_PHASE_POSIX = 50, /* posix/..., disk/... */
    MESOS_PHASE_CGROUPS = 70, /* cgroups/... */
    MESOS_PHASE_NETWORK = 80, /* network/... */
    MESOS_PHASE_LINUX = 90, /* namespaces/..., linux/... */
    MESOS_PHASE_SECRET = 100, /* environment_secret */
    MESOS_PHASE_CUSTOM = 1000,
};

struct mesos_isolator_container {
    size_t size;
    const char *container_id;
    struct mesos_bytes config; /* packed mesos.slave.ContainerConfig */
    const char *sandbox; /* absolute, on the host */
    const char *user; /* or NULL */
    struct mesos_resources resources;
    /* The container's own root file system (a provisioned image) on the host, or NULL: it sees the host's. */
    const char *rootfs;
    /* Root file systems of the images that its volumes name: entry i belongs to config.container_info.volumes[i], NULL where
     * that volume has no image. Beyond image_count there are none. */
    const char *const *image_volumes;
    size_t image_count;
    uint32_t standalone; /* bool: it or its root is */
    uint32_t debug; /* bool: config.container_class is DEBUG */
    pid_t parent_pid; /* nested: the first process of its parent; 0 else */
    uint32_t reserved;
};

struct mesos_isolator_state {
    size_t size;
    const char *container_id;
    pid_t pid;
    const char *sandbox;
    struct mesos_bytes config; /* packed mesos.slave.ContainerConfig as at its launch; empty when it is not known */
};

struct mesos_isolator_watcher {
    size_t size;
    void *arg;
    /* The container has reached a limit and must be destroyed. limitation: packed mesos.slave.ContainerLimitation. */
    void (*limited)(void *arg, const char *container_id, struct mesos_bytes limitation);
};

struct mesos_isolator_ops {
    /* bool: works for nested containers; standalone ones. NULL = no. */
    bool (*supports_nesting)(void *instance);
    bool (*supports_standalone)(void *instance);
    /* Once, after start, before recover. */
    void (*initialize)(void *instance, const struct mesos_isolator_watcher *watcher);
    /* After an agent restart: containers that go on running, and ids of orphans that will be destroyed. */
    void (*recover)(void *instance, const struct mesos_isolator_state *states, size_t count,
                    const char *const *orphans, size_t orphan_count, struct mesos_call *call);
    /* Answer: packed mesos.slave.ContainerLaunchInfo (may be empty). */
    void (*prepare)(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call);
    /* The process exists and waits to exec. */
    void (*isolate)(void *instance, const char *container_id, pid_t pid, struct mesos_call *call);
    /* limits: packed entries of mesos.slave.ContainerConfig.limits (resource name -> upper bound), may be empty. */
    void (*update)(void *instance, const char *container_id, struct mesos_resources requests,
                   struct mesos_bytes limits, struct mesos_call *call);
    /* Answer: packed mesos.v1.ResourceStatistics; the containerizer merges all of them. */
    void (*usage)(void *instance, const char *container_id, struct mesos_call *call);
    /* Answer: packed mesos.v1.ContainerStatus, merged likewise. */
    void (*status)(void *instance, const char *container_id, struct mesos_call *call);
    void (*cleanup)(void *instance, const char *container_id, struct mesos_call *call);
};

#endif
