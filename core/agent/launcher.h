/* SPDX-License-Identifier: Apache-2.0 */
/* How containers' processes are started and found again, when nobody says. */
#ifndef AGENT_LAUNCHER_H
#define AGENT_LAUNCHER_H

#include <stdbool.h>

/* "linux" for root where control groups with a freezer can be made below `hierarchy`, else "posix". */
const char *launcher_usual(const char *hierarchy);

#endif
