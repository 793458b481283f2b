/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people see: tables, progress, and text of the cluster made harmless. Names and messages come from frameworks that
 * nobody here trusts: no control character of theirs reaches a terminal.
 */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <jansson.h>
#include <stdio.h>

#include "base/buf.h"

/* Appends text with control characters (C0, DEL, C1), direction overrides and bytes that are no UTF-8 as \xNN or
 * \uNNNN. One line stays one line. */
void term_escape(struct buf *out, struct str text);
/* Writes text to a stream: escaped (with lines kept) when it is a terminal, else as it is. */
void term_write(FILE *to, struct str text);
/* Columns of the terminal that stdout is (COLUMNS wins); 0 when it is none. */
size_t term_width(void);
/* May colours be used on it? A terminal, not TERM=dumb, and no NO_COLOR. */
bool term_colors(FILE *to);
/* Encoded JSON text to stdout, with what a terminal would obey as \uNNNN. */
void term_write_json(struct str text);
/* term_json.c: JSON on stdout, one line when compact, else indented; safe for a terminal in both. */
void term_print_json(const json_t *value, bool compact);

enum { TERM_COLUMNS = 12 };
/* Rows are copied. On a terminal that is too narrow the widest columns are cut, never the first one before them. */
struct term_table {
    const char *const *titles;
    size_t columns;
    char **cells; /* columns of them per row, escaped already */
    size_t count, cap; /* of cells */
};
void term_table_init(struct term_table *table, const char *const *titles, size_t columns);
void term_table_add(struct term_table *table, const char *const *cells);
void term_table_print(const struct term_table *table);
void term_table_fini(struct term_table *table);
#define auto_table __attribute__((cleanup(term_table_fini)))

/* One line on stderr that replaces the one before, when stderr is a terminal; else nothing. Whoever began it takes it away
 * before anything else is printed. */
struct term_progress {
    bool shown;
};
void term_progress(struct term_progress *progress, const char *fmt, ...) PRINTF_LIKE(2, 3);
void term_progress_end(struct term_progress *progress);
#define auto_progress __attribute__((cleanup(term_progress_end)))

#endif
