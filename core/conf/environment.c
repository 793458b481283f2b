/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment: MESOS_<option>, any case after the prefix, and the owner's other variables
 * (LIBPROCESS_...). A MESOS_ variable that means nothing here is remembered for --check-config and otherwise
 * ignored, as Mesos does: executors and tasks get many such variables from their agent.
 */
#include "conf/set.h"

#include <ctype.h>
#include <errno.h>

#define LIBPROCESS "LIBPROCESS_"

static char *
lower_dup(struct str text)
{
    char *copy = str_dup(text);

    for (char *p = copy; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return copy;
}

/* MESOS_NO-QUIET: environment variables always have a value; an empty or true one means what the name says.
 */
static bool
is_plain_switch(const struct option_set *set, const char *name, const char *value)
{
    const struct conf_name *entry;

    if (strncmp(name, "no-", 3) != 0)
        return false;
    entry = conf_find(set, str_of(name + 3));
    return entry && entry->setting->option->type == OPTION_BOOL &&
           (!value[0] || strcmp(value, "1") == 0 || strcmp(value, "true") == 0);
}

static int
read_mesos_variable(struct option_set *set, struct str variable, const char *value, struct err *err)
{
    auto_free char *where = str_dup(variable);
    auto_free char *name = lower_dup(str_n(variable.ptr + 6, variable.len - 6));
    struct conf_source source = {RANK_ENVIRONMENT, "environment", where};

    if (is_plain_switch(set, name, value))
        return conf_give(set, &source, str_of(name), NULL, err);
    if (!conf_find(set, str_of(name))) {
        conf_texts_add(&set->ignored, conf_keep(set, where));
        return 0;
    }
    return conf_give(set, &source, str_of(name), value, err);
}

static bool
is_set(char *const *environ_, const char *name)
{
    size_t len = strlen(name);

    for (char *const *at = environ_; *at; at++)
        if (strncmp(*at, name, len) == 0 && (*at)[len] == '=')
            return true;
    return false;
}

/* Of the two spellings of what must stand beside an alias: SSL_ENABLED and LIBPROCESS_SSL_ENABLED. */
static bool
is_needed_set(char *const *environ_, const char *need)
{
    auto_free char *today = xasprintf(LIBPROCESS "%s", need);

    return is_set(environ_, need) || is_set(environ_, today);
}

/* A slip of the pen would leave open what was meant to be closed, and Mesos says nothing of it. */
static void
note_unknown(struct option_set *set, struct str variable, const char *where)
{
    enum { NAMES_MAX = 64 };
    const char *names[NAMES_MAX], *nearest;
    auto_free char *word = str_dup(variable);
    size_t count = 0;

    for (const struct option *o = set->owner.environment; o && o->name && count < NAMES_MAX; o++)
        names[count++] = o->name;
    nearest = str_nearest(word, names, count);
    conf_note(set, "%s%s%s has no effect: there is no variable of that name%s%s", str_is(variable, where) ? "" : where,
              str_is(variable, where) ? "" : ": ", word, nearest ? "; the nearest is " : "", nearest ? nearest : "");
}

/* *ret_old: it is one of its deprecated spellings. */
static const struct option *
find_other(const struct option_set *set, char *const *environ_, struct str variable, bool *ret_old)
{
    *ret_old = false;
    for (const struct option *o = set->owner.environment; o && o->name; o++) {
        if (str_is(variable, o->name))
            return o;
        for (size_t i = 0; o->aliases && o->aliases[i]; i++)
            if (str_is(variable, o->aliases[i]) && (!o->aliases_need || is_needed_set(environ_, o->aliases_need))) {
                *ret_old = true;
                return o;
            }
    }
    return NULL;
}

/* A variable with a name of its own: stands for an option, or is checked and refused when it asks for more.
 */
static int
read_other(struct option_set *set, const struct option *other, const struct conf_source *source, const char *value,
           struct err *err)
{
    const char *where = source->where;
    union conf_parsed parsed = {0}, fallback = {0};
    const char *shown;

    if (!other->note && other->argument)
        return conf_give(set, source, str_of(other->argument), value, err);
    if (conf_parse(other, value, &parsed, err) < 0)
        return err_wrap(err, "%s", where);
    if (other->state == OPTION_RETIRED) {
        conf_note(set, "%s has no effect: %s", where, other->note);
        return 0;
    }
    shown = conf_normalise(set, other, value, &parsed);
    if (!value[0] || (other->type == OPTION_BOOL && !other->fallback && !parsed.flag))
        return 0;
    if (other->fallback && conf_parse(other, other->fallback, &fallback, NULL) == 0 &&
        strcmp(shown, conf_normalise(set, other, other->fallback, &fallback)) == 0)
        return 0;
    return err_set(err, -ENOTSUP, "%s asks for what is not built yet: %s", where, other->note);
}

int
conf_give_other(struct option_set *set, char *const *environ_, struct str variable, const char *value,
                const struct conf_source *today, const struct conf_source *old, struct err *err)
{
    bool is_old;
    const struct option *other = find_other(set, environ_, variable, &is_old);

    if (other)
        return read_other(set, other, is_old ? old : today, value, err);
    if (str_starts(variable, STR_LIT(LIBPROCESS "SSL_")))
        note_unknown(set, variable, today->where);
    return 0;
}

int
conf_read_environment(struct option_set *set, char **environ_, struct err *err)
{
    for (char **at = environ_; at && *at; at++) {
        struct str rest = str_of(*at), variable;
        int status;

        if (str_find(rest, '=') < 0)
            continue;
        variable = str_cut(&rest, '=');
        if (str_starts(variable, STR_LIT("MESOS_")) && variable.len > 6) {
            status = read_mesos_variable(set, variable, rest.ptr, err);
        } else {
            auto_free char *where = str_dup(variable);
            struct conf_source today = {RANK_ENVIRONMENT_OTHER, "environment", where};
            struct conf_source old = {RANK_ENVIRONMENT_OLD, "environment", where};

            status = conf_give_other(set, environ_, variable, rest.ptr, &today, &old, err);
        }
        status = conf_tolerate(set, status, err);
        if (status < 0)
            return status;
    }
    return 0;
}
