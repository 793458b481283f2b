/* SPDX-License-Identifier: Apache-2.0 */
/* /maintenance/... and /machine/...: nothing is scheduled and no machine is down, because maintenance is not built yet. */
#include "master/http.h"

void
http_maintenance(struct http_exchange *exchange, void *arg)
{
    if (str_is(http_exchange_request(exchange)->method, "POST"))
        http_not_built(exchange, "maintenance");
    else
        reply_json(exchange, STR_LIT("{}"));
}
