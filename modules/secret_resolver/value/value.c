/* SPDX-License-Identifier: Apache-2.0 */
/* secret_resolver "value", Mesos's default: a VALUE is what it says, and references are refused. Keeps nothing. */
#include "common/secret.h"

#include <errno.h>

#include "mesos/secret_resolver.h"

struct value_resolver {
    const struct mesos_host *host;
};

static void
resolve(void *instance, struct mesos_bytes bytes, struct mesos_call *call)
{
    const struct mesos_host *host = ((struct value_resolver *)instance)->host;
    struct str value = STR_LIT("");
    struct err err = {0};
    Mesos__V1__Secret *secret = mesos__v1__secret__unpack(NULL, bytes.len, bytes.data);
    int rc = secret ? secret_resolve(secret, &value, &err) : err_set(&err, -EPROTO, "the secret does not decode");
    if (rc < 0)
        host->fail(host, rc, "%s", err.text);
    host->reply(host, call, rc, (struct mesos_bytes){value.ptr, value.len});
    if (secret && secret->value && secret->value->data.len)
        explicit_bzero(secret->value->data.data, secret->value->data.len);
    mesos__v1__secret__free_unpacked(secret, NULL);
}

static int
start(void *instance, const struct mesos_host *host)
{
    ((struct value_resolver *)instance)->host = host;
    return 0;
}

static const struct mesos_secret_resolver_ops ops = {.resolve = resolve};

static const struct mesos_module module = {
    MESOS_MODULE(SECRET_RESOLVER, ops, struct value_resolver),
    .name = "value",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "takes secrets that are sent by value and refuses references",
    .start = start,
};

MESOS_MODULES(&module);
