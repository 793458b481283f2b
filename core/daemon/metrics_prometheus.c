/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /metrics: the registry as Prometheus reads it. Every figure comes from the same entries as /metrics/snapshot; the
 * table says under which family, in which unit and with which labels.
 */
#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "daemon/builtin.h"
#include "daemon/metrics_inside.h"

struct sheet {
    struct buf *out;
    bool openmetrics;
};

static const char module_family[] = "mesos_module_metric";

static const char *
family_of(const struct entry *entry)
{
    return entry->row ? entry->row->family : module_family;
}

static enum metric_kind
kind_of(const struct entry *entry)
{
    return entry->timer ? METRIC_TIMER : entry->row ? entry->row->kind : METRIC_GAUGE;
}

/* A module's timer cannot be in the family of plain values. */
static bool
is_shown(const struct entry *entry)
{
    return entry->row ? entry->row->family && (entry->timer != NULL) == (entry->row->kind == METRIC_TIMER) : !entry->timer;
}

static int
compare_families(const void *a, const void *b)
{
    const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
    int order = strcmp(family_of(x), family_of(y));
    return order ? order : strcmp(x->name, y->name);
}

static void
sort_families(struct metrics *metrics)
{
    struct entry *entry;
    if (metrics->by_family)
        return;
    metrics->by_family = xcalloc(map_count(&metrics->entries) + 1, sizeof(struct entry *));
    metrics->family_count = 0;
    map_foreach(entry, &metrics->entries) {
        if (!entry->row_known)
            entry->row = metric_row_find(entry->name);
        entry->row_known = true;
        if (is_shown(entry))
            metrics->by_family[metrics->family_count++] = entry;
    }
    qsort(metrics->by_family, metrics->family_count, sizeof(struct entry *), compare_families);
}

static void
put_value(struct buf *out, double value)
{
    if (isnan(value))
        buf_puts(out, "NaN\n");
    else if (isinf(value))
        buf_puts(out, value > 0 ? "+Inf\n" : "-Inf\n");
    else if (value == floor(value) && fabs(value) < 9007199254740992.0)
        buf_printf(out, "%.0f\n", value);
    else
        buf_printf(out, "%.17g\n", value);
}

/* HELP and TYPE. The text format calls a counter by the name of its samples, OpenMetrics by that of its family. */
static void
put_head(const struct sheet *page, const char *family, const char *type, const char *help)
{
    const char *suffix = !page->openmetrics && strcmp(type, "counter") == 0 ? "_total" : "";
    buf_printf(page->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", family, suffix, help, family, suffix, type);
}

static void
put_sample(const struct sheet *page, const char *family, const char *suffix, const char *labels, double value)
{
    buf_printf(page->out, "%s%s", family, suffix);
    if (*labels)
        buf_printf(page->out, "{%s}", labels);
    buf_putc(page->out, ' ');
    put_value(page->out, value);
}

/* Quantiles are over the window, sum and count over the daemon's life, as a scraper wants them. */
static void
put_summary(const struct sheet *page, const struct entry *entry)
{
    static const struct {
        const char *label;
        double p;
    } rows[] = {{"quantile=\"0.5\"", .5}, {"quantile=\"0.9\"", .9}, {"quantile=\"0.95\"", .95},
                {"quantile=\"0.99\"", .99}, {"quantile=\"0.999\"", .999}, {"quantile=\"0.9999\"", .9999}};
    double values[TIMER_VALUES];
    size_t count = entry->timer->recorded ? metric_timer_values(entry->timer, values) : 0;
    const char *family = entry->row->family;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        put_sample(page, family, "", rows[i].label,
                   count ? metrics_percentile(values, count, rows[i].p) * entry->row->scale : NAN);
    put_sample(page, family, "_sum", "", entry->timer->sum * entry->row->scale);
    put_sample(page, family, "_count", "", (double)entry->timer->recorded);
}

static void
put_entry(const struct sheet *page, const struct entry *entry)
{
    auto_buf struct buf labels = {0};
    if (entry->timer) {
        put_summary(page, entry);
        return;
    }
    if (entry->row)
        metric_row_labels(entry->row, entry->name, &labels);
    else
        metric_label(&labels, STR_LIT("name"), str_of(entry->name));
    put_sample(page, family_of(entry), kind_of(entry) == METRIC_COUNTER ? "_total" : "", buf_cstr(&labels),
               entry_value(entry) * (entry->row ? entry->row->scale : 1));
}

static double
seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* What every exporter tells of its process. */
static void
put_process(const struct sheet *page)
{
    struct rusage usage;
    auto_buf struct buf statm = {0};
    double pages[2];
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        put_head(page, "process_cpu_seconds", "counter", "Processor time of the daemon, user and system.");
        put_sample(page, "process_cpu_seconds", "_total", "", seconds(usage.ru_utime) + seconds(usage.ru_stime));
    }
    if (file_read("/proc/self/statm", 256, &statm, NULL) == 0 &&
        sscanf(buf_cstr(&statm), "%lf %lf", &pages[0], &pages[1]) == 2) {
        put_head(page, "process_resident_memory_bytes", "gauge", "Memory of the daemon that is in use.");
        put_sample(page, "process_resident_memory_bytes", "", "", pages[1] * (double)sysconf(_SC_PAGESIZE));
    }
}

void
metrics_prometheus(struct metrics *metrics, bool openmetrics, struct buf *out)
{
    static const char *const types[] = {[METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_TIMER] = "summary"};
    const struct sheet page = {out, openmetrics};
    const char *family = "";
    sort_families(metrics);
    for (size_t i = 0; i < metrics->family_count; i++) {
        const struct entry *entry = metrics->by_family[i];
        if (strcmp(family, family_of(entry)) != 0) {
            family = family_of(entry);
            put_head(&page, family, entry->row ? types[kind_of(entry)] : openmetrics ? "unknown" : "untyped",
                     entry->row ? entry->row->help : "Metrics that modules made, by their name.");
        }
        put_entry(&page, entry);
    }
    put_process(&page);
    if (openmetrics)
        buf_puts(out, "# EOF\n");
}

/* The share that an Accept value gives to a media type that it names; 0 when it does not. */
static double
wanted(struct str accept, const char *type)
{
    while (accept.len) {
        struct str range = str_cut(&accept, ','), name = str_trim(str_cut(&range, ';'));
        double q = 1;
        while (range.len) {
            struct str value = str_cut(&range, ';'), key = str_trim(str_cut(&value, '='));
            if (str_ieq(key, STR_LIT("q")) && str_to_double(str_trim(value), &q) < 0)
                q = 0;
        }
        if (str_ieq(name, str_of(type)))
            return q;
    }
    return 0;
}

void
builtin_prometheus(struct http_exchange *exchange, void *arg)
{
    struct daemon *daemon = arg;
    struct str accept = http_header_get(&http_exchange_request(exchange)->headers, "Accept");
    double q = accept.ptr ? wanted(accept, "application/openmetrics-text") : 0;
    bool openmetrics = q > 0 && q >= wanted(accept, "text/plain");
    const char *type = openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                   : "text/plain; version=0.0.4; charset=utf-8";
    auto_buf struct buf out = {0};
    metrics_prometheus(daemon->metrics, openmetrics, &out);
    http_reply(exchange, 200, type, buf_str(&out));
}
