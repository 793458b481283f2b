/* SPDX-License-Identifier: Apache-2.0 */
/* Owns how things look. Knows nothing of clusters. */
#include "cli/term.h"

#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { LEAST_CELL = 8, NARROW_CELL = 3, MOST_CELL_BYTES = 4096 };

/* The character at the front of text and its length in *ret_len; -1 (length 1) when it is no UTF-8. */
static int32_t
decode(struct str text, size_t *ret_len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)text.ptr;
    size_t len = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
    uint32_t c = len == 1 ? p[0] : len ? p[0] & (0x7fu >> len) : 0;

    *ret_len = 1;
    if (len == 0 || len > text.len)
        return -1;
    for (size_t i = 1; i < len; i++) {
        if (p[i] >> 6 != 2)
            return -1;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return -1;
    *ret_len = len;
    return (int32_t)c;
}

/* What a terminal would obey or be misled by. */
static bool
is_harmful(int32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static void
escape(struct buf *out, struct str text, bool keep_lines)
{
    while (text.len > 0) {
        size_t len;
        int32_t c = decode(text, &len);

        if (c >= 0 && (!is_harmful(c) || (keep_lines && (c == '\n' || c == '\t'))))
            buf_append(out, text.ptr, len);
        else if (c == '\n')
            buf_puts(out, "\\n");
        else if (c == '\t')
            buf_puts(out, "\\t");
        else if (c < 0x80)
            buf_printf(out, "\\x%02x", (unsigned char)text.ptr[0]);
        else
            buf_printf(out, "\\u%04x", (unsigned)c);
        text = str_n(text.ptr + len, text.len - len);
    }
}

void
term_escape(struct buf *out, struct str text)
{
    escape(out, text, false);
}

void
term_write(FILE *to, struct str text)
{
    auto_buf struct buf safe = {0};

    if (isatty(fileno(to))) {
        escape(&safe, text, true);
        text = buf_str(&safe);
    }
    fwrite(text.ptr, 1, text.len, to);
}

size_t
term_width(void)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    uint64_t given;

    if (!isatty(STDOUT_FILENO))
        return 0;
    if (columns && str_to_u64(str_of(columns), &given) == 0 && given > 0 && given < 10000)
        return (size_t)given;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

bool
term_colors(FILE *to)
{
    const char *term = getenv("TERM"), *none = getenv("NO_COLOR");

    return isatty(fileno(to)) && !(none && *none) && term && *term && strcmp(term, "dumb") != 0;
}

/* The encoder has escaped what is below a space; the rest of what terminals obey is escaped as JSON does it. */
void
term_write_json(struct str text)
{
    while (text.len > 0) {
        size_t len;
        int32_t c = decode(text, &len);

        if (c >= 0x7f && is_harmful(c))
            printf("\\u%04x", (unsigned)c);
        else
            fwrite(text.ptr, 1, len, stdout);
        text = str_n(text.ptr + len, text.len - len);
    }
}

void
term_table_init(struct term_table *table, const char *const *titles, size_t columns)
{
    *table = (struct term_table){.titles = titles, .columns = columns};
}

void
term_table_add(struct term_table *table, const char *const *cells)
{
    if (table->count + table->columns > table->cap) {
        table->cap = table->cap ? 2 * table->cap : 64 * table->columns;
        table->cells = xreallocarray(table->cells, table->cap, sizeof(char *));
    }
    for (size_t c = 0; c < table->columns; c++) {
        struct str text = str_of(cells[c]);
        auto_buf struct buf safe = {0};

        term_escape(&safe, str_n(text.ptr, text.len < MOST_CELL_BYTES ? text.len : MOST_CELL_BYTES));
        table->cells[table->count++] = xstrdup(safe.len ? buf_cstr(&safe) : "-");
    }
}

void
term_table_fini(struct term_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    table->cells = NULL;
    table->count = 0;
}

static size_t
char_width(int32_t c)
{
    int width = c < 0 ? 1 : wcwidth((wchar_t)c);

    return width < 0 ? 1 : (size_t)width;
}

static size_t
text_width(const char *text)
{
    struct str rest = str_of(text);
    size_t width = 0, len;

    while (rest.len > 0) {
        width += char_width(decode(rest, &len));
        rest = str_n(rest.ptr + len, rest.len - len);
    }
    return width;
}

/* A cell in `width` columns: what is too long ends with an ellipsis. pad: blanks up to the width. */
static void
print_cell(const char *text, size_t width, bool pad)
{
    struct str rest = str_of(text);
    size_t used = 0, len, whole = text_width(text);

    while (rest.len > 0) {
        size_t next = char_width(decode(rest, &len));

        if (whole > width && used + next > width - 1)
            break;
        fwrite(rest.ptr, 1, len, stdout);
        used += next;
        rest = str_n(rest.ptr + len, rest.len - len);
    }
    if (whole > width) {
        fputs("\u2026", stdout);
        used++;
    }
    for (; pad && used < width; used++)
        putchar(' ');
}

/* Takes columns from the widest until the table fits; the first one (the id) gives way last. */
static void
fit(size_t *widths, size_t columns, size_t room, size_t least)
{
    for (;;) {
        size_t total = 2 * (columns - 1), widest = 0;

        for (size_t c = 0; c < columns; c++) {
            total += widths[c];
            if (c > 0 && (widest == 0 || widths[c] > widths[widest]))
                widest = c;
        }
        if (columns == 1 || widths[widest] <= least)
            widest = 0;
        if (total <= room || widths[widest] <= least)
            return;
        widths[widest]--;
    }
}

static void
print_row(const char *const *cells, const size_t *widths, size_t columns)
{
    for (size_t c = 0; c < columns; c++) {
        print_cell(cells[c], widths[c], c + 1 < columns);
        fputs(c + 1 < columns ? "  " : "\n", stdout);
    }
}

void
term_table_print(const struct term_table *table)
{
    size_t widths[TERM_COLUMNS], room = term_width();
    bool bold = term_colors(stdout);

    for (size_t c = 0; c < table->columns; c++) {
        widths[c] = text_width(table->titles[c]);
        for (size_t i = c; i < table->count; i += table->columns)
            if (text_width(table->cells[i]) > widths[c])
                widths[c] = text_width(table->cells[i]);
    }
    if (room > 0) {
        fit(widths, table->columns, room, LEAST_CELL);
        fit(widths, table->columns, room, NARROW_CELL);
    }
    if (bold)
        fputs("\033[1m", stdout);
    print_row(table->titles, widths, table->columns);
    if (bold)
        fputs("\033[0m", stdout);
    for (size_t i = 0; i < table->count; i += table->columns)
        print_row((const char *const *)table->cells + i, widths, table->columns);
}

void
term_progress(struct term_progress *progress, const char *fmt, ...)
{
    auto_buf struct buf safe = {0};
    auto_free char *text = NULL;
    va_list ap;

    if (!isatty(STDERR_FILENO))
        return;
    va_start(ap, fmt);
    text = xvasprintf(fmt, ap);
    va_end(ap);
    term_escape(&safe, str_of(text));
    fflush(stdout);
    fprintf(stderr, "\r\033[K%.*s", (int)(safe.len < 78 ? safe.len : 78), buf_cstr(&safe));
    fflush(stderr);
    progress->shown = true;
}

void
term_progress_end(struct term_progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}
