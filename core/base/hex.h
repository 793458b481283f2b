/* SPDX-License-Identifier: Apache-2.0 */
/* Digits of base 16, for whoever reads text of peers: isxdigit() and strtoul() ask the locale and take more. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

/* Its value, in capitals or not; -1 when it is none. */
static inline int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
