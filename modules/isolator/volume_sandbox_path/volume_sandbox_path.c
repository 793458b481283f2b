/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "volume/sandbox_path": directories of a container's own sandbox (SELF) or of its parent's (PARENT) under a
 * path of the container's choice, by symbolic links: containers without a root file system of their own see the host's
 * paths. So the tasks of a pod share files. Texts and rules: Mesos's. Both sandboxes belong to tasks, and this runs as
 * root: no link that stands there is ever followed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "mesos/isolator.h"
#include "mesos/slave/containerizer.pb-c.h"

struct sandbox_path_isolator {
    const struct mesos_host *host;
};

static bool
supports(void *instance)
{
    return true;
}

/* Relative, and no step of it leads back. */
static bool
stays_inside(const char *path)
{
    struct str rest = str_of(path);
    if (!*path || *path == '/')
        return false;
    while (rest.len)
        if (str_is(str_cut(&rest, '/'), ".."))
            return false;
    return true;
}

/* One step down, made when it is missing, as the owner of `like`. Takes at; the new descriptor or -1 and errno. */
static int
step(int at, const char *name, const struct stat *like)
{
    int made = mkdirat(at, name, 0755);
    int below = made == 0 || errno == EEXIST ? openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (made == 0 && below >= 0 && geteuid() == 0 && fchown(below, like->st_uid, like->st_gid) < 0) {
        close(below);
        below = -1;
    }
    int saved = errno;
    close(at);
    errno = saved;
    return below;
}

/* Makes the directories of a relative path below `root`; the last one's descriptor, or -1 and errno. */
static int
make_path(const char *root, struct str path)
{
    struct stat owner;
    int at = open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (at < 0 || fstat(at, &owner) < 0)
        return at < 0 ? -1 : (close(at), -1);
    while (path.len && at >= 0) {
        auto_free char *name = str_dup(str_cut(&path, '/'));
        if (*name && strcmp(name, ".") != 0)
            at = step(at, name, &owner);
    }
    return at;
}

/* The sandbox of a nested container is <parent's>/containers/<id>. */
static char *
parent_sandbox(const char *sandbox)
{
    struct str path = str_of(sandbox);
    for (int up = 0; up < 2; up++) {
        while (path.len && path.ptr[path.len - 1] != '/')
            path.len--;
        while (path.len > 1 && path.ptr[path.len - 1] == '/')
            path.len--;
    }
    return str_dup(path);
}

static int
check(const struct sandbox_path_isolator *isolator, const struct mesos_isolator_container *container,
      const Mesos__V1__Volume *volume)
{
    const struct mesos_host *host = isolator->host;
    const Mesos__V1__Volume__Source__SandboxPath *path = volume->source->sandbox_path;
    const char *into = volume->container_path;
    if (!path)
        return host->fail(host, -EINVAL, "volume.source.sandbox_path is not specified for SANDBOX_PATH volume");
    if (!path->has_type || path->type == MESOS__V1__VOLUME__SOURCE__SANDBOX_PATH__TYPE__UNKNOWN)
        return host->fail(host, -EINVAL, "'Volume.source.sandbox_path.type' is unknown: SELF and PARENT are known");
    if (path->type == MESOS__V1__VOLUME__SOURCE__SANDBOX_PATH__TYPE__PARENT && !strchr(container->container_id, '.'))
        return host->fail(host, -EINVAL,
                          "PARENT type SANDBOX_PATH volume only works for nested containers, and '%s' is none",
                          container->container_id);
    if (!stays_inside(path->path))
        return host->fail(host, -EINVAL, "Path '%s' in SANDBOX_PATH volume must be relative and stay in the sandbox",
                          path->path);
    if (*into == '/')
        return host->fail(host, -ENOTSUP,
                          "The 'linux' launcher and 'filesystem/linux' isolator must be enabled to support "
                          "SANDBOX_PATH volume with absolute container path '%s'", into);
    if (!stays_inside(into) || into[strlen(into) - 1] == '/')
        return host->fail(host, -EINVAL, "Container path '%s' of a SANDBOX_PATH volume must stay in the sandbox", into);
    if (path->type == MESOS__V1__VOLUME__SOURCE__SANDBOX_PATH__TYPE__SELF)
        return host->fail(host, -EINVAL,
                          "'container_path' '%s' is relative for a SANDBOX_PATH volume of type SELF, which has the "
                          "sandbox itself", into);
    if (volume->mode == MESOS__V1__VOLUME__MODE__RO)
        return host->fail(host, -ENOTSUP,
                          "Read-only SANDBOX_PATH volume '%s' needs the 'filesystem/linux' isolator", into);
    return 0;
}

static int
link_volume(const struct sandbox_path_isolator *isolator, const struct mesos_isolator_container *container,
            const Mesos__V1__Volume *volume)
{
    const struct mesos_host *host = isolator->host;
    const char *from = volume->source->sandbox_path->path, *into = volume->container_path;
    auto_free char *parent = parent_sandbox(container->sandbox), *target = xasprintf("%s/%s", parent, from);
    const char *name = strrchr(into, '/');
    struct str above = str_n(into, name ? (size_t)(name - into) : 0);
    auto_fd int source = make_path(parent, str_of(from));
    if (source < 0)
        return host->fail(host, -errno, "Failed to create the directory '%s' of a SANDBOX_PATH volume: %s", target,
                          strerror(errno));
    auto_fd int place = make_path(container->sandbox, above);
    if (place < 0 || symlinkat(target, place, name ? name + 1 : into) < 0)
        return host->fail(host, -errno, "Failed to symlink '%s' -> '%s': %s", target, into, strerror(errno));
    return 0;
}

static int
prepare_volumes(const struct sandbox_path_isolator *isolator, const struct mesos_isolator_container *container,
                const Mesos__V1__ContainerInfo *info)
{
    int rc = 0;
    for (size_t i = 0; info && i < info->n_volumes && rc == 0; i++) {
        const Mesos__V1__Volume *volume = info->volumes[i];
        if (!volume->source || !volume->source->has_type ||
            volume->source->type != MESOS__V1__VOLUME__SOURCE__TYPE__SANDBOX_PATH)
            continue;
        rc = check(isolator, container, volume);
        if (rc == 0)
            rc = link_volume(isolator, container, volume);
    }
    return rc;
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    const struct sandbox_path_isolator *isolator = instance;
    Mesos__Slave__ContainerConfig *config =
        mesos__slave__container_config__unpack(NULL, container->config.len, container->config.data);
    int rc = config ? prepare_volumes(isolator, container, config->container_info)
                    : isolator->host->fail(isolator->host, -EINVAL, "the container's configuration cannot be read");
    mesos__slave__container_config__free_unpacked(config, NULL);
    isolator->host->reply(isolator->host, call, rc, (struct mesos_bytes){NULL, 0});
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct sandbox_path_isolator *isolator = instance;
    isolator->host = host;
    return 0;
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .prepare = prepare,
};

static const struct mesos_module module = {
    .abi = MESOS_ABI,
    .size = sizeof(struct mesos_module),
    .host_size = sizeof(struct mesos_host),
    .ops_size = sizeof ops,
    .kind = MESOS_KIND_ISOLATOR,
    .instance_size = sizeof(struct sandbox_path_isolator),
    .name = "volume/sandbox_path",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "lends containers directories of their parent's sandbox",
    .start = start,
    .ops = &ops,
    .phase = 40,
};

MESOS_EXPORT const struct mesos_module *const *mesos_modules(void);
MESOS_EXPORT const struct mesos_module *const *
mesos_modules(void)
{
    static const struct mesos_module *const modules[] = {&module, NULL};
    return modules;
}
