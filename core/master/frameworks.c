/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frameworks: their info, how they come and go. Who is at their other end is contact.c's. What they may say is checked by
 * validate_framework.c and calls.c before it gets here.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "host/kind_allocator.h"
#include "master/records.h"
#include "master/state.h"
#include "master/subscribers.h"
#include "master/throttle.h"
#include "wire/message.h"

struct framework *
framework_find(const struct master *master, const char *id)
{
    return map_get(&master->frameworks, str_of(id));
}

struct framework *
framework_by_number(const struct master *master, mesos_framework_t number)
{
    return number < master->next_framework_number ? master->frameworks_by_number[number] : NULL;
}

bool
framework_has_capability(const Mesos__V1__FrameworkInfo *info, int type)
{
    for (size_t i = 0; i < info->n_capabilities; i++)
        if (info->capabilities[i]->has_type && (int)info->capabilities[i]->type == type)
            return true;
    return false;
}

const char **
framework_info_roles(const Mesos__V1__FrameworkInfo *info, struct arena *arena, uint32_t *ret_count)
{
    bool multi = framework_has_capability(info, MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__MULTI_ROLE);
    size_t count = multi ? info->n_roles : 1;
    const char **roles = arena_calloc(arena, count + 1, sizeof(*roles));
    for (size_t i = 0; i < count; i++)
        roles[i] = multi ? info->roles[i] : info->role ? info->role : "*";
    *ret_count = (uint32_t)count;
    return roles;
}

bool
framework_has_role(const struct framework *framework, const char *role)
{
    for (uint32_t i = 0; i < framework->role_count; i++)
        if (strcmp(framework->roles[i], role) == 0)
            return true;
    return false;
}

void
framework_set_suppressed(struct framework *framework, const char *const *roles, size_t count, bool suppressed)
{
    for (uint32_t i = 0; i < framework->role_count; i++) {
        bool named = count == 0;
        for (size_t j = 0; j < count && !named; j++)
            named = strcmp(framework->roles[i], roles[j]) == 0;
        if (!named)
            continue;
        framework->suppressed[i] = suppressed;
        framework_metrics_suppressed(framework, framework->roles[i], suppressed);
    }
}

/* Everything that comes with the info lives in one arena, which is replaced as a whole. */
static void
take_info(struct framework *framework, const Mesos__V1__FrameworkInfo *info, char *const *suppressed,
          size_t suppressed_count, const Mesos__V1__Scheduler__OfferConstraints *constraints)
{
    struct arena *former = framework->arena, *arena = arena_new(0);
    framework->arena = arena;
    framework->info = message_dup(info, arena);
    framework->info->id = arena_alloc(arena, sizeof(*framework->info->id));
    mesos__v1__framework_id__init(framework->info->id);
    framework->info->id->value = arena_strdup(arena, str_of(framework->id));
    framework->roles = framework_info_roles(framework->info, arena, &framework->role_count);
    framework->suppressed = arena_calloc(arena, framework->role_count + 1, sizeof(bool));
    framework->constraints = constraints ? message_dup(constraints, arena) : NULL;
    info = framework->info;
    framework->partition_aware =
        framework_has_capability(info, MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__PARTITION_AWARE);
    framework->refinement =
        framework_has_capability(info, MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__RESERVATION_REFINEMENT);
    framework->multi_role =
        framework_has_capability(info, MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__MULTI_ROLE);
    for (uint32_t i = 0; i < framework->role_count; i++)
        framework_metrics_suppressed(framework, framework->roles[i], false);
    if (suppressed_count)
        framework_set_suppressed(framework, (const char *const *)suppressed, suppressed_count, true);
    arena_free(former);
}

static struct str
packed_in(const void *message, struct arena *arena)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    unsigned char *bytes = arena_alloc(arena, size + 1);
    protobuf_c_message_pack(message, bytes);
    return str_n(bytes, size);
}

bool
framework_info_is(const struct framework *framework, const Mesos__V1__FrameworkInfo *info)
{
    auto_arena struct arena *arena = arena_new(0);
    return str_eq(packed_in(framework->info, arena), packed_in(info, arena));
}

/* What the allocator is told; the lists point into arena and framework. */
static void
allocator_view(struct framework *framework, struct mesos_allocator_framework *view, struct arena *arena)
{
    const Mesos__V1__FrameworkInfo *info = framework->info;
    const char **suppressed = arena_calloc(arena, framework->role_count + 1, sizeof(*suppressed));
    uint32_t count = 0;
    for (uint32_t i = 0; i < framework->role_count; i++)
        if (framework->suppressed[i])
            suppressed[count++] = framework->roles[i];
    struct str packed = packed_in(info, arena);
    struct str constraints = framework->constraints ? packed_in(framework->constraints, arena) : (struct str){0};
#define HAS(name) framework_has_capability(info, MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__##name)
    *view = (struct mesos_allocator_framework){
        .size = sizeof(*view),
        .framework = framework->number,
        .id = framework->id,
        .info = {packed.ptr, packed.len},
        .roles = framework->roles,
        .role_count = framework->role_count,
        .suppressed_roles = suppressed,
        .suppressed_role_count = count,
        .active = framework->active,
        .revocable = HAS(REVOCABLE_RESOURCES),
        .shared = HAS(SHARED_RESOURCES),
        .gpu = HAS(GPU_RESOURCES),
        .reservation_refinement = framework->refinement,
        .region_aware = HAS(REGION_AWARE),
        .constraints = {constraints.ptr, constraints.len},
    };
#undef HAS
}

static void on_failover(void *arg);

static void
number_framework(struct master *master, struct framework *framework)
{
    if (master->next_framework_number == 0)
        master->next_framework_number = 1;
    if (master->next_framework_number >= master->framework_slots) {
        master->framework_slots = master->framework_slots ? master->framework_slots * 2 : 16;
        master->frameworks_by_number = xreallocarray(master->frameworks_by_number, master->framework_slots,
                                                     sizeof(*master->frameworks_by_number));
    }
    master->frameworks_by_number[0] = NULL;
    framework->number = master->next_framework_number++;
    master->frameworks_by_number[framework->number] = framework;
}

/* A scheduler may have chosen an id that looks like ours. */
static char *
new_id(struct master *master)
{
    for (;;) {
        char *id = xasprintf("%s-%04u", master->id, master->next_framework++);
        if (!map_get(&master->frameworks, str_of(id)) && !map_get(&master->completed_ids, str_of(id)))
            return id;
        free(id);
    }
}

struct framework *
framework_add(struct master *master, const Mesos__V1__FrameworkInfo *info, const char *id)
{
    struct framework *framework = xcalloc(1, sizeof(*framework));
    framework->master = master;
    framework->id = id && *id ? xstrdup(id) : new_id(master);
    list_init(&framework->done);
    list_init(&framework->offers);
    sheets_init(&framework->task_sheets, master->views, &task_records);
    sheets_init(&framework->unreachable_sheets, master->views, &unreachable_task_records);
    sheets_init(&framework->done_sheets, master->views, &done_task_records);
    sheets_init(&framework->executor_sheets, master->views, &executor_records);
    sheets_init(&framework->offer_sheets, master->views, &offer_records);
    list_init(&framework->fresh_node);
    list_init(&framework->inverse_offers);
    list_init(&framework->fresh_inverse_node);
    list_init(&framework->completed_node);
    loop_timer_init(&framework->heartbeat, master->loop, framework_heartbeat, framework);
    loop_timer_init(&framework->failover, master->loop, on_failover, framework);
    take_info(framework, info, NULL, 0, NULL);
    number_framework(master, framework);
    framework->registered_secs = loop_wall_secs(master->loop);
    if (master->options->publish_per_framework_metrics)
        framework->metrics = framework_metrics_new(framework);
    principal_metrics_add(framework);
    for (uint32_t i = 0; i < framework->role_count; i++)
        framework_metrics_suppressed(framework, framework->roles[i], false);
    map_add(&master->frameworks, str_of(framework->id), framework);
    return framework;
}

void
framework_announce(struct framework *framework)
{
    struct mesos_allocator_framework view;
    auto_arena struct arena *arena = arena_new(0);
    allocator_view(framework, &view, arena);
    allocator_add_framework(framework->master->allocator, &view, NULL, 0);
}

void
framework_update(struct framework *framework, const Mesos__V1__FrameworkInfo *info, char *const *suppressed,
                 size_t suppressed_count, const Mesos__V1__Scheduler__OfferConstraints *constraints)
{
    struct mesos_allocator_framework view;
    take_info(framework, info, suppressed, suppressed_count, constraints);
    framework->master->framework_infos++;
    auto_arena struct arena *arena = arena_new(0);
    allocator_view(framework, &view, arena);
    allocator_update_framework(framework->master->allocator, &view);
    struct offer *offer, *next;
    list_foreach_safe (offer, next, &framework->offers, framework_node) {
        if (!framework_has_role(framework, offer->role))
            offer_rescind(offer);
    }
}

void
framework_each_agent(struct framework *framework,
                     void (*fn)(struct framework *framework, struct agent *agent))
{
    struct task *task;
    struct executor *executor;
    uint64_t mark = ++framework->master->mark;
    map_foreach (task, &framework->tasks) {
        if (task->agent && task->agent->mark != mark) {
            task->agent->mark = mark;
            fn(framework, task->agent);
        }
    }
    map_foreach (executor, &framework->executors) {
        if (executor->agent->mark != mark) {
            executor->agent->mark = mark;
            fn(framework, executor->agent);
        }
    }
}

void
framework_tell_agent(struct framework *framework, struct agent *agent)
{
    Mesos__Internal__UpdateFrameworkMessage message = MESOS__INTERNAL__UPDATE_FRAMEWORK_MESSAGE__INIT;
    message.framework_id = framework->info->id;
    message.framework_info = framework->info;
    message.pid = framework_pid(framework);
    agent_send(agent, "mesos.internal.UpdateFrameworkMessage", &message);
}

/* failover_timeout in milliseconds; what is negative counts as none. */
static int64_t
failover_ms(const struct framework *framework)
{
    double secs = framework->info->failover_timeout;
    return secs > 0 && secs < 9e9 ? (int64_t)ceil(secs * 1000) : secs >= 9e9 ? INT64_C(9000000000000) : 0;
}

void
framework_await(struct framework *framework, int64_t extra_ms)
{
    loop_timer_start(&framework->failover, failover_ms(framework) + extra_ms);
}

static void
on_failover(void *arg)
{
    struct framework *framework = arg;
    log_info("failover timeout framework=%s name=\"%s\"", framework->id, framework->info->name);
    framework_remove(framework, "failover timeout");
}

/* One that ended before keeps its state; that the framework went is its last status all the same. */
static void
end_task(struct task *task, struct arena *arena)
{
    Mesos__V1__TaskStatus status;
    char *message = arena_printf(arena, "Framework %s removed", task->framework->id);
    task_status_of(&status, task, MESOS__V1__TASK_STATE__TASK_KILLED,
                   MESOS__V1__TASK_STATUS__REASON__REASON_FRAMEWORK_REMOVED, message, arena);
    task_update(task, &status, status.state, (struct str){0});
    task_complete(task);
    arena_reset(arena);
}

static void
end_tasks(struct framework *framework)
{
    auto_arena struct arena *arena = arena_new(0);
    struct task *task;
    struct executor *executor;
    map_foreach (task, &framework->tasks)
        end_task(task, arena);
    map_foreach (task, &framework->unreachable) /* an agent that returns with it is told to end it */
        end_task(task, arena);
    map_foreach (executor, &framework->executors) {
        executor_remove(executor, true);
    }
}

static void
tell_agents_shutdown(struct framework *framework)
{
    Mesos__Internal__ShutdownFrameworkMessage message = MESOS__INTERNAL__SHUTDOWN_FRAMEWORK_MESSAGE__INIT;
    struct agent *agent;
    message.framework_id = framework->info->id;
    map_foreach (agent, &framework->master->agents) {
        if (agent->connected)
            agent_send(agent, "mesos.internal.ShutdownFrameworkMessage", &message);
    }
}

static void
keep_completed(struct framework *framework)
{
    struct master *master = framework->master;
    framework->completed = true;
    framework->unregistered_secs = loop_wall_secs(master->loop);
    list_push(&master->completed, &framework->completed_node);
    map_set(&master->completed_ids, str_of(framework->id), framework);
    while (map_count(&master->completed_ids) > (size_t)master->options->max_completed_frameworks) {
        struct framework *oldest = list_first(&master->completed, struct framework, completed_node);
        list_remove(&oldest->completed_node);
        map_remove(&master->completed_ids, str_of(oldest->id));
        framework_free(oldest);
    }
}

void
framework_remove(struct framework *framework, const char *why)
{
    struct master *master = framework->master;
    log_info("remove framework=%s name=\"%s\" reason=\"%s\" tasks=%zu", framework->id, framework->info->name,
             why, map_count(&framework->tasks));
    loop_timer_stop(&framework->failover);
    allocator_deactivate_framework(master->allocator, framework->number);
    framework->active = false;
    tell_agents_shutdown(framework);
    offers_drop_framework(framework);
    inverse_answers_forget_framework(framework);
    end_tasks(framework);
    framework_contact_end(framework);
    framework->connected = framework->recovered = false;
    framework_metrics_free(framework->metrics, framework->master->daemon->metrics);
    framework->metrics = NULL;
    principal_metrics_drop(framework);
    allocator_remove_framework(master->allocator, framework->number);
    master->frameworks_by_number[framework->number] = NULL;
    map_remove(&master->frameworks, str_of(framework->id));
    subscribers_framework_removed(framework);
    throttle_forget(framework);
    keep_completed(framework);
}

void
framework_teardown(struct framework *framework, const char *why)
{
    if (framework->pid)
        framework_send_error(framework, "Framework has been removed");
    framework_remove(framework, why);
}

void
framework_free(struct framework *framework)
{
    struct task *task, *next;
    if (!framework)
        return;
    loop_timer_stop(&framework->heartbeat);
    loop_timer_stop(&framework->failover);
    list_foreach_safe (task, next, &framework->done, agent_node)
        task_free(task);
    map_foreach (task, &framework->unreachable) {
        list_remove(&task->agent_node);
        task_free(task);
    }
    framework_metrics_free(framework->metrics, framework->master->daemon->metrics);
    sheets_fini(&framework->task_sheets);
    sheets_fini(&framework->unreachable_sheets);
    sheets_fini(&framework->done_sheets);
    sheets_fini(&framework->executor_sheets);
    sheets_fini(&framework->offer_sheets);
    map_fini(&framework->tasks);
    map_fini(&framework->unreachable);
    map_fini(&framework->done_ids);
    map_fini(&framework->executors);
    arena_free(framework->arena);
    free(framework->fresh);
    free(framework->pid);
    free(framework->id);
    free(framework);
}
