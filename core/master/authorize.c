/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the authorizer for the master's calls and messages. Without one each question costs a comparison. */
#include "master/authorize.h"

#include <errno.h>
#include <string.h>

#include "daemon/access_task.h"
#include "master/calls.h"
#include "master/login.h"
#include "wire/message.h"

typedef Mesos__V1__Resource Resource;

/* The principal that a FrameworkInfo names: into *room, or NULL. */
static const struct mesos_principal *
principal_of(const Mesos__V1__FrameworkInfo *info, struct mesos_principal *room)
{
    if (!info->principal || !*info->principal)
        return NULL;
    *room = (struct mesos_principal){.size = sizeof(*room), .value = info->principal};
    return room;
}

static struct audit_who
asker(const struct framework *framework, struct mesos_principal *room)
{
    return (struct audit_who){principal_of(framework->info, room), framework_peer(framework)};
}

static const char *
principal_name(const Mesos__V1__FrameworkInfo *info)
{
    return info->principal && *info->principal ? info->principal : "ANY";
}

static struct mesos_bytes
bytes_of(const struct buf *packed)
{
    return (struct mesos_bytes){packed->len ? buf_data(packed) : NULL, packed->len};
}

/* ---- frameworks ---- */

int
authorize_framework(struct master *master, const Mesos__V1__FrameworkInfo *info, const struct address *peer,
                    struct arena *arena, struct err *err)
{
    struct access *access = master->daemon->access;
    struct mesos_principal room;
    auto_buf struct buf packed = {0}, names = {0};
    uint32_t count;
    bool allowed = true;
    if (!access_ruled(access))
        return 0;
    const char **roles = framework_info_roles(info, arena, &count);
    struct audit_who who = {principal_of(info, &room), peer};
    struct mesos_object object = {.size = sizeof(object), .framework_id = info->id ? info->id->value : NULL};
    message_pack(&packed, info);
    object.framework_info = bytes_of(&packed);
    for (uint32_t i = 0; i < count; i++) {
        object.value = roles[i];
        buf_printf(&names, "%s%s", i ? ", " : "", roles[i]);
        if (allowed)
            allowed = access_allows_who(access, who, MESOS_ACTION_REGISTER_FRAMEWORK, &object);
    }
    if (count == 0) /* no role at all: the action as such */
        allowed = access_allows_who(access, who, MESOS_ACTION_REGISTER_FRAMEWORK, &object);
    if (allowed)
        return 0;
    return err_set(err, -EACCES, "Not authorized to register framework %s with roles { %s }", info->id ? info->id->value : "",
                   buf_cstr(&names));
}

/* ---- tasks ---- */

int
authorize_task(const struct framework *framework, const Mesos__V1__TaskInfo *task,
               const Mesos__V1__ExecutorInfo *executor, struct buf *text)
{
    const struct master *master = framework->master;
    const Mesos__V1__FrameworkInfo *info = framework->info;
    const struct access_task launch = {info, task, task->executor ? task->executor : executor};
    const char *users[TASK_USERS_MAX];
    size_t count = master->options->root_submissions ? 0 : access_task_users(&launch, users);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(users[i], "root") != 0)
            continue;
        buf_printf(text, "Task '%s' is not allowed to run as user 'root' without --root_submissions set",
                   task->task_id->value);
        return -EACCES;
    }
    const char *user = access_task_refused(master->daemon->access, &launch, framework_peer(framework));
    if (!user)
        return 0;
    buf_printf(text, "Principal '%s' no authorized to launch task %s of framework %s under user '%s'", principal_name(info),
               task->task_id->value, framework->id, user);
    return -EACCES;
}

/* ---- resources ---- */

static const char *
reservation_role(const Resource *resource)
{
    if (resource->n_reservations) {
        const char *role = resource->reservations[resource->n_reservations - 1]->role;
        return role ? role : "*";
    }
    return resource->role ? resource->role : "*";
}

static const char *
reserver(const Resource *resource)
{
    if (resource->n_reservations)
        return resource->reservations[resource->n_reservations - 1]->principal;
    return resource->reservation ? resource->reservation->principal : NULL;
}

static const char *
creator(const Resource *volume)
{
    return volume->disk && volume->disk->persistence ? volume->disk->persistence->principal : NULL;
}

static const char *
resource_value(enum mesos_action action, const Resource *resource)
{
    return action == MESOS_ACTION_UNRESERVE_RESOURCES ? reserver(resource)
           : action == MESOS_ACTION_DESTROY_VOLUME    ? creator(resource)
                                                      : reservation_role(resource);
}

/* packed holds the resource for as long as the object is used. */
static struct mesos_object
resource_object(enum mesos_action action, const Resource *resource, struct buf *packed)
{
    message_pack(packed, resource);
    return (struct mesos_object){
        .size = sizeof(struct mesos_object), .value = resource_value(action, resource), .resource = bytes_of(packed)};
}

/* The first of them that the principal may not do that to, -1 when there is none. Of none at all the action as such is
 * asked. */
static ssize_t
first_refused(struct access *access, struct audit_who who, enum mesos_action action, Resource *const *resources, size_t count)
{
    if (count == 0 && !access_allows_who(access, who, action, NULL))
        return 0;
    for (size_t i = 0; i < count; i++) {
        auto_buf struct buf packed = {0};
        struct mesos_object object = resource_object(action, resources[i], &packed);
        if (!access_allows_who(access, who, action, &object))
            return (ssize_t)i;
    }
    return -1;
}

/* ---- operations of ACCEPT ---- */

struct deed {
    enum mesos_action action; /* 0 = none that anybody must be allowed */
    Resource *const *resources;
    size_t count;
};

static enum mesos_action
disk_action(bool create, int type)
{
    switch (type) {
    case MESOS__V1__RESOURCE__DISK_INFO__SOURCE__TYPE__BLOCK:
        return create ? MESOS_ACTION_CREATE_BLOCK_DISK : MESOS_ACTION_DESTROY_BLOCK_DISK;
    case MESOS__V1__RESOURCE__DISK_INFO__SOURCE__TYPE__MOUNT:
        return create ? MESOS_ACTION_CREATE_MOUNT_DISK : MESOS_ACTION_DESTROY_MOUNT_DISK;
    case MESOS__V1__RESOURCE__DISK_INFO__SOURCE__TYPE__RAW:
        return create ? 0 : MESOS_ACTION_DESTROY_RAW_DISK;
    default:
        return 0;
    }
}

static int
disk_type(const Resource *resource)
{
    const Mesos__V1__Resource__DiskInfo *disk = resource->disk;
    return disk && disk->source ? (int)disk->source->type : 0;
}

static struct deed
deed_of(const Mesos__V1__Offer__Operation *op)
{
#define OPERATION(name) MESOS__V1__OFFER__OPERATION__TYPE__##name
    switch (op->has_type ? op->type : OPERATION(UNKNOWN)) {
    case OPERATION(RESERVE):
        return op->reserve ? (struct deed){MESOS_ACTION_RESERVE_RESOURCES, op->reserve->resources, op->reserve->n_resources}
                           : (struct deed){0};
    case OPERATION(UNRESERVE):
        return op->unreserve
                   ? (struct deed){MESOS_ACTION_UNRESERVE_RESOURCES, op->unreserve->resources, op->unreserve->n_resources}
                   : (struct deed){0};
    case OPERATION(CREATE):
        return op->create ? (struct deed){MESOS_ACTION_CREATE_VOLUME, op->create->volumes, op->create->n_volumes}
                          : (struct deed){0};
    case OPERATION(DESTROY):
        return op->destroy ? (struct deed){MESOS_ACTION_DESTROY_VOLUME, op->destroy->volumes, op->destroy->n_volumes}
                           : (struct deed){0};
    case OPERATION(GROW_VOLUME):
        return op->grow_volume ? (struct deed){MESOS_ACTION_RESIZE_VOLUME, &op->grow_volume->volume, 1} : (struct deed){0};
    case OPERATION(SHRINK_VOLUME):
        return op->shrink_volume ? (struct deed){MESOS_ACTION_RESIZE_VOLUME, &op->shrink_volume->volume, 1}
                                 : (struct deed){0};
    case OPERATION(CREATE_DISK):
        return op->create_disk ? (struct deed){disk_action(true, (int)op->create_disk->target_type), &op->create_disk->source, 1}
                               : (struct deed){0};
    case OPERATION(DESTROY_DISK):
        return op->destroy_disk
                   ? (struct deed){disk_action(false, disk_type(op->destroy_disk->source)), &op->destroy_disk->source, 1}
                   : (struct deed){0};
    default:
        return (struct deed){0};
    }
#undef OPERATION
}

/* {"value":"web","resource":{...}} */
static void
put_object(struct buf *text, enum mesos_action action, const Resource *resource)
{
    struct json json = json_on(text);
    auto_buf struct buf shown = {0};
    const char *value = resource_value(action, resource);
    message_to_json(&shown, resource);
    json_object(&json);
    if (value)
        json_key_text(&json, "value", value);
    json_key(&json, "resource");
    json_raw(&json, buf_str(&shown));
    json_object_end(&json);
}

int
authorize_operation(const struct framework *framework, const Mesos__V1__Offer__Operation *operation, struct buf *text)
{
    struct access *access = framework->master->daemon->access;
    struct deed deed = deed_of(operation);
    struct mesos_principal room;
    if (!deed.action || !access_ruled(access))
        return 0;
    ssize_t at = first_refused(access, asker(framework, &room), deed.action, deed.resources, deed.count);
    if (at < 0)
        return 0;
    buf_printf(text, "Principal '%s' no authorized to perform action %s on object ", principal_name(framework->info),
               access_action_name(deed.action));
    if (deed.count)
        put_object(text, deed.action, deed.resources[at]);
    else
        buf_puts(text, "{}");
    return -EACCES;
}

/* ---- agents ---- */

/* Who authenticated itself from there, into *room; NULL = nobody. */
static const struct mesos_principal *
peer_principal(const struct master *master, const struct upid *from, struct mesos_principal *room)
{
    *room = (struct mesos_principal){.size = sizeof(*room), .value = login_principal(master, from)};
    return room->value ? room : NULL;
}

int
authorize_agent(struct master *master, const struct upid *from, const Mesos__SlaveInfo *info, struct err *err)
{
    struct access *access = master->daemon->access;
    struct mesos_principal room;
    if (!access_ruled(access))
        return 0;
    struct audit_who who = {peer_principal(master, from, &room), &from->address};
    if (!access_allows_who(access, who, MESOS_ACTION_REGISTER_AGENT, NULL))
        return err_set(err, -EACCES, "Not authorized to register as agent");
    for (size_t i = 0; i < info->n_resources; i++)
        if (strcmp(reservation_role(info->resources[i]), "*") != 0 &&
            first_refused(access, who, MESOS_ACTION_RESERVE_RESOURCES, &info->resources[i], 1) >= 0)
            return err_set(err, -EACCES, "Not authorized to register an agent with resources that are reserved for role '%s'",
                           reservation_role(info->resources[i]));
    return 0;
}

/* ---- operators ---- */

bool
admit(struct master *master, struct http_exchange *exchange, enum mesos_action action)
{
    return access_admits(master->daemon->access, exchange, action, NULL);
}

bool
may_look(struct master *master, struct http_exchange *exchange, enum mesos_action action)
{
    struct approver *approver = approver_new(master->daemon->access, http_exchange_principal(exchange), action);
    bool may = approver_allows(approver, NULL);
    approver_free(approver);
    return may;
}

bool
admit_teardown(const struct framework *framework, struct http_exchange *exchange)
{
    struct access *access = framework->master->daemon->access;
    struct mesos_principal room;
    const struct mesos_principal *owner = principal_of(framework->info, &room);
    auto_buf struct buf packed = {0};
    if (!access_ruled(access) && !access_is_executor(http_exchange_principal(exchange)))
        return true;
    message_pack(&packed, framework->info);
    struct mesos_object object = {.size = sizeof(object),
                                  .value = owner ? owner->value : NULL,
                                  .framework_info = bytes_of(&packed),
                                  .framework_id = framework->id};
    return access_admits(access, exchange, MESOS_ACTION_TEARDOWN_FRAMEWORK, &object);
}

bool
admit_resources(struct master *master, struct http_exchange *exchange, enum mesos_action action,
                Mesos__V1__Resource *const *resources, size_t count)
{
    struct access *access = master->daemon->access;
    if (count == 0)
        return admit(master, exchange, action);
    if (!access_ruled(access) && !access_is_executor(http_exchange_principal(exchange)))
        return true;
    for (size_t i = 0; i < count; i++) {
        auto_buf struct buf packed = {0};
        struct mesos_object object = resource_object(action, resources[i], &packed);
        if (!access_admits(access, exchange, action, &object))
            return false;
    }
    return true;
}
