/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: splitting it, the questions that conf answers by itself, and the strongest layer. */
#include "conf/set.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

static void
lower(char *text)
{
    for (; *text; text++)
        *text = (char)tolower((unsigned char)*text);
}

struct conf_arguments
conf_split_arguments(struct option_set *set, int argc, char **argv)
{
    struct conf_arguments out = {arena_calloc(set->arena, (size_t)argc + 1, sizeof(struct conf_argument)), 0};

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        struct conf_argument *item = &out.items[out.count];
        struct str rest = str_of(argv[i]);
        bool has_value;
        char *name;

        if (!str_starts(rest, STR_LIT("--"))) {
            conf_note(set, "argument '%s' is ignored: options begin with --", argv[i]);
            continue;
        }
        rest = str_n(rest.ptr + 2, rest.len - 2);
        has_value = str_find(rest, '=') >= 0;
        name = arena_strdup(set->arena, str_cut(&rest, '='));
        lower(name);
        item->name = name;
        item->value = has_value ? arena_strdup(set->arena, rest) : NULL;
        item->text = arena_printf(set->arena, "--%s", name);
        out.count++;
    }
    return out;
}

enum answer { ANSWER_HELP, ANSWER_VERSION, ANSWER_DUMP_INI, ANSWER_DUMP_MAN };

static int
print_answer(const struct option_set *set, enum answer what)
{
    auto_buf struct buf out = {0};

    switch (what) {
    case ANSWER_HELP:
        conf_help(&set->owner, &out);
        break;
    case ANSWER_VERSION:
        buf_printf(&out, "%s %s (protocol of Mesos %s)\n", set->owner.program, CMESOS_VERSION,
                   MESOS_PROTOCOL_VERSION);
        break;
    case ANSWER_DUMP_INI:
        conf_dump_ini(&set->owner, &out);
        break;
    case ANSWER_DUMP_MAN:
        conf_dump_man(&set->owner, &out);
        break;
    }
    fwrite(buf_data(&out), 1, out.len, stdout);
    fflush(stdout);
    return 1;
}

static bool
is_true(const char *value)
{
    return !value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
}

/* Options of conf itself. Returns 1 when answered, 0 when taken, -ENOENT when the argument is the owner's. */
static int
own_argument(struct option_set *set, const struct conf_argument *a, struct err *err)
{
    static const struct {
        const char *name;
        enum answer what;
    } answers[] = {{"help", ANSWER_HELP},
                   {"version", ANSWER_VERSION},
                   {"dump-ini", ANSWER_DUMP_INI},
                   {"dump-man", ANSWER_DUMP_MAN}};

    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        if (strcmp(a->name, answers[i].name) == 0)
            return is_true(a->value) ? print_answer(set, answers[i].what) : 0;
    if (strcmp(a->name, "check-config") == 0 || strcmp(a->name, "check_config") == 0) {
        set->checking = is_true(a->value);
        return 0;
    }
    if (strcmp(a->name, "etc_dir") != 0 && strcmp(a->name, "config") != 0)
        return -ENOENT;
    if (!set->owner.ini_name)
        return -ENOENT;
    if (!a->value || !a->value[0])
        return err_set(err, -EINVAL, "%s wants a path: %s=PATH", a->text, a->text);
    if (strncmp(a->value, "file://", 7) == 0)
        *(strcmp(a->name, "config") == 0 ? &set->config : &set->etc_dir) = a->value + 7;
    else
        *(strcmp(a->name, "config") == 0 ? &set->config : &set->etc_dir) = a->value;
    return 0;
}

int
conf_answer_arguments(struct option_set *set, struct conf_arguments *arguments, struct err *err)
{
    size_t kept = 0;

    for (size_t i = 0; i < arguments->count; i++) {
        int status = own_argument(set, &arguments->items[i], err);

        if (status == -ENOENT)
            arguments->items[kept++] = arguments->items[i];
        else if (status != 0)
            return status;
    }
    arguments->count = kept;
    return 0;
}

int
conf_read_arguments(struct option_set *set, const struct conf_arguments *arguments, struct err *err)
{
    for (size_t i = 0; i < arguments->count; i++) {
        const struct conf_argument *a = &arguments->items[i];
        struct conf_source source = {RANK_ARGV, "argv", a->text};
        int status = conf_tolerate(set, conf_give(set, &source, str_of(a->name), a->value, err), err);

        if (status < 0)
            return status;
    }
    return 0;
}
