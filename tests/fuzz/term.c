/* SPDX-License-Identifier: Apache-2.0 */
/* Text of the cluster on its way to a terminal: no control byte is left, and what is escaped once stays as it is. */
#include "cli/term.h"
#include "fuzz/fuzz.h"

static void
check_harmless(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        must(c >= 0x20 && c != 0x7f);
        must(!(c == 0xc2 && i + 1 < text.len && (unsigned char)text.ptr[i + 1] < 0xa0)); /* C1 */
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_buf struct buf once = {0}, twice = {0};

    term_escape(&once, str_n(data, size));
    check_harmless(buf_str(&once));
    term_escape(&twice, buf_str(&once));
    must(str_eq(buf_str(&once), buf_str(&twice)));
    return 0;
}
