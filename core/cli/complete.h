/* SPDX-License-Identifier: Apache-2.0 */
/* Candidates for the word under the cursor, from the same tables as --help, and ids from the cluster itself. */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include "cli/command.h"

/* Prints a candidate per line for the last word of `line` ("mesos tail my-ta"). current: that word as bash splits it, at
 * '=' and ':' too; candidates are then cut as bash expects them; NULL = whole words. Returns 0: a shell that completes
 * must not be disturbed. */
int complete_line(struct cli *cli, struct str line, const char *current);

#endif
