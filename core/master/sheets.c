/* SPDX-License-Identifier: Apache-2.0 */
/* Records on their sheets: adding, marking, removing, halving and joining. What is rendered moves along with them. */
#include <assert.h>

#include "master/views_internal.h"

enum { JOIN_RECORDS = SHEET_RECORDS / 2 };

static void forget_sum(struct sheets *sheets);

void
sheets_init(struct sheets *sheets, struct views *views, const struct record_kind *kind)
{
    *sheets = (struct sheets){.views = views, .kind = kind};
    list_init(&sheets->list);
}

static void
sheet_free(struct sheet *sheet)
{
    for (int v = 0; v < VIEWS; v++)
        form_free(sheet->sheets->views, sheet->forms[v]);
    sheet_forget_parts(sheet);
    list_remove(&sheet->in_sheets);
    list_remove(&sheet->in_views);
    resources_fini(&sheet->sum);
    free(sheet);
}

void
sheets_fini(struct sheets *sheets)
{
    struct sheet *sheet;
    while (sheets->views && (sheet = list_first(&sheets->list, struct sheet, in_sheets)))
        sheet_free(sheet);
    forget_sum(sheets);
}

static struct sheet *
sheet_new(struct sheets *sheets, struct list *before)
{
    struct sheet *sheet = xcalloc(1, sizeof(*sheet));
    sheet->sheets = sheets;
    list_init(&sheet->parts);
    list_insert_before(before, &sheet->in_sheets);
    list_push(&sheets->views->sheets, &sheet->in_views);
    for (int v = 0; v < VIEWS; v++)
        if (sheets->views->each[v].shown)
            sheet_show_in(sheet, (enum view)v);
    return sheet;
}

static void
changed(struct sheet *sheet)
{
    list_remove(&sheet->in_views);
    list_push(&sheet->sheets->views->sheets, &sheet->in_views);
    for (int v = 0; v < VIEWS; v++)
        if (sheet->forms[v])
            form_stale(sheet->sheets->views, sheet->forms[v], (enum view)v);
    sheet->summed = false;
    forget_sum(sheet->sheets);
}

void
sheets_add(struct sheets *sheets, struct record *record)
{
    struct sheet *last =
        list_empty(&sheets->list) ? NULL : list_entry(sheets->list.prev, struct sheet, in_sheets);
    assert(record->sheet == NULL);
    if (!last || last->count == SHEET_RECORDS)
        last = sheet_new(sheets, &sheets->list);
    record->sheet = last;
    record->at = last->count++;
    last->records[record->at] = record;
    for (int v = 0; v < VIEWS; v++)
        if (last->forms[v])
            last->forms[v]->clean &= ~(UINT64_C(1) << record->at);
    sheets->count++;
    changed(last);
}

void
record_touch(struct record *record)
{
    struct sheet *sheet = record->sheet;
    if (!sheet)
        return;
    for (int v = 0; v < VIEWS; v++)
        if (sheet->forms[v])
            sheet->forms[v]->clean &= ~(UINT64_C(1) << record->at);
    changed(sheet);
}

static void
form_close_gap(struct form *form, uint32_t at, uint32_t count)
{
    uint64_t below = (UINT64_C(1) << at) - 1;
    size_t behind = count - at - 1;
    form->clean = (form->clean & below) | ((form->clean >> 1) & ~below);
    memmove(form->from + at, form->from + at + 1, behind * sizeof(form->from[0]));
    memmove(form->bytes + at, form->bytes + at + 1, behind * sizeof(form->bytes[0]));
}

/* The next sheet's records move here: they are rendered again. */
static void
join(struct sheet *sheet)
{
    if (sheet->in_sheets.next == &sheet->sheets->list)
        return;
    struct sheet *next = list_entry(sheet->in_sheets.next, struct sheet, in_sheets);
    if (sheet->count + next->count > JOIN_RECORDS)
        return;
    for (uint32_t i = 0; i < next->count; i++) {
        struct record *record = next->records[i];
        record->sheet = sheet;
        record->at = sheet->count;
        sheet->records[sheet->count++] = record;
        for (int v = 0; v < VIEWS; v++)
            if (sheet->forms[v])
                sheet->forms[v]->clean &= ~(UINT64_C(1) << record->at);
    }
    sheet_free(next);
}

void
record_remove(struct record *record)
{
    struct sheet *sheet = record->sheet;
    uint32_t at = record->at;
    if (!sheet)
        return;
    record->sheet = NULL;
    sheet->sheets->count--;
    for (int v = 0; v < VIEWS; v++)
        if (sheet->forms[v])
            form_close_gap(sheet->forms[v], at, sheet->count);
    sheet->count--;
    for (uint32_t i = at; i < sheet->count; i++) {
        sheet->records[i] = sheet->records[i + 1];
        sheet->records[i]->at = i;
    }
    if (sheet->count == 0) {
        forget_sum(sheet->sheets);
        sheet_free(sheet);
        return;
    }
    if (sheet->count < JOIN_RECORDS)
        join(sheet);
    changed(sheet);
}

static void
form_split(struct views *views, struct form *form, struct form *upper, uint32_t keep, uint32_t count)
{
    upper->page = form->page ? page_ref(form->page) : NULL;
    views->bytes += form->page ? form->page->len : 0;
    upper->clean = form->clean >> keep;
    form->clean &= (UINT64_C(1) << keep) - 1;
    memcpy(upper->from, form->from + keep, (count - keep) * sizeof(form->from[0]));
    memcpy(upper->bytes, form->bytes + keep, (count - keep) * sizeof(form->bytes[0]));
}

void
sheet_split(struct sheet *sheet)
{
    uint32_t keep = sheet->count / 2;
    if (keep == 0)
        return;
    struct sheet *upper = sheet_new(sheet->sheets, sheet->in_sheets.next);
    upper->count = sheet->count - keep;
    for (uint32_t i = 0; i < upper->count; i++) {
        upper->records[i] = sheet->records[keep + i];
        upper->records[i]->sheet = upper;
        upper->records[i]->at = i;
    }
    for (int v = 0; v < VIEWS; v++)
        if (sheet->forms[v])
            form_split(sheet->sheets->views, sheet->forms[v], upper->forms[v], keep, sheet->count);
    sheet->count = keep;
    changed(sheet);
}

static void
sheet_sum(struct sheet *sheet)
{
    const struct record_kind *kind = sheet->sheets->kind;
    resources_fini(&sheet->sum);
    sheet->sum = (struct resources){0};
    for (uint32_t i = 0; i < sheet->count && kind->sum; i++)
        kind->sum(sheet->records[i], &sheet->sum);
    sheet->summed = true;
}

static void
forget_sum(struct sheets *sheets)
{
    if (sheets->sum)
        resources_fini(sheets->sum);
    free(sheets->sum);
    sheets->sum = NULL;
}

void
sheets_sum(const struct sheets *of, struct resources *ret)
{
    struct sheets *sheets = (struct sheets *)(uintptr_t)of; /* only what is remembered changes */
    struct sheet *sheet;
    if (!sheets->sum) {
        sheets->sum = xcalloc(1, sizeof(*sheets->sum));
        list_foreach (sheet, &sheets->list, in_sheets) {
            if (!sheet->summed)
                sheet_sum(sheet);
            resources_add(sheets->sum, &sheet->sum);
        }
    }
    resources_add(ret, sheets->sum);
}
