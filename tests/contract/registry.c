/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What any registry module must do; CONTRACT_REGISTRY names another one to put to the test. What only a durable one
 * must do is not asked of "memory". (The faults of a file of "local" are registry_local.c's.) "zookeeper" wants servers:
 * CONTRACT_ZK is the URL of a node of theirs below which there is nothing.
 */
#include "contract.h"
#include "stored.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "host/kind_registry.h"

#define MANY 300

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

static const char *
durable_one(void)
{
    const char *other = getenv("CONTRACT_REGISTRY");
    return other && strcmp(other, "memory") != 0 ? other : "local";
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
    int failed = 0;
    const char *other = getenv("CONTRACT_REGISTRY");
    if (!other || strcmp(other, "memory") != 0)
        failed += cmocka_run_group_tests(durable, NULL, NULL);
    if (other && strcmp(other, "zookeeper") == 0)
        failed += cmocka_run_group_tests(zookeeper, NULL, NULL);
    failed += cmocka_run_group_tests(any, NULL, NULL);
    return failed;
}
