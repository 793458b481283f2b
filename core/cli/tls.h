/* SPDX-License-Identifier: Apache-2.0 */
/* TLS towards daemons that are named with https://, and from then on towards all that they name. */
#ifndef CLI_TLS_H
#define CLI_TLS_H

#include "cli/fetch.h"
#include "wire/http_client.h"

/* Makes what is needed to speak to that server; 0 as well when it is spoken to plainly. */
int cli_tls_prepare(struct cli *cli, const struct cli_server *server, struct err *err);
/* What a connection to it is secured with (NULL = it is plain), and in *ret_name what its certificate has to say. */
struct secure *cli_tls(const struct cli *cli, const struct cli_server *server, const char **ret_name);
/* A connection to a server that cli_tls_prepare knows. */
struct http_client *cli_client(const struct cli *cli, const struct cli_server *server);
void cli_tls_free(struct cli *cli);

#endif
