/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file: opened, checked, made, brought from an older layout to today's. synchronous=FULL: a commit is on the disk when
 * it returns. No write-ahead log: of a log with a flipped bit SQLite drops the rest in silence, and with it commits that
 * were told; a rollback journal is empty between commits. The lock is exclusive for the life of the process, so that a second
 * master on the same directory is refused at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include "inside.h"

#define APPLICATION_ID 0x634d5267 /* "cMRg" */
#define FORMAT_VERSION 2          /* 1: without the summary */

#define WAY_OUT                                                                                                    \
    "restore the file from a backup, or move it away and start empty: an export goes back in with --import-registry"

int
database_damaged(const struct database *db, struct err *err, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ')
            *at = ' '; /* one line */
    return err_set(err, -EBADMSG, "registry '%s' is damaged: %s; %s", db->path, text, WAY_OUT);
}

int
database_failure(const struct database *db, int rc, struct err *err)
{
    static const struct {
        int sqlite, code;
    } codes[] = {{SQLITE_FULL, -ENOSPC}, {SQLITE_READONLY, -EROFS}, {SQLITE_CANTOPEN, -EACCES}, {SQLITE_PERM, -EACCES}};
    const char *says = db->sqlite ? sqlite3_errmsg(db->sqlite) : sqlite3_errstr(rc);
    int code = -EIO;
    switch (rc & 0xff) {
    case SQLITE_BUSY:
        return err_set(err, -EBUSY, "registry '%s' is in use by another process: one master at a time may have it",
                       db->path);
    case SQLITE_NOTADB:
        return err_set(err, -EBADMSG, "registry '%s' is not a database, or its first page is damaged; %s", db->path, WAY_OUT);
    case SQLITE_CORRUPT:
    case SQLITE_ERROR: /* of statements that are right: what they name is not there */
    case SQLITE_MISMATCH:
        return database_damaged(db, err, "%s", says);
    default:
        break;
    }
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (codes[i].sqlite == (rc & 0xff))
            code = codes[i].code;
    }
    return err_set(err, code, "registry '%s': %s", db->path, says);
}

int
database_execute(struct database *db, const char *sql, struct err *err)
{
    int rc = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : database_failure(db, rc, err);
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
    int result = rc == SQLITE_OK ? 0 : database_failure(db, rc, err);
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
        result = database_failure(db, rc, err);
    } else {
        const char *verdict = (const char *)sqlite3_column_text(stmt, 0);
        if (!verdict || strcmp(verdict, "ok") != 0)
            result = database_damaged(db, err, "%s", verdict ? verdict : "no verdict");
    }
    sqlite3_finalize(stmt);
    return result;
}

#define SUMMARY_TABLE                                                                                              \
    "CREATE TABLE summary (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL, sum INTEGER NOT NULL);"

static int
create(struct database *db, struct err *err)
{
    static const char sql[] = "BEGIN IMMEDIATE;"
                              "CREATE TABLE entries (tab INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, "
                              "crc INTEGER NOT NULL, PRIMARY KEY (tab, key)) WITHOUT ROWID;" SUMMARY_TABLE
                              "INSERT INTO summary VALUES (1, 0, 0);"
                              "PRAGMA application_id = 1666011751;" /* APPLICATION_ID */
                              "PRAGMA user_version = 2;"
                              "COMMIT";
    _Static_assert(APPLICATION_ID == 1666011751 && FORMAT_VERSION == 2, "the statement above says the same numbers");
    return database_execute(db, sql, err);
}

static int
check_identity(struct database *db, int64_t *ret_version, struct err *err)
{
    int64_t application = 0, version = 0;
    if (query_number(db, "PRAGMA application_id", &application, err) < 0 ||
        query_number(db, "PRAGMA user_version", &version, err) < 0)
        return err->code;
    if (application != APPLICATION_ID)
        return err_set(err, -EBADMSG,
                       "'%s' is a database of another program (application id %lld), not a registry: give the master a "
                       "--work_dir of its own",
                       db->path, (long long)application);
    if (version > FORMAT_VERSION)
        return err_set(err, -EBADMSG,
                       "registry '%s' has format %lld, this release knows up to %d: it was written by a newer one; start that "
                       "one, or export it there and import it here",
                       db->path, (long long)version, FORMAT_VERSION);
    if (version < 1)
        return database_damaged(db, err, "it says that its format is %lld", (long long)version);
    *ret_version = version;
    return quick_check(db, err);
}

/* Format 1 had no summary: its rows are checked and added up. */
static int
upgrade(struct database *db, struct err *err)
{
    struct summary summary = {0};
    if (database_scan(db, NULL, NULL, &summary, err) < 0)
        return err->code;
    auto_free char *sql = xasprintf("BEGIN IMMEDIATE; " SUMMARY_TABLE "INSERT INTO summary VALUES (1, %lld, %lld);"
                                    "PRAGMA user_version = 2; COMMIT",
                                    (long long)summary.count, (long long)summary.sum);
    return database_execute(db, sql, err);
}

/* SQLite makes its files with the umask's rights: the registry is for its owner alone. */
static int
make_private(const char *path, struct err *err)
{
    auto_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(err, "registry '%s'", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EINVAL, "registry '%s' is not a file", path);
    if ((st.st_mode & 077) && fchmod(fd, 0600) < 0)
        return err_errno(err, "registry '%s' is open to others (mode %03o)", path, st.st_mode & 0777);
    return 0;
}

/* Nothing in the file may run, and nothing is taken on trust. */
static void
be_wary(struct database *db)
{
    sqlite3_busy_timeout(db->sqlite, 100);
    sqlite3_limit(db->sqlite, SQLITE_LIMIT_LENGTH, (int)VALUE_MAX_BYTES);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
}

static int
setup(struct database *db, struct err *err)
{
    static const char pragmas[] = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF; "
                                  "PRAGMA cell_size_check=ON";
    int64_t pages = 0, version = FORMAT_VERSION;
    int rc = sqlite3_open_v2(db->path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK)
        return database_failure(db, rc, err);
    be_wary(db);
    if (database_execute(db, pragmas, err) < 0 || query_number(db, "PRAGMA page_count", &pages, err) < 0)
        return err->code;
    if (pages > 0 && check_identity(db, &version, err) < 0) /* before anything is written to a file that may not be ours */
        return err->code;
    if (database_execute(db, "PRAGMA journal_mode=TRUNCATE", err) < 0)
        return err->code;
    if (pages == 0 && create(db, err) < 0)
        return err->code;
    if (version < FORMAT_VERSION && upgrade(db, err) < 0)
        return err->code;
    return database_prepare(db, err);
}

struct database *
database_open(const char *path, struct err *err)
{
    struct err local = {0};
    err = err ? err : &local;
    if (make_private(path, err) < 0)
        return NULL;
    struct database *db = xcalloc(1, sizeof *db);
    db->path = xstrdup(path);
    if (setup(db, err) < 0) {
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
    sqlite3_finalize(db->old);
    sqlite3_finalize(db->summarize);
    sqlite3_close(db->sqlite);
    free(db->path);
    free(db);
}

int64_t
database_bytes(struct database *db)
{
    static const char question[] = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
    int64_t bytes = 0;
    struct err err = {0};
    return query_number(db, question, &bytes, &err) < 0 ? 0 : bytes;
}
