/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What CNI plugins answer, of every version from 0.1.0 on: addresses and name servers. Plugins are foreign programs:
 * sizes are capped, addresses must be addresses, and nothing that goes into resolv.conf has a blank or a line end in it.
 */
#ifndef NETWORK_CNI_RESULT_H
#define NETWORK_CNI_RESULT_H

#include <netinet/in.h>
#include "base/buf.h"

#define CNI_RESULT_BYTES_MAX (1u << 20)
#define CNI_ADDRESSES_MAX 64
#define CNI_DNS_MAX 64 /* entries of each kind */

struct cni_address {
    bool v6;
    char text[INET6_ADDRSTRLEN]; /* without the prefix length */
};

struct cni_dns {
    char *nameservers[CNI_DNS_MAX], *search[CNI_DNS_MAX], *options[CNI_DNS_MAX];
    size_t n_nameservers, n_search, n_options;
    char *domain; /* or NULL */
};

struct cni_result {
    struct cni_address addresses[CNI_ADDRESSES_MAX];
    size_t n_addresses;
    struct cni_dns dns;
};

/* Empty text is an empty result. ret is owned by the caller. */
int cni_result_parse(struct str text, struct cni_result *ret, struct err *err);
void cni_result_fini(struct cni_result *result);
/* Foreign text as part of a sentence: at most max bytes, no line ends at its end, nothing that is no UTF-8. */
void cni_quote(struct str text, size_t max, struct buf *out);

/* Appends a copy; false: no room, or not fit for resolv.conf. */
bool cni_dns_add(char **list, size_t *count, const char *text);
bool cni_dns_domain(struct cni_dns *dns, const char *text);
void cni_dns_merge(struct cni_dns *dns, const struct cni_dns *more); /* lists are appended, the last domain wins */
void cni_dns_fini(struct cni_dns *dns);
void cni_dns_print(const struct cni_dns *dns, struct buf *out); /* as resolv.conf */

#endif
