/* SPDX-License-Identifier: Apache-2.0 */
/* Isolator "linux/nnp": no program of a container gains rights by executing another one (no_new_privs of prctl(2)). */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include "common/launch_info.h"

struct nnp {
    const struct mesos_host *host;
};

static bool
supports(void *instance)
{
    return true;
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    const struct nnp *nnp = instance;
    struct launch_info info;
    launch_info_init(&info);
    info.message.has_no_new_privileges = info.message.no_new_privileges = true;
    info.any = true;
    launch_info_reply(&info, nnp->host, call, 0);
}

static int
start(void *instance, const struct mesos_host *host)
{
    ((struct nnp *)instance)->host = host;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0)
        return host->fail(host, -ENOTSUP, "isolator 'linux/nnp': this kernel has no no_new_privs: %s", strerror(errno));
    return 0;
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .prepare = prepare,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct nnp),
    .name = "linux/nnp",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "keeps programs of containers from gaining rights by executing others",
    .start = start,
    .phase = MESOS_PHASE_LINUX,
};

MESOS_MODULES(&module);
