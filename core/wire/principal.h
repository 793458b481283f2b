/* SPDX-License-Identifier: Apache-2.0 */
/* Principals that are kept for longer than the call that brought them, and whether two are the same. NULL is nobody. */
#ifndef WIRE_PRINCIPAL_H
#define WIRE_PRINCIPAL_H

#include "base/arena.h"
#include "mesos/principal.h"

struct mesos_principal *principal_copy(const struct mesos_principal *principal, struct arena *arena);
/* The same value and the same claims in the same order: no authenticator can have meant another peer, and no rule can tell them
 * apart. */
bool principal_same(const struct mesos_principal *a, const struct mesos_principal *b);

#endif
