/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See sasl_authenticatee.h. Cyrus SASL looks up this host's name for each conversation, which may wait for a name server: what a
 * conversation needs is therefore made ahead, at start and then off the loop.
 */
#include "common/sasl_authenticatee.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/sasl.h"

const struct mesos_option sasl_authenticatee_options[] = {
    {"credential", MESOS_OPTION_PATH, offsetof(struct sasl_authenticatee, path), NULL,
     "The file with our principal and secret; without it, the agent's --credential."},
    {NULL, 0, 0, NULL, NULL},
};

/* A conversation that is being made ready off the loop. */
struct spare {
    struct sasl_authenticatee *authenticatee;
    struct sasl_client *client;
    struct err err;
};

static void
make(void *arg)
{
    struct spare *spare = arg;
    spare->client = sasl_client_ready(&spare->err);
}

static void
answer_stop(struct sasl_authenticatee *authenticatee, struct mesos_call *call)
{
    credentials_free(authenticatee->credential);
    sasl_client_close(authenticatee->ready);
    authenticatee->credential = NULL;
    authenticatee->ready = NULL;
    if (call)
        authenticatee->host->reply(authenticatee->host, call, 0, (struct mesos_bytes){0});
}

static void
made(void *arg)
{
    struct spare *spare = arg;
    struct sasl_authenticatee *authenticatee = spare->authenticatee;
    authenticatee->making = NULL;
    authenticatee->ready = spare->client;
    if (!spare->client)
        MESOS_LOG(authenticatee->host, ERROR, "%s", spare->err.text);
    free(spare);
    if (authenticatee->stopping)
        answer_stop(authenticatee, authenticatee->stopping);
}

static void
make_ready(struct sasl_authenticatee *authenticatee)
{
    if (authenticatee->ready || authenticatee->making)
        return;
    struct spare *spare = xcalloc(1, sizeof(*spare));
    spare->authenticatee = authenticatee;
    authenticatee->making = spare;
    authenticatee->host->offload(authenticatee->host, true, make, made, spare);
}

static struct credentials *
load(const struct sasl_authenticatee *authenticatee, struct err *err)
{
    bool exposed = false;
    if (!authenticatee->path) {
        err_set(err, -EINVAL, "there is no credential to prove who we are: --credential names its file");
        return NULL;
    }
    struct credentials *credential = credential_read(authenticatee->path, &exposed, err);
    if (credential && exposed)
        MESOS_LOG(authenticatee->host, WARNING, "Permissions on credential file '%s' are too open: others than its owner and "
                  "group can get at the secret in it", authenticatee->path);
    return credential;
}

int
sasl_authenticatee_start(struct sasl_authenticatee *authenticatee, const struct mesos_host *host, const char *mechanism)
{
    struct err err = {0};
    authenticatee->host = host;
    authenticatee->mechanism = mechanism;
    bool own = authenticatee->path != NULL;
    if (!own)
        authenticatee->path = host->daemon_option(host, "credential");
    if (authenticatee->path && !*authenticatee->path)
        authenticatee->path = NULL;
    authenticatee->watched[0] = authenticatee->path;
    authenticatee->credential = load(authenticatee, &err);
    const char *blame = !own && authenticatee->path && !authenticatee->credential ? "option 'credential': " : "";
    if (!authenticatee->credential || sasl_client_begin(&err) < 0 || !(authenticatee->ready = sasl_client_ready(&err))) {
        credentials_free(authenticatee->credential);
        return host->fail(host, err.code, "%s%s", blame, err.text);
    }
    MESOS_LOG(host, INFO, "%s as '%s'", mechanism, credentials_only(authenticatee->credential)->principal);
    return 0;
}

void
sasl_authenticatee_stop(void *instance, struct mesos_call *call)
{
    struct sasl_authenticatee *authenticatee = instance;
    if (authenticatee->making && call)
        authenticatee->stopping = call; /* answered when that is made */
    else
        answer_stop(authenticatee, call);
}

int
sasl_authenticatee_reload(void *instance)
{
    struct sasl_authenticatee *authenticatee = instance;
    struct err err = {0};
    struct credentials *credential = load(authenticatee, &err);
    if (!credential)
        return authenticatee->host->fail(authenticatee->host, err.code, "%s", err.text);
    credentials_free(authenticatee->credential);
    authenticatee->credential = credential;
    return 0;
}

const char *const *
sasl_authenticatee_watched(void *instance)
{
    struct sasl_authenticatee *authenticatee = instance;
    return authenticatee->watched;
}

/* One conversation. The credential is its own: a reload in the middle changes nothing of it. */
struct session {
    struct sasl_client *client;
    struct credentials *credential;
};

static bool
offers(const char *const *mechanisms, size_t count, const char *wanted)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(mechanisms[i], wanted) == 0)
            return true;
    return false;
}

static void
session_free(void *instance, void *arg)
{
    struct session *session = arg;
    (void)instance;
    sasl_client_close(session->client);
    credentials_free(session->credential);
    free(session);
}

static int
session_new(void *instance, const char *const *mechanisms, size_t count, void **ret_session, const char **ret_mechanism,
            struct mesos_bytes *ret_first)
{
    struct sasl_authenticatee *authenticatee = instance;
    const struct mesos_host *host = authenticatee->host;
    struct err err = {0};
    struct str first = {0};
    if (!offers(mechanisms, count, authenticatee->mechanism))
        return host->fail(host, -ENOTSUP, "the master does not offer %s", authenticatee->mechanism);
    if (!authenticatee->ready) {
        make_ready(authenticatee);
        return host->fail(host, -EAGAIN, "the last conversation has only just begun");
    }
    struct session *session = xcalloc(1, sizeof(*session));
    session->client = authenticatee->ready;
    session->credential = credentials_copy(authenticatee->credential);
    authenticatee->ready = NULL;
    make_ready(authenticatee);
    int status = sasl_client_open(session->client, authenticatee->mechanism, credentials_only(session->credential), &first, &err);
    if (status < 0) {
        session_free(instance, session);
        return host->fail(host, status, "%s", err.text);
    }
    *ret_session = session;
    *ret_mechanism = authenticatee->mechanism;
    *ret_first = (struct mesos_bytes){first.ptr, first.len};
    return 0;
}

static int
step(void *instance, void *arg, struct mesos_bytes said, struct mesos_bytes *ret_answer)
{
    const struct sasl_authenticatee *authenticatee = instance;
    struct session *session = arg;
    struct err err = {0};
    struct str answer = {0};
    int code = sasl_client_hear(session->client, str_n(said.data, said.len), &answer, &err);
    *ret_answer = (struct mesos_bytes){answer.ptr, answer.len};
    return code < 0 ? authenticatee->host->fail(authenticatee->host, code, "%s", err.text) : code;
}

const struct mesos_authenticatee_ops sasl_authenticatee_ops = {session_new, step, session_free};
