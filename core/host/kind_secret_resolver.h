/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind secret_resolver. Contract: mesos/secret_resolver.h. Isolators ask through mesos_host.resolve_secret (lend.c). */
#ifndef HOST_KIND_SECRET_RESOLVER_H
#define HOST_KIND_SECRET_RESOLVER_H

#include "host/host.h"
#include "mesos/secret_resolver.h"

/* secret: packed mesos.v1.Secret, borrowed for the call. Answer: its bytes; -EFBIG when the module's had too many. */
void secret_resolver_resolve(struct module *module, struct str secret, host_done_fn *done, void *arg);
/* Whom the host's other modules ask from now on: set it before they are started. NULL = nobody. */
void secret_resolver_lend(struct host *host, struct module *module);

#endif
