/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /tasks: some of all tasks by the time of their first status. Parameters that make no sense count as absent. Walks over
 * what pages say of all tasks in brief, and looks at a task itself when it is shown.
 */
#include <stdlib.h>
#include <string.h>

#include "master/http.h"
#include "master/records.h"

struct candidate {
    double time;
    const struct task *task;
};

/* The first tasks in the order that was asked for, kept while all are walked: a heap whose root comes last of them. */
struct listing {
    struct sight *sight;
    struct str framework_id, task_id; /* ptr NULL = any */
    uint32_t id_hash;                 /* of task_id */
    bool ascending;
    size_t count, most;
    struct candidate *tasks; /* room for most */
};

/* By time; among those of one time any order will do that is the same for every page. */
static int
older(const struct candidate *a, const struct candidate *b)
{
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    int order = strcmp(a->task->framework->id, b->task->framework->id);
    return order ? order : strcmp(a->task->id, b->task->id);
}

static bool
comes_after(const struct listing *list, const struct candidate *a, const struct candidate *b)
{
    int order = older(a, b);
    return list->ascending ? order > 0 : order < 0;
}

static void
swap(struct candidate *a, struct candidate *b)
{
    struct candidate kept = *a;
    *a = *b;
    *b = kept;
}

static void
sift_up(struct listing *list, size_t at)
{
    struct candidate *heap = list->tasks;
    for (; at && comes_after(list, &heap[at], &heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&heap[at], &heap[(at - 1) / 2]);
}

static void
sift_down(struct listing *list, size_t at)
{
    struct candidate *heap = list->tasks;
    for (;;) {
        size_t last = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < list->count; child++)
            if (comes_after(list, &heap[child], &heap[last]))
                last = child;
        if (last == at)
            return;
        swap(&heap[at], &heap[last]);
        at = last;
    }
}

static void
consider(const struct record *record, struct str text, void *arg)
{
    struct listing *list = arg;
    struct task_brief brief;
    memcpy(&brief, text.ptr, sizeof(brief));
    if (list->task_id.ptr && list->id_hash != brief.id_hash)
        return;
    const char *task = (const char *)record - offsetof(struct task, record);
    struct candidate one = {brief.first_time, (const struct task *)(const void *)task};
    if (list->task_id.ptr && !str_is(list->task_id, one.task->id))
        return;
    if (list->count < list->most) {
        list->tasks[list->count] = one;
        sift_up(list, list->count++);
    } else if (comes_after(list, &list->tasks[0], &one)) {
        list->tasks[0] = one;
        sift_down(list, 0);
    }
}

/* Sheets are nearly in order of time: walked from the end that is shown first, most records are passed over at a look. */
static void
consider_framework(struct listing *list, const struct framework *framework)
{
    const struct sheets *const parts[] = {&framework->task_sheets, &framework->unreachable_sheets,
                                          &framework->done_sheets};
    if ((list->framework_id.ptr && !str_is(list->framework_id, framework->id)) || !sight_framework(list->sight, framework))
        return;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        sheets_each_text(parts[list->ascending ? ARRAY_LEN(parts) - 1 - i : i], VIEW_TASKS, list->sight,
                         list->ascending ? 1 : -1, consider, list);
}

static size_t
all_tasks(const struct master *master)
{
    const struct framework *framework;
    size_t count = 0;
    map_foreach (framework, &master->frameworks)
        count += framework->task_sheets.count + framework->unreachable_sheets.count + framework->done_sheets.count;
    list_foreach (framework, &master->completed, completed_node)
        count += framework->task_sheets.count + framework->unreachable_sheets.count + framework->done_sheets.count;
    return count;
}

static void
choose(struct listing *list, const struct master *master)
{
    const struct framework *framework;
    if (list->most == 0)
        return;
    map_foreach (framework, &master->frameworks)
        consider_framework(list, framework);
    list_foreach (framework, &master->completed, completed_node)
        consider_framework(list, framework);
    /* The heap's root is the last: taken off one by one, the rest stands in order. */
    size_t count = list->count;
    while (list->count > 1) {
        swap(&list->tasks[0], &list->tasks[list->count - 1]);
        list->count--;
        sift_down(list, 0);
    }
    list->count = count;
}

static size_t
number(const struct http_request *request, const char *name, size_t fallback)
{
    uint64_t value;
    struct str text = http_param_get(request, name);
    return text.ptr && str_to_u64(text, &value) == 0 && value < SIZE_MAX ? (size_t)value : fallback;
}

static void
answer_tasks(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    auto_sight struct sight *sight = sight_of(master, exchange);
    const struct http_request *request = http_exchange_request(exchange);
    auto_buf struct buf out = {0};
    auto_arena struct arena *arena = arena_new(0);
    struct json json = json_on(&out);
    size_t all = all_tasks(master), skip = number(request, "offset", 0), room = number(request, "limit", 100);
    struct listing list = {
        .sight = sight,
        .framework_id = http_param_get(request, "framework_id"),
        .task_id = http_param_get(request, "task_id"),
        .ascending = str_is(http_param_get(request, "order"), "asc"),
        .most = skip >= all ? 0 : room >= all - skip ? all : skip + room,
    };
    auto_free struct candidate *tasks = xcalloc(list.most + 1, sizeof(*tasks));
    if (list.task_id.ptr)
        list.id_hash = task_id_hash(list.task_id);
    list.tasks = tasks;
    choose(&list, master);
    json_object(&json);
    json_key(&json, "tasks");
    json_array(&json);
    for (size_t i = skip; i < list.count; i++) {
        json_task(&json, list.tasks[i].task, arena);
        arena_reset(arena);
    }
    json_array_end(&json);
    json_object_end(&json);
    reply_json(exchange, buf_str(&out));
}

void
http_tasks(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    views_await(master->views, VIEW_TASKS, exchange, answer_tasks, master);
}
