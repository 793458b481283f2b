/* SPDX-License-Identifier: Apache-2.0 */
/* See drain.h. */
#include "agent/drain.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"

char *
drain_config_path(const struct agent *agent)
{
    auto_free char *dir = checkpoint_agent_dir(agent, agent->id);
    return xasprintf("%s/drain.config", dir);
}

Mesos__V1__DrainConfig *
drain_config(const struct agent *agent, struct arena *arena)
{
    return agent->draining ? message_unpack_trusted(&mesos__v1__drain_config__descriptor,
                                                    packed_str(&agent->drain_config), arena)
                           : NULL;
}

static void
take_config(struct agent *agent, const Mesos__V1__DrainConfig *config)
{
    auto_buf struct buf bytes = {0};
    message_pack(&bytes, config);
    packed_set(&agent->drain_config, buf_str(&bytes));
    agent->draining = true;
    agent->drain_marks_gone = config->mark_gone;
    agent->drain_start_secs = loop_wall_secs(agent->loop);
}

void
drain_forget(struct agent *agent, const char *why)
{
    auto_free char *path = agent->draining ? drain_config_path(agent) : NULL;
    if (!agent->draining)
        return;
    log_info("draining is over: %s", why);
    agent->draining = false;
    packed_fini(&agent->drain_config);
    agent->drain_config = (struct packed){0};
    if (unlink(path) && errno != ENOENT)
        log_warning("cannot remove %s: %s", path, strerror(errno));
}

void
drain_settle(struct agent *agent)
{
    if (agent->draining && !map_count(&agent->frameworks))
        drain_forget(agent, "nothing runs here any more");
}

/* ---- killing ---- */

/* What the task's kill is to say: its own patience, but not more than the operator has. NULL: its own, whatever it is. */
static const Mesos__V1__KillPolicy *
kill_policy(const struct task *task, const Mesos__V1__DrainConfig *config, struct arena *arena)
{
    const Mesos__V1__Task *info =
        message_unpack_trusted(&mesos__v1__task__descriptor, packed_str(&task->task), arena);
    const Mesos__V1__KillPolicy *own = info->kill_policy;
    if (!config->max_grace_period)
        return NULL;
    if (own && own->grace_period && own->grace_period->nanoseconds <= config->max_grace_period->nanoseconds)
        return own;
    Mesos__V1__KillPolicy *policy = arena_alloc(arena, sizeof(*policy));
    mesos__v1__kill_policy__init(policy);
    policy->grace_period = config->max_grace_period;
    return policy;
}

/* One of many to be killed; killing one may end others, and executors and frameworks with them. */
struct victim {
    const char *framework_id, *task_id;
};

static size_t
list_victims(const struct agent *agent, bool again, struct victim **ret, struct arena *arena)
{
    struct framework *framework;
    struct executor *executor;
    struct task *task;
    size_t room = 0, count = 0;
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors)
            room += map_count(&executor->tasks);
    *ret = arena_calloc(arena, room + 1, sizeof(**ret));
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors)
            map_foreach (task, &executor->tasks) {
                if (task_state_terminal(task->state) ||
                    (!again && task->state == MESOS__V1__TASK_STATE__TASK_KILLING))
                    continue;
                (*ret)[count++] = (struct victim){arena_strdup(arena, str_of(framework->id)),
                                                  arena_strdup(arena, str_of(task->id))};
            }
    return count;
}

static void
kill_all(struct agent *agent, bool again)
{
    auto_arena struct arena *arena = arena_new(0);
    const Mesos__V1__DrainConfig *config = drain_config(agent, arena);
    struct victim *victims;
    size_t count = list_victims(agent, again, &victims, arena);
    log_info("draining%s: %zu tasks are to be killed", agent->drain_marks_gone ? " for good" : "", count);
    for (size_t i = 0; i < count; i++) {
        struct framework *framework = framework_find(agent, str_of(victims[i].framework_id));
        struct task *task =
            framework && !framework->terminating ? framework_task(framework, str_of(victims[i].task_id)) : NULL;
        if (task)
            task_kill(task, kill_policy(task, config, arena));
    }
}

/* ---- beginning ---- */

int
drain_start(struct agent *agent, const Mesos__V1__DrainConfig *config, struct err *err)
{
    auto_free char *path = drain_config_path(agent);
    auto_buf struct buf bytes = {0};
    message_pack(&bytes, config);
    /* Not synced: after a crash of the machine nothing runs here, and the master tells it again. */
    int status = checkpoint_record(path, buf_str(&bytes), false, err);
    if (!status && (status = fault("agent/drain")))
        err_set(err, status, "%s", strerror(-status));
    if (status)
        return status;
    take_config(agent, config);
    kill_all(agent, true);
    drain_settle(agent);
    return 0;
}

int
drain_read(struct agent *agent, struct err *err)
{
    auto_free char *path = drain_config_path(agent);
    auto_buf struct buf bytes = {0};
    auto_arena struct arena *arena = arena_new(0);
    int status = checkpoint_record_read(path, &bytes, err);
    if (status)
        return status;
    Mesos__V1__DrainConfig *config =
        MESSAGE_UNPACK(Mesos__V1__DrainConfig, mesos__v1__drain_config, buf_str(&bytes), arena, err);
    if (!config)
        return err_wrap(err, "it holds no DrainConfig");
    if (config->max_grace_period && config->max_grace_period->nanoseconds < 0)
        return err_set(err, -EBADMSG, "its max_grace_period is %lld ns, less than nothing",
                       (long long)config->max_grace_period->nanoseconds);
    take_config(agent, config);
    return 0;
}

void
drain_resume(struct agent *agent)
{
    if (agent->draining)
        kill_all(agent, false);
    drain_settle(agent);
}

void
drain_mark_status(const struct framework *framework, Mesos__V1__TaskStatus *status)
{
    const struct agent *agent = framework->agent;
    bool killed = status->state == MESOS__V1__TASK_STATE__TASK_KILLED;
    if (!agent->draining || (!killed && status->state != MESOS__V1__TASK_STATE__TASK_KILLING))
        return;
    if (killed && agent->drain_marks_gone && framework->partition_aware)
        status->state = MESOS__V1__TASK_STATE__TASK_GONE_BY_OPERATOR;
    status->has_reason = true;
    status->reason = MESOS__V1__TASK_STATUS__REASON__REASON_AGENT_DRAINING;
}
