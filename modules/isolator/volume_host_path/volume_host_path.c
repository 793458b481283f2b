/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "volume/host_path": files and directories of the host in a container, by bind mounts. With
 * --host_path_volume_force_creation missing ones below the named directories are made. Bidirectional propagation leaves the mount
 * that the host's path is in shared. Texts and rules: Mesos's.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "common/mounts.h"
#include "common/volume.h"

struct host_path_isolator {
    const struct mesos_host *host;
    const char *creatable; /* directories with ':' between; NULL = nothing is made */
};

static bool
supports(void *instance)
{
    return true;
}

/* The path without "//" and "/./" and with ".." taken back by its text; the caller's. NULL: it leads above the root. */
static char *
normal(const char *path)
{
    auto_buf struct buf out = {0};
    struct str rest = str_of(path);
    while (rest.len > 0) {
        struct str name = str_cut(&rest, '/');
        if (name.len == 0 || str_is(name, "."))
            continue;
        if (!str_is(name, "..")) {
            buf_putc(&out, '/');
            buf_append_str(&out, name);
            continue;
        }
        if (out.len == 0)
            return NULL;
        while (buf_data(&out)[--out.len] != '/')
            continue;
    }
    if (out.len == 0)
        buf_putc(&out, '/');
    return str_dup(buf_str(&out));
}

static bool
may_be_made(const struct host_path_isolator *isolator, const char *path)
{
    struct str rest = str_of(isolator->creatable);
    while (rest.len > 0) {
        struct str allowed = str_cut(&rest, ':');
        while (allowed.len > 1 && allowed.ptr[allowed.len - 1] == '/')
            allowed.len--;
        if (allowed.len > 0 && strncmp(path, allowed.ptr, allowed.len) == 0 &&
            (path[allowed.len] == '\0' || path[allowed.len] == '/'))
            return true;
    }
    return false;
}

/* It is missing: made, or refused. */
static int
make(const struct host_path_isolator *isolator, const char *path)
{
    const struct mesos_host *host = isolator->host;
    struct err err = {0};
    if (!isolator->creatable)
        return host->fail(host, -ENOENT, "Path '%s' in HOST_PATH volume does not exist", path);
    auto_free char *plain = normal(path);
    if (!plain)
        return host->fail(host, -EINVAL, "Failed to normalized the host path '%s': it leads above '/'", path);
    if (!may_be_made(isolator, plain))
        return host->fail(host, -EPERM,
                          "Path '%s' in HOST_PATH volume does not exist and is not whitelisted for creation: Path '%s' is "
                          "not whitelisted", path, plain);
    if (dir_make(plain, 0755, &err) < 0)
        return host->fail(host, err.code, "Failed to create the host path at '%s': %s", path, err.text);
    return 0;
}

/* The mount that the path is in stays shared in the container; it must be so on the host. */
static int
share(const struct host_path_isolator *isolator, const char *path, struct launch_info *info)
{
    const struct mesos_host *host = isolator->host;
    struct err err = {0};
    struct mount_entry at = {0};
    if (mounts_find(path, &at, &err) < 0)
        return host->fail(host, err.code, "Cannot find the mount containing host path '%s': %s", path, err.text);
    int rc = 0;
    if (!at.shared)
        rc = host->fail(host, -EINVAL,
                        "Cannot setup bidirectional mount propagation for host path '%s' because it is not under a shared mount",
                        path);
    else
        launch_info_mount(info, at.target, at.target, NULL, MS_SHARED, NULL);
    mount_entry_fini(&at);
    return rc;
}

static int
bind(const struct host_path_isolator *isolator, const struct mesos_isolator_container *container,
     const Mesos__V1__Volume *volume, const char *path, bool shared, struct launch_info *info)
{
    const struct mesos_host *host = isolator->host;
    struct err err = {0};
    struct stat is;
    if (container->debug)
        return host->fail(host, -EINVAL, "HOST_PATH volume is not supported for DEBUG containers");
    if (stat(path, &is) < 0) {
        int rc = make(isolator, path);
        if (rc < 0)
            return rc;
        if (stat(path, &is) < 0)
            return host->fail(host, -errno, "Path '%s' in HOST_PATH volume does not exist", path);
    }
    auto_free char *target = volume_mount_point(host, container, volume->container_path, S_ISDIR(is.st_mode), &err);
    if (!target)
        return host->fail(host, err.code, "%s", err.text);
    int rc = shared ? share(isolator, path, info) : 0;
    if (rc == 0 && strcmp(path, target) != 0) /* the same: it is seen anyway */
        launch_info_mount(info, path, target, NULL, volume_bind_flags(volume), NULL);
    return rc;
}

static int
prepare_volume(const struct host_path_isolator *isolator, const struct mesos_isolator_container *container,
               const Mesos__V1__Volume *volume, struct launch_info *info)
{
    const struct mesos_host *host = isolator->host;
    const Mesos__V1__Volume__Source *source = volume->source;
    if (volume->host_path && *volume->host_path == '/') /* a relative one is volume/sandbox_path's */
        return bind(isolator, container, volume, volume->host_path, false, info);
    if (!source || !source->has_type || source->type != MESOS__V1__VOLUME__SOURCE__TYPE__HOST_PATH)
        return 0;
    if (!source->host_path)
        return host->fail(host, -EINVAL, "Invalid volume: 'source.host_path' is not set for HOST_PATH volume");
    if (*source->host_path->path != '/')
        return host->fail(host, -EINVAL, "Path '%s' in HOST_PATH volume is not absolute", source->host_path->path);
    const Mesos__V1__MountPropagation *propagation = source->host_path->mount_propagation;
    bool shared = propagation && propagation->has_mode &&
                  propagation->mode == MESOS__V1__MOUNT_PROPAGATION__MODE__BIDIRECTIONAL;
    return bind(isolator, container, volume, source->host_path->path, shared, info);
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    const struct host_path_isolator *isolator = instance;
    struct launch_info info;
    launch_info_init(&info);
    Mesos__Slave__ContainerConfig *config = container_config(container, isolator->host);
    const Mesos__V1__ContainerInfo *of = config ? config->container_info : NULL;
    int rc = config ? 0 : -EPROTO;
    for (size_t i = 0; rc == 0 && of && i < of->n_volumes; i++)
        rc = prepare_volume(isolator, container, of->volumes[i], &info);
    launch_info_reply(&info, isolator->host, call, rc);
    mesos__slave__container_config__free_unpacked(config, NULL);
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct host_path_isolator *isolator = instance;
    isolator->host = host;
    isolator->creatable = host->daemon_option(host, "host_path_volume_force_creation");
    return needs_linux_filesystem(host, "volume/host_path");
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .prepare = prepare,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct host_path_isolator),
    .name = "volume/host_path",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "lends containers files and directories of the host",
    .start = start,
    .phase = MESOS_PHASE_VOLUME,
};

MESOS_MODULES(&module);
