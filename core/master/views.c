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
    views->each[copy.view].patience = 0;
    views->serving = copy.parts;
    copy.answer(copy.exchange, copy.arg);
    views->serving = NULL;
}

/* Who sees all, unless the rules have changed meanwhile. */
static void
answer_whole(struct views *views, enum view view)
{
    struct view_state *state = &views->each[view];
    struct viewer *viewer;
    int most = ANSWERS_PER_BITE;
    while (most > 0 && list_empty(&state->stale) && (viewer = list_first(&state->viewers, struct viewer, node))) {
        viewer->parts = parts_of(views, view, viewer->exchange);
        if (viewer->parts) {
            list_remove(&viewer->node);
            list_push(parts_viewers(viewer->parts), &viewer->node);
            continue;
        }
        answer_one(views, viewer);
        most--;
    }
}

/* One principal after another, so that there is one of a kind in the making, however many wait. */
static void
answer_parts(struct views *views, enum view view)
{
    struct view_state *state = &views->each[view];
    int most = ANSWERS_PER_BITE;
    size_t room = BITE_BYTES * (size_t)(1 + state->patience / PATIENCE_BITES);
    struct parts *parts = parts_next(views, view);
    struct viewer *viewer;
    if (!parts)
        return;
    while (most > 0 && list_empty(&state->stale) && parts_make(parts, &room) &&
           (viewer = list_first(parts_viewers(parts), struct viewer, node))) {
        answer_one(views, viewer);
        most--;
        parts_go_last(parts);
    }
}

static bool
is_awaited(const struct views *views, enum view view)
{
    return !list_empty(&views->each[view].viewers) || parts_next(views, view);
}

static void
on_bite(void *arg)
{
    struct views *views = arg;
    bool waiting = false;
    for (enum view view = 0; view < VIEWS; view++) {
        if (!is_awaited(views, view))
            continue;
        make_some(views, view);
        answer_whole(views, view);
        answer_parts(views, view);
        if (is_awaited(views, view))
            waiting = true;
        else
            views->each[view].patience = 0; /* they may all have left */
    }
    parts_trim(views);
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
        if (sheet->sheets)
            sheet_show_in(sheet, view);
}

static void
hide(struct views *views, enum view view)
{
    struct view_state *state = &views->each[view];
    struct sheet *sheet;
    state->shown = false;
    parts_hide(views, view);
    list_foreach (sheet, &views->sheets, in_views) {
        form_free(views, sheet->forms[view]); /* a mark has none */
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
        if (!is_awaited(views, (enum view)v))
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
    parts_trim(views);
    struct parts *parts = parts_of(views, view, exchange);
    struct list *viewers = parts ? parts_viewers(parts) : &views->each[view].viewers;
    size_t none = 0;
    show(views, view);
    if (views_ready(views, view) && list_empty(viewers) && (!parts || parts_make(parts, &none))) {
        views->serving = parts;
        answer(exchange, arg);
        views->serving = NULL;
        return;
    }
    struct viewer *viewer = xcalloc(1, sizeof(*viewer));
    viewer->views = views;
    viewer->view = view;
    viewer->exchange = exchange;
    viewer->parts = parts;
    viewer->answer = answer;
    viewer->arg = arg;
    if (parts && list_empty(viewers))
        parts_go_last(parts); /* whose turn it is keeps it */
    list_push(viewers, &viewer->node);
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

static void
each_text(const struct sheet *sheet, enum view view, int step,
          void (*fn)(const struct record *record, struct str text, void *arg), void *arg)
{
    const struct form *form = sheet->forms[view];
    const struct part *part = part_find(sheet);
    assert(form && form->page && list_empty(&form->node));
    const uint32_t *from = part ? part->from : form->from, *bytes = part ? part->bytes : form->bytes;
    const struct page *page = part ? part->page : form->page;
    for (uint32_t n = 0; n < sheet->count; n++) {
        uint32_t i = step > 0 ? n : sheet->count - 1 - n;
        if (bytes[i])
            fn(sheet->records[i], str_n(page->bytes + from[i], bytes[i]), arg);
    }
}

void
sheets_each_text(const struct sheets *sheets, enum view view, const struct sight *sight, int step,
                 void (*fn)(const struct record *record, struct str text, void *arg), void *arg)
{
    struct list *node = step > 0 ? sheets->list.next : sheets->list.prev;
    if (sight && !sheets->views->serving)
        return;
    for (; node != &sheets->list; node = step > 0 ? node->next : node->prev)
        each_text(list_entry(node, struct sheet, in_sheets), view, step, fn, arg);
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
    list_init(&views->parts);
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

static void
send_away(struct list *viewers)
{
    struct viewer *viewer;
    while ((viewer = list_first(viewers, struct viewer, node))) {
        http_exchange_on_gone(viewer->exchange, NULL, NULL);
        on_gone(viewer->exchange, viewer);
    }
}

void
views_free(struct views *views)
{
    struct parts *parts;
    if (!views)
        return;
    loop_background_stop(&views->work);
    for (enum view view = 0; view < VIEWS; view++) {
        loop_timer_stop(&views->each[view].idle);
        send_away(&views->each[view].viewers);
        while ((parts = parts_next(views, view)))
            send_away(parts_viewers(parts));
    }
    parts_fini(views);
    assert(list_empty(&views->sheets));
    arena_free(views->arena);
    buf_fini(&views->scratch);
    free(views);
}
