/* SPDX-License-Identifier: Apache-2.0 */
/* authenticator "cram_md5" (Mesos: crammd5): checks peers by CRAM-MD5, as every Mesos does. */
#include "common/sasl_authenticator.h"

SASL_AUTHENTICATOR_MODULE("cram_md5", "CRAM-MD5", "CRAM-MD5 on Cyrus SASL, as every Mesos speaks it");
