/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /state-summary: agents and frameworks with how many tasks of each state they have, and who runs where. What is
 * said of an agent itself stands on pages; the counts are made in one walk over what pages say of all tasks in brief. Both
 * are put together in bites, from pages that are held and do not change: the answer is of the moment of its counts. All who
 * ask as the same principal and came before that moment get the same one; who comes later waits for the next.
 */
#include <string.h>

#include "master/http.h"
#include "master/records.h"
#include "wire/principal.h"

enum { AGENTS_PER_BITE = 64, CALLED_BITES = 1000 };

/* In the order in which they are shown. */
static const Mesos__V1__TaskState shown[] = {
    MESOS__V1__TASK_STATE__TASK_STAGING,  MESOS__V1__TASK_STATE__TASK_STARTING,
    MESOS__V1__TASK_STATE__TASK_RUNNING,  MESOS__V1__TASK_STATE__TASK_KILLING,
    MESOS__V1__TASK_STATE__TASK_FINISHED, MESOS__V1__TASK_STATE__TASK_KILLED,
    MESOS__V1__TASK_STATE__TASK_FAILED,   MESOS__V1__TASK_STATE__TASK_LOST,
    MESOS__V1__TASK_STATE__TASK_ERROR,    MESOS__V1__TASK_STATE__TASK_UNREACHABLE,
};

/* Of one agent or framework; others are ids of the other kind. */
struct summary {
    uint32_t states[TASK_STATES];
    const char **others;
    uint32_t count, cap;
    uint32_t latest; /* of an agent: the number of the last framework among others */
};

struct counts {
    const struct master *master;
    struct sight *sight; /* what is not seen does not count */
    bool *hidden; /* by number: frameworks that are not seen */
    struct summary *agents, *frameworks; /* by number */
    struct arena *arena;
};

static void
add_other(struct summary *summary, const char *id, struct arena *arena)
{
    if (summary->count == summary->cap) {
        uint32_t cap = summary->cap ? 2 * summary->cap : 4;
        const char **grown = arena_calloc(arena, cap, sizeof(*grown));
        if (summary->count)
            memcpy(grown, summary->others, summary->count * sizeof(*grown));
        summary->others = grown;
        summary->cap = cap;
    }
    summary->others[summary->count++] = id;
}

/* One framework's tasks. */
struct walk {
    struct counts *counts;
    const struct framework *framework;
    const char *id; /* the framework's, which may be gone when it is written */
    struct map gone; /* agents */
};

static void
count_on(struct walk *walk, const struct agent *agent, uint32_t state)
{
    struct counts *counts = walk->counts;
    struct summary *mine = &counts->agents[agent->number];
    mine->states[state]++;
    if (mine->latest == walk->framework->number)
        return;
    mine->latest = walk->framework->number;
    add_other(mine, walk->id, counts->arena);
    add_other(&counts->frameworks[walk->framework->number], agent->id, counts->arena);
}

/* The agent of a task of the history may be gone. */
static void
count_gone(struct walk *walk, struct str id)
{
    struct counts *counts = walk->counts;
    if (map_get(&walk->gone, id))
        return;
    const char *copy = arena_strdup(counts->arena, id);
    map_add(&walk->gone, str_of(copy), (void *)(uintptr_t)copy);
    add_other(&counts->frameworks[walk->framework->number], copy, counts->arena);
}

static void
count_task(const struct record *record, struct str text, void *arg)
{
    struct walk *walk = arg;
    const struct master *master = walk->counts->master;
    struct task_brief brief;
    struct str id = str_n(text.ptr + sizeof(brief), text.len - sizeof(brief));
    (void)record;
    memcpy(&brief, text.ptr, sizeof(brief));
    const struct agent *agent = brief.agent ? agent_by_number(master, brief.agent) : map_get(&master->agents, id);
    walk->counts->frameworks[walk->framework->number].states[brief.state]++;
    if (agent)
        count_on(walk, agent, brief.state);
    else
        count_gone(walk, id);
}

static void
count_all(struct counts *counts)
{
    const struct framework *framework;
    map_foreach (framework, &counts->master->frameworks) {
        struct walk walk = {.counts = counts, .framework = framework};
        counts->hidden[framework->number] = !sight_framework(counts->sight, framework);
        if (counts->hidden[framework->number])
            continue;
        walk.id = arena_strdup(counts->arena, str_of(framework->id));
        sheets_each_text(&framework->task_sheets, VIEW_SUMMARY, counts->sight, 1, count_task, &walk);
        sheets_each_text(&framework->unreachable_sheets, VIEW_SUMMARY, counts->sight, 1, count_task, &walk);
        sheets_each_text(&framework->done_sheets, VIEW_SUMMARY, counts->sight, 1, count_task, &walk);
        map_fini(&walk.gone);
    }
}

static void
json_summary(struct json *json, const struct summary *summary, const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(shown); i++)
        json_key_int(json, task_state_name(shown[i]), summary->states[shown[i]]);
    json_key(json, key);
    json_array(json);
    for (uint32_t i = 0; i < summary->count; i++)
        json_text(json, summary->others[i]);
    json_array_end(json);
}

/* ---- putting it together ---- */

struct asker {
    struct list node;
    struct summaries *summaries;
    struct http_exchange *exchange;
};

/* Of all masters' answers one is in the making at a time. */
struct summaries {
    struct master *master;
    struct loop_background work; /* while there is an answer in the making, or somebody waits */
    struct list waiting;         /* struct asker: for one that is not begun */
    unsigned called; /* one of them has been sent for fresh pages: nobody else begins for so many bites, unless it is back before */
    /* The one in the making. */
    struct list askers;
    struct counts counts; /* arena NULL = there is none; what they say of frameworks is written already */
    struct rope agents;   /* what pages say of agents; taken are `done` pieces and `at` bytes of the next */
    size_t done, at;
    struct buf frameworks; /* the end of it */
    struct rope out;
    struct json json; /* on out */
};

static void
on_gone(struct http_exchange *exchange, void *arg)
{
    struct asker *asker = arg;
    (void)exchange;
    list_remove(&asker->node);
    free(asker);
}

static struct http_exchange *
dismiss(struct asker *asker)
{
    struct http_exchange *exchange = asker->exchange;
    http_exchange_on_gone(exchange, NULL, NULL);
    on_gone(exchange, asker);
    return exchange;
}

static void
json_frameworks(struct json *json, const struct counts *counts)
{
    const struct framework *framework;
    json_array(json);
    map_foreach (framework, &counts->master->frameworks) {
        if (counts->hidden[framework->number])
            continue;
        json_object(json);
        json_framework_summary(json, framework);
        json_summary(json, &counts->frameworks[framework->number], "slave_ids");
        json_object_end(json);
    }
    json_array_end(json);
}

/* Takes hold of everything as it is now, as exchange's principal sees it. */
static void
begin(struct summaries *all, struct http_exchange *exchange)
{
    struct master *master = all->master;
    auto_sight struct sight *sight = sight_of(master, exchange);
    struct arena *arena = arena_new(0);
    struct json json = json_on(&all->frameworks);
    bool first = false; /* each with all of its bytes */
    all->counts = (struct counts){.master = master, .sight = sight, .arena = arena};
    all->counts.agents = arena_calloc(arena, (size_t)master->next_agent_number + 1, sizeof(struct summary));
    all->counts.frameworks = arena_calloc(arena, (size_t)master->next_framework_number + 1, sizeof(struct summary));
    all->counts.hidden = arena_calloc(arena, (size_t)master->next_framework_number + 1, sizeof(bool));
    count_all(&all->counts);
    json_frameworks(&json, &all->counts);
    all->counts.sight = NULL;
    sheets_show(&master->agent_sheets, VIEW_SUMMARY, sight, &all->agents, &first);
    rope_seal(&all->agents);
    all->json = json_on(&all->out.tail);
    json_object(&all->json);
    json_key_text(&all->json, "hostname", master->hostname);
    if (master->options->cluster)
        json_key_text(&all->json, "cluster", master->options->cluster);
    json_key(&all->json, "slaves");
    json_array(&all->json);
}

static void
end(struct summaries *all)
{
    struct page_account *account = http_server_pages(all->master->daemon->http);
    rope_seal(&all->out);
    for (size_t i = 0; i < all->out.count; i++)
        page_retire(all->out.pieces[i].page, account); /* slow readers hold it */
    all->out.count = 0;
    rope_fini(&all->out);
    rope_fini(&all->agents);
    buf_fini(&all->frameworks);
    arena_free(take(&all->counts.arena));
    all->done = all->at = 0;
}

/* False when there are no more. */
static bool
add_agent(struct summaries *all)
{
    struct agent_brief brief;
    if (all->done == all->agents.count)
        return false;
    const struct rope_piece *piece = &all->agents.pieces[all->done];
    const char *from = piece->page->bytes + piece->from + all->at;
    memcpy(&brief, from, sizeof(brief));
    json_object(&all->json);
    buf_append(all->json.out, from + sizeof(brief) + 2, brief.len - 2); /* without ",{" */
    all->json.comma = true;
    json_summary(&all->json, &all->counts.agents[brief.number], "framework_ids");
    json_object_end(&all->json);
    all->at += sizeof(brief) + brief.len;
    if (all->at == piece->len) {
        all->done++;
        all->at = 0;
    }
    return true;
}

static void
answer(struct summaries *all)
{
    struct asker *asker;
    json_array_end(&all->json);
    json_key(&all->json, "frameworks");
    json_raw(&all->json, buf_str(&all->frameworks));
    json_object_end(&all->json);
    rope_seal(&all->out);
    while ((asker = list_first(&all->askers, struct asker, node))) {
        auto_rope struct rope rope = {0};
        for (size_t i = 0; i < all->out.count; i++)
            rope_add_piece(&rope, &all->out.pieces[i]);
        reply_json_rope(dismiss(asker), &rope);
    }
}

static void answer_first(struct http_exchange *exchange, void *arg);

static void
on_bite(void *arg)
{
    struct summaries *all = arg;
    struct asker *first;
    bool more = true;
    if (all->counts.arena && !list_empty(&all->askers)) {
        for (int i = 0; i < AGENTS_PER_BITE && more; i++)
            more = add_agent(all);
        if (all->out.tail.len >= PAGE_BYTES)
            rope_seal(&all->out);
        if (more)
            return;
        answer(all);
    }
    if (all->counts.arena)
        end(all);
    first = list_first(&all->waiting, struct asker, node);
    if (all->called) {
        all->called--;
    } else if (first) {
        all->called = CALLED_BITES;
        views_await(all->master->views, VIEW_SUMMARY, dismiss(first), answer_first, all->master);
    }
    if (!all->counts.arena && list_empty(&all->waiting) && !all->called)
        loop_background_stop(&all->work); /* else the next is called, should this one leave */
}

/* ---- who asks ---- */

static struct asker *
add_asker(struct summaries *all, struct http_exchange *exchange)
{
    struct asker *asker = xcalloc(1, sizeof(*asker));
    asker->summaries = all;
    asker->exchange = exchange;
    list_init(&asker->node);
    http_exchange_on_gone(exchange, on_gone, asker);
    return asker;
}

static void
answer_begun(struct summaries *all, struct http_exchange *exchange)
{
    struct asker *asker, *next;
    const struct mesos_principal *who = http_exchange_principal(exchange);
    begin(all, exchange);
    list_push(&all->askers, &add_asker(all, exchange)->node);
    list_foreach_safe (asker, next, &all->waiting, node) {
        if (!principal_same(http_exchange_principal(asker->exchange), who))
            continue;
        list_remove(&asker->node);
        list_push(&all->askers, &asker->node);
    }
    loop_background_start(all->master->loop, &all->work);
}

static struct summaries *
summaries_of(struct master *master)
{
    struct summaries *all = master->summaries;
    if (all)
        return all;
    all = master->summaries = xcalloc(1, sizeof(*all));
    all->master = master;
    list_init(&all->waiting);
    list_init(&all->askers);
    loop_background_init(&all->work, on_bite, all);
    return all;
}

static void
answer_summary(struct http_exchange *exchange, void *arg)
{
    struct summaries *all = summaries_of(arg);
    if (all->counts.arena || all->called)
        list_push(&all->waiting, &add_asker(all, exchange)->node);
    else
        answer_begun(all, exchange);
}

/* Who has waited already goes before others that have come between. */
static void
answer_first(struct http_exchange *exchange, void *arg)
{
    struct summaries *all = summaries_of(arg);
    all->called = 0;
    if (all->counts.arena)
        list_push_front(&all->waiting, &add_asker(all, exchange)->node);
    else
        answer_begun(all, exchange);
}

void
http_state_summary(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    views_await(master->views, VIEW_SUMMARY, exchange, answer_summary, master);
}

void
summaries_free(struct summaries *all)
{
    struct asker *asker;
    if (!all)
        return;
    loop_background_stop(&all->work);
    while ((asker = list_first(&all->askers, struct asker, node)) || (asker = list_first(&all->waiting, struct asker, node)))
        dismiss(asker);
    if (all->counts.arena)
        end(all);
    free(all);
}
