/* SPDX-License-Identifier: Apache-2.0 */
/* Fills and wraps struct err. Everybody calls it; it must never log. */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int
err_set(struct err *err, int code, const char *fmt, ...)
{
    if (err) {
        /* By way of a second buffer: arguments may point into the text that is replaced. */
        char text[sizeof(err->text)];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        err->code = code;
        memcpy(err->text, text, strlen(text) + 1);
    }
    return code;
}

int
err_wrap(struct err *err, const char *fmt, ...)
{
    if (!err)
        return -EIO;
    char prefix[sizeof(err->text)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(prefix, sizeof(prefix) - 2, fmt, ap);
    va_end(ap);
    size_t used = strlen(prefix), room = sizeof(err->text) - 1 - used - 2, old = strlen(err->text);
    old = old < room ? old : room;
    memmove(err->text + used + 2, err->text, old);
    memcpy(err->text, prefix, used);
    memcpy(err->text + used, ": ", 2);
    err->text[used + 2 + old] = '\0';
    return err->code;
}

int
err_errno(struct err *err, const char *fmt, ...)
{
    int code = errno ? -errno : -EIO;
    if (err) {
        char text[sizeof(err->text)];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        size_t used = strlen(text);
        if (used < sizeof(text) - 1) {
            char reason[128];
            snprintf(text + used, sizeof(text) - used, ": %s", strerror_r(-code, reason, sizeof(reason)));
        }
        err->code = code;
        memcpy(err->text, text, strlen(text) + 1);
    }
    return code;
}
