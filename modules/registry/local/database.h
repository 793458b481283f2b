/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of registry "local": one SQLite database. Every row carries a CRC of its table, key and value, and a summary
 * says how many rows there are and what their CRCs add up to, so that a flipped bit, a lost row and a row of yesterday are
 * error messages and never a wrong value. Blocking; used by one thread at a time.
 */
#ifndef REGISTRY_LOCAL_DATABASE_H
#define REGISTRY_LOCAL_DATABASE_H

#include "base/list.h"
#include "base/str.h"

struct database;

struct row {
    uint32_t table;
    struct str key;
    struct str value; /* ptr NULL = remove */
};

/* Opens or creates the file at path and checks it; one of an older release is brought to today's layout. NULL with err:
 * foreign, newer, damaged, in use. */
struct database *database_open(const char *path, struct err *err);
void database_close(struct database *db);
/* Calls row for each; key and value are valid during the call. -EBADMSG when anything is not what was written. */
int database_read(struct database *db, void (*row)(void *arg, const struct row *row), void *arg, struct err *err);
/* One transaction: begin, any number of writes, commit (durable when it returns 0). After a failure: rollback. */
int database_begin(struct database *db, struct err *err);
int database_write(struct database *db, const struct row *row, struct err *err);
int64_t database_bytes(struct database *db); /* of all of it; 0 = not known */
int database_commit(struct database *db, struct err *err);
void database_rollback(struct database *db);

#endif
