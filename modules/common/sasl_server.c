/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The side that checks. Cyrus SASL asks "auxprop" plug-ins for secrets; ours is the only one that it is told to ask, and finds
 * the conversation that the question is about by a callback of our own number in that conversation's list.
 */
#include "common/sasl_inside.h"

#include <errno.h>
#include <limits.h>
#include <sasl/saslplug.h>
#include <string.h>
#include <unistd.h>

enum { OWN_CALLBACK = 0xC3E5 }; /* no number of the library's */

struct sasl_server {
    sasl_conn_t *connection;
    const char *mechanism;
    struct credentials *const *credentials;
    struct scram_keys *keys;
    char *claimed; /* whom the peer says to be */
    bool begun, unknown;
    sasl_callback_t callbacks[3];
};

static const char plugin_name[] = "cmesos";

static int
on_option(void *context, const char *plugin, const char *option, const char **ret, unsigned *ret_len)
{
    const struct sasl_server *server = context;
    (void)plugin;
    if (strcmp(option, "auxprop_plugin") == 0)
        *ret = plugin_name;
    else if (strcmp(option, "mech_list") == 0)
        *ret = server->mechanism;
    else
        return SASL_FAIL;
    if (ret_len)
        *ret_len = (unsigned)strlen(*ret);
    return SASL_OK;
}

static int
on_own(void)
{
    return SASL_OK;
}

/* key: what was made of a secret for SCRAM; ptr NULL = the plain secret is all there is. */
static void
give(sasl_server_params_t *params, struct str key, struct str secret)
{
    const struct propval *wanted = params->utils->prop_get(params->propctx);
    for (; wanted && wanted->name; wanted++) {
        if (wanted->values)
            continue;
        if (key.ptr && strcmp(wanted->name, "*authPassword") == 0)
            params->utils->prop_set(params->propctx, wanted->name, key.ptr, (int)key.len);
        else if (!key.ptr && strcmp(wanted->name, SASL_AUX_PASSWORD) == 0)
            params->utils->prop_set(params->propctx, wanted->name, secret.ptr, (int)secret.len);
    }
}

static bool
is_scram(const struct sasl_server *server)
{
    return strcmp(server->mechanism, "SCRAM-SHA-256") == 0;
}

static void
give_credential(const struct sasl_server *server, sasl_server_params_t *params, const struct credential *credential)
{
    const char *key = is_scram(server) ? scram_keys_of(server->keys, credential) : NULL;
    give(params, str_of(key), str_n(credential->secret, credential->secret_len));
}

/* Whoever names nobody goes the same way as one with a wrong secret: who there is, is nothing that strangers may find out. */
static int
give_decoy(const struct sasl_server *server, sasl_server_params_t *params, struct str name)
{
    auto_buf struct buf key = {0};
    if (scram_keys_decoy(server->keys, name, &key) < 0)
        return SASL_NOUSER;
    give(params, is_scram(server) ? buf_str(&key) : (struct str){0}, buf_str(&key));
    return SASL_OK;
}

static int
on_lookup(void *glob, sasl_server_params_t *params, unsigned flags, const char *user, unsigned user_len)
{
    sasl_callback_ft owner = NULL;
    void *context = NULL;
    (void)glob;
    if (params->utils->getcallback(params->utils->conn, OWN_CALLBACK, &owner, &context) != SASL_OK || !context)
        return SASL_FAIL;
    if (owner != SASL_AS_CALLBACK(on_own))
        return SASL_NOUSER; /* of another library that holds this file */
    struct sasl_server *server = context;
    if (!server->claimed)
        server->claimed = str_dup(str_n(user, user_len));
    const struct credential *credential = credentials_find(*server->credentials, str_n(user, user_len));
    server->unknown |= !credential;
    if (flags & SASL_AUXPROP_AUTHZID)
        return SASL_OK;
    if (!credential)
        return give_decoy(server, params, str_n(user, user_len));
    give_credential(server, params, credential);
    return SASL_OK;
}

static int
on_plugin(const sasl_utils_t *utils, int newest, int *ret_version, sasl_auxprop_plug_t **ret, const char *name)
{
    static char own_name[] = "cmesos";
    static sasl_auxprop_plug_t plugin = {.auxprop_lookup = on_lookup, .name = own_name};
    (void)utils;
    (void)name;
    if (newest < SASL_AUXPROP_PLUG_VERSION)
        return SASL_BADVERS;
    *ret_version = SASL_AUXPROP_PLUG_VERSION;
    *ret = &plugin;
    return SASL_OK;
}

/* Libraries that hold this file add a plug-in each, under the same name: all are asked about any conversation, and only the
 * one that has opened it knows anyone. */
int
sasl_server_ready(struct err *err)
{
    static bool ready;
    if (ready)
        return 0;
    int code = sasl_server_init(sasl_callbacks, NULL); /* without a program's name no configuration is looked for */
    if (code == SASL_OK)
        code = sasl_auxprop_add_plugin(plugin_name, on_plugin);
    ready = code == SASL_OK;
    return ready ? 0 : sasl_fault(NULL, code, "Cyrus SASL cannot be used", err);
}

static int
check_mechanism(struct sasl_server *server, struct err *err)
{
    const char *list = NULL;
    if (sasl_listmech(server->connection, NULL, "", ",", "", &list, NULL, NULL) == SASL_OK && list &&
        strcmp(list, server->mechanism) == 0)
        return 0;
    return err_set(err, -ENOENT, "Cyrus SASL has no plug-in for %s in " SASL_PLUGINDIR " (Debian: libsasl2-modules)",
                   server->mechanism);
}

struct sasl_server *
sasl_server_open(const char *mechanism, struct credentials *const *credentials, struct scram_keys *keys, struct err *err)
{
    static const sasl_security_properties_t plain_transport = {0, 0, 0, SASL_SEC_NOPLAINTEXT | SASL_SEC_NOANONYMOUS, NULL, NULL};
    char host[HOST_NAME_MAX + 1] = "localhost";
    gethostname(host, sizeof(host) - 1); /* only part of the challenge; left out, the library would ask the DNS */
    struct sasl_server *server = xcalloc(1, sizeof(*server));
    server->mechanism = mechanism;
    server->credentials = credentials;
    server->keys = keys;
    server->callbacks[0] = (sasl_callback_t){SASL_CB_GETOPT, SASL_AS_CALLBACK(on_option), server};
    server->callbacks[1] = (sasl_callback_t){OWN_CALLBACK, on_own, server};
    server->callbacks[2] = (sasl_callback_t){SASL_CB_LIST_END, NULL, NULL};
    int code = sasl_server_new("mesos", host, NULL, NULL, NULL, server->callbacks, 0, &server->connection);
    if (code == SASL_OK)
        code = sasl_setprop(server->connection, SASL_SEC_PROPS, &plain_transport);
    int status = code == SASL_OK ? check_mechanism(server, err) : sasl_fault(NULL, code, "cannot begin", err);
    if (!status)
        return server;
    sasl_server_close(server);
    return NULL;
}

int
sasl_server_hear(struct sasl_server *server, struct str said, struct str *ret_answer, struct err *err)
{
    const char *out = NULL;
    unsigned out_len = 0;
    int code;
    *ret_answer = (struct str){0};
    if (said.len > SASL_STEP_MAX)
        return err_set(err, -EMSGSIZE, "%zu bytes are more than any mechanism has to say", said.len);
    if (server->begun)
        code = sasl_server_step(server->connection, said.len ? said.ptr : "", (unsigned)said.len, &out, &out_len);
    else
        code = sasl_server_start(server->connection, server->mechanism, said.len ? said.ptr : NULL, (unsigned)said.len, &out,
                                 &out_len);
    server->begun = true;
    switch (code) {
    case SASL_OK:
        return server->claimed && !server->unknown ? 1 : err_set(err, -EACCES, "nobody was named");
    case SASL_CONTINUE:
        *ret_answer = str_n(out, out_len);
        return 0;
    case SASL_NOUSER:
    case SASL_BADAUTH: /* its peer is told neither */
        return err_set(err, -EACCES, server->unknown ? "there is no such principal" : "the secret is wrong");
    default:
        return sasl_fault(server->connection, code, "", err);
    }
}

const char *
sasl_server_principal(const struct sasl_server *server)
{
    return server->claimed;
}

void
sasl_server_close(struct sasl_server *server)
{
    if (!server)
        return;
    sasl_dispose(&server->connection);
    free(server->claimed);
    free(server);
}
