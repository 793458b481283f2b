/* SPDX-License-Identifier: Apache-2.0 */
/* Where a stream goes: IPv4, IPv6 or a Unix path. A value; nothing to free. */
#ifndef LOOP_ADDRESS_H
#define LOOP_ADDRESS_H

#include <sys/socket.h>
#include "base/str.h"

struct address {
    struct sockaddr_storage sa;
    socklen_t len; /* 0 = unset */
};

/* "1.2.3.4:5050", "[::1]:5050", "unix:/path". No names: -EINVAL. */
int address_parse(struct str text, struct address *ret, struct err *err);
/* host may be a name: blocking, so only at start-up, in helpers and inside offloaded work. */
int address_resolve(const char *host, uint16_t port, struct address *ret, struct err *err);
/* "ip:port" as libprocess writes it; returns out. */
char *address_format(const struct address *address, char out[128]);
char *address_ip(const struct address *address, char out[64]);
uint16_t address_port(const struct address *address);
void address_set_port(struct address *address, uint16_t port);
bool address_eq(const struct address *a, const struct address *b);
bool address_is_loopback(const struct address *address);

#endif
