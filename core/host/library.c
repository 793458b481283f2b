/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared objects: where they are, loading them, and the list of what they offer. Called at start-up only. A library
 * that was loaded stays loaded: instances and their timers may still point into it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <ltdl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "host/internal.h"

#define MODULES_PER_LIBRARY_MAX 256

static bool
is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static const char *
search_path(const struct host *host)
{
    return host->module_path && *host->module_path ? host->module_path : MESOS_MODULEDIR;
}

/* Tries the usual spellings of a file name in each directory of the module path. */
char *
library_find(const struct host *host, const char *name, struct err *err)
{
    static const char *const shapes[][2] = {{"", ""}, {"", ".so"}, {"lib", ".so"}, {".libs/", ""}, {".libs/", ".so"}};
    struct str rest = str_of(search_path(host));
    while (rest.len > 0) {
        struct str dir = str_cut(&rest, ':');
        if (dir.len == 0)
            continue;
        for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
            char path[PATH_MAX];
            int n = snprintf(path, sizeof path, "%.*s/%s%s%s", STR_ARG(dir), shapes[i][0], name, shapes[i][1]);
            if (n > 0 && (size_t)n < sizeof path && is_file(path))
                return xstrdup(path);
        }
    }
    err_set(err, -ENOENT, "no library '%s' in the module path '%s'", name, search_path(host));
    return NULL;
}

static struct library *
library_known(struct host *host, const char *path)
{
    for (struct library *l = host->libraries; l; l = l->next) {
        if (strcmp(l->file, path) == 0)
            return l;
    }
    return NULL;
}

static void
candidates_free(struct candidate *c)
{
    for (struct candidate *next; c; c = next) {
        next = c->next;
        free(c);
    }
}

static const struct candidate *
candidate_find(const struct candidate *list, const struct candidate *c)
{
    for (; list; list = list->next) {
        if (list->descriptor.kind == c->descriptor.kind && strcmp(list->descriptor.name, c->descriptor.name) == 0 &&
            list->configured == c->configured)
            return list;
    }
    return NULL;
}

/* Verifies the list into *ret, newest first. */
static int
candidates_read(const struct host *host, const struct mesos_module *const *list, const char *file, bool configured,
                struct candidate **ret, struct err *err)
{
    for (size_t i = 0; list[i]; i++) {
        if (i == MODULES_PER_LIBRARY_MAX)
            return err_set(err, -EPROTO, "'%s': more than %d modules, or a list without a NULL at its end", file,
                           MODULES_PER_LIBRARY_MAX);
        struct candidate c;
        int rc = verify_module(list[i], file, &c, err);
        if (rc < 0)
            return rc;
        c.configured = configured;
        const struct candidate *same = candidate_find(*ret, &c);
        if (!same)
            same = candidate_find(host->candidates, &c);
        if (same)
            return err_set(err, -EEXIST, "'%s': module '%s' of kind %s is offered twice, also by '%s'", file,
                           c.descriptor.name, kind_name((enum mesos_kind)c.descriptor.kind), same->file);
        c.next = *ret;
        *ret = xmemdup(&c, sizeof c);
    }
    return 0;
}

/* All or nothing. Default files never collide with configured libraries: the latter simply win. */
int
library_add(struct host *host, mesos_modules_fn *modules, const char *file, bool configured, struct err *err)
{
    const struct mesos_module *const *list = modules();
    if (!list || !list[0])
        return err_set(err, -EPROTO, "'%s': its function mesos_modules offers no module", file);
    struct candidate *added = NULL;
    int rc = candidates_read(host, list, file, configured, &added, err);
    if (rc < 0) {
        candidates_free(added);
        return rc;
    }
    while (added) {
        struct candidate *c = added;
        added = c->next;
        c->next = host->candidates;
        host->candidates = c;
    }
    return 0;
}

/* dlopen first, only for its verdict: libltdl's own message does not say which symbol or library is missing, and
 * libltdl binds lazily, so that a missing symbol would end the daemon much later. */
static lt_dlhandle
open_now(const char *path, struct err *err)
{
    void *probe = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!probe) {
        const char *why = dlerror();
        err_set(err, -ENOEXEC, "'%s' does not load: %s", path, why ? why : "no reason given");
        return NULL;
    }
    lt_dladvise advise;
    lt_dlhandle handle = NULL;
    if (lt_dladvise_init(&advise) == 0) {
        lt_dladvise_local(&advise);
        handle = lt_dlopenadvise(path, advise);
        lt_dladvise_destroy(&advise);
    }
    if (!handle)
        err_set(err, -ENOEXEC, "'%s' does not load: %s", path, lt_dlerror());
    dlclose(probe); /* the handle of libltdl keeps it */
    return handle;
}

static char *
real_path(const char *path, struct err *err)
{
    char *real = realpath(path, NULL);
    if (!real) {
        err_errno(err, "library '%s'", path);
        return NULL;
    }
    if (!is_file(real)) {
        err_set(err, -EINVAL, "library '%s' is not a file", real);
        free(real);
        return NULL;
    }
    return real;
}

/* The handle, and in *ret_modules what the library exports; NULL with err. */
static void *
open_new(struct host *host, const char *real, mesos_modules_fn **ret_modules, struct err *err)
{
    if (!host->loader && lt_dlinit() != 0) {
        err_set(err, -ENOSYS, "libltdl does not start: %s", lt_dlerror());
        return NULL;
    }
    host->loader = true;
    lt_dlhandle handle = open_now(real, err);
    if (!handle)
        return NULL;
    void *symbol = lt_dlsym(handle, "mesos_modules");
    if (!symbol) {
        err_set(err, -ENOEXEC, "'%s' is no module library: it exports no function mesos_modules", real);
        lt_dlclose(handle);
        return NULL;
    }
    memcpy(ret_modules, &symbol, sizeof symbol);
    return handle;
}

struct library *
library_open(struct host *host, const char *path, bool configured, struct err *err)
{
    auto_free char *real = real_path(path, err);
    if (!real)
        return NULL;
    struct library *library = library_known(host, real);
    if (library)
        return library;
    mesos_modules_fn *modules;
    void *handle = open_new(host, real, &modules, err);
    if (!handle || library_add(host, modules, real, configured, err) < 0)
        return NULL;
    library = xcalloc(1, sizeof *library);
    library->file = take(&real);
    library->handle = handle;
    library->next = host->libraries;
    host->libraries = library;
    return library;
}

void
library_close_all(struct host *host)
{
    for (struct library *l = host->libraries, *next; l; l = next) {
        next = l->next; /* the handle stays open: a library is never unloaded */
        free(l->file);
        free(l);
    }
    host->libraries = NULL;
    candidates_free(host->candidates);
    host->candidates = NULL;
}
