/* SPDX-License-Identifier: Apache-2.0 */
/* What sheets.c (records and their sheets) and views.c (pages and who waits for them) share. Nobody else includes it. */
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
    struct sheets *sheets;
    struct form *forms[VIEWS]; /* NULL = the view is not shown, or has none of this kind */
    struct resources sum;      /* valid with summed */
    bool summed;
    uint32_t count;
    struct record *records[SHEET_RECORDS];
};

struct view_state {
    bool shown;          /* has forms */
    struct list stale;   /* forms to be made */
    struct list viewers; /* who waits */
    uint32_t patience;   /* bites since somebody waits */
    struct loop_timer idle;
};

struct views {
    struct loop *loop;
    struct page_account *account;
    struct loop_background work;
    struct arena *arena;
    struct buf scratch;
    struct list sheets; /* all of them */
    struct view_state each[VIEWS];
    size_t bytes; /* of current pages */
};

/* views.c: a form for each view that is shown; to be made. */
void sheet_show_in(struct sheet *sheet, enum view view);
void form_stale(struct views *views, struct form *form, enum view view);
/* Gives the page up. */
void form_free(struct views *views, struct form *form);
/* sheets.c: the second half of the records gets a sheet of its own. */
void sheet_split(struct sheet *sheet);

#endif
