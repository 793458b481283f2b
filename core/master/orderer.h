/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gave an order, for the audit log: kept for as long as the order takes, which may be longer than its exchange lives. The
 * line is written before the answer. Used by the orders of operators; what nobody was waiting for is not written.
 */
#ifndef MASTER_ORDERER_H
#define MASTER_ORDERER_H

#include "loop/address.h"

struct master;
struct http_exchange;

/* Zero-initialised is valid: nobody. */
struct orderer {
    bool known;
    char *principal; /* NULL = nobody proved who they are */
    struct address peer;
};

void orderer_init(struct orderer *orderer, const struct http_exchange *exchange);
void orderer_fini(struct orderer *orderer);
/* what: the call; object: an id or a few words, NULL = none; outcome: NULL = done, else why not. */
void orderer_audit(const struct orderer *orderer, struct master *master, const char *what, const char *object,
                   const char *outcome);
/* For orders that are carried out at once. */
void audit_order(struct master *master, const struct http_exchange *exchange, const char *what, const char *object,
                 const char *outcome);

#endif
