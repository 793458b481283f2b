/* SPDX-License-Identifier: Apache-2.0 */
/* What a lone master wrote into its audit log: for the scenarios of who may do what. */
#ifndef SCENARIO_AUDIT_LOG_H
#define SCENARIO_AUDIT_LOG_H

#include <stddef.h>

#include "base/buf.h"

/* Before a test, and after it however it ends: the masters of its worlds write into a file of their own, whose path is *state. */
int audit_begin(void **state);
int audit_end(void **state);
/* All of it, in text. */
const char *audit_text(struct buf *text, const char *path);
/* It says only what comes from here on. */
void audit_empty(const char *path);
/* How many lines are of that event and have that in them. */
size_t audit_lines(const char *text, const char *event, const char *more);
/* There is one write, of that call, with the outcome that belongs to what was answered; or the test fails. */
void audit_expect_write(const char *text, const char *writes, int status);
/* Since it was empty one login has failed, and its line has all of them in it (NULL at their end); or the test fails. It is empty
 * then. */
void audit_expect_login_failed(const char *path, const char *const *members);

#endif
