/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind secret_resolver. */
#include "host/kind_secret_resolver.h"

#include <errno.h>

#include "host/internal.h"

enum { ANSWER_MS = 30000 }; /* a container waits for it; who serves secrets may be far away */

struct resolving {
    host_done_fn *done;
    void *arg;
};

static void
on_resolved(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct resolving *resolving = arg;
    if (status == 0 && answer.len > MESOS_SECRET_MAX)
        resolving->done(resolving->arg, -EFBIG, "the secret has too many bytes", (struct mesos_bytes){NULL, 0});
    else
        resolving->done(resolving->arg, status, error, answer);
    free(resolving);
}

void
secret_resolver_resolve(struct module *module, struct str secret, host_done_fn *done, void *arg)
{
    const struct mesos_secret_resolver_ops *ops = module_ops(module);
    struct resolving *resolving = xcalloc(1, sizeof(*resolving));
    *resolving = (struct resolving){done, arg};
    ops->resolve(module_instance(module), (struct mesos_bytes){secret.ptr, secret.len},
                 host_call_new(module, "resolve", ANSWER_MS, on_resolved, resolving));
}

void
secret_resolver_lend(struct host *host, struct module *module)
{
    host->secret_resolver = module;
}
