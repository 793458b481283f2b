/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings one URI to its place in a sandbox. Runs as the task's user, so that file:// shows a task no more than it could
 * read itself; must never write outside the sandbox.
 */
#include "executor/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "executor/extract.h"
#include "executor/transfer.h"

int
fetch_check_uri(const char *uri, struct err *err)
{
    if (!*uri)
        return err_set(err, -EINVAL, "the URI is empty");
    for (const char *at = uri; *at; at++)
        if (*at == '\\' || *at == '\'' || *at == '"' || (unsigned char)*at < ' ')
            return err_set(err, -EINVAL, "'%s' has a backslash, a quote or a control character, which no URI may have",
                           uri);
    return 0;
}

char *
fetch_uri_for_log(const char *uri)
{
    const char *host = transfer_after_scheme(uri);
    size_t len = host ? strcspn(host, "/?#") : 0;
    const char *at = host ? memrchr(host, '@', len) : NULL;
    const char *colon = at ? memchr(host, ':', (size_t)(at - host)) : NULL;
    return colon ? xasprintf("%.*s:***%s", (int)(colon - uri), uri, at) : xstrdup(uri);
}

static bool
leaves_its_directory(const char *path)
{
    struct str rest = str_of(path);
    if (path[0] == '/')
        return true;
    while (rest.len)
        if (str_is(str_cut(&rest, '/'), ".."))
            return true;
    return false;
}

char *
fetch_output_name(const char *uri, const char *output_file, struct err *err)
{
    if (output_file && *output_file) {
        if (leaves_its_directory(output_file) || output_file[strlen(output_file) - 1] == '/' ||
            fetch_check_uri(output_file, NULL)) {
            err_set(err, -EINVAL, "output_file '%s' must be a relative path that stays inside the sandbox",
                    output_file);
            return NULL;
        }
        return xstrdup(output_file);
    }
    const char *path = transfer_after_scheme(uri), *slash = strrchr(path ? path : uri, '/');
    const char *name = slash ? slash + 1 : path ? "" : uri;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        err_set(err, -EINVAL, "'%s' does not name a file", uri);
        return NULL;
    }
    return xstrdup(name);
}

/* Opens the directory that `name` is in, below the sandbox, making what is missing. Links are not followed: an archive
 * unpacked before may have left some. *ret_base points into name. */
static int
open_parent(const char *sandbox, const char *name, const char **ret_base, struct err *err)
{
    auto_fd int dir = open(sandbox, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct str rest = str_of(name);
    if (dir < 0)
        return err_errno(err, "cannot open '%s'", sandbox);
    while (memchr(rest.ptr, '/', rest.len)) {
        struct str part = str_cut(&rest, '/');
        auto_free char *one = xstrndup(part.ptr, part.len);
        if (!*one)
            continue;
        if (mkdirat(dir, one, 0755) < 0 && errno != EEXIST)
            return err_errno(err, "cannot make '%s' in '%s'", name, sandbox);
        int next = openat(dir, one, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return err_errno(err, "cannot open '%s' of '%s' in '%s'", one, name, sandbox);
        close(dir);
        dir = next;
    }
    *ret_base = rest.ptr;
    return take_fd(&dir);
}

/* The content to its place: from the cache, or from where the URI says. */
static int
write_content(const struct fetch_request *request, const char *name, struct err *err)
{
    const char *base = name;
    auto_fd int dir = open_parent(request->sandbox, name, &base, err);
    if (dir < 0)
        return dir;
    auto_fd int to = openat(dir, base, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (to < 0)
        return err_errno(err, "cannot create '%s' in '%s'", name, request->sandbox);
    int rc = request->cached ? transfer_file(request->cached, to, err) : transfer(request, to, err);
    if (!rc && request->executable && fchmod(to, 0755) < 0)
        rc = err_errno(err, "cannot make '%s' executable", name);
    if (rc)
        unlinkat(dir, base, 0);
    return rc;
}

int
fetch_one(const struct fetch_request *request, char **ret_path, struct err *err)
{
    int rc = fetch_check_uri(request->uri, err);
    auto_free char *name = rc ? NULL : fetch_output_name(request->uri, request->output_file, err);
    if (!name)
        return rc ? rc : -EINVAL;
    auto_free char *path = xasprintf("%s/%s", request->sandbox, name);
    bool unpack = request->extract && !request->executable;
    if (unpack && request->cached && extract_is_archive(name)) {
        rc = extract_archive(request->cached, name, request->sandbox, err);
        *ret_path = rc ? NULL : xstrdup(request->sandbox);
        return rc;
    }
    rc = write_content(request, name, err);
    if (!rc && unpack && extract_is_archive(name)) {
        rc = extract_archive(path, name, request->sandbox, err);
    } else if (!rc && unpack) {
        auto_free char *uri = fetch_uri_for_log(request->uri);
        log_warning("Copying instead of extracting resource from URI with 'extract' flag, because it does not seem to "
                    "be an archive: %s",
                    uri);
    }
    if (!rc)
        *ret_path = take(&path);
    return rc;
}

int
fetch_to_cache(const struct fetch_request *request, const char *path, struct err *err)
{
    int rc = fetch_check_uri(request->uri, err);
    if (rc)
        return rc;
    auto_free char *part = xasprintf("%s.part", path);
    auto_fd int to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (to < 0)
        return err_errno(err, "cannot create '%s'", part);
    rc = transfer(request, to, err);
    if (!rc && rename(part, path) < 0)
        rc = err_errno(err, "cannot rename '%s'", part);
    if (rc)
        unlink(part);
    return rc;
}

int
fetch_size(const struct fetch_request *request, uint64_t *ret_bytes, struct err *err)
{
    int rc = fetch_check_uri(request->uri, err);
    return rc ? rc : transfer_size(request, ret_bytes, err);
}
