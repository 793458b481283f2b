/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what is not built yet (reservations, volumes, quota, weights): asked all the same before the call is refused
 * with 501, so that what a principal hears does not change when it is built. For the calls of operator_calls.def that are
 * LATER, and for the older endpoints, which say the same in forms and arrays.
 */
#include "master/authorize.h"
#include "master/http.h"
#include "master/operator.h"
#include "master/orderer.h"
#include "wire/message.h"

typedef Mesos__V1__Resource Resource;

#define CALL(name) MESOS__V1__MASTER__CALL__TYPE__##name

enum { NAMES_BYTES = 512 }; /* more the audit log cuts off */

/* Who reserves for whom cannot be told otherwise than by the principal that was proved. False: answered with 400. */
static bool
own_reservations(struct operator_call *op)
{
    const Mesos__V1__Master__Call__ReserveResources *call = op->call->reserve_resources;
    const struct mesos_principal *principal = http_exchange_principal(op->exchange);
    const struct agent *agent = agent_find(op->master, call->agent_id->value);
    if (!principal || !principal->value || !agent)
        return true;
    for (size_t i = 0; i < call->n_resources; i++) {
        const Resource *resource = call->resources[i];
        const char *named =
            resource->n_reservations ? resource->reservations[resource->n_reservations - 1]->principal : NULL;
        if (!named || strcmp(named, principal->value) == 0)
            continue;
        audit_order(op->master, op->exchange, "RESERVE_RESOURCES", agent->id, "A reservation is another principal's");
        http_reply_text(op->exchange, 400,
                        "Invalid RESERVE operation on agent %s at %s (%s): A reserve operation was attempted by "
                        "authenticated principal '%s', which does not match a reserved resource in the request with "
                        "principal '%s'",
                        agent->id, agent->pid, agent->hostname, principal->value, named);
        return false;
    }
    return true;
}

static bool
admit_weights(struct master *master, struct http_exchange *exchange, const Mesos__V1__Master__Call__UpdateWeights *call)
{
    for (size_t i = 0; i < call->n_weight_infos; i++)
        if (!access_admits_value(master->daemon->access, exchange, MESOS_ACTION_UPDATE_WEIGHT, call->weight_infos[i]->role))
            return false;
    return call->n_weight_infos || admit(master, exchange, MESOS_ACTION_UPDATE_WEIGHT);
}

static bool
admit_quota(struct operator_call *op)
{
    const Mesos__V1__Master__Call__UpdateQuota *call = op->call->update_quota;
    for (size_t i = 0; i < call->n_quota_configs; i++)
        if (!access_admits_value(op->master->daemon->access, op->exchange, MESOS_ACTION_UPDATE_QUOTA_WITH_CONFIG,
                                 call->quota_configs[i]->role))
            return false;
    return call->n_quota_configs || admit(op->master, op->exchange, MESOS_ACTION_UPDATE_QUOTA_WITH_CONFIG);
}

bool
operator_later_admits(struct operator_call *op)
{
    const Mesos__V1__Master__Call *call = op->call;
    struct master *master = op->master;
#define RESOURCES(ACTION, member, list) \
    admit_resources(master, op->exchange, MESOS_ACTION_##ACTION, call->member->list, call->member->n_##list)
    switch (call->type) {
    case CALL(RESERVE_RESOURCES):
        return own_reservations(op) && RESOURCES(RESERVE_RESOURCES, reserve_resources, resources);
    case CALL(UNRESERVE_RESOURCES):
        return RESOURCES(UNRESERVE_RESOURCES, unreserve_resources, resources);
    case CALL(CREATE_VOLUMES):
        return RESOURCES(CREATE_VOLUME, create_volumes, volumes);
    case CALL(DESTROY_VOLUMES):
        return RESOURCES(DESTROY_VOLUME, destroy_volumes, volumes);
    case CALL(GROW_VOLUME):
        return admit_resources(master, op->exchange, MESOS_ACTION_RESIZE_VOLUME, &call->grow_volume->volume, 1);
    case CALL(SHRINK_VOLUME):
        return admit_resources(master, op->exchange, MESOS_ACTION_RESIZE_VOLUME, &call->shrink_volume->volume, 1);
    case CALL(UPDATE_WEIGHTS):
        return admit_weights(master, op->exchange, call->update_weights);
    case CALL(UPDATE_QUOTA):
        return admit_quota(op);
    case CALL(SET_QUOTA):
        return access_admits_value(master->daemon->access, op->exchange, MESOS_ACTION_UPDATE_QUOTA,
                                   call->set_quota->quota_request->role);
    case CALL(REMOVE_QUOTA):
        return access_admits_value(master->daemon->access, op->exchange, MESOS_ACTION_UPDATE_QUOTA,
                                   call->remove_quota->role);
    default:
        return true;
    }
#undef RESOURCES
}

/* ---- what the audit log says that it was for ---- */

static void
add_name(struct buf *names, const char *name)
{
    if (names->len < NAMES_BYTES)
        buf_printf(names, "%s%.*s", names->len ? "," : "", NAMES_BYTES, name);
}

/* In arena; NULL = there are none. */
static const char *
all_names(const struct buf *names, struct arena *arena)
{
    return names->len ? arena_strdup(arena, buf_str(names)) : NULL;
}

static const char *
weights_object(const Mesos__V1__Master__Call__UpdateWeights *call, struct arena *arena)
{
    auto_buf struct buf names = {0};
    for (size_t i = 0; i < call->n_weight_infos; i++)
        add_name(&names, call->weight_infos[i]->role);
    return all_names(&names, arena);
}

static const char *
quota_object(const Mesos__V1__Master__Call__UpdateQuota *call, struct arena *arena)
{
    auto_buf struct buf names = {0};
    for (size_t i = 0; i < call->n_quota_configs; i++)
        add_name(&names, call->quota_configs[i]->role);
    return all_names(&names, arena);
}

const char *
operator_later_object(const struct operator_call *op)
{
    const Mesos__V1__Master__Call *call = op->call;
    const Mesos__V1__AgentID *agent_id = NULL;
    switch (call->type) {
    case CALL(RESERVE_RESOURCES):
        agent_id = call->reserve_resources->agent_id;
        break;
    case CALL(UNRESERVE_RESOURCES):
        agent_id = call->unreserve_resources->agent_id;
        break;
    case CALL(CREATE_VOLUMES):
        agent_id = call->create_volumes->agent_id;
        break;
    case CALL(DESTROY_VOLUMES):
        agent_id = call->destroy_volumes->agent_id;
        break;
    case CALL(GROW_VOLUME):
        agent_id = call->grow_volume->agent_id;
        break;
    case CALL(SHRINK_VOLUME):
        agent_id = call->shrink_volume->agent_id;
        break;
    case CALL(UPDATE_WEIGHTS):
        return weights_object(call->update_weights, op->arena);
    case CALL(UPDATE_QUOTA):
        return quota_object(call->update_quota, op->arena);
    case CALL(SET_QUOTA):
        return call->set_quota->quota_request->role;
    case CALL(REMOVE_QUOTA):
        return call->remove_quota->role;
    default:
        break;
    }
    return agent_id ? agent_id->value : NULL;
}

/* ---- the older endpoints ---- */

/* A JSON array as the last member of a message, behind those of `before`; NULL when it is none. */
static void *
read_array(struct http_exchange *exchange, struct str array, const char *before, const ProtobufCMessageDescriptor *type)
{
    auto_buf struct buf whole = {0};
    array = str_trim(array);
    if (!array.len || array.ptr[0] != '[')
        return NULL;
    buf_printf(&whole, "%s%.*s}", before, STR_ARG(array));
    return message_from_json(type, buf_str(&whole), http_exchange_request(exchange)->arena, NULL);
}

bool
http_admit_weights(struct master *master, struct http_exchange *exchange, const char **ret_object)
{
    const struct http_request *request = http_exchange_request(exchange);
    Mesos__V1__Master__Call__UpdateWeights *call =
        read_array(exchange, buf_str(&request->body), "{\"weight_infos\":", &mesos__v1__master__call__update_weights__descriptor);
    *ret_object = call ? weights_object(call, request->arena) : NULL;
    return call ? admit_weights(master, exchange, call) : admit(master, exchange, MESOS_ACTION_UPDATE_WEIGHT);
}

/* The role that the body or the path names; NULL = none can be read. */
static const char *
quota_role(const struct http_request *request)
{
    struct str path = request->path, role = {0}, text = {0};
    const Mesos__V1__Quota__QuotaRequest *asked;
    if (str_is(request->method, "POST")) {
        asked = message_from_json(&mesos__v1__quota__quota_request__descriptor, buf_str(&request->body), request->arena,
                                  NULL);
        return asked ? asked->role : NULL;
    }
    const char *at = memmem(path.ptr, path.len, "/quota/", 7);
    if (at)
        role = str_n(at + 7, path.len - (size_t)(at + 7 - path.ptr));
    if (!role.len || http_percent_decode(role, false, request->arena, &text) < 0 || memchr(text.ptr, 0, text.len))
        return NULL;
    return arena_strdup(request->arena, text);
}

bool
http_admit_quota(struct master *master, struct http_exchange *exchange, const char **ret_object)
{
    const char *role = quota_role(http_exchange_request(exchange));
    *ret_object = role;
    return role ? access_admits_value(master->daemon->access, exchange, MESOS_ACTION_UPDATE_QUOTA, role)
                : admit(master, exchange, MESOS_ACTION_UPDATE_QUOTA);
}

bool
http_admit_form(struct master *master, struct http_exchange *exchange, enum mesos_action action, const char *field)
{
    Mesos__V1__Master__Call__ReserveResources *call =
        read_array(exchange, http_form_get(http_exchange_request(exchange), field),
                   "{\"agent_id\":{\"value\":\"\"},\"resources\":", &mesos__v1__master__call__reserve_resources__descriptor);
    return admit_resources(master, exchange, action, call ? call->resources : NULL, call ? call->n_resources : 0);
}
