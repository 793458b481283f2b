/* SPDX-License-Identifier: Apache-2.0 */
/* JSON text taken apart, token by token, with no memory of its own. For this room, and for whoever walks a document that is
 * too large to be decoded whole. */
#ifndef WIRE_JSON_TOKEN_H
#define WIRE_JSON_TOKEN_H

#include "base/arena.h"

struct json_scan {
    const char *start, *at, *end;
    bool too_deep; /* the reason why it stopped */
    bool too_big;
};

struct json_number {
    struct str text;
    bool is_integer; /* no point, no exponent, and magnitude holds it */
    bool negative;
    uint64_t magnitude;
    double value; /* always set, finite */
};

enum json_literal {
    JSON_LITERAL_NONE,
    JSON_LITERAL_NULL,
    JSON_LITERAL_TRUE,
    JSON_LITERAL_FALSE,
    JSON_LITERAL_NUMBER,
};

struct json_scan json_scan_of(struct str text);
void json_scan_space(struct json_scan *scan);
/* The next byte after white space, or -1 at the end. */
int json_scan_peek(struct json_scan *scan);
/* Takes c after white space, if it is there. */
bool json_scan_take(struct json_scan *scan, char c);
/* Takes a string. *ret lies in the text, or in arena (charged to *budget) when it had escapes. */
bool json_scan_string(struct json_scan *scan, struct arena *arena, size_t *budget, struct str *ret);
/* Takes null, true, false or a number. */
enum json_literal json_scan_literal(struct json_scan *scan, struct json_number *ret);
/* Takes any value and forgets it. depth: its level of nesting. */
bool json_scan_skip(struct json_scan *scan, unsigned depth);
/* "Failed to parse body into JSON: syntax error at line 2 near: ..."; -EINVAL. */
int json_scan_error(const struct json_scan *scan, struct err *err);
int json_scan_trailing(const struct json_scan *scan, struct err *err);
/* A string of the tokens may be any bytes; this says whether it is well-formed UTF-8. */
bool json_is_utf8(struct str text);
/* Is the text one whole JSON value? */
bool json_check(struct str text, struct err *err);

/* A text that is one number and nothing else. */
bool json_number_of(struct str text, struct json_number *ret);
/* 0, or -ERANGE when it is no whole number or too large. */
int json_number_i64(const struct json_number *number, int64_t *ret);
int json_number_u64(const struct json_number *number, uint64_t *ret);

/* out: room for len / 4 * 3 + 4. White space is ignored, padding ends it; false and the character that has no
 * place. */
bool json_base64_decode(struct str text, uint8_t *out, size_t *ret_len, char *ret_bad);

#endif
