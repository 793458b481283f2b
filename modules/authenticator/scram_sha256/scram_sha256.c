/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticator "scram_sha256": checks peers by SCRAM-SHA-256, where both sides are ours.
 * Both sides prove that they know the secret.
 */
#include "common/sasl_authenticator.h"

SASL_AUTHENTICATOR_MODULE("scram_sha256", "SCRAM-SHA-256", "SCRAM-SHA-256 on Cyrus SASL, where both sides are ours");
