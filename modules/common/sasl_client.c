/* SPDX-License-Identifier: Apache-2.0 */
/* The side that proves who we are. */
#include "common/sasl_inside.h"

#include <errno.h>
#include <string.h>

struct sasl_client {
    sasl_conn_t *connection;
    const struct credential *credential;
    sasl_secret_t *secret; /* the library reads it until the conversation is over */
    bool done; /* our last word is said */
    sasl_callback_t callbacks[4];
};

static int
on_name(void *context, int id, const char **ret, unsigned *ret_len)
{
    const struct sasl_client *client = context;
    /* Whom we speak for: left empty, it is who we are, and a name with odd characters is not quoted twice. */
    *ret = id == SASL_CB_AUTHNAME ? client->credential->principal : "";
    if (ret_len)
        *ret_len = (unsigned)strlen(*ret);
    return SASL_OK;
}

static int
on_secret(sasl_conn_t *connection, void *context, int id, sasl_secret_t **ret)
{
    struct sasl_client *client = context;
    const struct credential *credential = client->credential;
    (void)connection;
    (void)id;
    if (!client->secret) {
        client->secret = xcalloc(1, sizeof(*client->secret) + credential->secret_len + 1);
        client->secret->len = credential->secret_len;
        memcpy(client->secret->data, credential->secret, credential->secret_len);
    }
    *ret = client->secret;
    return SASL_OK;
}

int
sasl_client_begin(struct err *err)
{
    static bool ready;
    if (ready)
        return 0;
    int code = sasl_client_init(sasl_callbacks);
    ready = code == SASL_OK;
    return ready ? 0 : sasl_fault(NULL, code, "Cyrus SASL cannot be used", err);
}

struct sasl_client *
sasl_client_ready(struct err *err)
{
    struct sasl_client *client = xcalloc(1, sizeof(*client));
    client->callbacks[0] = (sasl_callback_t){SASL_CB_USER, SASL_AS_CALLBACK(on_name), client};
    client->callbacks[1] = (sasl_callback_t){SASL_CB_AUTHNAME, SASL_AS_CALLBACK(on_name), client};
    client->callbacks[2] = (sasl_callback_t){SASL_CB_PASS, SASL_AS_CALLBACK(on_secret), client};
    client->callbacks[3] = (sasl_callback_t){SASL_CB_LIST_END, NULL, NULL};
    int code = sasl_client_new("mesos", "master", NULL, NULL, client->callbacks, 0, &client->connection);
    if (code == SASL_OK)
        return client;
    sasl_fault(NULL, code, "cannot begin", err);
    sasl_client_close(client);
    return NULL;
}

int
sasl_client_open(struct sasl_client *client, const char *mechanism, const struct credential *credential,
                 struct str *ret_first, struct err *err)
{
    const char *out = NULL, *taken = NULL;
    unsigned out_len = 0;
    client->credential = credential;
    int code = sasl_client_start(client->connection, mechanism, NULL, &out, &out_len, &taken);
    if (code == SASL_NOMECH)
        return err_set(err, -ENOTSUP, "Cyrus SASL has no plug-in for %s in " SASL_PLUGINDIR " (Debian: libsasl2-modules)",
                       mechanism);
    if (code != SASL_OK && code != SASL_CONTINUE)
        return sasl_fault(client->connection, code, "cannot begin", err);
    *ret_first = str_n(out, out_len);
    return 0;
}

int
sasl_client_hear(struct sasl_client *client, struct str said, struct str *ret_answer, struct err *err)
{
    const char *out = NULL;
    unsigned out_len = 0;
    if (client->done)
        return err_set(err, -EPROTO, "the master goes on after the end");
    if (said.len > SASL_STEP_MAX)
        return err_set(err, -EMSGSIZE, "%zu bytes are more than any mechanism has to say", said.len);
    int code = sasl_client_step(client->connection, said.len ? said.ptr : "", (unsigned)said.len, NULL, &out, &out_len);
    if (code != SASL_OK && code != SASL_CONTINUE)
        return sasl_fault(client->connection, code, "what the master said is no step of the mechanism", err);
    client->done = code == SASL_OK;
    *ret_answer = str_n(out, out_len);
    return client->done;
}

void
sasl_client_close(struct sasl_client *client)
{
    if (!client)
        return;
    sasl_dispose(&client->connection);
    if (client->secret)
        explicit_bzero(client->secret->data, client->secret->len);
    free(client->secret);
    free(client);
}
