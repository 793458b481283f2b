/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every fuzz entry shares. An entry gets bytes as a peer or a file could hold them and checks what must
 * hold for any bytes; the sanitizers check the rest. Each is built twice: with libFuzzer (--enable-fuzzers)
 * and, in every build, as a plain program that replays its corpus.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that holds for every input. */
#define must(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                   \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/* The first byte as a choice among n, taken off the input. */
static inline unsigned
take_choice(struct str *input, unsigned n)
{
    if (!input->len)
        return 0;
    unsigned choice = (unsigned char)*input->ptr % n;
    *input = str_n(input->ptr + 1, input->len - 1);
    return choice;
}

#endif
