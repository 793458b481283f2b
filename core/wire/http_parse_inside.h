/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the parser of HTTP: what http_head.c reads for http_parse.c. For nobody else. */
#ifndef WIRE_HTTP_PARSE_INSIDE_H
#define WIRE_HTTP_PARSE_INSIDE_H

#include "wire/http_parse.h"

/* Reads a whole head, text, into parser->head; strings point into text, the list of headers is in the arena. NULL, or why it is
 * refused: a literal. parser->status is then the answer's status, and stays as it was where no other than 400 fits. */
const char *http_head_lines(struct http_parser *parser, struct str text, struct arena *arena);
/* One line "name: value", a trailer's too, without its end. NULL, or why it is refused. */
const char *http_header_line(struct str line, struct http_header *ret);
/* Cuts one line off text; a bare LF ends it too, as every server reads it. */
struct str http_next_line(struct str *text);
/* Has it no control characters? A tab is none. */
bool http_printable(struct str text);

#endif
