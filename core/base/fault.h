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
#include <stdint.h>

/* 0, or a negative errno that the caller must treat as the failure of the operation that follows. */
int fault(const char *point);
/* For tests in the same process: replaces all armed points; NULL disarms. */
void fault_arm(const char *spec);
/* How often an armed point was passed since it was armed; 0 for one that is not armed. */
uint64_t fault_passed(const char *point);
#else
#define fault(point) (0)
#endif

#endif
