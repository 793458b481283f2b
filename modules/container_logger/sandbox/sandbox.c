/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container_logger "sandbox": a container's output goes to the files stdout and stderr of its sandbox, as written.
 * Called by containerizers of the agent. The sandbox belongs to the task's user, who may have put anything there: no
 * link is followed and nothing but a plain file is opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/map.h"
#include "mesos/container_logger.h"

#define PASSWD_BYTES 16384

struct owner {
    uid_t uid;
    gid_t gid;
    char name[];
};

struct sandbox {
    const struct mesos_host *host;
    struct map owners; /* users seen so far: the same few come again and again */
};

static const struct owner *
owner_find(struct sandbox *sandbox, const char *user)
{
    struct owner *owner = map_get(&sandbox->owners, str_of(user));
    if (owner)
        return owner;
    auto_free char *buffer = xmalloc(PASSWD_BYTES);
    struct passwd entry, *found = NULL;
    if (getpwnam_r(user, &entry, buffer, PASSWD_BYTES, &found) != 0 || !found)
        return NULL;
    owner = xmalloc(sizeof *owner + strlen(user) + 1);
    owner->uid = entry.pw_uid;
    owner->gid = entry.pw_gid;
    memcpy(owner->name, user, strlen(user) + 1);
    map_add(&sandbox->owners, str_of(owner->name), owner);
    return owner;
}

static int
refuse(const struct sandbox *sandbox, const char *directory, const char *name, int code)
{
    return sandbox->host->fail(sandbox->host, code, "cannot open '%s/%s' for the container's output: %s", directory, name,
                               code == -EINVAL ? "it is not a plain file" : strerror(-code));
}

static int
open_output(const struct sandbox *sandbox, int directory_fd, const char *directory, const char *name,
            const struct owner *owner, int *ret)
{
    auto_fd int fd = openat(directory_fd, name,
                            O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return refuse(sandbox, directory, name, -errno);
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
        return refuse(sandbox, directory, name, -EINVAL);
    if (owner && owner->uid != st.st_uid && fchown(fd, owner->uid, owner->gid) < 0)
        return refuse(sandbox, directory, name, -errno);
    if (fcntl(fd, F_SETFL, O_APPEND) < 0) /* O_NONBLOCK was only for opening */
        return refuse(sandbox, directory, name, -errno);
    *ret = take_fd(&fd);
    return 0;
}

static int
sandbox_prepare(void *instance, const char *container_id, const char *directory, const char *user,
                struct mesos_bytes config, struct mesos_container_io *ret)
{
    struct sandbox *sandbox = instance;
    const struct owner *owner = NULL;
    if (user && geteuid() == 0) {
        owner = owner_find(sandbox, user);
        if (!owner)
            return sandbox->host->fail(sandbox->host, -ENOENT, "Failed to get user information for '%s'", user);
    }
    /* A nested container's lies in its parent's, whose user may put something else there at any moment. */
    auto_fd int directory_fd = file_open_trusted(directory, O_PATH | O_DIRECTORY);
    auto_fd int out = -1;
    auto_fd int errors = -1;
    if (directory_fd < 0)
        return sandbox->host->fail(sandbox->host, directory_fd, "cannot open the sandbox '%s': %s", directory,
                                   strerror(-directory_fd));
    int rc = open_output(sandbox, directory_fd, directory, "stdout", owner, &out);
    if (rc == 0)
        rc = open_output(sandbox, directory_fd, directory, "stderr", owner, &errors);
    if (rc < 0)
        return rc;
    ret->stdin_fd = -1;
    ret->stdout_fd = take_fd(&out);
    ret->stderr_fd = take_fd(&errors);
    return 0;
}

static int
sandbox_start(void *instance, const struct mesos_host *host)
{
    ((struct sandbox *)instance)->host = host;
    return 0;
}

static void
sandbox_stop(void *instance, struct mesos_call *call)
{
    struct sandbox *sandbox = instance;
    struct owner *owner;
    map_foreach(owner, &sandbox->owners)
        free(owner);
    map_fini(&sandbox->owners);
    if (call)
        sandbox->host->reply(sandbox->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_container_logger_ops ops = {.prepare = sandbox_prepare};

static const struct mesos_module module = {
    MESOS_MODULE(CONTAINER_LOGGER, ops, struct sandbox),
    .name = "sandbox",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "files stdout and stderr in the sandbox",
    .start = sandbox_start,
    .stop = sandbox_stop,
};

MESOS_MODULES(&module);
