/* SPDX-License-Identifier: Apache-2.0 */
/* POST /teardown with a form body: an operator ends a framework. */
#include "master/authorize.h"
#include "master/http.h"
#include "master/orderer.h"

struct str
http_form_get(const struct http_request *request, const char *name)
{
    struct str rest = buf_str(&request->body), value = {0};
    while (rest.len) {
        struct str field = str_cut(&rest, '&'), key = str_cut(&field, '=');
        if (str_is(key, name) && http_percent_decode(field, true, request->arena, &value) == 0)
            return value;
    }
    return (struct str){0};
}

void
http_teardown(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    struct str id = http_form_get(http_exchange_request(exchange), "frameworkId");
    struct framework *framework = id.ptr ? map_get(&master->frameworks, id) : NULL;
    if (!id.ptr) {
        http_reply_text(exchange, 400, "Missing 'frameworkId' query parameter in the request body");
        return;
    }
    if (!framework) {
        audit_order(master, exchange, "TEARDOWN", arena_strdup(http_exchange_request(exchange)->arena, id),
                    "No framework found with specified ID");
        http_reply_text(exchange, 400, "No framework found with specified ID");
        return;
    }
    if (!admit_teardown(framework, exchange))
        return;
    audit_order(master, exchange, "TEARDOWN", framework->id, NULL);
    framework_teardown(framework, "teardown by an operator");
    http_reply(exchange, 200, NULL, (struct str){0});
}
