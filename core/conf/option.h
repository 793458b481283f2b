/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options: one table per owner, from which argv, environment, /etc files, INI, --help, man pages and the
 * samples in etc/ all come. Layers, weakest first: built-in default < INI file < one file per option <
 * /etc/default < environment < argv. conf knows no option by name; the owners' tables do
 * (core/master/options.c, core/agent/options.c, ...).
 */
#ifndef CONF_OPTION_H
#define CONF_OPTION_H

#include "base/buf.h"
#include "base/map.h"

enum option_type {
    OPTION_STRING, /* const char * or NULL */
    OPTION_PATH,   /* as STRING; "file://" before it is dropped, its content is never read */
    OPTION_BOOL,   /* bool */
    OPTION_INT,    /* int64_t */
    OPTION_DOUBLE,
    OPTION_DURATION, /* int64_t ns */
    OPTION_BYTES,    /* uint64_t */
    OPTION_JSON,     /* const char *: validated JSON text; "file://path" or "/absolute/path" are read */
};

enum option_state {
    OPTION_WORKS = 0,
    OPTION_PLANNED, /* known, feature not built yet: giving it is an error that says so by name */
    OPTION_RETIRED, /* gone since 0.28 or meaningless here: accepted with a line in the log (note says what
                       holds now) */
};

struct option_set;

struct option {
    const char *name;           /* "agent_ping_timeout"; NULL ends the table */
    const char *const *aliases; /* NULL-terminated deprecated spellings, or NULL */
    const char *aliases_need; /* of the environment's own: aliases count where this variable is set, or the one with LIBPROCESS_
                                 before it; NULL = always */
    enum option_type type;
    enum option_state state;
    size_t offset;        /* into the owner's struct; SIZE_MAX = not stored */
    const char *fallback; /* default as text, NULL = unset */
    const char *argument; /* what --help shows after '=': "DURATION", NULL = by type */
    const char *help;     /* our own words; one or more sentences */
    const char *note;     /* PLANNED: what is missing; RETIRED: what holds instead */
    /* Further check or translation of a value after its type was parsed; may be NULL. target is the owner's
     * struct. */
    int (*check)(const char *value, void *target, struct option_set *set, struct err *err);
    bool required;
    bool secret;               /* never printed */
    /* What may be printed instead of a value that has a secret in it; the caller frees. NULL = the value. */
    char *(*shown)(const char *value);
    const char *group;         /* heading in --help, man pages and samples; NULL = that of the row before */
    const char *choices;       /* "drf|random": the only values there are; NULL = any */
    const char *min, *max;     /* bounds in the type's own notation, both allowed values; NULL = none */
    const char *sample;        /* what the sample INI sets, not merely shows; NULL = nothing */
    const char *fallback_text; /* what documents say instead of fallback, where it depends on the machine */
    bool directory; /* a directory of this name beside the one-file options gives "file:content" pairs, joined
                       by ';' */
};

/* Where a value came from, for errors and --check-config. */
struct option_origin {
    const char *layer; /* "default", "ini", "file", "etc-default", "environment", "argv" */
    const char *where; /* "/etc/mesos/master.ini:12", "/etc/mesos-master/quorum", "MESOS_zk", "--zk"; owned by
                          the set */
};

/* A module that the configuration names: [modules] of the INI, --modules, --modules_dir. */
struct conf_module {
    const char *library;                     /* path or file name, or NULL when only a name was given */
    const char *name;                        /* "org_example_lottery" */
    const char *const *keys, *const *values; /* parameters, count of them */
    size_t count;
    const char *where;
};

/* A variable of /etc/default that stands for an option: PORT, ZK, ... */
struct conf_shell_variable {
    const char *name; /* NULL ends the table */
    const char *option;
    bool own_file_only; /* not from the file that master and agent share: a PORT there is the master's */
};

/* What a daemon tells conf about itself. */
struct conf_owner {
    const char *program; /* "mesos-master" */
    const char *summary; /* one sentence for --help */
    const char *usage;   /* what --help shows after the program's name, NULL = options only */
    const struct option *options;
    void *target;                /* the owner's struct, zeroed; strings in it belong to the set */
    const char *ini_name;        /* "master.ini", NULL = no layers but environment and argv */
    const char *const *etc_dirs; /* {"mesos-master", NULL} or {"mesos-slave", "mesos-agent", NULL} */
    const char *zk_option;       /* what /etc/mesos/zk means: "zk" or "master" */
    const char *const
        *etc_default; /* {"mesos", "mesos-master", NULL}: the first is shared, the others are its own */
    const struct conf_shell_variable *shell_variables; /* NULL = none */
    /* Options that only the environment knows, by the variable's whole name (LIBPROCESS_...); weaker than
     * MESOS_ ones. A row whose note is NULL and whose argument names an option of the table stands for that
     * option. NULL = none. */
    const struct option *environment;
    /* Checks between options and defaults that depend on the machine, after all values are stored. NULL =
     * none. */
    int (*finish)(void *target, struct option_set *set, struct err *err);
};

/* Reads all layers. Returns 0; 1 when --help, --version or --check-config was answered on stdout (exit code
 * in *ret_exit); negative with err naming file, line, value and the nearest known name. */
int conf_load(struct option_set **ret, const struct conf_owner *owner, int argc, char **argv, char **environ_,
              int *ret_exit, struct err *err);
void conf_free(struct option_set *set);
/* Was --check-config given? conf_load has returned 1 then, and the set is there for further checks of the
 * owner. */
bool conf_checking(const struct option_set *set);
/* Lines that the daemon logs once logging is open: deprecated spellings, retired options and what holds
 * instead. */
size_t conf_notes(const struct option_set *set, const char *const **ret);
/* For check and finish functions. A note is one sentence for the log. conf_override replaces an option's
 * value, keeping its origin, without calling its check; the value must be valid (assert). conf_keep makes the
 * set own a copy. */
void conf_note(struct option_set *set, const char *fmt, ...) PRINTF_LIKE(2, 3);
void conf_override(struct option_set *set, const char *name, const char *value);
const char *conf_keep(struct option_set *set, const char *text);
/* Was the option given by any layer (not merely its default)? */
bool conf_given(const struct option_set *set, const char *name);
/* The final value as text (NULL = unset) and its origin; name may be an alias. NULL for unknown names. */
const char *conf_value(const struct option_set *set, const char *name, struct option_origin *ret_origin);
/* The file that the value was read from, to read it anew: what file:// or (JSON) an absolute path names, or the file that holds
 * this one option. NULL = none. */
const char *conf_file(const struct option_set *set, const char *name);
/* Every option with its final value in order of the table, for /flags and /state. fn gets secret values as
 * NULL. */
void conf_each(const struct option_set *set,
               void (*fn)(const struct option *option, const char *value, void *arg), void *arg);
const struct conf_module *conf_modules(const struct option_set *set, size_t *ret_count);
/* --help text of a table, for owners without layers (mesos-executor, the command line). */
void conf_help(const struct conf_owner *owner, struct buf *out);
/* The sample INI with every option commented at its default, and the manual page: etc/ has them (`make
 * samples`). */
void conf_dump_ini(const struct conf_owner *owner, struct buf *out);
void conf_dump_man(const struct conf_owner *owner, struct buf *out);

#endif
