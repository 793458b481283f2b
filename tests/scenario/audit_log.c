/* SPDX-License-Identifier: Apache-2.0 */
/* See audit_log.h. */
#include "audit_log.h"

#include <unistd.h>

#include "base/file.h"
#include "lone_master.h"

int
audit_begin(void **state)
{
    char *path = xstrdup("/tmp/cmesos-audit-XXXXXX");
    int fd = mkstemp(path);
    audit_path = *state = path;
    return fd < 0 ? -1 : close(fd);
}

int
audit_end(void **state)
{
    audit_path = NULL;
    unlink(*state);
    free(*state);
    return 0;
}

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
audit_expect_login_failed(const char *path, const char *const *members)
{
    auto_buf struct buf text = {0};
    if (audit_lines(audit_text(&text, path), "login-failed", "") != 1)
        fail_msg("there is not one line: %s", buf_cstr(&text));
    for (size_t i = 0; members[i]; i++)
        if (!audit_lines(buf_cstr(&text), "login-failed", members[i]))
            fail_msg("no %s: %s", members[i], buf_cstr(&text));
    audit_empty(path);
}

void
audit_empty(const char *path)
{
    assert_int_equal(truncate(path, 0), 0);
}
