/* SPDX-License-Identifier: Apache-2.0 */
/* See switchboard.h. */
#include "agent/switchboard.h"

#include <errno.h>
#include <string.h>

void
switchboard_send(struct stream *stream, uint32_t kind, const void *bytes, size_t len)
{
    struct mesos_io_frame head = {kind, (uint32_t)len};
    stream_write(stream, &head, sizeof(head));
    if (len)
        stream_write(stream, bytes, len);
}

void
switchboard_attach(struct stream *stream, enum mesos_io_role role)
{
    unsigned char byte = (unsigned char)role;
    switchboard_send(stream, MESOS_IO_ATTACH, &byte, 1);
}

int
switchboard_take(struct buf *in, struct mesos_io_frame *ret_head, struct str *ret_bytes)
{
    if (in->len < sizeof(*ret_head))
        return 0;
    memcpy(ret_head, buf_data(in), sizeof(*ret_head));
    if (ret_head->len > MESOS_IO_MAX)
        return -EPROTO;
    if (in->len - sizeof(*ret_head) < ret_head->len)
        return 0;
    *ret_bytes = str_n(buf_data(in) + sizeof(*ret_head), ret_head->len);
    return 1;
}
