/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind authenticatee. */
#include "host/kind_authenticatee.h"

struct authenticatee_session {
    struct module *module;
    void *theirs;
};

static const struct mesos_authenticatee_ops *
ops(const struct module *module)
{
    return module_ops(module);
}

struct authenticatee_session *
authenticatee_session_new(struct module *module, const char *const *mechanisms, size_t count,
                          const char **ret_mechanism, struct str *ret_first, struct err *err)
{
    struct mesos_bytes first = {0};
    void *theirs = NULL;
    int code = ops(module)->session_new(module_instance(module), mechanisms, count, &theirs, ret_mechanism, &first);
    if (code < 0) {
        module_failure(module, code, err);
        return NULL;
    }
    struct authenticatee_session *session = xcalloc(1, sizeof(*session));
    session->module = module;
    session->theirs = theirs;
    *ret_first = str_n(first.data, first.len);
    return session;
}

int
authenticatee_session_step(struct authenticatee_session *session, struct str said, struct str *ret_answer,
                           struct err *err)
{
    struct module *module = session->module;
    struct mesos_bytes answer = {0};
    int code = ops(module)->step(module_instance(module), session->theirs, (struct mesos_bytes){said.ptr, said.len}, &answer);
    *ret_answer = str_n(answer.data, answer.len);
    return code < 0 ? module_failure(module, code, err) : code;
}

void
authenticatee_session_free(struct authenticatee_session *session)
{
    if (!session)
        return;
    ops(session->module)->session_free(module_instance(session->module), session->theirs);
    free(session);
}
