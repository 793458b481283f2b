/* SPDX-License-Identifier: Apache-2.0 */
/* RecordIO framing: decimal byte count, newline, that many bytes, repeated. */
#ifndef WIRE_RECORDIO_H
#define WIRE_RECORDIO_H

#include "base/buf.h"

void recordio_write(struct buf *out, struct str record);
/* Takes one record off the front of in: 1 and *ret (borrowed until in changes: consume *ret_used bytes after use),
 * 0 when more bytes are needed, -EINVAL or -EFBIG (beyond LIMIT_MESSAGE_BYTES) with err. */
int recordio_read(const struct buf *in, struct str *ret, size_t *ret_used, struct err *err);

#endif
