/* SPDX-License-Identifier: Apache-2.0 */
/* Writes DC/OS's JSON; see answer.h. */
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "answer.h"

static size_t
character(const unsigned char *s)
{
    size_t want = *s < 0x80 ? 1 : *s >= 0xc2 && *s < 0xe0 ? 2 : *s >= 0xe0 && *s < 0xf0 ? 3 : *s >= 0xf0 && *s < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < want; i++)
        if ((s[i] & 0xc0) != 0x80) /* the text's end is no continuation either */
            return 0;
    if (want > 2 && ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) || (*s == 0xf0 && s[1] < 0x90) ||
                     (*s == 0xf4 && s[1] > 0x8f)))
        return 0;
    return want;
}

void
answer_text(struct buf *out, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    buf_putc(out, '"');
    while (*s) {
        size_t len = character(s);
        if (len == 0)
            buf_puts(out, "\xef\xbf\xbd");
        else if (*s < 0x20)
            buf_printf(out, "\\u%04x", *s);
        else {
            if (*s == '"' || *s == '\\')
                buf_putc(out, '\\');
            buf_append(out, s, len);
        }
        s += len ? len : 1;
    }
    buf_putc(out, '"');
}

static void
members(struct buf *out, const struct tag *tags)
{
    bool first = true;
    buf_putc(out, '{');
    for (; tags->key; tags++) {
        if (!tags->value)
            continue;
        if (!first)
            buf_putc(out, ',');
        first = false;
        answer_text(out, tags->key);
        buf_putc(out, ':');
        answer_text(out, tags->value);
    }
    buf_putc(out, '}');
}

void
answer_begin(struct buf *out)
{
    buf_puts(out, "{\"datapoints\":[");
}

void
answer_point(struct buf *out, const char *name, double value, const char *unit, double at_secs, const struct tag *tags)
{
    struct tm tm;
    char time_text[32];
    time_t whole = (time_t)at_secs;
    if (buf_data(out)[out->len - 1] != '[')
        buf_putc(out, ',');
    buf_puts(out, "{\"name\":");
    answer_text(out, name);
    if (!isfinite(value))
        value = 0;
    if (value == floor(value) && fabs(value) < 9007199254740992.0)
        buf_printf(out, ",\"value\":%.0f", value);
    else
        buf_printf(out, ",\"value\":%.15g", value);
    buf_puts(out, ",\"unit\":");
    answer_text(out, unit);
    gmtime_r(&whole, &tm);
    strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%S", &tm);
    buf_printf(out, ",\"timestamp\":\"%s.%09dZ\"", time_text, (int)((at_secs - (double)whole) * 1e9));
    if (tags && tags->key) {
        buf_puts(out, ",\"tags\":");
        members(out, tags);
    }
    buf_putc(out, '}');
}

void
answer_end(struct buf *out, const struct tag *dimensions)
{
    buf_puts(out, "],\"dimensions\":");
    members(out, dimensions);
    buf_puts(out, "}\n");
}
