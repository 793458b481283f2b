/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a peer is, as an authenticator found out. A principal has a value (a name), or claims (what a token says of its
 * bearer), or both. NULL where a pointer to one is wanted means: nobody proved who they are. It has the parts of Mesos's
 * mesos.authorization.Subject (tests/facts/wire), so that an authorizer can ask everything that one of Mesos can.
 */
#ifndef MESOS_PRINCIPAL_H
#define MESOS_PRINCIPAL_H

#include "mesos/module.h"

struct mesos_claim {
    const char *key, *value;
};

/* Borrowed for the call that gets it; the core copies what it keeps. */
struct mesos_principal {
    size_t size;
    const char *value; /* NULL: only claims are known, as of an executor's token */
    const struct mesos_claim *claims;
    size_t claim_count;
};

#endif
