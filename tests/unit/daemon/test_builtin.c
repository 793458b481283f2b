/* SPDX-License-Identifier: Apache-2.0 */
/* /health, /version, /flags, /logging/toggle, /system/stats.json and /help against recorded answers. */
#include "site.h"

#include "base/log.h"

#define T "07-legacy-endpoints/"

static void
test_health(void **state)
{
    struct site *site = *state;
    expect_recorded(site, T "060-client-master-HEAD-health--health-head");
    assert_string_equal(site_get(site, "/health"), "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 0\r\n\r\n");
    assert_string_equal(site_get(site, "/master/health"), "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 0\r\n\r\n");
}

static void
test_version(void **state)
{
    struct site *site = *state;
    expect_recorded_head(site, T "062-client-master-GET-version--keepalive");
    expect_recorded_head(site, T "059-client-master-POST-version--version-post");
    expect_recorded_head(site, T "057-client-master-HEAD-version--version-head");
    expect_recorded_head(site, T "041-client-master-GET-version_jsonp=cb--version-jsonp");
    expect_recorded_head(site, T "142-client-master-GET-version--no-host");
    const char *body = site_body(site_get(site, "/version"));
    assert_true(body[0] == '{' && body[strlen(body) - 1] == '}');
    static const char *const members[] = {"\"build_date\":\"", "\"build_time\":", "\"build_user\":\"", "\"version\":\""};
    const char *at = body;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) { /* in this order */
        at = strstr(at, members[i]);
        assert_non_null(at);
    }
    assert_non_null(strstr(body, "\"version\":\"" MESOS_PROTOCOL_VERSION "\""));
    assert_null(strstr(site_body(site_ask(site, "HEAD /version HTTP/1.1\r\n\r\n")), "{"));
}

static void
test_flags(void **state)
{
    struct site *site = *state;
    assert_string_equal(site_body(site_get(site, "/flags")), "{\"flags\":{}}"); /* this daemon has none */
    assert_non_null(strstr(site_ask(site, "POST /flags HTTP/1.1\r\n\r\n"), "HTTP/1.1 405 "));
    expect_recorded_head(site, T "101-client-agent1-GET-flags--a_flags");
}

static void
test_toggle(void **state)
{
    struct site *site = *state;
    int before = log_verbosity;
    log_verbosity = 0;
    expect_recorded(site, T "111-client-agent1-GET-logging_toggle--a_logging_toggle");
    expect_recorded(site, T "073-client-master-GET-logging_toggle_level=1--logging-toggle-no-duration");
    expect_recorded(site, T "071-client-master-GET-logging_toggle_level=1_duration=1secs--logging-toggle-1");
    assert_int_equal(log_verbosity, 1);
    expect_recorded(site, T "072-client-master-GET-logging_toggle_level=9_duration=1secs--logging-toggle-9");
    assert_int_equal(log_verbosity, 9);
    world_pass(&site->world, 1100);
    assert_int_equal(log_verbosity, 0); /* to what was before the first one */
    expect_recorded(site, T "074-client-master-GET-logging_toggle_level=0_duration=1secs--logging-toggle-0");
    static const char *const bad[] = {"/logging/toggle?duration=1secs", "/logging/toggle?level=x&duration=1secs",
                                      "/logging/toggle?level=-1&duration=1secs", "/logging/toggle?level=1&duration=zz",
                                      "/logging/toggle?level=99999999999999999999&duration=1secs"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_non_null(strstr(site_get(site, bad[i]), "HTTP/1.1 400 Bad Request\r\n"));
    assert_int_equal(log_verbosity, 0);
    log_verbosity = before;
}

static void
test_system_stats(void **state)
{
    struct site *site = *state;
    expect_recorded_head(site, T "109-client-agent1-GET-system_stats.json--a_system_stats.json");
    const char *at = site_body(site_get(site, "/system/stats.json"));
    static const char *const members[] = {"{\"avg_load_15min\":", ",\"avg_load_1min\":", ",\"avg_load_5min\":",
                                          ",\"cpus_total\":",     ",\"mem_free_bytes\":", ",\"mem_total_bytes\":"};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        at = strstr(at, members[i]);
        assert_non_null(at);
    }
}

static void
test_help(void **state)
{
    struct site *site = *state;
    assert_non_null(strstr(site_get(site, "/help"), "200 OK\r\n"));
    const char *json = site_body(site_get(site, "/help?format=json"));
    assert_non_null(strstr(json, "\"id\":\"files\""));
    assert_non_null(strstr(json, "\"/browse\""));
    auto_free char *page = xstrdup(site_get(site, "/help/files/browse"));
    assert_non_null(strstr(page, "200 OK\r\n"));
    assert_string_equal(site_get(site, "//hel%70//files/browse/"), page); /* an actor's name may come encoded */
}

static void
test_metrics_endpoint(void **state)
{
    struct site *site = *state;
    metric_set(metrics_get(site->daemon->metrics, "master/x"), 2);
    expect_recorded(site, T "039-client-master-GET-metrics_snapshot_timeout=zz--metrics-bad-timeout");
    expect_recorded_head(site, T "038-client-master-GET-metrics_snapshot_timeout=1secs--metrics-timeout");
    assert_non_null(strstr(site_get(site, "/metrics/snapshot?timeout=5xyz"), "HTTP/1.1 400 "));
    assert_non_null(strstr(site_get(site, "/metrics/snapshot?timeout=0ns"), "\"master/x\":2.0"));
    assert_non_null(strstr(site_get(site, "/metrics/snapshot"), "\"system/cpus_total\":"));
    assert_non_null(strstr(site_ask(site, "POST /metrics/snapshot HTTP/1.1\r\n\r\n"), "HTTP/1.1 405 "));
}

#define MASTER_TEST(fn) cmocka_unit_test_setup_teardown(fn, site_master, site_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        MASTER_TEST(test_health),       MASTER_TEST(test_version), MASTER_TEST(test_flags), MASTER_TEST(test_toggle),
        MASTER_TEST(test_system_stats), MASTER_TEST(test_help),    MASTER_TEST(test_metrics_endpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
