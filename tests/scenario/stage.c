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

static void
on_stopped(void *arg)
{
    *(bool *)arg = true;
}

static bool
is_stopped(void *arg)
{
    return *(bool *)arg;
}

void
stage_stop(struct loop *loop, struct host *host)
{
    bool stopped = false;
    host_stop(host, on_stopped, &stopped);
    assert_true(loop_run_until(loop, is_stopped, &stopped, STOP_MS));
}
