/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What checks a SCRAM-SHA-256 proof (RFC 5802), made from a secret once: Cyrus SASL would make it from the plain secret in each
 * conversation, which takes milliseconds of the loop for whoever says a name.
 */
#ifndef MODULES_COMMON_SCRAM_KEYS_H
#define MODULES_COMMON_SCRAM_KEYS_H

#include "base/buf.h"
#include "base/map.h"
#include "common/credentials.h"

/* Of one set of credentials. Zero-initialised is empty. */
struct scram_keys {
    struct map by_principal;
    bool seeded;
    unsigned char seed[32]; /* what salts are made from, of principals that there are and of others */
};

/* As RFC 5803 writes it, borrowed until the set is forgotten; NULL: this secret cannot be prepared (it is not plain ASCII). */
const char *scram_keys_of(struct scram_keys *keys, const struct credential *credential);
/* What somebody is measured by who is no principal of the set: of the same form, with a salt that stays the same as long as those of
 * principals do, and with keys that nobody has the secret for. Serves as a plain secret, too. -errno: there are no random numbers. */
int scram_keys_decoy(struct scram_keys *keys, struct str name, struct buf *out);
/* The credentials are others now. What it held is wiped. */
void scram_keys_forget(struct scram_keys *keys);

#endif
