/* SPDX-License-Identifier: Apache-2.0 */
/* See audit_log.h. */
#include "audit_log.h"

#include <unistd.h>

#include "base/file.h"
#include "lone_master.h"

const char *
audit_text(struct buf *text, const char *path)
{
    buf_clear(text);
    assert_int_equal(file_read(path, 1 << 20, text, NULL), 0);
    return buf_cstr(text);
}

size_t
audit_lines(const char *text, const char *event, const char *more)
{
    auto_free char *wanted = xasprintf("\"event\":\"%s\"", event);
    size_t count = 0;
    for (struct str rest = str_of(text), line; rest.len;) {
        line = str_cut(&rest, '\n');
        count += memmem(line.ptr, line.len, wanted, strlen(wanted)) && memmem(line.ptr, line.len, more, strlen(more));
    }
    return count;
}

void
audit_expect_write(const char *text, const char *writes, int status)
{
    auto_free char *action = xasprintf("\"action\":\"%s\"", writes);
    const char *outcome = status == 200 ? "\"outcome\":\"done\"" : status == 501 ? "\"outcome\":\"not built yet\"" : "\"outcome\":\"";
    if (audit_lines(text, "write", "") != 1 || audit_lines(text, "write", action) != 1 || audit_lines(text, "write", outcome) != 1 ||
        audit_lines(text, "write", "\"peer\":\"") != 1 || (status != 200 && strstr(text, "\"done\"")))
        fail_msg("%s, answered with %d: %s", writes, status, text);
}

void
audit_empty(const char *path)
{
    assert_int_equal(truncate(path, 0), 0);
}
