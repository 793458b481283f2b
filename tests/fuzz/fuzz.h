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
#include <sys/random.h>

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

#ifndef FUZZ_MAIN
/* In place of the C library's: keys of hash maps and ids are the same in each run, and what a seed finds it
 * finds again. */
ssize_t
getrandom(void *out, size_t size, unsigned flags)
{
    static uint64_t state;
    (void)flags;
    for (size_t i = 0; i < size; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        ((unsigned char *)out)[i] = (unsigned char)(state >> 56);
    }
    return (ssize_t)size;
}
#endif

#endif
