/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as Mesos writes them: durations ("5mins", "1.5hrs"), sizes ("12500KB"), UUIDs, base64, hex.
 * Rules: spec table flags-syntax. Parsers take the whole string and refuse signs that make no sense, overflow,
 * NaN and infinities with an error that names the value and shows a right one.
 */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include "base/buf.h"

/* ns us ms secs mins hrs days weeks, with fractions; result in nanoseconds. */
int duration_parse(struct str text, int64_t *ret_ns, struct err *err);
/* The largest unit that fits, or the next smaller one when only that gives a whole number: "5mins", "90secs".
 * Returns out. */
char *duration_format(int64_t ns, char out[32]);
/* B KB MB GB TB (powers of 1024); result in bytes. */
int bytes_parse(struct str text, uint64_t *ret_bytes, struct err *err);
char *bytes_format(uint64_t bytes, char out[32]);

#define UUID_BYTES 16
#define UUID_TEXT 37 /* with NUL */
void uuid_random(unsigned char out[UUID_BYTES]); /* version 4, from the kernel's generator */
char *uuid_format(const unsigned char in[UUID_BYTES], char out[UUID_TEXT]);
int uuid_parse(struct str text, unsigned char out[UUID_BYTES]); /* -EINVAL */
/* uuid_random and uuid_format in one. */
char *uuid_new(char out[UUID_TEXT]);

void base64_encode(struct buf *out, const void *data, size_t len);
/* Standard alphabet, padding demanded; also accepts the URL alphabet. -EINVAL leaves out as it was. */
int base64_decode(struct buf *out, struct str text);

#endif
