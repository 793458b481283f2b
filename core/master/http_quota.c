/* SPDX-License-Identifier: Apache-2.0 */
/* /quota and /quota/<role>: no role has one, because setting quota is not built yet. */
#include "master/http.h"

void
http_quota(struct http_exchange *exchange, void *arg)
{
    struct str method = http_exchange_request(exchange)->method;
    const char *role;
    if (str_is(method, "GET") || str_is(method, "HEAD"))
        reply_json(exchange, STR_LIT("{}"));
    else if (http_admit_quota(arg, exchange, &role))
        http_not_built(arg, exchange, str_is(method, "POST") ? "SET_QUOTA" : "REMOVE_QUOTA", role, "quota");
}
