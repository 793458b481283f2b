/* SPDX-License-Identifier: Apache-2.0 */
/* The table of metrics: every name of the facts has its kind, families are consistent, labels are escaped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "daemon/metrics_table.h"
#include "../../lib/facts.h"

static char *exceptions[64];
static size_t exception_count;

static void
each_line(const char *name, void (*fn)(struct str line))
{
    auto_buf struct buf text = {0};
    facts_read(name, &text);
    struct str rest = buf_str(&text);
    str_cut(&rest, '\n');
    while (rest.len)
        fn(str_cut(&rest, '\n'));
}

static void
on_exception(struct str line)
{
    str_cut(&line, '\t');
    assert_true(exception_count < ARRAY_LEN(exceptions));
    exceptions[exception_count++] = str_dup(str_cut(&line, '\t'));
}

/* What a name of the facts is on a daemon: words become words. */
static void
instance(char *out, size_t size, struct str name)
{
    size_t at = 0;
    if (str_is(name, "master/<task state>/<source>/<reason>"))
        name = STR_LIT("master/task_lost/source_master/reason_slave_removed");
    for (size_t i = 0; i < name.len && at + 2 < size; i++)
        if (name.ptr[i] == '<') {
            out[at++] = 'w';
            while (name.ptr[i] != '>')
                i++;
        } else {
            out[at++] = name.ptr[i];
        }
    out[at] = 0;
}

static void
on_fact(struct str line)
{
    char name[256];
    str_cut(&line, '\t');
    instance(name, sizeof(name), str_cut(&line, '\t'));
    struct str type = str_cut(&line, '\t');
    for (size_t i = 0; i < exception_count; i++)
        if (strcmp(exceptions[i], "*") != 0 && fnmatch(exceptions[i], name, 0) == 0)
            return;
    if (strncmp(name, "scheduler/", 10) == 0)
        return;
    const struct metric_row *row = metric_row_find(name);
    if (row == NULL)
        fail_msg("no row for %s", name);
    enum metric_kind kind = str_is(type, "counter") ? METRIC_COUNTER : str_is(type, "timer") ? METRIC_TIMER : METRIC_GAUGE;
    if (row->kind != kind)
        fail_msg("%s is no %.*s", name, STR_ARG(type));
}

static void
test_facts(void **state)
{
    (void)state;
    each_line("metrics-exceptions.tsv", on_exception);
    each_line("metrics.tsv", on_fact);
    while (exception_count)
        free(exceptions[--exception_count]);
}

static bool
family_name(const char *name)
{
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == 0 && strncmp(name, "mesos_", 6) == 0;
}

/* One kind and one help per family; the endings that Prometheus gives a meaning are not abused. */
static void
test_families(void **state)
{
    (void)state;
    const struct metric_row *a, *b;
    for (size_t i = 0; (a = metric_row_at(i)); i++) {
        if (!a->family)
            continue;
        assert_true(family_name(a->family));
        assert_non_null(strchr(a->help, ' '));
        assert_false(str_ends(str_of(a->family), STR_LIT("_total")));
        assert_false(str_ends(str_of(a->family), STR_LIT("_count")));
        for (size_t k = 0; k < i; k++) {
            b = metric_row_at(k);
            if (!b->family || strcmp(a->family, b->family) != 0)
                continue;
            assert_int_equal(a->kind, b->kind);
            assert_string_equal(a->help, b->help);
        }
    }
}

static void
expect_labels(const char *name, const char *labels)
{
    auto_buf struct buf out = {0};
    const struct metric_row *row = metric_row_find(name);
    assert_non_null(row);
    metric_row_labels(row, name, &out);
    assert_string_equal(buf_cstr(&out), labels);
}

static void
test_labels(void **state)
{
    (void)state;
    expect_labels("master/tasks_running", "state=\"running\"");
    expect_labels("master/tasks_lost", "state=\"lost\"");
    expect_labels("master/uptime_secs", "");
    expect_labels("master/task_lost/source_master/reason_slave_removed",
                  "state=\"lost\",source=\"master\",reason=\"slave_removed\"");
    expect_labels("master/frameworks/a%2fb%22%0a%5c/u-0001/calls/accept",
                  "framework=\"a/b\\\"\\n\\\\\",framework_id=\"u-0001\",call=\"accept\"");
    expect_labels("master/frameworks/bad%ff/u/subscribed", "framework=\"bad\xef\xbf\xbd\",framework_id=\"u\"");
    expect_labels("master/frameworks/bad%zz/u/subscribed", "framework=\"bad%zz\",framework_id=\"u\"");
    expect_labels("master/frameworks/n/u/roles/a/b/suppressed", "framework=\"n\",framework_id=\"u\",role=\"a/b\"");
    expect_labels("frameworks/a/messages_received/messages_received", "principal=\"a/messages_received\"");
    expect_labels("allocator/mesos/quota/roles//resources/mem/consumed", "role=\"\",resource=\"mem\"");
    expect_labels("allocator/mesos/resources/gpus/total", "resource=\"gpus\"");
    assert_null(metric_row_find("my/module"));
    assert_null(metric_row_find(""));
    assert_null(metric_row_find("master/frameworks/"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_facts), cmocka_unit_test(test_families),
                                       cmocka_unit_test(test_labels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
