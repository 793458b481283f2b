/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of this room: handlers that every daemon has, one per file that knows the matter; arg is struct daemon. */
#ifndef DAEMON_BUILTIN_H
#define DAEMON_BUILTIN_H

#include "daemon/daemon.h"

void builtin_system_stats(struct http_exchange *exchange, void *arg); /* metrics_system.c */
void builtin_prometheus(struct http_exchange *exchange, void *arg); /* metrics_prometheus.c */
void builtin_version(struct http_exchange *exchange, void *arg); /* version.c */
void builtin_flags(struct http_exchange *exchange, void *arg); /* flags.c */
void builtin_help(struct http_exchange *exchange, void *arg); /* help.c */
void builtin_logging_toggle(struct http_exchange *exchange, void *arg); /* logging.c */
void builtin_processes(struct http_exchange *exchange, void *arg); /* processes.c */
void builtin_profiler(struct http_exchange *exchange, void *arg); /* profiler.c */
void builtin_memory_profiler(struct http_exchange *exchange, void *arg);
void builtin_toggle_over(void *arg);

#endif
