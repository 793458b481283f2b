/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the cluster is and what its daemons answer: the blocking side of the command line. Every call runs the command's
 * loop until the answer is there.
 */
#ifndef CLI_FETCH_H
#define CLI_FETCH_H

#include <jansson.h>

#include "cli/command.h"
#include "loop/address.h"

enum { CLI_TIMEOUT_MS = 30000 };

/* A daemon that can be asked. */
struct cli_server {
    struct address address;
    char host[300]; /* for the Host header: "name:port" */
};

/* "host:port", "host", "http://host:port/", "master@ip:port"; names are resolved. */
int cli_server_parse(struct cli_server *ret, struct str text, uint16_t default_port, struct err *err);
/* The master from --master, the environment or ~/.mesos, then the leader that it redirects to. */
int cli_find_master(struct cli_server *ret, struct cli *cli, struct err *err);
/* GET; the body is appended to out. Anything but 200 is an error with the daemon's own words. A redirect is followed
 * once, and *server is then the one that answered. */
int cli_get(struct cli *cli, struct cli_server *server, const char *target, struct buf *out, struct err *err);
/* The same, parsed. NULL and err when it is no JSON. The caller json_decrefs. */
json_t *cli_get_json(struct cli *cli, struct cli_server *server, const char *target, struct err *err);
/* A text member of a JSON object, "" when it is not there. */
const char *cli_text(const json_t *object, const char *key);

#endif
