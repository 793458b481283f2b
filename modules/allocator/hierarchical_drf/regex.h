/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions of RE2, as C sees them: what the limits of offer constraints are about. RE2 matches in linear time
 * and within max_mem whatever the expression; regex.cc is the one file that knows C++.
 */
#ifndef DRF_REGEX_H
#define DRF_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct regex;

/* NULL when RE2 does not take it: `why` gets RE2's own words. */
struct regex *regex_new(const char *pattern, size_t len, int64_t max_mem_bytes, char *why, size_t why_size);
void regex_free(struct regex *regex);
/* Instructions of the compiled program: what makes it costly to run. */
int regex_program_size(const struct regex *regex);
/* The whole of text, not a part of it. */
bool regex_matches(const struct regex *regex, const char *text, size_t len);

#ifdef __cplusplus
}
#endif

#endif
