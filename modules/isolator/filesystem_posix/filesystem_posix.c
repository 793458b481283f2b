/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "filesystem/posix", there when no other filesystem/... is: containers see the host's file system; persistent
 * volumes show up in the sandbox as symbolic links and belong to the container's user. Texts and rules: Mesos's. The sandbox
 * is the task's, and this runs as root: what stands where a link is to be is never followed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "common/persistent.h"
#include "common/volume_job.h"

struct posix_isolator {
    const struct mesos_host *host;
    struct volume_gids gids;
    struct map boxes; /* id -> struct box */
};

/* What is known of a container. */
struct box {
    char *id, *sandbox;
    struct persistent_volumes volumes; /* as linked */
};

static bool
supports_not(void *instance)
{
    return false;
}

static struct box *
box_new(struct posix_isolator *isolator, const char *id, const char *sandbox)
{
    struct box *box = xcalloc(1, sizeof *box);
    box->id = xstrdup(id);
    box->sandbox = xstrdup(sandbox ? sandbox : "");
    map_add(&isolator->boxes, str_of(box->id), box);
    return box;
}

static void
box_free(struct box *box)
{
    if (!box)
        return;
    persistent_volumes_fini(&box->volumes);
    free(box->id);
    free(box->sandbox);
    free(box);
}

static bool
is_used_by_another(const struct posix_isolator *isolator, const struct box *box, const struct persistent_volume *volume)
{
    struct box *other;
    map_foreach (other, &isolator->boxes)
        for (size_t i = 0; other != box && i < other->volumes.count; i++)
            if (strcmp(other->volumes.items[i].source, volume->source) == 0)
                return true;
    return false;
}

/* It is there: from before a restart, when it leads to the volume. */
static int
check_link(const struct posix_isolator *isolator, int sandbox, const struct box *box,
           const struct persistent_volume *volume)
{
    char text[PATH_MAX];
    ssize_t len = readlinkat(sandbox, volume->container_path, text, sizeof text - 1);
    text[len > 0 ? len : 0] = '\0';
    if (len > 0 && strcmp(text, volume->source) == 0)
        return 0;
    return isolator->host->fail(isolator->host, -EEXIST, "The existing symlink '%s/%s' points to '%s' and the new target is '%s'",
                                box->sandbox, volume->container_path, len > 0 ? text : "no link", volume->source);
}

static int
link_one(struct posix_isolator *isolator, int sandbox, const struct box *box, const struct persistent_volume *volume)
{
    const struct mesos_host *host = isolator->host;
    if (symlinkat(volume->source, sandbox, volume->container_path) == 0) {
        if (volume->read_only)
            MESOS_LOG(host, WARNING, "allowing read-write access to read-only volume '%s' of container %s: a link is no mount",
                      volume->source, box->id);
        return 0;
    }
    if (errno == EEXIST)
        return check_link(isolator, sandbox, box, volume);
    return host->fail(host, -errno, "Failed to symlink persistent volume from '%s' to '%s/%s': %s", volume->source,
                      box->sandbox, volume->container_path, strerror(errno));
}

static void
unlink_one(int sandbox, const struct persistent_volume *volume)
{
    char text[PATH_MAX];
    ssize_t len = readlinkat(sandbox, volume->container_path, text, sizeof text - 1);
    text[len > 0 ? len : 0] = '\0';
    if (strcmp(text, volume->source) == 0)
        unlinkat(sandbox, volume->container_path, 0);
}

/* Takes wanted: what is linked afterwards, as far as it went. */
static int
set_volumes(struct posix_isolator *isolator, struct box *box, struct persistent_volumes *wanted, struct volume_job *job)
{
    const struct mesos_host *host = isolator->host;
    struct stat owner;
    int rc = 0;
    if (wanted->count == 0 && box->volumes.count == 0)
        return 0;
    auto_fd int sandbox = open(box->sandbox, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (sandbox < 0 || fstat(sandbox, &owner) < 0) {
        rc = host->fail(host, -errno, "Failed to get ownership for '%s': %s", box->sandbox, strerror(errno));
        persistent_volumes_fini(wanted);
        return rc;
    }
    for (size_t i = 0; i < box->volumes.count; i++)
        if (!persistent_find(wanted, &box->volumes.items[i]))
            unlink_one(sandbox, &box->volumes.items[i]);
    for (size_t i = 0; i < wanted->count && rc == 0; i++) {
        if (persistent_find(&box->volumes, &wanted->items[i]))
            continue;
        rc = volume_job_own(job, &isolator->gids, &wanted->items[i], &owner,
                            is_used_by_another(isolator, box, &wanted->items[i]), false);
        if (rc == 0)
            rc = link_one(isolator, sandbox, box, &wanted->items[i]);
    }
    persistent_volumes_fini(&box->volumes);
    box->volumes = *wanted;
    *wanted = (struct persistent_volumes){0};
    return rc;
}

static int
check(const struct mesos_host *host, const Mesos__Slave__ContainerConfig *config)
{
    const Mesos__V1__ContainerInfo *info = config->executor_info ? config->executor_info->container : config->container_info;
    if (info && info->mesos && info->mesos->image)
        return host->fail(host, -ENOTSUP, "Container root filesystems not supported");
    if (info && info->n_volumes > 0)
        return host->fail(host, -ENOTSUP,
                          "Volumes in ContainerInfo is not supported: the isolator filesystem/linux does them");
    return 0;
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    struct posix_isolator *isolator = instance;
    const struct mesos_host *host = isolator->host;
    struct volume_job *job = volume_job_new(host, call, true);
    Mesos__Slave__ContainerConfig *config = container_config(container, host);
    int rc = config ? 0 : -EPROTO;
    if (rc == 0 && map_get(&isolator->boxes, str_of(container->container_id)))
        rc = host->fail(host, -EEXIST, "Container has already been prepared");
    if (rc == 0)
        rc = check(host, config);
    if (rc == 0) {
        struct persistent_volumes wanted = {0};
        persistent_of_messages(&wanted, host->work_dir, config->resources, config->n_resources);
        rc = set_volumes(isolator, box_new(isolator, container->container_id, container->sandbox), &wanted, job);
    }
    volume_job_run(job, rc);
    mesos__slave__container_config__free_unpacked(config, NULL);
}

static void
update(void *instance, const char *container_id, struct mesos_resources requests, struct mesos_bytes limits,
       struct mesos_call *call)
{
    struct posix_isolator *isolator = instance;
    const struct mesos_host *host = isolator->host;
    struct volume_job *job = volume_job_new(host, call, true);
    struct box *box = map_get(&isolator->boxes, str_of(container_id));
    int rc = box ? 0 : host->fail(host, -ENOENT, "Unknown container %s", container_id);
    if (box) {
        struct persistent_volumes wanted = {0};
        persistent_of_values(&wanted, host->work_dir, requests);
        rc = set_volumes(isolator, box, &wanted, job);
    }
    volume_job_run(job, rc);
}

static void
recover(void *instance, const struct mesos_isolator_state *states, size_t count, const char *const *orphans,
        size_t orphan_count, struct mesos_call *call)
{
    struct posix_isolator *isolator = instance;
    for (size_t i = 0; i < count; i++) /* their volumes come with the first update */
        if (!map_get(&isolator->boxes, str_of(states[i].container_id)))
            box_new(isolator, states[i].container_id, states[i].sandbox);
    isolator->host->reply(isolator->host, call, 0, (struct mesos_bytes){NULL, 0});
}

/* The links go with the sandbox. */
static void
cleanup(void *instance, const char *container_id, struct mesos_call *call)
{
    struct posix_isolator *isolator = instance;
    box_free(map_remove(&isolator->boxes, str_of(container_id)));
    isolator->host->reply(isolator->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct posix_isolator *isolator = instance;
    isolator->host = host;
    return volume_gids_init(&isolator->gids, host);
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct posix_isolator *isolator = instance;
    struct box *box;
    map_foreach (box, &isolator->boxes)
        box_free(box);
    map_fini(&isolator->boxes);
    volume_gids_fini(&isolator->gids);
    if (call)
        isolator->host->reply(isolator->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports_not,
    .supports_standalone = supports_not,
    .recover = recover,
    .prepare = prepare,
    .update = update,
    .cleanup = cleanup,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct posix_isolator),
    .name = "filesystem/posix",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "links persistent volumes into sandboxes",
    .start = start,
    .stop = stop,
    .phase = MESOS_PHASE_FILESYSTEM,
};

MESOS_MODULES(&module);
