/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures of the allocator on its own: a full cycle with everything refused, offers made and refused, agents added. The
 * baseline is a plain pass over agents x frameworks that compares two numbers. Prints, asserts nothing about time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "../lib/allocator_box.h"

static double
now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static double
plain_pass_ms(size_t agents, size_t frameworks)
{
    size_t count = agents * frameworks;
    volatile uint64_t *cells = calloc(count, sizeof(*cells));
    double start = now_ms();
    uint64_t below = 0;
    for (size_t i = 0; i < count; i++)
        below += cells[i] < i;
    double spent = now_ms() - start;
    free((void *)(uintptr_t)cells);
    return below ? spent : 0;
}

static void
run(uint32_t agents, uint32_t frameworks)
{
    static const char *const options[] = {"allocation_interval", "1secs", NULL};
    struct box box;
    box_init(&box, options);
    double start = now_ms();
    for (uint32_t i = 1; i <= agents; i++)
        box_add_agent(&box, i, "cpus:4;mem:4096;disk:10000;ports:[31000-32000]");
    double added = now_ms() - start;
    for (uint32_t i = 1; i <= frameworks; i++) {
        char role[32];
        snprintf(role, sizeof(role), "r%u/s%u", i % 10, i % 3);
        box_add_framework(&box, i, role, "");
    }
    /* Each refuses each agent once; the rest of the frameworks get it in turn. */
    size_t offered = 0;
    start = now_ms();
    for (box_settle(&box); box.offer_count; box_settle(&box)) {
        offered += box.offer_count;
        for (size_t i = box.offer_count; i-- > 0;)
            box_decline(&box, i, 3600);
    }
    double refused = now_ms() - start;
    start = now_ms();
    lone_host_pass(&box.lone, 10000);
    double steady = (now_ms() - start) / 10;
    /* A framework that is new asks about every agent; it cannot use any of them. */
    box_add_framework(&box, frameworks + 1, "elsewhere", "");
    box.ops->suppress(box.lone.instance, frameworks + 1, NULL, 0);
    start = now_ms();
    box_settle(&box);
    double fresh = now_ms() - start;
    /* Every agent is asked about for everyone. */
    box.ops->update_whitelist(box.lone.instance, NULL, 0);
    start = now_ms();
    box_settle(&box);
    double full = now_ms() - start;
    double plain = plain_pass_ms(agents, frameworks);
    printf("%u agents x %u frameworks: %.0f agents added/s, %.0f offers made and refused/s, steady cycle %.3f ms, "
           "for one new %.2f ms, full cycle %.2f ms = %.1f plain passes of %.2f ms\n",
           agents, frameworks, agents / added * 1e3, (double)offered / refused * 1e3, steady, fresh,
           full, full / plain, plain);
    box_fini(&box);
}

int
main(void)
{
    run(1000, 1);
    run(1000, 100);
    run(10000, 1);
    run(10000, 100);
    return 0;
}
