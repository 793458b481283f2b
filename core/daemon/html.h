/* SPDX-License-Identifier: Apache-2.0 */
/* Texts in pages for browsers: help.c and the master's page. Makes no page itself. */
#ifndef DAEMON_HTML_H
#define DAEMON_HTML_H

#include "base/buf.h"

/* Appends text as it reads, whatever is in it: as content, or as the value of an attribute in quotes of either kind. */
void html_text(struct buf *out, struct str text);

#endif
