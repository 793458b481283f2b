/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the wish for an executor to its running container: checkpoints and sandbox are made off the loop in
 * one go, then the containerizers are asked in their order. Nothing is started before what recovery needs is
 * on disk.
 */
#include "agent/state.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/pb.h"
#include "base/fault.h"
#include "base/file.h"

#define NS_PER_MS 1000000LL

/* One file to write: a record or plain bytes. */
struct launch_file {
    struct launch_file *next;
    char *dir, *path;
    char *bytes;
    size_t len;
    bool record;
};

/* All that the other thread needs; it looks at nothing else. */
struct launch_job {
    struct executor *executor; /* NULL when it went meanwhile; the loop's thread alone looks at it */
    char *sandbox, *runs, *latest, *user;
    char *meta, *meta_latest, *pids; /* NULL = not checkpointed */
    struct launch_file *files;
    struct err err;
    int status;
};

static void launch_work(void *arg);
static void launch_done(void *arg);
static void containerizer_ask(struct executor *executor);
static void on_launched(void *arg, int status, const char *error, struct mesos_bytes answer);

static void
job_file(struct launch_job *job, char *dir, const char *name, struct str bytes, bool record)
{
    struct launch_file *file = xcalloc(1, sizeof(*file));
    file->dir = dir;
    file->path = xasprintf("%s/%s", dir, name);
    file->bytes = xmemdup(bytes.ptr, bytes.len);
    file->len = bytes.len;
    file->record = record;
    file->next = job->files;
    job->files = file;
}

static void
job_checkpoint(struct launch_job *job, struct executor *executor)
{
    struct task *task;
    auto_arena struct arena *arena = arena_new(0);
    const struct agent *agent = executor->agent;
    auto_free char *dir = xasprintf("%s/slaves/%s/frameworks/%s/executors/%s", agent->meta_dir, agent->id,
                                    executor->framework->id, executor->id);
    job->meta = xstrdup(executor->meta);
    job->meta_latest = xasprintf("%s/runs/latest", dir);
    job->pids = xasprintf("%s/pids", executor->meta);
    list_foreach (task, &executor->queued, node) {
        auto_buf struct buf bytes = {0};
        checkpoint_task_bytes(task, &bytes);
        job_file(job, xasprintf("%s/tasks/%s", executor->meta, task->id), "task.info", buf_str(&bytes),
                 false);
    }
    job_file(job, xstrdup(dir), "executor_generated_for_command_task",
             str_of(executor->generated ? "1" : "0"), false);
    job_file(job, xstrdup(dir), "executor.info", checkpoint_executor_bytes(executor, true, arena), true);
}

void
executor_launch(struct executor *executor)
{
    struct launch_job *job = xcalloc(1, sizeof(*job));
    job->executor = executor;
    executor->job = job;
    job->sandbox = xstrdup(executor->sandbox);
    job->runs = xasprintf("%s/slaves/%s/frameworks/%s/executors/%s/runs", executor->agent->work_dir,
                          executor->agent->id, executor->framework->id, executor->id);
    job->latest = xasprintf("%s/latest", job->runs);
    job->user = executor_runs_as(executor) ? xstrdup(executor->user) : NULL;
    if (executor->meta)
        job_checkpoint(job, executor);
    loop_offload(executor->agent->loop, NULL, launch_work, launch_done, job);
}

void
launch_job_forget(struct executor *executor)
{
    if (executor->job)
        executor->job->executor = NULL;
    executor->job = NULL;
}

/* ---- on the other thread ---- */

static int
sandbox_owner(const struct launch_job *job, struct err *err)
{
    struct passwd entry, *found = NULL;
    char names[4096];
    if (!job->user)
        return 0;
    int status = getpwnam_r(job->user, &entry, names, sizeof(names), &found);
    if (!found)
        return err_set(err, status ? -status : -ENOENT,
                       "Failed to chown directory to '%s': No such user '%s'", job->user, job->user);
    if (entry.pw_uid == geteuid())
        return 0;
    if (chown(job->sandbox, entry.pw_uid, entry.pw_gid))
        return err_errno(err, "Failed to chown directory to '%s'", job->user);
    return 0;
}

static int
sandbox_make(const struct launch_job *job, struct err *err)
{
    int status = dir_make(job->runs, 0755, err);
    if (status)
        return status;
    if (mkdir(job->sandbox, 0750) && errno != EEXIST)
        return err_errno(err, "Failed to create the directory");
    if ((status = sandbox_owner(job, err)))
        return status;
    return checkpoint_link(job->sandbox, job->latest, err);
}

static int
job_write(const struct launch_job *job, struct err *err)
{
    const struct launch_file *file;
    int status = fault("launch/checkpoint");
    if (status)
        return err_set(err, status, "cannot checkpoint: %s", strerror(-status));
    for (file = job->files; file; file = file->next) {
        if ((status = dir_make(file->dir, 0755, err)))
            return status;
        struct str bytes = str_n(file->bytes, file->len);
        status = file->record ? checkpoint_record(file->path, bytes, false, err)
                              : file_replace(file->path, bytes.ptr, bytes.len, 0600, false, err);
        if (status)
            return status;
    }
    if ((status = dir_make(job->pids, 0755, err)))
        return status;
    /* Last: a run that the link names has everything else. */
    return checkpoint_link(job->meta, job->meta_latest, err);
}

static void
launch_work(void *arg)
{
    struct launch_job *job = arg;
    struct err why = {0};
    job->status = sandbox_make(job, &why);
    if (job->status)
        err_set(&job->err, job->status, "Failed to create executor directory '%s': %s", job->sandbox,
                why.text);
    else if (job->meta)
        job->status = job_write(job, &job->err);
}

/* ---- on the loop again ---- */

static void
job_free(struct launch_job *job)
{
    struct launch_file *file;
    while ((file = job->files)) {
        job->files = file->next;
        free(file->dir);
        free(file->path);
        free(file->bytes);
        free(file);
    }
    free(job->sandbox);
    free(job->runs);
    free(job->latest);
    free(job->user);
    free(job->meta);
    free(job->meta_latest);
    free(job->pids);
    free(job);
}

static void
launch_done(void *arg)
{
    struct launch_job *job = arg;
    struct executor *executor = job->executor;
    if (executor) {
        executor->job = NULL;
        if (job->status) {
            log_error("cannot launch executor %s of framework %s: %s", executor->id, executor->framework->id,
                      job->err.text);
            agent_count(executor->agent, "slave/container_launch_errors");
            executor_end_set(executor,
                             executor->framework->partition_aware ? MESOS__V1__TASK_STATE__TASK_DROPPED
                                                                  : MESOS__V1__TASK_STATE__TASK_LOST,
                             MESOS__V1__TASK_STATUS__REASON__REASON_EXECUTOR_TERMINATED, job->err.text);
            executor_terminated(executor, NULL, NULL);
        } else if (executor->state == EXECUTOR_TERMINATING) {
            executor_terminated(executor, NULL, NULL);
        } else {
            files_show_executor(executor);
            executor->containerizer = 0;
            containerizer_ask(executor);
        }
    }
    job_free(job);
}

/* Its own, or that of --default_container_info, which was checked when the agent started. */
static const Mesos__V1__ContainerInfo *
container_info(const struct agent *agent, const Mesos__V1__ExecutorInfo *info, struct arena *arena)
{
    const char *usual = agent->options->default_container_info;
    if (info->container || !usual)
        return info->container;
    return MESSAGE_FROM_JSON(Mesos__V1__ContainerInfo, mesos__v1__container_info, str_of(usual), arena, NULL);
}

/* mesos.slave.ContainerConfig around the bytes that are there already. */
static void
config_pack(const struct executor *executor, const Mesos__V1__ExecutorInfo *info,
            const struct resources *total, struct arena *arena, struct buf *out)
{
    auto_buf struct buf part = {0};
    size_t count;
    const struct task *task = list_first(&executor->queued, struct task, node);
    pb_text(out, 3, executor->sandbox);
    if (executor_runs_as(executor))
        pb_text(out, 4, executor->user);
    pb_bytes(out, 8, packed_str(&executor->info));
    if (executor->generated && task)
        pb_bytes(out, 9, packed_str(&task->info));
    if (executor_is_default(info))
        message_pack(&part, default_executor_command(executor, arena));
    else if (info->command)
        message_pack(&part, info->command);
    pb_bytes(out, 11, buf_str(&part));
    const Mesos__V1__ContainerInfo *container = container_info(executor->agent, info, arena);
    if (container) {
        buf_clear(&part);
        message_pack(&part, container);
        pb_bytes(out, 12, buf_str(&part));
    }
    Mesos__V1__Resource **resources = resources_to_proto(total, false, arena, &count);
    for (size_t i = 0; i < count; i++) {
        buf_clear(&part);
        message_pack(&part, resources[i]);
        pb_bytes(out, 13, buf_str(&part));
    }
    executor_limits(executor, out);
}

static void
containerizer_ask(struct executor *executor)
{
    struct agent *agent = executor->agent;
    auto_arena struct arena *arena = arena_new(0);
    auto_resources struct resources total = {0};
    auto_buf struct buf config = {0};
    auto_free char *pid_path = executor->meta ? xasprintf("%s/pids/forked.pid", executor->meta) : NULL;
    const Mesos__V1__ExecutorInfo *info =
        message_unpack(&mesos__v1__executor_info__descriptor, packed_str(&executor->info), arena, NULL);
    executor_resources(executor, &total);
    config_pack(executor, info, &total, arena, &config);
    struct mesos_containerizer_launch launch = {
        .size = sizeof(launch),
        .container_id = executor->container_id,
        .config = {buf_data(&config), config.len},
        .environment = executor_environment(executor, arena),
        .pid_checkpoint_path = pid_path,
        .resources = resources_view(&total),
    };
    executor->launching = true;
    containerizer_launch(agent->setup.containerizers[executor->containerizer], &launch, on_launched,
                         executor);
}

static void
launch_failed(struct executor *executor, const char *error)
{
    auto_free char *message = xasprintf("Failed to launch container: %s", error);
    log_error("executor %s of framework %s: %s", executor->id, executor->framework->id, message);
    agent_count(executor->agent, "slave/container_launch_errors");
    executor_end_set(executor, MESOS__V1__TASK_STATE__TASK_FAILED,
                     MESOS__V1__TASK_STATUS__REASON__REASON_CONTAINER_LAUNCH_FAILED, message);
    executor_terminated(executor, NULL, NULL);
}

static void
on_launched(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct executor *executor = arg;
    executor->launching = false;
    if (status) {
        launch_failed(executor, error ? error : strerror(-status));
        return;
    }
    unsigned char word = answer.len ? *(const unsigned char *)answer.data : CONTAINERIZER_NOT_MINE;
    if (word == CONTAINERIZER_NOT_MINE) {
        if (++executor->containerizer < executor->agent->setup.containerizer_count &&
            executor->state != EXECUTOR_TERMINATING)
            containerizer_ask(executor);
        else
            executor_terminated(executor, NULL, "unknown container");
        return;
    }
    executor->in_container = true;
    executor_wait(executor);
    if (executor->state == EXECUTOR_TERMINATING && !executor->destroying && !executor_reachable(executor))
        executor_destroy(executor, MESOS__V1__TASK_STATE__TASK_FAILED,
                         MESOS__V1__TASK_STATUS__REASON__REASON_EXECUTOR_TERMINATED, NULL);
    else if (executor->state == EXECUTOR_REGISTERING)
        loop_timer_start(&executor->patience,
                         executor->agent->options->executor_registration_timeout_ns / NS_PER_MS);
}
