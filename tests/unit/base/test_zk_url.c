/* SPDX-License-Identifier: Apache-2.0 */
/* zk:// URLs: what is taken, what is refused and in which words, and that a password is never repeated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include "base/zk_url.h"

static void
test_parts(void **state)
{
    auto_zk_url struct zk_url url = {0};
    struct err err = {0};

    assert_int_equal(zk_url_parse("zk://me:p@s:s/w@host:1,10.0.0.1,[fe80::1]:65535,[::1]/a/b.c//", &url, &err), 0);
    assert_int_equal(url.server_count, 4);
    assert_string_equal(url.servers[0].host, "host");
    assert_int_equal(url.servers[0].port, 1);
    assert_string_equal(url.servers[1].host, "10.0.0.1");
    assert_int_equal(url.servers[1].port, 2181);
    assert_string_equal(url.servers[2].host, "fe80::1");
    assert_int_equal(url.servers[2].port, 65535);
    assert_string_equal(url.servers[3].host, "::1");
    assert_int_equal(url.servers[3].port, 2181);
    assert_string_equal(url.credentials, "me:p@s:s/w");
    assert_string_equal(url.path, "/a/b.c");
}

static void
test_without_credentials(void **state)
{
    auto_zk_url struct zk_url url = {0};

    assert_int_equal(zk_url_parse("zk://h/zookeeperish", &url, NULL), 0);
    assert_null(url.credentials);
    assert_string_equal(url.path, "/zookeeperish");
    assert_true(zk_url_is("zk://") && !zk_url_is("zk:/") && !zk_url_is(NULL) && !zk_url_is("zks://a/b"));
}

static void
test_refused(void **state)
{
    static const struct {
        const char *text, *error;
    } bad[] = {
        {"", "expecting zk://"},
        {"host:5050", "expecting zk://"},
        {"ZK://h/p", "expecting zk://"},
        {"zk://", "no ZooKeeper server"},
        {"zk:///p", "no ZooKeeper server"},
        {"zk://u:hush@/p", "no ZooKeeper server"},
        {"zk://h", "path is missing"},
        {"zk://h/", "path is missing"},
        {"zk://h///", "path is missing"},
        {"zk://h,/p", "1 to 255 bytes"},
        {"zk://,h/p", "1 to 255 bytes"},
        {"zk://h,,i/p", "1 to 255 bytes"},
        {"zk://h:/p", "names no port"},
        {"zk://h:0/p", "port '0'"},
        {"zk://h:65536/p", "port '65536'"},
        {"zk://h:-1/p", "port '-1'"},
        {"zk://h:1x/p", "port '1x'"},
        {"zk://::1:2181/p", "needs brackets"},
        {"zk://[::1/p", "no ']'"},
        {"zk://[::1]x/p", "behind ']'"},
        {"zk://[::1]:/p", "names no port"},
        {"zk://[]:1/p", "1 to 255 bytes"},
        {"zk://h/a//b", "empty, '.' or '..'"},
        {"zk://h/a/./b", "empty, '.' or '..'"},
        {"zk://h/..", "empty, '.' or '..'"},
        {"zk://h/zookeeper", "keeps for itself"},
        {"zk://h/zookeeper/x", "keeps for itself"},
        {"zk://hush@h/p", "user:password"},
        {"zk://:hush@h/p", "user:password"},
        {"zk://hush:@h/p", "user:password"},
        {"zk://@h/p", "user:password"},
        {"zk://u:hush@h p/p", "no spaces"},
        {"zk://u:hush@h/p\n", "no spaces"},
        {"zks://u:hush@h/p", "TLS"},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct zk_url url = {0};
        struct err err = {0};
        if (zk_url_parse(bad[i].text, &url, &err) != -EINVAL)
            fail_msg("%s was taken", bad[i].text);
        if (!strstr(err.text, bad[i].error) || strstr(err.text, "hush"))
            fail_msg("%s: %s", bad[i].text, err.text);
        assert_null(url.path);
    }
}

static void
test_bounds(void **state)
{
    struct zk_url url = {0};
    struct err err = {0};
    char text[20000];

    size_t at = (size_t)snprintf(text, sizeof(text), "zk://");
    for (int i = 0; i < ZK_URL_SERVERS_MAX + 1; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%sh", i ? "," : "");
    snprintf(text + at, sizeof(text) - at, "/p");
    assert_int_equal(zk_url_parse(text, &url, &err), -EINVAL);
    assert_non_null(strstr(err.text, "more than 32"));
    snprintf(text, sizeof(text), "zk://%0256d/p", 1);
    assert_int_equal(zk_url_parse(text, &url, &err), -EINVAL);
    snprintf(text, sizeof(text), "zk://h/%01024d", 1);
    assert_int_equal(zk_url_parse(text, &url, &err), -EINVAL);
    snprintf(text, sizeof(text), "zk://u:%01024d@h/p", 1);
    assert_int_equal(zk_url_parse(text, &url, &err), -EINVAL);
    snprintf(text, sizeof(text), "zk://h/%09000d", 1);
    assert_int_equal(zk_url_parse(text, &url, &err), -EINVAL);
}

static void
test_shown(void **state)
{
    static const char *const pairs[][2] = {
        {"zk://u:hush@h/p", "zk://u:***@h/p"}, {"zk://u:a@b@h:1/p", "zk://u:***@h:1/p"},
        {"zk://h/p", "zk://h/p"},              {"zk://hush@h", "zk://***@h"},
        {"zoo://u:hush@", "zoo://u:***@"},     {"host:5050", "host:5050"},
        {"", ""},                              {"zk://", "zk://"},
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        auto_free char *shown = zk_url_shown(pairs[i][0]);
        assert_string_equal(shown, pairs[i][1]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),  cmocka_unit_test(test_without_credentials), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bounds), cmocka_unit_test(test_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
