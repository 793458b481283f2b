/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /__processes__: the actors that peers can name. Messages are handled as they come, so that no queue of events ever
 * stands.
 */
#include "daemon/builtin.h"

struct walk {
    struct json json;
    const char *actor; /* the last one written */
};

static void
write_actor(const char *actor, const struct route *route, void *arg)
{
    struct walk *walk = arg;
    if (walk->actor && strcmp(walk->actor, actor) == 0)
        return;
    walk->actor = actor;
    json_object(&walk->json);
    json_key(&walk->json, "events");
    json_array(&walk->json);
    json_array_end(&walk->json);
    json_key_text(&walk->json, "id", actor);
    json_object_end(&walk->json);
}

void
builtin_processes(struct http_exchange *exchange, void *arg)
{
    struct daemon *daemon = arg;
    auto_buf struct buf out = {0};
    struct walk walk = {.json = json_on(&out)};
    json_array(&walk.json);
    router_each(daemon->router, write_actor, &walk);
    json_array_end(&walk.json);
    reply_json(exchange, buf_str(&out));
}
