/* SPDX-License-Identifier: Apache-2.0 */
/* Whose certificate it is: by name (alternative names, or the common name where there are none) or by address. */
#include <openssl/x509v3.h>

#include "loop/tls/tls.h"

bool
tls_names(X509 *certificate, const char *name, const char *ip)
{
    if (!certificate)
        return false;
    if (name && X509_check_host(certificate, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1)
        return true;
    return ip && X509_check_ip_asc(certificate, ip, 0) == 1;
}
