/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of metrics, and their snapshot. Owners add to counters directly; nothing here runs on a hot path. */
#include <stdio.h>

#include "base/map.h"
#include "daemon/metrics.h"
#include "daemon/metrics_inside.h"
#include "wire/json.h"

struct metrics *
metrics_new(struct loop *loop)
{
    struct metrics *metrics = xcalloc(1, sizeof(*metrics));
    metrics->loop = loop;
    return metrics;
}

static void
entry_free(struct entry *entry)
{
    if (entry->timer) {
        free(entry->timer->ring);
        free(entry->timer);
    }
    free(entry);
}

void
metrics_free(struct metrics *metrics)
{
    struct entry *entry;
    if (metrics == NULL)
        return;
    map_foreach(entry, &metrics->entries)
        entry_free(entry);
    map_fini(&metrics->entries);
    free(metrics->by_name);
    free(metrics->by_family);
    free(metrics);
}

/* Names came or went: the sorted views are made anew when somebody looks. */
static void
metrics_changed(struct metrics *metrics)
{
    free(metrics->by_name);
    free(metrics->by_family);
    metrics->by_name = metrics->by_family = NULL;
}

static struct entry *
entry_get(struct metrics *metrics, const char *name)
{
    struct entry *entry = map_get(&metrics->entries, str_of(name));
    if (entry)
        return entry;
    size_t len = strlen(name);
    entry = xcalloc(1, sizeof(*entry) + len + 1);
    memcpy(entry->name, name, len + 1);
    metrics_changed(metrics);
    map_add(&metrics->entries, str_n(entry->name, len), entry);
    return entry;
}

struct metric *
metrics_get(struct metrics *metrics, const char *name)
{
    return &entry_get(metrics, name)->metric;
}

void
metrics_pull(struct metrics *metrics, const char *name, double (*fn)(void *arg), void *arg)
{
    struct entry *entry = entry_get(metrics, name);
    entry->pull = fn;
    entry->arg = arg;
}

struct metric_timer *
metrics_timer(struct metrics *metrics, const char *name)
{
    struct entry *entry = entry_get(metrics, name);
    if (entry->timer == NULL) {
        entry->timer = xcalloc(1, sizeof(*entry->timer));
        entry->timer->loop = metrics->loop;
        entry->timer->window_ns = TIMER_WINDOW_NS;
    }
    return entry->timer;
}

void
metric_timer_record(struct metric_timer *timer, double value)
{
    if (timer->ring == NULL)
        timer->ring = xcalloc(TIMER_VALUES, sizeof(*timer->ring));
    size_t at = timer->recorded++ % TIMER_VALUES;
    timer->sum += value;
    timer->ring[at].at_ns = loop_now_ns(timer->loop);
    timer->ring[at].value = value;
}

void
metric_timer_window(struct metric_timer *timer, int64_t window_ns)
{
    timer->window_ns = window_ns;
}

void
metrics_time(struct metrics *metrics, const char *name, double value)
{
    metric_timer_record(metrics_timer(metrics, name), value);
}

void
metrics_remove(struct metrics *metrics, const char *name)
{
    struct entry *entry = map_remove(&metrics->entries, str_of(name));
    if (entry) {
        metrics_changed(metrics);
        entry_free(entry);
    }
}

void
metrics_remove_prefix(struct metrics *metrics, const char *prefix)
{
    uint32_t at = 0;
    struct map_entry *slot;
    while ((slot = map_next(&metrics->entries, &at))) {
        struct entry *entry = slot->value;
        if (!str_starts(slot->key, str_of(prefix)))
            continue;
        map_remove(&metrics->entries, slot->key);
        metrics_changed(metrics);
        entry_free(entry);
    }
}

/* ---- reading ---- */

static int
compare_entries(const void *a, const void *b)
{
    const struct entry *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static int
compare_doubles(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Between the two values around the place, as Mesos interpolates. values is sorted and not empty. */
double
metrics_percentile(const double *values, size_t count, double p)
{
    double place = p * (double)(count - 1);
    size_t low = (size_t)place;
    if (low + 1 >= count)
        return values[count - 1];
    return values[low] + (place - (double)low) * (values[low + 1] - values[low]);
}

size_t
metric_timer_values(const struct metric_timer *timer, double values[TIMER_VALUES])
{
    size_t count = 0, all = timer->recorded < TIMER_VALUES ? (size_t)timer->recorded : TIMER_VALUES;
    int64_t oldest = loop_now_ns(timer->loop) - timer->window_ns;
    for (size_t i = 0; i < all; i++)
        if (timer->ring[i].at_ns >= oldest)
            values[count++] = timer->ring[i].value;
    qsort(values, count, sizeof(values[0]), compare_doubles);
    return count;
}

static void
timer_each(const struct entry *entry, void (*fn)(const char *name, double value, void *arg), void *arg)
{
    static const struct {
        const char *suffix;
        double p;
    } rows[] = {{"max", 1}, {"min", 0}, {"p50", .5}, {"p90", .9}, {"p95", .95}, {"p99", .99}, {"p999", .999}, {"p9999", .9999}};
    const struct metric_timer *timer = entry->timer;
    double values[TIMER_VALUES];
    char name[512];
    if (timer->recorded == 0)
        return; /* nothing to show, as in Mesos */
    fn(entry->name, timer->ring[(timer->recorded - 1) % TIMER_VALUES].value, arg);
    size_t count = metric_timer_values(timer, values);
    if (count == 0)
        return;
    snprintf(name, sizeof(name), "%s/count", entry->name);
    fn(name, (double)count, arg);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(name, sizeof(name), "%s/%s", entry->name, rows[i].suffix);
        fn(name, metrics_percentile(values, count, rows[i].p), arg);
    }
}

/* Kept until names come or go, because sorting costs more than all the rest of a snapshot. */
static struct entry **
metrics_by_name(struct metrics *metrics)
{
    struct entry *entry;
    size_t count = 0;
    if (metrics->by_name)
        return metrics->by_name;
    metrics->by_name = xcalloc(map_count(&metrics->entries) + 1, sizeof(struct entry *));
    map_foreach(entry, &metrics->entries)
        metrics->by_name[count++] = entry;
    qsort(metrics->by_name, count, sizeof(struct entry *), compare_entries);
    return metrics->by_name;
}

void
metrics_each(struct metrics *metrics, void (*fn)(const char *name, double value, void *arg), void *arg)
{
    struct entry **sorted = metrics_by_name(metrics);
    for (size_t i = 0, count = map_count(&metrics->entries); i < count; i++) {
        const struct entry *entry = sorted[i];
        if (entry->timer)
            timer_each(entry, fn, arg);
        else
            fn(entry->name, entry_value(entry), arg);
    }
}

static void
write_one(const char *name, double value, void *arg)
{
    struct json *json = arg;
    json_key_str(json, str_of(name));
    json_double(json, value);
}

void
metrics_snapshot(struct metrics *metrics, struct buf *out)
{
    struct json json = json_on(out);
    json_object(&json);
    metrics_each(metrics, write_one, &json);
    json_object_end(&json);
}
