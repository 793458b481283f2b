/* SPDX-License-Identifier: Apache-2.0 */
/* What the worlds of all scenario programs stand on: a loop whose time the test makes pass, a host of modules from the build
 * tree, and their end. Never knows whether masters or agents play on it. */
#ifndef SCENARIO_STAGE_H
#define SCENARIO_STAGE_H

#include <stdint.h>

#include "host/host.h"

/* A module that a test plays: ops_ is its table, start_ its start. */
#define MODULE_DOUBLE(kind_, name_, summary_, start_, ops_) \
    { \
        .abi = MESOS_ABI, .size = sizeof(struct mesos_module), .host_size = sizeof(struct mesos_host), \
        .ops_size = sizeof(ops_), .kind = (kind_), .instance_size = 8, .name = (name_), .version = "1", .author = "tests", \
        .summary = (summary_), .start = (start_), .ops = &(ops_) \
    }

/* A host that finds the modules of the build tree; its module_path is not looked at. */
struct host *stage_host(struct host_options options);
/* So much virtual time passes. */
void stage_pass(struct loop *loop, int64_t ms);
/* Stops every module, and waits for it; host_free follows. */
void stage_stop(struct host *host);

#endif
