/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The option set: names to settings, what each layer gave, and the storing of the winners in the owner's
 * struct. Reads no file itself (value.c does for file://) and never logs: notes wait until the daemon's log
 * is open.
 */
#include "conf/set.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

static size_t
count_names(const struct option *options)
{
    size_t count = 0;

    for (const struct option *o = options; o->name; o++) {
        count++;
        for (size_t i = 0; o->aliases && o->aliases[i]; i++)
            count++;
    }
    return count;
}

static void
add_name(struct option_set *set, struct conf_setting *setting, const char *name, bool deprecated)
{
    struct conf_name *entry = &set->names[set->name_count++];

    *entry = (struct conf_name){.name = name, .setting = setting, .deprecated = deprecated};
    map_add(&set->by_name, str_of(name), entry);
}

struct option_set *
conf_set_new(const struct conf_owner *owner)
{
    struct option_set *set = xcalloc(1, sizeof(*set));

    set->owner = *owner;
    set->arena = arena_new(0);
    set->names = xcalloc(count_names(owner->options) + 1, sizeof(*set->names));
    for (const struct option *o = owner->options; o->name; o++)
        set->count++;
    set->settings = xcalloc(set->count + 1, sizeof(*set->settings));
    for (size_t i = 0; i < set->count; i++) {
        const struct option *option = &owner->options[i];

        set->settings[i] = (struct conf_setting){.option = option, .origin = {"default", ""}};
        add_name(set, &set->settings[i], option->name, false);
        for (size_t k = 0; option->aliases && option->aliases[k]; k++)
            add_name(set, &set->settings[i], option->aliases[k], true);
    }
    return set;
}

void
conf_free(struct option_set *set)
{
    if (!set)
        return;
    map_fini(&set->by_name);
    arena_free(set->arena);
    free(set->settings);
    free(set->names);
    free(set->notes.items);
    free(set->ignored.items);
    free(set->modules);
    free(set);
}

void
conf_texts_add(struct conf_texts *texts, const char *text)
{
    texts->items = xreallocarray(texts->items, texts->count + 1, sizeof(*texts->items));
    texts->items[texts->count++] = text;
}

void
conf_note(struct option_set *set, const char *fmt, ...)
{
    auto_free char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = xvasprintf(fmt, ap);
    va_end(ap);
    conf_texts_add(&set->notes, arena_strdup(set->arena, str_of(text)));
}

const char *
conf_keep(struct option_set *set, const char *text)
{
    return text ? arena_strdup(set->arena, str_of(text)) : NULL;
}

const struct conf_name *
conf_find(const struct option_set *set, struct str name)
{
    return map_get(&set->by_name, name);
}

/* "no-quie": the switch that was probably meant to be turned off, or NULL. */
static const char *
nearest_switch(const struct option_set *set, const char *word)
{
    const char **known;
    const char *nearest;
    size_t count = 0;

    if (strncmp(word, "no-", 3) != 0)
        return NULL;
    known = xcalloc(set->name_count + 1, sizeof(*known));
    for (size_t i = 0; i < set->name_count; i++)
        if (set->names[i].setting->option->type == OPTION_BOOL)
            known[count++] = set->names[i].name;
    nearest = str_nearest(word + 3, known, count);
    free(known);
    return nearest;
}

/* The sentence about a name that nobody knows. */
static int
unknown_name(const struct option_set *set, const struct conf_source *source, struct str name, struct err *err)
{
    static const char *const own[] = {"help", "version", "check-config", "config", "etc_dir"}; /* conf's */
    const char **known = xcalloc(set->name_count + ARRAY_LEN(own), sizeof(*known));
    auto_free char *word = str_dup(name);
    const char *nearest, *negative = "";

    for (size_t i = 0; i < set->name_count; i++)
        known[i] = set->names[i].name;
    memcpy(known + set->name_count, own, sizeof(own));
    nearest = str_nearest(word, known, set->name_count + ARRAY_LEN(own));
    if (!nearest && (nearest = nearest_switch(set, word)) != NULL)
        negative = "no-";
    if (nearest)
        err_set(err, -EINVAL, "%s: unknown option '%s': the nearest known name is '%s%s'", source->where, word,
                negative, nearest);
    else
        err_set(err, -EINVAL, "%s: unknown option '%s': %s --help lists what there is", source->where, word,
                set->owner.program);
    free(known);
    return -EINVAL;
}

static int
given_twice(const struct conf_setting *setting, const struct conf_source *source, const char *value,
            struct err *err)
{
    const char *before = setting->value ? setting->value : "";

    if (source->rank != RANK_ARGV && value && strcmp(before, value) == 0)
        return 0;
    return err_set(err, -EINVAL, "%s: option '%s' is given twice: also by %s; one of them has to go",
                   source->where, setting->option->name, setting->origin.where);
}

int
conf_give_setting(struct option_set *set, const struct conf_source *source, struct conf_setting *setting,
                  const char *value, struct err *err)
{
    const struct option *option = setting->option;
    union conf_parsed parsed = {0};
    const char *text, *file = value ? conf_file_of(option, value) : NULL;
    int status;

    if (!value)
        return err_set(err, -EINVAL, "%s: option '%s' wants a value: %s", source->where, option->name,
                       conf_shown_argument(option));
    status = conf_fetch(set, option, value, &text, err);
    if (status == 0) {
        status = conf_parse(option, text, &parsed, err);
        if (status < 0 && file && option->type == OPTION_JSON)
            err_wrap(err, "%s", file);
        else if (status < 0 && option->type == OPTION_JSON && text[0] != '{' && text[0] != '[' && !option->secret)
            err_set(err, status, "'%.80s' is neither JSON nor a file's name: JSON begins with '{', and a file is named by its "
                                 "whole path, as in file:///etc/mesos/%s.json", text, option->name);
    }
    if (status < 0)
        return err_wrap(err, "%s: option '%s'", source->where, option->name);
    text = conf_normalise(set, option, text, &parsed);
    if (setting->rank > source->rank)
        return 0;
    if (setting->rank == source->rank) {
        status = given_twice(setting, source, text, err);
        if (status < 0)
            return status;
    }
    setting->rank = source->rank;
    setting->value = text;
    setting->parsed = parsed;
    setting->origin = (struct option_origin){source->layer, conf_keep(set, source->where)};
    setting->file = conf_keep(set, file);
    if (!setting->file && source->rank == RANK_FILE)
        setting->file = setting->origin.where;
    return 0;
}

/* "no-quiet", or "no-x" for an x that takes a value, which is an error of its own. */
static int
give_negated(struct option_set *set, const struct conf_source *source, const struct conf_name *entry,
             const char *value, struct err *err)
{
    const struct option *option = entry->setting->option;

    if (option->type != OPTION_BOOL)
        return err_set(err, -EINVAL, "%s: option '%s' is no switch and cannot be turned off with 'no-'",
                       source->where, option->name);
    if (value)
        return err_set(err, -EINVAL, "%s: 'no-%s' takes no value: write %s=true or %s=false", source->where,
                       option->name, option->name, option->name);
    return conf_give_setting(set, source, entry->setting, "false", err);
}

int
conf_give(struct option_set *set, const struct conf_source *source, struct str name, const char *value,
          struct err *err)
{
    const struct conf_name *entry = conf_find(set, name);
    bool negated = false;
    int status;

    if (!entry && str_starts(name, STR_LIT("no-"))) {
        entry = conf_find(set, str_n(name.ptr + 3, name.len - 3));
        negated = entry != NULL;
    }
    if (!entry)
        return unknown_name(set, source, name, err);
    if (negated)
        status = give_negated(set, source, entry, value, err);
    else
        status =
            conf_give_setting(set, source, entry->setting,
                              value || entry->setting->option->type != OPTION_BOOL ? value : "true", err);
    if (status == 0 && entry->deprecated)
        conf_note(set, "%s: '%s' is a deprecated spelling of '%s'", source->where, entry->name,
                  entry->setting->option->name);
    return status;
}

int
conf_tolerate(struct option_set *set, int status, const struct err *err)
{
    if (status >= 0 || !set->checking)
        return status;
    fprintf(stderr, "%s: %s\n", set->owner.program, err->text);
    set->errors++;
    return 0;
}

static bool
is_default(struct option_set *set, const struct conf_setting *setting)
{
    const struct option *option = setting->option;
    union conf_parsed parsed = {0};
    const char *fallback = option->fallback;

    if (!fallback)
        return setting->value[0] == '\0' ||
               (option->type == OPTION_BOOL && strcmp(setting->value, "false") == 0);
    if (conf_parse(option, fallback, &parsed, NULL) == 0)
        fallback = conf_normalise(set, option, fallback, &parsed);
    return strcmp(setting->value, fallback) == 0;
}

/* What is known by name only: refused when it asks for something, noted when it is gone. */
static int
judge_state(struct option_set *set, const struct conf_setting *setting, struct err *err)
{
    const struct option *option = setting->option;

    if (setting->rank == RANK_DEFAULT)
        return 0;
    if (option->state == OPTION_PLANNED && !is_default(set, setting))
        return err_set(err, -ENOTSUP, "%s: option '%s' asks for what is not built yet: %s",
                       setting->origin.where, option->name, option->note);
    if (option->state == OPTION_RETIRED)
        conf_note(set, "%s: option '%s' has no effect: %s", setting->origin.where, option->name,
                  option->note);
    return 0;
}

static void note_shown(struct option_set *set, struct conf_setting *setting);

static int
store_setting(struct option_set *set, struct conf_setting *setting, struct err *err)
{
    const struct option *option = setting->option;
    int status = judge_state(set, setting, err);

    if (status < 0)
        return status;
    if (setting->rank == RANK_DEFAULT && option->fallback) {
        status = conf_parse(option, option->fallback, &setting->parsed, err);
        assert(status == 0);
        setting->value = conf_normalise(set, option, option->fallback, &setting->parsed);
    }
    if (!setting->value) {
        if (option->required)
            return err_set(err, -EINVAL, "option '%s' is required: --%s%s", option->name, option->name,
                           conf_shown_argument(option));
        return 0;
    }
    conf_store(option, &setting->parsed, set->owner.target);
    note_shown(set, setting);
    if (option->check && option->check(setting->value, set->owner.target, set, err) < 0)
        return err_wrap(err, "%s: option '%s'",
                        setting->rank == RANK_DEFAULT ? "default" : setting->origin.where, option->name);
    return 0;
}

/* After its value was decided: an error must not print it, and neither may anything else. */
static void
note_shown(struct option_set *set, struct conf_setting *setting)
{
    if (!setting->option->shown || !setting->value)
        return;
    auto_free char *shown = setting->option->shown(setting->value);
    setting->shown = conf_keep(set, shown);
}

const char *
conf_setting_shown(const struct conf_setting *setting)
{
    if (setting->option->secret)
        return NULL;
    if (!setting->option->shown || !setting->value)
        return setting->value;
    return setting->shown ? setting->shown : "(not shown)";
}

int
conf_store_all(struct option_set *set, struct err *err)
{
    int status;

    for (size_t i = 0; i < set->count; i++) {
        status = conf_tolerate(set, store_setting(set, &set->settings[i], err), err);
        if (status < 0)
            return status;
    }
    if (!set->owner.finish || set->errors)
        return 0;
    return conf_tolerate(set, set->owner.finish(set->owner.target, set, err), err);
}

void
conf_override(struct option_set *set, const char *name, const char *value)
{
    const struct conf_name *entry = conf_find(set, str_of(name));
    const char *text = conf_keep(set, value);
    struct conf_setting *setting;
    int status;

    assert(entry);
    setting = entry->setting;
    status = conf_parse(setting->option, text, &setting->parsed, NULL);
    assert(status == 0);
    (void)status;
    setting->value = conf_normalise(set, setting->option, text, &setting->parsed);
    note_shown(set, setting);
    conf_store(setting->option, &setting->parsed, set->owner.target);
}

bool
conf_given(const struct option_set *set, const char *name)
{
    const struct conf_name *entry = conf_find(set, str_of(name));

    return entry && entry->setting->rank != RANK_DEFAULT;
}

size_t
conf_notes(const struct option_set *set, const char *const **ret)
{
    *ret = set->notes.items;
    return set->notes.count;
}

const char *
conf_value(const struct option_set *set, const char *name, struct option_origin *ret_origin)
{
    const struct conf_name *entry = conf_find(set, str_of(name));

    if (!entry)
        return NULL;
    if (ret_origin)
        *ret_origin = entry->setting->origin;
    return entry->setting->value;
}

void
conf_each(const struct option_set *set, void (*fn)(const struct option *option, const char *value, void *arg),
          void *arg)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct conf_setting *setting = &set->settings[i];

        fn(setting->option, conf_setting_shown(setting), arg);
    }
}

const char *
conf_file(const struct option_set *set, const char *name)
{
    const struct conf_name *entry = conf_find(set, str_of(name));

    return entry && entry->setting->value ? entry->setting->file : NULL;
}

const struct conf_module *
conf_modules(const struct option_set *set, size_t *ret_count)
{
    *ret_count = set->module_count;
    return set->modules;
}
