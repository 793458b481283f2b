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
answer_some(struct view_state *state)
{
    for (int i = 0; i < ANSWERS_PER_BITE && list_empty(&state->stale); i++) {
        struct viewer *viewer = list_first(&state->viewers, struct viewer, node);
        if (!viewer)
            return;
        struct viewer copy = *viewer;
        list_remove(&viewer->node);
        free(viewer);
        http_exchange_on_gone(copy.exchange, NULL, NULL);
        copy.answer(copy.exchange, copy.arg);
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
        answer_some(state);
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
        sheet_show_in(sheet, view);
}

static void
hide(struct views *views, enum view view)
{
    struct view_state *state = &views->each[view];
    struct sheet *sheet;
    state->shown = false;
    list_foreach (sheet, &views->sheets, in_views) {
        form_free(views, sheet->forms[view]);
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
    show(views, view);
    if (views_ready(views, view) && list_empty(&state->viewers)) {
        answer(exchange, arg);
        return;
    }
    struct viewer *viewer = xcalloc(1, sizeof(*viewer));
    viewer->views = views;
    viewer->view = view;
    viewer->exchange = exchange;
    viewer->answer = answer;
    viewer->arg = arg;
    list_push(&state->viewers, &viewer->node);
    http_exchange_on_gone(exchange, on_gone, viewer);
    start(views);
}

/* How much of each record is seen: true when that is all of the sheet. */
static bool
look_at(const struct sheet *sheet, enum view view, struct sight *sight, enum look looks[SHEET_RECORDS])
{
    const struct record_kind *kind = sheet->sheets->kind;
    bool whole = true;
    if (!sight || !kind->look)
        return true;
    for (uint32_t i = 0; i < sheet->count; i++) {
        looks[i] = kind->look(sheet->records[i], view, sight);
        whole &= looks[i] == LOOK_WHOLE;
    }
    return whole;
}

/* The records that are seen, one by one; long copies become pages on the way, as others are. */
static void
show_some(const struct sheet *sheet, enum view view, struct sight *sight, const enum look looks[SHEET_RECORDS],
          struct rope *rope, bool *first)
{
    const struct form *form = sheet->forms[view];
    struct views *views = sheet->sheets->views;
    auto_buf struct buf part = {0};
    for (uint32_t i = 0; i < sheet->count; i++) {
        struct str text = str_n(form->page->bytes + form->from[i], form->bytes[i]);
        if (looks[i] == LOOK_HIDDEN)
            continue;
        if (looks[i] == LOOK_PART) {
            buf_clear(&part);
            sheet->sheets->kind->render_part(sheet->records[i], view, sight, &part, views->arena);
            arena_reset(views->arena);
            text = buf_str(&part);
        }
        if (!text.len)
            continue;
        size_t skip = *first && view != VIEW_PROTO; /* the comma */
        buf_append(&rope->tail, text.ptr + skip, text.len - skip);
        *first = false;
        if (rope->tail.len >= PAGE_BYTES)
            rope_seal(rope);
    }
}

void
sheets_show(const struct sheets *sheets, enum view view, struct sight *sight, struct rope *rope, bool *first)
{
    enum look looks[SHEET_RECORDS];
    struct sheet *sheet;
    list_foreach (sheet, &sheets->list, in_sheets) {
        struct form *form = sheet->forms[view];
        assert(form && form->page && list_empty(&form->node));
        if (form->page->len == 0)
            continue;
        if (!look_at(sheet, view, sight, looks)) {
            show_some(sheet, view, sight, looks, rope, first);
            continue;
        }
        rope_add(rope, form->page, !*first || view == VIEW_PROTO);
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
        assert(form && form->page && list_empty(&form->node));
        for (uint32_t i = 0; i < sheet->count; i++)
            fn(sheet->records[i], str_n(form->page->bytes + form->from[i], form->bytes[i]), arg);
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
views_free(struct views *views)
{
    struct viewer *viewer;
    if (!views)
        return;
    assert(list_empty(&views->sheets));
    loop_background_stop(&views->work);
    for (int v = 0; v < VIEWS; v++) {
        loop_timer_stop(&views->each[v].idle);
        while ((viewer = list_first(&views->each[v].viewers, struct viewer, node))) {
            http_exchange_on_gone(viewer->exchange, NULL, NULL);
            on_gone(viewer->exchange, viewer);
        }
    }
    arena_free(views->arena);
    buf_fini(&views->scratch);
    free(views);
}
