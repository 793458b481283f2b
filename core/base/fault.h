/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named points at which tests make the world fail. A point costs nothing in builds without MESOS_FAULTS.
 * Armed by environment MESOS_FAULT="point=action[@n][,...]": action is an errno name ("ENOSPC": the call fails),
 * "kill" (SIGKILL to the own process at that instant), "crash:segv", "crash:bus", "crash:fpe", "crash:abort",
 * "crash:overflow" (of the stack) or "sleep:<ms>"; @n picks the n-th time that the point is
 * passed (1 = first, default every time).
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#ifdef MESOS_FAULTS
#include <stddef.h>
#include <stdint.h>

/* 0, or a negative errno that the caller must treat as the failure of the operation that follows. */
int fault(const char *point);
/* For tests in the same process: replaces all armed points; NULL disarms. */
void fault_arm(const char *spec);
/* What becomes of each actor message that arrives: fn says how often it is delivered (0 = lost, at most FAULT_COPIES) and
 * how much later each time (those behind it wait too). NULL = once, at once. */
enum { FAULT_COPIES = 2 };
typedef int fault_message_fn(void *arg, const char *name, size_t len, int64_t ret_delay_ms[FAULT_COPIES]);
void fault_messages(fault_message_fn *fn, void *arg);
int fault_message(const char *name, size_t len, int64_t ret_delay_ms[FAULT_COPIES]);
/* How often an armed point was passed since it was armed; 0 for one that is not armed. */
uint64_t fault_passed(const char *point);
#else
#define fault(point) (0)
#endif

#endif
