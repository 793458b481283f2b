/* SPDX-License-Identifier: Apache-2.0 */
/* /reserve, /unreserve, /create-volumes, /destroy-volumes: forms that change an agent's resources, not built yet. */
#include "master/http.h"

static const char reservations[] = "dynamic reservations; give the agent --resources with a role instead";
static const char volumes[] = "persistent volumes";

/* call: its name in the v1 API, as the audit log has it. */
static void
refuse(struct master *master, struct http_exchange *exchange, enum mesos_action action, const char *call, const char *field,
       const char *what)
{
    const struct http_request *request = http_exchange_request(exchange);
    if (!http_admit_form(master, exchange, action, field))
        return;
    struct str id = http_form_get(request, "slaveId");
    http_not_built(master, exchange, call, id.ptr ? arena_strdup(request->arena, id) : NULL, what);
}

void
http_reserve(struct http_exchange *exchange, void *arg)
{
    refuse(arg, exchange, MESOS_ACTION_RESERVE_RESOURCES, "RESERVE_RESOURCES", "resources", reservations);
}

void
http_unreserve(struct http_exchange *exchange, void *arg)
{
    refuse(arg, exchange, MESOS_ACTION_UNRESERVE_RESOURCES, "UNRESERVE_RESOURCES", "resources", reservations);
}

void
http_create_volumes(struct http_exchange *exchange, void *arg)
{
    refuse(arg, exchange, MESOS_ACTION_CREATE_VOLUME, "CREATE_VOLUMES", "volumes", volumes);
}

void
http_destroy_volumes(struct http_exchange *exchange, void *arg)
{
    refuse(arg, exchange, MESOS_ACTION_DESTROY_VOLUME, "DESTROY_VOLUMES", "volumes", volumes);
}
