/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sheets.c (records and their sheets), views.c (pages and who waits for them) and parts.c (who sees not all) share. Nobody
 * else includes it.
 */
#ifndef MASTER_VIEWS_INTERNAL_H
#define MASTER_VIEWS_INTERNAL_H

#include "master/views.h"

/* A sheet as one view shows it. */
struct form {
    struct list node; /* in the view's stale list, or empty */
    struct sheet *sheet;
    struct page *page;             /* the last one made; NULL = none yet */
    uint64_t clean;                /* bit i: record i stands in page as it is now ... */
    uint32_t from[SHEET_RECORDS];  /* ... here */
    uint32_t bytes[SHEET_RECORDS]; /* so long */
};

struct sheet {
    struct list in_sheets, in_views;
    struct list parts; /* struct part: what some principals see of it */
    struct sheets *sheets; /* NULL: no sheet, but how far one of struct parts is (parts.c) */
    struct form *forms[VIEWS]; /* NULL = the view is not shown, or has none of this kind */
    struct resources sum;      /* valid with summed */
    bool summed;
    uint32_t count;
    struct record *records[SHEET_RECORDS];
};

struct view_state {
    bool shown;          /* has forms */
    struct list stale;   /* forms to be made */
    struct list viewers; /* who waits and sees all; others wait in parts */
    uint32_t patience;   /* bites since somebody waits */
    struct loop_timer idle;
};

struct views {
    struct loop *loop;
    struct page_account *account;
    struct loop_background work;
    struct arena *arena;
    struct buf scratch;
    struct list sheets; /* all of them, those that changed last at the end */
    struct master *master; /* whose rules say who sees what; NULL = everybody sees all */
    const struct parts *serving; /* of the viewer who is being answered */
    struct list parts; /* struct parts: who came or was answered last at the end */
    size_t parts_bytes; /* of what they hold */
    struct view_state each[VIEWS];
    size_t bytes; /* of current pages */
};

/* views.c: a form for each view that is shown; to be made. */
void sheet_show_in(struct sheet *sheet, enum view view);
void form_stale(struct views *views, struct form *form, enum view view);
/* Gives the page up. */
void form_free(struct views *views, struct form *form);
/*
 * parts.c: what viewers see who may not see all, made sheet after sheet in bites and made again where a sheet changes, so that
 * an answer has only to put it together. One for each view and principal; those for whom nobody waits are kept while that costs
 * little.
 */
struct part {
    struct list in_sheet, in_parts;
    struct parts *parts;
    struct page *page;
    uint32_t from[SHEET_RECORDS], bytes[SHEET_RECORDS]; /* 0 bytes = hidden */
};
struct parts;
/* Those of the exchange's principal; NULL when it sees all. They live while somebody is in their list of viewers, else until the
 * next parts_trim. */
struct parts *parts_of(struct views *views, enum view view, const struct http_exchange *exchange);
struct list *parts_viewers(struct parts *parts); /* struct viewer (views.c) */
/* Pages of the view are up to date. True when all is made; takes what it cost from *room. */
bool parts_make(struct parts *parts, size_t *room);
/* Whose turn it is among those that somebody waits for: until it goes last. NULL = nobody's. */
struct parts *parts_next(const struct views *views, enum view view);
void parts_go_last(struct parts *parts);
/* Frees what nobody waits for and is too much or too old. */
void parts_trim(struct views *views);
void parts_hide(struct views *views, enum view view); /* all of a view that nobody waits for */
void parts_fini(struct views *views);
/* What the viewer that is being answered sees of a sheet: NULL = all of it. */
const struct part *part_find(const struct sheet *sheet);
void sheet_forget_parts(struct sheet *sheet);

/* sheets.c: the second half of the records gets a sheet of its own. */
void sheet_split(struct sheet *sheet);

#endif
