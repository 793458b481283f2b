/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets and children in the network of another process: what is made between enter and leave belongs there. */
#ifndef EXECUTOR_NETWORK_OF_H
#define EXECUTOR_NETWORK_OF_H

#include <sys/types.h>
#include "base/err.h"

/* pid 0: stays where we are. *ret_back is for network_leave, also after a failure. */
int network_enter(pid_t pid, int *ret_back, struct err *err);
void network_leave(int back);

#endif
