/* SPDX-License-Identifier: Apache-2.0 */
/* Durations, sizes, UUIDs and base64 as Mesos writes them. Values only: no clock, no files. */
#include "base/units.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/hex.h"

struct unit {
    const char *name;
    int64_t size;
};

static const struct unit time_units[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000 * 1000},
    {"secs", 1000LL * 1000 * 1000},
    {"mins", 60LL * 1000 * 1000 * 1000},
    {"hrs", 3600LL * 1000 * 1000 * 1000},
    {"days", 24LL * 3600 * 1000 * 1000 * 1000},
    {"weeks", 7LL * 24 * 3600 * 1000 * 1000 * 1000},
};

static const struct unit byte_units[] = {
    {"B", 1}, {"KB", 1LL << 10}, {"MB", 1LL << 20}, {"GB", 1LL << 30}, {"TB", 1LL << 40},
};

/* Splits "12.5mins" where the letters of the unit begin. */
static const struct unit *
unit_of(struct str text, const struct unit *units, size_t count, struct str *ret_number)
{
    size_t letters = text.len;
    while (letters && ((text.ptr[letters - 1] | 32) >= 'a' && (text.ptr[letters - 1] | 32) <= 'z'))
        letters--;
    *ret_number = str_n(text.ptr, letters);
    for (size_t i = 0; i < count; i++)
        if (str_is(str_n(text.ptr + letters, text.len - letters), units[i].name))
            return &units[i];
    return NULL;
}

int
duration_parse(struct str text, int64_t *ret_ns, struct err *err)
{
    static const char *const right = "a duration is a number and a unit of ns, us, ms, secs, mins, hrs, days, weeks, "
                                     "for example 10secs or 1.5hrs";
    struct str number;
    const struct unit *unit = unit_of(text, time_units, ARRAY_LEN(time_units), &number);
    double value;
    uint64_t whole;
    int64_t ns;
    if (!unit)
        return err_set(err, -EINVAL, "'%.*s' has no known unit: %s", STR_ARG(text), right);
    /* Whole numbers go by integers, so that no nanosecond is lost to rounding. */
    if (str_to_u64(number, &whole) == 0) {
        if (whole > INT64_MAX || __builtin_mul_overflow((int64_t)whole, unit->size, &ns))
            return err_set(err, -ERANGE, "'%.*s' is longer than a duration can be (292 years)", STR_ARG(text));
        *ret_ns = ns;
        return 0;
    }
    int rc = str_to_double(number, &value);
    if (rc == -EINVAL)
        return err_set(err, -EINVAL, "'%.*s' is not a duration: %s", STR_ARG(text), right);
    if (rc == 0 && signbit(value) && value != 0)
        return err_set(err, -EINVAL, "'%.*s' is negative: a duration is zero or more", STR_ARG(text));
    if (rc || value * (double)unit->size >= 9223372036854775808.0)
        return err_set(err, -ERANGE, "'%.*s' is longer than a duration can be (292 years)", STR_ARG(text));
    *ret_ns = (int64_t)llround(value * (double)unit->size);
    return 0;
}

char *
duration_format(int64_t ns, char out[32])
{
    uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    const char *sign = ns < 0 ? "-" : "";
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(time_units) && size >= (uint64_t)time_units[i + 1].size)
        i++;
    /* "10days" reads better than "1.43weeks": one unit down when that makes it a whole number. */
    if (i > 0 && size % (uint64_t)time_units[i].size != 0 && size % (uint64_t)time_units[i - 1].size == 0)
        i--;
    if (size % (uint64_t)time_units[i].size == 0)
        snprintf(out, 32, "%s%llu%s", sign, (unsigned long long)(size / (uint64_t)time_units[i].size),
                 time_units[i].name);
    else
        snprintf(out, 32, "%s%.15g%s", sign, (double)size / (double)time_units[i].size, time_units[i].name);
    return out;
}

int
bytes_parse(struct str text, uint64_t *ret_bytes, struct err *err)
{
    struct str number;
    const struct unit *unit = unit_of(text, byte_units, ARRAY_LEN(byte_units), &number);
    uint64_t value, bytes;
    int rc = unit ? str_to_u64(number, &value) : -EINVAL;
    if (rc == -EINVAL)
        return err_set(err, -EINVAL,
                       "'%.*s' is not a size: it is a whole number and a unit of B, KB, MB, GB, TB, for example 64MB",
                       STR_ARG(text));
    if (rc || __builtin_mul_overflow(value, (uint64_t)unit->size, &bytes))
        return err_set(err, -ERANGE, "'%.*s' is more than 64 bits of bytes", STR_ARG(text));
    *ret_bytes = bytes;
    return 0;
}

char *
bytes_format(uint64_t bytes, char out[32])
{
    size_t i = 0;
    while (bytes && i + 1 < ARRAY_LEN(byte_units) && bytes % (uint64_t)byte_units[i + 1].size == 0)
        i++;
    snprintf(out, 32, "%llu%s", (unsigned long long)(bytes / (uint64_t)byte_units[i].size), byte_units[i].name);
    return out;
}

void
uuid_random(unsigned char out[UUID_BYTES])
{
    /* Up to 256 bytes are never cut short once the generator is seeded; only then can this fail. */
    if (getrandom(out, UUID_BYTES, 0) != UUID_BYTES)
        abort();
    out[6] = (unsigned char)((out[6] & 0x0f) | 0x40);
    out[8] = (unsigned char)((out[8] & 0x3f) | 0x80);
}

char *
uuid_format(const unsigned char in[UUID_BYTES], char out[UUID_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    char *at = out;
    for (int i = 0; i < UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = hex[in[i] >> 4];
        *at++ = hex[in[i] & 15];
    }
    *at = '\0';
    return out;
}

int
uuid_parse(struct str text, unsigned char out[UUID_BYTES])
{
    unsigned char value[UUID_BYTES];
    size_t at = 0;
    if (text.len != UUID_TEXT - 1)
        return -EINVAL;
    for (int i = 0; i < UUID_BYTES; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && text.ptr[at++] != '-')
            return -EINVAL;
        int high = hex_digit(text.ptr[at]), low = hex_digit(text.ptr[at + 1]);
        if (high < 0 || low < 0)
            return -EINVAL;
        value[i] = (unsigned char)(high << 4 | low);
        at += 2;
    }
    memcpy(out, value, sizeof(value));
    return 0;
}

char *
uuid_new(char out[UUID_TEXT])
{
    unsigned char bytes[UUID_BYTES];
    uuid_random(bytes);
    return uuid_format(bytes, out);
}

void
base64_encode(struct buf *out, const void *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = data;
    char *at = buf_reserve(out, (len + 2) / 3 * 4);
    for (size_t i = 0; i < len; i += 3) {
        uint32_t word = (uint32_t)in[i] << 16;
        word |= i + 1 < len ? (uint32_t)in[i + 1] << 8 : 0;
        word |= i + 2 < len ? in[i + 2] : 0;
        *at++ = digits[word >> 18];
        *at++ = digits[word >> 12 & 63];
        *at++ = i + 1 < len ? digits[word >> 6 & 63] : '=';
        *at++ = i + 2 < len ? digits[word & 63] : '=';
    }
    buf_added(out, (len + 2) / 3 * 4);
}

static int
base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

int
base64_decode(struct buf *out, struct str text)
{
    size_t pad = 0, before = out->len;
    if (text.len % 4)
        return -EINVAL;
    while (pad < 2 && pad < text.len && text.ptr[text.len - 1 - pad] == '=')
        pad++;
    char *at = buf_reserve(out, text.len / 4 * 3);
    for (size_t i = 0; i < text.len; i += 4) {
        uint32_t word = 0;
        for (size_t j = i; j < i + 4; j++) {
            int digit = j >= text.len - pad ? 0 : base64_digit(text.ptr[j]);
            if (digit < 0) {
                out->len = before;
                return -EINVAL;
            }
            word = word << 6 | (uint32_t)digit;
        }
        *at++ = (char)(word >> 16);
        *at++ = (char)(word >> 8);
        *at++ = (char)word;
    }
    buf_added(out, text.len / 4 * 3 - pad);
    return 0;
}
