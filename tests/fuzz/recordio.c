/* SPDX-License-Identifier: Apache-2.0 */
/* RecordIO streams, whole and in pieces of a size that the first byte gives: the same records come out. */
#include "base/buf.h"
#include "fuzz/fuzz.h"
#include "wire/recordio.h"

static int
read_all(struct str bytes, size_t piece, struct buf *records)
{
    auto_buf struct buf in = {0};
    struct str record;
    size_t used;
    int got = 0;
    while (bytes.len && got >= 0) {
        size_t n = bytes.len < piece ? bytes.len : piece;
        buf_append(&in, bytes.ptr, n);
        bytes = str_n(bytes.ptr + n, bytes.len - n);
        while ((got = recordio_read(&in, &record, &used, NULL)) == 1) {
            must(used > record.len && used <= in.len);
            recordio_write(records, record);
            buf_consume(&in, used);
        }
    }
    return got;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = str_n(data, size);
    size_t piece = 1 + take_choice(&bytes, 64);
    auto_buf struct buf whole = {0}, pieces = {0};
    int first = read_all(bytes, bytes.len ? bytes.len : 1, &whole), second = read_all(bytes, piece, &pieces);
    must(first == second);
    must(str_eq(buf_str(&whole), buf_str(&pieces)));
    return 0;
}
