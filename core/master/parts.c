/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a viewer sees of the sheets when the rules hide some of it: the hidden records are left out, those of which it sees a
 * part are rendered for it alone. Used by views.c between making pages and answering; decides nothing itself (sight.h).
 *
 * A mark of the viewer's moves along all sheets: what is before it has been looked at as it is now, because a sheet that
 * changes moves to the end.
 */
#include "master/sight.h"
#include "master/state.h"
#include "master/views_internal.h"

enum { LOOK_BYTES = 16 }; /* what a question about a record costs, in bytes rendered */

struct parts {
    struct views *views;
    enum view view;
    struct http_exchange *exchange;
    struct sight *sight;
    uint64_t generation; /* of the rules that it is by */
    struct list list;    /* struct part */
    struct sheet mark;
};

static void
part_free(struct part *part)
{
    list_remove(&part->in_sheet);
    list_remove(&part->in_parts);
    page_unref(part->page);
    free(part);
}

void
sheet_forget_parts(struct sheet *sheet)
{
    struct part *part;
    while ((part = list_first(&sheet->parts, struct part, in_sheet)))
        part_free(part);
}

static struct part *
find(const struct sheet *sheet, const struct parts *parts)
{
    struct part *part;
    list_foreach (part, &sheet->parts, in_sheet)
        if (part->parts == parts)
            return part;
    return NULL;
}

const struct part *
part_find(const struct sheet *sheet)
{
    const struct parts *serving = sheet->sheets->views->serving;
    return serving ? find(sheet, serving) : NULL;
}

/* ---- one sheet ---- */

/* How much of each record is seen: true when that is all of the sheet. */
static bool
look_at(const struct sheet *sheet, const struct parts *parts, enum look looks[SHEET_RECORDS])
{
    bool whole = true;
    for (uint32_t i = 0; i < sheet->count; i++) {
        looks[i] = sheet->sheets->kind->look(sheet->records[i], parts->view, parts->sight);
        whole &= looks[i] == LOOK_WHOLE;
    }
    return whole;
}

/* Returns what it cost. */
static size_t
render(const struct parts *parts, const struct sheet *sheet, const enum look looks[SHEET_RECORDS], struct part *part)
{
    const struct form *form = sheet->forms[parts->view];
    struct views *views = parts->views;
    struct buf *out = &views->scratch;
    size_t copied = 0;
    buf_clear(out);
    for (uint32_t i = 0; i < sheet->count; i++) {
        part->from[i] = (uint32_t)out->len;
        if (looks[i] == LOOK_PART) {
            sheet->sheets->kind->render_part(sheet->records[i], parts->view, parts->sight, out, views->arena);
            arena_reset(views->arena);
        } else if (looks[i] == LOOK_WHOLE) {
            buf_append(out, form->page->bytes + form->from[i], form->bytes[i]);
            copied += form->bytes[i];
        }
        part->bytes[i] = (uint32_t)out->len - part->from[i];
    }
    part->page = page_copy(buf_str(out));
    part->page->lead = parts->view != VIEW_PROTO && out->len > 0; /* the comma */
    return out->len - copied + copied / 16 + 256;
}

static size_t
look(struct parts *parts, struct sheet *sheet)
{
    enum look looks[SHEET_RECORDS];
    struct part *part = find(sheet, parts);
    if (part)
        part_free(part);
    if (!sheet->sheets->kind->look || !sheet->forms[parts->view])
        return 1;
    if (look_at(sheet, parts, looks))
        return LOOK_BYTES * (size_t)sheet->count;
    part = xcalloc(1, sizeof(*part));
    part->parts = parts;
    list_push(&sheet->parts, &part->in_sheet);
    list_push(&parts->list, &part->in_parts);
    return LOOK_BYTES * (size_t)sheet->count + render(parts, sheet, looks, part);
}

/* ---- all of them ---- */

static void
forget(struct parts *parts)
{
    struct part *part;
    while ((part = list_first(&parts->list, struct part, in_parts)))
        part_free(part);
    sight_free(parts->sight);
}

static void
begin(struct parts *parts)
{
    struct master *master = parts->views->master;
    parts->generation = access_generation(master->daemon->access);
    parts->sight = sight_of(master, parts->exchange);
    list_remove(&parts->mark.in_views);
    list_insert_before(parts->views->sheets.next, &parts->mark.in_views);
}

bool
parts_make(struct parts *parts, size_t *room)
{
    struct list *end = &parts->views->sheets;
    if (access_generation(parts->views->master->daemon->access) != parts->generation) {
        forget(parts);
        begin(parts);
    }
    while (parts->sight && parts->mark.in_views.next != end) {
        struct sheet *sheet = list_entry(parts->mark.in_views.next, struct sheet, in_views);
        size_t cost = 1;
        if (*room == 0)
            return false;
        list_remove(&parts->mark.in_views);
        list_insert_before(sheet->in_views.next, &parts->mark.in_views);
        if (sheet->sheets)
            cost = look(parts, sheet);
        *room -= cost < *room ? cost : *room;
    }
    return true;
}

struct parts *
parts_new(struct views *views, enum view view, struct http_exchange *exchange)
{
    struct sight *sight = views->master ? sight_of(views->master, exchange) : NULL;
    struct parts *parts;
    if (!sight)
        return NULL;
    sight_free(sight);
    parts = xcalloc(1, sizeof(*parts));
    parts->views = views;
    parts->view = view;
    parts->exchange = exchange;
    list_init(&parts->list);
    list_init(&parts->mark.in_views);
    begin(parts);
    return parts;
}

void
parts_free(struct parts *parts)
{
    if (!parts)
        return;
    forget(parts);
    list_remove(&parts->mark.in_views);
    free(parts);
}
