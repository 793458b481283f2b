/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "filesystem/shared", as Mesos 0.21 had it: containers see the host's file system, with volumes mounted over
 * directories of it for each alone (--default_container_info: a /tmp of one's own). Nothing may mask the agent's directories. The
 * kernel undoes the mounts with the container. Texts and rules: Mesos's.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/launch_info.h"
#include "common/mounts.h"
#include "common/safe_path.h"

struct shared_isolator {
    const struct mesos_host *host;
};

static bool
supports_not(void *instance)
{
    return false;
}

/* What volumes of one container lie on so far; the sandbox is the first. */
struct taken {
    char **paths;
    size_t count;
};

static void
take_path(struct taken *taken, char *path)
{
    taken->paths = xreallocarray(taken->paths, taken->count + 1, sizeof *taken->paths);
    taken->paths[taken->count++] = path;
}

/* Real paths are compared: a link could lead to what would be masked. */
static int
check_mask(const struct shared_isolator *isolator, struct taken *taken, const char *path)
{
    const struct mesos_host *host = isolator->host;
    char *real = realpath(path, NULL);
    if (!real)
        return host->fail(host, -ENOENT, "Volume with container path '%s' must exist on host for shared filesystem isolator",
                          path);
    for (size_t i = 0; i < taken->count; i++) {
        bool under = path_is_below(real, taken->paths[i]), above = path_is_below(taken->paths[i], real);
        if (under || above) {
            int rc = host->fail(host, -EINVAL, "Cannot mount volume to '%s' because it is under volume '%s'",
                                under ? path : taken->paths[i], under ? taken->paths[i] : path);
            free(real);
            return rc;
        }
    }
    take_path(taken, real);
    return 0;
}

/* A relative host path is made in the sandbox, with the mode and owner of what it is mounted on. */
static char *
in_sandbox(const struct shared_isolator *isolator, const struct mesos_isolator_container *container,
           const Mesos__V1__Volume *volume)
{
    const struct mesos_host *host = isolator->host;
    struct err err = {0};
    struct stat like;
    bool made;
    auto_free char *path = xasprintf("%s/%s", container->sandbox, volume->host_path);
    if (!safe_path_is_inside(volume->host_path) || strstr(path, "/./")) {
        host->fail(host, -EINVAL, "Relative host path '%s' cannot contain relative components", path);
        return NULL;
    }
    if (stat(volume->container_path, &like) < 0) {
        host->fail(host, -errno, "Failed to get permissions on '%s': %s", volume->container_path, strerror(errno));
        return NULL;
    }
    if (safe_path_make(container->sandbox, volume->host_path, SAFE_PATH_NO_LINKS,
                       S_ISDIR(like.st_mode) ? SAFE_PATH_DIRECTORY : SAFE_PATH_FILE, &like, &made, &err) < 0) {
        host->fail(host, err.code, "Failed to create host_path '%s' for mount to '%s': %s", path, volume->container_path,
                   err.text);
        return NULL;
    }
    auto_fd int there = safe_path_open(container->sandbox, volume->host_path, SAFE_PATH_NO_LINKS, &err);
    char own[32];
    snprintf(own, sizeof own, "/proc/self/fd/%d", there);
    if (there < 0 || chmod(own, like.st_mode & 07777) < 0) {
        host->fail(host, -EIO, "Failed to chmod hostPath '%s': %s", path, there < 0 ? err.text : strerror(errno));
        return NULL;
    }
    return take(&path);
}

static int
mount_volume(const struct shared_isolator *isolator, const struct mesos_isolator_container *container,
             const Mesos__V1__Volume *volume, struct taken *taken, struct launch_info *info)
{
    const struct mesos_host *host = isolator->host;
    const char *into = volume->container_path;
    if (*into != '/' || access(into, F_OK) < 0)
        return host->fail(host, -ENOENT, "Volume with container path '%s' must exist on host for shared filesystem isolator",
                          into);
    if (!volume->host_path)
        return host->fail(host, -EINVAL, "Volume with container path '%s' must specify host path for shared filesystem isolator",
                          into);
    int rc = check_mask(isolator, taken, into);
    if (rc < 0)
        return rc;
    auto_free char *from = NULL;
    if (*volume->host_path != '/') {
        from = in_sandbox(isolator, container, volume);
        if (!from)
            return -EINVAL;
    } else if (access(volume->host_path, F_OK) < 0) {
        return host->fail(host, -ENOENT,
                          "Volume with container path '%s' must have host path '%s' present on host for shared filesystem isolator",
                          into, volume->host_path);
    } else {
        from = xstrdup(volume->host_path);
    }
    uint32_t flags = MS_BIND | (volume->mode == MESOS__V1__VOLUME__MODE__RO ? MS_RDONLY : 0);
    launch_info_mount(info, from, into, NULL, flags, NULL);
    return 0;
}

static void
take_real(struct taken *taken, const char *path)
{
    char *real = path ? realpath(path, NULL) : NULL;
    if (real)
        take_path(taken, real);
}

static int
all(const struct shared_isolator *isolator, const struct mesos_isolator_container *container,
    const Mesos__V1__ContainerInfo *of, struct launch_info *info)
{
    const struct mesos_host *host = isolator->host;
    struct taken taken = {0};
    int rc = 0;
    if (of->type != MESOS__V1__CONTAINER_INFO__TYPE__MESOS)
        return host->fail(host, -EINVAL, "Can only prepare filesystem for a MESOS container");
    if (of->mesos && of->mesos->image)
        return host->fail(host, -ENOTSUP, "Container root filesystems not supported");
    take_real(&taken, container->sandbox);
    take_real(&taken, host->work_dir);
    take_real(&taken, host->runtime_dir);
    launch_info_clone(info, CLONE_NEWNS);
    for (size_t i = 0; i < of->n_volumes && rc == 0; i++)
        rc = mount_volume(isolator, container, of->volumes[i], &taken, info);
    for (size_t i = 0; i < taken.count; i++)
        free(taken.paths[i]);
    free(taken.paths);
    return rc;
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    const struct shared_isolator *isolator = instance;
    struct launch_info info;
    launch_info_init(&info);
    Mesos__Slave__ContainerConfig *config = container_config(container, isolator->host);
    int rc = config ? 0 : -EPROTO;
    if (config && config->container_info)
        rc = all(isolator, container, config->container_info, &info);
    launch_info_reply(&info, isolator->host, call, rc);
    mesos__slave__container_config__free_unpacked(config, NULL);
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct shared_isolator *isolator = instance;
    isolator->host = host;
    if (geteuid() != 0)
        return host->fail(host, -EPERM, "isolator 'filesystem/shared' needs root: SharedFilesystemIsolator requires root privileges");
    if (access("/proc/self/ns/mnt", F_OK) < 0)
        return host->fail(host, -ENOSYS, "isolator 'filesystem/shared' needs mount namespaces, which this kernel has not");
    return 0;
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports_not,
    .supports_standalone = supports_not,
    .prepare = prepare,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct shared_isolator),
    .name = "filesystem/shared",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "mounts volumes over directories of the host's file system",
    .start = start,
    .phase = MESOS_PHASE_FILESYSTEM,
};

MESOS_MODULES(&module);
