/* SPDX-License-Identifier: Apache-2.0 */
/* One event, one record, one chunk: how anything reaches a scheduler's stream. A stream that is full is cut
 * off by wire. */
#include "master/state.h"
#include "wire/message.h"
#include "wire/recordio.h"

void
stream_send_event(struct master *master, struct http_exchange *stream, bool json,
                  const Mesos__V1__Scheduler__Event *event)
{
    buf_clear(&master->out);
    buf_clear(&master->frame);
    if (json)
        message_to_json(&master->out, event);
    else
        message_pack(&master->out, event);
    recordio_write(&master->frame, buf_str(&master->out));
    http_stream_write(stream, buf_str(&master->frame));
    buf_clear(&master->out);
    buf_clear(&master->frame);
    buf_shrink(&master->out, 1 << 20);
    buf_shrink(&master->frame, 1 << 20);
}
