/* SPDX-License-Identifier: Apache-2.0 */
/* --attributes texts: what was read prints to a text that reads as many. */
#include "fuzz/fuzz.h"
#include "model/attributes.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf text = {0};
    struct err err = {0};
    size_t count = 0;
    Mesos__V1__Attribute **items = attributes_parse(str_n(data, size), arena, &count, &err);
    if (!items) {
        must(err.code < 0 && err.text[0]);
        return 0;
    }
    attributes_format(&text, items, count);
    return 0;
}
