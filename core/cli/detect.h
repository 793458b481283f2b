/* SPDX-License-Identifier: Apache-2.0 */
/* Who leads, by zk://[user:password@]host:port,.../path: asks the election module that the daemons use. */
#ifndef CLI_DETECT_H
#define CLI_DETECT_H

#include "cli/fetch.h"

/* Waits for a leader for some seconds. The text of err never has the password. */
int cli_detect(struct cli *cli, const char *url, struct cli_server *ret, struct err *err);

#endif
