/* SPDX-License-Identifier: Apache-2.0 */
/* authenticatee "cram_md5" (Mesos: crammd5): proves who we are by CRAM-MD5, as every Mesos does. */
#include "common/sasl_authenticatee.h"

SASL_AUTHENTICATEE_MODULE("cram_md5", "CRAM-MD5", "CRAM-MD5 on Cyrus SASL, as every Mesos speaks it");
