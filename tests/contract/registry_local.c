/* SPDX-License-Identifier: Apache-2.0 */
/* The registry "local" and its file: whose it is, and what becomes of it when it is foreign, damaged, or the disk says no. What
 * any registry must do is asked in registry.c. */
#include "contract.h"
#include "stored.h"
#include "tests/lib/facts.h"

#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fault.h"

/* What SQLite calls to make a file durable: this program's comes before the C library's. */
static bool sync_fails;

MESOS_EXPORT int
fdatasync(int fd)
{
    if (!sync_fails)
        return (int)syscall(SYS_fdatasync, fd);
    errno = EIO;
    return -1;
}

MESOS_EXPORT int
fsync(int fd)
{
    if (!sync_fails)
        return (int)syscall(SYS_fsync, fd);
    errno = EIO;
    return -1;
}

static void
test_a_local_file_is_its_owners(void **state)
{
    struct contract *contract = *state;
    contract_start(contract, MESOS_KIND_REGISTRY, "local");
    struct stat st;
    auto_free char *path = xasprintf("%s/registry.sqlite", contract->work_dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void
refused(struct contract *contract, const char *part)
{
    struct err err = {0};
    assert_null(host_start(contract->host, MESOS_KIND_REGISTRY, "local", NULL, NULL, 0, &err));
    assert_text(err.text, "registry.sqlite", part, NULL);
}

static void
test_a_second_master_is_refused(void **state)
{
    struct contract *contract = *state;
    contract_start(contract, MESOS_KIND_REGISTRY, "local");
    pid_t pid = fork();
    if (pid == 0) {
        loop_free(contract->loop);
        contract->loop = loop_new(NULL, NULL);
        contract_host_open(contract);
        struct err err = {0};
        bool started = host_start(contract->host, MESOS_KIND_REGISTRY, "local", NULL, NULL, 0, &err) != NULL;
        _exit(!started && strstr(err.text, "in use") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void
test_foreign_and_damaged_files_are_refused(void **state)
{
    struct contract *contract = *state;
    struct err err = {0};
    auto_free char *path = xasprintf("%s/registry.sqlite", contract->work_dir);
    assert_int_equal(file_replace(path, "this is no database, but it is long enough to look like a header of one....", 75,
                                  0600, false, &err),
                     0);
    refused(contract, "not a database");
    assert_int_equal(unlink(path), 0);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (x); INSERT INTO t VALUES (1)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    refused(contract, "database of another program");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    refused(contract, "Is a directory");
    assert_int_equal(rmdir(path), 0);
}

/* Writes a registry, lets sql loose on its file, and leaves it closed. */
static void
tamper(struct contract *contract, const char *sql)
{
    struct module *module = contract_start(contract, MESOS_KIND_REGISTRY, "local");
    assert_int_equal(store(contract, module, 2, "agent-7", "value"), 0);
    contract_host_close(contract);
    auto_free char *path = xasprintf("%s/registry.sqlite", contract->work_dir);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    contract_host_open(contract);
}

static void
test_newer_formats_are_refused(void **state)
{
    struct contract *contract = *state;
    tamper(contract, "PRAGMA user_version = 3");
    refused(contract, "has format 3, this release knows up to 2: it was written by a newer one");
}

/* Each row is sound by itself; what is there is not what was written. */
static void
test_rows_that_vanish_or_grow_young_are_noticed(void **state)
{
    struct contract *contract = *state;
    char error[512];
    tamper(contract, "CREATE TEMP TABLE kept AS SELECT * FROM entries; DELETE FROM entries");
    struct module *module = contract_start(contract, MESOS_KIND_REGISTRY, "local");
    assert_null(fetch(contract, module, error));
    assert_text(error, "registry.sqlite' is damaged", "it has 0 rows", "and 1 with", "--import-registry", NULL);
    contract_host_close(contract);
    auto_free char *path = xasprintf("%s/registry.sqlite", contract->work_dir);
    assert_int_equal(unlink(path), 0);
    contract_host_open(contract);
    module = contract_start(contract, MESOS_KIND_REGISTRY, "local");
    assert_int_equal(store(contract, module, 2, "agent-7", "young"), 0);
    contract_host_close(contract);
    auto_buf struct buf young = {0};
    assert_int_equal(file_read(path, 1 << 20, &young, NULL), 0);
    contract_host_open(contract);
    module = contract_start(contract, MESOS_KIND_REGISTRY, "local");
    assert_int_equal(store(contract, module, 2, "agent-7", "grown"), 0);
    contract_host_close(contract);
    auto_buf struct buf mixed = {0};
    assert_int_equal(file_read(path, 1 << 20, &mixed, NULL), 0);
    assert_int_equal(mixed.len, young.len);
    char *at = memmem(buf_data(&mixed), mixed.len, "grown", 5);
    assert_non_null(at);
    size_t page = (size_t)(at - buf_data(&mixed)) / 4096 * 4096; /* the whole page as it was before, a write that was lost */
    memcpy(buf_data(&mixed) + page, buf_data(&young) + page, 4096);
    assert_int_equal(file_replace(path, buf_data(&mixed), mixed.len, 0600, false, NULL), 0);
    contract_host_open(contract);
    module = contract_start(contract, MESOS_KIND_REGISTRY, "local");
    assert_null(fetch(contract, module, error));
    assert_text(error, "registry.sqlite' is damaged", "it has 1 rows", NULL);
}

/* One bit in turn of every byte that means something: an error or the right values. */
static void
test_each_flipped_bit_is_found(void **state)
{
    struct contract *contract = *state;
    char error[512];
    auto_free char *path = xasprintf("%s/registry.sqlite", contract->work_dir);
    auto_free char *journal = xasprintf("%s-journal", path);
    struct module *module = contract_start(contract, MESOS_KIND_REGISTRY, "local");
    for (int i = 0; i < 9; i++) {
        char key[16];
        snprintf(key, sizeof key, "agent-%d", i);
        assert_int_equal(store(contract, module, 2 + (unsigned)i % 3, key, "what is known of it"), 0);
    }
    auto_free char *right = fetch(contract, module, error);
    contract_host_close(contract);
    auto_buf struct buf whole = {0};
    assert_int_equal(file_read(path, 1 << 20, &whole, NULL), 0);
    int refusals = 0;
    for (size_t at = 0; at < whole.len; at++) {
        if (!buf_data(&whole)[at] && at > 108 && at % 101 != 0)
            continue; /* room that nobody uses */
        auto_free char *bytes = xmemdup(buf_data(&whole), whole.len);
        bytes[at] = (char)(bytes[at] ^ 1 << at % 8);
        assert_int_equal(file_replace(path, bytes, whole.len, 0600, false, NULL), 0);
        unlink(journal);
        contract_host_open(contract);
        struct err err = {0};
        module = host_start(contract->host, MESOS_KIND_REGISTRY, "local", NULL, NULL, 0, &err);
        if (!module)
            assert_text(err.text, "registry.sqlite", NULL);
        auto_free char *all = module ? fetch(contract, module, error) : NULL;
        refusals += all == NULL;
        if (all)
            assert_string_equal(all, right);
        else if (module)
            assert_text(error, "registry.sqlite", NULL);
        contract_host_close(contract);
    }
    assert_true(refusals > 500);
    contract_host_open(contract);
}

/* What the first release wrote, and its master was killed: three agents, the newest of them in the write-ahead log. */
static void
test_the_first_format_still_opens(void **state)
{
    struct contract *contract = *state;
    char error[512];
    static const char *const names[] = {"registry.sqlite", "registry.sqlite-wal"};
    for (int i = 0; i < 2; i++) {
        auto_free char *name = xasprintf("states/registry-1/%s", names[i]);
        auto_free char *to = xasprintf("%s/%s", contract->work_dir, names[i]);
        auto_buf struct buf bytes = {0};
        facts_read(name, &bytes);
        assert_int_equal(file_replace(to, buf_data(&bytes), bytes.len, 0644, false, NULL), 0);
    }
    for (int again = 0; again < 2; again++) {
        struct module *module = contract_start(contract, MESOS_KIND_REGISTRY, "local");
        auto_free char *all = fetch(contract, module, error);
        assert_non_null(all);
        for (int i = 0; i < 3; i++) {
            auto_free char *agent = xasprintf("\n2 d93f0046-4072-44b5-bff5-a9270ed35aa2-S%d=", i);
            assert_non_null(strstr(all, agent));
        }
        assert_non_null(strstr(all, "agent2.example"));
        if (again)
            assert_non_null(strstr(all, "\n2 new=1\n"));
        else
            assert_int_equal(store(contract, module, 2, "new", "1"), 0);
        contract_host_close(contract);
        contract_host_open(contract);
    }
    struct stat st;
    auto_free char *path = xasprintf("%s/registry.sqlite", contract->work_dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* The disk says no when it is asked to keep: whatever was not told is not there, what was told is. */
static void
test_a_failing_fsync_ends_it(void **state)
{
    struct contract *contract = *state;
    char error[512];
    struct module *module = contract_start(contract, MESOS_KIND_REGISTRY, "local");
    assert_int_equal(store(contract, module, 2, "a", "1"), 0);
    sync_fails = true;
    assert_int_equal(store(contract, module, 2, "b", "2"), -EIO);
    sync_fails = false;
    assert_int_equal(store(contract, module, 2, "c", "3"), -EIO); /* nothing is taken after a failure */
    contract_host_close(contract);
    contract_host_open(contract);
    auto_free char *all = fetch(contract, contract_start(contract, MESOS_KIND_REGISTRY, "local"), error);
    assert_string_equal(all, "2 a=1\n");
}

static void
test_a_flipped_value_is_an_error_with_its_key(void **state)
{
    struct contract *contract = *state;
    char error[512];
    tamper(contract, "UPDATE entries SET value = CAST('valuf' AS BLOB)");
    struct module *module = contract_start(contract, MESOS_KIND_REGISTRY, "local");
    assert_null(fetch(contract, module, error));
    assert_text(error, "registry.sqlite", "checksum", "agent-7", NULL);
}

/* Every page in turn is overwritten: each time an error or the right values, never a crash or a wrong value. */
static void
test_damaged_pages_never_give_wrong_values(void **state)
{
    struct contract *contract = *state;
    char error[512];
    auto_free char *path = xasprintf("%s/registry.sqlite", contract->work_dir);
    struct module *module = contract_start(contract, MESOS_KIND_REGISTRY, "local");
    for (int i = 0; i < 40; i++) {
        char key[16];
        snprintf(key, sizeof key, "agent-%02d", i);
        assert_int_equal(store(contract, module, 2, key, "a value of some length, so that there are several pages"), 0);
    }
    auto_free char *right = fetch(contract, module, error);
    contract_host_close(contract);
    auto_buf struct buf whole = {0};
    assert_int_equal(file_read(path, 1 << 20, &whole, NULL), 0);
    int refusals = 0;
    for (size_t at = 0; at < whole.len; at += 512) {
        auto_free char *bytes = xmemdup(buf_data(&whole), whole.len);
        memset(bytes + at, 0x5a, 64);
        assert_int_equal(file_replace(path, bytes, whole.len, 0600, false, NULL), 0);
        contract_host_open(contract);
        module = host_start(contract->host, MESOS_KIND_REGISTRY, "local", NULL, NULL, 0, NULL);
        auto_free char *all = module ? fetch(contract, module, error) : NULL;
        refusals += all == NULL;
        if (all)
            assert_string_equal(all, right);
        contract_host_close(contract);
        auto_free char *wal = xasprintf("%s-wal", path);
        unlink(wal);
    }
    assert_true(refusals > 0);
    contract_host_open(contract);
}

#ifdef MESOS_FAULTS
static void
test_a_failed_commit_ends_it(void **state)
{
    struct contract *contract = *state;
    char error[512];
    assert_int_equal(setenv("MESOS_FAULT", "registry_local_commit=ENOSPC@2", 1), 0);
    struct module *module = contract_start(contract, MESOS_KIND_REGISTRY, "local");
    assert_int_equal(store(contract, module, 2, "a", "1"), 0);
    assert_int_equal(store(contract, module, 2, "b", "2"), -ENOSPC);
    assert_int_equal(store(contract, module, 2, "c", "3"), -ENOSPC); /* nothing is taken after a failure */
    unsetenv("MESOS_FAULT");
    contract_host_close(contract);
    contract_host_open(contract);
    auto_free char *all = fetch(contract, contract_start(contract, MESOS_KIND_REGISTRY, "local"), error);
    assert_string_equal(all, "2 a=1\n");
}
#endif

int
main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef MESOS_FAULTS /* first: the module reads its fault points once */
        cmocka_unit_test_setup_teardown(test_a_failed_commit_ends_it, contract_setup, contract_teardown),
#endif
        cmocka_unit_test_setup_teardown(test_a_local_file_is_its_owners, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_a_second_master_is_refused, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_foreign_and_damaged_files_are_refused, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_newer_formats_are_refused, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_a_flipped_value_is_an_error_with_its_key, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_damaged_pages_never_give_wrong_values, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_rows_that_vanish_or_grow_young_are_noticed, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_each_flipped_bit_is_found, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_the_first_format_still_opens, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_a_failing_fsync_ends_it, contract_setup, contract_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
