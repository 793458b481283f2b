/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens of JSON. Lenient where Mesos's parser is (leading zeros, bytes that are not UTF-8), strict
 * elsewhere. */
#include "wire/json_token.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hex.h"
#include "wire/limits.h"

struct json_scan
json_scan_of(struct str text)
{
    const char *start = text.len ? text.ptr : "";
    return (struct json_scan){.start = start, .at = start, .end = start + text.len};
}

void
json_scan_space(struct json_scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t'))
        scan->at++;
}

int
json_scan_peek(struct json_scan *scan)
{
    json_scan_space(scan);
    return scan->at < scan->end ? (unsigned char)*scan->at : -1;
}

bool
json_scan_take(struct json_scan *scan, char c)
{
    json_scan_space(scan);
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

/* ---- strings ---- */

/* Four hex digits at scan->at, or -1. */
static int32_t
take_hex4(struct json_scan *scan)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = scan->at < scan->end ? hex_digit(*scan->at) : -1;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
        scan->at++;
    }
    return value;
}

static char *
put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
        return out;
    }
    if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *out++ = (char)(0xe0 | c >> 12);
        } else {
            *out++ = (char)(0xf0 | c >> 18);
            *out++ = (char)(0x80 | (c >> 12 & 63));
        }
        *out++ = (char)(0x80 | (c >> 6 & 63));
    }
    *out++ = (char)(0x80 | (c & 63));
    return out;
}

/* After "\u"; NULL when it is no character. */
static char *
take_unicode(struct json_scan *scan, char *out)
{
    int32_t c = take_hex4(scan);
    if (c < 0 || (c >= 0xdc00 && c <= 0xdfff))
        return NULL;
    if (c >= 0xd800 && c <= 0xdbff) {
        if (scan->end - scan->at < 2 || scan->at[0] != '\\' || scan->at[1] != 'u')
            return NULL;
        scan->at += 2;
        int32_t low = take_hex4(scan);
        if (low < 0xdc00 || low > 0xdfff)
            return NULL;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    return put_utf8(out, (uint32_t)c);
}

/* After the backslash; NULL when there is no such escape. Never writes more than it takes. */
static char *
take_escape(struct json_scan *scan, char *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (scan->at == scan->end)
        return NULL;
    char c = *scan->at++;
    if (c == 'u')
        return take_unicode(scan, out);
    const char *found = c ? strchr(from, c) : NULL;
    if (!found)
        return NULL;
    *out++ = to[found - from];
    return out;
}

/* To the first byte that is not plain: quote, backslash, control. */
static void
skip_plain(struct json_scan *scan)
{
    const char *at = scan->at, *end = scan->end;
    while (at < end && (unsigned char)*at >= 0x20 && *at != '"' && *at != '\\')
        at++;
    scan->at = at;
}

/* The rest of a string with escapes; room holds all of it. */
static bool
unescape(struct json_scan *scan, const char *from, char *room, struct str *ret)
{
    char *out = room;
    for (;;) {
        memcpy(out, from, (size_t)(scan->at - from));
        out += scan->at - from;
        if (scan->at == scan->end || (unsigned char)*scan->at < 0x20)
            return false;
        if (*scan->at++ == '"')
            break;
        out = take_escape(scan, out);
        if (!out)
            return false;
        from = scan->at;
        skip_plain(scan);
    }
    *ret = str_n(room, (size_t)(out - room));
    return true;
}

/* Where the string that is open at `at` ends: at its quote, or at the end of the text. */
static const char *
string_end(const char *at, const char *end)
{
    while (at < end && *at != '"')
        at += *at == '\\' && end - at > 1 ? 2 : 1;
    return at;
}

bool
json_scan_string(struct json_scan *scan, struct arena *arena, size_t *budget, struct str *ret)
{
    if (!json_scan_take(scan, '"'))
        return false;
    const char *from = scan->at;
    skip_plain(scan);
    if (scan->at < scan->end && *scan->at == '"') {
        *ret = str_n(from, (size_t)(scan->at - from));
        scan->at++;
        return true;
    }
    if (scan->at == scan->end || *scan->at != '\\')
        return false;
    size_t room = (size_t)(string_end(scan->at, scan->end) - from) + 1;
    if (room + 32 > *budget) {
        scan->too_big = true;
        return false;
    }
    *budget -= room + 32;
    return unescape(scan, from, arena_alloc(arena, room), ret);
}

static bool
skip_string(struct json_scan *scan)
{
    char scratch[8];
    scan->at++;
    for (;;) {
        skip_plain(scan);
        if (scan->at == scan->end || (unsigned char)*scan->at < 0x20)
            return false;
        if (*scan->at++ == '"')
            return true;
        if (!take_escape(scan, scratch))
            return false;
    }
}

/* ---- numbers and words ---- */

static const double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                       1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* Digits with at most one point among them: true when all of text was that and the value is exact in one
 * division. */
static bool
plain_number(struct str text, struct json_number *ret)
{
    uint64_t digits = 0;
    size_t i = ret->negative, count = 0, after_point = 0;
    bool point = false;
    for (; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '.' && !point && count) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9' || count == 19)
            return false;
        digits = digits * 10 + (uint64_t)(c - '0');
        count++;
        after_point += point;
    }
    if (!count || (point && !after_point))
        return false;
    ret->is_integer = !point;
    ret->magnitude = digits;
    if (point && (digits > UINT64_C(1) << 53 || after_point > 22))
        return false;
    double value = (double)digits;
    if (point)
        value /= powers_of_ten[after_point];
    ret->value = ret->negative ? -value : value;
    return true;
}

bool
json_number_of(struct str text, struct json_number *ret)
{
    *ret = (struct json_number){.text = text};
    if (!text.len || !(text.ptr[0] == '-' || (text.ptr[0] >= '0' && text.ptr[0] <= '9')))
        return false;
    ret->negative = text.ptr[0] == '-';
    if (plain_number(text, ret))
        return true;
    ret->is_integer = false;
    if (str_to_double(text, &ret->value))
        return false;
    /* Twenty digits still fit 64 bits sometimes. */
    struct str digits = str_n(text.ptr + ret->negative, text.len - ret->negative);
    ret->is_integer = str_to_u64(digits, &ret->magnitude) == 0;
    return true;
}

static bool
take_word(struct json_scan *scan, const char *word)
{
    for (; *word; word++, scan->at++) {
        if (scan->at == scan->end || *scan->at != *word)
            return false;
    }
    return true;
}

enum json_literal
json_scan_literal(struct json_scan *scan, struct json_number *ret)
{
    int c = json_scan_peek(scan);
    const char *from = scan->at;
    switch (c) {
    case 'n':
        return take_word(scan, "null") ? JSON_LITERAL_NULL : JSON_LITERAL_NONE;
    case 't':
        return take_word(scan, "true") ? JSON_LITERAL_TRUE : JSON_LITERAL_NONE;
    case 'f':
        return take_word(scan, "false") ? JSON_LITERAL_FALSE : JSON_LITERAL_NONE;
    default:
        break;
    }
    if (c != '-' && !(c >= '0' && c <= '9'))
        return JSON_LITERAL_NONE;
    while (scan->at < scan->end &&
           ((*scan->at >= '0' && *scan->at <= '9') || *scan->at == '.' || *scan->at == '-' ||
            *scan->at == '+' || *scan->at == 'e' || *scan->at == 'E'))
        scan->at++;
    return json_number_of(str_n(from, (size_t)(scan->at - from)), ret) ? JSON_LITERAL_NUMBER
                                                                       : JSON_LITERAL_NONE;
}

int
json_number_i64(const struct json_number *number, int64_t *ret)
{
    uint64_t limit = (uint64_t)INT64_MAX + number->negative;
    if (number->is_integer) {
        if (number->magnitude > limit)
            return -ERANGE;
        *ret = number->negative ? (int64_t)(0 - number->magnitude) : (int64_t)number->magnitude;
        return 0;
    }
    if (!(number->value >= -0x1p63 && number->value < 0x1p63) ||
        (double)(int64_t)number->value != number->value)
        return -ERANGE;
    *ret = (int64_t)number->value;
    return 0;
}

int
json_number_u64(const struct json_number *number, uint64_t *ret)
{
    if (number->is_integer) {
        if (number->negative && number->magnitude)
            return -ERANGE;
        *ret = number->magnitude;
        return 0;
    }
    if (!(number->value >= 0 && number->value < 0x1p64) || (double)(uint64_t)number->value != number->value)
        return -ERANGE;
    *ret = (uint64_t)number->value;
    return 0;
}

/* ---- whole values ---- */

static bool
skip_members(struct json_scan *scan, unsigned depth)
{
    scan->at++;
    if (json_scan_take(scan, '}'))
        return true;
    do {
        if (json_scan_peek(scan) != '"' || !skip_string(scan) || !json_scan_take(scan, ':') ||
            !json_scan_skip(scan, depth + 1))
            return false;
    } while (json_scan_take(scan, ','));
    return json_scan_take(scan, '}');
}

static bool
skip_elements(struct json_scan *scan, unsigned depth)
{
    scan->at++;
    if (json_scan_take(scan, ']'))
        return true;
    do {
        if (!json_scan_skip(scan, depth + 1))
            return false;
    } while (json_scan_take(scan, ','));
    return json_scan_take(scan, ']');
}

bool
json_scan_skip(struct json_scan *scan, unsigned depth)
{
    struct json_number number;
    int c = json_scan_peek(scan);
    if (depth > LIMIT_DEPTH && (c == '{' || c == '[')) {
        scan->too_deep = true;
        return false;
    }
    if (c == '"')
        return skip_string(scan);
    if (c == '{')
        return skip_members(scan, depth);
    if (c == '[')
        return skip_elements(scan, depth);
    return json_scan_literal(scan, &number) != JSON_LITERAL_NONE;
}

/* The printable rest of the line where it stopped, as Mesos quotes it. */
static size_t
rest_of_line(const struct json_scan *scan, char *out, size_t size)
{
    size_t n = 0;
    for (const char *at = scan->at; at < scan->end && *at != '\n' && n + 1 < size; at++) {
        if ((unsigned char)*at >= 0x20)
            out[n++] = *at;
    }
    out[n] = '\0';
    return n;
}

int
json_scan_error(const struct json_scan *scan, struct err *err)
{
    char near[800];
    unsigned line = 1;
    if (scan->too_deep)
        return err_set(err, -EINVAL, "Failed to parse body into JSON: nested deeper than %d levels",
                       LIMIT_DEPTH);
    if (scan->too_big)
        return err_set(
            err, -EFBIG,
            "Failed to parse body into JSON: decoding needs more memory than one message may take");
    for (const char *at = scan->start; at < scan->at; at++)
        line += *at == '\n';
    rest_of_line(scan, near, sizeof(near));
    return err_set(err, -EINVAL, "Failed to parse body into JSON: syntax error at line %u near: %s", line,
                   near);
}

int
json_scan_trailing(const struct json_scan *scan, struct err *err)
{
    char rest[800];
    rest_of_line(scan, rest, sizeof(rest));
    return err_set(
        err, -EINVAL,
        "Failed to parse body into JSON: Parsed JSON included non-whitespace trailing characters: %s", rest);
}

bool
json_check(struct str text, struct err *err)
{
    struct json_scan scan = json_scan_of(text);
    if (!json_scan_skip(&scan, 1)) {
        json_scan_error(&scan, err);
        return false;
    }
    if (json_scan_peek(&scan) >= 0) {
        json_scan_trailing(&scan, err);
        return false;
    }
    return true;
}

/* ---- base64 ---- */

static int
base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool
json_base64_decode(struct str text, uint8_t *out, size_t *ret_len, char *ret_bad)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t len = 0;
    for (size_t i = 0; i < text.len && text.ptr[i] != '='; i++) {
        char c = text.ptr[i];
        int digit = base64_digit(c);
        if (c == ' ' || (c >= '\t' && c <= '\r'))
            continue;
        if (digit < 0) {
            *ret_bad = c;
            return false;
        }
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[len++] = (uint8_t)(bits >> held);
        }
    }
    *ret_len = len;
    return true;
}
