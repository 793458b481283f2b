/* SPDX-License-Identifier: Apache-2.0 */
/* /weights: the weights that --weights gave. Setting them while the master runs is not built yet. */
#include "master/http.h"

void
http_write_weight(struct json *json, struct str role, double weight)
{
    json_object(json);
    json_key_string(json, "role", role);
    json_key_double(json, "weight", weight);
    json_object_end(json);
}

void
http_weights(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    auto_sight struct sight *sight = sight_of(master, exchange);
    auto_buf struct buf out = {0};
    struct json json = json_on(&out);
    struct str rest = str_of(master->weights), role;
    const char *roles;
    double weight;
    if (str_is(http_exchange_request(exchange)->method, "PUT")) {
        if (http_admit_weights(master, exchange, &roles))
            http_not_built(master, exchange, "UPDATE_WEIGHTS", roles,
                           "changing weights while the master runs; start it with --weights=role=weight,... instead");
        return;
    }
    json_array(&json);
    while (roles_next_weight(&rest, &role, &weight)) {
        auto_free char *name = str_dup(role);
        if (sight_role(sight, name))
            http_write_weight(&json, role, weight);
    }
    json_array_end(&json);
    reply_json(exchange, buf_str(&out));
}
