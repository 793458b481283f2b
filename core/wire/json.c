/* SPDX-License-Identifier: Apache-2.0 */
/* JSON text into a buffer. Numbers and escapes have the form that Mesos's own writer gives them. */
#include "wire/json.h"

#include <assert.h>
#include <stdio.h>

#include "wire/json_text.h"
#include "wire/json_token.h"

enum { DOUBLE_MAX_TEXT = 40 };

/* ---- text ---- */

/* Bytes of the well-formed UTF-8 sequence at the front of s, or 0. */
static size_t
utf8_length(const unsigned char *s, size_t len)
{
    unsigned char c = s[0];
    if (c >= 0xc2 && c <= 0xdf)
        return len >= 2 && (s[1] & 0xc0) == 0x80 ? 2 : 0;
    if (c >= 0xe0 && c <= 0xef) {
        if (len < 3 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80)
            return 0;
        if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f))
            return 0;
        return 3;
    }
    if (c >= 0xf0 && c <= 0xf4) {
        if (len < 4 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80 || (s[3] & 0xc0) != 0x80)
            return 0;
        if ((c == 0xf0 && s[1] < 0x90) || (c == 0xf4 && s[1] > 0x8f))
            return 0;
        return 4;
    }
    return 0;
}

bool
json_is_utf8(struct str text)
{
    const unsigned char *s = (const unsigned char *)text.ptr;
    for (size_t at = 0, run; at < text.len; at += run) {
        run = s[at] < 0x80 ? 1 : utf8_length(s + at, text.len - at);
        if (!run)
            return false;
    }
    return true;
}

static char *
escape_byte(char *at, unsigned char c)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    *at++ = '\\';
    if (c == '"' || c == '\\') {
        *at++ = (char)c;
    } else if (c < sizeof(letters) && letters[c]) {
        *at++ = letters[c];
    } else {
        memcpy(at, "u00", 3);
        at[3] = hex[c >> 4];
        at[4] = hex[c & 15];
        at += 5;
    }
    return at;
}

void
json_text_string(struct buf *out, struct str value)
{
    const unsigned char *s = (const unsigned char *)(value.len ? value.ptr : ""), *end = s + value.len;
    /* Most text needs no escape: room for that first, more when an escape comes. */
    char *at = buf_reserve(out, value.len + 2), *base = at;
    *at++ = '"';
    while (s < end) {
        unsigned char c = *s;
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            *at++ = (char)c;
            s++;
            continue;
        }
        size_t run = c >= 0x80 ? utf8_length(s, (size_t)(end - s)) : 0;
        if (run) {
            memcpy(at, s, run);
            at += run;
            s += run;
            continue;
        }
        buf_added(out, (size_t)(at - base));
        at = base = buf_reserve(out, (size_t)(end - s) + 8);
        if (c >= 0x80) {
            memcpy(at, "\xef\xbf\xbd", 3);
            at += 3;
        } else {
            at = escape_byte(at, c);
        }
        s++;
        buf_added(out, (size_t)(at - base));
        at = base = buf_reserve(out, (size_t)(end - s) + 2);
    }
    *at++ = '"';
    buf_added(out, (size_t)(at - base));
}

void
json_text_base64(struct buf *out, struct str value)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *s = (const unsigned char *)value.ptr;
    char *start = buf_reserve(out, (value.len + 2) / 3 * 4 + 2), *at = start;
    *at++ = '"';
    size_t i = 0;
    for (; i + 3 <= value.len; i += 3) {
        uint32_t bits = (uint32_t)s[i] << 16 | (uint32_t)s[i + 1] << 8 | s[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            *at++ = alphabet[bits >> shift & 63];
    }
    if (i < value.len) {
        uint32_t bits = (uint32_t)s[i] << 16 | (i + 1 < value.len ? (uint32_t)s[i + 1] << 8 : 0);
        *at++ = alphabet[bits >> 18 & 63];
        *at++ = alphabet[bits >> 12 & 63];
        *at++ = i + 1 < value.len ? alphabet[bits >> 6 & 63] : '=';
        *at++ = '=';
    }
    *at++ = '"';
    buf_added(out, (size_t)(at - start));
}

/* ---- numbers ---- */

static char *
put_digits(char *at, uint64_t value)
{
    char digits[20];
    int n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (n)
        *at++ = digits[--n];
    return at;
}

void
json_text_uint(struct buf *out, uint64_t value)
{
    char *start = buf_reserve(out, 20);
    buf_added(out, (size_t)(put_digits(start, value) - start));
}

void
json_text_int(struct buf *out, int64_t value)
{
    if (value < 0)
        buf_putc(out, '-');
    json_text_uint(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* Values of at most six decimals below 4e9: times of day, amounts of resources. The quotient of two exact
 * doubles is the double nearest to that decimal, and up to there no two such decimals share a double: so it
 * is the shortest text. */
static char *
put_decimal(char *at, double value)
{
    if (value >= 4e9)
        return NULL;
    uint64_t millionths = (uint64_t)(value * 1e6 + 0.5);
    if ((double)millionths / 1e6 != value)
        return NULL;
    at = put_digits(at, millionths / 1000000);
    uint32_t rest = (uint32_t)(millionths % 1000000);
    *at++ = '.';
    uint32_t unit = 100000;
    do {
        *at++ = (char)('0' + rest / unit);
        rest %= unit;
        unit /= 10;
    } while (rest);
    return at;
}

/* The shortest digits that read back as value: d.ddd times ten to *ret_exponent. */
static int
shortest_digits(double value, char digits[20], int *ret_exponent)
{
    char text[DOUBLE_MAX_TEXT];
    /* Fifteen digits always survive the way back, except among the denormals, where fewer can be enough. */
    for (int precision = value < 2.3e-308 ? 0 : 14; precision <= 16; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, value);
        if (precision == 16 || strtod(text, NULL) == value)
            break;
    }
    int n = 0;
    const char *at = text;
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9')
            digits[n++] = *at;
    }
    *ret_exponent = atoi(at + 1);
    while (n > 1 && digits[n - 1] == '0')
        n--;
    return n;
}

/* point: where the decimal point stands, counted from the first digit. Plain up to 21 digits, else with
 * exponent. */
static char *
put_general(char *at, double value)
{
    char digits[20];
    int exponent;
    int n = shortest_digits(value, digits, &exponent), point = exponent + 1;
    if (point >= n && point <= 21) {
        memcpy(at, digits, (size_t)n);
        memset(at + n, '0', (size_t)(point - n));
        memcpy(at + point, ".0", 2);
        return at + point + 2;
    }
    if (point > 0 && point <= 21) {
        memcpy(at, digits, (size_t)point);
        at[point] = '.';
        memcpy(at + point + 1, digits + point, (size_t)(n - point));
        return at + n + 1;
    }
    if (point > -6 && point <= 0) {
        memcpy(at, "0.", 2);
        memset(at + 2, '0', (size_t)-point);
        memcpy(at + 2 - point, digits, (size_t)n);
        return at + 2 - point + n;
    }
    *at++ = digits[0];
    if (n > 1) {
        *at++ = '.';
        memcpy(at, digits + 1, (size_t)(n - 1));
        at += n - 1;
    }
    *at++ = 'e';
    if (exponent < 0)
        *at++ = '-';
    return put_digits(at, (uint64_t)(exponent < 0 ? -exponent : exponent));
}

void
json_text_double(struct buf *out, double value)
{
    char *start = buf_reserve(out, DOUBLE_MAX_TEXT), *at = start;
    if (!__builtin_isfinite(value)) {
        buf_append_str(out, STR_LIT("null")); /* JSON has no word for it */
        return;
    }
    if (__builtin_signbit(value)) {
        *at++ = '-';
        value = -value;
    }
    char *end = put_decimal(at, value);
    if (!end)
        end = put_general(at, value);
    buf_added(out, (size_t)(end - start));
}

/* ---- the writer ---- */

static void
before_value(struct json *json)
{
    if (json->comma)
        buf_putc(json->out, ',');
    json->comma = true;
}

static void
open_with(struct json *json, char c)
{
    before_value(json);
    buf_putc(json->out, c);
    json->depth++;
    json->comma = false;
}

static void
close_with(struct json *json, char c)
{
    assert(json->depth > 0);
    buf_putc(json->out, c);
    json->depth--;
    json->comma = true;
}

void
json_object(struct json *json)
{
    open_with(json, '{');
}

void
json_object_end(struct json *json)
{
    close_with(json, '}');
}

void
json_array(struct json *json)
{
    open_with(json, '[');
}

void
json_array_end(struct json *json)
{
    close_with(json, ']');
}

void
json_key(struct json *json, const char *key)
{
    before_value(json);
    json_text_key(json->out, key);
    json->comma = false;
}

void
json_key_str(struct json *json, struct str key)
{
    before_value(json);
    json_text_string(json->out, key);
    buf_putc(json->out, ':');
    json->comma = false;
}

void
json_string(struct json *json, struct str value)
{
    before_value(json);
    json_text_string(json->out, value);
}

void
json_text(struct json *json, const char *value)
{
    json_string(json, str_of(value));
}

void
json_int(struct json *json, int64_t value)
{
    before_value(json);
    json_text_int(json->out, value);
}

void
json_uint(struct json *json, uint64_t value)
{
    before_value(json);
    json_text_uint(json->out, value);
}

void
json_double(struct json *json, double value)
{
    before_value(json);
    json_text_double(json->out, value);
}

void
json_bool(struct json *json, bool value)
{
    before_value(json);
    buf_append_str(json->out, value ? STR_LIT("true") : STR_LIT("false"));
}

void
json_null(struct json *json)
{
    before_value(json);
    buf_append_str(json->out, STR_LIT("null"));
}

void
json_raw(struct json *json, struct str value)
{
    before_value(json);
    buf_append_str(json->out, value);
}

void
json_key_string(struct json *json, const char *key, struct str value)
{
    json_key(json, key);
    json_string(json, value);
}

void
json_key_text(struct json *json, const char *key, const char *value)
{
    json_key(json, key);
    json_text(json, value);
}

void
json_key_int(struct json *json, const char *key, int64_t value)
{
    json_key(json, key);
    json_int(json, value);
}

void
json_key_double(struct json *json, const char *key, double value)
{
    json_key(json, key);
    json_double(json, value);
}

void
json_key_bool(struct json *json, const char *key, bool value)
{
    json_key(json, key);
    json_bool(json, value);
}
