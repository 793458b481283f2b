/* SPDX-License-Identifier: Apache-2.0 */
/* GET /containerizer/debug: what containerizers and isolators were asked and have not answered yet. */
#include "agent/state.h"
#include "wire/json.h"

static void
write_pending(const struct module *module, const char *what, void *arg)
{
    struct json *json = arg;
    bool contains = module_kind(module) == MESOS_KIND_CONTAINERIZER || module_kind(module) == MESOS_KIND_ISOLATOR;
    if (!contains || strcmp(what, "wait") == 0) /* every running container is waited for */
        return;
    auto_free char *operation = xasprintf("%s::%s", module_name(module), what);
    json_object(json);
    json_key_text(json, "operation", operation);
    json_object_end(json);
}

void
http_containerizer_debug(struct http_exchange *exchange, void *arg)
{
    const struct agent *agent = arg;
    auto_buf struct buf out = {0};
    struct json json = json_on(&out);
    json_object(&json);
    json_key(&json, "pending");
    json_array(&json);
    host_calls_each(agent->setup.host, write_pending, &json);
    json_array_end(&json);
    json_object_end(&json);
    reply_json(exchange, buf_str(&out));
}
