/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What any registry module must do; CONTRACT_REGISTRY names another one to put to the test. What only a durable one
 * must do is not asked of "memory", and the faults of a file of "local" alone. "zookeeper" wants servers: CONTRACT_ZK is
 * the URL of a node of theirs below which there is nothing.
 */
#include "contract.h"
#include "tests/lib/facts.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fault.h"
#include "base/map.h"
#include "host/kind_registry.h"

#define MANY 300

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

/* Each test has a path of its own in ZooKeeper, below CONTRACT_ZK. */
static const char *options[] = {"zk", NULL, "zk_session_timeout", "10secs", NULL};
static char zk_url[512];

static int
setup(void **state)
{
    static int number;
    contract_setup(state);
    struct contract *contract = *state;
    if (getenv("CONTRACT_ZK")) {
        snprintf(zk_url, sizeof zk_url, "%s/%d-%d", getenv("CONTRACT_ZK"), getpid(), ++number);
        options[1] = zk_url;
        contract->options = options;
    }
    return 0;
}

struct fetched {
    struct answer answer;
    struct buf text; /* "table key=value\n" of each, in order of coming */
    size_t count;
};

static void
on_entry(void *arg, const struct mesos_registry_entry *entry)
{
    struct fetched *fetched = arg;
    assert_false(fetched->answer.done);
    fetched->count++;
    buf_printf(&fetched->text, "%u %.*s=%.*s\n", entry->table, (int)entry->key.len, (const char *)entry->key.data,
               (int)entry->value.len, (const char *)entry->value.data);
}

static void
on_fetched(void *arg, int status, const char *error, struct mesos_bytes bytes)
{
    on_answer(&((struct fetched *)arg)->answer, status, error, bytes);
}

/* All entries as text, owned by the caller; NULL when fetching fails (error in *ret_error). */
static char *
fetch(struct contract *contract, struct module *module, char ret_error[512])
{
    struct fetched fetched = {0};
    registry_fetch(module, 0, on_entry, on_fetched, &fetched);
    int status = contract_await(contract, &fetched.answer);
    snprintf(ret_error, 512, "%s", fetched.answer.error);
    char *text = buf_take(&fetched.text);
    if (status == 0)
        return text;
    free(text);
    return NULL;
}

static struct mesos_registry_entry
entry_of(uint32_t table, const char *key, const char *value)
{
    struct mesos_registry_entry entry = {.size = sizeof entry, .table = table, .key = bytes_of(key)};
    if (value)
        entry.value = bytes_of(value);
    return entry;
}

static int
store(struct contract *contract, struct module *module, uint32_t table, const char *key, const char *value)
{
    struct answer answer = {0};
    struct mesos_registry_entry entry = entry_of(table, key, value);
    registry_store(module, 0, &entry, 1, on_answer, &answer);
    assert_false(answer.done);
    return contract_await(contract, &answer);
}

static const char *
durable_one(void)
{
    const char *other = getenv("CONTRACT_REGISTRY");
    return other && strcmp(other, "memory") != 0 ? other : "local";
}

/* Started, and read: nothing may be stored before. */
static struct module *
started(struct contract *contract, const char *name)
{
    char error[512];
    struct module *module = contract_start(contract, MESOS_KIND_REGISTRY, name);
    auto_free char *all = fetch(contract, module, error);
    assert_non_null(all);
    return module;
}

static const char *
modules_under_test(size_t i)
{
    static const char *const own[] = {"memory", "local"};
    const char *other = getenv("CONTRACT_REGISTRY");
    return other ? (i == 0 ? other : NULL) : i < ARRAY_LEN(own) ? own[i] : NULL;
}

static void
test_batches_are_stored_and_read(void **state)
{
    struct contract *contract = *state;
    char error[512];
    for (size_t i = 0; modules_under_test(i); i++) {
        struct module *module = contract_start(contract, MESOS_KIND_REGISTRY, modules_under_test(i));
        auto_free char *nothing = fetch(contract, module, error);
        assert_string_equal(nothing, "");
        struct mesos_registry_entry batch[] = {entry_of(2, "a", "1"), entry_of(3, "a", "2"), entry_of(2, "b", "3")};
        struct answer answer = {0};
        registry_store(module, 0, batch, ARRAY_LEN(batch), on_answer, &answer);
        assert_int_equal(contract_await(contract, &answer), 0);
        struct mesos_registry_entry next[] = {entry_of(2, "a", NULL), entry_of(2, "b", "4"), entry_of(2, "gone", NULL),
                                              entry_of(4, "", "")};
        registry_store(module, 0, next, ARRAY_LEN(next), on_answer, &answer);
        assert_int_equal(contract_await(contract, &answer), 0);
        auto_free char *all = fetch(contract, module, error);
        assert_non_null(strstr(all, "2 b=4\n"));
        assert_non_null(strstr(all, "3 a=2\n"));
        assert_non_null(strstr(all, "4 =\n"));
        assert_null(strstr(all, "2 a="));
        assert_int_equal(strlen(all), strlen("2 b=4\n3 a=2\n4 =\n"));
    }
}

struct ordered {
    int *next; /* number that must be answered now */
    int number;
    bool *last;
};

static void
on_ordered(void *arg, int status, const char *error, struct mesos_bytes bytes)
{
    struct ordered *ordered = arg;
    assert_int_equal(status, 0);
    assert_int_equal(ordered->number, (*ordered->next)++);
    *ordered->last = ordered->number == MANY - 1;
}

static bool
is_set(void *arg)
{
    return *(bool *)arg;
}

static void
test_many_at_once_are_answered_in_order(void **state)
{
    struct contract *contract = *state;
    char error[512];
    for (size_t m = 0; modules_under_test(m); m++) {
        struct module *module = started(contract, modules_under_test(m));
        struct ordered ordered[MANY];
        int next = 0;
        bool last = false;
        for (int i = 0; i < MANY; i++) {
            char value[16]; /* borrowed during the call only */
            snprintf(value, sizeof value, "%d", i);
            struct mesos_registry_entry entry = entry_of(2, "counter", value);
            ordered[i] = (struct ordered){&next, i, &last};
            registry_store(module, 0, &entry, 1, on_ordered, &ordered[i]);
            memset(value, 'x', sizeof value);
        }
        assert_true(contract_until(contract, is_set, &last));
        auto_free char *all = fetch(contract, module, error);
        assert_string_equal(all, "2 counter=299\n");
    }
}

static void
test_a_durable_one_remembers(void **state)
{
    struct contract *contract = *state;
    char error[512];
    struct module *module = started(contract, durable_one());
    assert_int_equal(store(contract, module, 2, "agent", "S0"), 0);
    assert_int_equal(store(contract, module, 1, "info", "M"), 0);
    assert_int_equal(store(contract, module, 1, "none", NULL), 0);
    contract_host_close(contract);
    contract_host_open(contract);
    module = contract_start(contract, MESOS_KIND_REGISTRY, durable_one());
    auto_free char *all = fetch(contract, module, error);
    assert_non_null(strstr(all, "1 info=M\n"));
    assert_non_null(strstr(all, "2 agent=S0\n"));
    assert_int_equal(strlen(all), strlen("1 info=M\n2 agent=S0\n"));
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

/* A process that is killed right after an answer: the answered is there. */
static void
test_a_durable_one_survives_kill(void **state)
{
    struct contract *contract = *state;
    char error[512];
    pid_t pid = fork();
    if (pid == 0) {
        loop_free(contract->loop);
        contract->loop = loop_new(NULL, NULL);
        contract_host_open(contract);
        struct module *module = started(contract, durable_one());
        for (int i = 0; i < 20; i++)
            store(contract, module, 2, "last", i == 19 ? "19" : "less");
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    auto_free char *all = fetch(contract, contract_start(contract, MESOS_KIND_REGISTRY, durable_one()), error);
    assert_string_equal(all, "2 last=19\n");
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


/* More than one request takes, an entry that is larger than a node may be, and what is left when most of it has gone. */
static void
test_much_is_stored_whole(void **state)
{
    struct contract *contract = *state;
    char error[512];
    enum { COUNT = 3000, BIG = 3 << 20 };
    struct module *module = started(contract, durable_one());
    struct mesos_registry_entry *entries = xcalloc(COUNT + 1, sizeof *entries);
    auto_free char *filler = xmalloc(1001), *big = xmalloc(BIG + 1);
    memset(filler, 'f', 1000);
    memset(big, 'b', BIG);
    filler[1000] = big[BIG] = 0;
    for (int i = 0; i < COUNT; i++)
        entries[i] = entry_of(2, xasprintf("agent-%d", i), filler);
    entries[COUNT] = entry_of(5, "schedule", big);
    struct answer answer = {0};
    registry_store(module, 0, entries, COUNT + 1, on_answer, &answer);
    assert_int_equal(contract_await(contract, &answer), 0);
    contract_host_close(contract);
    contract_host_open(contract);
    module = contract_start(contract, MESOS_KIND_REGISTRY, durable_one());
    auto_free char *all = fetch(contract, module, error);
    assert_non_null(all);
    assert_non_null(strstr(all, "2 agent-0=fff"));
    assert_non_null(strstr(all, "2 agent-2999=fff"));
    assert_non_null(strstr(all, "5 schedule=bbb"));
    size_t keys = 0;
    for (int i = 0; i < COUNT; i++)
        keys += entries[i].key.len;
    assert_int_equal(strlen(all), keys + COUNT * (size_t)(2 + 1 + 1000 + 1) + strlen("5 schedule=\n") + BIG);
    for (int i = 1; i < COUNT; i++)
        entries[i].value = (struct mesos_bytes){NULL, 0};
    entries[COUNT] = entry_of(5, "schedule", "small");
    registry_store(module, 0, entries, COUNT + 1, on_answer, &answer);
    assert_int_equal(contract_await(contract, &answer), 0);
    contract_host_close(contract);
    contract_host_open(contract);
    auto_free char *rest = fetch(contract, contract_start(contract, MESOS_KIND_REGISTRY, durable_one()), error);
    assert_non_null(strstr(rest, "5 schedule=small\n"));
    assert_int_equal(strlen(rest), strlen("2 agent-0=\n5 schedule=small\n") + 1000);
    for (int i = 0; i < COUNT; i++)
        free((void *)(uintptr_t)entries[i].key.data);
    free(entries);
}

/* Who reads as a leader does takes over: the leader before can write no more, and is told why. Who only looks does not. */
static void
test_a_new_leader_ends_an_old_ones_writes(void **state)
{
    struct contract *contract = *state;
    char error[512];
    struct module *old = started(contract, "zookeeper"), *new = contract_start(contract, MESOS_KIND_REGISTRY, "zookeeper");
    assert_int_equal(store(contract, old, 2, "a", "1"), 0);
    struct fetched fetched = {0};
    registry_peek(new, 0, on_entry, on_fetched, &fetched);
    assert_int_equal(contract_await(contract, &fetched.answer), 0);
    assert_string_equal(buf_data(&fetched.text), "2 a=1\n");
    buf_fini(&fetched.text);
    assert_int_equal(store(contract, new, 2, "x", "x"), -EINVAL); /* it was never read */
    assert_int_equal(store(contract, old, 2, "b", "2"), 0);
    auto_free char *all = fetch(contract, new, error);
    assert_int_equal(strlen(all), strlen("2 a=1\n2 b=2\n"));
    struct answer answer = {0};
    struct mesos_registry_entry entry = entry_of(2, "c", "3");
    registry_store(old, 0, &entry, 1, on_answer, &answer);
    assert_int_equal(contract_await(contract, &answer), -ESTALE);
    assert_text(answer.error, "another master has taken the registry", "/registry' over", NULL);
    assert_int_equal(store(contract, old, 2, "d", "4"), -ESTALE);
    assert_int_equal(store(contract, new, 2, "e", "5"), 0);
    auto_free char *last = fetch(contract, new, error);
    assert_int_equal(strlen(last), strlen("2 a=1\n2 b=2\n2 e=5\n"));
}

int
main(void)
{
    const struct CMUnitTest any[] = {
        cmocka_unit_test_setup_teardown(test_batches_are_stored_and_read, setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_many_at_once_are_answered_in_order, setup, contract_teardown),
    };
    const struct CMUnitTest durable[] = {
        cmocka_unit_test_setup_teardown(test_a_durable_one_remembers, setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_a_durable_one_survives_kill, setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_much_is_stored_whole, setup, contract_teardown),
    };
    const struct CMUnitTest zookeeper[] = {
        cmocka_unit_test_setup_teardown(test_a_new_leader_ends_an_old_ones_writes, setup, contract_teardown),
    };
    const struct CMUnitTest local[] = {
#ifdef MESOS_FAULTS /* first: the module reads its fault points once */
        cmocka_unit_test_setup_teardown(test_a_failed_commit_ends_it, setup, contract_teardown),
#endif
        cmocka_unit_test_setup_teardown(test_a_local_file_is_its_owners, setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_a_second_master_is_refused, setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_foreign_and_damaged_files_are_refused, setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_newer_formats_are_refused, setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_a_flipped_value_is_an_error_with_its_key, setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_damaged_pages_never_give_wrong_values, setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_rows_that_vanish_or_grow_young_are_noticed, setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_each_flipped_bit_is_found, setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_the_first_format_still_opens, setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_a_failing_fsync_ends_it, setup, contract_teardown),
    };
    int failed = 0;
    const char *other = getenv("CONTRACT_REGISTRY");
    if (!other)
        failed += cmocka_run_group_tests(local, NULL, NULL);
    if (!other || strcmp(other, "memory") != 0)
        failed += cmocka_run_group_tests(durable, NULL, NULL);
    if (other && strcmp(other, "zookeeper") == 0)
        failed += cmocka_run_group_tests(zookeeper, NULL, NULL);
    failed += cmocka_run_group_tests(any, NULL, NULL);
    return failed;
}
