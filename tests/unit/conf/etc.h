/* SPDX-License-Identifier: Apache-2.0 */
/* An etc directory of a test's own, and conf_load over it. Included by the tests of core/conf only. */
#ifndef TEST_ETC_H
#define TEST_ETC_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/options.h"
#include "base/file.h"
#include "conf/option.h"
#include "master/options.h"

struct etc {
    char dir[64];
    struct master_options master;
    struct agent_options agent;
    struct option_set *set;
    struct err err;
    int exit_status;
    char *env[16];
    size_t env_count;
};

static inline struct etc *
etc_new(void)
{
    struct etc *etc = xcalloc(1, sizeof(*etc));

    snprintf(etc->dir, sizeof(etc->dir), "/tmp/cmesos-conf-XXXXXX");
    assert_non_null(mkdtemp(etc->dir));
    return etc;
}

static inline void
etc_free(struct etc *etc)
{
    conf_free(etc->set);
    assert_int_equal(dir_remove(etc->dir, NULL), 0);
    for (size_t i = 0; i < etc->env_count; i++)
        free(etc->env[i]);
    free(etc);
}

static inline void
etc_write(struct etc *etc, const char *path, const char *text)
{
    auto_free char *full = xasprintf("%s/%s", etc->dir, path);
    auto_free char *parent = xstrdup(full);

    *strrchr(parent, '/') = '\0';
    assert_int_equal(dir_make(parent, 0755, &etc->err), 0);
    assert_int_equal(file_replace(full, text, strlen(text), 0644, false, &etc->err), 0);
}

static inline void
etc_env(struct etc *etc, const char *variable)
{
    etc->env[etc->env_count++] = xstrdup(variable);
}

/* Loads with arguments (NULL-terminated). */
static inline int
etc_load(struct etc *etc, int agent, ...)
{
    char *argv[24] = {(char *)(uintptr_t) "test", NULL};
    char directory[96];
    int argc = 1, status;
    struct conf_owner owner;
    char *arg;
    va_list ap;

    conf_free(etc->set);
    etc->set = NULL;
    memset(&etc->master, 0, sizeof(etc->master));
    memset(&etc->agent, 0, sizeof(etc->agent));
    memset(&etc->err, 0, sizeof(etc->err));
    owner = agent ? agent_conf_owner(&etc->agent) : master_conf_owner(&etc->master);
    snprintf(directory, sizeof(directory), "--etc_dir=%s", etc->dir);
    argv[argc++] = directory;
    va_start(ap, agent);
    while ((arg = va_arg(ap, char *)))
        argv[argc++] = arg;
    va_end(ap);
    etc->env[etc->env_count] = NULL;
    status = conf_load(&etc->set, &owner, argc, argv, etc->env, &etc->exit_status, &etc->err);
    if (status < 0)
        assert_true(etc->err.text[0] != '\0');
    return status;
}
#define load_master(etc, ...)      etc_load(etc, false, "--registry=memory", ##__VA_ARGS__, NULL)
#define load_master_bare(etc, ...) etc_load(etc, false, ##__VA_ARGS__, NULL)
#define load_agent(etc, ...)                                                                                 \
    etc_load(etc, true, "--work_dir=/w", "--master=127.0.0.1:5050", ##__VA_ARGS__, NULL)
#define load_agent_bare(etc, ...) etc_load(etc, true, ##__VA_ARGS__, NULL)

static inline void
assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static inline bool
etc_noted(const struct etc *etc, const char *part)
{
    const char *const *notes;
    size_t count = conf_notes(etc->set, &notes);

    for (size_t i = 0; i < count; i++)
        if (strstr(notes[i], part))
            return true;
    return false;
}

#endif
