/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the flags of helper programs. Called once by their main(). */
#include "executor/flags.h"

#include <errno.h>
#include <stdio.h>

#include "base/str.h"

static void
print_help(const char *program, const char *purpose, const struct flag *flags, size_t count)
{
    printf("Usage: %s [--name=value ...]\n%s\n\n", program, purpose);
    for (size_t i = 0; i < count; i++)
        printf("  --%-28s %s%s\n", flags[i].name, flags[i].help, flags[i].built ? "" : " (not built yet)");
    printf("  --%-28s this text\n  --%-28s the version\n", "help", "version");
}

static int
unknown(struct str name, const struct flag *flags, size_t count, struct err *err)
{
    const char *names[32] = {"help", "version"};
    auto_free char *word = str_dup(name);
    size_t n = 2;
    for (size_t i = 0; i < count && n < ARRAY_LEN(names); i++)
        names[n++] = flags[i].name;
    const char *nearest = str_nearest(word, names, n);
    return err_set(err, -EINVAL, "unknown flag --%s%s%s%s", word, nearest ? ": did you mean --" : "",
                   nearest ? nearest : "", nearest ? "?" : "");
}

int
flags_read(const char *program, const char *purpose, struct flag *flags, size_t count, int argc, char **argv,
           struct err *err)
{
    for (int i = 1; i < argc; i++) {
        struct str rest = str_of(argv[i]);
        if (!str_starts(rest, STR_LIT("--")))
            return err_set(err, -EINVAL, "unexpected argument '%s': flags are --name=value", argv[i]);
        rest = str_n(rest.ptr + 2, rest.len - 2);
        bool has_value = str_find(rest, '=') >= 0;
        struct str name = str_cut(&rest, '=');
        if (str_is(name, "help")) {
            print_help(program, purpose, flags, count);
            return 1;
        }
        if (str_is(name, "version")) {
            printf("%s %s (protocol of Mesos %s)\n", program, CMESOS_VERSION, MESOS_PROTOCOL_VERSION);
            return 1;
        }
        size_t at = 0;
        while (at < count && !str_is(name, flags[at].name))
            at++;
        if (at == count)
            return unknown(name, flags, count, err);
        if (!has_value)
            return err_set(err, -EINVAL, "flag --%s needs a value: --%s=...", flags[at].name, flags[at].name);
        if (rest.len && !flags[at].built)
            return err_set(err, -ENOTSUP, "flag --%s is known but not built yet", flags[at].name);
        flags[at].value = rest.ptr;
    }
    return 0;
}
