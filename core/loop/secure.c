/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads the library that knows TLS, keeps an operator's settings and the contexts made of them. Called by stream_secure.c
 * and by who owns the settings; never touches a connection.
 */
#include "loop/secure.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "loop/secure_internal.h"

#define LIBRARY_NAME "mesos-tls.so"

/* Beside the programs of a build tree, else where it was installed. */
static const char *
find_library(char path[PATH_MAX])
{
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    struct stat st, own;
    program[n > 0 ? n : 0] = '\0';
    if (stat(program, &own) < 0)
        return MESOS_TLSDIR "/" LIBRARY_NAME;
    for (int up = 0; up < 6; up++) {
        char *slash = strrchr(program, '/');
        if (!slash)
            break;
        *slash = '\0';
        if (snprintf(path, PATH_MAX, "%s/core/loop/.libs/" LIBRARY_NAME, program) < PATH_MAX && stat(path, &st) == 0 &&
            st.st_uid == own.st_uid)
            return path;
    }
    return MESOS_TLSDIR "/" LIBRARY_NAME;
}

static const struct secure_engine *
load(struct err *err)
{
    char place[PATH_MAX];
    const char *path = find_library(place);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* stays: sessions outlive whoever asked first */
    void *symbol = handle ? dlsym(handle, SECURE_ENGINE_SYMBOL) : NULL;
    secure_engine_fn *fn;
    if (!symbol) {
        const char *why = dlerror();
        err_set(err, -ENOSYS, "TLS is not there: %s", why ? why : path);
        return NULL;
    }
    memcpy(&fn, &symbol, sizeof(fn));
    const struct secure_engine *engine = fn();
    if (engine->version == SECURE_ENGINE_VERSION)
        return engine;
    err_set(err, -ENOEXEC, "'%s' is of another release", path);
    return NULL;
}

static const char *
copy(const char *text)
{
    return text && *text ? xstrdup(text) : NULL;
}

static void
copy_settings(struct secure *secure, const struct secure_settings *from)
{
    struct secure_settings *to = &secure->settings;
    *to = *from;
    to->cert_file = copy(from->cert_file);
    to->key_file = copy(from->key_file);
    to->ca_file = copy(from->ca_file);
    to->ca_dir = copy(from->ca_dir);
    to->ciphers = copy(from->ciphers);
    to->curves = copy(from->curves);
    const char *const files[] = {to->cert_file, to->key_file, to->ca_file, to->ca_dir};
    for (size_t i = 0, count = 0; i < ARRAY_LEN(files); i++)
        if (files[i])
            secure->files[count++] = files[i];
}

static int
make_contexts(const struct secure *secure, void **ret_client, void **ret_server, struct err *err)
{
    const struct secure_engine *engine = secure->engine;
    void *client = engine->context_new(&secure->settings, false, err), *server = NULL;
    if (!client)
        return err && err->code ? err->code : -EINVAL;
    if (secure->settings.cert_file && !(server = engine->context_new(&secure->settings, true, err))) {
        engine->context_free(client);
        return err && err->code ? err->code : -EINVAL;
    }
    *ret_client = client;
    *ret_server = server;
    return 0;
}

struct secure *
secure_new(const struct secure_settings *settings, struct err *err)
{
    const struct secure_engine *engine = load(err);
    if (!engine)
        return NULL;
    struct secure *secure = xcalloc(1, sizeof(*secure));
    secure->engine = engine;
    secure->refs = 1;
    copy_settings(secure, settings);
    if (make_contexts(secure, &secure->client, &secure->server, err) < 0) {
        secure_unref(secure);
        return NULL;
    }
    return secure;
}

struct secure *
secure_ref(struct secure *secure)
{
    if (secure)
        secure->refs++;
    return secure;
}

static void
drop_contexts(struct secure *secure)
{
    if (secure->client)
        secure->engine->context_free(secure->client);
    if (secure->server)
        secure->engine->context_free(secure->server);
}

void
secure_unref(struct secure *secure)
{
    if (!secure || --secure->refs)
        return;
    const struct secure_settings *own = &secure->settings;
    const char *texts[] = {own->cert_file, own->key_file, own->ca_file, own->ca_dir, own->ciphers, own->curves};
    drop_contexts(secure);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        free((char *)(uintptr_t)texts[i]);
    free(secure);
}

int
secure_reload(struct secure *secure, struct err *err)
{
    void *client, *server;
    int status = make_contexts(secure, &client, &server, err);
    if (status < 0)
        return status;
    drop_contexts(secure);
    secure->client = client;
    secure->server = server;
    return 0;
}

const char *const *
secure_files(const struct secure *secure)
{
    return secure->files;
}

bool
secure_downgrades(const struct secure *secure)
{
    return secure->settings.downgrade;
}

/* ---- what an operator should know ---- */

static bool
key_is_open(const struct secure_settings *settings, char *out, size_t size)
{
    struct stat st;
    if (!settings->key_file || stat(settings->key_file, &st) < 0 || !(st.st_mode & (S_IRWXO | S_IWGRP)))
        return false;
    snprintf(out, size, "the private key %s is open to others (mode %03o): 0600 or 0640 would be right",
             settings->key_file, (unsigned)(st.st_mode & 0777));
    return true;
}

static bool
nobody_is_checked(const struct secure_settings *settings, char *out, size_t size)
{
    if (settings->verify_server)
        return false;
    snprintf(out, size, "TLS does not check who answers: whoever sits between two daemons can be either of them unless "
                        "verify_server_cert is set");
    return true;
}

static bool
may_be_plain(const struct secure_settings *settings, char *out, size_t size)
{
    if (!settings->downgrade)
        return false;
    snprintf(out, size, "support_downgrade is set: connections without TLS are taken as well");
    return true;
}

bool
secure_remark(const struct secure *secure, unsigned i, char *out, size_t size)
{
    static bool (*const remarks[])(const struct secure_settings *settings, char *out, size_t size) = {
        key_is_open, nobody_is_checked, may_be_plain};
    for (size_t at = 0; at < ARRAY_LEN(remarks); at++)
        if (remarks[at](&secure->settings, out, size) && i-- == 0)
            return true;
    return secure->settings.cert_file && secure->engine->remark(secure->client, out, size) && i == 0;
}
