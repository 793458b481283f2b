/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of one URI, to a descriptor. http, https, ftp and ftps through curl, files by copying, every other scheme
 * through the hadoop client, as Mesos does. Decides nothing about names and places.
 */
#include "executor/transfer.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/log.h"

enum { STALL_TIMEOUT_MS = 60 * 1000, CONNECT_TIMEOUT_SECS = 60, REDIRECTS_MAX = 20 };

extern char **environ;

const char *
transfer_after_scheme(const char *uri)
{
    const char *at = strstr(uri, "://");
    return at && at > uri && !memchr(uri, '/', (size_t)(at - uri)) ? at + 3 : NULL;
}

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

int
transfer_file(const char *path, int to, struct err *err)
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

static CURL *
curl_for(const struct fetch_request *request, char detail[CURL_ERROR_SIZE])
{
    int64_t stall_ms = request->stall_timeout_ms > 0 ? request->stall_timeout_ms : STALL_TIMEOUT_MS;
    const char *authorities = getenv("SSL_CERT_FILE"); /* as other programs on OpenSSL do */
    CURL *curl = curl_easy_init();
    if (!curl)
        return NULL;
    detail[0] = '\0';
    if (authorities && *authorities)
        curl_easy_setopt(curl, CURLOPT_CAINFO, authorities);
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
    return curl;
}

static int
download(const struct fetch_request *request, int to, struct err *err)
{
    char detail[CURL_ERROR_SIZE];
    CURL *curl = curl_for(request, detail);
    if (!curl)
        return err_set(err, -ENOMEM, "cannot start a transfer");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_download);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &to);
    int rc = check_answer(curl, curl_easy_perform(curl), detail, err);
    curl_easy_cleanup(curl);
    return rc;
}

static size_t
on_ignored(char *data, size_t size, size_t count, void *arg)
{
    return size * count;
}

/* HEAD, or ftp's SIZE. */
static int
remote_size(const struct fetch_request *request, uint64_t *ret_bytes, struct err *err)
{
    char detail[CURL_ERROR_SIZE];
    curl_off_t length = -1;
    long code = 0;
    CURL *curl = curl_for(request, detail);
    if (!curl)
        return err_set(err, -ENOMEM, "cannot start a transfer");
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_ignored); /* ftp tells about the file in the "body" */
    CURLcode rc = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    curl_easy_cleanup(curl);
    if (rc != CURLE_OK)
        return err_set(err, -EIO, "%s", detail[0] ? detail : curl_easy_strerror(rc));
    if (code >= 400 || length < 0)
        return err_set(err, -ENODATA, "the server does not say how large it is");
    *ret_bytes = (uint64_t)length;
    return 0;
}

/* ---- the hadoop client ---- */

static char *
hadoop_client(void)
{
    const char *home = getenv("HADOOP_HOME");
    return home && *home ? xasprintf("%s/bin/hadoop", home) : xstrdup("hadoop");
}

/* Runs "hadoop fs <verb> <a> <b>"; output of the client goes to `to`, or with the fetcher's own when it is -1. */
static int
hadoop(const char *verb, const char *a, const char *b, int to, struct err *err)
{
    auto_free char *client = hadoop_client();
    union { /* posix_spawn's prototype is older than const */
        const char *const *from;
        char *const *argv;
    } args = {.from = (const char *const[]){client, "fs", verb, a, b, NULL}};
    posix_spawn_file_actions_t actions;
    int status;
    pid_t pid;
    posix_spawn_file_actions_init(&actions);
    if (to >= 0)
        posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
    int rc = posix_spawnp(&pid, client, &actions, NULL, args.argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc)
        return err_set(err, -EPROTONOSUPPORT, "Failed to create HDFS client: Hadoop client is not available: %s: %s",
                       client, strerror(rc));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_errno(err, "cannot wait for the hadoop client");
    if (status != 0)
        return err_set(err, -EIO, "HDFS %s failed: the hadoop client ended with %s %d", verb + 1,
                       WIFEXITED(status) ? "status" : "signal", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return 0;
}

/* The client wants a path that does not exist yet: a directory of ours takes it, and goes. */
static int
hadoop_download(const struct fetch_request *request, int to, struct err *err)
{
    auto_free char *dir = xasprintf("%s/.hadoop.XXXXXX", request->sandbox);
    if (!mkdtemp(dir))
        return err_errno(err, "cannot make a directory in '%s'", request->sandbox);
    auto_free char *file = xasprintf("%s/content", dir);
    int rc = hadoop("-copyToLocal", request->uri, file, -1, err);
    if (!rc)
        rc = transfer_file(file, to, err);
    dir_remove(dir, NULL);
    return rc;
}

/* "-du" prints the size first. */
static int
hadoop_size(const struct fetch_request *request, uint64_t *ret_bytes, struct err *err)
{
    char line[256];
    auto_fd int out = open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (out < 0)
        return err_errno(err, "cannot make a temporary file");
    int rc = hadoop("-du", request->uri, NULL, out, err);
    ssize_t n = rc ? 0 : pread(out, line, sizeof(line) - 1, 0);
    line[n > 0 ? n : 0] = '\0';
    if (rc)
        return rc;
    return sscanf(line, "%" SCNu64, ret_bytes) == 1
               ? 0
               : err_set(err, -ENODATA, "the hadoop client does not say how large it is");
}

/* ---- by scheme ---- */

static bool
is_curls(const char *uri)
{
    static const char *const schemes[] = {"http://", "https://", "ftp://", "ftps://"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (strncasecmp(uri, schemes[i], strlen(schemes[i])) == 0)
            return true;
    return false;
}

/* The local path that a URI means, to be freed; NULL when it means none (*ret_rc 0) or one that is refused. */
static char *
local_path(const struct fetch_request *request, int *ret_rc, struct err *err)
{
    const char *uri = request->uri;
    *ret_rc = 0;
    if (str_starts(str_of(uri), STR_LIT("file://localhost/")))
        return xstrdup(uri + strlen("file://localhost"));
    if (str_starts(str_of(uri), STR_LIT("file://")))
        return xstrdup(uri + strlen("file://"));
    if (transfer_after_scheme(uri))
        return NULL;
    if (uri[0] == '/')
        return xstrdup(uri);
    if (request->frameworks_home && *request->frameworks_home)
        return xasprintf("%s/%s", request->frameworks_home, uri);
    *ret_rc = err_set(err, -EINVAL, "a relative path needs the agent's --frameworks_home");
    return NULL;
}

int
transfer(const struct fetch_request *request, int to, struct err *err)
{
    int rc;
    if (is_curls(request->uri))
        return download(request, to, err);
    auto_free char *path = local_path(request, &rc, err);
    if (path)
        return transfer_file(path, to, err);
    return rc ? rc : hadoop_download(request, to, err);
}

int
transfer_size(const struct fetch_request *request, uint64_t *ret_bytes, struct err *err)
{
    struct stat st;
    int rc;
    if (is_curls(request->uri))
        return remote_size(request, ret_bytes, err);
    auto_free char *path = local_path(request, &rc, err);
    if (!path)
        return rc ? rc : hadoop_size(request, ret_bytes, err);
    if (stat(path, &st) < 0)
        return err_errno(err, "cannot look at '%s'", path);
    *ret_bytes = (uint64_t)st.st_size;
    return 0;
}
