/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite behind five verbs. WAL with synchronous=FULL: a commit is on the disk when it returns. The lock is exclusive
 * for the life of the process, so that a second master on the same directory is refused at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <zlib.h>
#include "base/fault.h"
#include "database.h"

#define APPLICATION_ID 0x634d5267 /* "cMRg" */
#define FORMAT_VERSION 1
#define VALUE_MAX_BYTES (256u << 20)

struct database {
    sqlite3 *sqlite;
    sqlite3_stmt *put, *remove;
    char *path;
};

static int
failure(const struct database *db, int rc, struct err *err)
{
    static const struct {
        int sqlite, code;
    } codes[] = {{SQLITE_FULL, -ENOSPC},   {SQLITE_READONLY, -EROFS},   {SQLITE_BUSY, -EBUSY},
                 {SQLITE_CORRUPT, -EBADMSG}, {SQLITE_NOTADB, -EBADMSG}, {SQLITE_CANTOPEN, -EACCES}};
    int code = -EIO;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (codes[i].sqlite == (rc & 0xff))
            code = codes[i].code;
    }
    if ((rc & 0xff) == SQLITE_BUSY)
        return err_set(err, code, "registry '%s' is in use by another process", db->path);
    return err_set(err, code, "registry '%s': %s", db->path, db->sqlite ? sqlite3_errmsg(db->sqlite) : sqlite3_errstr(rc));
}

static int
execute(struct database *db, const char *sql, struct err *err)
{
    int rc = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : failure(db, rc, err);
}

/* The first column of the first row as a number. */
static int
query_number(struct database *db, const char *sql, int64_t *ret, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db->sqlite, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        *ret = sqlite3_column_int64(stmt, 0);
        rc = SQLITE_OK;
    }
    int result = rc == SQLITE_OK ? 0 : failure(db, rc, err);
    sqlite3_finalize(stmt);
    return result;
}

/* The database's own check of its pages and indexes. */
static int
quick_check(struct database *db, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db->sqlite, "PRAGMA quick_check(1)", -1, &stmt, NULL);
    int result = 0;
    if (rc != SQLITE_OK || (rc = sqlite3_step(stmt)) != SQLITE_ROW) {
        result = failure(db, rc, err);
    } else {
        const char *verdict = (const char *)sqlite3_column_text(stmt, 0);
        if (!verdict || strcmp(verdict, "ok") != 0)
            result = err_set(err, -EBADMSG, "registry '%s' is damaged: %s", db->path, verdict ? verdict : "no verdict");
    }
    sqlite3_finalize(stmt);
    return result;
}

static int
create(struct database *db, struct err *err)
{
    static const char sql[] = "BEGIN IMMEDIATE;"
                              "CREATE TABLE entries (tab INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, "
                              "crc INTEGER NOT NULL, PRIMARY KEY (tab, key)) WITHOUT ROWID;"
                              "PRAGMA application_id = 1666011751;" /* APPLICATION_ID */
                              "PRAGMA user_version = 1;"
                              "COMMIT";
    _Static_assert(APPLICATION_ID == 1666011751 && FORMAT_VERSION == 1, "the statement above says the same numbers");
    return execute(db, sql, err);
}

static int
check_identity(struct database *db, struct err *err)
{
    int64_t application = 0, version = 0;
    if (query_number(db, "PRAGMA application_id", &application, err) < 0 ||
        query_number(db, "PRAGMA user_version", &version, err) < 0)
        return err ? err->code : -EIO;
    if (application != APPLICATION_ID)
        return err_set(err, -EBADMSG, "'%s' is a database of another program (application id %lld), not a registry",
                       db->path, (long long)application);
    if (version > FORMAT_VERSION)
        return err_set(err, -EBADMSG, "registry '%s' has format %lld, this release knows up to %d: it was written by a newer one",
                       db->path, (long long)version, FORMAT_VERSION);
    return quick_check(db, err);
}

/* SQLite makes its files with the umask's rights: the registry is for its owner alone. */
static int
make_private(const char *path, bool *ret_empty, struct err *err)
{
    auto_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(err, "registry '%s'", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EINVAL, "registry '%s' is not a file", path);
    *ret_empty = st.st_size == 0;
    return 0;
}

static int
prepare(struct database *db, struct err *err)
{
    static const char put[] = "INSERT OR REPLACE INTO entries (tab, key, value, crc) VALUES (?1, ?2, ?3, ?4)";
    static const char remove[] = "DELETE FROM entries WHERE tab = ?1 AND key = ?2";
    int rc = sqlite3_prepare_v3(db->sqlite, put, -1, SQLITE_PREPARE_PERSISTENT, &db->put, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v3(db->sqlite, remove, -1, SQLITE_PREPARE_PERSISTENT, &db->remove, NULL);
    return rc == SQLITE_OK ? 0 : failure(db, rc, err);
}

static int
setup(struct database *db, bool empty, struct err *err)
{
    int rc = sqlite3_open_v2(db->path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK)
        return failure(db, rc, err);
    sqlite3_busy_timeout(db->sqlite, 100);
    sqlite3_limit(db->sqlite, SQLITE_LIMIT_LENGTH, (int)VALUE_MAX_BYTES);
    if (execute(db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF", err) < 0)
        return err->code;
    if (!empty && check_identity(db, err) < 0) /* before anything is written to a file that may not be ours */
        return err->code;
    if (execute(db, "PRAGMA journal_mode=WAL", err) < 0)
        return err->code;
    if (empty && create(db, err) < 0)
        return err->code;
    return prepare(db, err);
}

struct database *
database_open(const char *path, struct err *err)
{
    struct err local = {0};
    err = err ? err : &local;
    bool empty = false;
    if (make_private(path, &empty, err) < 0)
        return NULL;
    struct database *db = xcalloc(1, sizeof *db);
    db->path = xstrdup(path);
    if (setup(db, empty, err) < 0) {
        database_close(db);
        return NULL;
    }
    return db;
}

void
database_close(struct database *db)
{
    if (!db)
        return;
    sqlite3_finalize(db->put);
    sqlite3_finalize(db->remove);
    sqlite3_close(db->sqlite);
    free(db->path);
    free(db);
}

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

int
database_read(struct database *db, void (*row)(void *arg, const struct row *row), void *arg, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int result = 0;
    int rc = sqlite3_prepare_v2(db->sqlite, "SELECT tab, key, value, crc FROM entries ORDER BY tab, key", -1, &stmt, NULL);
    while (rc == SQLITE_OK && result == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct row r = {.table = (uint32_t)sqlite3_column_int64(stmt, 0)};
        const void *key = sqlite3_column_blob(stmt, 1), *value = sqlite3_column_blob(stmt, 2);
        r.key = str_n(key ? key : "", (size_t)sqlite3_column_bytes(stmt, 1));
        r.value = str_n(value ? value : "", (size_t)sqlite3_column_bytes(stmt, 2));
        if ((int64_t)row_crc(&r) != sqlite3_column_int64(stmt, 3))
            result = err_set(err, -EBADMSG, "registry '%s' is damaged: the checksum of key '%.*s' in table %u is wrong",
                             db->path, STR_ARG(r.key), r.table);
        else
            row(arg, &r);
        rc = SQLITE_OK;
    }
    if (result == 0 && rc != SQLITE_DONE)
        result = failure(db, rc, err);
    sqlite3_finalize(stmt);
    return result;
}

int
database_begin(struct database *db, struct err *err)
{
    return execute(db, "BEGIN IMMEDIATE", err);
}

int
database_write(struct database *db, const struct row *row, struct err *err)
{
    if (row->key.len > VALUE_MAX_BYTES / 2 || row->value.len > VALUE_MAX_BYTES / 2)
        return err_set(err, -EFBIG, "registry '%s': a value of %zu bytes is too large", db->path, row->value.len);
    sqlite3_stmt *stmt = row->value.ptr ? db->put : db->remove;
    sqlite3_bind_int64(stmt, 1, row->table);
    sqlite3_bind_blob(stmt, 2, row->key.len ? row->key.ptr : "", (int)row->key.len, SQLITE_STATIC);
    if (row->value.ptr) {
        sqlite3_bind_blob(stmt, 3, row->value.len ? row->value.ptr : "", (int)row->value.len, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 4, row_crc(row));
    }
    int rc = sqlite3_step(stmt);
    int result = rc == SQLITE_DONE ? 0 : failure(db, rc, err);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return result;
}

int
database_commit(struct database *db, struct err *err)
{
    int rc = fault("registry_local_commit");
    if (rc < 0)
        return err_set(err, rc, "registry '%s': %s", db->path, strerror(-rc));
    return execute(db, "COMMIT", err);
}

void
database_rollback(struct database *db)
{
    sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
}

int64_t
database_bytes(struct database *db)
{
    static const char question[] = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
    sqlite3_stmt *statement;
    int64_t bytes = 0;
    if (sqlite3_prepare_v2(db->sqlite, question, -1, &statement, NULL) != SQLITE_OK)
        return 0;
    if (sqlite3_step(statement) == SQLITE_ROW)
        bytes = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return bytes;
}
