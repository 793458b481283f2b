/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is taken over the executors' Unix socket, which any user of the machine can reach and where nobody shows a certificate:
 * of who has not said who they are only what executors do with containers inside of their own. Called by http_api_v1.c.
 */
#include "agent/operator.h"

typedef Mesos__V1__Agent__Call Call;

#define ID_OF(NAME, member)                                                                                        \
    case MESOS__V1__AGENT__CALL__TYPE__##NAME:                                                                     \
        return call->member->container_id

static const Mesos__V1__ContainerID *
container_of_call(const Call *call)
{
    switch (call->type) {
        ID_OF(LAUNCH_NESTED_CONTAINER, launch_nested_container);
        ID_OF(WAIT_NESTED_CONTAINER, wait_nested_container);
        ID_OF(KILL_NESTED_CONTAINER, kill_nested_container);
        ID_OF(REMOVE_NESTED_CONTAINER, remove_nested_container);
        ID_OF(LAUNCH_NESTED_CONTAINER_SESSION, launch_nested_container_session);
        ID_OF(ATTACH_CONTAINER_INPUT, attach_container_input);
        ID_OF(ATTACH_CONTAINER_OUTPUT, attach_container_output);
        ID_OF(LAUNCH_CONTAINER, launch_container);
        ID_OF(WAIT_CONTAINER, wait_container);
        ID_OF(KILL_CONTAINER, kill_container);
        ID_OF(REMOVE_CONTAINER, remove_container);
    default:
        return NULL;
    }
}

bool
operator_admits_local(const struct agent *agent, struct http_exchange *exchange, const Call *call, const char *name)
{
    const Mesos__V1__ContainerID *id = container_of_call(call);
    if (!http_exchange_is_local(exchange) || http_exchange_principal(exchange) || (id && id->parent))
        return true;
    struct mesos_object object = {.size = sizeof(object), .container = id ? id->value : NULL};
    audit_refused(agent->daemon->audit, audit_asker(exchange), name, &object);
    http_reply_text(exchange, 403, "Over the executors' socket only calls on containers inside of containers are taken from who has "
                                   "not logged in");
    return false;
}
