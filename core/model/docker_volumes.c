/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The volumes of `docker run`: the framework's, persistent ones, the caller's and the sandbox. No path of the
 * sandbox leads out of it, and none has a mark that docker would read.
 */
#include <errno.h>
#include <string.h>

#include "model/docker_run.h"
#include "model/docker_run_parts.h"
#include "model/volume_path.h"

static int
check_path(const char *what, const char *path, struct err *err)
{
    if (!*path)
        return err_set(err, -EINVAL, "a volume's %s is empty", what);
    if (strpbrk(path, ":\n"))
        return err_set(
            err, -EINVAL,
            "a volume's %s '%.200s' has a ':' or a newline, which docker takes for a mark of its own", what,
            path);
    return 0;
}

static bool
has_parent_segment(const char *path)
{
    struct str rest = str_of(path);
    while (rest.len > 0)
        if (str_is(str_cut(&rest, '/'), ".."))
            return true;
    return false;
}

/* A path of the sandbox may not lead out of it. */
static int
in_sandbox(const struct docker_run *run, const char *path, char **ret, struct err *err)
{
    if (has_parent_segment(path))
        return err_set(err, -EINVAL, "a volume's host path '%.200s' leads out of the sandbox", path);
    *ret = xasprintf("%s/%s", run->sandbox, path);
    return 0;
}

/* What is left of the first ':': a path of the host or the name of a docker volume. */
static int
volume_source(const struct docker_run *run, const Mesos__V1__Volume *volume, const char **ret_driver,
              char **ret, struct err *err)
{
    const Mesos__V1__Volume__Source *source = volume->source;
    if (volume->image)
        return err_set(err, -EINVAL, "the volume '%.200s' has an image, which docker containers cannot have",
                       volume->container_path);
    if (volume->host_path) {
        if (check_path("host path", volume->host_path, err))
            return err->code;
        if (*volume->host_path != '/')
            return in_sandbox(run, volume->host_path, ret, err);
        *ret = xstrdup(volume->host_path);
        return 0;
    }
    if (source && source->has_type && source->type == MESOS__V1__VOLUME__SOURCE__TYPE__DOCKER_VOLUME &&
        source->docker_volume) {
        if (check_path("name", source->docker_volume->name, err))
            return err->code;
        if (strchr(source->docker_volume->name, '/'))
            return err_set(err, -EINVAL, "the docker volume's name '%.200s' is a path",
                           source->docker_volume->name);
        *ret_driver = source->docker_volume->driver;
        *ret = xstrdup(source->docker_volume->name);
        return 0;
    }
    if (source && source->has_type && source->type == MESOS__V1__VOLUME__SOURCE__TYPE__SANDBOX_PATH &&
        source->sandbox_path && source->sandbox_path->path &&
        source->sandbox_path->type == MESOS__V1__VOLUME__SOURCE__SANDBOX_PATH__TYPE__SELF) {
        if (check_path("sandbox path", source->sandbox_path->path, err))
            return err->code;
        return in_sandbox(run, source->sandbox_path->path, ret, err);
    }
    if (source && source->has_type && source->type == MESOS__V1__VOLUME__SOURCE__TYPE__HOST_PATH &&
        source->host_path) {
        if (check_path("host path", source->host_path->path, err))
            return err->code;
        if (*source->host_path->path != '/')
            return err_set(err, -EINVAL, "a volume's host path '%.200s' is not absolute",
                           source->host_path->path);
        *ret = xstrdup(source->host_path->path);
        return 0;
    }
    return err_set(err, -EINVAL,
                   "the volume '%.200s' has neither a host path, a path in the sandbox nor a docker volume",
                   volume->container_path);
}

/* Those that the task reserved lie on the agent's disks, and are seen where the framework said. */
static int
add_persistent(const struct docker_run *run, struct docker_argv *argv, struct err *err)
{
    for (size_t i = 0; run->work_dir && i < run->resource_count; i++) {
        const Mesos__V1__Resource__DiskInfo *disk = run->resources[i]->disk;
        const char *target = disk && disk->volume ? disk->volume->container_path : NULL;
        auto_free char *source = target ? volume_path(run->work_dir, run->resources[i]) : NULL;
        if (!source)
            continue;
        if (check_path("container path", target, err))
            return err->code;
        if (*target != '/' && has_parent_segment(target))
            return err_set(err, -EINVAL, "a volume's container path '%.200s' leads out of the sandbox",
                           target);
        docker_argv_add(argv, "-v");
        docker_argv_add(argv, "%s:%s%s%s:%s", source, *target == '/' ? "" : run->mapped,
                        *target == '/' ? "" : "/", target,
                        disk->volume->mode == MESOS__V1__VOLUME__MODE__RO ? "ro" : "rw");
    }
    return 0;
}

int
docker_run_add_volumes(const struct docker_run *run, struct docker_argv *argv, struct err *err)
{
    const Mesos__V1__ContainerInfo *info = run->container;
    const char *driver = info->docker->volume_driver;
    for (size_t i = 0; i < info->n_volumes; i++) {
        const Mesos__V1__Volume *volume = info->volumes[i];
        const char *own_driver = NULL;
        auto_free char *source = NULL;
        if (volume_source(run, volume, &own_driver, &source, err) ||
            check_path("container path", volume->container_path, err))
            return err->code;
        if (own_driver && driver && strcmp(own_driver, driver) != 0)
            return err_set(err, -EINVAL,
                           "the volumes want two drivers, '%.100s' and '%.100s': docker run takes one",
                           driver, own_driver);
        driver = own_driver ? own_driver : driver;
        if (*volume->container_path != '/' && has_parent_segment(volume->container_path))
            return err_set(err, -EINVAL, "a volume's container path '%.200s' leads out of the sandbox",
                           volume->container_path);
        docker_argv_add(argv, "-v");
        docker_argv_add(argv, "%s:%s%s%s:%s", source, *volume->container_path == '/' ? "" : run->mapped,
                        *volume->container_path == '/' ? "" : "/", volume->container_path,
                        volume->mode == MESOS__V1__VOLUME__MODE__RO ? "ro" : "rw");
    }
    if (add_persistent(run, argv, err))
        return err->code;
    for (size_t i = 0; run->volumes && run->volumes[i]; i++) {
        docker_argv_add(argv, "-v");
        docker_argv_add(argv, "%s", run->volumes[i]);
    }
    if (check_path("sandbox", run->sandbox, err))
        return err->code;
    docker_argv_add(argv, "-v");
    docker_argv_add(argv, "%s:%s", run->sandbox, run->mapped);
    if (driver)
        docker_argv_add(argv, "--volume-driver=%s", driver);
    return 0;
}
