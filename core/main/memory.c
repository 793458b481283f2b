/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the allocator of the C library is used: few arenas, and what a burst of work has left free goes back to the
 * system afterwards. An idle process wakes up for this once a minute and does nothing then.
 */
#include <malloc.h>

#include "main/process.h"

enum { LOOK_MS = 10000, LOOK_IDLE_MS = 60000, ARENAS = 2, THRESHOLD_BYTES = 128 << 10 };
#define WASTE_BYTES ((size_t)1 << 20)

static void
on_look(void *arg)
{
    struct process *process = arg;
    struct mallinfo2 info = mallinfo2();
    /* fordblks counts what malloc_trim cannot give back too, so it is compared with what the last trim left */
    bool wasteful = info.fordblks > process->kept_bytes + WASTE_BYTES;

    if (wasteful) {
        malloc_trim(0);
        process->kept_bytes = mallinfo2().fordblks;
    } else if (info.fordblks < process->kept_bytes) {
        process->kept_bytes = info.fordblks;
    }
    loop_timer_start(&process->trim, wasteful ? LOOK_MS : LOOK_IDLE_MS);
}

void
process_memory_init(void)
{
    /* Set thresholds stay: else one large block that is freed would raise them, and the heap's end with them. */
    mallopt(M_MMAP_THRESHOLD, THRESHOLD_BYTES);
    mallopt(M_TRIM_THRESHOLD, THRESHOLD_BYTES);
    mallopt(M_ARENA_MAX, ARENAS);
}

void
process_memory_watch(struct process *process)
{
    loop_timer_init(&process->trim, process->loop, on_look, process);
    loop_timer_start(&process->trim, LOOK_MS);
}
