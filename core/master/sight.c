/* SPDX-License-Identifier: Apache-2.0 */
/* See sight.h. What the rules do not look at is not put together for them: mostly that is the user's name alone. */
#include "master/sight.h"

#include "master/state.h"
#include "wire/message.h"

enum { EYES = 4 };
enum { FRAMEWORKS, TASKS, EXECUTORS, ROLES };

struct sight {
    struct approver *eyes[EYES];
    /* The last answer about a task: neighbours mostly have the same user. */
    char last_user[64];
    bool last_seen;
};

struct sight *
sight_new(struct master *master, const struct mesos_principal *principal)
{
    static const enum mesos_action actions[EYES] = {MESOS_ACTION_VIEW_FRAMEWORK, MESOS_ACTION_VIEW_TASK,
                                                    MESOS_ACTION_VIEW_EXECUTOR, MESOS_ACTION_VIEW_ROLE};
    struct access *access = master->daemon->access;
    bool whole = true;
    if (!access_ruled(access) && !access_is_executor(principal))
        return NULL;
    struct sight *sight = xcalloc(1, sizeof(*sight));
    for (int i = 0; i < EYES; i++) {
        sight->eyes[i] = approver_new(access, principal, actions[i]);
        whole &= approver_uniform(sight->eyes[i]) == 1;
    }
    if (!whole)
        return sight;
    sight_free(sight);
    return NULL;
}

struct sight *
sight_of(struct master *master, const struct http_exchange *exchange)
{
    return sight_new(master, http_exchange_principal(exchange));
}

void
sight_free(struct sight *sight)
{
    for (int i = 0; sight && i < EYES; i++)
        approver_free(sight->eyes[i]);
    free(sight);
}

void
sight_cleanup(struct sight **sight)
{
    sight_free(*sight);
}

bool
sight_reads_infos(const struct sight *sight)
{
    uint32_t reads = 0;
    for (int i = 0; sight && i < EYES; i++)
        reads |= approver_reads(sight->eyes[i]);
    return (reads & MESOS_OBJECT_MESSAGES) != 0;
}

/* Does an answer depend on more than the value? */
static bool
looks_further(const struct approver *approver)
{
    return (approver_reads(approver) & ~(uint32_t)MESOS_OBJECT_VALUE) != 0;
}

static bool
ask(struct approver *approver, const struct framework *framework, struct mesos_object *object)
{
    auto_buf struct buf packed = {0};
    object->size = sizeof(*object);
    object->framework_id = framework->id;
    if (approver_reads(approver) & MESOS_OBJECT_MESSAGES) {
        message_pack(&packed, framework->info);
        object->framework_info = (struct mesos_bytes){buf_data(&packed), packed.len};
    }
    return approver_allows(approver, object);
}

bool
sight_framework(struct sight *sight, const struct framework *framework)
{
    struct mesos_object object = {.value = framework->info->user};
    return !sight || ask(sight->eyes[FRAMEWORKS], framework, &object);
}

static bool
ask_task(struct approver *approver, const struct task *task, const char *user)
{
    auto_buf struct buf packed = {0};
    struct mesos_object object = {.value = user};
    struct str id = task_executor_id(task);
    auto_free char *executor_id = id.len ? str_dup(id) : NULL;
    object.executor_id = executor_id;
    task_pack(task, &packed);
    object.task = (struct mesos_bytes){buf_data(&packed), packed.len};
    return ask(approver, task->framework, &object);
}

bool
sight_task(struct sight *sight, const struct task *task)
{
    if (!sight)
        return true;
    struct approver *approver = sight->eyes[TASKS];
    const char *user = task->user ? task->user : task->framework->info->user;
    int uniform = approver_uniform(approver);
    if (uniform >= 0)
        return uniform;
    if (looks_further(approver))
        return ask_task(approver, task, user);
    if (*user && strcmp(sight->last_user, user) == 0)
        return sight->last_seen;
    bool seen = approver_allows_value(approver, user);
    if (strlen(user) < sizeof(sight->last_user)) {
        strcpy(sight->last_user, user);
        sight->last_seen = seen;
    }
    return seen;
}

bool
sight_executor(struct sight *sight, const struct executor *executor)
{
    if (!sight)
        return true;
    struct mesos_object object = {
        .value = executor->user ? executor->user : executor->framework->info->user,
        .executor_id = executor->id,
        .executor_info = {executor->info, executor->info_len},
    };
    return ask(sight->eyes[EXECUTORS], executor->framework, &object);
}

bool
sight_role(struct sight *sight, const char *role)
{
    return !sight || approver_allows_value(sight->eyes[ROLES], role);
}

bool
sight_roles(const struct sight *sight)
{
    return !sight || approver_uniform(sight->eyes[ROLES]) == 1;
}

bool
sight_resource(struct sight *sight, const struct mesos_resource *resource)
{
    return (strcmp(resource->role, "*") == 0 || sight_role(sight, resource->role)) &&
           (!resource->allocation_role || sight_role(sight, resource->allocation_role));
}

bool
sight_resources(struct sight *sight, const struct resources *resources)
{
    for (uint32_t i = 0; i < resources->count && !sight_roles(sight); i++)
        if (!sight_resource(sight, &resources->items[i]))
            return false;
    return true;
}

static bool
is_seen(const struct mesos_resource *resource, void *sight)
{
    return sight_resource(sight, resource);
}

const struct resources *
sight_seen(struct sight *sight, const struct resources *from, struct resources *room)
{
    if (sight_roles(sight))
        return from;
    resources_filter(room, from, is_seen, sight);
    return room;
}
