/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_authenticator "basic": principals and secrets of a file, sent as RFC 7617 says. The file is read at the start and when the
 * operator says so; a file that is not in order leaves the old one in force.
 */
#include <errno.h>

#include "base/mem.h"
#include "base/units.h"
#include "common/authorization.h"
#include "common/credentials.h"

struct basic {
    const struct mesos_host *host;
    const char *file; /* option */
    struct credentials *credentials;
    const char *watched[2];
};

static int
read_credentials(struct basic *basic)
{
    struct err err = {0};
    bool exposed = false;
    if (!basic->file)
        return basic->host->fail(basic->host, -EINVAL,
                                 "no credentials are given: name the file of principals and secrets with --credentials (a master), "
                                 "--http_credentials (an agent) or the parameter credentials");
    struct credentials *credentials = credentials_read(basic->file, &exposed, &err);
    if (!credentials)
        return basic->host->fail(basic->host, err.code ? err.code : -EINVAL, "%s", err.text);
    if (exposed)
        MESOS_LOG(basic->host, WARNING, "%s, which holds secrets, is open to others than its owner: its mode should be 0600",
                  basic->file);
    credentials_free(basic->credentials);
    basic->credentials = credentials;
    MESOS_LOG(basic->host, INFO, "basic: %zu credentials of %s are in force", credentials_count(credentials), basic->file);
    return 0;
}

static int
basic_start(void *instance, const struct mesos_host *host)
{
    struct basic *basic = instance;
    basic->host = host;
    return read_credentials(basic);
}

static int
basic_reload(void *instance)
{
    return read_credentials(instance);
}

static const char *const *
basic_watched(void *instance)
{
    struct basic *basic = instance;
    basic->watched[0] = basic->file;
    return basic->watched;
}

static void
basic_stop(void *instance, struct mesos_call *call)
{
    struct basic *basic = instance;
    credentials_free(basic->credentials);
    basic->credentials = NULL;
    if (call)
        basic->host->reply(basic->host, call, 0, (struct mesos_bytes){NULL, 0});
}

/* "principal:secret" in what was sent. Whose login it is said to be goes to the answer when it fails. */
static bool
check(const struct basic *basic, struct str sent, struct buf *answer)
{
    auto_buf struct buf plain = {0};
    struct str secret, principal;
    const char *why = "it is not 'principal:secret' in base64";
    auto_free char *name = NULL;
    if (base64_decode(&plain, sent) == 0 && str_find(buf_str(&plain), ':') > 0 && str_find(buf_str(&plain), '\0') < 0) {
        secret = buf_str(&plain);
        principal = str_cut(&secret, ':');
        name = str_dup(principal);
        why = credentials_match(basic->credentials, principal, secret) ? NULL : "unknown principal or wrong secret";
        explicit_bzero(buf_data(&plain), plain.len);
    }
    if (why)
        authorization_say(answer, "failed", why);
    if (name)
        authorization_say(answer, why ? "claimed" : "principal", name);
    return !why;
}

static void
basic_authenticate(void *instance, const struct mesos_http_request *request, struct mesos_call *call)
{
    struct basic *basic = instance;
    struct str sent = authorization_of(request, "Basic");
    auto_buf struct buf answer = {0};
    if (!sent.ptr || !check(basic, sent, &answer)) {
        auto_free char *challenge = xasprintf("Basic realm=\"%s\"", request->realm);
        authorization_say(&answer, "challenge", challenge);
    }
    authorization_reply(basic->host, call, &answer);
}

static const struct mesos_option options[] = {
    {"credentials", MESOS_OPTION_PATH, offsetof(struct basic, file), NULL, "The file of principals and secrets."}, {0}};
static const struct mesos_http_authenticator_ops ops = {.scheme = "Basic", .authenticate = basic_authenticate};

static const struct mesos_module module = {
    MESOS_MODULE(HTTP_AUTHENTICATOR, ops, struct basic),
    .name = "basic",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "principals and secrets of a file, sent as RFC 7617 says",
    .options = options,
    .start = basic_start,
    .stop = basic_stop,
    .reload = basic_reload,
    .watched = basic_watched,
};

MESOS_MODULES(&module);
