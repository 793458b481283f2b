/* SPDX-License-Identifier: Apache-2.0 */
/* Texts to values: file://, the types of Mesos's flags, bounds and choices. Every error names the value and a
 * right one. */
#include "conf/set.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <jansson.h>

#include "base/file.h"
#include "base/units.h"

const char *
conf_file_of(const struct option *option, const char *value)
{
    if (strncmp(value, "file://", 7) == 0)
        return value + 7;
    if (option->type == OPTION_JSON && value[0] == '/')
        return value;
    return NULL;
}

int
conf_fetch(struct option_set *set, const struct option *option, const char *value, const char **ret_text,
           struct err *err)
{
    const char *path = conf_file_of(option, value);
    auto_buf struct buf content = {0};
    int status;

    if (option->type == OPTION_PATH && path) {
        *ret_text = conf_keep(set, path);
        return 0;
    }
    if (!path) {
        *ret_text = conf_keep(set, value);
        return 0;
    }
    status = file_read(path, CONF_MAX_FILE_BYTES, &content, err);
    if (status < 0 && path[0] != '/')
        return err_set(err, status, "'%s': there is no file '%s' here: a whole path has three slashes, as in file:///%s", value,
                       path, path);
    if (status < 0)
        return err_wrap(err, "'%s'", value);
    if (str_find(buf_str(&content), '\0') >= 0)
        return err_set(err, -EINVAL, "'%s': the file has a NUL byte in it: not text", value);
    *ret_text = arena_strdup(set->arena, str_trim(buf_str(&content)));
    return 0;
}

static int
parse_bool(const char *text, union conf_parsed *ret, struct err *err)
{
    if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
        ret->flag = true;
    else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
        ret->flag = false;
    else
        return err_set(err, -EINVAL, "'%s' is no boolean: write true or false", text);
    return 0;
}

static int
parse_int(const char *text, union conf_parsed *ret, struct err *err)
{
    int status = str_to_i64(str_of(text), &ret->number);

    if (status == -ERANGE)
        return err_set(err, status, "'%s' is out of range for an integer", text);
    if (status < 0)
        return err_set(err, status, "'%s' is no integer: write digits only, e.g. 100", text);
    return 0;
}

static int
parse_double(const char *text, union conf_parsed *ret, struct err *err)
{
    int status = str_to_double(str_of(text), &ret->real);

    if (status < 0)
        return err_set(err, status, "'%s' is no number: write e.g. 0.5", text);
    return 0;
}

/* What is wrong with it, without what may be long or secret. */
static int
refuse_json(const struct option *option, const char *text, const json_error_t *why, struct err *err)
{
    bool shown = !option->secret && !option->shown && strlen(text) <= 80 && !strchr(text, '\n');

    return err_set(err, -EINVAL, "%s%s%s is no JSON object or array: line %d, column %d: %s", shown ? "'" : "",
                   shown ? text : "the text", shown ? "'" : "", why->line, why->column, option->secret ? "syntax" : why->text);
}

static int
parse_json(const struct option *option, const char *text, union conf_parsed *ret, struct err *err)
{
    json_error_t why;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &why);

    if (!json)
        return refuse_json(option, text, &why, err);
    json_decref(json);
    ret->text = text;
    return 0;
}

static int
parse_type(const struct option *option, const char *text, union conf_parsed *ret, struct err *err)
{
    switch (option->type) {
    case OPTION_STRING:
    case OPTION_PATH:
        ret->text = text;
        return 0;
    case OPTION_BOOL:
        return parse_bool(text, ret, err);
    case OPTION_INT:
        return parse_int(text, ret, err);
    case OPTION_DOUBLE:
        return parse_double(text, ret, err);
    case OPTION_DURATION:
        return duration_parse(str_of(text), &ret->number, err);
    case OPTION_BYTES:
        return bytes_parse(str_of(text), &ret->bytes, err);
    case OPTION_JSON:
        return parse_json(option, text, ret, err);
    }
    return err_set(err, -EINVAL, "unknown type");
}

static int
compare(enum option_type type, const union conf_parsed *a, const union conf_parsed *b)
{
    if (type == OPTION_DOUBLE)
        return (a->real > b->real) - (a->real < b->real);
    if (type == OPTION_BYTES)
        return (a->bytes > b->bytes) - (a->bytes < b->bytes);
    return (a->number > b->number) - (a->number < b->number);
}

static int
check_bounds(const struct option *option, const char *text, const union conf_parsed *value, struct err *err)
{
    union conf_parsed bound = {0};

    if (option->min && parse_type(option, option->min, &bound, NULL) == 0 &&
        compare(option->type, value, &bound) < 0)
        return err_set(err, -ERANGE, "'%s' is too small: the least is %s", text, option->min);
    if (option->max && parse_type(option, option->max, &bound, NULL) == 0 &&
        compare(option->type, value, &bound) > 0)
        return err_set(err, -ERANGE, "'%s' is too large: the most is %s", text, option->max);
    return 0;
}

static int
check_choices(const struct option *option, const char *text, struct err *err)
{
    struct str rest = str_of(option->choices);

    while (rest.len > 0) {
        struct str choice = str_cut(&rest, '|');

        if (str_is(choice, text))
            return 0;
    }
    return err_set(err, -EINVAL, "'%s' is none of %s", text, option->choices);
}

int
conf_parse(const struct option *option, const char *text, union conf_parsed *ret, struct err *err)
{
    int status = parse_type(option, text, ret, err);

    if (status == 0)
        status = check_bounds(option, text, ret, err);
    if (status == 0 && option->choices)
        status = check_choices(option, text, err);
    return status;
}

const char *
conf_normalise(struct option_set *set, const struct option *option, const char *text,
               const union conf_parsed *parsed)
{
    char formatted[32];

    if (option->type == OPTION_BOOL)
        return parsed->flag ? "true" : "false";
    if (option->type == OPTION_DURATION)
        return conf_keep(set, duration_format(parsed->number, formatted));
    if (option->type == OPTION_BYTES)
        return conf_keep(set, bytes_format(parsed->bytes, formatted));
    return text;
}

void
conf_store(const struct option *option, const union conf_parsed *parsed, void *target)
{
    if (option->offset == SIZE_MAX)
        return;
    char *at = (char *)target + option->offset;
    switch (option->type) {
    case OPTION_STRING:
    case OPTION_PATH:
    case OPTION_JSON:
        memcpy(at, &parsed->text, sizeof(parsed->text));
        return;
    case OPTION_BOOL:
        memcpy(at, &parsed->flag, sizeof(parsed->flag));
        return;
    case OPTION_INT:
    case OPTION_DURATION:
        memcpy(at, &parsed->number, sizeof(parsed->number));
        return;
    case OPTION_DOUBLE:
        memcpy(at, &parsed->real, sizeof(parsed->real));
        return;
    case OPTION_BYTES:
        memcpy(at, &parsed->bytes, sizeof(parsed->bytes));
        return;
    }
}
