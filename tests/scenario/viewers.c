/* SPDX-License-Identifier: Apache-2.0 */
/* See viewers.h. */
#include "viewers.h"

const char *const users[USERS] = {"root", "nobody", "games"};

/* ---- a master whose views are made in several bites: large tasks, few on a sheet ---- */

static void
put_task(struct buf *out, const char *id, const char *user, const char *name, const char *agent_id)
{
    buf_printf(out, "{\"name\":\"%s\",\"task_id\":{\"value\":\"%s\"},\"agent_id\":{\"value\":\"%s\"},\"resources\":["
                    "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":0.001}}],"
                    "\"command\":{\"value\":\"true\",\"user\":\"%s\"}}",
               name, id, agent_id, user);
}

void
launch_sized(struct world *w, const char *prefix, size_t count, size_t name_bytes)
{
    const Mesos__V1__Offer *offer = an_offer(w);
    auto_buf struct buf text = {0}, name = {0};
    for (size_t i = 0; i < name_bytes; i++)
        buf_putc(&name, 'x');
    buf_printf(&text, "\"type\":\"ACCEPT\",\"accept\":{\"offer_ids\":[{\"value\":\"%s\"}],\"operations\":[{\"type\":\"LAUNCH\","
                      "\"launch\":{\"task_infos\":[",
               offer->id->value);
    for (size_t i = 0; i < count; i++) {
        const char *user = users[i % USERS];
        auto_free char *id = xasprintf("%s-of-%s-%zu", prefix, user, i);
        buf_puts(&text, i ? "," : "");
        put_task(&text, id, user, buf_cstr(&name), offer->agent_id->value);
    }
    buf_puts(&text, "]}}],\"filters\":{\"refuse_seconds\":0}}");
    assert_int_equal(call(w, buf_cstr(&text)), 202);
}

void
launch_large(struct world *w, const char *prefix, size_t count)
{
    launch_sized(w, prefix, count, NAME_BYTES);
}

struct world *
large_world(void)
{
    struct world *w = world_ruled_by_name();
    notary.reads = MESOS_OBJECT_IDS;
    notary_refuse(MESOS_ACTION_VIEW_TASK, "root", "alice");
    notary_refuse(MESOS_ACTION_VIEW_TASK, "nobody", "bob");
    notary_refuse(MESOS_ACTION_VIEW_TASK, "games", NULL);
    admitted(w);
    subscribe(w, ",\"principal\":\"alice\"", NULL);
    launch_large(w, "first", TASKS);
    return w;
}

size_t
asked(void)
{
    return notary.asked_about[MESOS_ACTION_VIEW_TASK];
}

/* ---- who looks ---- */

static void
on_answer(const struct http_response *response, void *arg)
{
    struct visitor *visitor = arg;
    visitor->status = response->status;
    buf_append_str(&visitor->body, buf_str(response->body));
}

static void
on_error(const struct err *err, void *arg)
{
    ((struct visitor *)arg)->status = -1;
    (void)err;
}

struct visitor *
comes(struct world *w, const char *who, const char *path)
{
    static const struct http_call_handler handler = {.on_response = on_answer, .on_error = on_error};
    const struct http_header headers[] = {{STR_LIT("Authorization"), str_of(who)},
                                          {STR_LIT("Accept"), STR_LIT("application/json")},
                                          {STR_LIT("Content-Type"), STR_LIT("application/json")}};
    struct visitor *visitor = xcalloc(1, sizeof(*visitor));
    visitor->w = w;
    visitor->client = http_client_new(w->loop, &w->master_at, "10.0.0.1:5050");
    if (path)
        http_client_send(visitor->client, "GET", path, headers, 2, (struct str){0}, 0, &handler, visitor);
    else
        http_client_send(visitor->client, "POST", "/api/v1", headers, 3, STR_LIT("{\"type\":\"GET_STATE\"}"), 0, &handler,
                         visitor);
    return visitor;
}

void
leaves(struct visitor *visitor)
{
    http_client_free(visitor->client);
    buf_fini(&visitor->body);
    free(visitor);
}

bool
is_answered(void *arg)
{
    return ((struct visitor *)arg)->status != 0;
}

const char *
text_of(struct visitor *visitor)
{
    assert_true(loop_run_until(visitor->w->loop, is_answered, visitor, PATIENCE_MS));
    assert_int_equal(visitor->status, 200);
    return buf_cstr(&visitor->body);
}

void
saw(struct visitor *visitor, const char *prefix, bool root, bool nobody, bool games)
{
    const bool seen[] = {root, nobody, games};
    const char *text = text_of(visitor);
    for (size_t i = 0; i < TASKS; i++) {
        auto_free char *id = xasprintf("\"%s-of-%s-%zu\"", prefix, users[i % USERS], i);
        if ((strstr(text, id) != NULL) != seen[i % USERS])
            fail_msg("%s is %s", id, seen[i % USERS] ? "not shown" : "shown");
    }
}

bool
is_midway(void *arg)
{
    size_t from = *(size_t *)arg;
    return asked() > from;
}
