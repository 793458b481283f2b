/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module's options: text from the configuration becomes typed values in the instance, before the module starts.
 * The table was verified before; here only values can be wrong.
 */
#include <errno.h>
#include "base/units.h"
#include "host/internal.h"

#define KEYS_SHOWN_MAX 128

struct strings {
    char **items;
    size_t count;
};

static const char *
keep(struct strings *strings, const char *value)
{
    strings->items = xreallocarray(strings->items, strings->count + 1, sizeof *strings->items);
    return strings->items[strings->count++] = xstrdup(value);
}

static int
parse_bool(const char *value, bool *ret, struct err *err)
{
    if (strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
        *ret = true;
    else if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
        *ret = false;
    else
        return err_set(err, -EINVAL, "'%s' is neither 'true' nor 'false'", value);
    return 0;
}

static int
parse_into(const struct mesos_option *option, const char *value, void *at, struct strings *strings, struct err *err)
{
    const char *text;
    switch (option->type) {
    case MESOS_OPTION_STRING:
    case MESOS_OPTION_PATH:
        text = option->type == MESOS_OPTION_PATH && strncmp(value, "file://", 7) == 0 ? value + 7 : value;
        *(const char **)at = keep(strings, text);
        return 0;
    case MESOS_OPTION_BOOL:
        return parse_bool(value, at, err);
    case MESOS_OPTION_INT:
        if (str_to_i64(str_of(value), at) < 0)
            return err_set(err, -EINVAL, "'%s' is not a whole number", value);
        return 0;
    case MESOS_OPTION_DOUBLE:
        if (str_to_double(str_of(value), at) < 0)
            return err_set(err, -EINVAL, "'%s' is not a number", value);
        return 0;
    case MESOS_OPTION_DURATION:
        return duration_parse(str_of(value), at, err);
    default:
        return bytes_parse(str_of(value), at, err);
    }
}

static const struct mesos_option *
option_find(const struct mesos_option *options, const char *key)
{
    for (; options && options->key; options++) {
        if (strcmp(options->key, key) == 0)
            return options;
    }
    return NULL;
}

static int
unknown_key(const struct candidate *c, const char *key, struct err *err)
{
    const char *keys[KEYS_SHOWN_MAX] = {NULL};
    size_t count = 0;
    for (const struct mesos_option *o = c->descriptor.options; o && o->key && count < KEYS_SHOWN_MAX; o++)
        keys[count++] = o->key;
    const char *near = str_nearest(key, keys, count);
    if (near)
        return err_set(err, -EINVAL, "module '%s' ('%s') has no option '%s'; did you mean '%s'?", c->descriptor.name,
                       c->file, key, near);
    if (count == 0)
        return err_set(err, -EINVAL, "module '%s' ('%s') has no option '%s'; it has none at all", c->descriptor.name,
                       c->file, key);
    return err_set(err, -EINVAL, "module '%s' ('%s') has no option '%s'; the first it knows is '%s'",
                   c->descriptor.name, c->file, key, keys[0]);
}

static int
set(const struct candidate *c, const struct mesos_option *option, const char *value, void *instance,
    struct strings *strings, struct err *err)
{
    if (parse_into(option, value, (char *)instance + option->offset, strings, err) == 0)
        return 0;
    return err_wrap(err, "option '%s' of module '%s' ('%s')", option->key, c->descriptor.name, c->file);
}

int
options_apply(const struct candidate *candidate, void *instance, const char *const *keys, const char *const *values,
              size_t count, char ***ret_strings, size_t *ret_count, struct err *err)
{
    struct strings strings = {0};
    int rc = 0;
    for (const struct mesos_option *o = candidate->descriptor.options; rc == 0 && o && o->key; o++) {
        if (o->fallback)
            rc = set(candidate, o, o->fallback, instance, &strings, err);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct mesos_option *o = option_find(candidate->descriptor.options, keys[i]);
        rc = o ? set(candidate, o, values[i] ? values[i] : "", instance, &strings, err)
               : unknown_key(candidate, keys[i], err);
    }
    *ret_strings = strings.items; /* also on failure: the caller frees them with the instance */
    *ret_count = strings.count;
    return rc;
}
