/* SPDX-License-Identifier: Apache-2.0 */
/* Texts in pages; see html.h. */
#include "daemon/html.h"

static const char *
reference_of(char c)
{
    switch (c) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void
html_text(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char *reference = reference_of(text.ptr[i]);
        if (reference)
            buf_puts(out, reference);
        else
            buf_putc(out, text.ptr[i]);
    }
}
