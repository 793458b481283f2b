/* SPDX-License-Identifier: Apache-2.0 */
/* RecordIO framing, one record at a time. */
#include "wire/recordio.h"

#include <errno.h>

#include "wire/limits.h"

enum { LENGTH_DIGITS_MAX = 20 };

void
recordio_write(struct buf *out, struct str record)
{
    buf_printf(out, "%zu\n", record.len);
    buf_append_str(out, record);
}

int
recordio_read(const struct buf *in, struct str *ret, size_t *ret_used, struct err *err)
{
    struct str bytes = buf_str(in);
    size_t digits = 0;
    uint64_t len = 0;
    while (digits < bytes.len && bytes.ptr[digits] >= '0' && bytes.ptr[digits] <= '9') {
        len = len * 10 + (uint64_t)(bytes.ptr[digits++] - '0');
        if (len > LIMIT_MESSAGE_BYTES)
            return err_set(err, -EFBIG, "a record of %.*s... bytes is larger than the %d that are allowed",
                           (int)digits, bytes.ptr, (int)LIMIT_MESSAGE_BYTES);
        if (digits > LENGTH_DIGITS_MAX)
            return err_set(err, -EINVAL, "the length of a record has more than %d digits", LENGTH_DIGITS_MAX);
    }
    if (digits == bytes.len)
        return 0;
    if (!digits || bytes.ptr[digits] != '\n')
        return err_set(err, -EINVAL,
                       "a record must begin with its length in decimal and a newline, not with byte 0x%02x",
                       (unsigned)(unsigned char)bytes.ptr[digits]);
    if (bytes.len - digits - 1 < len)
        return 0;
    *ret = str_n(bytes.ptr + digits + 1, (size_t)len);
    *ret_used = digits + 1 + (size_t)len;
    return 1;
}
