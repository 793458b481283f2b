/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent leaves on disk, where and in the form in which Apache Mesos does (facts: layout.tsv, golden
 * exchanges), so that either may adopt the other's. Small blocking writes in two classes of durability. Power loss:
 * the agent's id and info, checkpointed resources and the version are fsynced here, status updates in their own
 * journal (journal.c). Process crash: everything of frameworks, executors and tasks is renamed into place without
 * fsync; a new boot id says that the machine went down in between, and then torn files of this class are no error.
 *
 * meta/cmesos_version holds the number of this form. Without it, it is 0: of Apache Mesos, or of our first builds.
 * 1 adds resources_and_operations.state and demands nothing else. A higher number is refused.
 *
 * Taking over the work_dir of an agent of Apache Mesos 1.11: frameworks, executors (v0 and v1), tasks, updates that
 * are not acknowledged, reservations, volumes, an order to drain (drain.config) and the agent's id are kept. What is not:
 * - operations.updates and the operations in resources_and_operations.state: their resources are taken, statuses of
 *   operations with feedback that a framework has not acknowledged are not repeated (reconciling tells them);
 * - resource_provider_registry and resource_providers: there are no resource providers here, and the files stay;
 * - IO switchboards: output goes on to be written, attaching to a container from before the change is refused;
 * - containers' start times, which Apache Mesos does not write: the native containerizer takes a process for the
 *   container's when it began about when its pid was written down, else the container counts as gone.
 * The other way round: task.info has a second record behind the one that Apache Mesos reads (it looks at the first
 * only), cmesos_version and runtime_dir's `state` files are not looked at.
 * executor.info is without the values of secrets: an executor that had not subscribed when its agent ended does not find them
 * in the ExecutorInfo that it is told; its container was started with them. So is task.info once the executor has the task.
 * Containers of the containerizer docker are not handed over either way: end such tasks before the change.
 */
#include "agent/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "wire/limits.h"
#include "wire/secrets.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"

char *
checkpoint_agent_dir(const struct agent *agent, const char *agent_id)
{
    return xasprintf("%s/slaves/%s", agent->meta_dir, agent_id);
}

char *
checkpoint_framework_dir(const struct agent *agent, const char *framework_id)
{
    return xasprintf("%s/slaves/%s/frameworks/%s", agent->meta_dir, agent->id, framework_id);
}

char *
checkpoint_run_dir(const struct agent *agent, const char *framework_id, const char *executor_id,
                   const char *container_id)
{
    return xasprintf("%s/slaves/%s/frameworks/%s/executors/%s/runs/%s", agent->meta_dir, agent->id,
                     framework_id, executor_id, container_id);
}

char *
checkpoint_updates_path(const struct executor *executor, const char *task_id)
{
    return xasprintf("%s/tasks/%s/task.updates", executor->meta, task_id);
}

char *
sandbox_run_dir(const struct agent *agent, const char *framework_id, const char *executor_id,
                const char *container_id)
{
    return xasprintf("%s/slaves/%s/frameworks/%s/executors/%s/runs/%s", agent->work_dir, agent->id,
                     framework_id, executor_id, container_id);
}

int
checkpoint_record(const char *path, struct str bytes, bool sync, struct err *err)
{
    auto_buf struct buf record = {0};
    uint32_t len = (uint32_t)bytes.len;
    int status = fault("checkpoint/record");
    if (status)
        return err_set(err, status, "cannot write %s: %s", path, strerror(-status));
    buf_append(&record, &len, sizeof(len));
    buf_append_str(&record, bytes);
    return file_replace(path, buf_data(&record), record.len, 0600, sync, err);
}

int
checkpoint_record_read(const char *path, struct buf *ret, struct err *err)
{
    struct str record;
    int status = file_read(path, LIMIT_MESSAGE_BYTES + sizeof(uint32_t), ret, err);
    if (status)
        return status;
    if (!checkpoint_record_next(ret, &record))
        return err_set(err, -EBADMSG, "%s is torn: it has %zu bytes", path, ret->len);
    ret->len = record.len;
    return 0;
}

/* Afterwards buf begins with the record's own bytes. */
bool
checkpoint_record_next(struct buf *buf, struct str *ret_record)
{
    uint32_t len;
    if (buf->len < sizeof(len))
        return false;
    memcpy(&len, buf_data(buf), sizeof(len));
    if (buf->len - sizeof(len) < len)
        return false;
    buf_consume(buf, sizeof(len));
    *ret_record = str_n(buf_data(buf), len);
    return true;
}

/* link -> target, replacing what was there at once. */
int
checkpoint_link(const char *target, const char *link, struct err *err)
{
    int status = fault("checkpoint/link");
    if (status)
        return err_set(err, status, "cannot make the link %s: %s", link, strerror(-status));
    if (!symlink(target, link))
        return 0;
    if (errno != EEXIST)
        return err_errno(err, "cannot make the link %s", link);
    auto_free char *temporary = xasprintf("%s.new", link);
    unlink(temporary);
    if (symlink(target, temporary) || rename(temporary, link))
        return err_errno(err, "cannot replace the link %s", link);
    return 0;
}

int
checkpoint_boot_id(struct agent *agent, struct err *err)
{
    auto_buf struct buf boot_id = {0};
    auto_free char *path = xasprintf("%s/boot_id", agent->meta_dir);
    int status = file_read(BOOT_ID_FILE, 256, &boot_id, err);
    if (status)
        return status;
    struct str text = str_trim(buf_str(&boot_id));
    if ((status = dir_make(agent->meta_dir, 0755, err)))
        return status;
    return file_replace(path, text.ptr, text.len, 0600, true, err);
}

int
checkpoint_agent(struct agent *agent, struct err *err)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf bytes = {0};
    auto_free char *dir = checkpoint_agent_dir(agent, agent->id);
    auto_free char *path = xasprintf("%s/slave.info", dir);
    auto_free char *latest = xasprintf("%s/slaves/latest", agent->meta_dir);
    auto_free char *work = xasprintf("%s/slaves/%s", agent->work_dir, agent->id);
    auto_free char *work_latest = xasprintf("%s/slaves/latest", agent->work_dir);
    int status;
    message_pack(&bytes, agent_slave_info(agent, arena));
    if ((status = dir_make(dir, 0755, err)) || (status = dir_make(work, 0755, err)) ||
        (status = checkpoint_record(path, buf_str(&bytes), true, err)) ||
        (status = checkpoint_link(dir, latest, err)) || (status = checkpoint_link(work, work_latest, err)))
        return status;
    auto_free char *parent = xasprintf("%s/slaves", agent->meta_dir);
    auto_fd int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd))
        return err_errno(err, "cannot make %s durable", latest);
    return 0;
}

/* Text files of the agent hold the bytes alone. */
static int
checkpoint_text(const char *path, const char *text, struct err *err)
{
    return file_replace(path, text, strlen(text), 0600, false, err);
}

int
checkpoint_framework(struct framework *framework, struct err *err)
{
    auto_free char *dir = checkpoint_framework_dir(framework->agent, framework->id);
    auto_free char *info = xasprintf("%s/framework.info", dir);
    auto_free char *pid = xasprintf("%s/framework.pid", dir);
    int status = dir_make(dir, 0755, err);
    if (!status)
        status = checkpoint_record(info, packed_str(&framework->info), false, err);
    if (!status)
        status = checkpoint_text(pid, framework->pid ? framework->pid : "@0.0.0.0:0", err);
    return status;
}

struct str
checkpoint_executor_bytes(const struct executor *executor, bool hide, struct arena *arena)
{
    auto_buf struct buf bytes = {0};
    Mesos__V1__ExecutorInfo *info =
        message_unpack(&mesos__v1__executor_info__descriptor, packed_str(&executor->info), arena, NULL);
    info->resources = resources_to_proto(&executor->resources, true, arena, &info->n_resources);
    if (hide)
        secrets_hide(info);
    message_pack(&bytes, info);
    return str_n(arena_strdup(arena, buf_str(&bytes)), bytes.len);
}

static void
add_record(struct buf *out, struct str bytes)
{
    uint32_t len = (uint32_t)bytes.len;
    buf_append(out, &len, sizeof(len));
    buf_append_str(out, bytes);
}

/* mesos.v1.Task, as Mesos has it; and after it, where Mesos does not look, the TaskInfo: should the agent die
 * before the executor has it, the next one can still send it. */
void
checkpoint_task_bytes(const struct task *task, struct buf *out)
{
    add_record(out, packed_str(&task->task));
    if (task->info.len)
        add_record(out, packed_str(&task->info));
}

int
checkpoint_task(struct task *task, struct err *err)
{
    auto_free char *dir = xasprintf("%s/tasks/%s", task->executor->meta, task->id);
    auto_free char *path = xasprintf("%s/task.info", dir);
    auto_buf struct buf bytes = {0};
    int status = dir_make(dir, 0755, err);
    if (status)
        return status;
    checkpoint_task_bytes(task, &bytes);
    return file_replace(path, buf_data(&bytes), bytes.len, 0600, false, err);
}

/* Who checks run as is read from the TaskInfo after a restart: what goes of it are the values of secrets alone. */
void
checkpoint_task_taken(struct task *task)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf bytes = {0};
    struct err err = {0};
    const Mesos__V1__TaskInfo *info =
        task->executor->meta && task->info.len
            ? message_unpack(&mesos__v1__task_info__descriptor, packed_str(&task->info), arena, NULL)
            : NULL;
    const Mesos__V1__TaskInfo *hidden = info ? secrets_hidden(info, arena) : NULL;
    if (hidden == info)
        return;
    message_pack(&bytes, hidden);
    packed_set(&task->info, buf_str(&bytes));
    if (checkpoint_task(task, &err))
        log_warning("the checkpoint of task %s keeps its secrets: %s", task->id, err.text);
}

static void
touch(const char *dir, const char *name)
{
    auto_free char *path = xasprintf("%s/%s", dir, name);
    int status = fault("checkpoint/touch");
    auto_fd int fd = status ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        log_warning("cannot write %s: %s", path, strerror(status ? -status : errno));
}

void
checkpoint_contact(struct executor *executor)
{
    struct err err = {0};
    char pid[400];
    if (!executor->meta)
        return;
    if (!executor->has_pid) {
        touch(executor->meta, "http.marker");
        return;
    }
    auto_free char *path = xasprintf("%s/pids/libprocess.pid", executor->meta);
    if (checkpoint_text(path, upid_format(&executor->upid, pid), &err))
        log_warning("executor %s of framework %s will not be found after a restart: %s", executor->id,
                    executor->framework->id, err.text);
}

void
checkpoint_sentinel(struct executor *executor)
{
    if (executor->meta)
        touch(executor->meta, "executor.sentinel");
}
