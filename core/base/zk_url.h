/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zk://[user:password@]host[:port][,host[:port]...]/path, as --zk and --master have it. Only text: nothing is resolved and
 * no file is read here. Whoever shows such a URL to people shows zk_url_shown's text.
 */
#ifndef BASE_ZK_URL_H
#define BASE_ZK_URL_H

#include "base/str.h"

#define ZK_URL_PORT_DEFAULT 2181
#define ZK_URL_SERVERS_MAX 32

struct zk_server {
    char host[256]; /* a name, an IPv4 or an IPv6 address without brackets */
    uint16_t port;
};

struct zk_url {
    struct zk_server servers[ZK_URL_SERVERS_MAX];
    size_t server_count; /* at least 1 */
    char *credentials; /* "user:password" as it is handed to scheme digest; NULL = none */
    char *path; /* absolute, without a slash at its end, never "/" */
};

/* Is that text such a URL, well-formed or not? */
bool zk_url_is(const char *text);
/* -EINVAL: the text of err names the part that is wrong, and never the password. */
int zk_url_parse(const char *text, struct zk_url *ret, struct err *err);
void zk_url_fini(struct zk_url *url);
#define auto_zk_url __attribute__((cleanup(zk_url_fini)))
/* The text with "***" in place of a password; works on any text that may be a URL, also one that does not parse. The
 * caller frees. */
char *zk_url_shown(const char *text);

#endif
