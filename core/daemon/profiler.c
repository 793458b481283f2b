/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /profiler/... and /memory-profiler/...: Mesos can be built with a profiler inside, and says 400 when it was not. Ours
 * never has one: the system's tools (perf, heaptrack) see the daemon from outside.
 */
#include "daemon/builtin.h"

void
builtin_profiler(struct http_exchange *exchange, void *arg)
{
    http_reply_text(exchange, 400,
                    "There is no CPU profiler in this program: use `perf record -p <pid>` on its machine.\n");
}

void
builtin_memory_profiler(struct http_exchange *exchange, void *arg)
{
    http_reply_text(exchange, 400,
                    "There is no memory profiler in this program: use `heaptrack -p <pid>` on its machine.\n");
}
