/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "filesystem/linux": a mount namespace for each container; root file systems with their own /dev, /proc and /sys and
 * the sandbox at --sandbox_directory; persistent volumes as mounts in the sandbox. Texts and rules: Mesos's.
 */
#include "filesystem_linux.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/mounts.h"
#include "common/volume.h"

static bool
supports(void *instance)
{
    return true;
}

static void
gauge(const struct linux_isolator *isolator)
{
    const struct mesos_host *host = isolator->host;
    double count = 0;
    struct box *box;
    map_foreach (box, &isolator->boxes)
        count += box->new_rootfs;
    host->gauge(host, "containerizer/mesos/filesystem/containers_new_rootfs", count);
}

static struct box *
box_new(struct linux_isolator *isolator, const char *id, const char *sandbox, const Mesos__V1__ContainerInfo *info)
{
    struct box *box = xcalloc(1, sizeof *box);
    char *real = sandbox && *sandbox ? realpath(sandbox, NULL) : NULL;
    box->id = xstrdup(id);
    box->sandbox = real ? real : xstrdup(sandbox ? sandbox : "");
    box->new_rootfs = !strchr(id, '.') && info && info->mesos && info->mesos->image;
    box->shares_pids = info && info->linux_info && info->linux_info->has_share_pid_namespace &&
                       info->linux_info->share_pid_namespace;
    map_add(&isolator->boxes, str_of(box->id), box);
    gauge(isolator);
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

/* It shares the host's pid namespace, all the way up: nothing is hidden from it. */
static bool
is_privileged(const struct linux_isolator *isolator, const char *id)
{
    const struct box *box = map_get(&isolator->boxes, str_of(id));
    const char *dot = strrchr(id, '.');
    if (!box || !box->shares_pids)
        return false;
    auto_free char *parent = dot ? xstrndup(id, (size_t)(dot - id)) : NULL;
    return !parent || is_privileged(isolator, parent);
}

/* It lives in its parent's mounts. */
static int
prepare_debug(const struct linux_isolator *isolator, const struct mesos_isolator_container *container,
              const Mesos__Slave__ContainerConfig *config, struct launch_info *info)
{
    const struct mesos_host *host = isolator->host;
    if (container->rootfs)
        return host->fail(host, -EINVAL, "A 'rootfs' cannot be set for DEBUG containers");
    if (config->container_info && config->container_info->n_volumes > 0)
        return host->fail(host, -EINVAL, "Volumes not supported for DEBUG containers");
    launch_info_enter(info, CLONE_NEWNS);
    return 0;
}

static int
prepare_box(struct linux_isolator *isolator, const struct mesos_isolator_container *container,
            const Mesos__Slave__ContainerConfig *config, struct volume_job *job)
{
    const struct mesos_host *host = isolator->host;
    struct persistent_volumes wanted = {0};
    int rc = 0;
    persistent_of_messages(&wanted, host->work_dir, config->resources, config->n_resources);
    if (container->standalone && wanted.count > 0)
        rc = host->fail(host, -ENOTSUP, "Persistent volumes are not supported for standalone containers");
    else if (map_get(&isolator->boxes, str_of(container->container_id)))
        rc = host->fail(host, -EEXIST, "Container has already been prepared");
    if (rc < 0) {
        persistent_volumes_fini(&wanted);
        return rc;
    }
    struct box *box = box_new(isolator, container->container_id, container->sandbox, config->container_info);
    launch_info_clone(&job->info, CLONE_NEWNS);
    if (container->rootfs)
        rc = rootfs_prepare(isolator, container, !is_privileged(isolator, container->container_id), &job->info);
    /* A nested one's are its parent's, which it sees by volumes of the parent's sandbox. */
    if (rc == 0 && !strchr(container->container_id, '.'))
        rc = volumes_set(isolator, box, &wanted, config->task_info && container->rootfs, job);
    persistent_volumes_fini(&wanted);
    return rc;
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    struct linux_isolator *isolator = instance;
    struct volume_job *job = volume_job_new(isolator->host, call, true);
    Mesos__Slave__ContainerConfig *config = container_config(container, isolator->host);
    int rc = -EPROTO;
    if (config && container->debug)
        rc = prepare_debug(isolator, container, config, &job->info);
    else if (config)
        rc = prepare_box(isolator, container, config, job);
    volume_job_run(job, rc);
    mesos__slave__container_config__free_unpacked(config, NULL);
}

static void
update(void *instance, const char *container_id, struct mesos_resources requests, struct mesos_bytes limits,
       struct mesos_call *call)
{
    struct linux_isolator *isolator = instance;
    const struct mesos_host *host = isolator->host;
    struct volume_job *job = volume_job_new(host, call, true);
    struct box *box = map_get(&isolator->boxes, str_of(container_id));
    int rc = 0;
    if (!strchr(container_id, '.')) {
        struct persistent_volumes wanted = {0};
        if (box)
            persistent_of_values(&wanted, host->work_dir, requests);
        rc = box ? volumes_set(isolator, box, &wanted, false, job) : host->fail(host, -ENOENT, "Unknown container %s", container_id);
    }
    volume_job_run(job, rc);
}

static int
clear(struct linux_isolator *isolator, const char *id, const char *sandbox, struct err *err)
{
    int rc = *sandbox ? mounts_clear(sandbox, true, err) : 0;
    rootfs_forget(isolator, id);
    return rc;
}

static void
cleanup(void *instance, const char *container_id, struct mesos_call *call)
{
    struct linux_isolator *isolator = instance;
    const struct mesos_host *host = isolator->host;
    struct err err = {0};
    struct box *box = map_remove(&isolator->boxes, str_of(container_id));
    int rc = 0;
    if (clear(isolator, container_id, box ? box->sandbox : "", &err) < 0)
        rc = host->fail(host, err.code, "%s", err.text);
    box_free(box);
    gauge(isolator);
    host->reply(host, call, rc, (struct mesos_bytes){NULL, 0});
}

/* ---- after a restart ---- */

/* <work_dir>/slaves/S/frameworks/F/executors/E/runs/<id>[/containers/<name>...][/...]: the container that a mount is in, and
 * its sandbox; both the caller's. */
static char *
container_of_mount(const char *work_dir, const char *target, char **ret_sandbox)
{
    static const char *const words[] = {"slaves", "frameworks", "executors", "runs"};
    if (!path_is_below(target, work_dir) || strlen(target) <= strlen(work_dir))
        return NULL;
    struct str rest = str_of(target + strlen(work_dir) + 1);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!str_is(str_cut(&rest, '/'), words[i]))
            return NULL;
        if (i + 1 < ARRAY_LEN(words))
            str_cut(&rest, '/');
    }
    struct str name = str_cut(&rest, '/');
    if (name.len == 0 || str_is(name, "latest"))
        return NULL;
    auto_buf struct buf id = {0};
    buf_append_str(&id, name);
    const char *end = name.ptr + name.len;
    while (str_starts(rest, STR_LIT("containers/"))) {
        str_cut(&rest, '/');
        name = str_cut(&rest, '/');
        buf_printf(&id, ".%.*s", STR_ARG(name));
        end = name.ptr + name.len;
    }
    *ret_sandbox = xstrndup(target, (size_t)(end - target));
    return str_dup(buf_str(&id));
}

static bool
is_among(const char *const *ids, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(ids[i], id) == 0)
            return true;
    return false;
}

/* A mount in the sandbox of a container that is not known: of an orphan, which will be cleaned up, or of one that was on its
 * way when the agent died, which nobody else will. Docker's containers have such mounts too; theirs stay. */
static void
adopt(struct linux_isolator *isolator, const char *target, const char *const *orphans, size_t orphan_count)
{
    const struct mesos_host *host = isolator->host;
    const char *containerizers = host->daemon_option(host, "containerizers");
    auto_free char *work = realpath(host->work_dir, NULL), *sandbox = NULL;
    auto_free char *id = work ? container_of_mount(work, target, &sandbox) : NULL;
    struct err err = {0};
    if (!id || map_get(&isolator->boxes, str_of(id)))
        return;
    if (is_among(orphans, orphan_count, id)) {
        box_new(isolator, id, sandbox, NULL);
    } else if (strchr(id, '.') || !containerizers || !strstr(containerizers, "docker")) {
        MESOS_LOG(host, INFO, "cleaning up mounts of unknown container %s", id);
        if (clear(isolator, id, sandbox, &err) < 0)
            MESOS_LOG(host, WARNING, "%s", err.text);
    }
}

static void
recover_one(struct linux_isolator *isolator, const struct mesos_isolator_state *state)
{
    Mesos__Slave__ContainerConfig *config =
        mesos__slave__container_config__unpack(NULL, state->config.len, state->config.data);
    if (!map_get(&isolator->boxes, str_of(state->container_id)))
        box_new(isolator, state->container_id, state->sandbox, config ? config->container_info : NULL);
    mesos__slave__container_config__free_unpacked(config, NULL);
}

static void
recover(void *instance, const struct mesos_isolator_state *states, size_t count, const char *const *orphans,
        size_t orphan_count, struct mesos_call *call)
{
    struct linux_isolator *isolator = instance;
    const struct mesos_host *host = isolator->host;
    struct mounts mounts;
    struct err err = {0};
    int rc = mounts_read(&mounts, &err);
    for (size_t i = 0; i < count; i++)
        recover_one(isolator, &states[i]);
    for (size_t i = 0; rc == 0 && i < mounts.count; i++)
        adopt(isolator, mounts.entries[i].target, orphans, orphan_count);
    if (rc == 0)
        mounts_fini(&mounts);
    else
        host->fail(host, rc, "Failed to get mount table: %s", err.text);
    host->reply(host, call, rc, (struct mesos_bytes){NULL, 0});
}

/* ---- the module ---- */

static int
start(void *instance, const struct mesos_host *host)
{
    struct linux_isolator *isolator = instance;
    const char *launcher = host->daemon_option(host, "launcher");
    isolator->host = host;
    if (geteuid() != 0)
        return host->fail(host, -EPERM, "'filesystem/linux' isolator requires root privileges");
    if (!launcher || strcmp(launcher, "linux") != 0)
        return host->fail(host, -EINVAL, "'filesystem/linux' isolator requires 'linux' launcher, and --launcher is '%s'",
                          launcher ? launcher : "");
    if (access("/proc/self/ns/mnt", F_OK) < 0)
        return host->fail(host, -ENOSYS, "The 'filesystem/linux' isolator requires mount namespace support");
    isolator->shm = !isolation_has(host, "namespaces/ipc");
    int rc = volume_gids_init(&isolator->gids, host);
    if (rc == 0)
        rc = ground_make(host);
    if (rc == 0)
        gauge(isolator);
    return rc;
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct linux_isolator *isolator = instance;
    struct box *box;
    if (map_count(&isolator->boxes) == 0)
        ground_clear(isolator->host);
    map_foreach (box, &isolator->boxes)
        box_free(box);
    map_fini(&isolator->boxes);
    volume_gids_fini(&isolator->gids);
    if (call)
        isolator->host->reply(isolator->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .recover = recover,
    .prepare = prepare,
    .update = update,
    .cleanup = cleanup,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct linux_isolator),
    .name = "filesystem/linux",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "gives containers mounts and root file systems of their own",
    .start = start,
    .stop = stop,
    .phase = MESOS_PHASE_FILESYSTEM,
};

MESOS_MODULES(&module);
