/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetches one URI. Runs as the task's user, so that file:// shows a task no more than it could read itself; must never
 * write outside the sandbox.
 */
#include "executor/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"

enum { STALL_TIMEOUT_MS = 60 * 1000, CONNECT_TIMEOUT_SECS = 60, REDIRECTS_MAX = 20 };

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

/* What stands behind "scheme://", or NULL when there is no scheme. */
static const char *
after_scheme(const char *uri)
{
    const char *at = strstr(uri, "://");
    return at && at > uri && !memchr(uri, '/', (size_t)(at - uri)) ? at + 3 : NULL;
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
    const char *path = after_scheme(uri), *slash = strrchr(path ? path : uri, '/');
    const char *name = slash ? slash + 1 : path ? "" : uri;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        err_set(err, -EINVAL, "'%s' does not name a file", uri);
        return NULL;
    }
    return xstrdup(name);
}

bool
fetch_is_archive(const char *name)
{
    static const char *const suffixes[] = {".tar",     ".tgz", ".tar.gz", ".tbz2", ".tar.bz2",
                                           ".tar.xz", ".txz", ".zip",    ".gz"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (str_ends(str_of(name), str_of(suffixes[i])))
            return true;
    return false;
}

/* ---- transfers ---- */

static int
copy_fd(int from, int to)
{
    char block[64 * 1024];
    for (;;) {
        ssize_t n = read(from, block, sizeof(block));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        for (ssize_t done = 0; done < n;) {
            ssize_t w = write(to, block + done, (size_t)(n - done));
            if (w < 0 && errno != EINTR)
                return -errno;
            done += w > 0 ? w : 0;
        }
    }
}

static int
copy_file(const char *path, int to, struct err *err)
{
    struct stat st;
    auto_fd int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (from < 0)
        return err_errno(err, "cannot open '%s'", path);
    if (fstat(from, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(err, -EINVAL, "'%s' is not a regular file", path);
    int rc = copy_fd(from, to);
    if (rc) {
        errno = -rc;
        return err_errno(err, "cannot copy '%s'", path);
    }
    return 0;
}

static size_t
on_download(char *data, size_t size, size_t count, void *arg)
{
    size_t left = size * count;
    while (left) {
        ssize_t n = write(*(int *)arg, data, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return 0; /* curl reports a write error */
        data += n;
        left -= (size_t)n;
    }
    return size * count;
}

static int
check_answer(CURL *curl, CURLcode rc, const char *detail, struct err *err)
{
    long code = 0;
    char *scheme = NULL;
    if (rc != CURLE_OK)
        return err_set(err, -EIO, "%s", detail[0] ? detail : curl_easy_strerror(rc));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_getinfo(curl, CURLINFO_SCHEME, &scheme);
    bool ftp = scheme && str_starts(str_of(scheme), STR_LIT("FTP"));
    ftp = ftp || (scheme && str_starts(str_of(scheme), STR_LIT("ftp")));
    if (code != (ftp ? 226 : 200))
        return err_set(err, -EIO, "Error downloading resource, received %s return code %ld", ftp ? "FTP" : "HTTP",
                       code);
    return 0;
}

static int
download(const struct fetch_request *request, int to, struct err *err)
{
    char detail[CURL_ERROR_SIZE] = "";
    int64_t stall_ms = request->stall_timeout_ms > 0 ? request->stall_timeout_ms : STALL_TIMEOUT_MS;
    CURL *curl = curl_easy_init();
    if (!curl)
        return err_set(err, -ENOMEM, "cannot start a transfer");
    curl_easy_setopt(curl, CURLOPT_URL, request->uri);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS,
                     (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS | CURLPROTO_FTP | CURLPROTO_FTPS));
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_SECS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)((stall_ms + 999) / 1000));
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_download);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &to);
    int rc = check_answer(curl, curl_easy_perform(curl), detail, err);
    curl_easy_cleanup(curl);
    return rc;
}

static int
transfer(const struct fetch_request *request, int to, struct err *err)
{
    static const char *const schemes[] = {"http://", "https://", "ftp://", "ftps://"};
    const char *uri = request->uri;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (strncasecmp(uri, schemes[i], strlen(schemes[i])) == 0)
            return download(request, to, err);
    if (str_starts(str_of(uri), STR_LIT("file://localhost/")))
        return copy_file(uri + strlen("file://localhost"), to, err);
    if (str_starts(str_of(uri), STR_LIT("file://")))
        return copy_file(uri + strlen("file://"), to, err);
    if (after_scheme(uri))
        return err_set(err, -EPROTONOSUPPORT, "its scheme is not supported: http, https, ftp, ftps, file and paths are");
    if (uri[0] == '/')
        return copy_file(uri, to, err);
    if (!request->frameworks_home || !*request->frameworks_home)
        return err_set(err, -EINVAL, "a relative path needs the agent's --frameworks_home");
    auto_free char *path = xasprintf("%s/%s", request->frameworks_home, uri);
    return copy_file(path, to, err);
}

static int
make_parents(const char *sandbox, const char *name, struct err *err)
{
    auto_free char *dir = xasprintf("%s/%s", sandbox, name);
    *strrchr(dir, '/') = '\0';
    return strcmp(dir, sandbox) == 0 ? 0 : dir_make(dir, 0755, err);
}

static void
tell_about_extraction(const struct fetch_request *request, const char *name)
{
    if (!request->extract || request->executable)
        return;
    if (fetch_is_archive(name))
        log_warning("Keeping '%s' as it is: extracting archives is not built yet", name);
    else
        log_warning("Copying instead of extracting resource from URI with 'extract' flag, because it does not seem to "
                    "be an archive: %s",
                    request->uri);
}

int
fetch_one(const struct fetch_request *request, char **ret_path, struct err *err)
{
    int rc = fetch_check_uri(request->uri, err);
    auto_free char *name = rc ? NULL : fetch_output_name(request->uri, request->output_file, err);
    if (!name || (rc = make_parents(request->sandbox, name, err)) != 0)
        return rc ? rc : -EINVAL;
    auto_free char *path = xasprintf("%s/%s", request->sandbox, name);
    auto_fd int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (to < 0)
        return err_errno(err, "cannot create '%s'", path);
    rc = transfer(request, to, err);
    if (!rc && request->executable && fchmod(to, 0755) < 0)
        rc = err_errno(err, "cannot make '%s' executable", path);
    if (rc) {
        unlink(path);
        return rc;
    }
    tell_about_extraction(request, name);
    *ret_path = take(&path);
    return 0;
}
