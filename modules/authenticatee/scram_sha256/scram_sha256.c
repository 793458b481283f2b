/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticatee "scram_sha256": proves who we are by SCRAM-SHA-256, where both sides are ours.
 * Both sides prove that they know the secret.
 */
#include "common/sasl_authenticatee.h"

SASL_AUTHENTICATEE_MODULE("scram_sha256", "SCRAM-SHA-256", "SCRAM-SHA-256 on Cyrus SASL, where both sides are ours");
