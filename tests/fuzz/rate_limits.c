/* SPDX-License-Identifier: Apache-2.0 */
/* Rate limits: whatever a file says, it is refused with a reason, or what is in it makes sense. */
#include "fuzz.h"

#include <math.h>

#include "rate_limiter/token_bucket/limits.h"

static void
must_make_sense(const struct limit *limit)
{
    must(limit->key && limit->key[0]);
    must(!limit->limited || (limit->interval_ms >= 0 && !isnan(limit->interval_ms)));
    must(limit->next_ms == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct limits *limits = limits_read(str_n(data, size), &err);
    struct limit *limit;
    size_t limited = 0;
    if (!limits) {
        must(err.code < 0 && err.text[0]);
        return 0;
    }
    map_foreach (limit, &limits->by_principal) {
        must_make_sense(limit);
        must(map_get(&limits->by_principal, str_of(limit->key + strlen("principal "))) == limit);
        must(!limit->limited || map_get(&limits->by_key, str_of(limit->key)) == limit);
        limited += limit->limited;
    }
    must(limits->fallback);
    must_make_sense(limits->fallback);
    must(map_count(&limits->by_key) == limited + limits->fallback->limited);
    limits_free(limits);
    return 0;
}
