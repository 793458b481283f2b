/* SPDX-License-Identifier: Apache-2.0 */
/* GET /tasks: one page of all tasks, running ones first. Parameters that make no sense count as absent. */
#include <string.h>

#include "master/http.h"

struct listing {
    struct json *json;
    struct str framework_id, task_id; /* ptr NULL = any */
    size_t skip, room;
    struct arena *arena;
};

static void
show(struct listing *page, const struct task *task)
{
    if (page->task_id.ptr && !str_is(page->task_id, task->id))
        return;
    if (page->skip) {
        page->skip--;
        return;
    }
    if (!page->room)
        return;
    page->room--;
    json_task(page->json, task, page->arena);
}

static void
show_framework(struct listing *page, const struct framework *framework)
{
    const struct task *task;
    if (page->framework_id.ptr && !str_is(page->framework_id, framework->id))
        return;
    map_foreach (task, &framework->tasks)
        show(page, task);
    map_foreach (task, &framework->unreachable)
        show(page, task);
    list_foreach (task, &framework->done, agent_node)
        show(page, task);
}

static void
show_framework_backwards(struct listing *page, const struct framework *framework)
{
    /* Ascending order is the other way round; maps only go forwards, so their tasks are listed first. */
    if (page->framework_id.ptr && !str_is(page->framework_id, framework->id))
        return;
    size_t count = map_count(&framework->tasks) + map_count(&framework->unreachable), at = 0;
    const struct task *task, **list = arena_calloc(page->arena, count + 1, sizeof(*list));
    map_foreach (task, &framework->tasks)
        list[at++] = task;
    map_foreach (task, &framework->unreachable)
        list[at++] = task;
    for (struct list *node = framework->done.prev; node != &framework->done; node = node->prev)
        show(page, list_entry(node, struct task, agent_node));
    while (at)
        show(page, list[--at]);
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
    auto_arena struct arena *arena = arena_new(64 << 10);
    struct json json = json_on(&out);
    struct listing page = {
        .json = &json,
        .framework_id = http_param_get(request, "framework_id"),
        .task_id = http_param_get(request, "task_id"),
        .skip = number(request, "offset", 0),
        .room = number(request, "limit", 100),
        .arena = arena,
    };
    bool ascending = str_is(http_param_get(request, "order"), "asc");
    void (*each)(struct listing *, const struct framework *) =
        ascending ? show_framework_backwards : show_framework;
    const struct framework *framework;
    json_object(&json);
    json_key(&json, "tasks");
    json_array(&json);
    map_foreach (framework, &master->frameworks)
        each(&page, framework);
    list_foreach (framework, &master->completed, completed_node)
        each(&page, framework);
    json_array_end(&json);
    json_object_end(&json);
    reply_json(exchange, buf_str(&out));
}
