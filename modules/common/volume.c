/* SPDX-License-Identifier: Apache-2.0 */
/* See volume.h. */
#include "common/volume.h"

#include <errno.h>
#include <sys/mount.h>
#include "common/safe_path.h"

bool
isolation_has(const struct mesos_host *host, const char *isolator)
{
    struct str rest = str_of(host->daemon_option(host, "isolation"));
    while (rest.len > 0)
        if (str_is(str_trim(str_cut(&rest, ',')), isolator))
            return true;
    return false;
}

int
needs_linux_filesystem(const struct mesos_host *host, const char *who)
{
    const char *launcher = host->daemon_option(host, "launcher");
    if (!launcher || strcmp(launcher, "linux") != 0)
        return host->fail(host, -EINVAL, "isolator '%s' needs --launcher=linux, and it is '%s': 'linux' launcher must be used",
                          who, launcher ? launcher : "");
    if (!isolation_has(host, "filesystem/linux"))
        return host->fail(host, -EINVAL,
                          "isolator '%s' needs filesystem/linux in --isolation: 'filesystem/linux' isolator must be used", who);
    return 0;
}

static char *
in_sandbox(const struct mesos_isolator_container *container, const char *sandbox_directory, const char *path,
           bool directory, struct err *err)
{
    struct err why = {0};
    if (!safe_path_is_inside(path)) {
        err_set(err, -EINVAL, "Container path '%s' of a volume must stay in the sandbox", path);
        return NULL;
    }
    if (safe_path_make(container->sandbox, path, SAFE_PATH_NO_LINKS, directory ? SAFE_PATH_DIRECTORY : SAFE_PATH_FILE,
                       NULL, NULL, &why) < 0) {
        err_set(err, why.code, "Failed to %s the mount point at '%s/%s': %s", directory ? "create" : "touch",
                container->sandbox, path, why.text);
        return NULL;
    }
    return container->rootfs ? xasprintf("%s%s/%s", container->rootfs, sandbox_directory, path)
                             : xasprintf("%s/%s", container->sandbox, path);
}

static char *
in_rootfs(const struct mesos_isolator_container *container, const char *path, bool directory, struct err *err)
{
    struct err why = {0};
    if (safe_path_make(container->rootfs, path, SAFE_PATH_IN_ROOT, directory ? SAFE_PATH_DIRECTORY : SAFE_PATH_FILE, NULL,
                       NULL, &why) < 0) {
        err_set(err, why.code, "Failed to %s the mount point at '%s%s': %s", directory ? "create" : "touch",
                container->rootfs, path, why.text);
        return NULL;
    }
    return xasprintf("%s%s", container->rootfs, path);
}

static char *
on_host(const char *path, struct err *err)
{
    if (access(path, F_OK) < 0) {
        err_set(err, -ENOENT, "Mount point '%s' is an absolute path. It must exist if the container shares the host filesystem",
                path);
        return NULL;
    }
    return xstrdup(path);
}

char *
volume_mount_point(const struct mesos_host *host, const struct mesos_isolator_container *container,
                   const char *container_path, bool directory, struct err *err)
{
    const char *sandbox = host->daemon_option(host, "sandbox_directory");
    sandbox = sandbox ? sandbox : "/mnt/mesos/sandbox";
    size_t len = strlen(sandbox);
    if (*container_path != '/')
        return in_sandbox(container, sandbox, container_path, directory, err);
    if (!container->rootfs)
        return on_host(container_path, err);
    /* What lies in the sandbox is hidden in the root file system by the sandbox's own mount. */
    if (strncmp(container_path, sandbox, len) == 0 && container_path[len] == '/' && container_path[len + 1])
        return in_sandbox(container, sandbox, container_path + len + 1, directory, err);
    return in_rootfs(container, container_path, directory, err);
}

uint32_t
volume_bind_flags(const Mesos__V1__Volume *volume)
{
    return MS_BIND | MS_REC | (volume->mode == MESOS__V1__VOLUME__MODE__RO ? MS_RDONLY : 0);
}

char *
volume_parent_sandbox(const char *sandbox)
{
    struct str path = str_of(sandbox);
    for (int up = 0; up < 2; up++) { /* <parent's>/containers/<name> */
        while (path.len && path.ptr[path.len - 1] != '/')
            path.len--;
        while (path.len > 1 && path.ptr[path.len - 1] == '/')
            path.len--;
    }
    return str_dup(path);
}
