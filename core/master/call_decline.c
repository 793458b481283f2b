/* SPDX-License-Identifier: Apache-2.0 */
/* DECLINE: offers go back with a filter. Ids that are not (or no longer) offers of this framework are passed
 * over. */
#include "base/log.h"
#include "master/calls.h"

int
call_decline(struct framework *framework, const Mesos__V1__Scheduler__Call *call, struct arena *arena,
             struct err *err)
{
    const Mesos__V1__Scheduler__Call__Decline *decline = call->decline;
    double secs = filter_secs(decline->filters);
    (void)arena;
    (void)err;
    metric_inc(framework->master->m.messages_decline_offers);
    for (size_t i = 0; i < decline->n_offer_ids; i++) {
        struct offer *offer = offer_find(framework->master, decline->offer_ids[i]->value);
        if (!offer || offer->framework != framework) {
            log_warning("decline framework=%s of an offer that is gone offer=%s", framework->id,
                        decline->offer_ids[i]->value);
            continue;
        }
        if (framework->metrics)
            metric_inc(framework->metrics->offers_declined);
        offer_discard(offer, secs);
    }
    return 202;
}
