/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "volume/secret": a secret as a file in a container. It is written below <runtime_dir>/.secret, in memory (a ramfs of
 * ours unless runtime_dir lies in memory anyway), and moved into a ramfs of the container's own when that starts; only the
 * mount point, an empty file, is ever on a disk. Texts, paths and rules: Mesos's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/list.h"
#include "common/mounts.h"
#include "common/safe_path.h"
#include "common/secret.h"
#include "common/volume.h"
#include "mesos/secret_resolver.h"

#define SECRET_DIRECTORY ".secret"

struct secret_isolator {
    const struct mesos_host *host;
    char *directory;
    bool mounted; /* the ramfs on it is ours */
    struct list jobs;
};

/* A container whose secrets are asked for; what it was prepared with is copied as far as it is needed. */
struct job {
    struct list in_isolator;
    struct secret_isolator *isolator;
    struct mesos_call *call;
    Mesos__Slave__ContainerConfig *config;
    char *container_id, *sandbox, *rootfs;
    struct mesos_isolator_container container;
    struct secrets secrets;
};

static void
job_free(struct job *job)
{
    list_remove(&job->in_isolator);
    secrets_fini(&job->secrets);
    mesos__slave__container_config__free_unpacked(job->config, NULL);
    free(job->container_id);
    free(job->sandbox);
    free(job->rootfs);
    free(job);
}

static bool
supports(void *instance)
{
    return true;
}

static char *
random_name(void)
{
    uint8_t bytes[16];
    char text[2 * sizeof bytes + 1];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        abort();
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return xstrdup(text);
}

static int
write_secret(const char *path, struct str bytes, struct err *err)
{
    auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644); /* in a directory of ours alone */
    if (fd < 0)
        return err_errno(err, "Error writing secret to '%s'", path);
    for (size_t at = 0; at < bytes.len;) {
        ssize_t n = write(fd, bytes.ptr + at, bytes.len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_errno(err, "Error writing secret to '%s'", path);
        at += (size_t)n;
    }
    return 0;
}

/* It belongs to the container's user. */
static void
give(const char *path, const char *sandbox)
{
    struct stat is;
    if (stat(sandbox, &is) == 0 && (is.st_uid != 0 || is.st_gid != 0) && chown(path, is.st_uid, is.st_gid) < 0)
        unlink(path);
}

/* What one container's prepare needs more than once. */
struct place {
    const struct mesos_isolator_container *container;
    char *host_dir; /* below .secret */
    char *root; /* where its ramfs is going to be, in the sandbox */
};

static int
one(const struct job *job, size_t i, const struct place *place, const Mesos__V1__Volume *volume, struct launch_info *info)
{
    const struct mesos_host *host = job->isolator->host;
    struct err err = {0};
    struct str bytes;
    if (secrets_get(&job->secrets, i, &bytes, &err) < 0)
        return host->fail(host, err.code, "Invalid secret specified in volume: %s", err.text);
    if (bytes.len > MESOS_SECRET_MAX)
        return host->fail(host, -EFBIG, "Invalid secret specified in volume: it has %zu bytes, and %u are the most", bytes.len,
                          MESOS_SECRET_MAX);
    const char *into = volume->container_path;
    if (*into == '/' && !place->container->rootfs && access(into, F_OK) < 0)
        return host->fail(host, -ENOENT, "Absolute container path '%s' does not exist", into);
    auto_free char *target = volume_mount_point(host, place->container, into, false, &err);
    if (!target)
        return host->fail(host, err.code, "Failed to create the target mount file at '%s': %s", into, err.text);
    auto_free char *name = random_name(), *kept = xasprintf("%s/%s", place->host_dir, name);
    auto_free char *inside = xasprintf("%s/%s", place->root, name);
    if (write_secret(kept, bytes, &err) < 0) {
        unlink(kept);
        return host->fail(host, err.code, "%s", err.text);
    }
    give(kept, place->container->sandbox);
    launch_info_rename(info, kept, inside);
    launch_info_then_mount(info, inside, target, NULL, volume_bind_flags(volume), NULL);
    return 0;
}

static bool
is_secret(const Mesos__V1__Volume *volume)
{
    return volume->source && volume->source->has_type && volume->source->type == MESOS__V1__VOLUME__SOURCE__TYPE__SECRET;
}

static int
begin(const struct secret_isolator *isolator, const struct place *place, struct launch_info *info)
{
    const struct mesos_host *host = isolator->host;
    struct err err = {0};
    const char *name = strrchr(place->root, '/') + 1;
    if (mkdir(place->host_dir, 0700) < 0 && errno != EEXIST)
        return host->fail(host, -errno, "Failed to create container directory at '%s': %s", place->host_dir, strerror(errno));
    if (safe_path_make(place->container->sandbox, name, SAFE_PATH_NO_LINKS, SAFE_PATH_DIRECTORY, NULL, NULL, &err) < 0)
        return host->fail(host, err.code, "Failed to create sandbox secret root directory at '%s': %s", place->root, err.text);
    launch_info_clone(info, CLONE_NEWNS);
    launch_info_then_mount(info, "ramfs", place->root, "ramfs", MS_NOSUID | MS_NODEV, "mode=0711");
    return 0;
}

static int
all(const struct job *job, struct launch_info *info)
{
    const struct secret_isolator *isolator = job->isolator;
    const struct mesos_isolator_container *container = &job->container;
    const Mesos__V1__ContainerInfo *of = job->config->container_info;
    size_t count = 0;
    auto_free char *name = random_name();
    auto_free char *host_dir = xasprintf("%s/%s", isolator->directory, container->container_id);
    auto_free char *root = xasprintf("%s/" SECRET_DIRECTORY "-%s", container->sandbox, name);
    struct place place = {container, host_dir, root};
    int rc = begin(isolator, &place, info);
    for (size_t i = 0; i < of->n_volumes && rc == 0; i++)
        if (is_secret(of->volumes[i]))
            rc = one(job, count++, &place, of->volumes[i], info);
    if (rc == 0)
        MESOS_LOG(isolator->host, INFO, "%zu secrets have been resolved for container %s", count, container->container_id);
    return rc;
}

static void
on_secrets(void *arg)
{
    struct job *job = arg;
    struct launch_info info;
    launch_info_init(&info);
    int rc = all(job, &info);
    launch_info_reply(&info, job->isolator->host, job->call, rc);
    job_free(job);
}

static int
list_secrets(const struct mesos_host *host, const Mesos__V1__ContainerInfo *of, const Mesos__V1__Secret **list,
             size_t *ret_count)
{
    *ret_count = 0;
    for (size_t i = 0; i < of->n_volumes; i++) {
        if (!is_secret(of->volumes[i]))
            continue;
        if (!of->volumes[i]->source->secret)
            return host->fail(host, -EINVAL, "volume.source.secret is not specified");
        list[(*ret_count)++] = of->volumes[i]->source->secret;
    }
    return 0;
}

static struct job *
job_new(struct secret_isolator *isolator, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    struct job *job = xcalloc(1, sizeof(*job));
    job->isolator = isolator;
    job->call = call;
    job->container_id = xstrdup(container->container_id);
    job->sandbox = xstrdup(container->sandbox);
    job->rootfs = container->rootfs ? xstrdup(container->rootfs) : NULL;
    job->container = (struct mesos_isolator_container){.size = sizeof(job->container), .container_id = job->container_id,
                                                       .sandbox = job->sandbox, .rootfs = job->rootfs};
    list_push(&isolator->jobs, &job->in_isolator);
    return job;
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    struct secret_isolator *isolator = instance;
    const struct mesos_host *host = isolator->host;
    Mesos__Slave__ContainerConfig *config = container_config(container, host);
    const Mesos__V1__ContainerInfo *of = config && !container->debug ? config->container_info : NULL;
    auto_free const Mesos__V1__Secret **list = xcalloc(of ? of->n_volumes + 1 : 1, sizeof(*list));
    size_t count = 0;
    int rc = config ? 0 : -EPROTO;
    if (of)
        rc = list_secrets(host, of, list, &count);
    if (rc < 0 || count == 0) {
        mesos__slave__container_config__free_unpacked(config, NULL);
        host->reply(host, call, rc, (struct mesos_bytes){NULL, 0});
        return;
    }
    struct job *job = job_new(isolator, container, call);
    job->config = config;
    secrets_ask(&job->secrets, host, list, count, on_secrets, job);
}

static int
forget(const struct secret_isolator *isolator, const char *container_id, struct err *err)
{
    auto_free char *path = xasprintf("%s/%s", isolator->directory, container_id);
    return dir_remove(path, err);
}

static void
cleanup(void *instance, const char *container_id, struct mesos_call *call)
{
    const struct secret_isolator *isolator = instance;
    struct err err = {0};
    int rc = 0;
    if (forget(isolator, container_id, &err) < 0)
        rc = isolator->host->fail(isolator->host, err.code, "Failed to remove the container directory '%s/%s': %s",
                                  isolator->directory, container_id, err.text);
    isolator->host->reply(isolator->host, call, rc, (struct mesos_bytes){NULL, 0});
}

static bool
is_known(const struct mesos_isolator_state *states, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(states[i].container_id, id) == 0)
            return true;
    return false;
}

/* Secrets of containers that never came to be. */
static void
recover(void *instance, const struct mesos_isolator_state *states, size_t count, const char *const *orphans,
        size_t orphan_count, struct mesos_call *call)
{
    const struct secret_isolator *isolator = instance;
    DIR *list = opendir(isolator->directory);
    for (struct dirent *entry; list && (entry = readdir(list));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && !is_known(states, count, entry->d_name))
            forget(isolator, entry->d_name, NULL);
    if (list)
        closedir(list);
    isolator->host->reply(isolator->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static bool
is_memory(const char *path)
{
    struct statfs is;
    return statfs(path, &is) == 0 && ((unsigned long)is.f_type == TMPFS_MAGIC || (unsigned long)is.f_type == RAMFS_MAGIC);
}

static bool
is_mount_point(const char *path)
{
    struct mount_entry at = {0};
    auto_free char *real = realpath(path, NULL);
    if (!real || mounts_find(real, &at, NULL) < 0)
        return false;
    bool is = strcmp(at.target, real) == 0;
    mount_entry_fini(&at);
    return is;
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct secret_isolator *isolator = instance;
    struct err err = {0};
    isolator->host = host;
    list_init(&isolator->jobs);
    if (needs_linux_filesystem(host, "volume/secret") < 0)
        return -EINVAL;
    if (geteuid() != 0)
        return host->fail(host, -EPERM, "isolator 'volume/secret' needs root: it mounts");
    isolator->directory = xasprintf("%s/" SECRET_DIRECTORY, host->runtime_dir);
    if (dir_make(isolator->directory, 0700, &err) < 0 || chmod(isolator->directory, 0700) < 0)
        return host->fail(host, -EIO, "Failed to create secret directory on the host tmpfs: %s: %s", isolator->directory,
                          err.code ? err.text : strerror(errno));
    isolator->mounted = is_mount_point(isolator->directory);
    if (isolator->mounted || is_memory(isolator->directory))
        return 0;
    if (mount("ramfs", isolator->directory, "ramfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0)
        return host->fail(host, -errno, "isolator 'volume/secret' cannot mount a ramfs on %s: %s", isolator->directory,
                          strerror(errno));
    isolator->mounted = true;
    return 0;
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct secret_isolator *isolator = instance;
    struct job *job;
    while ((job = list_first(&isolator->jobs, struct job, in_isolator)))
        job_free(job);
    if (isolator->mounted)
        umount2(isolator->directory, MNT_DETACH | UMOUNT_NOFOLLOW);
    free(isolator->directory);
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
    MESOS_MODULE(ISOLATOR, ops, struct secret_isolator),
    .name = "volume/secret",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "shows containers secrets as files in memory",
    .start = start,
    .stop = stop,
    .phase = MESOS_PHASE_VOLUME,
};

MESOS_MODULES(&module);
