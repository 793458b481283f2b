/* SPDX-License-Identifier: Apache-2.0 */
/* Every value parser of base: durations, sizes, numbers, UUIDs, base64, and the checks of names. */
#include "base/buf.h"
#include "base/units.h"
#include "fuzz/fuzz.h"
#include "loop/address.h"
#include "model/role.h"

static void
check_duration(struct str text)
{
    int64_t ns, again;
    struct err err = {0};
    char out[32];
    if (duration_parse(text, &ns, &err)) {
        must(err.code < 0 && err.text[0]);
        return;
    }
    /* Seventeen digits do not carry every nanosecond of a year. */
    must(duration_parse(str_of(duration_format(ns, out)), &again, &err) == 0);
}

static void
check_bytes(struct str text)
{
    uint64_t bytes, again;
    struct err err = {0};
    char out[32];
    if (bytes_parse(text, &bytes, &err)) {
        must(err.code < 0 && err.text[0]);
        return;
    }
    must(bytes_parse(str_of(bytes_format(bytes, out)), &again, &err) == 0);
}

static void
check_numbers(struct str text)
{
    uint64_t u;
    int64_t i;
    double d;
    if (str_to_double(text, &d) == 0)
        must(__builtin_isfinite(d));
    if (str_to_u64(text, &u) == 0 && str_to_i64(text, &i) == 0)
        must(i >= 0 && (uint64_t)i == u);
}

static void
check_uuid(struct str text)
{
    unsigned char uuid[UUID_BYTES], again[UUID_BYTES];
    char out[UUID_TEXT];
    if (uuid_parse(text, uuid))
        return;
    must(uuid_parse(str_of(uuid_format(uuid, out)), again) == 0);
    must(memcmp(uuid, again, sizeof(uuid)) == 0);
}

static void
check_base64(struct str text)
{
    auto_buf struct buf encoded = {0}, decoded = {0}, raw = {0};
    base64_encode(&encoded, text.ptr, text.len);
    must(base64_decode(&decoded, buf_str(&encoded)) == 0);
    must(str_eq(buf_str(&decoded), text));
    if (base64_decode(&raw, text))
        must(raw.len == 0);
}

static void
check_names(struct str text)
{
    struct address address;
    struct err err = {0};
    if (role_check(text, &err))
        must(err.text[0]);
    if (id_check(text, "task id", &err))
        must(err.text[0]);
    if (address_parse(text, &address, &err))
        must(err.text[0]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_n(data, size);
    check_duration(text);
    check_bytes(text);
    check_numbers(text);
    check_uuid(text);
    check_base64(text);
    check_names(text);
    return 0;
}
