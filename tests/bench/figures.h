/* SPDX-License-Identifier: Apache-2.0 */
/* What every bench needs to measure: time, memory and processor of a process, percentiles. */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include <stddef.h>
#include <sys/types.h>

double now_ms(void);
/* Sorts values; share 0.5 is the median. 0 when there are none. */
double percentile(double *values, size_t count, double share);
/* Private_Dirty of smaps_rollup in bytes; 0 when it cannot be read. */
double private_dirty(pid_t pid);
/* The most physical memory that the process ever held, in bytes; 0 when it cannot be read. */
double peak_memory(pid_t pid);
/* User and system time of the process so far, its children not included. */
double cpu_ms(pid_t pid);
/* Spawns and reaps `/bin/sh -c true`, one after the other: how many a second. */
double spawn_rate(size_t count);

#endif
