/* SPDX-License-Identifier: Apache-2.0 */
/* REQUEST: a wish for the allocator, which may ignore it. */
#include "host/kind_allocator.h"
#include "master/calls.h"
#include "wire/message.h"

int
call_request(struct framework *framework, const Mesos__V1__Scheduler__Call *call, struct arena *arena,
             struct err *err)
{
    auto_buf struct buf packed = {0};
    (void)arena;
    (void)err;
    metric_inc(framework->master->m.messages_resource_request);
    message_pack(&packed, call->request);
    allocator_request_resources(framework->master->allocator, framework->number,
                                (struct mesos_bytes){buf_data(&packed), packed.len});
    return 202;
}
