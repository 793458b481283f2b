/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are to a cluster that wants to know: MESOS_PRINCIPAL with MESOS_SECRET or the file that MESOS_SECRET_FILE names, else the keys
 * principal and secret_file of ~/.mesos. A secret never stands among arguments, which everybody on the machine can read.
 */
#ifndef CLI_LOGIN_H
#define CLI_LOGIN_H

#include "base/err.h"
#include "wire/http.h"

struct cli;

/* "Basic ..." for Authorization, or NULL when nobody said who we are. The caller frees. A file that others may read is refused. */
int cli_login_read(char **ret, struct err *err);
/* We are that one from here on. */
void cli_login_as(struct cli *cli, const char *principal, const char *secret);
/* Adds the header where there is a login; returns how many headers there are then. */
size_t cli_login_header(const struct cli *cli, struct http_header *headers, size_t count);

/* What one can do about an answer 401 or 403 of a daemon, to a request with a login or without; "" for others. */
const char *cli_login_advice(bool login, int status);

#endif
