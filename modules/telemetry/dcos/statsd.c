/* SPDX-License-Identifier: Apache-2.0 */
/* The statsd line protocol, with the tags and the types h and d of dogstatsd. See statsd.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "statsd.h"

#define RATE_MIN 1e-6

struct line {
    struct str name, value, tags[STATSD_TAGS_MAX];
    uint32_t tag_count;
    enum statsd_kind kind;
    double rate;
};

void
statsd_init(struct statsd *statsd, uint32_t max_figures)
{
    *statsd = (struct statsd){.max_figures = max_figures};
}

static void
figure_free(struct statsd_figure *figure)
{
    free(figure->timer);
    free(figure->members);
    free(figure);
}

void
statsd_fini(struct statsd *statsd)
{
    struct statsd_figure *figure;
    map_foreach(figure, &statsd->figures)
        figure_free(figure);
    map_fini(&statsd->figures);
}

/* Printable ASCII: names and tags go into JSON and into other people's databases. */
static bool
plain(struct str text, size_t max)
{
    if (text.len == 0 || text.len > max)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || (unsigned char)text.ptr[i] > 0x7e)
            return false;
    return true;
}

static int
kind_parse(struct str text, enum statsd_kind *ret)
{
    static const struct {
        const char *text;
        enum statsd_kind kind;
    } kinds[] = {{"c", STATSD_COUNTER}, {"g", STATSD_GAUGE}, {"ms", STATSD_TIMER},
                 {"h", STATSD_TIMER},   {"d", STATSD_TIMER}, {"s", STATSD_SET}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_is(text, kinds[i].text)) {
            *ret = kinds[i].kind;
            return 0;
        }
    return -1;
}

static int
number_parse(struct str text, double *ret)
{
    if (text.len && text.ptr[0] == '+')
        text = str_n(text.ptr + 1, text.len - 1);
    return text.len && text.len < 64 && str_to_double(text, ret) == 0 && isfinite(*ret) ? 0 : -1;
}

static int
compare_tags(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int
tags_parse(struct line *line, struct str text)
{
    size_t bytes = 0;
    while (text.len) {
        struct str tag = str_cut(&text, ',');
        bytes += tag.len;
        if (tag.len == 0)
            continue;
        if (line->tag_count == STATSD_TAGS_MAX || bytes > STATSD_TAG_BYTES || !plain(tag, STATSD_TAG_BYTES))
            return -1;
        line->tags[line->tag_count++] = tag;
    }
    qsort(line->tags, line->tag_count, sizeof(line->tags[0]), compare_tags);
    return 0;
}

static int
line_parse(struct str text, struct line *ret)
{
    struct line line = {.rate = 1};
    line.name = str_cut(&text, ':');
    line.value = str_cut(&text, '|');
    if (!plain(line.name, STATSD_NAME_MAX) || line.value.len == 0 || kind_parse(str_cut(&text, '|'), &line.kind) < 0)
        return -1;
    while (text.len) {
        struct str part = str_cut(&text, '|');
        if (part.len == 0)
            return -1;
        struct str rest = str_n(part.ptr + 1, part.len - 1);
        if (part.ptr[0] == '@') {
            if (number_parse(rest, &line.rate) < 0 || line.rate < RATE_MIN || line.rate > 1)
                return -1;
        } else if (part.ptr[0] == '#') {
            if (tags_parse(&line, rest) < 0)
                return -1;
        } /* others (a container's id, a timestamp) are later additions of the protocol and mean nothing here */
    }
    *ret = line;
    return 0;
}

static struct statsd_figure *
figure_get(struct statsd *statsd, const struct line *line)
{
    size_t len = line->name.len + 1, at = 0;
    char key[STATSD_NAME_MAX + STATSD_TAG_BYTES + STATSD_TAGS_MAX + 2];
    for (uint32_t i = 0; i < line->tag_count; i++)
        len += line->tags[i].len + 1;
    memcpy(key, line->name.ptr, line->name.len);
    key[line->name.len] = 0;
    at = line->name.len + 1;
    for (uint32_t i = 0; i < line->tag_count; i++) {
        memcpy(key + at, line->tags[i].ptr, line->tags[i].len);
        at += line->tags[i].len;
        key[at++] = 0;
    }
    struct statsd_figure *figure = map_get(&statsd->figures, str_n(key, len));
    if (figure || map_count(&statsd->figures) >= statsd->max_figures)
        return figure;
    figure = xcalloc(1, sizeof(*figure) + len);
    memcpy(figure->key, key, len);
    figure->kind = line->kind;
    figure->key_len = len;
    figure->name = figure->key;
    at = line->name.len + 1;
    for (uint32_t i = 0; i < line->tag_count; i++) {
        figure->tags[figure->tag_count++] = figure->key + at;
        at += line->tags[i].len + 1;
    }
    map_add(&statsd->figures, str_n(figure->key, len), figure);
    return figure;
}

/* A name that changes its kind begins anew. */
static void
figure_become(struct statsd_figure *figure, enum statsd_kind kind)
{
    if (figure->kind == kind)
        return;
    free(take(&figure->timer));
    free(take(&figure->members));
    figure->member_count = figure->member_cap = 0;
    figure->value = 0;
    figure->kind = kind;
}

static void
timer_add(struct statsd_figure *figure, double value, double rate)
{
    if (figure->timer == NULL) {
        figure->timer = xcalloc(1, sizeof(*figure->timer));
        figure->timer->lower = figure->timer->upper = value;
    }
    struct statsd_timer *timer = figure->timer;
    timer->count += 1 / rate;
    timer->sum += value / rate;
    if (value < timer->lower)
        timer->lower = value;
    if (value > timer->upper)
        timer->upper = value;
    timer->samples[timer->sample_count++ % STATSD_SAMPLES] = value;
    if (timer->sample_count == 2 * STATSD_SAMPLES)
        timer->sample_count = STATSD_SAMPLES; /* full either way */
}

static void
set_add(struct statsd *statsd, struct statsd_figure *figure, struct str value)
{
    uint64_t hash = hash_bytes(value.ptr, value.len);
    for (uint32_t i = 0; i < figure->member_count; i++)
        if (figure->members[i] == hash)
            return;
    if (figure->member_count == STATSD_MEMBERS) {
        statsd->dropped++;
        return;
    }
    if (figure->member_count == figure->member_cap) {
        figure->member_cap = figure->member_cap ? 2 * figure->member_cap : 16;
        figure->members = xreallocarray(figure->members, figure->member_cap, sizeof(*figure->members));
    }
    figure->members[figure->member_count++] = hash;
}

static void
figure_add(struct statsd *statsd, struct statsd_figure *figure, const struct line *line, double value)
{
    figure_become(figure, line->kind);
    switch (line->kind) {
    case STATSD_COUNTER:
        figure->value += value / line->rate;
        break;
    case STATSD_GAUGE: /* a sign makes it a change */
        figure->value = line->value.ptr[0] == '+' || line->value.ptr[0] == '-' ? figure->value + value : value;
        break;
    case STATSD_TIMER:
        timer_add(figure, value, line->rate);
        break;
    case STATSD_SET:
        set_add(statsd, figure, line->value);
        break;
    }
    if (!isfinite(figure->value))
        figure->value = 0;
}

static void
take_line(struct statsd *statsd, struct str text, double now_secs)
{
    struct line line;
    double value = 0;
    if (str_starts(text, STR_LIT("_e{")) || str_starts(text, STR_LIT("_sc|")))
        return; /* events and service checks of dogstatsd are no figures */
    if (line_parse(text, &line) < 0 || (line.kind != STATSD_SET && number_parse(line.value, &value) < 0)) {
        statsd->bad++;
        return;
    }
    struct statsd_figure *figure = figure_get(statsd, &line);
    if (figure == NULL) {
        statsd->dropped++;
        return;
    }
    figure_add(statsd, figure, &line, value);
    figure->at_secs = now_secs;
}

void
statsd_packet(struct statsd *statsd, struct str packet, double now_secs)
{
    statsd->packets++;
    if (packet.len > STATSD_PACKET_MAX) {
        statsd->dropped++;
        return;
    }
    while (packet.len) {
        struct str text = str_trim(str_cut(&packet, '\n'));
        if (text.len)
            take_line(statsd, text, now_secs);
    }
}

static int
compare_doubles(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

double
statsd_percentile(const struct statsd_timer *timer, double p)
{
    double sorted[STATSD_SAMPLES];
    uint32_t count = timer->sample_count < STATSD_SAMPLES ? timer->sample_count : STATSD_SAMPLES;
    memcpy(sorted, timer->samples, count * sizeof(sorted[0]));
    qsort(sorted, count, sizeof(sorted[0]), compare_doubles);
    double place = ceil(p * count);
    return count ? sorted[place < 1 ? 0 : (uint32_t)place - 1] : 0;
}
