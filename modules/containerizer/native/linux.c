/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --launcher=linux: each container's processes are in a control group (of the freezer on version 1), which none of them
 * leaves: so all are found and killed whatever they did to hide, also those of an agent that crashed. Called by start.c,
 * end.c and recover.c.
 */
#include <errno.h>
#include <unistd.h>
#include "launch/description.h"
#include "native.h"

static const char *
option(const struct native *native, const char *name, const char *otherwise)
{
    const char *value = native->host->daemon_option(native->host, name);
    return value && *value ? value : otherwise;
}

int
linux_start(struct native *native, struct err *err)
{
    const char *hierarchy = option(native, "cgroups_hierarchy", "/sys/fs/cgroup");
    native->tree = CGROUP_TREE_INIT;
    if (strcmp(option(native, "launcher", "posix"), "linux") != 0)
        return 0;
    if (geteuid() != 0)
        return err_set(err, -EPERM, "--launcher=linux needs root; --launcher=posix does not");
    int rc = cgroup_tree_open(&native->tree, hierarchy, option(native, "cgroups_root", "mesos"),
                              cgroup_version(hierarchy) == 2 ? NULL : "freezer", err);
    return rc < 0 ? err_wrap(err, "--launcher=linux") : 0;
}

void
linux_stop(struct native *native)
{
    if (linux_used(native) && native->tree_users > 0)
        return; /* the last of them does it */
    if (linux_used(native))
        cgroup_tree_close(&native->tree);
    native->tree = CGROUP_TREE_INIT;
}

bool
linux_used(const struct native *native)
{
    return native->tree.version > 0;
}

void
linux_hold(struct native *native)
{
    native->tree_users++;
}

void
linux_release(struct native *native)
{
    if (--native->tree_users == 0 && native->stopped)
        linux_stop(native);
}

int
linux_create(struct container *container, struct err *err)
{
    struct native *native = container->native;
    if (!linux_used(native))
        return 0;
    int rc = cgroup_create(&native->tree, container->id);
    if (rc < 0)
        return err_set(err, rc, "Failed to create the control group of container %s: %s", container->id, strerror(-rc));
    container->in_cgroup = true;
    return 0;
}

/* The process joins by itself: the kernel takes its time for that, and the loop has none. */
void
linux_step(const struct container *container, struct buf *out)
{
    const struct cgroup_tree *tree = &container->native->tree;
    char path[CGROUP_PATH_MAX];
    if (!linux_used(container->native) || cgroup_path(container->id, path) < 0)
        return;
    auto_free char *file = xasprintf("%s/%s/%s%s/cgroup.procs", tree->mount, tree->root, path, tree->version == 2 ? "/leaf" : "");
    step_text(out, LAUNCH_CGROUP, file);
}

int
linux_remove(struct container *container)
{
    struct native *native = container->native;
    int rc = container->in_cgroup ? cgroup_remove(&native->tree, container->id) : 0;
    if (rc == -EBUSY)
        return rc;
    if (rc < 0) /* the next agent finds it and tries again */
        MESOS_LOG(native->host, ERROR, "container %s: its control group is not removed: %s", container->id, strerror(-rc));
    container->in_cgroup = false;
    return 0;
}
