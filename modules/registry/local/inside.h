/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the database share: database.c (the file) and rows.c (what is in it). */
#ifndef REGISTRY_LOCAL_INSIDE_H
#define REGISTRY_LOCAL_INSIDE_H

#include <sqlite3.h>
#include "base/err.h"
#include "database.h"

#define VALUE_MAX_BYTES (256u << 20)

/* What all rows come to: a row that was lost, doubled or exchanged for an older one of itself changes it. */
struct summary {
    int64_t count;
    uint64_t sum; /* of the rows' CRCs */
};

struct database {
    sqlite3 *sqlite;
    sqlite3_stmt *put, *remove, *old, *summarize;
    struct summary summary; /* as written, and with what the open transaction adds */
    struct summary before;  /* it */
    char *path;
};

/* What SQLite says of rc, with the path and what to do about it. */
int database_failure(const struct database *db, int rc, struct err *err);
/* -EBADMSG: the file is damaged, in that way. */
int database_damaged(const struct database *db, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4);
int database_execute(struct database *db, const char *sql, struct err *err);
/* rows.c: the statements that writing needs, and the summary as it was written. */
int database_prepare(struct database *db, struct err *err);
/* Adds up the rows that there are, each checked against its CRC, and tells them (row may be NULL). */
int database_scan(struct database *db, void (*row)(void *arg, const struct row *row), void *arg, struct summary *ret,
                  struct err *err);

#endif
