/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What "standalone" must do, and any election module with one contender. "zookeeper" is held to it, and to what two
 * contenders owe each other, where CONTRACT_ZOOKEEPER names a server: zk://[user:password@]host:port/path, a path of its own.
 */
#include "contract.h"

#include <arpa/inet.h>
#include "host/kind_election.h"
#include "mesos/v1/mesos.pb-c.h"

struct seen {
    struct mesos_election_events events;
    struct buf info;
    int detected, elected, lost;
    bool inside; /* a call of ours is under way: no event may come */
};

static void
on_detected(void *arg, struct mesos_bytes info)
{
    struct seen *seen = arg;
    assert_false(seen->inside);
    seen->detected++;
    buf_clear(&seen->info);
    buf_append(&seen->info, info.data, info.len);
}

static void
on_elected(void *arg)
{
    struct seen *seen = arg;
    assert_false(seen->inside);
    seen->elected++;
}

static void
on_lost(void *arg, const char *reason)
{
    ((struct seen *)arg)->lost++;
}

static bool
is_detected(void *arg)
{
    return ((struct seen *)arg)->detected > 0;
}

static void
seen_init(struct seen *seen)
{
    *seen = (struct seen){.events = {sizeof seen->events, seen, on_detected, on_elected, on_lost}};
}

static void
test_a_lone_contender_leads_at_once(void **state)
{
    struct contract *contract = *state;
    struct module *module = contract_start(contract, MESOS_KIND_ELECTION, "standalone");
    struct seen seen;
    struct answer answer = {0};
    seen_init(&seen);
    seen.inside = true;
    election_detect(module, &seen.events);
    election_contend(module, bytes_of("the master's own info"));
    seen.inside = false;
    assert_true(contract_until(contract, is_detected, &seen));
    assert_int_equal(seen.elected, 1);
    assert_int_equal(seen.detected, 1);
    assert_string_equal(buf_cstr(&seen.info), "the master's own info");
    assert_true(election_lease_until_ms(module) == INT64_MAX);
    election_withdraw(module, on_answer, &answer);
    assert_int_equal(contract_await(contract, &answer), 0);
    assert_int_equal(seen.lost, 0);
    buf_fini(&seen.info);
}

static void
detects(struct contract *contract, const char *master, const char *ip, uint32_t port, const char *pid)
{
    struct seen seen;
    seen_init(&seen);
    contract->master = master;
    struct module *module = contract_start(contract, MESOS_KIND_ELECTION, "standalone");
    seen.inside = true;
    election_detect(module, &seen.events);
    seen.inside = false;
    assert_true(contract_until(contract, is_detected, &seen));
    Mesos__V1__MasterInfo *info = mesos__v1__master_info__unpack(NULL, seen.info.len, (uint8_t *)buf_data(&seen.info));
    assert_non_null(info);
    assert_int_equal(info->port, port);
    assert_string_equal(info->pid, pid);
    assert_string_equal(info->address->ip, ip);
    assert_int_equal(info->address->port, port);
    if (!strchr(ip, ':'))
        assert_int_equal(info->ip, inet_addr(ip));
    mesos__v1__master_info__free_unpacked(info, NULL);
    buf_fini(&seen.info);
}

static void
test_the_configured_address_is_reported(void **state)
{
    detects(*state, "127.0.0.1:5051", "127.0.0.1", 5051, "master@127.0.0.1:5051");
    detects(*state, "10.1.2.3", "10.1.2.3", 5050, "master@10.1.2.3:5050");
    detects(*state, "master@127.0.0.2:77", "127.0.0.2", 77, "master@127.0.0.2:77");
    detects(*state, "[::1]:6000", "::1", 6000, "master@[::1]:6000");
}

static void
test_names_are_resolved(void **state)
{
    struct seen seen;
    struct contract *contract = *state;
    seen_init(&seen);
    contract->master = "localhost:5050";
    election_detect(contract_start(contract, MESOS_KIND_ELECTION, "standalone"), &seen.events);
    assert_true(contract_until(contract, is_detected, &seen));
    Mesos__V1__MasterInfo *info = mesos__v1__master_info__unpack(NULL, seen.info.len, (uint8_t *)buf_data(&seen.info));
    assert_non_null(info);
    assert_string_equal(info->hostname, "localhost");
    assert_int_equal(info->port, 5050);
    mesos__v1__master_info__free_unpacked(info, NULL);
    buf_fini(&seen.info);
}

static void
test_bad_addresses_are_refused_at_start(void **state)
{
    struct contract *contract = *state;
    static const char *const bad[] = {"zk://a:2181/mesos", ":5050", "host:0", "host:70000", "host:50x", ""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = {0};
        contract->master = bad[i];
        assert_null(host_start(contract->host, MESOS_KIND_ELECTION, "standalone", NULL, NULL, 0, &err));
        assert_text(err.text, "standalone", "master", bad[i], NULL);
    }
}

/* A MasterInfo as masters make them. */
static void
info_make(struct buf *out, const char *id, uint32_t port)
{
    Mesos__V1__MasterInfo info = MESOS__V1__MASTER_INFO__INIT;
    Mesos__V1__Address address = MESOS__V1__ADDRESS__INIT;
    auto_free char *own_id = xstrdup(id), *host = xstrdup("localhost"), *ip = xstrdup("127.0.0.1");

    info.id = own_id;
    info.ip = inet_addr("127.0.0.1");
    info.port = port;
    info.hostname = host;
    info.address = &address;
    address.hostname = host;
    address.ip = ip;
    address.port = (int32_t)port;
    buf_clear(out);
    uint8_t packed[512];
    buf_append(out, (const char *)packed, mesos__v1__master_info__pack(&info, packed));
}

static bool
is_elected(void *arg)
{
    return ((struct seen *)arg)->elected > 0;
}

static bool
has_info(void *arg)
{
    return ((struct seen *)arg)->info.len > 0;
}

static bool
two_told(void *arg)
{
    return ((struct seen *)arg)->detected >= 2;
}

/* Two hosts are two daemons: each has an instance of its own. */
static void
test_two_contenders_in_zookeeper(void **state)
{
    const char *url = getenv("CONTRACT_ZOOKEEPER");
    static const char *names[] = {"zk", NULL, "zk_session_timeout", "5secs", NULL};
    struct contract *first = *state, second = {0};
    struct seen a, b;
    auto_buf struct buf info_a = {0}, info_b = {0};
    struct answer answer = {0};

    names[1] = url;
    first->options = names;
    contract_open(&second);
    second.options = names;
    seen_init(&a);
    seen_init(&b);
    info_make(&info_a, "first", 5050);
    info_make(&info_b, "second", 5060);
    struct module *one = contract_start(first, MESOS_KIND_ELECTION, "zookeeper");
    a.inside = true;
    election_detect(one, &a.events);
    election_contend(one, (struct mesos_bytes){buf_data(&info_a), info_a.len});
    a.inside = false;
    assert_true(contract_until(first, is_elected, &a));
    assert_true(contract_until(first, has_info, &a));
    assert_int_equal(a.elected, 1);
    int64_t now = loop_exact_ms(first->loop), lease = election_lease_until_ms(one);
    assert_true(lease > now && lease <= now + 5000 * 2 / 3);

    struct module *two = contract_start(&second, MESOS_KIND_ELECTION, "zookeeper");
    election_detect(two, &b.events);
    election_contend(two, (struct mesos_bytes){buf_data(&info_b), info_b.len});
    assert_true(contract_until(&second, has_info, &b));
    assert_int_equal(b.elected, 0); /* who is told of the first is not it */
    Mesos__V1__MasterInfo *told = mesos__v1__master_info__unpack(NULL, b.info.len, (uint8_t *)buf_data(&b.info));
    assert_non_null(told);
    assert_string_equal(told->id, "first");
    assert_int_equal(told->port, 5050);
    mesos__v1__master_info__free_unpacked(told, NULL);
    assert_true(election_lease_until_ms(two) == INT64_MAX);

    election_withdraw(one, on_answer, &answer);
    assert_int_equal(contract_await(first, &answer), 0);
    assert_int_equal(a.lost, 0);
    assert_true(contract_until(&second, is_elected, &b));
    assert_int_equal(b.elected, 1);
    assert_true(contract_until(&second, two_told, &b));
    contract_close(&second);
    buf_fini(&a.info);
    buf_fini(&b.info);
}

int
main(void)
{
    const struct CMUnitTest with_server[] = {
        cmocka_unit_test_setup_teardown(test_two_contenders_in_zookeeper, contract_setup, contract_teardown),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_lone_contender_leads_at_once, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_the_configured_address_is_reported, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_names_are_resolved, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_bad_addresses_are_refused_at_start, contract_setup, contract_teardown),
    };
    if (getenv("CONTRACT_ZOOKEEPER"))
        return cmocka_run_group_tests(with_server, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
