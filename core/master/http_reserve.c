/* SPDX-License-Identifier: Apache-2.0 */
/* /reserve, /unreserve, /create-volumes, /destroy-volumes: forms that change an agent's resources, not built yet. */
#include "master/http.h"

void
http_reserve(struct http_exchange *exchange, void *arg)
{
    struct str path = http_exchange_request(exchange)->path;
    bool back = memmem(path.ptr, path.len, "unreserve", 9) != NULL;
    if (http_admit_form(arg, exchange, back ? MESOS_ACTION_UNRESERVE_RESOURCES : MESOS_ACTION_RESERVE_RESOURCES, "resources"))
        http_not_built(exchange, "dynamic reservations; give the agent --resources with a role instead");
}

void
http_volumes(struct http_exchange *exchange, void *arg)
{
    struct str path = http_exchange_request(exchange)->path;
    bool destroy = memmem(path.ptr, path.len, "destroy", 7) != NULL;
    if (http_admit_form(arg, exchange, destroy ? MESOS_ACTION_DESTROY_VOLUME : MESOS_ACTION_CREATE_VOLUME, "volumes"))
        http_not_built(exchange, "persistent volumes");
}
