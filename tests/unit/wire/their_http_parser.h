/* SPDX-License-Identifier: Apache-2.0 */
/* Debian's libhttp-parser, kept in a file of its own because its names are ours too. */
#ifndef THEIR_HTTP_PARSER_H
#define THEIR_HTTP_PARSER_H

#include "base/buf.h"

/* Appends what the other parser makes of the bytes, in the words of test_http_parse.c; "refused" at the end when it
 * does not go on. */
void their_result(struct str input, bool response, bool eof, struct buf *ret);

#endif
