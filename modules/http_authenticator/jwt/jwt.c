/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_authenticator "jwt": bearers of tokens that were signed with the key in key_file. An agent gives its executors such tokens
 * (--authenticate_http_executors, --jwt_secret_key); with `sub` in them they serve anybody else as well. The key is read at the
 * start and when the operator says so; it is held here and nowhere else.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "common/authorization.h"
#include "http_authenticator/jwt/token.h"

enum { KEY_MAX_BYTES = 64 << 10, KEY_GOOD_BYTES = 32 }; /* RFC 7518, 3.2: as many as the signature has */

struct jwt {
    const struct mesos_host *host;
    const char *key_file; /* option */
    struct buf key;
    const char *watched[2];
};

static void
forget(struct buf *key)
{
    if (key->len > 0)
        explicit_bzero(buf_data(key), key->len);
    buf_fini(key);
    *key = (struct buf){0};
}

/* The file's bytes as they are, a newline at its end included, as Mesos takes them. */
static int
read_key(struct jwt *jwt)
{
    struct buf key = {0};
    struct err err = {0};
    struct stat st;
    if (!jwt->key_file)
        return jwt->host->fail(jwt->host, -EINVAL,
                               "a key is wanted: name the file that holds it with --jwt_secret_key or the parameter key_file");
    if (file_read(jwt->key_file, KEY_MAX_BYTES, &key, &err) < 0 || key.len == 0) {
        forget(&key);
        return jwt->host->fail(jwt->host, -EINVAL, "the key that signs tokens cannot be had: %s%s", err.code ? err.text : jwt->key_file,
                               err.code ? "" : " is empty");
    }
    if (stat(jwt->key_file, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)))
        MESOS_LOG(jwt->host, WARNING, "%s is open to others than its owner, and holds the key that signs tokens: its mode should be 0600",
                  jwt->key_file);
    if (key.len < KEY_GOOD_BYTES)
        MESOS_LOG(jwt->host, WARNING, "the key in %s has %zu bytes only, which can be guessed: it should have %d or more", jwt->key_file,
                  key.len, KEY_GOOD_BYTES);
    forget(&jwt->key);
    jwt->key = key;
    return 0;
}

static int
jwt_start(void *instance, const struct mesos_host *host)
{
    struct jwt *jwt = instance;
    jwt->host = host;
    return read_key(jwt);
}

static int
jwt_reload(void *instance)
{
    return read_key(instance);
}

static const char *const *
jwt_watched(void *instance)
{
    struct jwt *jwt = instance;
    jwt->watched[0] = jwt->key_file;
    return jwt->watched;
}

static void
jwt_stop(void *instance, struct mesos_call *call)
{
    struct jwt *jwt = instance;
    forget(&jwt->key);
    if (call)
        jwt->host->reply(jwt->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static void
jwt_authenticate(void *instance, const struct mesos_http_request *request, struct mesos_call *call)
{
    struct jwt *jwt = instance;
    struct str token = authorization_of(request, "Bearer");
    auto_buf struct buf answer = {0};
    struct err err = {0};
    if (!token.ptr || token_read(token, buf_str(&jwt->key), jwt->host->wall_secs(jwt->host), &answer, &err) < 0) {
        auto_free char *challenge = xasprintf("Bearer realm=\"%s\"%s", request->realm, token.ptr ? ", error=\"invalid_token\"" : "");
        authorization_say(&answer, "challenge", challenge);
        if (token.ptr)
            authorization_say(&answer, "failed", err.text);
    }
    authorization_reply(jwt->host, call, &answer);
}

static int
jwt_issue(void *instance, const struct mesos_principal *principal, char *out, size_t size)
{
    struct jwt *jwt = instance;
    struct err err = {0};
    auto_buf struct buf token = {0};
    if (token_make(principal, buf_str(&jwt->key), &token, &err) < 0)
        return jwt->host->fail(jwt->host, -EINVAL, "%s", err.text);
    if (token.len >= size)
        return jwt->host->fail(jwt->host, -ENOSPC, "the token is too long");
    memcpy(out, buf_cstr(&token), token.len + 1);
    explicit_bzero(buf_data(&token), token.len);
    return 0;
}

static const struct mesos_option options[] = {
    {"key_file", MESOS_OPTION_PATH, offsetof(struct jwt, key_file), NULL, "The file with the key that signs tokens."}, {0}};
static const struct mesos_http_authenticator_ops ops = {
    .scheme = "Bearer", .authenticate = jwt_authenticate, .issue = jwt_issue};

static const struct mesos_module module = {
    MESOS_MODULE(HTTP_AUTHENTICATOR, ops, struct jwt),
    .name = "jwt",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "bearers of signed tokens (RFC 7519, HS256)",
    .options = options,
    .start = jwt_start,
    .stop = jwt_stop,
    .reload = jwt_reload,
    .watched = jwt_watched,
};

MESOS_MODULES(&module);
