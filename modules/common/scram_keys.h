/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What checks a SCRAM-SHA-256 proof (RFC 5802), made from a secret once: Cyrus SASL would make it from the plain secret in each
 * conversation, which takes milliseconds of the loop for whoever says a name.
 */
#ifndef MODULES_COMMON_SCRAM_KEYS_H
#define MODULES_COMMON_SCRAM_KEYS_H

#include "base/map.h"
#include "common/credentials.h"

/* Of one set of credentials. Zero-initialised is empty. */
struct scram_keys {
    struct map by_principal;
};

/* As RFC 5803 writes it, borrowed until the set is forgotten; NULL: this secret cannot be prepared (it is not plain ASCII). */
const char *scram_keys_of(struct scram_keys *keys, const struct credential *credential);
/* The credentials are others now. What it held is wiped. */
void scram_keys_forget(struct scram_keys *keys);

#endif
