/* SPDX-License-Identifier: Apache-2.0 */
/* See orderer.h. */
#include "master/orderer.h"

#include "master/state.h"

void
orderer_init(struct orderer *orderer, const struct http_exchange *exchange)
{
    const struct mesos_principal *principal = http_exchange_principal(exchange);
    orderer->known = true;
    orderer->principal = principal && principal->value ? xstrdup(principal->value) : NULL;
    orderer->peer = *http_exchange_peer(exchange);
}

void
orderer_fini(struct orderer *orderer)
{
    free(orderer->principal);
}

void
orderer_audit(const struct orderer *orderer, struct master *master, const char *what, const char *object,
              const char *outcome)
{
    struct mesos_principal principal = {.size = sizeof(principal), .value = orderer->principal};
    if (orderer->known)
        audit_write(master->daemon->audit,
                    (struct audit_who){orderer->principal ? &principal : NULL, &orderer->peer}, what, object, outcome);
}

void
audit_order(struct master *master, const struct http_exchange *exchange, const char *what, const char *object,
            const char *outcome)
{
    audit_write(master->daemon->audit, audit_asker(exchange), what, object, outcome);
}
