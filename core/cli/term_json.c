/* SPDX-License-Identifier: Apache-2.0 */
/* JSON on stdout: numbers as short as they can be, members in their order, nothing in it that a terminal obeys. */
#include "cli/term.h"

enum { MOST_DEPTH = 2048 }; /* as deep as it is read */

struct printer {
    bool compact;
    unsigned depth;
};

static void print_value(struct printer *p, const json_t *value);

/* The fewest digits that read back the same. */
static void
print_real(double value)
{
    char text[40];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, stdout);
    if (!strpbrk(text, ".eni"))
        fputs(".0", stdout);
}

static void
new_line(const struct printer *p)
{
    if (p->compact)
        return;
    putchar('\n');
    for (unsigned i = 0; i < p->depth; i++)
        fputs("  ", stdout);
}

static void
print_string(const char *text, size_t len)
{
    json_t *string = json_stringn_nocheck(text, len);
    auto_free char *encoded = json_dumps(string, JSON_ENCODE_ANY);

    term_write_json(str_of(encoded ? encoded : "null"));
    json_decref(string);
}

static void
print_array(struct printer *p, const json_t *array)
{
    json_t *item;
    size_t i;

    putchar('[');
    p->depth++;
    json_array_foreach(array, i, item)
    {
        if (i > 0)
            putchar(',');
        new_line(p);
        print_value(p, item);
    }
    p->depth--;
    if (json_array_size(array) > 0)
        new_line(p);
    putchar(']');
}

static void
print_object(struct printer *p, json_t *object)
{
    bool first = true;
    const char *key;
    json_t *item;

    putchar('{');
    p->depth++;
    json_object_foreach(object, key, item)
    {
        if (!first)
            putchar(',');
        first = false;
        new_line(p);
        print_string(key, strlen(key));
        fputs(p->compact ? ":" : ": ", stdout);
        print_value(p, item);
    }
    p->depth--;
    if (!first)
        new_line(p);
    putchar('}');
}

static void
print_value(struct printer *p, const json_t *value)
{
    switch (value && p->depth < MOST_DEPTH ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT:
        print_object(p, (json_t *)(uintptr_t)value);
        break;
    case JSON_ARRAY:
        print_array(p, value);
        break;
    case JSON_STRING:
        print_string(json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        print_real(json_real_value(value));
        break;
    case JSON_TRUE:
        fputs("true", stdout);
        break;
    case JSON_FALSE:
        fputs("false", stdout);
        break;
    case JSON_NULL:
        fputs("null", stdout);
        break;
    }
}

void
term_print_json(const json_t *value, bool compact)
{
    struct printer printer = {.compact = compact};

    print_value(&printer, value);
    putchar('\n');
}
