/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /tasks: some of all tasks by the time of their first status. Parameters that make no sense count as absent. Walks over
 * what pages say of all tasks in brief, and looks at a task itself when it is shown: which tasks there are is of one moment,
 * their order and their text are made in bites. What ends meanwhile is left out.
 */
#include <stdlib.h>
#include <string.h>

#include "master/http.h"
#include "master/records.h"

enum {
    BITE_BYTES = 24 << 10, /* written in one bite: about 0.1 ms */
    STEP_BYTES = 128,      /* what it costs to put one task in its place */
    FEW_TASKS = 1000,      /* so many are chosen while all are walked; where more are wanted, all are sorted in bites */
};

struct candidate {
    double time;
    const struct task *task;
};

/* A task that has been freed, by its address. */
struct gone {
    const struct task *task;
};

/* One answer in the making. Its tasks are a heap: while they are chosen its root is the last of them, then the first of those
 * that are still to be shown. */
struct listing {
    struct list node; /* in master->listings */
    struct master *master;
    struct http_exchange *exchange;
    struct loop_background work;
    struct sight *sight;              /* while tasks are chosen */
    struct str framework_id, task_id; /* ptr NULL = any */
    uint32_t id_hash;                 /* of task_id */
    bool ascending, showing;
    size_t count, room;     /* of tasks */
    size_t unsorted;        /* so many at the front have still to find their place */
    size_t skip, most;      /* not shown before the first; the most that are taken, with those */
    struct candidate *tasks;
    struct map gone; /* struct gone since they were chosen */
    struct arena *arena;
    struct rope out;
    struct json json; /* on out */
};

static bool
is_gone(const struct listing *list, const struct task *task)
{
    return map_count(&list->gone) && map_get(&list->gone, str_n(&task, sizeof(task)));
}

/* By time; among those of one time any order will do that is the same for every page. */
static int
older(const struct listing *list, const struct candidate *a, const struct candidate *b)
{
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    if (is_gone(list, a->task) || is_gone(list, b->task))
        return 0;
    int order = strcmp(a->task->framework->id, b->task->framework->id);
    return order ? order : strcmp(a->task->id, b->task->id);
}

/* Is a nearer to the root? */
static bool
goes_above(const struct listing *list, const struct candidate *a, const struct candidate *b)
{
    int order = older(list, a, b);
    return list->ascending == list->showing ? order < 0 : order > 0;
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
    for (; at && goes_above(list, &heap[at], &heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&heap[at], &heap[(at - 1) / 2]);
}

static void
sift_down(struct listing *list, size_t at)
{
    struct candidate *heap = list->tasks;
    for (;;) {
        size_t last = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < list->count; child++)
            if (goes_above(list, &heap[child], &heap[last]))
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
    if (list->count < list->room) {
        list->tasks[list->count++] = one;
        if (list->room <= FEW_TASKS)
            sift_up(list, list->count - 1);
    } else if (goes_above(list, &list->tasks[0], &one)) {
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
    list->showing = true;
    list->unsorted = list->count / 2;
}

static size_t
number(const struct http_request *request, const char *name, size_t fallback)
{
    uint64_t value;
    struct str text = http_param_get(request, name);
    return text.ptr && str_to_u64(text, &value) == 0 && value < SIZE_MAX ? (size_t)value : fallback;
}

/* ---- in bites ---- */

static void
listing_free(struct listing *list)
{
    struct page_account *account = http_server_pages(list->master->daemon->http);
    struct gone *gone;
    http_exchange_on_gone(list->exchange, NULL, NULL);
    loop_background_stop(&list->work);
    list_remove(&list->node);
    rope_seal(&list->out);
    for (size_t i = 0; i < list->out.count; i++)
        page_retire(list->out.pieces[i].page, account); /* a slow reader holds it */
    list->out.count = 0;
    rope_fini(&list->out);
    arena_free(list->arena);
    map_foreach (gone, &list->gone)
        free(gone);
    map_fini(&list->gone);
    free(list->tasks);
    free(list);
}

static void
answer(struct listing *list)
{
    auto_rope struct rope rope = {0};
    struct http_exchange *exchange = list->exchange;
    json_array_end(&list->json);
    json_object_end(&list->json);
    rope_seal(&list->out);
    for (size_t i = 0; i < list->out.count; i++)
        rope_add_piece(&rope, &list->out.pieces[i]);
    listing_free(list);
    reply_json_rope(exchange, &rope);
}

/* Shows the first of those that are left, or passes it over. Returns what it cost. */
static size_t
show_first(struct listing *list)
{
    const struct task *task = list->tasks[0].task;
    size_t before = list->out.tail.len;
    list->tasks[0] = list->tasks[--list->count];
    sift_down(list, 0);
    if (is_gone(list, task))
        return STEP_BYTES;
    list->most--;
    if (list->skip) {
        list->skip--;
        return STEP_BYTES;
    }
    json_task(&list->json, task, list->arena);
    arena_reset(list->arena);
    return STEP_BYTES + list->out.tail.len - before;
}

static void
on_bite(void *arg)
{
    struct listing *list = arg;
    size_t cost = 0;
    for (; cost < BITE_BYTES && list->unsorted; cost += STEP_BYTES)
        sift_down(list, --list->unsorted);
    while (cost < BITE_BYTES && list->count && list->most)
        cost += show_first(list);
    if (list->out.tail.len >= PAGE_BYTES)
        rope_seal(&list->out);
    if (!list->count || !list->most)
        answer(list);
}

static void
on_gone(struct http_exchange *exchange, void *arg)
{
    (void)exchange;
    listing_free(arg);
}

static struct listing *
listing_new(struct master *master, struct http_exchange *exchange)
{
    const struct http_request *request = http_exchange_request(exchange);
    size_t all = all_tasks(master), wanted = number(request, "limit", 100);
    struct listing *list = xcalloc(1, sizeof(*list));
    list->master = master;
    list->exchange = exchange;
    list->framework_id = http_param_get(request, "framework_id");
    list->task_id = http_param_get(request, "task_id");
    list->ascending = str_is(http_param_get(request, "order"), "asc");
    list->skip = number(request, "offset", 0);
    list->most = list->skip >= all ? 0 : wanted >= all - list->skip ? all : list->skip + wanted;
    list->room = list->most > FEW_TASKS ? all : list->most;
    list->tasks = xcalloc(list->room + 1, sizeof(*list->tasks));
    if (list->task_id.ptr)
        list->id_hash = task_id_hash(list->task_id);
    list->arena = arena_new(0);
    list->json = json_on(&list->out.tail);
    list_push(&master->listings, &list->node);
    http_exchange_on_gone(exchange, on_gone, list);
    loop_background_init(&list->work, on_bite, list);
    loop_background_start(master->loop, &list->work);
    return list;
}

static void
answer_tasks(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    auto_sight struct sight *sight = sight_of(master, exchange);
    struct listing *list = listing_new(master, exchange);
    list->sight = sight;
    choose(list, master);
    list->sight = NULL;
    json_object(&list->json);
    json_key(&list->json, "tasks");
    json_array(&list->json);
}

void
http_tasks(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    views_await(master->views, VIEW_TASKS, exchange, answer_tasks, master);
}

void
listings_forget(struct master *master, const struct task *task)
{
    struct listing *list;
    list_foreach (list, &master->listings, node) {
        if (is_gone(list, task)) /* another one that had the same address */
            continue;
        struct gone *gone = xcalloc(1, sizeof(*gone));
        gone->task = task;
        map_add(&list->gone, str_n(&gone->task, sizeof(gone->task)), gone);
    }
}

void
listings_free(struct master *master)
{
    struct listing *list;
    while ((list = list_first(&master->listings, struct listing, node)))
        listing_free(list);
}
