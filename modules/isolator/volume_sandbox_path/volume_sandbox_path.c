/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "volume/sandbox_path": directories of a container's own sandbox (SELF) or of its parent's (PARENT) under a
 * path of the container's choice: by bind mounts where filesystem/linux is, else by symbolic links. So the tasks of a pod share
 * files. With --volume_gid_range a parent's directory gets a group that its users share. Texts and rules: Mesos's. Both
 * sandboxes belong to tasks, and this runs as root: no link that stands there is ever followed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "common/safe_path.h"
#include "common/volume.h"
#include "common/volume_job.h"

struct sandbox_path_isolator {
    const struct mesos_host *host;
    struct volume_gids gids;
    struct map sandboxes; /* id -> struct sandbox: whose cleanup gives groups back */
    bool may_mount;
};

struct sandbox {
    char *id, *path;
};

/* One volume, whichever way it was written. */
struct wish {
    const Mesos__V1__Volume *volume;
    const char *path;
    bool parent;
};

static bool
supports(void *instance)
{
    return true;
}

static void
sandbox_free(struct sandbox *sandbox)
{
    if (!sandbox)
        return;
    free(sandbox->id);
    free(sandbox->path);
    free(sandbox);
}

static void
sandbox_remember(struct sandbox_path_isolator *isolator, const char *id, const char *path)
{
    struct sandbox *sandbox = xcalloc(1, sizeof *sandbox);
    sandbox->id = xstrdup(id);
    sandbox->path = xstrdup(path ? path : "");
    sandbox_free(map_set(&isolator->sandboxes, str_of(sandbox->id), sandbox));
}

static int
check_paths(const struct sandbox_path_isolator *isolator, const struct wish *wish)
{
    const struct mesos_host *host = isolator->host;
    const char *into = wish->volume->container_path;
    if (*wish->path == '/')
        return host->fail(host, -EINVAL, "Path '%s' in SANDBOX_PATH volume is absolute", wish->path);
    if (!safe_path_is_inside(wish->path))
        return host->fail(host, -EINVAL, "Path '%s' in SANDBOX_PATH volume must be relative and stay in the sandbox", wish->path);
    if (*into == '/' && !isolator->may_mount)
        return host->fail(host, -ENOTSUP,
                          "The 'linux' launcher and 'filesystem/linux' isolator must be enabled to support "
                          "SANDBOX_PATH volume with absolute container path '%s'", into);
    if (*into != '/' && (!safe_path_is_inside(into) || into[strlen(into) - 1] == '/'))
        return host->fail(host, -EINVAL, "Container path '%s' of a SANDBOX_PATH volume must stay in the sandbox", into);
    if (*into != '/' && !wish->parent)
        return host->fail(host, -EINVAL,
                          "'container_path' '%s' is relative for a SANDBOX_PATH volume of type SELF, which has the sandbox "
                          "itself: 'container_path' is relative for SANDBOX_PATH volume SELF type", into);
    return 0;
}

/* 1: a volume of ours, in *ret; 0: of somebody else. */
static int
read_wish(const struct sandbox_path_isolator *isolator, const struct mesos_isolator_container *container,
          const Mesos__V1__Volume *volume, struct wish *ret)
{
    const struct mesos_host *host = isolator->host;
    const Mesos__V1__Volume__Source *source = volume->source;
    *ret = (struct wish){.volume = volume};
    if (volume->host_path && *volume->host_path != '/') { /* as it was written before there were sources */
        ret->path = volume->host_path;
    } else if (source && source->has_type && source->type == MESOS__V1__VOLUME__SOURCE__TYPE__SANDBOX_PATH) {
        const Mesos__V1__Volume__Source__SandboxPath *path = source->sandbox_path;
        if (!path)
            return host->fail(host, -EINVAL, "volume.source.sandbox_path is not specified for SANDBOX_PATH volume");
        if (!path->has_type || path->type == MESOS__V1__VOLUME__SOURCE__SANDBOX_PATH__TYPE__UNKNOWN)
            return host->fail(host, -EINVAL,
                              "Unknown SANDBOX_PATH volume type: 'Volume.source.sandbox_path.type' is SELF or PARENT");
        ret->path = path->path;
        ret->parent = path->type == MESOS__V1__VOLUME__SOURCE__SANDBOX_PATH__TYPE__PARENT;
    } else {
        return 0;
    }
    if (container->debug)
        return host->fail(host, -EINVAL, "SANDBOX_PATH volume is not supported for DEBUG containers");
    if (ret->parent && !strchr(container->container_id, '.'))
        return host->fail(host, -EINVAL,
                          "SANDBOX_PATH volume PARENT type only works for nested container: '%s' is none",
                          container->container_id);
    int rc = check_paths(isolator, ret);
    return rc < 0 ? rc : 1;
}

static int
link_volume(const struct sandbox_path_isolator *isolator, const struct mesos_isolator_container *container,
            const struct wish *wish, const char *source)
{
    const struct mesos_host *host = isolator->host;
    struct err err = {0};
    const char *into = wish->volume->container_path, *name = strrchr(into, '/');
    auto_free char *above = xstrndup(into, name ? (size_t)(name - into) : 0);
    if (*above && safe_path_make(container->sandbox, above, SAFE_PATH_NO_LINKS, SAFE_PATH_DIRECTORY, NULL, NULL, &err) < 0)
        return host->fail(host, err.code, "Failed to symlink '%s' -> '%s': %s", source, into, err.text);
    auto_fd int place = safe_path_open(container->sandbox, above, SAFE_PATH_NO_LINKS, &err);
    if (place < 0)
        return host->fail(host, err.code, "Failed to symlink '%s' -> '%s': %s", source, into, err.text);
    if (wish->volume->mode == MESOS__V1__VOLUME__MODE__RO)
        MESOS_LOG(host, WARNING, "allowing read-write access to read-only volume '%s' of container %s: a link is no mount",
                  source, container->container_id);
    if (symlinkat(source, place, name ? name + 1 : into) < 0)
        return host->fail(host, -errno, "Failed to symlink '%s' -> '%s': %s", source, into, strerror(errno));
    return 0;
}

/* Somebody else's directory is shared by a group of its own. */
static int
share(struct sandbox_path_isolator *isolator, const struct mesos_isolator_container *container, const char *source,
      const struct stat *is, struct volume_job *job)
{
    const struct mesos_host *host = isolator->host;
    struct passwd entry, *user = NULL;
    struct err err = {0};
    char names[4096];
    uint32_t gid;
    bool fresh;
    if (!volume_gids_on(&isolator->gids) || !container->user || strcmp(container->user, "root") == 0)
        return 0;
    getpwnam_r(container->user, &entry, names, sizeof names, &user);
    if (!user)
        return host->fail(host, -ENOENT, "Failed to get the uid of user '%s': not found", container->user);
    if (user->pw_uid == is->st_uid)
        return 0;
    if (volume_gids_take(&isolator->gids, source, MESOS__INTERNAL__SLAVE__VOLUME_GID_INFO__TYPE__SANDBOX_PATH, &gid, &fresh,
                         &err) < 0)
        return host->fail(host, err.code, "%s", err.text);
    if (fresh)
        volume_job_add(job, source, gid, true);
    launch_info_group(&job->info, gid, false);
    return 0;
}

static int
mount_volume(struct sandbox_path_isolator *isolator, const struct mesos_isolator_container *container,
             const struct wish *wish, const char *source, const struct stat *is, struct volume_job *job)
{
    const struct mesos_host *host = isolator->host;
    struct err err = {0};
    auto_free char *target =
        volume_mount_point(host, container, wish->volume->container_path, S_ISDIR(is->st_mode), &err);
    if (!target)
        return host->fail(host, err.code, "%s", err.text);
    launch_info_mount(&job->info, source, target, NULL, volume_bind_flags(wish->volume), NULL);
    return wish->parent ? share(isolator, container, source, is, job) : 0;
}

/* What filesystem/posix made of a persistent volume of the parent: the one link that may be linked to. */
static bool
is_persistent_volume(const struct sandbox_path_isolator *isolator, const char *root, const char *path)
{
    char text[PATH_MAX];
    const char *slash = strrchr(path, '/');
    auto_free char *above = xstrndup(path, slash ? (size_t)(slash - path) : 0);
    auto_free char *volumes = xasprintf("%s/volumes/roles/", isolator->host->work_dir);
    auto_fd int at = safe_path_open(root, above, SAFE_PATH_NO_LINKS, NULL);
    ssize_t len = at < 0 ? -1 : readlinkat(at, slash ? slash + 1 : path, text, sizeof text - 1);
    text[len > 0 ? len : 0] = '\0';
    return strncmp(text, volumes, strlen(volumes)) == 0 && safe_path_is_inside(text + 1);
}

static int
prepare_volume(struct sandbox_path_isolator *isolator, const struct mesos_isolator_container *container,
               const struct wish *wish, struct volume_job *job)
{
    const struct mesos_host *host = isolator->host;
    struct err err = {0};
    struct stat is;
    auto_free char *root = wish->parent ? volume_parent_sandbox(container->sandbox) : xstrdup(container->sandbox);
    auto_free char *source = xasprintf("%s/%s", root, wish->path);
    auto_fd int there = safe_path_open(root, wish->path, SAFE_PATH_NO_LINKS, &err);
    if (there < 0 && !isolator->may_mount && wish->parent && is_persistent_volume(isolator, root, wish->path))
        return link_volume(isolator, container, wish, source);
    if (there < 0 &&
        (err.code != -ENOENT || safe_path_make(root, wish->path, SAFE_PATH_NO_LINKS, SAFE_PATH_DIRECTORY, NULL, NULL, &err) < 0 ||
         (there = safe_path_open(root, wish->path, SAFE_PATH_NO_LINKS, &err)) < 0))
        return host->fail(host, err.code, "Failed to create the directory '%s' in the sandbox: %s", source, err.text);
    if (fstat(there, &is) < 0)
        return host->fail(host, -errno, "Failed to stat '%s': %s", source, strerror(errno));
    return isolator->may_mount ? mount_volume(isolator, container, wish, source, &is, job)
                               : link_volume(isolator, container, wish, source);
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    struct sandbox_path_isolator *isolator = instance;
    const struct mesos_host *host = isolator->host;
    struct volume_job *job = volume_job_new(host, call, true);
    Mesos__Slave__ContainerConfig *config = container_config(container, host);
    const Mesos__V1__ContainerInfo *of = config ? config->container_info : NULL;
    int rc = config ? 0 : -EPROTO;
    sandbox_remember(isolator, container->container_id, container->sandbox);
    if (rc == 0 && of && container->rootfs && !isolator->may_mount)
        rc = host->fail(host, -EINVAL,
                        "The 'linux' launcher and 'filesystem/linux' isolator must be enabled to change the rootfs and bind mount");
    for (size_t i = 0; of && i < of->n_volumes && rc >= 0; i++) {
        struct wish wish;
        rc = read_wish(isolator, container, of->volumes[i], &wish);
        if (rc > 0)
            rc = prepare_volume(isolator, container, &wish, job);
    }
    volume_job_run(job, rc < 0 ? rc : 0);
    mesos__slave__container_config__free_unpacked(config, NULL);
}

static void
recover(void *instance, const struct mesos_isolator_state *states, size_t count, const char *const *orphans,
        size_t orphan_count, struct mesos_call *call)
{
    struct sandbox_path_isolator *isolator = instance;
    for (size_t i = 0; i < count; i++)
        sandbox_remember(isolator, states[i].container_id, states[i].sandbox);
    isolator->host->reply(isolator->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static void
cleanup(void *instance, const char *container_id, struct mesos_call *call)
{
    struct sandbox_path_isolator *isolator = instance;
    struct volume_job *job = volume_job_new(isolator->host, call, false);
    struct sandbox *sandbox = map_remove(&isolator->sandboxes, str_of(container_id));
    if (sandbox && *sandbox->path)
        volume_gids_give_back(&isolator->gids, sandbox->path, volume_job_add_back, job);
    sandbox_free(sandbox);
    volume_job_run(job, 0);
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct sandbox_path_isolator *isolator = instance;
    const char *launcher = host->daemon_option(host, "launcher");
    isolator->host = host;
    isolator->may_mount = launcher && strcmp(launcher, "linux") == 0 && isolation_has(host, "filesystem/linux");
    return volume_gids_init(&isolator->gids, host);
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct sandbox_path_isolator *isolator = instance;
    struct sandbox *sandbox;
    map_foreach (sandbox, &isolator->sandboxes)
        sandbox_free(sandbox);
    map_fini(&isolator->sandboxes);
    volume_gids_fini(&isolator->gids);
    if (call)
        isolator->host->reply(isolator->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .recover = recover,
    .prepare = prepare,
    .cleanup = cleanup,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct sandbox_path_isolator),
    .name = "volume/sandbox_path",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "lends containers directories of their own or their parent's sandbox",
    .start = start,
    .stop = stop,
    .phase = MESOS_PHASE_VOLUME,
};

MESOS_MODULES(&module);
