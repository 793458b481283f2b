/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the cluster is and what its daemons answer: the blocking side of the command line. Every call runs the command's
 * loop until the answer is there.
 */
#ifndef CLI_FETCH_H
#define CLI_FETCH_H

#include <jansson.h>
#include <stdio.h>

#include "cli/command.h"
#include "loop/address.h"

enum { CLI_TIMEOUT_MS = 30000, CLI_CONTACT_MS = 5000 };

enum cli_scheme { CLI_SCHEME_ANY, CLI_SCHEME_PLAIN, CLI_SCHEME_TLS };

/* A daemon that can be asked. */
struct cli_server {
    struct address address;
    char host[300]; /* for the Host header: "name:port" */
    char name[256]; /* what it was called by; empty when that was an address */
    enum cli_scheme scheme; /* as it was named; ANY = neither http:// nor https:// */
};

/* "host:port", "host", "http://host:port/", "https://host:port", "master@ip:port"; names are resolved. */
int cli_server_parse(struct cli_server *ret, struct str text, uint16_t default_port, struct err *err);
/* The first master that answers of --master ("a:5050,b:5050"), the environment or ~/.mesos. Others than the leader send
 * what is asked later on to it. */
int cli_find_master(struct cli_server *ret, struct cli *cli, struct err *err);
/* The same, then the leader that it knows. */
int cli_find_leader(struct cli_server *ret, struct cli *cli, struct err *err);
/* GET; the body is appended to out. Anything but 200 is an error with the daemon's own words. A redirect is followed
 * once, and *server is then the one that answered. A server that keeps us waiting, or trickles, is given up. */
int cli_get(struct cli *cli, struct cli_server *server, const char *target, struct buf *out, struct err *err);
/* The same; what comes with a 200 goes to `to` as it comes. */
int cli_download(struct cli *cli, struct cli_server *server, const char *target, FILE *to, struct err *err);
/* The same, parsed. NULL and err when it is no JSON. The caller json_decrefs. */
json_t *cli_get_json(struct cli *cli, struct cli_server *server, const char *target, struct err *err);
/* POSTs a call to /api/v1 and steals it. *ret_answer (may be NULL) is the answer's JSON, or NULL when it has no body. */
int cli_call(struct cli *cli, struct cli_server *server, json_t *call, json_t **ret_answer, struct err *err);
/* A text member of a JSON object, "" when it is not there. */
const char *cli_text(const json_t *object, const char *key);
/* A number member, 0 when it is not there. */
double cli_number(const json_t *object, const char *key);

#endif
