/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an earlier run left on disk, read once before the loop serves: the agent (recover_agent.c), its frameworks and
 * executors, their tasks and updates (recover_task.c). Nothing is started or sent from here.
 *
 * What is missing or torn: everything of an executor is written before it starts, so an executor without its
 * info has never run and is forgotten. After a reboot files of the first class may be torn, which is no error
 * then.
 */
#include "agent/drain.h"
#include "agent/recover_inside.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "model/role.h"
#include "wire/limits.h"

static int read_frameworks(struct reading *reading, struct err *err);
static int absent(struct err *err);
static int read_drain(struct reading *reading, struct err *err);

int
recover_read(struct agent *agent, struct err *err)
{
    struct reading reading = {.agent = agent};
    unsigned version;
    int status = checkpoint_version_read(agent, &version, err);
    if (!status)
        status = recover_agent(&reading, err);
    if (!status && (status = checkpoint_resources_read(agent, err)))
        status = piece_lost(&reading, "the checkpointed resources", false, err);
    volumes_recover(agent);
    if (!status && agent->id)
        status = read_drain(&reading, err);
    if (!status && agent->id)
        status = read_frameworks(&reading, err);
    if (!status)
        status = reconfigure_covers(agent, !reading.rebooted, err);
    /* Only now: a start that was refused leaves what the agent was. */
    if (!status && agent->id)
        status = checkpoint_agent(agent, err);
    return status ? status : checkpoint_version_write(agent, version, err);
}

/* A file that is not there is no error: whoever looked for it forgets the words. */
static int
absent(struct err *err)
{
    if (err)
        *err = (struct err){0};
    return 0;
}

static int
read_drain(struct reading *reading, struct err *err)
{
    auto_free char *path = drain_config_path(reading->agent);
    int status = drain_read(reading->agent, err);
    return !status ? 0 : status == -ENOENT ? absent(err) : piece_lost(reading, path, true, err);
}

int
piece_lost(struct reading *reading, const char *path, bool torn_ok, struct err *err)
{
    struct agent *agent = reading->agent;
    struct err none = {0};
    if (!err)
        err = &none;
    if (!err->code)
        err_set(err, -EBADMSG, "it is damaged");
    if (agent->options->strict && !(reading->rebooted && torn_ok))
        return err_wrap(err, "cannot recover %s (--no-strict goes on without it)", path);
    log_error("left out in recovery: %s: %s", path, err->text);
    agent_count(agent, "slave/recovery_errors");
    return absent(err);
}

/* A directory itself: not the link "latest", and not a task that calls itself so. */
static bool
is_directory(const char *path, const char *name)
{
    struct stat st;
    auto_free char *whole = xasprintf("%s/%s", path, name);
    return lstat(whole, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Calls fn for each directory below path whose name is a good id. */
static int
each_dir(struct reading *reading, const char *path,
         int (*fn)(struct reading *, void *, const char *id, struct err *), void *arg, struct err *err)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int status = 0;
    if (!dir)
        return errno == ENOENT ? 0 : err_errno(err, "cannot read %s", path);
    while (!status && (entry = readdir(dir)))
        if (!id_check(str_of(entry->d_name), "id", NULL) && is_directory(path, entry->d_name))
            status = fn(reading, arg, entry->d_name, err);
    closedir(dir);
    return status;
}

static int
read_pid(struct reading *reading, struct executor *executor, struct err *err)
{
    auto_buf struct buf text = {0};
    auto_free char *path = xasprintf("%s/pids/forked.pid", executor->meta);
    struct err why = {0};
    uint64_t pid;
    int status = file_read(path, 32, &text, &why);
    if (status == -ENOENT)
        return 0;
    if (!status && !str_to_u64(str_trim(buf_str(&text)), &pid) && pid > 0 && pid <= INT_MAX) {
        executor->pid = (pid_t)pid;
        return 0;
    }
    err_set(err, -EBADMSG, "%s", status ? why.text : "it holds no process id");
    return piece_lost(reading, path, true, err);
}

/* Where a v0 executor listens; one that came over HTTP will come again by itself. */
static int
read_upid(struct reading *reading, struct executor *executor, struct err *err)
{
    auto_buf struct buf text = {0};
    auto_free char *path = xasprintf("%s/pids/libprocess.pid", executor->meta);
    auto_free char *marker = xasprintf("%s/http.marker", executor->meta);
    struct err why = {0};
    struct upid upid;
    int status = access(marker, F_OK) == 0 ? -ENOENT : file_read(path, 512, &text, &why);
    if (status == -ENOENT)
        return 0;
    if (!status && !(status = upid_parse(str_trim(buf_str(&text)), &upid, &why))) {
        executor_driver_set(executor, &upid);
        return 0;
    }
    err_set(err, -EBADMSG, "%s", why.text);
    return piece_lost(reading, path, true, err);
}

static bool
exists(const char *dir, const char *name)
{
    auto_free char *path = xasprintf("%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

static double
age_of(const struct agent *agent, const char *path)
{
    struct stat st;
    double age = stat(path, &st) ? 0 : loop_wall_secs(agent->loop) - (double)st.st_mtime;
    return age > 0 ? age : 0;
}

#define NO_PID "@0.0.0.0:0" /* of schedulers over HTTP */

struct run {
    struct framework *framework;
    const char *executor_id;
    char *latest; /* container id that runs/latest names */
    const Mesos__V1__ExecutorInfo *info;
    bool generated;
};

static int
read_run(struct reading *reading, void *arg, const char *id, struct err *err)
{
    const struct run *run = arg;
    struct agent *agent = reading->agent;
    auto_free char *meta = checkpoint_run_dir(agent, run->framework->id, run->executor_id, id);
    if (!run->latest || strcmp(run->latest, id) != 0 || exists(meta, "executor.sentinel")) {
        gc_schedule_run(agent->gc, run->framework->id, run->executor_id, id, age_of(agent, meta));
        return 0;
    }
    struct executor *executor = executor_new(run->framework, run->info, run->generated, id);
    free(executor->meta);
    executor->meta = xstrdup(meta);
    executor->recovered = true;
    executor->in_container = true;
    int status = reading->rebooted ? 0 : read_pid(reading, executor, err);
    if (!status && !reading->rebooted)
        status = read_upid(reading, executor, err);
    auto_free char *tasks = xasprintf("%s/tasks", meta);
    return status ? status : each_dir(reading, tasks, recover_task, executor, err);
}

char *
link_target(const char *link, int *ret_status)
{
    char target[PATH_MAX];
    ssize_t n = readlink(link, target, sizeof(target) - 1);
    *ret_status = n < 0 ? -errno : 0;
    if (n < 0)
        return NULL;
    target[n] = '\0';
    const char *slash = strrchr(target, '/');
    return xstrdup(slash ? slash + 1 : target);
}

/* The run that runs/latest names; NULL with 0: no run was ever begun. */
static char *
latest_run(const char *runs, int *ret_status)
{
    auto_free char *link = xasprintf("%s/latest", runs);
    char *id = link_target(link, ret_status);
    if (*ret_status)
        *ret_status = *ret_status == -ENOENT ? 0 : -EBADMSG;
    if (!id)
        return NULL;
    *ret_status = !id_check(str_of(id), "ContainerID", NULL) && is_directory(runs, id) ? 0 : -EBADMSG;
    return id;
}

/* executor.info: NULL with code 0 when there is none, with an error when it is unusable. */
static Mesos__V1__ExecutorInfo *
executor_info(const char *path, const struct framework *framework, const char *id, struct arena *arena,
              struct err *err)
{
    auto_buf struct buf bytes = {0};
    auto_resources struct resources resources = {0};
    int status = checkpoint_record_read(path, &bytes, err);
    if (status == -ENOENT)
        absent(err);
    if (status)
        return NULL;
    Mesos__V1__ExecutorInfo *info =
        message_unpack(&mesos__v1__executor_info__descriptor, buf_str(&bytes), arena, err);
    if (!info)
        return NULL;
    if (strcmp(info->executor_id->value, id) != 0)
        status = err_set(err, -EBADMSG, "it is about executor %s", info->executor_id->value);
    else if (info->framework_id && strcmp(info->framework_id->value, framework->id) != 0)
        status = err_set(err, -EBADMSG, "it is about an executor of framework %s", info->framework_id->value);
    else
        status = resources_from_proto(&resources, info->resources, info->n_resources, err);
    if (status)
        return NULL;
    /* Kept in the old format on disk, in the new one in memory. */
    info->resources = resources_to_proto(&resources, false, arena, &info->n_resources);
    return info;
}

/* Did we make it for one command task? Apache Mesos takes a missing file for no; a damaged one leaves its name. */
static int
read_generated(struct reading *reading, const char *dir, const Mesos__V1__ExecutorInfo *info, bool *ret,
               struct err *err)
{
    auto_buf struct buf flag = {0};
    auto_free char *path = xasprintf("%s/executor_generated_for_command_task", dir);
    struct err why = {0};
    int status = file_read(path, 8, &flag, &why);
    struct str text = buf_str(&flag);
    *ret = str_is(text, "1");
    if (status == -ENOENT || (!status && (str_is(text, "1") || str_is(text, "0"))))
        return 0;
    *ret = info->name && str_starts(str_of(info->name), STR_LIT("Command Executor (Task: "));
    err_set(err, -EBADMSG, "%s", status ? why.text : "it holds neither 0 nor 1");
    return piece_lost(reading, path, true, err);
}

/* It goes some day like one that is over; err says why. */
static int
executor_lost(struct reading *reading, const char *path, const struct framework *framework, const char *id,
              struct err *err)
{
    int status = piece_lost(reading, path, true, err);
    if (!status)
        gc_schedule_executor(reading->agent->gc, framework->id, id, 0);
    return status;
}

static int
read_executor(struct reading *reading, void *arg, const char *id, struct err *err)
{
    struct framework *framework = arg;
    auto_arena struct arena *arena = arena_new(0);
    struct err why = {0};
    int status;
    auto_free char *dir = xasprintf("%s/slaves/%s/frameworks/%s/executors/%s", reading->agent->meta_dir,
                                    reading->agent->id, framework->id, id);
    auto_free char *path = xasprintf("%s/executor.info", dir);
    auto_free char *runs = xasprintf("%s/runs", dir);
    auto_free char *link = xasprintf("%s/latest", runs);
    auto_free char *sentinel = xasprintf("%s/executor.sentinel", link);
    if (access(sentinel, F_OK) == 0) { /* the usual case by far: all over, only to be removed some day */
        gc_schedule_executor(reading->agent->gc, framework->id, id, age_of(reading->agent, sentinel));
        return 0;
    }
    auto_free char *latest = latest_run(runs, &status);
    if (status) {
        err_set(err, status, "it is no link to a run of the executor");
        return executor_lost(reading, link, framework, id, err);
    }
    if (!latest) { /* never started */
        gc_schedule_executor(reading->agent->gc, framework->id, id, age_of(reading->agent, dir));
        return 0;
    }
    struct run run = {.framework = framework, .executor_id = id, .latest = latest};
    run.info = executor_info(path, framework, id, arena, &why);
    if (!run.info) {
        err_set(err, why.code ? why.code : -ENOENT, "%s", why.code ? why.text : "the executor began, but it is not there");
        return executor_lost(reading, path, framework, id, err);
    }
    status = read_generated(reading, dir, run.info, &run.generated, err);
    return status ? status : each_dir(reading, runs, read_run, &run, err);
}

/* The scheduler's address, as v0 executors are told it. */
static int
read_framework_pid(struct reading *reading, const char *dir, struct buf *ret, struct err *err)
{
    auto_free char *path = xasprintf("%s/framework.pid", dir);
    struct err why = {0};
    struct upid upid;
    int status = file_read(path, 512, ret, &why);
    if (status && status != -ENOENT) {
        err_set(err, status, "%s", why.text);
    } else if (!ret->len || str_is(buf_str(ret), NO_PID) || !(status = upid_parse(buf_str(ret), &upid, &why))) {
        return 0;
    } else {
        err_set(err, status, "%s", why.text);
    }
    buf_clear(ret);
    return piece_lost(reading, path, true, err);
}

static int
framework_lost(struct reading *reading, const char *path, const char *id, struct err *err)
{
    int status = piece_lost(reading, path, true, err);
    if (!status)
        gc_schedule_framework(reading->agent->gc, id, 0);
    return status;
}

static int
read_framework(struct reading *reading, void *arg, const char *id, struct err *err)
{
    struct agent *agent = reading->agent;
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf bytes = {0}, pid = {0};
    auto_free char *dir = checkpoint_framework_dir(agent, id);
    auto_free char *path = xasprintf("%s/framework.info", dir);
    auto_free char *executors = xasprintf("%s/executors", dir);
    (void)arg;
    int status = checkpoint_record_read(path, &bytes, err);
    if (status == -ENOENT)
        return absent(err);
    Mesos__V1__FrameworkInfo *info =
        status ? NULL : message_unpack(&mesos__v1__framework_info__descriptor, buf_str(&bytes), arena, err);
    if (!info || !info->id || strcmp(info->id->value, id) != 0) {
        if (info)
            err_set(err, -EBADMSG, "it is about framework %s", info->id ? info->id->value : "without an id");
        return framework_lost(reading, path, id, err);
    }
    if ((status = read_framework_pid(reading, dir, &pid, err)))
        return status;
    struct framework *framework = framework_new(agent, info, pid.len ? buf_cstr(&pid) : NO_PID);
    if ((status = each_dir(reading, executors, read_executor, framework, err)))
        return status;
    if (map_count(&framework->executors))
        return 0;
    /* Everything of it is over. */
    map_remove(&agent->frameworks, str_of(framework->id));
    framework_free(framework);
    gc_schedule_framework(agent->gc, id, age_of(agent, dir));
    return 0;
}

static int
read_old_agent(struct reading *reading, void *arg, const char *id, struct err *err)
{
    struct agent *agent = reading->agent;
    (void)err;
    if (agent->id && !strcmp(id, agent->id))
        return 0;
    auto_free char *path = xasprintf("slaves/%s", id);
    auto_free char *place = xasprintf("%s/%s", (const char *)arg, path);
    gc_schedule(agent->gc, path, age_of(agent, place));
    return 0;
}

/* Sandboxes of frameworks that are not checkpointed: nothing else is known of them. */
static int
read_forgotten(struct reading *reading, void *arg, const char *id, struct err *err)
{
    struct agent *agent = reading->agent;
    auto_free char *meta = checkpoint_framework_dir(agent, id);
    auto_free char *place = xasprintf("%s/%s", (const char *)arg, id);
    (void)err;
    if (access(meta, F_OK) != 0)
        gc_schedule_framework(agent->gc, id, age_of(agent, place));
    return 0;
}

static int
read_frameworks(struct reading *reading, struct err *err)
{
    struct agent *agent = reading->agent;
    auto_free char *own = checkpoint_agent_dir(agent, agent->id);
    auto_free char *frameworks = xasprintf("%s/frameworks", own);
    auto_free char *meta = xasprintf("%s/slaves", agent->meta_dir);
    auto_free char *work = xasprintf("%s/slaves", agent->work_dir);
    auto_free char *sandboxes = xasprintf("%s/slaves/%s/frameworks", agent->work_dir, agent->id);
    int status = each_dir(reading, frameworks, read_framework, NULL, err);
    if (!status)
        status = each_dir(reading, sandboxes, read_forgotten, sandboxes, err);
    if (!status)
        status = each_dir(reading, meta, read_old_agent, agent->meta_dir, err);
    if (!status)
        status = each_dir(reading, work, read_old_agent, agent->work_dir, err);
    return status;
}
