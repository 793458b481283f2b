/* SPDX-License-Identifier: Apache-2.0 */
/* The registry: names come and go, sorted snapshots, timers and their percentiles over the last hour. */
#include "site.h"

#include <stdio.h>

static const char *
snapshot(struct site *site)
{
    buf_clear(&site->answer);
    metrics_remove_prefix(site->daemon->metrics, "system/");
    metrics_remove_prefix(site->daemon->metrics, "configuration/");
    metrics_snapshot(site->daemon->metrics, &site->answer);
    return buf_cstr(&site->answer);
}

static double
seven(void *arg)
{
    return 7.5;
}

static void
test_values(void **state)
{
    struct site *site = *state;
    struct metrics *metrics = site->daemon->metrics;
    struct metric *b = metrics_get(metrics, "b");
    metric_inc(b);
    metric_add(metrics_get(metrics, "a/x"), 0.25);
    assert_ptr_equal(metrics_get(metrics, "b"), b);
    metrics_pull(metrics, "c", seven, NULL);
    assert_string_equal(snapshot(site), "{\"a/x\":0.25,\"b\":1.0,\"c\":7.5}");
    metrics_remove(metrics, "b");
    metrics_remove(metrics, "never");
    assert_string_equal(snapshot(site), "{\"a/x\":0.25,\"c\":7.5}");
    metric_set(metrics_get(metrics, "b"), -2);
    assert_string_equal(snapshot(site), "{\"a/x\":0.25,\"b\":-2.0,\"c\":7.5}");
}

static void
test_prefix(void **state)
{
    struct site *site = *state;
    struct metrics *metrics = site->daemon->metrics;
    char name[64];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++) {
            snprintf(name, sizeof(name), "frameworks/%d/calls", i);
            metric_inc(metrics_get(metrics, name));
        }
        metric_inc(metrics_get(metrics, "framework"));
        metrics_remove_prefix(metrics, "frameworks/");
    }
    assert_string_equal(snapshot(site), "{\"framework\":3.0}");
}

static void
test_timer(void **state)
{
    struct site *site = *state;
    struct metrics *metrics = site->daemon->metrics;
    struct metric_timer *timer = metrics_timer(metrics, "t_ms");
    assert_string_equal(snapshot(site), "{}"); /* nothing until something was recorded */
    for (int i = 100; i >= 0; i--)
        metric_timer_record(timer, i);
    assert_string_equal(snapshot(site), "{\"t_ms\":0.0,\"t_ms/count\":101.0,\"t_ms/max\":100.0,\"t_ms/min\":0.0,"
                                        "\"t_ms/p50\":50.0,\"t_ms/p90\":90.0,\"t_ms/p95\":95.0,\"t_ms/p99\":99.0,"
                                        "\"t_ms/p999\":99.9,\"t_ms/p9999\":99.99}");
    assert_ptr_equal(metrics_timer(metrics, "t_ms"), timer);
    struct caller idle; /* something to let the virtual clock pass */
    caller_open(&idle, &site->world, "127.0.0.1:5050");
    world_pass(&site->world, 3601 * 1000);
    caller_close(&idle);
    metric_timer_record(timer, 5); /* the others are older than an hour */
    assert_non_null(strstr(snapshot(site), "\"t_ms/count\":1.0,\"t_ms/max\":5.0,\"t_ms/min\":5.0,\"t_ms/p50\":5.0"));
    for (int i = 0; i < 5000; i++)
        metric_timer_record(timer, 1);
    assert_non_null(strstr(snapshot(site), "\"t_ms\":1.0,\"t_ms/count\":1000.0,"));
    metrics_remove(metrics, "t_ms");
    assert_string_equal(snapshot(site), "{}");
}

static const char *
page(struct site *site, bool openmetrics)
{
    buf_clear(&site->answer);
    metrics_prometheus(site->daemon->metrics, openmetrics, &site->answer);
    return buf_cstr(&site->answer);
}

static void
expect_in(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("%s is not in\n%s", part, text);
}

static void
test_prometheus(void **state)
{
    struct site *site = *state;
    struct metrics *metrics = site->daemon->metrics;
    metric_set(metrics_get(metrics, "master/tasks_lost"), 2);
    metric_set(metrics_get(metrics, "master/tasks_running"), 3);
    metric_set(metrics_get(metrics, "master/mem_total"), 1.5);
    metric_set(metrics_get(metrics, "my/own \"thing\""), -0.25);
    struct metric_timer *timer = metrics_timer(metrics, "registrar/state_store_ms");
    expect_in(page(site, false), "mesos_registrar_state_store_seconds{quantile=\"0.5\"} NaN\n");
    for (int i = 0; i < 2000; i++)
        metric_timer_record(timer, 500);
    const char *text = page(site, false);
    expect_in(text, "# HELP mesos_master_tasks_ended_total Tasks that have ended, by how.\n"
                    "# TYPE mesos_master_tasks_ended_total counter\nmesos_master_tasks_ended_total{state=\"lost\"} 2\n");
    expect_in(text, "# TYPE mesos_master_tasks gauge\nmesos_master_tasks{state=\"running\"} 3\n");
    expect_in(text, "mesos_master_memory_capacity_bytes{revocable=\"false\"} 1572864\n");
    expect_in(text, "# TYPE mesos_module_metric untyped\nmesos_module_metric{name=\"my/own \\\"thing\\\"\"} -0.25\n");
    expect_in(text, "# TYPE mesos_registrar_state_store_seconds summary\n");
    expect_in(text, "mesos_registrar_state_store_seconds{quantile=\"0.9999\"} 0.5\n"
                    "mesos_registrar_state_store_seconds_sum 1000\nmesos_registrar_state_store_seconds_count 2000\n");
    assert_null(strstr(text, "# EOF"));
    text = page(site, true);
    expect_in(text, "# TYPE mesos_master_tasks_ended counter\nmesos_master_tasks_ended_total{state=\"lost\"} 2\n");
    expect_in(text, "# TYPE mesos_module_metric unknown\n");
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
    metrics_remove(metrics, "master/tasks_lost");
    assert_null(strstr(page(site, false), "mesos_master_tasks_ended"));
}

#define MASTER_TEST(fn) cmocka_unit_test_setup_teardown(fn, site_master, site_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {MASTER_TEST(test_values), MASTER_TEST(test_prefix), MASTER_TEST(test_timer),
                                       MASTER_TEST(test_prometheus)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
