/* SPDX-License-Identifier: Apache-2.0 */
/* The rows: read with every check there is, written in transactions that keep the summary true. */
#include <errno.h>
#include <zlib.h>
#include "base/fault.h"
#include "inside.h"

static uint32_t
row_crc(const struct row *row)
{
    unsigned char head[8];
    for (int i = 0; i < 4; i++) {
        head[i] = (unsigned char)(row->table >> 8 * i);
        head[4 + i] = (unsigned char)(row->key.len >> 8 * i);
    }
    uLong crc = crc32(crc32(0, NULL, 0), head, sizeof head);
    if (row->key.len > 0)
        crc = crc32(crc, (const unsigned char *)row->key.ptr, (uInt)row->key.len);
    if (row->value.len > 0)
        crc = crc32(crc, (const unsigned char *)row->value.ptr, (uInt)row->value.len);
    return (uint32_t)crc;
}

static void
summary_add(struct summary *summary, int sign, int64_t crc)
{
    summary->count += sign;
    summary->sum += sign > 0 ? (uint64_t)crc : -(uint64_t)crc;
}

/* One row of the question below. */
static int
scan_row(struct database *db, sqlite3_stmt *stmt, struct row *ret, struct err *err)
{
    const void *key = sqlite3_column_blob(stmt, 1), *value = sqlite3_column_blob(stmt, 2);
    int64_t table = sqlite3_column_int64(stmt, 0);
    struct row r = {.table = (uint32_t)table};
    r.key = str_n(key ? key : "", (size_t)sqlite3_column_bytes(stmt, 1));
    r.value = str_n(value ? value : "", (size_t)sqlite3_column_bytes(stmt, 2));
    if (table < 1 || table > UINT32_MAX)
        return database_damaged(db, err, "it has a row of table %lld", (long long)table);
    if ((int64_t)row_crc(&r) != sqlite3_column_int64(stmt, 3))
        return database_damaged(db, err, "the checksum of key '%.*s' in table %u is wrong",
                                (int)(r.key.len < 200 ? r.key.len : 200), r.key.ptr, r.table);
    *ret = r;
    return 0;
}

int
database_scan(struct database *db, void (*row)(void *arg, const struct row *row), void *arg, struct summary *ret,
              struct err *err)
{
    static const char question[] = "SELECT tab, key, value, crc FROM entries ORDER BY tab, key";
    sqlite3_stmt *stmt = NULL;
    struct summary summary = {0};
    struct row r;
    int result = 0;
    int rc = sqlite3_prepare_v2(db->sqlite, question, -1, &stmt, NULL);
    while (rc == SQLITE_OK && result == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        result = scan_row(db, stmt, &r, err);
        if (result == 0)
            summary_add(&summary, 1, sqlite3_column_int64(stmt, 3));
        if (result == 0 && row)
            row(arg, &r);
        rc = SQLITE_OK;
    }
    if (result == 0 && rc != SQLITE_DONE)
        result = database_failure(db, rc, err);
    sqlite3_finalize(stmt);
    if (result == 0)
        *ret = summary;
    return result;
}

static int
read_summary(struct database *db, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int result = 0;
    int rc = sqlite3_prepare_v2(db->sqlite, "SELECT count, sum FROM summary WHERE id = 1", -1, &stmt, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        db->summary = (struct summary){sqlite3_column_int64(stmt, 0), (uint64_t)sqlite3_column_int64(stmt, 1)};
    else if (rc == SQLITE_DONE)
        result = database_damaged(db, err, "its summary is missing");
    else
        result = database_failure(db, rc, err);
    sqlite3_finalize(stmt);
    return result;
}

int
database_prepare(struct database *db, struct err *err)
{
    static const char put[] = "INSERT OR REPLACE INTO entries (tab, key, value, crc) VALUES (?1, ?2, ?3, ?4)";
    static const char remove[] = "DELETE FROM entries WHERE tab = ?1 AND key = ?2";
    static const char old[] = "SELECT crc FROM entries WHERE tab = ?1 AND key = ?2";
    static const char summarize[] = "UPDATE summary SET count = ?1, sum = ?2 WHERE id = 1";
    int rc = sqlite3_prepare_v3(db->sqlite, put, -1, SQLITE_PREPARE_PERSISTENT, &db->put, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v3(db->sqlite, remove, -1, SQLITE_PREPARE_PERSISTENT, &db->remove, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v3(db->sqlite, old, -1, SQLITE_PREPARE_PERSISTENT, &db->old, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v3(db->sqlite, summarize, -1, SQLITE_PREPARE_PERSISTENT, &db->summarize, NULL);
    return rc == SQLITE_OK ? read_summary(db, err) : database_failure(db, rc, err);
}

int
database_read(struct database *db, void (*row)(void *arg, const struct row *row), void *arg, struct err *err)
{
    struct summary found = {0};
    int result = database_scan(db, row, arg, &found, err);
    if (result == 0 && (found.count != db->summary.count || found.sum != db->summary.sum))
        result = database_damaged(db, err, "it has %lld rows with sum %llx, and %lld with sum %llx were written",
                                  (long long)found.count, (unsigned long long)found.sum, (long long)db->summary.count,
                                  (unsigned long long)db->summary.sum);
    return result;
}

int
database_begin(struct database *db, struct err *err)
{
    db->before = db->summary;
    return database_execute(db, "BEGIN IMMEDIATE", err);
}

static void
bind_key(sqlite3_stmt *stmt, const struct row *row)
{
    sqlite3_bind_int64(stmt, 1, row->table);
    sqlite3_bind_blob(stmt, 2, row->key.len ? row->key.ptr : "", (int)row->key.len, SQLITE_STATIC);
}

/* Runs it, fails unless it is done; a row that it finds is told. */
static int
run(struct database *db, sqlite3_stmt *stmt, int64_t *ret_found, struct err *err)
{
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && ret_found) {
        *ret_found = sqlite3_column_int64(stmt, 0);
        rc = SQLITE_DONE;
    }
    int result = rc == SQLITE_DONE ? 0 : database_failure(db, rc, err);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return result;
}

int
database_write(struct database *db, const struct row *row, struct err *err)
{
    int64_t old = -1;
    if (row->key.len > VALUE_MAX_BYTES / 2 || row->value.len > VALUE_MAX_BYTES / 2)
        return err_set(err, -EFBIG, "registry '%s': a value of %zu bytes is too large", db->path, row->value.len);
    bind_key(db->old, row);
    int result = run(db, db->old, &old, err);
    if (result < 0)
        return result;
    if (old >= 0)
        summary_add(&db->summary, -1, old);
    sqlite3_stmt *stmt = row->value.ptr ? db->put : db->remove;
    bind_key(stmt, row);
    if (row->value.ptr) {
        uint32_t crc = row_crc(row);
        sqlite3_bind_blob(stmt, 3, row->value.len ? row->value.ptr : "", (int)row->value.len, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 4, crc);
        summary_add(&db->summary, 1, crc);
    }
    return run(db, stmt, NULL, err);
}

int
database_commit(struct database *db, struct err *err)
{
    int rc = fault("registry_local_commit");
    if (rc < 0)
        return err_set(err, rc, "registry '%s': %s", db->path, strerror(-rc));
    sqlite3_bind_int64(db->summarize, 1, db->summary.count);
    sqlite3_bind_int64(db->summarize, 2, (int64_t)db->summary.sum);
    rc = run(db, db->summarize, NULL, err);
    return rc < 0 ? rc : database_execute(db, "COMMIT", err);
}

void
database_rollback(struct database *db)
{
    db->summary = db->before;
    sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
}
