/* SPDX-License-Identifier: Apache-2.0 */
/* Names of Docker images: what passes is safe in paths and URLs, and means the same when it is written out and read again. */
#include <string.h>

#include "base/mem.h"
#include "containerizer/image/reference.h"
#include "fuzz/fuzz.h"

static bool
is_safe(const char *text)
{
    if (!text)
        return true;
    for (const char *at = text; *at; at++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-[]/", *at))
            return false;
    return *text && *text != '/' && !strstr(text, "//") && strcmp(text, "..") != 0 && strncmp(text, "../", 3) != 0 &&
           !strstr(text, "/../");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reference first, second;
    struct err err = {0};
    if (reference_parse(str_n(data, size), &first, &err) < 0) {
        must(err.code < 0 && err.text[0]);
        return 0;
    }
    must(is_safe(first.registry) && is_safe(first.repository) && is_safe(first.tag) && is_safe(first.digest));
    must(first.repository && (first.tag || first.digest));
    auto_free char *text = reference_text(&first);
    must(reference_parse(str_of(text), &second, &err) == 0);
    auto_free char *again = reference_text(&second);
    must(strcmp(text, again) == 0);
    reference_fini(&first);
    reference_fini(&second);
    return 0;
}
