/* SPDX-License-Identifier: Apache-2.0 */
/* See regex.h. Nothing here throws: what cannot be allocated ends the process, as everywhere. */
#include "regex.h"

#include <cstdio>

#include <re2/re2.h>

struct regex {
    RE2 re2;

    regex(const re2::StringPiece &pattern, const RE2::Options &options) noexcept : re2(pattern, options) {}
};

struct regex *
regex_new(const char *pattern, size_t len, int64_t max_mem_bytes, char *why, size_t why_size)
{
    RE2::Options options(RE2::Quiet);
    options.set_max_mem(max_mem_bytes);
    struct regex *made = new regex(re2::StringPiece(pattern, len), options);
    if (made->re2.ok())
        return made;
    snprintf(why, why_size, "%s", made->re2.error().c_str());
    delete made;
    return nullptr;
}

void
regex_free(struct regex *regex)
{
    delete regex;
}

int
regex_program_size(const struct regex *regex)
{
    return regex->re2.ProgramSize();
}

bool
regex_matches(const struct regex *regex, const char *text, size_t len)
{
    return regex->re2.Match(re2::StringPiece(text ? text : "", len), 0, len, RE2::ANCHOR_BOTH, nullptr, 0);
}
