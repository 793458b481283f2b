/* SPDX-License-Identifier: Apache-2.0 */
/* ACCEPT_INVERSE_OFFERS and DECLINE_INVERSE_OFFERS: the answer is noted for operators, and the filter says when the framework
 * is asked again. Ids that are not (or no longer) inverse offers of this framework are passed over. */
#include "base/log.h"
#include "master/calls.h"
#include "master/inverse_offers.h"

static int
answer(struct framework *framework, Mesos__V1__OfferID *const *ids, size_t count, const Mesos__V1__Filters *filters,
       bool accepted)
{
    const char *what = accepted ? "accept_inverse_offers" : "decline_inverse_offers";
    if (count == 0)
        log_warning("drop %s framework=%s: no inverse offers are named", what, framework->id);
    for (size_t i = 0; i < count; i++) {
        struct inverse_offer *offer = inverse_offer_find(framework->master, ids[i]->value);
        if (offer && offer->framework == framework)
            inverse_offer_answer(offer, accepted, filter_secs(filters));
        else
            log_warning("drop %s framework=%s of an inverse offer that is gone offer=%s", what, framework->id,
                        ids[i]->value);
    }
    return 202;
}

int
call_accept_inverse_offers(struct framework *framework, const Mesos__V1__Scheduler__Call *call,
                           struct arena *arena, struct err *err)
{
    const Mesos__V1__Scheduler__Call__AcceptInverseOffers *accept = call->accept_inverse_offers;
    (void)arena;
    (void)err;
    return answer(framework, accept->inverse_offer_ids, accept->n_inverse_offer_ids, accept->filters, true);
}

int
call_decline_inverse_offers(struct framework *framework, const Mesos__V1__Scheduler__Call *call,
                            struct arena *arena, struct err *err)
{
    const Mesos__V1__Scheduler__Call__DeclineInverseOffers *decline = call->decline_inverse_offers;
    (void)arena;
    (void)err;
    return answer(framework, decline->inverse_offer_ids, decline->n_inverse_offer_ids, decline->filters, false);
}
