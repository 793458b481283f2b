/* SPDX-License-Identifier: Apache-2.0 */
/* /reserve, /unreserve, /create-volumes, /destroy-volumes: forms that change an agent's resources, not built yet. */
#include "master/http.h"

void
http_reserve(struct http_exchange *exchange, void *arg)
{
    http_not_built(exchange, "dynamic reservations; give the agent --resources with a role instead");
}

void
http_volumes(struct http_exchange *exchange, void *arg)
{
    http_not_built(exchange, "persistent volumes");
}
