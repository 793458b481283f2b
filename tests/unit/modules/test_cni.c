/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations of CNI networks and results of plugins: what is read, what is added for plugins, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"
#include "isolator/network_cni/config.h"
#include "isolator/network_cni/result.h"
#include "wire/message.h"

/* A directory with executables of the names that the tests' configurations have. */
static int
make_plugins(void **state)
{
    static char directory[] = "/tmp/cni-unit-XXXXXX";
    static const char *const names[] = {"bridge", "host-local", "portmap"};
    assert_non_null(mkdtemp(directory));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        auto_free char *path = xasprintf("%s/%s", directory, names[i]);
        assert_int_equal(file_replace(path, "#!/bin/sh\n", 10, 0755, false, NULL), 0);
    }
    *state = directory;
    return 0;
}

static int
remove_plugins(void **state)
{
    return dir_remove(*state, NULL);
}

static struct cni_config
parse(const char *plugins, const char *text)
{
    struct cni_config config;
    struct err err = {0};
    if (cni_config_parse(str_of(text), plugins, &config, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    return config;
}

static void
refused(const char *plugins, const char *text, const char *why)
{
    struct cni_config config;
    struct err err = {0};
    assert_true(cni_config_parse(str_of(text), plugins, &config, &err) < 0);
    if (!strstr(err.text, why))
        fail_msg("%s: '%s' is not in '%s'", text, why, err.text);
}

static Mesos__V1__NetworkInfo *
info_of(struct arena *arena, const char *json)
{
    struct err err = {0};
    Mesos__V1__NetworkInfo *info =
        MESSAGE_FROM_JSON(Mesos__V1__NetworkInfo, mesos__v1__network_info, str_of(json), arena, &err);
    if (!info)
        fail_msg("%s", err.text);
    return info;
}

static json_t *
input(const struct cni_config *config, size_t index, const char *previous, bool deleting)
{
    auto_buf struct buf text = {0};
    cni_config_input(config, index, str_of(previous), deleting, &text);
    json_t *root = json_loadb(buf_data(&text), text.len, 0, NULL);
    assert_non_null(root);
    return root;
}

static void
test_one_plugin(void **state)
{
    auto_arena struct arena *arena = arena_new(0);
    struct cni_config config = parse(*state, "{\"name\":\"net\",\"type\":\"bridge\",\"ipam\":{\"type\":\"host-local\"}}");
    struct err err = {0};
    assert_string_equal(config.name, "net");
    assert_int_equal(json_array_size(config.plugins), 1);
    const Mesos__V1__NetworkInfo *info = info_of(arena, "{\"name\":\"net\",\"labels\":{\"labels\":[{\"key\":\"app\",\"value\":"
                                                        "\"x\"}]},\"ip_addresses\":[{\"ip_address\":\"10.1.2.3\"}]}");
    assert_int_equal(cni_config_inject(&config, info, &err), 0);
    json_t *given = input(&config, 0, "", false);
    const json_t *args = json_object_get(given, "args"), *cni = json_object_get(args, "cni");
    const json_t *told = json_object_get(json_object_get(args, "org.apache.mesos"), "network_info");
    assert_string_equal(json_string_value(json_object_get(told, "name")), "net");
    const json_t *label = json_array_get(json_object_get(json_object_get(told, "labels"), "labels"), 0);
    assert_string_equal(json_string_value(json_object_get(label, "value")), "x");
    assert_string_equal(json_string_value(json_array_get(json_object_get(cni, "ips"), 0)), "10.1.2.3");
    assert_null(json_object_get(given, "runtimeConfig"));
    json_decref(given);
    cni_config_fini(&config);
}

/* The checkpoint is read again, without a look for plugins, and says the same. */
static void
test_checkpoint(void **state)
{
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    struct cni_config config = parse(*state, "{\"name\":\"l\",\"cniVersion\":\"0.4.0\",\"plugins\":[{\"type\":\"bridge\"},"
                                             "{\"type\":\"portmap\",\"capabilities\":{\"portMappings\":true}}]}");
    const Mesos__V1__NetworkInfo *info = info_of(
        arena, "{\"name\":\"l\",\"port_mappings\":[{\"host_port\":8080,\"container_port\":80,\"protocol\":\"TCP\"}]}");
    assert_int_equal(cni_config_inject(&config, info, &err), 0);
    auto_buf struct buf text = {0}, packed = {0};
    cni_config_print(&config, &text);
    cni_config_fini(&config);
    config = parse(NULL, buf_cstr(&text));
    assert_true(config.list);
    assert_int_equal(json_array_size(config.plugins), 2);
    assert_true(cni_config_info(&config, &packed));
    Mesos__V1__NetworkInfo *again = mesos__v1__network_info__unpack(NULL, packed.len, (uint8_t *)buf_data(&packed));
    assert_int_equal(again->port_mappings[0]->host_port, 8080);
    mesos__v1__network_info__free_unpacked(again, NULL);
    json_t *bridge = input(&config, 0, "{\"ips\":[]}", false), *portmap = input(&config, 1, "{\"ips\":[]}", false);
    assert_null(json_object_get(bridge, "prevResult"));
    assert_null(json_object_get(bridge, "runtimeConfig"));
    assert_non_null(json_object_get(portmap, "prevResult"));
    assert_string_equal(json_string_value(json_object_get(portmap, "cniVersion")), "0.4.0");
    assert_string_equal(json_string_value(json_object_get(portmap, "name")), "l");
    const json_t *mapping =
        json_array_get(json_object_get(json_object_get(portmap, "runtimeConfig"), "portMappings"), 0);
    assert_int_equal(json_integer_value(json_object_get(mapping, "hostPort")), 8080);
    assert_string_equal(json_string_value(json_object_get(mapping, "protocol")), "tcp");
    json_decref(bridge);
    json_decref(portmap);
    bridge = input(&config, 0, "{\"ips\":[]}", true); /* DEL gets the result from 0.4.0 on */
    assert_non_null(json_object_get(bridge, "prevResult"));
    json_decref(bridge);
    cni_config_fini(&config);
}

static void
test_port_mapper(void **state)
{
    struct cni_config config =
        parse(*state, "{\"name\":\"pm\",\"type\":\"mesos-cni-port-mapper\",\"chain\":\"C\",\"excludeDevices\":[\"a0\",\"b0\"],"
                      "\"delegate\":{\"type\":\"bridge\",\"bridge\":\"b0\"}}");
    assert_int_equal(json_array_size(config.plugins), 2);
    assert_string_equal(cni_config_type(&config, 0), "bridge");
    assert_string_equal(cni_config_type(&config, 1), "portmap");
    json_t *first = input(&config, 0, "", false), *second = input(&config, 1, "", false);
    assert_string_equal(json_string_value(json_object_get(first, "cniVersion")), "0.3.1");
    assert_string_equal(json_string_value(json_object_get(first, "name")), "pm");
    assert_string_equal(json_string_value(json_array_get(json_object_get(second, "conditionsV4"), 2)), "b0");
    json_decref(first);
    json_decref(second);
    cni_config_fini(&config);
    refused(*state, "{\"name\":\"pm\",\"type\":\"mesos-cni-port-mapper\"}", "\"delegate\"");
    /* Where the program itself is there, it does its own work. */
    auto_free char *program = xasprintf("%s/mesos-cni-port-mapper", (const char *)*state);
    assert_int_equal(file_replace(program, "#!/bin/sh\n", 10, 0755, false, NULL), 0);
    config = parse(*state, "{\"name\":\"pm\",\"type\":\"mesos-cni-port-mapper\"}");
    assert_int_equal(json_array_size(config.plugins), 1);
    cni_config_fini(&config);
    unlink(program);
}

static void
test_bad_configurations(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "JSON parse failed"},
        {"[]", "no JSON object"},
        {"{\"type\":\"bridge\"}", "\"name\" of the network is not set"},
        {"{\"name\":\"\",\"type\":\"bridge\"}", "\"name\" of the network is not usable"},
        {"{\"name\":\"../x\",\"type\":\"bridge\"}", "not usable"},
        {"{\"name\":\"a/b\",\"type\":\"bridge\"}", "not usable"},
        {"{\"name\":\"a b\",\"type\":\"bridge\"}", "not usable"},
        {"{\"name\":5,\"type\":\"bridge\"}", "\"name\""},
        {"{\"name\":\"a\",\"name\":\"b\",\"type\":\"bridge\"}", "JSON parse failed"},
        {"{\"name\":\"n\"}", "\"type\" of a plugin is not set"},
        {"{\"name\":\"n\",\"type\":\"../../bin/sh\"}", "must name a program"},
        {"{\"name\":\"n\",\"type\":\"nosuch\"}", "CNI plugin 'nosuch' is not found"},
        {"{\"name\":\"n\",\"type\":\"bridge\",\"ipam\":{\"type\":\"nosuch\"}}", "IPAM plugin 'nosuch' is not found"},
        {"{\"name\":\"n\",\"type\":\"bridge\",\"ipam\":[]}", "\"ipam\""},
        {"{\"name\":\"n\",\"plugins\":{}}", "\"plugins\" is no list"},
        {"{\"name\":\"n\",\"plugins\":[]}", "it has 0 plugins"},
        {"{\"name\":\"n\",\"plugins\":[1]}", "plugins[0] is no object"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        refused(*state, cases[i].text, cases[i].why);
    auto_buf struct buf large = {0};
    while (large.len <= CNI_CONFIG_BYTES_MAX)
        buf_puts(&large, "                                                                ");
    refused(*state, buf_cstr(&large), "at most");
    buf_clear(&large);
    for (int i = 0; i < 100000; i++)
        buf_putc(&large, '[');
    refused(*state, buf_cstr(&large), "JSON parse failed");
}

static void
not_injected(void **state, const char *config_text, const char *info, const char *why)
{
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    struct cni_config config = parse(*state, config_text);
    assert_true(cni_config_inject(&config, info_of(arena, info), &err) < 0);
    if (!strstr(err.text, why))
        fail_msg("'%s' is not in '%s'", why, err.text);
    cni_config_fini(&config);
}

static void
test_bad_infos(void **state)
{
    static const char plain[] = "{\"name\":\"n\",\"type\":\"bridge\"}";
    not_injected(state, "{\"name\":\"n\",\"type\":\"bridge\",\"args\":{\"org.apache.mesos\":{}}}", "{\"name\":\"n\"}", "reserved");
    not_injected(state, "{\"name\":\"n\",\"type\":\"bridge\",\"args\":[]}", "{\"name\":\"n\"}", "\"args\" is no object");
    not_injected(state, plain, "{\"name\":\"n\",\"port_mappings\":[{\"host_port\":0,\"container_port\":1}]}",
                 "port_mappings[0].host_port is 0");
    not_injected(state, plain, "{\"name\":\"n\",\"port_mappings\":[{\"host_port\":1,\"container_port\":65536}]}",
                 "port_mappings[0].container_port is 65536");
    not_injected(state, plain, "{\"name\":\"n\",\"port_mappings\":[{\"host_port\":1,\"container_port\":2,\"protocol\":\"t p\"}]}",
                 "port_mappings[0].protocol");
}

static void
ignore(void *arg, const char *text)
{
    ++*(int *)arg;
}

static void
test_directory(void **state)
{
    struct map networks = {0};
    struct err err = {0};
    int complaints = 0;
    auto_free char *directory = xasprintf("%s/conf.d", (const char *)*state), *pipe = xasprintf("%s/5-pipe", directory);
    static const char *const texts[] = {"{\"name\":\"a\",\"type\":\"bridge\"}", "{\"name\":\"a\",\"type\":\"portmap\"}", "{",
                                        "{\"name\":\"b\",\"type\":\"bridge\"}"};
    assert_int_equal(dir_make(directory, 0755, &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        auto_free char *path = xasprintf("%s/%zu.conf", directory, i);
        assert_int_equal(file_replace(path, texts[i], strlen(texts[i]), 0644, false, &err), 0);
    }
    assert_int_equal(mkfifo(pipe, 0600), 0); /* nobody may wait for its writer */
    assert_int_equal(cni_networks_load(directory, *state, &networks, ignore, &complaints, &err), 0);
    assert_int_equal(map_count(&networks), 2);
    assert_int_equal(complaints, 3);
    assert_non_null(strstr(cni_networks_path(&networks, "a"), "/0.conf"));
    assert_null(cni_networks_path(&networks, "c"));
    assert_true(cni_networks_load("/no/such/directory", *state, &networks, ignore, &complaints, &err) < 0);
    cni_networks_fini(&networks);
}

static void
test_results(void **state)
{
    struct cni_result result;
    struct err err = {0};
    static const char old[] = "{\"ip4\":{\"ip\":\"10.0.0.2/16\",\"gateway\":\"10.0.0.1\"},\"ip6\":{\"ip\":\"fd00::2/64\"},"
                              "\"dns\":{\"nameservers\":[\"10.0.0.53\"],\"domain\":\"d\",\"search\":[\"s1\",\"s2\"],"
                              "\"options\":[\"ndots:2\"]}}";
    static const char new[] = "{\"cniVersion\":\"1.0.0\",\"interfaces\":[],\"ips\":[{\"address\":\"fd00::3/64\"},"
                              "{\"version\":\"4\",\"address\":\"10.0.0.3/16\",\"interface\":2}],\"dns\":{}}";
    assert_int_equal(cni_result_parse(str_of(old), &result, &err), 0);
    assert_int_equal(result.n_addresses, 2);
    assert_string_equal(result.addresses[0].text, "10.0.0.2");
    assert_true(result.addresses[1].v6);
    auto_buf struct buf text = {0};
    cni_dns_print(&result.dns, &text);
    assert_string_equal(buf_cstr(&text), "domain d\nsearch s1 s2\noptions ndots:2\nnameserver 10.0.0.53\n");
    cni_result_fini(&result);
    assert_int_equal(cni_result_parse(str_of(new), &result, &err), 0);
    assert_int_equal(result.n_addresses, 2);
    assert_true(result.addresses[0].v6 && !result.addresses[1].v6);
    assert_int_equal(result.dns.n_nameservers, 0);
    cni_result_fini(&result);
    assert_int_equal(cni_result_parse(str_of("\n"), &result, &err), 0); /* a plugin of layer 2 may say nothing */
    assert_int_equal(result.n_addresses, 0);
}

static void
test_bad_results(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"{", "JSON parse failed"},
        {"[7]", "no JSON object"},
        {"{\"ip4\":{}}", "ip4.ip"},
        {"{\"ip4\":{\"ip\":\"10.0.0.256/8\"}}", "ip4.ip is '10.0.0.256/8'"},
        {"{\"ip4\":{\"ip\":\"10.0.0.2/33\"}}", "ip4.ip"},
        {"{\"ip6\":{\"ip\":7}}", "ip6.ip"},
        {"{\"ips\":{}}", "ips is no list"},
        {"{\"ips\":[{}]}", "ips[0].address"},
        {"{\"ips\":[{\"address\":\"10.0.0.1 evil/8\"}]}", "ips[0].address"},
        {"{\"ips\":[{\"address\":\"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/8\"}]}", "ips[0].address"},
        {"{\"dns\":[]}", "dns is no object"},
        {"{\"dns\":{\"nameservers\":\"x\"}}", "dns.nameservers is no list"},
        {"{\"dns\":{\"nameservers\":[\"1.1.1.1\\nnameserver 6.6.6.6\"]}}", "dns.nameservers[0]"},
        {"{\"dns\":{\"domain\":\"a b\"}}", "dns.domain"},
        {"{\"dns\":{\"search\":[1]}}", "dns.search[0]"},
    };
    struct cni_result result;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        assert_true(cni_result_parse(str_of(cases[i].text), &result, &err) < 0);
        if (!strstr(err.text, cases[i].why))
            fail_msg("%s: '%s' is not in '%s'", cases[i].text, cases[i].why, err.text);
    }
    auto_buf struct buf many = {0};
    struct err err = {0};
    buf_puts(&many, "{\"ips\":[{\"address\":\"10.0.0.1/8\"}");
    for (int i = 0; i < CNI_ADDRESSES_MAX; i++)
        buf_puts(&many, ",{\"address\":\"10.0.0.1/8\"}");
    buf_puts(&many, "]}");
    assert_true(cni_result_parse(buf_str(&many), &result, &err) < 0);
    assert_non_null(strstr(err.text, "at most 64"));
}

static void
test_quote(void **state)
{
    auto_buf struct buf out = {0};
    cni_quote(str_of(" a\xff\x01\xc3\xa4\xed\xa0\x80\x7fz\n\n"), 100, &out);
    assert_string_equal(buf_cstr(&out), "a??\xc3\xa4????z");
    buf_clear(&out);
    cni_quote(str_of("abc\xc3\xa4"), 4, &out);
    assert_string_equal(buf_cstr(&out), "abc...");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_plugin), cmocka_unit_test(test_checkpoint),         cmocka_unit_test(test_port_mapper),
        cmocka_unit_test(test_bad_infos),  cmocka_unit_test(test_bad_configurations), cmocka_unit_test(test_directory),
        cmocka_unit_test(test_results),    cmocka_unit_test(test_bad_results),        cmocka_unit_test(test_quote),
    };
    return cmocka_run_group_tests(tests, make_plugins, remove_plugins);
}
