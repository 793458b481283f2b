/* SPDX-License-Identifier: Apache-2.0 */
/* Actor addresses and percent-encoding: what was read prints to a text that reads the same. */
#include "fuzz/fuzz.h"
#include "wire/http.h"
#include "wire/libprocess.h"

static void
check_upid(struct str text)
{
    struct upid upid, again;
    struct err err = {0};
    char out[400];
    if (upid_parse(text, &upid, &err)) {
        must(err.code < 0 && err.text[0]);
        return;
    }
    must(upid_parse(str_of(upid_format(&upid, out)), &again, &err) == 0);
    must(upid_eq(&upid, &again));
}

static void
check_percent(struct str text, bool plus)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf encoded = {0};
    struct str decoded, again;
    http_percent_encode(&encoded, text);
    must(http_percent_decode(buf_str(&encoded), false, arena, &again) == 0);
    must(str_eq(again, text));
    if (http_percent_decode(text, plus, arena, &decoded) == 0)
        must(decoded.len <= text.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_n(data, size);
    check_upid(text);
    check_percent(text, false);
    check_percent(text, true);
    http_accepts(text, "application/json");
    http_type_is(text, "application/x-protobuf");
    return 0;
}
