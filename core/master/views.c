/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of the views: made in bites between other work while somebody waits for them, dropped when nobody looks. */
#include <assert.h>

#include "master/views_internal.h"

enum {
    BITE_BYTES = 24 << 10, /* rendered in one bite; a copied byte counts a sixteenth: together about 0.1 ms */
    PATIENCE_BITES = 128,  /* after so many, bites grow: changes must not outrun us for ever */
    ANSWERS_PER_BITE = 4,
    HEAVY_BYTES = 4 * PAGE_BYTES, /* a page beyond is halved */
    IDLE_MS = 60 * 1000,
};

struct viewer {
    struct list node;
    struct views *views;
    enum view view;
    struct http_exchange *exchange;
    struct parts *parts; /* NULL = it sees all */
    void (*answer)(struct http_exchange *exchange, void *arg);
    void *arg;
};

/* ---- forms ---- */

void
form_stale(struct views *views, struct form *form, enum view view)
{
    if (list_empty(&form->node))
        list_push(&views->each[view].stale, &form->node);
}

void
sheet_show_in(struct sheet *sheet, enum view view)
{
    if (!(sheet->sheets->kind->views & 1U << view) || sheet->forms[view])
        return;
    struct form *form = xcalloc(1, sizeof(*form));
    list_init(&form->node);
    form->sheet = sheet;
    sheet->forms[view] = form;
    form_stale(sheet->sheets->views, form, view);
}

static void
give_up(struct views *views, struct form *form)
{
    if (form->page)
        views->bytes -= form->page->len;
    page_retire(form->page, views->account);
    form->page = NULL;
}

void
form_free(struct views *views, struct form *form)
{
    if (!form)
        return;
    give_up(views, form);
    list_remove(&form->node);
    free(form);
}

/* Makes the page anew. Returns what it cost, in bytes as if all were rendered. */
static size_t
form_make(struct views *views, struct form *form, enum view view)
{
    const struct sheet *sheet = form->sheet;
    struct buf *out = &views->scratch;
    size_t copied = 0;
    buf_clear(out);
    for (uint32_t i = 0; i < sheet->count; i++) {
        size_t from = out->len;
        if (form->clean >> i & 1) {
            buf_append(out, form->page->bytes + form->from[i], form->bytes[i]);
            copied += form->bytes[i];
        } else {
            sheet->sheets->kind->render(sheet->records[i], view, out, views->arena);
            arena_reset(views->arena);
        }
        form->from[i] = (uint32_t)from;
        form->bytes[i] = (uint32_t)(out->len - from);
    }
    form->clean = UINT64_MAX;
    give_up(views, form);
    form->page = page_copy(buf_str(out));
    form->page->lead = view != VIEW_PROTO && out->len > 0;
    views->bytes += out->len;
    return out->len - copied + copied / 16 + 256;
}

/* ---- the work ---- */

static void
start(struct views *views)
{
    loop_background_start(views->loop, &views->work);
}

static void
make_some(struct views *views, enum view view)
{
    struct view_state *state = &views->each[view];
    size_t room = BITE_BYTES * (size_t)(1 + state->patience / PATIENCE_BITES);
    struct form *form;
    while (room && (form = list_first(&state->stale, struct form, node))) {
        list_remove(&form->node);
        size_t cost = form_make(views, form, view);
        room -= cost < room ? cost : room;
        if (form->page->len > HEAVY_BYTES)
            sheet_split(form->sheet);
    }
    state->patience++;
}

static void
answer_one(struct views *views, struct viewer *viewer)
{
    struct viewer copy = *viewer;
    list_remove(&viewer->node);
    free(viewer);
    http_exchange_on_gone(copy.exchange, NULL, NULL);
    views->serving = copy.parts;
    copy.answer(copy.exchange, copy.arg);
    views->serving = NULL;
    parts_free(copy.parts);
}

static void
answer_some(struct views *views, struct view_state *state)
{
    size_t room = BITE_BYTES * (size_t)(1 + state->patience / PATIENCE_BITES);
    for (int i = 0; i < ANSWERS_PER_BITE && list_empty(&state->stale); i++) {
        struct viewer *viewer = list_first(&state->viewers, struct viewer, node);
        if (!viewer)
            return;
        if (!viewer->parts)
            viewer->parts = parts_new(views, viewer->view, viewer->exchange); /* the rules may have changed */
        if (viewer->parts && !parts_make(viewer->parts, &room)) {
            list_remove(&viewer->node); /* others go on meanwhile */
            list_push(&state->viewers, &viewer->node);
            return;
        }
        answer_one(views, viewer);
    }
}

static void
on_bite(void *arg)
{
    struct views *views = arg;
    bool waiting = false;
    for (int v = 0; v < VIEWS; v++) {
        struct view_state *state = &views->each[v];
        if (list_empty(&state->viewers))
            continue;
        make_some(views, (enum view)v);
        answer_some(views, state);
        waiting |= !list_empty(&state->viewers);
        if (list_empty(&state->viewers))
            state->patience = 0;
    }
    buf_shrink(&views->scratch, 4 * HEAVY_BYTES);
    if (!waiting)
        loop_background_stop(&views->work);
}

/* ---- who looks ---- */

static void
on_gone(struct http_exchange *exchange, void *arg)
{
    struct viewer *viewer = arg;
    (void)exchange;
    list_remove(&viewer->node);
    parts_free(viewer->parts);
    free(viewer);
}

static void
show(struct views *views, enum view view)
{
    struct view_state *state = &views->each[view];
    struct sheet *sheet;
    loop_timer_start(&state->idle, IDLE_MS);
    if (state->shown)
        return;
    state->shown = true;
    list_foreach (sheet, &views->sheets, in_views)
        if (sheet->sheets)
            sheet_show_in(sheet, view);
}

static void
hide(struct views *views, enum view view)
{
    struct view_state *state = &views->each[view];
    struct sheet *sheet;
    state->shown = false;
    list_foreach (sheet, &views->sheets, in_views) {
        form_free(views, sheet->forms[view]); /* a viewer's mark has none */
        sheet->forms[view] = NULL;
    }
}

static void
on_idle(void *arg)
{
    struct views *views = arg;
    for (int v = 0; v < VIEWS; v++) {
        struct view_state *state = &views->each[v];
        if (!state->shown || loop_timer_running(&state->idle))
            continue;
        if (list_empty(&state->viewers))
            hide(views, (enum view)v);
        else
            loop_timer_start(&state->idle, IDLE_MS);
    }
    buf_fini(&views->scratch);
}

bool
views_ready(const struct views *views, enum view view)
{
    return views->each[view].shown && list_empty(&views->each[view].stale);
}

void
views_await(struct views *views, enum view view, struct http_exchange *exchange,
            void (*answer)(struct http_exchange *exchange, void *arg), void *arg)
{
    struct view_state *state = &views->each[view];
    struct parts *parts = parts_new(views, view, exchange);
    show(views, view);
    if (!parts && views_ready(views, view) && list_empty(&state->viewers)) {
        answer(exchange, arg);
        return;
    }
    struct viewer *viewer = xcalloc(1, sizeof(*viewer));
    viewer->views = views;
    viewer->view = view;
    viewer->exchange = exchange;
    viewer->parts = parts;
    viewer->answer = answer;
    viewer->arg = arg;
    list_push(&state->viewers, &viewer->node);
    http_exchange_on_gone(exchange, on_gone, viewer);
    start(views);
}

void
sheets_show(const struct sheets *sheets, enum view view, const struct sight *sight, struct rope *rope, bool *first)
{
    struct sheet *sheet;
    if (sight && !sheets->views->serving)
        return;
    list_foreach (sheet, &sheets->list, in_sheets) {
        const struct form *form = sheet->forms[view];
        const struct part *part = part_find(sheet);
        assert(form && form->page && list_empty(&form->node));
        struct page *page = part ? part->page : form->page;
        if (page->len == 0)
            continue;
        rope_add(rope, page, !*first || view == VIEW_PROTO);
        *first = false;
    }
}

void
sheets_each_text(const struct sheets *sheets, enum view view,
                 void (*fn)(const struct record *record, struct str text, void *arg), void *arg)
{
    struct sheet *sheet;
    list_foreach (sheet, &sheets->list, in_sheets) {
        const struct form *form = sheet->forms[view];
        const struct part *part = part_find(sheet);
        assert(form && form->page && list_empty(&form->node));
        const uint32_t *from = part ? part->from : form->from, *bytes = part ? part->bytes : form->bytes;
        const struct page *page = part ? part->page : form->page;
        for (uint32_t i = 0; i < sheet->count; i++)
            if (bytes[i])
                fn(sheet->records[i], str_n(page->bytes + from[i], bytes[i]), arg);
    }
}

size_t
views_bytes(const struct views *views)
{
    return views->bytes;
}

/* ---- life ---- */

struct views *
views_new(struct loop *loop, struct page_account *account)
{
    struct views *views = xcalloc(1, sizeof(*views));
    views->loop = loop;
    views->account = account;
    views->arena = arena_new(0);
    list_init(&views->sheets);
    loop_background_init(&views->work, on_bite, views);
    for (int v = 0; v < VIEWS; v++) {
        list_init(&views->each[v].stale);
        list_init(&views->each[v].viewers);
        loop_timer_init(&views->each[v].idle, loop, on_idle, views);
    }
    return views;
}

void
views_ruled_by(struct views *views, struct master *master)
{
    views->master = master;
}

void
views_free(struct views *views)
{
    struct viewer *viewer;
    if (!views)
        return;
    loop_background_stop(&views->work);
    for (int v = 0; v < VIEWS; v++) {
        loop_timer_stop(&views->each[v].idle);
        while ((viewer = list_first(&views->each[v].viewers, struct viewer, node))) {
            http_exchange_on_gone(viewer->exchange, NULL, NULL);
            on_gone(viewer->exchange, viewer);
        }
    }
    assert(list_empty(&views->sheets));
    arena_free(views->arena);
    buf_fini(&views->scratch);
    free(views);
}
