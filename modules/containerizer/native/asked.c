/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the isolators ask for at a launch, kept as they answered it and looked at as one: description.c makes the helper's
 * steps of it when all have answered. How answers are put together is said in mesos/isolator.h.
 */
#include <errno.h>
#include <sched.h>
#include "base/str.h"
#include "native.h"

#define KINDS (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP)

void
asked_fini(struct asked *asked)
{
    for (size_t i = 0; i < asked->count; i++)
        mesos__slave__container_launch_info__free_unpacked(asked->infos[i], NULL);
    free(asked->infos);
    *asked = (struct asked){0};
}

static int
namespaces_add(const int32_t *kinds, size_t count, const char *isolator, uint32_t *flags, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (kinds[i] & ~KINDS)
            return err_set(err, -EINVAL, "isolator '%s' asks for a namespace of unknown kind %#x", isolator, (unsigned)kinds[i]);
        *flags |= (uint32_t)kinds[i];
    }
    return 0;
}

static int
paths_check(const Mesos__Slave__ContainerLaunchInfo *info, const char *isolator, struct err *err)
{
    for (size_t i = 0; i < info->n_mounts; i++) {
        if (info->mounts[i]->target[0] != '/')
            return err_set(err, -EINVAL, "isolator '%s' asks for a mount at '%s', which is not an absolute path", isolator,
                           info->mounts[i]->target);
    }
    for (size_t i = 0; i < info->n_masked_paths; i++) {
        if (info->masked_paths[i][0] != '/')
            return err_set(err, -EINVAL, "isolator '%s' asks to mask '%s', which is not an absolute path", isolator,
                           info->masked_paths[i]);
    }
    if (info->rootfs && info->rootfs[0] != '/')
        return err_set(err, -EINVAL, "isolator '%s' asks for the root file system '%s', which is not an absolute path",
                       isolator, info->rootfs);
    return 0;
}

static int
take_in(struct asked *asked, const char *isolator, const Mesos__Slave__ContainerLaunchInfo *info, struct err *err)
{
    int rc = paths_check(info, isolator, err);
    if (rc == 0)
        rc = namespaces_add(info->clone_namespaces, info->n_clone_namespaces, isolator, &asked->clone, err);
    if (rc == 0)
        rc = namespaces_add(info->enter_namespaces, info->n_enter_namespaces, isolator, &asked->enter, err);
    if (rc < 0)
        return rc;
    if (asked->clone & asked->enter & ~CLONE_NEWPID)
        return err_set(err, -EINVAL, "namespaces %#x are asked for both as new ones and as the parent's (by isolator '%s' last)",
                       asked->clone & asked->enter, isolator);
    if (info->rootfs && asked->rootfs && strcmp(info->rootfs, asked->rootfs) != 0)
        return err_set(err, -EINVAL, "isolator '%s' asks for the root file system '%s', and another one for '%s'", isolator,
                       info->rootfs, asked->rootfs);
    asked->rootfs = info->rootfs ? info->rootfs : asked->rootfs;
    asked->working_directory = info->working_directory ? info->working_directory : asked->working_directory;
    asked->user = info->user ? info->user : asked->user;
    asked->tty_slave_path = info->tty_slave_path ? info->tty_slave_path : asked->tty_slave_path;
    asked->seccomp_profile = info->seccomp_profile ? info->seccomp_profile : asked->seccomp_profile;
    asked->effective = info->effective_capabilities ? info->effective_capabilities : asked->effective;
    asked->bounding = info->bounding_capabilities ? info->bounding_capabilities : asked->bounding;
    asked->no_new_privileges = asked->no_new_privileges || (info->has_no_new_privileges && info->no_new_privileges);
    asked->mounts = asked->mounts || info->n_mounts || info->n_file_operations;
    asked->masks = asked->masks || info->n_masked_paths;
    return 0;
}

int
asked_add(struct container *container, const char *isolator, struct mesos_bytes bytes, struct err *err)
{
    struct asked *asked = &container->asked;
    if (bytes.len == 0)
        return 0;
    Mesos__Slave__ContainerLaunchInfo *info =
        mesos__slave__container_launch_info__unpack(NULL, bytes.len, bytes.data);
    if (!info)
        return err_set(err, -EPROTO, "isolator '%s' answers with something that is no ContainerLaunchInfo", isolator);
    asked->infos = xreallocarray(asked->infos, asked->count + 1, sizeof *asked->infos);
    asked->infos[asked->count++] = info;
    return take_in(asked, isolator, info, err);
}

/* What only shows when all have answered. */
int
asked_check(const struct container *container, struct err *err)
{
    const struct asked *asked = &container->asked;
    if (asked->enter && !container->parent)
        return err_set(err, -EINVAL, "namespaces %#x of a parent are asked for, and container %s has none", asked->enter,
                       container->id);
    if ((asked->mounts || asked->masks || asked->rootfs) && !(asked->clone & CLONE_NEWNS))
        return err_set(err, -EINVAL, "%s asked for, but no isolator asks for a mount namespace of the container's own "
                       "(filesystem/linux does)", asked->rootfs ? "a root file system is" : "mounts are");
    if ((asked->clone || asked->enter) && geteuid() != 0)
        return err_set(err, -EPERM, "namespaces %#x are asked for, and the agent is not root", asked->clone | asked->enter);
    return 0;
}

/* ---- the environment ---- */

static bool
names_same(const char *a, const char *b)
{
    size_t len = strcspn(a, "=");
    return strncmp(a, b, len) == 0 && b[len] == '=';
}

void
entries_set(struct entries *entries, const char *entry)
{
    for (size_t i = 0; i < entries->count; i++) {
        if (names_same(entry, entries->items[i])) {
            free(entries->items[i]);
            entries->items[i] = xstrdup(entry);
            return;
        }
    }
    entries_add(entries, entry);
}

void
entries_add(struct entries *entries, const char *entry)
{
    if (entries->count == entries->cap) {
        entries->cap = entries->cap ? 2 * entries->cap : 32;
        entries->items = xreallocarray(entries->items, entries->cap, sizeof *entries->items);
    }
    entries->items[entries->count++] = xstrdup(entry);
}

void
entries_fini(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        free(entries->items[i]);
    free(entries->items);
    *entries = (struct entries){0};
}

void
asked_environment(const struct asked *asked, bool of_task, struct entries *out)
{
    for (size_t i = 0; i < asked->count; i++) {
        const Mesos__V1__Environment *environment = of_task ? asked->infos[i]->task_environment : asked->infos[i]->environment;
        for (size_t k = 0; environment && k < environment->n_variables; k++) {
            const Mesos__V1__Environment__Variable *variable = environment->variables[k];
            auto_free char *entry = xasprintf("%s=%s", variable->name, variable->value ? variable->value : "");
            entries_set(out, entry);
        }
    }
}

size_t
asked_groups(const struct asked *asked, bool of_task, struct buf *out)
{
    for (size_t i = 0; i < asked->count; i++) {
        const Mesos__Slave__ContainerLaunchInfo *info = asked->infos[i];
        size_t count = of_task ? info->n_task_supplementary_groups : info->n_supplementary_groups;
        const uint32_t *groups = of_task ? info->task_supplementary_groups : info->supplementary_groups;
        if (count > 0)
            buf_append(out, groups, count * sizeof *groups);
    }
    return out->len / sizeof(uint32_t);
}
