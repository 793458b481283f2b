/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Persistent volumes on disk: made when the master has one checkpointed, removed when it does so no more. What goes is
 * renamed first, so that a volume that is made anew under its name is empty, and is removed off the loop.
 */
#include "agent/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "model/volume_path.h"

/* Below the disk's "volumes": volumes on their way out. */
#define REMOVED "removed"

struct removal {
    char *path;
    bool content_only; /* the directory is where a disk is mounted */
    struct err err;
};

static bool
is_among(const char *path, const struct agent *agent, Mesos__V1__Resource *const *resources, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        auto_free char *other = volume_path(agent->work_dir, resources[i]);
        if (other && strcmp(path, other) == 0)
            return true;
    }
    return false;
}

int
volumes_make(const struct agent *agent, Mesos__V1__Resource *const *resources, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        auto_free char *path = volume_path(agent->work_dir, resources[i]);
        if (path && dir_make(path, 0755, err))
            return err_wrap(err, "Failed to create persistent volume '%s'", path);
    }
    return 0;
}

static void
removal_work(void *arg)
{
    struct removal *removal = arg;
    DIR *list = removal->content_only ? opendir(removal->path) : NULL;
    if (!removal->content_only)
        dir_remove(removal->path, &removal->err);
    for (struct dirent *entry; list && (entry = readdir(list));) {
        auto_free char *below = xasprintf("%s/%s", removal->path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            dir_remove(below, &removal->err);
    }
    if (list)
        closedir(list);
}

static void
removal_done(void *arg)
{
    struct removal *removal = arg;
    if (removal->err.code)
        log_error("cannot remove persistent volume %s: %s", removal->path, removal->err.text);
    free(removal->path);
    free(removal);
}

static void
remove_later(struct agent *agent, char *path, bool content_only)
{
    struct removal *removal = xcalloc(1, sizeof(*removal));
    removal->path = path;
    removal->content_only = content_only;
    loop_offload(agent->loop, NULL, removal_work, removal_done, removal);
}

/* <disk>/volumes of .../volumes/roles/<role>/<id>, with REMOVED. */
static char *
removed_directory(const char *path)
{
    struct str above = str_of(path);
    for (int up = 0; up < 3; up++) {
        while (above.len && above.ptr[above.len - 1] != '/')
            above.len--;
        above.len -= above.len > 1;
    }
    return xasprintf("%.*s/" REMOVED, STR_ARG(above));
}

static void
volume_remove(struct agent *agent, const char *path, size_t number)
{
    struct err err = {0};
    struct stat there;
    auto_free char *dir = removed_directory(path);
    auto_free char *away = xasprintf("%s/%d.%lld.%zu", dir, (int)getpid(), (long long)loop_now_ns(agent->loop), number);
    if (lstat(path, &there))
        return;
    log_info("removing persistent volume %s", path);
    if (dir_make(dir, 0700, &err) || rename(path, away)) {
        log_error("cannot remove persistent volume %s at once: %s", path, err.code ? err.text : strerror(errno));
        remove_later(agent, xstrdup(path), false);
        return;
    }
    remove_later(agent, take(&away), false);
}

void
volumes_remove(struct agent *agent, Mesos__V1__Resource *const *old, size_t old_count,
               Mesos__V1__Resource *const *kept, size_t kept_count)
{
    for (size_t i = 0; i < old_count; i++) {
        auto_free char *path = volume_path(agent->work_dir, old[i]);
        if (!path || is_among(path, agent, kept, kept_count))
            continue;
        if (volume_is_mount(old[i]))
            remove_later(agent, take(&path), true);
        else
            volume_remove(agent, path, i);
    }
}

void
volumes_recover(struct agent *agent)
{
    remove_later(agent, xasprintf("%s/volumes/" REMOVED, agent->work_dir), false);
}
