/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a viewer sees of the sheets when the rules hide some of it: the hidden records are left out, those of which it sees a
 * part are rendered for it alone. Used by views.c between making pages and answering; decides nothing itself (sight.h).
 *
 * It is made once for all requests of the same principal with the same claims, and kept for the next ones as pages are: what an
 * answer depends on beside the records is in the principal and in the rules, and other rules begin it anew. (The design's
 * classes of framework and user would be shared between principals, too, but rules may look at more than that.)
 *
 * A mark moves along all sheets: what is before it has been looked at as it is now, because a sheet that changes moves to
 * the end.
 */
#include "master/sight.h"
#include "master/state.h"
#include "master/views_internal.h"
#include "wire/principal.h"

enum {
    LOOK_BYTES = 16,       /* what a question about a record costs, in bytes rendered */
    KEPT_MOST = 16,        /* principals for whom it is kept while they do not ask; more are looked through for each sheet */
    KEPT_BYTES = 16 << 20, /* and what they may cost, beside as much as the pages that they are parts of */
    KEPT_MS = 60 * 1000,
    ARENA_BYTES = 256,
};

struct parts {
    struct list node; /* in views->parts */
    struct list viewers;
    struct views *views;
    enum view view;
    struct arena *arena; /* of who */
    const struct mesos_principal *who; /* NULL = nobody proved who they are */
    struct sight *sight;
    uint64_t generation, infos; /* of the rules and of frameworks' infos that it is by */
    struct list list;           /* struct part */
    struct sheet mark;
    int64_t wanted_ms; /* when somebody asked for it last */
};

static void
part_free(struct part *part)
{
    struct views *views = part->parts->views;
    list_remove(&part->in_sheet);
    list_remove(&part->in_parts);
    views->parts_bytes -= sizeof(*part) + part->page->len;
    page_retire(part->page, views->account);
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
    size_t cost = LOOK_BYTES * (size_t)sheet->count + render(parts, sheet, looks, part);
    parts->views->parts_bytes += sizeof(*part) + part->page->len;
    return cost;
}

/* ---- all of them ---- */

static void
forget(struct parts *parts)
{
    struct part *part;
    while ((part = list_first(&parts->list, struct part, in_parts)))
        part_free(part);
    list_remove(&parts->mark.in_views);
    list_insert_before(parts->views->sheets.next, &parts->mark.in_views);
}

/* What they see is by rules of now, and what the rules may have looked at beside the records is as it was. */
static bool
holds(const struct parts *parts)
{
    const struct master *master = parts->views->master;
    return access_generation(master->daemon->access) == parts->generation &&
           (!sight_reads_infos(parts->sight) || master->framework_infos == parts->infos);
}

static void
begin(struct parts *parts)
{
    struct master *master = parts->views->master;
    forget(parts);
    sight_free(parts->sight);
    parts->sight = sight_new(master, parts->who);
    parts->generation = access_generation(master->daemon->access);
    parts->infos = master->framework_infos;
}

bool
parts_make(struct parts *parts, size_t *room)
{
    struct list *end = &parts->views->sheets;
    if (!holds(parts))
        begin(parts);
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

static void
parts_free(struct parts *parts)
{
    forget(parts);
    sight_free(parts->sight);
    list_remove(&parts->mark.in_views);
    list_remove(&parts->node);
    arena_free(parts->arena);
    free(parts);
}

static struct parts *
parts_new(struct views *views, enum view view, const struct mesos_principal *who)
{
    struct parts *parts = xcalloc(1, sizeof(*parts));
    parts->views = views;
    parts->view = view;
    parts->arena = arena_new(ARENA_BYTES);
    parts->who = principal_copy(who, parts->arena);
    list_init(&parts->viewers);
    list_init(&parts->list);
    list_init(&parts->mark.in_views);
    list_push(&views->parts, &parts->node);
    begin(parts);
    return parts;
}

struct parts *
parts_of(struct views *views, enum view view, const struct http_exchange *exchange)
{
    const struct mesos_principal *who = http_exchange_principal(exchange);
    struct sight *sight = views->master ? sight_new(views->master, who) : NULL;
    struct parts *parts, *found = NULL;
    if (!sight)
        return NULL;
    sight_free(sight);
    list_foreach (parts, &views->parts, node)
        if (parts->view == view && principal_same(parts->who, who))
            found = parts;
    if (!found)
        found = parts_new(views, view, who);
    found->wanted_ms = loop_now_ms(views->loop);
    return found;
}

struct list *
parts_viewers(struct parts *parts)
{
    return &parts->viewers;
}

/* ---- whose turn it is, and who is kept ---- */

struct parts *
parts_next(const struct views *views, enum view view)
{
    struct parts *parts;
    list_foreach (parts, &views->parts, node)
        if (parts->view == view && !list_empty(&parts->viewers))
            return parts;
    return NULL;
}

void
parts_go_last(struct parts *parts)
{
    list_remove(&parts->node);
    list_push(&parts->views->parts, &parts->node);
}

static size_t
unwanted(const struct views *views)
{
    const struct parts *parts;
    size_t count = 0;
    list_foreach (parts, &views->parts, node)
        count += list_empty(&parts->viewers);
    return count;
}

void
parts_trim(struct views *views)
{
    struct parts *parts, *next;
    size_t count = unwanted(views);
    int64_t old_ms = loop_now_ms(views->loop) - KEPT_MS;
    list_foreach_safe (parts, next, &views->parts, node) {
        bool many = count > KEPT_MOST || views->parts_bytes > KEPT_BYTES + views->bytes;
        if (!list_empty(&parts->viewers) || (!many && parts->wanted_ms > old_ms))
            continue;
        parts_free(parts);
        count--;
    }
}

void
parts_hide(struct views *views, enum view view)
{
    struct parts *parts, *next;
    list_foreach_safe (parts, next, &views->parts, node)
        if (parts->view == view && list_empty(&parts->viewers))
            parts_free(parts);
}

void
parts_fini(struct views *views)
{
    struct parts *parts;
    while ((parts = list_first(&views->parts, struct parts, node)))
        parts_free(parts);
}
