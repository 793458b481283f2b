/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The large views (/state, GET_STATE and their parts) as shared pages. Everything of which there may be many is a record;
 * records of one kind and owner (a framework's tasks, all agents) stand in their order on sheets of at most 64; for each
 * view that somebody looks at, a sheet has one page with its records rendered. A change marks a record; the next look
 * renders the marked records again, copies the others of the same sheet, and leaves all other pages alone. A view that
 * nobody looks at for a while costs nothing but the marks.
 *
 * A sheet never mixes frameworks, so that what one may see of a framework can be decided once per page.
 * The nouns (agents.c, tasks.c, ...) add, mark and remove; http_*.c and operator_*.c look.
 */
#ifndef MASTER_VIEWS_H
#define MASTER_VIEWS_H

#include "base/arena.h"
#include "base/list.h"
#include "base/page.h"
#include "loop/loop.h"
#include "model/resources.h"
#include "wire/http_server.h"

enum view {
    VIEW_STATE,   /* the older JSON: /state, /frameworks */
    VIEW_SLAVES,  /* /slaves, which shows more of agents */
    VIEW_SUMMARY, /* /state-summary: agents, without the end of their objects, and tasks in brief (records.h) */
    VIEW_TASKS,   /* /tasks: tasks in brief */
    VIEW_JSON,    /* the v1 operator API as JSON */
    VIEW_PROTO,   /* and as protobuf */
    VIEWS
};

enum { SHEET_RECORDS = 64 };

struct master;
struct sheet;
struct views;

/* Embedded in what is shown. */
struct record {
    struct sheet *sheet; /* NULL = on none */
    uint32_t at;
};

struct sight; /* sight.h */
enum look { LOOK_HIDDEN, LOOK_WHOLE, LOOK_PART };

struct record_kind {
    unsigned views; /* in which it appears: bits 1 << VIEW_... */
    /* Appends the record as one item of a list: JSON with a comma before it, protobuf with its field's number and
     * length. It may append nothing. arena is emptied afterwards. */
    void (*render)(struct record *record, enum view view, struct buf *out, struct arena *arena);
    /* Adds what the record holds; NULL = nothing. */
    void (*sum)(struct record *record, struct resources *sum);
    /* How much of the record is seen by one who may not see everything. NULL = all of it. */
    enum look (*look)(const struct record *record, enum view view, struct sight *sight);
    /* As render, what is seen of it; NULL when that is never a part. */
    void (*render_part)(struct record *record, enum view view, struct sight *sight, struct buf *out, struct arena *arena);
};

/* The records of one kind and owner, in the order in which they were added. */
struct sheets {
    struct views *views;
    const struct record_kind *kind;
    struct list list; /* struct sheet */
    uint32_t count;   /* of records */
    struct resources *sum; /* of all, or NULL: to be made again */
};

void sheets_init(struct sheets *sheets, struct views *views, const struct record_kind *kind);
/* Frees the sheets; the records may be gone already. */
void sheets_fini(struct sheets *sheets);
void sheets_add(struct sheets *sheets, struct record *record); /* at the end */
void record_remove(struct record *record);                     /* harmless when it is on no sheet */
/* What the record shows or holds has changed. Harmless when it is on no sheet. */
void record_touch(struct record *record);
/* Adds what all records hold together; remembered, and per sheet. */
void sheets_sum(const struct sheets *sheets, struct resources *ret);

/* ---- looking ---- */

struct views *views_new(struct loop *loop, struct page_account *account);
/* All sheets must have been freed. Viewers are forgotten: their exchanges end with the server. */
void views_free(struct views *views);
/* From now on what viewers see is what the master's rules let them see. */
void views_ruled_by(struct views *views, struct master *master);
/* Calls answer(exchange, arg) as soon as all pages of the view are up to date, perhaps at once, perhaps after some turns
 * of the loop, in which pages are made a bite at a time; never when the peer goes away before. */
void views_await(struct views *views, enum view view, struct http_exchange *exchange,
                 void (*answer)(struct http_exchange *exchange, void *arg), void *arg);
/* For those whose pages are all made already; false when they are not. */
bool views_ready(const struct views *views, enum view view);
/* Inside such an answer: appends the records of the view. sight: the peer's, NULL = one who may see all. Pages of which all is
 * seen are shared; what the peer sees of the others was made before (parts.c), and outside of an answer it sees none.
 * first: nothing stands before them in their list; false afterwards when they are any. */
void sheets_show(const struct sheets *sheets, enum view view, const struct sight *sight, struct rope *rope, bool *first);
/* The text of each record that is seen, forwards (step 1) or backwards (step -1), for those who add to it. */
void sheets_each_text(const struct sheets *sheets, enum view view, const struct sight *sight, int step,
                      void (*fn)(const struct record *record, struct str text, void *arg), void *arg);
/* What pages cost now; for tests and for whoever wonders. */
size_t views_bytes(const struct views *views);

#endif
