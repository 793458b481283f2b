/* SPDX-License-Identifier: Apache-2.0 */
/* GET /tasks: some of all tasks, running ones first. Parameters that make no sense count as absent. */
#include <string.h>

#include "master/http.h"

struct listing {
    struct json *json;
    struct str framework_id, task_id; /* ptr NULL = any */
    size_t skip, room;
    struct arena *arena;
};

static bool
show(struct record *record, void *arg)
{
    struct listing *list = arg;
    const struct task *task = container_of(record, struct task, record);
    if (list->task_id.ptr && !str_is(list->task_id, task->id))
        return true;
    if (list->skip) {
        list->skip--;
        return true;
    }
    json_task(list->json, task, list->arena);
    arena_reset(list->arena);
    return --list->room > 0;
}

static void
show_sheets(struct listing *list, const struct sheets *sheets, int step)
{
    if (list->room == 0)
        return;
    if (list->task_id.ptr) {
        sheets_each(sheets, 0, step, show, list);
    } else if (list->skip >= sheets->count) {
        list->skip -= sheets->count;
    } else {
        size_t skip = list->skip;
        list->skip = 0;
        sheets_each(sheets, skip, step, show, list);
    }
}

static void
show_framework(struct listing *list, const struct framework *framework, bool ascending)
{
    const struct sheets *const parts[] = {&framework->task_sheets, &framework->unreachable_sheets,
                                          &framework->done_sheets};
    if (list->framework_id.ptr && !str_is(list->framework_id, framework->id))
        return;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        show_sheets(list, parts[ascending ? ARRAY_LEN(parts) - 1 - i : i], ascending ? -1 : 1);
}

static size_t
number(const struct http_request *request, const char *name, size_t fallback)
{
    uint64_t value;
    struct str text = http_param_get(request, name);
    return text.ptr && str_to_u64(text, &value) == 0 && value < SIZE_MAX ? (size_t)value : fallback;
}

void
http_tasks(struct http_exchange *exchange, void *arg)
{
    const struct master *master = arg;
    const struct http_request *request = http_exchange_request(exchange);
    auto_buf struct buf out = {0};
    auto_arena struct arena *arena = arena_new(0);
    struct json json = json_on(&out);
    struct listing list = {
        .json = &json,
        .framework_id = http_param_get(request, "framework_id"),
        .task_id = http_param_get(request, "task_id"),
        .skip = number(request, "offset", 0),
        .room = number(request, "limit", 100),
        .arena = arena,
    };
    bool ascending = str_is(http_param_get(request, "order"), "asc");
    const struct framework *framework;
    json_object(&json);
    json_key(&json, "tasks");
    json_array(&json);
    map_foreach (framework, &master->frameworks)
        show_framework(&list, framework, ascending);
    list_foreach (framework, &master->completed, completed_node)
        show_framework(&list, framework, ascending);
    json_array_end(&json);
    json_object_end(&json);
    reply_json(exchange, buf_str(&out));
}
