/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which TCP ports are listened on in this network namespace, and by whom: the kernel tells sockets by their inode
 * (sock_diag), and /proc tells which process has which. Blocking: for offloaded work and start-up only. Keeps nothing.
 */
#ifndef NETWORK_PORTS_LISTENERS_H
#define NETWORK_PORTS_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct listener {
    uint32_t inode;
    uint16_t port;
};

struct listeners {
    struct listener *items; /* sorted by inode */
    size_t count;
};

/* A set of ports; both ends included. */
struct port_ranges {
    struct port_range {
        uint16_t first, last;
    } *items;
    size_t count;
};

/* Those of IPv4 and IPv6. wanted NULL = all, else only ports in it. 0, or a negative errno. */
int listeners_read(struct listeners *ret, const struct port_ranges *wanted);
void listeners_fini(struct listeners *listeners);
/* Adds the ports on which the process listens to found, which is sorted and has each port once; it is grown as needed. A
 * process that is gone has none. */
void listeners_of(const struct listeners *listeners, pid_t pid, uint16_t **found, size_t *count);

bool ports_has(const struct port_ranges *ranges, uint16_t port);
void ports_add(struct port_ranges *ranges, uint64_t first, uint64_t last); /* what is no port is cut off */
void ports_fini(struct port_ranges *ranges);

#endif
