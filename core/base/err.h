/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One error: a negative errno and one sentence. Functions that can fail return 0 or -E... (or a pointer, NULL on
 * failure) and take `struct err *err` last. Libraries fill it, callers wrap it, only the outermost caller logs it.
 * Every function here accepts err == NULL.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/mem.h"

struct err {
    int code; /* negative errno, 0 when nothing failed */
    char text[1020]; /* one sentence without full stop; names the thing, its value and what would be right */
};

/* Sets code and text; returns code, so that `return err_set(err, -EINVAL, "...")` reads well. */
int err_set(struct err *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Puts "<prefix>: " before the text that is there; returns err->code (or -EIO when err is NULL). */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* err_set with strerror(errno) appended after ": "; code is -errno. */
int err_errno(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
