/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server may lie and dawdle: bodies are cut off at the size that was promised (or at a cap), digests are computed while
 * bytes arrive, redirects are few and lead to HTTP alone, never from TLS to clear text, and no login leaves for another host
 * than the registry's or the one that it names for tokens.
 */
#include "containerizer/image/registry.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"
#include "containerizer/image/credentials.h"
#include "containerizer/image/digest.h"

enum {
    REDIRECTS_MAX = 5,
    CONNECT_TIMEOUT_SECS = 30,
    SMALL_TIMEOUT_SECS = 120, /* manifests, tokens, configurations */
    TOKEN_MAX_BYTES = 64 * 1024,
    ERROR_MAX_BYTES = 16 * 1024,
    ATTEMPTS = 3, /* where the network fails, or the server says that it is busy */
    SLOWEST = 512, /* bytes per second, over the stall time */
};

static const char *const ACCEPT[] = {
    "Accept: application/vnd.docker.distribution.manifest.v2+json",
    "Accept: application/vnd.docker.distribution.manifest.list.v2+json",
    "Accept: application/vnd.oci.image.manifest.v1+json",
    "Accept: application/vnd.oci.image.index.v1+json",
    "Accept: application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.5",
    "Accept: application/json;q=0.3",
};

struct registry {
    CURL *curl;
    char *base; /* scheme://host[:port] */
    char *host; /* host[:port] */
    char *repository;
    char *login; /* "user:password", or NULL */
    char *authorization; /* the header, once one was asked for */
    long stall_secs;
    bool may_fall_back; /* to clear text: loopback, and no scheme was said */
};

/* Where one body goes. */
struct sink {
    struct buf *text; /* or */
    int fd;
    int64_t max, got;
    struct digest *digest;
    bool over;
    int failed; /* errno of writing */
    bool keep; /* bodies of errors go to `error` instead */
    struct buf error;
    CURL *curl;
    char *challenge; /* WWW-Authenticate */
};

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
    struct sink *sink = arg;
    size_t len = size * count;
    long code = 0;
    curl_easy_getinfo(sink->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code != 200) {
        size_t rest = ERROR_MAX_BYTES - sink->error.len;
        buf_append(&sink->error, data, len < rest ? len : rest);
        return len <= rest ? len : 0; /* nobody reads an endless complaint */
    }
    sink->got += (int64_t)len;
    if (sink->got > sink->max) {
        sink->over = true;
        return 0;
    }
    if (sink->digest)
        digest_add(sink->digest, data, len);
    if (sink->text) {
        buf_append(sink->text, data, len);
        return len;
    }
    for (size_t done = 0; done < len;) {
        ssize_t n = write(sink->fd, data + done, len - done);
        if (n < 0 && errno != EINTR) {
            sink->failed = errno;
            return 0;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return len;
}

static size_t
on_header(char *data, size_t size, size_t count, void *arg)
{
    struct sink *sink = arg;
    static const char name[] = "www-authenticate:";
    size_t len = size * count;
    if (len > sizeof name && strncasecmp(data, name, sizeof name - 1) == 0) {
        struct str value = str_trim(str_n(data + sizeof name - 1, len - sizeof name + 1));
        /* Of several, a token is better than a password. */
        if (!sink->challenge || strncasecmp(value.ptr, "bearer", 6) == 0) {
            free(sink->challenge);
            sink->challenge = str_dup(value);
        }
    }
    return len;
}

/* What a request needs whatever it asks for. */
static void
usual_options(CURL *curl, const char *url, struct sink *sink, long stall_secs, char detail[CURL_ERROR_SIZE])
{
    const char *authorities = getenv("SSL_CERT_FILE");
    bool tls = strncmp(url, "https:", 6) == 0;
    detail[0] = '\0';
    curl_easy_reset(curl);
    if (!authorities || !*authorities)
        authorities = getenv("CURL_CA_BUNDLE");
    if (authorities && *authorities)
        curl_easy_setopt(curl, CURLOPT_CAINFO, authorities);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, tls ? "https" : "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_SECS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)SLOWEST);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, stall_secs);
    if (sink->text)
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)SMALL_TIMEOUT_SECS);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "cmesos");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, sink);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, sink);
    sink->curl = curl;
}

/* As the docker client: authorities of one registry alone. */
static void
registry_authorities(const struct registry *registry)
{
    auto_free char *path = xasprintf("/etc/docker/certs.d/%s/ca.crt", registry->host);
    if (!getenv("SSL_CERT_FILE") && access(path, R_OK) == 0)
        curl_easy_setopt(registry->curl, CURLOPT_CAINFO, path);
}

/* The server's own words, when it sent such as the distribution API has. */
static void
add_words(const struct sink *sink, struct buf *out)
{
    json_t *root = json_loadb(buf_data(&sink->error) ? buf_data(&sink->error) : "", sink->error.len, 0, NULL);
    const json_t *first = json_array_get(json_object_get(root, "errors"), 0);
    const char *code = json_string_value(json_object_get(first, "code"));
    const char *text = json_string_value(json_object_get(first, "message"));
    if (!text)
        text = json_string_value(json_object_get(root, "details"));
    if (text)
        buf_printf(out, ": %.60s%s%.300s", code ? code : "", code ? ": " : "", text);
    json_decref(root);
}

static int
explain(const struct sink *sink, CURLcode rc, long code, const char *url, const char *detail, struct err *err)
{
    auto_buf struct buf words = {0};
    if (sink->over)
        return err_set(err, -EFBIG, "'%s' sends more than the %lld bytes that were expected", url, (long long)sink->max);
    if (sink->failed)
        return err_set(err, -sink->failed, "cannot write what '%s' sends: %s", url, strerror(sink->failed));
    if (rc == CURLE_TOO_MANY_REDIRECTS)
        return err_set(err, -ELOOP, "'%s' redirects more than %d times", url, (int)REDIRECTS_MAX);
    if (rc != CURLE_OK && !(rc == CURLE_WRITE_ERROR && code != 200))
        return err_set(err, -EIO, "cannot get '%s': %s", url, detail[0] ? detail : curl_easy_strerror(rc));
    add_words(sink, &words);
    int status = code == 404 ? -ENOENT : code == 401 || code == 403 ? -EACCES : -EIO;
    return err_set(err, status, "'%s' answers %ld%s", url, code, words.len > 0 ? buf_cstr(&words) : "");
}

static bool
is_transient(CURLcode rc, long code)
{
    return rc == CURLE_RECV_ERROR || rc == CURLE_SEND_ERROR || rc == CURLE_GOT_NOTHING || rc == CURLE_PARTIAL_FILE ||
           code == 429 || code == 502 || code == 503 || code == 504;
}

/* ---- tokens ---- */

/* name="value" of a challenge; to be freed, or NULL. */
static char *
parameter(const char *challenge, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = challenge; (at = strchr(at, '=')) != NULL; at++) {
        const char *begin = at;
        while (begin > challenge && begin[-1] != ' ' && begin[-1] != ',')
            begin--;
        if ((size_t)(at - begin) == len && strncasecmp(begin, name, len) == 0) {
            if (at[1] != '"')
                return xstrndup(at + 1, strcspn(at + 1, ", "));
            const char *end = strchr(at + 2, '"');
            return end ? xstrndup(at + 2, (size_t)(end - at - 2)) : NULL;
        }
        if (at[1] == '"') {
            const char *end = strchr(at + 2, '"');
            if (!end)
                return NULL;
            at = end - 1;
        }
    }
    return NULL;
}

static char *
basic(const char *login)
{
    auto_buf struct buf text = {0};
    buf_puts(&text, "Authorization: Basic ");
    base64_encode(&text, login, strlen(login));
    return buf_take(&text);
}

static int
read_token(struct registry *registry, const char *url, struct str text, struct err *err)
{
    json_t *root = json_loadb(text.ptr ? text.ptr : "", text.len, 0, NULL);
    const char *token = json_string_value(json_object_get(root, "token"));
    if (!token)
        token = json_string_value(json_object_get(root, "access_token"));
    bool good = token && *token && !strpbrk(token, "\r\n");
    if (good) {
        free(registry->authorization);
        registry->authorization = xasprintf("Authorization: Bearer %s", token);
    }
    json_decref(root);
    return good ? 0 : err_set(err, -EACCES, "'%s' answers without a token", url);
}

static char *
token_url(const struct registry *registry, const char *realm, const char *challenge)
{
    auto_free char *service = parameter(challenge, "service"), *scope = parameter(challenge, "scope");
    auto_buf struct buf url = {0};
    char *escaped;
    buf_puts(&url, realm);
    buf_putc(&url, strchr(realm, '?') ? '&' : '?');
    if (service) {
        escaped = curl_easy_escape(registry->curl, service, 0);
        buf_printf(&url, "service=%s&", escaped);
        curl_free(escaped);
    }
    auto_free char *usual = xasprintf("repository:%s:pull", registry->repository);
    escaped = curl_easy_escape(registry->curl, scope ? scope : usual, 0);
    buf_printf(&url, "scope=%s", escaped);
    curl_free(escaped);
    return buf_take(&url);
}

static int
get_token(struct registry *registry, const char *challenge, struct err *err)
{
    char detail[CURL_ERROR_SIZE];
    auto_buf struct buf text = {0};
    auto_free char *realm = parameter(challenge, "realm");
    bool tls = strncmp(registry->base, "https:", 6) == 0;
    if (!realm || (strncasecmp(realm, "https://", 8) != 0 && strncasecmp(realm, "http://", 7) != 0))
        return err_set(err, -EACCES, "'%s' wants a token and does not say where one is given: '%.200s'", registry->base, challenge);
    if (tls && strncasecmp(realm, "https://", 8) != 0)
        return err_set(err, -EACCES, "'%s' wants the login sent in clear text to '%.200s': it stays here", registry->base, realm);
    struct sink sink = {.text = &text, .max = TOKEN_MAX_BYTES};
    auto_free char *url = token_url(registry, realm, challenge);
    usual_options(registry->curl, url, &sink, registry->stall_secs, detail);
    registry_authorities(registry);
    auto_free char *header = registry->login ? basic(registry->login) : NULL;
    struct curl_slist *headers = header ? curl_slist_append(NULL, header) : NULL;
    curl_easy_setopt(registry->curl, CURLOPT_HTTPHEADER, headers);
    CURLcode rc = curl_easy_perform(registry->curl);
    long code = 0;
    curl_easy_getinfo(registry->curl, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_setopt(registry->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    int status = rc == CURLE_OK && code == 200 ? read_token(registry, url, buf_str(&text), err)
                                               : explain(&sink, rc, code, url, detail, err);
    buf_fini(&sink.error);
    free(sink.challenge);
    return status;
}

static int
authorize(struct registry *registry, const char *challenge, struct err *err)
{
    if (challenge && strncasecmp(challenge, "bearer", 6) == 0)
        return get_token(registry, challenge, err);
    if (challenge && strncasecmp(challenge, "basic", 5) == 0 && registry->login) {
        free(registry->authorization);
        registry->authorization = basic(registry->login);
        return 0;
    }
    return err_set(err, -EACCES, "'%s' wants a login%s", registry->base,
                   registry->login ? " of a kind that is not known" : ", and docker_config has none for it");
}

/* ---- requests ---- */

static CURLcode
ask(struct registry *registry, const char *url, bool manifest, struct sink *sink, long *ret_code, char *detail)
{
    struct curl_slist *headers = NULL;
    usual_options(registry->curl, url, sink, registry->stall_secs, detail);
    registry_authorities(registry);
    for (size_t i = 0; manifest && i < ARRAY_LEN(ACCEPT); i++)
        headers = curl_slist_append(headers, ACCEPT[i]);
    if (registry->authorization) /* curl keeps it from other hosts that a redirect names */
        headers = curl_slist_append(headers, registry->authorization);
    curl_easy_setopt(registry->curl, CURLOPT_HTTPHEADER, headers);
    CURLcode rc = curl_easy_perform(registry->curl);
    curl_easy_getinfo(registry->curl, CURLINFO_RESPONSE_CODE, ret_code);
    curl_easy_setopt(registry->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    return rc;
}

static int
rewind_sink(struct sink *sink, const char *algorithm, struct err *err)
{
    buf_clear(&sink->error);
    free(sink->challenge);
    sink->challenge = NULL;
    sink->got = 0;
    sink->over = false;
    if (sink->text)
        buf_clear(sink->text);
    else if (ftruncate(sink->fd, 0) < 0 || lseek(sink->fd, 0, SEEK_SET) < 0)
        return err_errno(err, "cannot write to the image store");
    digest_free(sink->digest);
    sink->digest = algorithm ? digest_new(algorithm) : NULL;
    return 0;
}

/* GETs a path of the registry, with a token when one is wanted, again when the network fails. */
static int
get(struct registry *registry, const char *path, bool manifest, struct sink *sink, const char *algorithm, struct err *err)
{
    char detail[CURL_ERROR_SIZE];
    bool asked = false;
    for (int attempt = 1;; attempt++) {
        long code = 0;
        auto_free char *url = xasprintf("%s%s", registry->base, path);
        int status = rewind_sink(sink, algorithm, err);
        if (status < 0)
            return status;
        CURLcode rc = ask(registry, url, manifest, sink, &code, detail);
        if (rc == CURLE_OK && code == 200)
            return 0;
        if ((rc == CURLE_SSL_CONNECT_ERROR) && registry->may_fall_back) {
            free(registry->base);
            registry->base = xasprintf("http://%s", registry->host);
            registry->may_fall_back = false;
            continue;
        }
        if (code == 401 && !asked && sink->challenge) {
            asked = true;
            auto_free char *challenge = take(&sink->challenge);
            if ((status = authorize(registry, challenge, err)) < 0)
                return status;
            continue;
        }
        if (attempt >= ATTEMPTS || !is_transient(rc, code) || sink->over)
            return explain(sink, rc, code, url, detail, err);
        log_warning("'%s': %s; once more", url, detail[0] ? detail : "the server is busy");
        sleep((unsigned)attempt);
    }
}

static void
sink_fini(struct sink *sink)
{
    digest_free(sink->digest);
    buf_fini(&sink->error);
    free(sink->challenge);
}

int
registry_manifest(struct registry *registry, const char *name, struct buf *out, struct err *err)
{
    auto_free char *path = xasprintf("/v2/%s/manifests/%s", registry->repository, name);
    struct sink sink = {.text = out, .max = MANIFEST_MAX_BYTES};
    int rc = get(registry, path, true, &sink, NULL, err);
    sink_fini(&sink);
    if (rc == 0 && digest_is_valid(str_of(name)))
        rc = digest_check(buf_str(out), name, "the manifest that was sent", err);
    return rc;
}

static int
get_blob(struct registry *registry, const struct blob *blob, struct sink *sink, struct err *err)
{
    char actual[DIGEST_TEXT];
    auto_free char *path = xasprintf("/v2/%s/blobs/%s", registry->repository, blob->digest);
    sink->max = blob->size >= 0 ? blob->size : BLOB_MAX_BYTES;
    int rc = get(registry, path, false, sink, blob->digest, err);
    if (rc == 0 && blob->size >= 0 && sink->got != blob->size)
        rc = err_set(err, -EBADMSG, "the blob %s has %lld bytes, and the manifest says %lld", blob->digest, (long long)sink->got,
                     (long long)blob->size);
    if (rc == 0) {
        digest_end(take(&sink->digest), actual);
        if (strcmp(actual, blob->digest) != 0)
            rc = err_set(err, -EBADMSG, "the blob that was sent has digest %s, and %s was asked for", actual, blob->digest);
    }
    sink_fini(sink);
    return rc;
}

int
registry_blob_text(struct registry *registry, const struct blob *blob, struct buf *out, struct err *err)
{
    struct sink sink = {.text = out};
    return get_blob(registry, blob, &sink, err);
}

int
registry_blob(struct registry *registry, const struct blob *blob, int fd, struct err *err)
{
    struct sink sink = {.fd = fd};
    return get_blob(registry, blob, &sink, err);
}

int
download(const char *url, int fd, int64_t max, long stall_secs, struct err *err)
{
    char detail[CURL_ERROR_SIZE];
    struct sink sink = {.fd = fd, .max = max};
    long code = 0;
    CURL *curl = curl_easy_init();
    if (!curl)
        return err_set(err, -ENOMEM, "cannot start a transfer");
    usual_options(curl, url, &sink, stall_secs, detail);
    CURLcode rc = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    int status = rc == CURLE_OK && code == 200 ? 0 : explain(&sink, rc, code, url, detail, err);
    sink_fini(&sink);
    curl_easy_cleanup(curl);
    return status;
}

/* ---- which one ---- */

static bool
is_loopback(const char *host)
{
    return strncmp(host, "localhost", 9) == 0 || strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0;
}

static const char *
host_in(const char *url)
{
    const char *scheme = strstr(url, "://");
    return scheme ? scheme + 3 : url;
}

static bool
is_hub(const char *host)
{
    return strcmp(host, "registry-1.docker.io") == 0 || strcmp(host, "index.docker.io") == 0 || strcmp(host, "docker.io") == 0;
}

/* The scheme of a registry that an image's name names: as --docker_registry says of the same host; port 80 is clear text. */
static void
find_base(struct registry *registry, const struct reference *reference, const char *fallback)
{
    const char *own = host_in(fallback);
    size_t own_len = strcspn(own, "/");
    if (!reference->registry) {
        registry->host = xstrndup(own, own_len);
        size_t len = strlen(fallback);
        while (len > 0 && fallback[len - 1] == '/')
            len--;
        registry->base = own == fallback ? xasprintf("https://%.*s", (int)len, fallback) : xstrndup(fallback, len);
        return;
    }
    registry->host = xstrdup(strcmp(reference->registry, "docker.io") == 0 ? "registry-1.docker.io" : reference->registry);
    bool is_own = strlen(registry->host) == own_len && strncmp(own, registry->host, own_len) == 0 && own != fallback;
    bool clear = is_own ? strncmp(fallback, "http:", 5) == 0 : str_ends(str_of(registry->host), STR_LIT(":80"));
    registry->may_fall_back = !is_own && !clear && is_loopback(registry->host);
    registry->base = xasprintf("%s://%s", clear ? "http" : "https", registry->host);
}

struct registry *
registry_open(const struct reference *reference, const char *fallback, const char *docker_config, long stall_secs,
              struct err *err)
{
    struct registry *registry = xcalloc(1, sizeof *registry);
    registry->stall_secs = stall_secs > 0 ? stall_secs : 60;
    registry->curl = curl_easy_init();
    find_base(registry, reference, fallback);
    bool official = is_hub(registry->host) && !strchr(reference->repository, '/');
    registry->repository = xasprintf("%s%s", official ? "library/" : "", reference->repository);
    if (!registry->curl)
        err_set(err, -ENOMEM, "cannot start a transfer");
    else if (credentials_find(docker_config, registry->host, &registry->login, err) == 0)
        return registry;
    registry_close(registry);
    return NULL;
}

void
registry_close(struct registry *registry)
{
    if (!registry)
        return;
    if (registry->curl)
        curl_easy_cleanup(registry->curl);
    free(registry->base);
    free(registry->host);
    free(registry->repository);
    free(registry->login);
    free(registry->authorization);
    free(registry);
}
