/* SPDX-License-Identifier: Apache-2.0 */
/* See stage.h. */
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

enum { STOP_MS = 60 * 1000 };

struct host *
stage_host(struct host_options options)
{
    const char *path = getenv("CMESOS_MODULES");
    options.module_path = path ? path : "modules/.libs";
    return host_new(&options);
}

static bool
never(void *arg)
{
    (void)arg;
    return false;
}

void
stage_pass(struct loop *loop, int64_t ms)
{
    loop_run_until(loop, never, NULL, ms);
}

void
stage_stop(struct host *host)
{
    assert_true(host_stop_within(host, STOP_MS));
}
