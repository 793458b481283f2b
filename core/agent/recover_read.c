/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an earlier run left on disk, read once before the loop serves: the agent's id, its frameworks,
 * executors, tasks and their updates. Nothing is started or sent from here.
 *
 * What is missing or torn: everything of an executor is written before it starts, so an executor without its
 * info has never run and is forgotten. After a reboot files of the first class may be torn, which is no error
 * then.
 */
#include "agent/state.h"

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

#define UPDATES_MAX_BYTES (256 << 20)

struct reading {
    struct agent *agent;
    bool rebooted;
};

static int read_agent(struct reading *reading, struct err *err);
static int read_frameworks(struct reading *reading, struct err *err);
static int piece_lost(struct reading *reading, const char *what, int status, struct err *err);

int
recover_read(struct agent *agent, struct err *err)
{
    struct reading reading = {.agent = agent};
    int status = read_agent(&reading, err);
    if (!status && (status = checkpoint_resources_read(agent, err)))
        status = piece_lost(&reading, "checkpointed resources", status, err);
    volumes_recover(agent);
    if (!status && agent->id)
        status = read_frameworks(&reading, err);
    return status;
}

/* A file that is not there is no error: whoever looked for it forgets the words. */
static int
absent(struct err *err)
{
    if (err)
        *err = (struct err){0};
    return 0;
}

/* An unreadable piece: fatal under --strict unless the power was gone in between, else counted and left out.
 */
static int
piece_lost(struct reading *reading, const char *what, int status, struct err *err)
{
    struct agent *agent = reading->agent;
    if (agent->options->strict && !reading->rebooted)
        return err_wrap(err, "cannot recover %s (--no-strict leaves it out)", what);
    log_error("left out in recovery: %s: %s", what, err ? err->text : strerror(-status));
    agent_count(agent, "slave/recovery_errors");
    if (err)
        *err = (struct err){0};
    return 0;
}

/* ---- the agent itself ---- */

static bool
same_boot(const struct agent *agent)
{
    auto_buf struct buf then = {0}, now = {0};
    auto_free char *path = xasprintf("%s/boot_id", agent->meta_dir);
    if (file_read(path, 256, &then, NULL) || file_read("/proc/sys/kernel/random/boot_id", 256, &now, NULL))
        return false;
    return str_eq(str_trim(buf_str(&then)), str_trim(buf_str(&now)));
}

/* The id that the latest link names, NULL when there is none. */
static char *
latest_id(const struct agent *agent)
{
    auto_free char *link = xasprintf("%s/slaves/latest", agent->meta_dir);
    char target[PATH_MAX];
    ssize_t n = readlink(link, target, sizeof(target) - 1);
    if (n <= 0)
        return NULL;
    target[n] = '\0';
    const char *slash = strrchr(target, '/');
    const char *id = slash ? slash + 1 : target;
    return id_check(str_of(id), "AgentID", NULL) ? NULL : xstrdup(id);
}

/* Does what the agent was then agree with what it is told to be now? reconfiguration_policy: equal or
 * additive. */
static int
info_compare(const struct agent *agent, const Mesos__SlaveInfo *then, struct arena *arena, struct err *err)
{
    auto_resources struct resources before = {0};
    Mesos__SlaveInfo *now = agent_slave_info(agent, arena);
    auto_buf struct buf a = {0}, b = {0};
    bool additive =
        agent->options->reconfiguration_policy && !strcmp(agent->options->reconfiguration_policy, "additive");
    if (resources_from_proto(&before, then->resources, then->n_resources, err))
        return -EINVAL;
    if (strcmp(then->hostname, now->hostname) != 0)
        return err_set(err, -EINVAL, "hostname was %s and is now %s", then->hostname, now->hostname);
    if (then->has_port && then->port != now->port)
        return err_set(err, -EINVAL, "port was %d and is now %d", then->port, now->port);
    if (additive ? !resources_contains(&agent->total, &before) : !resources_equal(&agent->total, &before)) {
        resources_format(&a, &before);
        resources_format(&b, &agent->total);
        return err_set(err, -EINVAL, "resources were %s and are now %s", buf_cstr(&a), buf_cstr(&b));
    }
    for (size_t i = 0; i < then->n_attributes; i++) {
        bool found = false;
        buf_clear(&a);
        message_pack(&a, then->attributes[i]);
        for (size_t j = 0; j < now->n_attributes && !found; j++) {
            buf_clear(&b);
            message_pack(&b, now->attributes[j]);
            found = str_eq(buf_str(&a), buf_str(&b));
        }
        if (!found)
            return err_set(err, -EINVAL, "attribute %s is no longer the same", then->attributes[i]->name);
    }
    if (!additive && then->n_attributes != now->n_attributes)
        return err_set(err, -EINVAL, "there are new attributes");
    return 0;
}

static int
read_agent(struct reading *reading, struct err *err)
{
    struct agent *agent = reading->agent;
    auto_free char *id = latest_id(agent);
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf bytes = {0};
    reading->rebooted = !same_boot(agent);
    if (!id) {
        log_info("no earlier state in %s: a new agent", agent->meta_dir);
        return 0;
    }
    auto_free char *dir = checkpoint_agent_dir(agent, id);
    auto_free char *path = xasprintf("%s/slave.info", dir);
    int status = checkpoint_record_read(path, &bytes, err);
    if (status == -ENOENT)
        return absent(err); /* died before the first registration was on disk */
    Mesos__SlaveInfo *info =
        status ? NULL : message_unpack(&mesos__slave_info__descriptor, buf_str(&bytes), arena, err);
    if (!info)
        return err_wrap(
            err, "cannot recover the agent's own state; remove %s/slaves/latest to start as a new agent",
            agent->meta_dir);
    if ((status = info_compare(agent, info, arena, err))) {
        if (reading->rebooted) {
            log_warning("the agent has changed over a reboot and starts as a new one: %s",
                        err ? err->text : "");
            return 0;
        }
        return err_wrap(err,
                        "the agent has changed incompatibly since its last run "
                        "(--reconfiguration_policy=%s); restore it, "
                        "or remove %s/slaves/latest to start as a new agent, which ends its tasks",
                        agent->options->reconfiguration_policy ? agent->options->reconfiguration_policy
                                                               : "equal",
                        agent->meta_dir);
    }
    agent->id = take(&id);
    log_info("recovering agent %s%s", agent->id, reading->rebooted ? " after a reboot" : "");
    return checkpoint_agent(agent, err);
}

/* ---- frameworks, executors, tasks ---- */

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

static void
on_seen(void *arg, const struct status_recovered *recovered)
{
    struct task *task = arg;
    auto_arena struct arena *arena = arena_new(0);
    Mesos__Internal__StatusUpdate *update =
        message_unpack(&mesos__internal__status_update__descriptor, recovered->update, arena, NULL);
    if (!update || task_state_terminal(task->state))
        return;
    task_status_add(task, update->status);
    if (task_state_terminal(update->status->state))
        task_move(task, TASK_TERMINATED);
}

static int
read_updates(struct reading *reading, struct task *task, struct err *err)
{
    struct executor *executor = task->executor;
    struct agent *agent = reading->agent;
    auto_buf struct buf content = {0};
    auto_free char *path = checkpoint_updates_path(executor, task->id);
    size_t good;
    int status = file_read(path, UPDATES_MAX_BYTES, &content, err);
    if (status == -ENOENT)
        return absent(err);
    if (status)
        return piece_lost(reading, path, status, err);
    bool over = status_updates_recover(agent->updates, str_of(executor->framework->id), str_of(executor->id),
                                       str_of(task->id), path, buf_str(&content), on_seen, task, &good);
    if (good < content.len) {
        log_warning("%s ends in a record that is not whole; cut at %zu of %zu bytes", path, good,
                    content.len);
        if (truncate(path, (off_t)good))
            return err_errno(err, "cannot cut %s", path);
    }
    if (over)
        task_move(task, TASK_COMPLETED);
    return 0;
}

/* The task of a task.info; NULL and err when it is torn or about something else. */
static struct task *
task_read(struct executor *executor, const char *id, struct buf *bytes, struct arena *arena, struct err *err)
{
    struct str record;
    if (!checkpoint_record_next(bytes, &record)) {
        err_set(err, -EBADMSG, "it is torn: %zu bytes", bytes->len);
        return NULL;
    }
    Mesos__V1__Task *message = message_unpack(&mesos__v1__task__descriptor, record, arena, err);
    if (message && strcmp(message->task_id->value, id) != 0) {
        err_set(err, -EBADMSG, "it is about task %s", message->task_id->value);
        return NULL;
    }
    struct task *task = message ? task_recovered(executor, message, err) : NULL;
    buf_consume(bytes, record.len);
    if (task && checkpoint_record_next(bytes, &record) &&
        message_unpack(&mesos__v1__task_info__descriptor, record, arena, NULL))
        packed_set(&task->info, record);
    return task;
}

static int
read_task(struct reading *reading, void *arg, const char *id, struct err *err)
{
    struct executor *executor = arg;
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf bytes = {0};
    struct err why = {0};
    auto_free char *path = xasprintf("%s/tasks/%s/task.info", executor->meta, id);
    int status = file_read(path, LIMIT_MESSAGE_BYTES, &bytes, &why);
    if (status == -ENOENT)
        return 0; /* never sent to the executor */
    struct task *task = status ? NULL : task_read(executor, id, &bytes, arena, &why);
    if (!task) {
        err_set(err, why.code, "%s", why.text);
        return piece_lost(reading, path, why.code, err);
    }
    return read_updates(reading, task, err);
}

static pid_t
read_pid(const struct executor *executor)
{
    auto_buf struct buf text = {0};
    auto_free char *path = xasprintf("%s/pids/forked.pid", executor->meta);
    uint64_t pid;
    if (file_read(path, 32, &text, NULL) || str_to_u64(str_trim(buf_str(&text)), &pid) || pid > INT_MAX)
        return 0;
    return (pid_t)pid;
}

/* Where a v0 executor listens; one that came over HTTP will come again by itself. */
static void
read_upid(struct executor *executor)
{
    auto_buf struct buf text = {0};
    auto_free char *path = xasprintf("%s/pids/libprocess.pid", executor->meta);
    auto_free char *marker = xasprintf("%s/http.marker", executor->meta);
    struct upid upid;
    if (access(marker, F_OK) == 0 || file_read(path, 512, &text, NULL))
        return;
    if (upid_parse(str_trim(buf_str(&text)), &upid, NULL) == 0)
        executor_driver_set(executor, &upid);
    else
        log_warning("%s is no address of an executor", path);
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
    executor->pid = reading->rebooted ? 0 : read_pid(executor);
    if (!reading->rebooted)
        read_upid(executor);
    auto_free char *tasks = xasprintf("%s/tasks", meta);
    return each_dir(reading, tasks, read_task, executor, err);
}

static char *
link_name(const char *path)
{
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof(target) - 1);
    if (n <= 0)
        return NULL;
    target[n] = '\0';
    const char *slash = strrchr(target, '/');
    return xstrdup(slash ? slash + 1 : target);
}

static int
read_executor(struct reading *reading, void *arg, const char *id, struct err *err)
{
    struct framework *framework = arg;
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf bytes = {0}, flag = {0};
    auto_free char *dir = xasprintf("%s/slaves/%s/frameworks/%s/executors/%s", reading->agent->meta_dir,
                                    reading->agent->id, framework->id, id);
    auto_free char *path = xasprintf("%s/executor.info", dir);
    auto_free char *flag_path = xasprintf("%s/executor_generated_for_command_task", dir);
    auto_free char *runs = xasprintf("%s/runs", dir);
    auto_free char *latest_path = xasprintf("%s/latest", runs);
    auto_free char *latest = link_name(latest_path);
    auto_free char *sentinel = xasprintf("%s/executor.sentinel", latest_path);
    if (access(sentinel, F_OK) == 0) { /* the usual case by far: all over, only to be removed some day */
        gc_schedule_executor(reading->agent->gc, framework->id, id, age_of(reading->agent, sentinel));
        return 0;
    }
    int status = checkpoint_record_read(path, &bytes, err);
    if (status == -ENOENT) { /* never started */
        gc_schedule_executor(reading->agent->gc, framework->id, id, age_of(reading->agent, dir));
        return absent(err);
    }
    Mesos__V1__ExecutorInfo *info =
        status ? NULL : message_unpack(&mesos__v1__executor_info__descriptor, buf_str(&bytes), arena, err);
    if (!info)
        return piece_lost(reading, path, status, err);
    file_read(flag_path, 8, &flag, NULL);
    /* Kept in the old format on disk, in the new one in memory. */
    auto_resources struct resources resources = {0};
    if (!resources_from_proto(&resources, info->resources, info->n_resources, NULL))
        info->resources = resources_to_proto(&resources, false, arena, &info->n_resources);
    struct run run = {framework, id, latest, info, str_is(buf_str(&flag), "1")};
    return each_dir(reading, runs, read_run, &run, err);
}

static int
read_framework(struct reading *reading, void *arg, const char *id, struct err *err)
{
    struct agent *agent = reading->agent;
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf bytes = {0}, pid = {0};
    auto_free char *dir = checkpoint_framework_dir(agent, id);
    auto_free char *path = xasprintf("%s/framework.info", dir);
    auto_free char *pid_path = xasprintf("%s/framework.pid", dir);
    auto_free char *executors = xasprintf("%s/executors", dir);
    (void)arg;
    int status = checkpoint_record_read(path, &bytes, err);
    if (status == -ENOENT)
        return absent(err);
    Mesos__V1__FrameworkInfo *info =
        status ? NULL : message_unpack(&mesos__v1__framework_info__descriptor, buf_str(&bytes), arena, err);
    if (!info || !info->id || strcmp(info->id->value, id) != 0) {
        if (info && err && !err->code)
            err_set(err, -EBADMSG, "it is about another framework");
        return piece_lost(reading, path, status, err);
    }
    file_read(pid_path, 512, &pid, NULL);
    struct framework *framework = framework_new(agent, info, pid.len ? buf_cstr(&pid) : "@0.0.0.0:0");
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
