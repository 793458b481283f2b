/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of core/conf only: the option set while its layers are read. Each layer finds texts and gives them
 * with their source; the set knows names, ranks, types and duplicates, and stores the winners at the end.
 */
#ifndef CONF_SET_H
#define CONF_SET_H

#include "base/arena.h"
#include "conf/option.h"

enum { CONF_MAX_FILE_BYTES = 4 << 20 }; /* of any file that is read for a value */

/* Strength of a layer; a higher rank replaces a lower one. Gaps are for sub-layers. */
enum conf_rank {
    RANK_DEFAULT = 0,
    RANK_INI = 10,
    RANK_ZK_FILE = 20, /* /etc/mesos/zk */
    RANK_FILE = 21,
    RANK_ETC_DEFAULT_OLD = 28, /* LIBPROCESS_... there, as below */
    RANK_ETC_DEFAULT_OTHER = 29,
    RANK_ETC_DEFAULT = 30,       /* one more for each further file */
    RANK_ENVIRONMENT_OLD = 39, /* names of it that are deprecated */
    RANK_ENVIRONMENT_OTHER = 40, /* LIBPROCESS_... */
    RANK_ENVIRONMENT = 41,
    RANK_ARGV = 50,
};

struct conf_source {
    int rank;
    const char *layer;
    const char *where; /* copied by whoever keeps it */
};

union conf_parsed {
    bool flag;
    int64_t number;
    uint64_t bytes;
    double real;
    const char *text;
};

/* One option and what is known of it. */
struct conf_setting {
    const struct option *option;
    const char *value;        /* normalised text; NULL = unset */
    const char *shown;        /* what may be printed of it, where option->shown is; NULL = not decided yet */
    union conf_parsed parsed; /* of value */
    int rank;
    struct option_origin origin;
    const char *file; /* that value was read from; NULL = none */
};

struct conf_name {
    const char *name;
    struct conf_setting *setting;
    bool deprecated;
};

struct conf_texts {
    const char **items;
    size_t count;
};

struct option_set {
    struct conf_owner owner;
    struct arena *arena; /* every string of the set */
    struct conf_setting *settings;
    size_t count;
    struct conf_name *names; /* canonical names and aliases */
    size_t name_count;
    struct map by_name;
    struct conf_texts notes;
    struct conf_texts ignored; /* MESOS_ variables that mean nothing here */
    struct conf_module *modules;
    size_t module_count;
    const char *etc_dir;
    const char *config; /* INI file given by --config, or NULL */
    bool checking;      /* --check-config: report every error on stderr and go on */
    unsigned errors;
};

struct option_set *conf_set_new(const struct conf_owner *owner);
const struct conf_name *conf_find(const struct option_set *set, struct str name);
void conf_texts_add(struct conf_texts *texts, const char *text);

/* A layer found `name` with this value (NULL = no value was written). "no-<switch>" is understood. */
int conf_give(struct option_set *set, const struct conf_source *source, struct str name, const char *value,
              struct err *err);
/* The same for an option that the caller has resolved. */
int conf_give_setting(struct option_set *set, const struct conf_source *source, struct conf_setting *setting,
                      const char *value, struct err *err);
/* In --check-config: prints err, counts it and returns 0, so that the reader goes on; else returns status. */
int conf_tolerate(struct option_set *set, int status, const struct err *err);
/* Applies defaults, refuses what is not built, checks and writes the owner's struct. */
int conf_store_all(struct option_set *set, struct err *err);

/* value.c. Reads file:// as the type wants it: *ret_text is kept by the set. */
/* Does this value name a file to read, and which? */
const char *conf_file_of(const struct option *option, const char *value);
int conf_fetch(struct option_set *set, const struct option *option, const char *value, const char **ret_text,
               struct err *err);
int conf_parse(const struct option *option, const char *text, union conf_parsed *ret, struct err *err);
const char *conf_normalise(struct option_set *set, const struct option *option, const char *text,
                           const union conf_parsed *parsed);
void conf_store(const struct option *option, const union conf_parsed *parsed, void *target);

/* A variable that is not MESOS_...: gives the option that it stands for, from `old` when its spelling is deprecated and else from
 * `today`. Of what means nothing here only LIBPROCESS_SSL_... is noted. environ_: what may have to stand beside it. */
int conf_give_other(struct option_set *set, char *const *environ_, struct str variable, const char *value,
                    const struct conf_source *today, const struct conf_source *old, struct err *err);
/* The layers, weakest first. */
int conf_read_ini(struct option_set *set, struct err *err);
int conf_read_files(struct option_set *set, struct err *err);
int conf_read_etc_default(struct option_set *set, char **environ_, struct err *err);
int conf_read_environment(struct option_set *set, char **environ_, struct err *err);

/* The texts of argv, split; names are lower-cased. */
struct conf_argument {
    const char *text; /* as written, for messages */
    const char *name;
    const char *value; /* NULL = none */
};
struct conf_arguments {
    struct conf_argument *items;
    size_t count;
};
struct conf_arguments conf_split_arguments(struct option_set *set, int argc, char **argv);
/* Takes --etc_dir, --config and --check-config out; answers --help, --version and the hidden dumps (returns
 * 1). */
int conf_answer_arguments(struct option_set *set, struct conf_arguments *arguments, struct err *err);
int conf_read_arguments(struct option_set *set, const struct conf_arguments *arguments, struct err *err);

/* modules.c */
int conf_read_modules(struct option_set *set, struct err *err);
/* The entry of that name, made when it is not there. */
struct conf_module *conf_module_get(struct option_set *set, const char *name, const char *where);
int conf_module_library(struct option_set *set, const char *name, const char *library, const char *where,
                        struct err *err);
int conf_module_parameter(struct option_set *set, const char *name, const char *key, const char *value,
                          const char *where, struct err *err);

/* Documents on stdout. */
void conf_report(const struct option_set *set, struct buf *out);
/* What documents say the default is; NULL = none. */
/* The value without its secrets; NULL = unset or secret. */
const char *conf_setting_shown(const struct conf_setting *setting);
const char *conf_shown_default(const struct option *option);
const char *conf_shown_argument(const struct option *option);

#endif
