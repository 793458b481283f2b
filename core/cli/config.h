/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ~/.mesos: what a user wants each time. Lines key=value; a line [NAME] begins the profile of that name, and the line
 * profile=NAME chooses one, whose values win. Read as well, never written: the JSON of the older tool (~/.mesos.json, with
 * its profiles) and the directory of the newer one (~/.mesos/config.toml).
 */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include "base/arena.h"
#include "base/err.h"

struct cli_config_entry {
    const char *profile; /* "" = outside of profiles */
    const char *key, *value;
};

struct cli_config {
    struct arena *arena;
    char *path; /* where it was read from, or where it would be written */
    bool readable_only; /* of one of the other tools' shapes */
    const char *profile; /* the chosen one, "" = none */
    struct cli_config_entry *entries;
    size_t count, cap;
};

int cli_config_load(struct cli_config *ret, struct err *err);
void cli_config_free(struct cli_config *config);
#define auto_config __attribute__((cleanup(cli_config_free)))
/* The value that counts, NULL = none. */
const char *cli_config_get(const struct cli_config *config, const char *key);
/* Sets (value NULL: removes) a key outside of profiles or in the chosen one, and writes the file, keeping comments and
 * whatever else is in it. */
int cli_config_set(const struct cli_config *config, const char *key, const char *value, struct err *err);
/* The keys that mean something, NULL at the end, and what each is for. */
struct cli_config_key {
    const char *key, *meaning;
};
extern const struct cli_config_key cli_config_keys[];
/* One value of the file that counts; the caller frees; *ret NULL = none. */
int cli_config_value(char **ret, const char *key, struct err *err);

/* Flags that stand before the command, whatever it is: mesos --master=HOST:PORT --ca_file=FILE ps. */
struct cli_global {
    const char *flag, *variable;
};
extern const struct cli_global cli_globals[]; /* ended by a NULL flag */
/* Takes them off the beginning, as if the environment named them. Returns how many arguments that were. */
int cli_take_globals(int argc, char **argv);

#endif
