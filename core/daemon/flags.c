/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's flags as JSON, for /flags and /state: sorted by name, as text, without secrets. */
#include "conf/option.h"
#include "daemon/builtin.h"

struct flag {
    const char *name, *value;
};

struct flags {
    struct flag *items;
    size_t count;
};

static void
collect(const struct option *option, const char *value, void *arg)
{
    struct flags *flags = arg;
    if (value == NULL)
        return;
    flags->items = xreallocarray(flags->items, flags->count + 1, sizeof(struct flag));
    flags->items[flags->count++] = (struct flag){option->name, value};
}

static int
compare(const void *a, const void *b)
{
    const struct flag *x = a, *y = b;
    return strcmp(x->name, y->name);
}

void
daemon_flags_object(const struct option_set *conf, struct json *json)
{
    struct flags flags = {0};
    if (conf)
        conf_each(conf, collect, &flags);
    if (flags.count)
        qsort(flags.items, flags.count, sizeof(struct flag), compare);
    json_object(json);
    for (size_t i = 0; i < flags.count; i++)
        json_key_text(json, flags.items[i].name, flags.items[i].value);
    json_object_end(json);
    free(flags.items);
}

void
builtin_flags(struct http_exchange *exchange, void *arg)
{
    struct daemon *daemon = arg;
    auto_buf struct buf out = {0};
    struct json json = json_on(&out);
    if (!access_admits(daemon->access, exchange, MESOS_ACTION_VIEW_FLAGS, NULL))
        return;
    json_object(&json);
    json_key(&json, "flags");
    daemon_flags_object(daemon->conf, &json);
    json_object_end(&json);
    reply_json(exchange, buf_str(&out));
}
