/* SPDX-License-Identifier: Apache-2.0 */
/* The names of isolator modules behind --isolation. */
#ifndef AGENT_ISOLATION_H
#define AGENT_ISOLATION_H

#include "base/str.h"

/* isolation: the option's value, names with ','. Answer: each module's name once, with ',' between; the caller's. Aliases and
 * what a name brings with it as in Mesos (the table of isolators says which). */
char *isolation_names(const char *isolation);
/* The same, with those that are always there. */
char *isolation_modules(const char *isolation);
/* Whether it gives containers networks: there can be one of these. */
bool isolation_is_network(struct str name);
/* After a module of these could not be had: says so when one was left out when this program was built. */
void isolation_explain(const char *modules, struct err *err);

#endif
