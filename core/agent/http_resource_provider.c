/* SPDX-License-Identifier: Apache-2.0 */
/* POST /api/v1/resource_provider: where providers of resources subscribe. Refused by name: they are not built yet. */
#include "agent/state.h"

void
http_resource_provider(struct http_exchange *exchange, void *arg)
{
    http_reply_text(exchange, 501, "Not built yet: resource providers");
}
