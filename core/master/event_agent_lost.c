/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agents going away: a broken connection, missed pings, a farewell, silence after a failover. The registry is
 * written first; then tasks get their last state, offers are rescinded and every framework hears of it.
 */
#include "master/event_agent_lost.h"

#include <string.h>

#include "base/log.h"
#include "host/kind_allocator.h"
#include "master/marks.h"

struct lost_agent *
lost_agent_add(struct map *map, struct str id, int64_t since_ns)
{
    struct lost_agent *lost = xcalloc(1, sizeof(*lost) + id.len + 1);
    memcpy(lost->id, id.ptr, id.len);
    lost->since_ns = since_ns;
    list_init(&lost->tasks);
    lost_agent_free(map_set(map, str_of(lost->id), lost));
    return lost;
}

void
lost_agent_free(struct lost_agent *lost)
{
    struct task *task, *next;
    if (!lost)
        return;
    list_foreach_safe (task, next, &lost->tasks, agent_node)
        list_remove(&task->agent_node);
    free(lost);
}

static void
end_task(struct task *task, Mesos__V1__TaskState state, int reason, const char *message,
         int64_t unreachable_ns, struct arena *arena)
{
    Mesos__V1__TaskStatus status;
    Mesos__V1__TimeInfo since = MESOS__V1__TIME_INFO__INIT;
    task_status_of(&status, task, state, reason, message, arena);
    if (unreachable_ns) {
        since.nanoseconds = unreachable_ns;
        status.unreachable_time = &since;
    }
    task_update(task, &status, state, (struct str){0});
    framework_send_status(task->framework, &status);
}

void
agent_drop_framework(struct agent *agent, struct framework *framework)
{
    struct task *task, *next;
    struct executor *executor, *following;
    auto_arena struct arena *arena = arena_new(0);
    char *message = arena_printf(arena, "Agent %s disconnected", agent->hostname);
    Mesos__V1__TaskState state =
        framework->partition_aware ? MESOS__V1__TASK_STATE__TASK_GONE : MESOS__V1__TASK_STATE__TASK_LOST;
    list_foreach_safe (task, next, &agent->tasks, agent_node) {
        if (task->framework != framework)
            continue;
        if (!task_state_terminal((Mesos__V1__TaskState)task->state))
            end_task(task, state, MESOS__V1__TASK_STATUS__REASON__REASON_AGENT_DISCONNECTED, message, 0,
                     arena);
        task_complete(task);
    }
    list_foreach_safe (executor, following, &agent->executors, agent_node) {
        if (executor->framework == framework)
            executor_remove(executor, true);
    }
}

/* One framework that runs here and does not checkpoint, or NULL. */
static struct framework *
fleeting_framework(const struct agent *agent)
{
    const struct task *task;
    const struct executor *executor;
    list_foreach (task, &agent->tasks, agent_node) {
        if (!task->framework->info->checkpoint)
            return task->framework;
    }
    list_foreach (executor, &agent->executors, agent_node) {
        if (!executor->framework->info->checkpoint)
            return executor->framework;
    }
    return NULL;
}

void
agent_disconnected(struct agent *agent)
{
    struct framework *framework;
    if (!agent->connected)
        return;
    log_info("disconnected agent=%s pid=%s hostname=%s", agent->id, agent->pid, agent->hostname);
    agent_set_state(agent, false, false);
    agent->disconnected_ms = loop_now_ms(agent->master->loop);
    allocator_deactivate_agent(agent->master->allocator, agent->number);
    offers_rescind_agent(agent);
    while ((framework = fleeting_framework(agent)))
        agent_drop_framework(agent, framework);
}

static void
send_failure(struct master *master, const char *agent_id)
{
    Mesos__V1__Scheduler__Event event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Failure failure = MESOS__V1__SCHEDULER__EVENT__FAILURE__INIT;
    Mesos__V1__AgentID id = MESOS__V1__AGENT_ID__INIT;
    auto_free char *text = xstrdup(agent_id);
    struct framework *framework;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__FAILURE;
    event.failure = &failure;
    failure.agent_id = &id;
    id.value = text;
    map_foreach (framework, &master->frameworks)
        framework_send(framework, &event);
}

/* How an agent was lost: what its tasks become. */
enum loss { LOSS_UNREACHABLE, LOSS_REMOVED, LOSS_DOWN, LOSS_GONE };

/* What becomes of a task whose agent goes. Of one that left for good a framework that knows the state hears that the
 * task does not run any more; the others know one word only. One whose machine goes down was told to end, and nobody has
 * seen that it did: then that word is all that is true. */
static Mesos__V1__TaskState
lost_state(const struct framework *framework, enum loss loss)
{
    return !framework->partition_aware || loss == LOSS_DOWN ? MESOS__V1__TASK_STATE__TASK_LOST
           : loss == LOSS_UNREACHABLE  ? MESOS__V1__TASK_STATE__TASK_UNREACHABLE
           : loss == LOSS_REMOVED      ? MESOS__V1__TASK_STATE__TASK_GONE
                                       : MESOS__V1__TASK_STATE__TASK_GONE_BY_OPERATOR;
}

/* The registry has it: now it shows. lost: of an unreachable one, whose tasks may come back with it; else NULL. */
static void
lose(struct agent *agent, enum loss loss, struct lost_agent *lost)
{
    struct master *master = agent->master;
    struct task *task, *next;
    struct executor *executor, *following;
    int reason = loss == LOSS_GONE ? MESOS__V1__TASK_STATUS__REASON__REASON_AGENT_REMOVED_BY_OPERATOR
                                   : MESOS__V1__TASK_STATUS__REASON__REASON_AGENT_REMOVED;
    auto_arena struct arena *arena = arena_new(0);
    allocator_deactivate_agent(master->allocator, agent->number);
    agent_set_state(agent, agent->connected, false);
    list_foreach_safe (task, next, &agent->tasks, agent_node) {
        bool ended = task_state_terminal((Mesos__V1__TaskState)task->state);
        if (!ended)
            end_task(task, lost_state(task->framework, loss), reason, agent->loss, lost ? agent->loss_ns : 0, arena);
        if (lost && !ended)
            task_set_unreachable(task, lost);
        else
            task_complete(task);
        arena_reset(arena);
    }
    list_foreach_safe (executor, following, &agent->executors, agent_node)
        executor_remove(executor, true);
    offers_rescind_agent(agent);
    auto_free char *id = xstrdup(agent->id);
    agent_remove(agent);
    metric_inc(master->m.slave_removals);
    send_failure(master, id);
    if (loss != LOSS_UNREACHABLE)
        marked_agent_forget(master, id);
}

static void
on_unreachable_stored(void *arg)
{
    struct agent *agent = arg;
    struct master *master = agent->master;
    struct lost_agent *lost = lost_agent_add(&master->unreachable, str_of(agent->id), agent->loss_ns);
    lost->heard_over = agent->heard_over;
    metric_inc(master->m.slave_unreachable_completed);
    metric_inc(master->m.slave_removals_unhealthy);
    lose(agent, LOSS_UNREACHABLE, lost);
}

static void
put_unreachable(struct master *master, const char *id, int64_t since_ns)
{
    registrar_remove(master->registrar, MESOS_REGISTRY_ADMITTED, str_of(id));
    registry_put_unreachable(master, id, since_ns);
}

/* --agent_removal_rate_limit: true when one more may go now. Who may not is asked about again at its next
 * ping. */
static bool
may_remove(struct master *master)
{
    const struct master_options *options = master->options;
    int64_t now_ms = loop_now_ms(master->loop);
    if (options->agent_removal_rate_count <= 0)
        return true;
    if (now_ms < master->next_removal_ms)
        return false;
    master->next_removal_ms =
        now_ms + options->agent_removal_rate_ns / options->agent_removal_rate_count / 1000000;
    return true;
}

void
agent_mark_unreachable(struct agent *agent, const char *message)
{
    struct master *master = agent->master;
    if (agent->leaving)
        return;
    if (!agent->doomed)
        metric_inc(master->m.slave_unreachable_scheduled);
    agent->doomed = true;
    if (!may_remove(master))
        return;
    log_warning("unreachable agent=%s pid=%s hostname=%s: %s", agent->id, agent->pid, agent->hostname,
                message);
    agent->leaving = true;
    agent->loss = xstrdup(message);
    agent->loss_ns = (int64_t)(loop_wall_secs(master->loop) * 1e9);
    put_unreachable(master, agent->id, agent->loss_ns);
    registrar_commit(master->registrar, on_unreachable_stored, agent);
}

static void
on_unregistered_stored(void *arg)
{
    struct agent *agent = arg;
    metric_inc(agent->replaced ? agent->master->m.slave_removals_registered
                               : agent->master->m.slave_removals_unregistered);
    lose(agent, LOSS_REMOVED, NULL);
}

void
agent_unregistered(struct agent *agent, const char *message)
{
    struct master *master = agent->master;
    if (agent->leaving)
        return;
    log_info("remove agent=%s pid=%s hostname=%s: %s", agent->id, agent->pid, agent->hostname, message);
    agent->leaving = true;
    agent->loss = xasprintf("Agent %s removed: %s", agent->hostname, message);
    registrar_remove(master->registrar, MESOS_REGISTRY_ADMITTED, str_of(agent->id));
    registrar_commit(master->registrar, on_unregistered_stored, agent);
}

/* Its frameworks had been told that they are unreachable, and that they may come back. */
static void
end_unreachable_tasks(struct lost_agent *lost, const char *reason)
{
    auto_arena struct arena *arena = arena_new(0);
    struct task *task, *next;
    list_foreach_safe (task, next, &lost->tasks, agent_node) {
        if (task->framework->partition_aware) /* to others it was lost, and stays so */
            end_task(task, lost_state(task->framework, LOSS_GONE),
                     MESOS__V1__TASK_STATUS__REASON__REASON_AGENT_REMOVED_BY_OPERATOR, reason, 0, arena);
        task_complete(task);
        arena_reset(arena);
    }
}

void
agent_gone(struct master *master, const char *id, int64_t since_ns)
{
    static const char reason[] = "Agent has been marked gone";
    struct agent *agent = agent_find(master, id);
    struct recovered_agent *recovered = map_remove(&master->recovered, str_of(id));
    struct lost_agent *lost = map_remove(&master->unreachable, str_of(id));
    lost_agent_add(&master->gone, str_of(id), since_ns);
    if (agent) {
        agent_shutdown(master, &agent->upid, reason);
        free(agent->loss);
        agent->loss = xstrdup(reason);
        lose(agent, LOSS_GONE, NULL);
    } else if (recovered) {
        metric_inc(master->m.slave_removals);
        send_failure(master, id);
    }
    if (lost)
        end_unreachable_tasks(lost, reason);
    recovered_agent_free(recovered);
    lost_agent_free(lost);
    marked_agent_forget(master, id);
}

void
agent_machine_going_down(struct agent *agent)
{
    if (agent->leaving)
        return; /* it goes in another way already */
    agent->leaving = agent->machine_down = true;
    registrar_remove(agent->master->registrar, MESOS_REGISTRY_ADMITTED, str_of(agent->id));
}

static void
on_down_stored(void *arg)
{
    lose(arg, LOSS_DOWN, NULL);
}

void
agent_machine_down(struct agent *agent, const char *message)
{
    bool durable = agent->machine_down;
    if (agent->leaving && !durable)
        return;
    log_info("remove agent=%s pid=%s hostname=%s: %s", agent->id, agent->pid, agent->hostname, message);
    free(agent->loss);
    agent->loss = xasprintf("Agent %s removed: %s", agent->hostname, message);
    if (durable) {
        lose(agent, LOSS_DOWN, NULL);
        return;
    }
    agent_machine_going_down(agent);
    registrar_commit(agent->master->registrar, on_down_stored, agent);
}

static void
on_recovered_lost(void *arg)
{
    struct master *master = arg;
    struct recovered_agent *recovered;
    int64_t now_ns = (int64_t)(loop_wall_secs(master->loop) * 1e9);
    map_foreach (recovered, &master->recovered) {
        if (!recovered->marking)
            continue;
        map_remove(&master->recovered, str_of(recovered->id));
        lost_agent_add(&master->unreachable, str_of(recovered->id), now_ns);
        metric_inc(master->m.recovery_slave_removals);
        metric_inc(master->m.slave_removals);
        metric_inc(master->m.slave_removals_unhealthy);
        metric_inc(master->m.slave_unreachable_completed);
        send_failure(master, recovered->id);
        recovered_agent_free(recovered);
    }
}

/* As many of those that were awaited in vain as --agent_removal_rate_limit lets go now; the others later. Who comes back
 * meanwhile stays. */
static void
mark_recovered(struct master *master)
{
    struct recovered_agent *recovered;
    bool wait = false, marked = false;
    map_foreach (recovered, &master->recovered) {
        const struct marked_agent *mark = marked_agent(master, recovered->id);
        if (!recovered->leaving || recovered->marking || recovered->returning || (mark && mark->going) || wait)
            continue;
        wait = !may_remove(master);
        if (wait)
            continue;
        log_warning("unreachable agent=%s: it did not re-register after the failover of the master", recovered->id);
        recovered->marking = marked = true;
        put_unreachable(master, recovered->id, (int64_t)(loop_wall_secs(master->loop) * 1e9));
    }
    if (marked)
        registrar_commit(master->registrar, on_recovered_lost, master);
    if (wait)
        loop_timer_start(&master->reregister, master->next_removal_ms - loop_now_ms(master->loop) + 1);
}

void
agents_reregister_timeout(void *arg)
{
    struct master *master = arg;
    size_t missing = map_count(&master->recovered), total = master->recovered_total;
    struct recovered_agent *recovered;
    if (!missing)
        return;
    if (master->awaited_in_vain) {
        mark_recovered(master);
        return;
    }
    double share = (double)missing / (double)total;
    if (share > master->options->recovery_agent_removal_limit) {
        master_fatal(master,
                     "%zu of %zu agents have not come back after the failover: more than "
                     "--recovery_agent_removal_limit "
                     "allows to remove (%.0f%%)",
                     missing, total, master->options->recovery_agent_removal_limit * 100);
        return;
    }
    log_warning("unreachable agents=%zu: they did not come back within --agent_reregister_timeout", missing);
    master->awaited_in_vain = true;
    map_foreach (recovered, &master->recovered) {
        recovered->leaving = true;
        metric_inc(master->m.slave_unreachable_scheduled);
    }
    mark_recovered(master);
}

static int
compare_lost(const void *a, const void *b)
{
    const struct lost_agent *const *x = a, *const *y = b;
    if ((*x)->since_ns != (*y)->since_ns)
        return (*x)->since_ns < (*y)->since_ns ? -1 : 1;
    return strcmp((*x)->id, (*y)->id);
}

void
lost_agents_sort(struct map *map)
{
    size_t count = map_count(map), i = 0;
    struct lost_agent **list = xcalloc(count + 1, sizeof(*list)), *lost;
    map_foreach (lost, map)
        list[i++] = lost;
    qsort(list, count, sizeof(*list), compare_lost);
    for (i = 0; i < count; i++) {
        map_remove(map, str_of(list[i]->id));
        map_add(map, str_of(list[i]->id), list[i]);
    }
    free(list);
}

static void
collect(struct master *master, struct map *map, enum mesos_registry_table table)
{
    const struct master_options *options = master->options;
    int64_t oldest_ns = (int64_t)(loop_wall_secs(master->loop) * 1e9) - options->registry_max_agent_age_ns;
    struct lost_agent *lost;
    size_t gone = 0;
    map_foreach (lost, map) {
        if (lost->since_ns >= oldest_ns && (int64_t)map_count(map) <= options->registry_max_agent_count)
            break; /* in order of time */
        registrar_remove(master->registrar, table, str_of(lost->id));
        marked_agent_forget(master, lost->id);
        map_remove(map, str_of(lost->id));
        lost_agent_free(lost);
        gone++;
    }
    if (gone)
        log_info("forget lost agents=%zu", gone);
}

void
unreachable_collect(void *arg)
{
    struct master *master = arg;
    collect(master, &master->unreachable, MESOS_REGISTRY_UNREACHABLE);
    collect(master, &master->gone, MESOS_REGISTRY_GONE);
    loop_timer_start_ns(&master->gc, master->options->registry_gc_interval_ns);
}
