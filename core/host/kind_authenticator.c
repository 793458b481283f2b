/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind authenticator. */
#include "host/kind_authenticator.h"

#include <string.h>

struct authenticator_session {
    struct module *module;
    void *theirs;
};

static const struct mesos_authenticator_ops *
ops(const struct module *module)
{
    return module_ops(module);
}

const char *const *
authenticator_mechanisms(struct module *module)
{
    return ops(module)->mechanisms(module_instance(module));
}

bool
authenticator_has_mechanism(struct module *module, const char *mechanism)
{
    for (const char *const *name = authenticator_mechanisms(module); *name; name++)
        if (strcmp(*name, mechanism) == 0)
            return true;
    return false;
}

struct authenticator_session *
authenticator_session_new(struct module *module, const char *mechanism, struct err *err)
{
    void *theirs = NULL;
    int code = ops(module)->session_new(module_instance(module), mechanism, &theirs);
    if (code < 0) {
        module_failure(module, code, err);
        return NULL;
    }
    struct authenticator_session *session = xcalloc(1, sizeof(*session));
    session->module = module;
    session->theirs = theirs;
    return session;
}

int
authenticator_session_step(struct authenticator_session *session, struct str said, struct str *ret_answer,
                           struct err *err)
{
    struct module *module = session->module;
    struct mesos_bytes answer = {0};
    int code = ops(module)->step(module_instance(module), session->theirs, (struct mesos_bytes){said.ptr, said.len}, &answer);
    *ret_answer = str_n(answer.data, answer.len);
    return code < 0 ? module_failure(module, code, err) : code;
}

const char *
authenticator_session_principal(const struct authenticator_session *session)
{
    return ops(session->module)->principal(module_instance(session->module), session->theirs);
}

void
authenticator_session_free(struct authenticator_session *session)
{
    if (!session)
        return;
    ops(session->module)->session_free(module_instance(session->module), session->theirs);
    free(session);
}
