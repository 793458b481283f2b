/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kind secret_resolver: turns the secrets that containers are launched with into their bytes. An agent has one
 * (--secret_resolver, "value" by default). Isolators ask it through mesos_host.resolve_secret, for variables of type SECRET
 * and volumes whose source is one, when the container is prepared: what is resolved is never written to the agent's
 * checkpoints, so after a restart only what the framework sent is known.
 */
#ifndef MESOS_SECRET_RESOLVER_H
#define MESOS_SECRET_RESOLVER_H

#include "mesos/module.h"

/* A secret has at most so many bytes; an answer that is longer is refused. */
#define MESOS_SECRET_MAX (1u << 20)

struct mesos_secret_resolver_ops {
    /*
     * secret: a packed mesos.v1.Secret as the framework sent it, a REFERENCE (name, and key unless it is empty) or a VALUE. Owes
     * call: the secret's bytes, any bytes at all and perhaps none; or an error, whose text a framework reads and which
     * says nothing of any secret. The core wipes its copy of the answer once the asker has had it. Required.
     */
    void (*resolve)(void *instance, struct mesos_bytes secret, struct mesos_call *call);
};

#endif
