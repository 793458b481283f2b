/* SPDX-License-Identifier: Apache-2.0 */
/* --resources texts, plain and JSON: what was read survives the way through messages, and adds and subtracts
 * to nothing. */
#include "fuzz/fuzz.h"
#include "model/resources.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf text = {0};
    struct resources parsed = {0}, again = {0};
    struct err err = {0};
    size_t count;
    if (resources_parse(&parsed, str_n(data, size), "*", &err)) {
        must(err.code < 0 && err.text[0]);
        return 0;
    }
    resources_format(&text, &parsed);
    Mesos__V1__Resource **items = resources_to_proto(&parsed, false, arena, &count);
    must(resources_from_proto(&again, items, count, &err) == 0);
    must(resources_equal(&parsed, &again));
    must(resources_contains(&parsed, &again));
    resources_subtract(&parsed, &again);
    must(resources_empty(&parsed));
    resources_fini(&parsed);
    resources_fini(&again);
    return 0;
}
