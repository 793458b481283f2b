/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the devices controller: what devices.c writes on v1 and devices_bpf.c compiles for v2. */
#ifndef ISOLATOR_CGROUPS_DEVICES_H
#define ISOLATOR_CGROUPS_DEVICES_H

#include "base/buf.h"
#include "group.h"

#define DEVICE_ANY UINT32_MAX /* of a number */

enum { DEVICE_READ = 1, DEVICE_WRITE = 2, DEVICE_MKNOD = 4 };

struct device_rule {
    char type; /* 'c' or 'b' */
    uint32_t major, minor;
    unsigned access;
};

/* Appends the rules that --allowed_devices adds to the usual ones; json NULL = none. Looks at the devices. */
int device_rules_read(struct buf *rules /* of struct device_rule */, const char *json, struct err *err);
/* "c 1:3 rwm", as the v1 control files want it. */
void device_rule_format(const struct device_rule *rule, char ret[64]);

/* devices_bpf.c: attaches a program that lets these rules through, and nothing else, to a cgroup directory. */
int device_program_attach(int cgroup_fd, const struct device_rule *rules, size_t count, struct err *err);

#endif
