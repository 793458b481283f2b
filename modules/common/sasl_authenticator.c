/* SPDX-License-Identifier: Apache-2.0 */
/* See sasl_authenticator.h. Credentials are read at start and by reload; a conversation looks into the set that is in force when the
 * peer names itself. */
#include "common/sasl_authenticator.h"

#include <errno.h>

#include "common/sasl.h"

const struct mesos_option sasl_authenticator_options[] = {
    {"credentials", MESOS_OPTION_PATH, offsetof(struct sasl_authenticator, path), NULL,
     "The file of principals and secrets; without it, the master's --credentials."},
    {NULL, 0, 0, NULL, NULL},
};

static struct credentials *
load(const struct sasl_authenticator *authenticator, struct err *err)
{
    bool exposed = false;
    if (!authenticator->path)
        return credentials_parse(str_of(""), "no credentials", err);
    struct credentials *credentials = credentials_read(authenticator->path, &exposed, err);
    if (credentials && exposed)
        MESOS_LOG(authenticator->host, WARNING, "Permissions on credentials file '%s' are too open: others than its owner and "
                  "group can get at the secrets in it", authenticator->path);
    return credentials;
}

static void
tell(const struct sasl_authenticator *authenticator, const char *when)
{
    size_t count = credentials_count(authenticator->credentials);
    MESOS_LOG(authenticator->host, INFO, "%s: %zu credentials%s", authenticator->mechanisms[0], count, when);
    if (authenticator->path && !count)
        MESOS_LOG(authenticator->host, WARNING, "there is not a single credential in '%s': nobody can log in", authenticator->path);
}

/* Said when it starts, not when the first peer comes: that the mechanism is there. */
static int
try_mechanism(struct sasl_authenticator *authenticator, const char *mechanism, struct err *err)
{
    int status = sasl_server_ready(err);
    if (status)
        return status;
    struct sasl_server *trial = sasl_server_open(mechanism, &authenticator->credentials, &authenticator->keys, err);
    sasl_server_close(trial);
    return trial ? 0 : err->code;
}

int
sasl_authenticator_start(struct sasl_authenticator *authenticator, const struct mesos_host *host, const char *mechanism)
{
    struct err err = {0};
    authenticator->host = host;
    authenticator->mechanisms[0] = mechanism;
    bool own = authenticator->path != NULL;
    if (!own)
        authenticator->path = host->daemon_option(host, "credentials");
    if (authenticator->path && !*authenticator->path)
        authenticator->path = NULL;
    authenticator->watched[0] = authenticator->path;
    authenticator->credentials = load(authenticator, &err);
    const char *blame = !own && authenticator->path && !authenticator->credentials ? "option 'credentials': " : "";
    if (!authenticator->credentials || try_mechanism(authenticator, mechanism, &err) < 0)
        return host->fail(host, err.code, "%s%s", blame, err.text);
    tell(authenticator, "");
    return 0;
}

void
sasl_authenticator_stop(void *instance, struct mesos_call *call)
{
    struct sasl_authenticator *authenticator = instance;
    scram_keys_forget(&authenticator->keys);
    credentials_free(authenticator->credentials);
    authenticator->credentials = NULL;
    if (call)
        authenticator->host->reply(authenticator->host, call, 0, (struct mesos_bytes){0});
}

int
sasl_authenticator_reload(void *instance)
{
    struct sasl_authenticator *authenticator = instance;
    struct err err = {0};
    struct credentials *credentials = load(authenticator, &err);
    if (!credentials)
        return authenticator->host->fail(authenticator->host, err.code, "%s", err.text);
    scram_keys_forget(&authenticator->keys);
    credentials_free(authenticator->credentials);
    authenticator->credentials = credentials;
    tell(authenticator, " now");
    return 0;
}

const char *const *
sasl_authenticator_watched(void *instance)
{
    struct sasl_authenticator *authenticator = instance;
    return authenticator->watched;
}

static const char *const *
mechanisms(void *instance)
{
    const struct sasl_authenticator *authenticator = instance;
    return authenticator->mechanisms;
}

static int
session_new(void *instance, const char *mechanism, void **ret_session)
{
    struct sasl_authenticator *authenticator = instance;
    struct err err = {0};
    (void)mechanism; /* there is but one */
    *ret_session = sasl_server_open(authenticator->mechanisms[0], &authenticator->credentials, &authenticator->keys, &err);
    return *ret_session ? 0 : authenticator->host->fail(authenticator->host, err.code, "%s", err.text);
}

static int
step(void *instance, void *session, struct mesos_bytes said, struct mesos_bytes *ret_answer)
{
    const struct sasl_authenticator *authenticator = instance;
    struct err err = {0};
    struct str answer;
    int code = sasl_server_hear(session, str_n(said.data, said.len), &answer, &err);
    *ret_answer = (struct mesos_bytes){answer.ptr, answer.len};
    return code < 0 ? authenticator->host->fail(authenticator->host, code, "%s", err.text) : code;
}

static const char *
principal(void *instance, void *session)
{
    (void)instance;
    return sasl_server_principal(session);
}

static void
session_free(void *instance, void *session)
{
    (void)instance;
    sasl_server_close(session);
}

const struct mesos_authenticator_ops sasl_authenticator_ops = {mechanisms, session_new, step, principal, session_free};
