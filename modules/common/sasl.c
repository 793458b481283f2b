/* SPDX-License-Identifier: Apache-2.0 */
/* What of Cyrus SASL is process-wide: which plug-ins it may load, and that it reads and logs nothing by itself. */
#include "common/sasl_inside.h"

#include <errno.h>
#include <string.h>

static int
on_path(void *context, const char **ret)
{
    (void)context;
    *ret = SASL_PLUGINDIR;
    return SASL_OK;
}

static int
on_configuration_path(void *context, char **ret)
{
    (void)context;
    *ret = NULL;
    return SASL_FAIL;
}

/* Only what our modules are for: others bring databases, directories and tickets of the host's along. */
static int
on_verify(void *context, const char *file, sasl_verify_type_t type)
{
    static const char *const wanted[] = {"libcrammd5.so", "libscram.so"};
    const char *slash = strrchr(file, '/');
    const char *name = slash ? slash + 1 : file;
    (void)context;
    for (size_t i = 0; type == SASL_VRFY_PLUGIN && i < ARRAY_LEN(wanted); i++)
        if (strcmp(name, wanted[i]) == 0)
            return SASL_OK;
    return SASL_CONTINUE;
}

static int
on_log(void *context, int level, const char *message)
{
    (void)context;
    (void)level;
    (void)message; /* what matters comes back as an error; some levels show secrets */
    return SASL_OK;
}

const sasl_callback_t sasl_callbacks[] = {
    {SASL_CB_GETPATH, SASL_AS_CALLBACK(on_path), NULL},
    {SASL_CB_GETCONFPATH, SASL_AS_CALLBACK(on_configuration_path), NULL},
    {SASL_CB_VERIFYFILE, SASL_AS_CALLBACK(on_verify), NULL},
    {SASL_CB_LOG, SASL_AS_CALLBACK(on_log), NULL},
    {SASL_CB_LIST_END, NULL, NULL},
};

int
sasl_fault(sasl_conn_t *connection, int code, const char *what, struct err *err)
{
    int number = code == SASL_NOMECH ? -ENOTSUP : code == SASL_NOMEM ? -ENOMEM : -EPROTO;
    (void)connection;
    return err_set(err, number, "%s%s%s", what, *what ? ": " : "", sasl_errstring(code, NULL, NULL));
}
