/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An isolator as a third party would build one, outside of the tree and against mesos/isolator.h alone: it answers prepare
 * with what the container's own environment says in ASK=ask:<hexadecimal ContainerLaunchInfo>; the tests' only.
 */
#include <errno.h>
#include <string.h>
#include "mesos/isolator.h"

struct asker {
    const struct mesos_host *host;
    unsigned char answer[65536];
};

static bool
supports(void *instance)
{
    return true;
}

static int
digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    struct asker *asker = instance;
    const char *bytes = container->config.data, *end = bytes + container->config.len;
    const char *at = memmem(bytes, container->config.len, "ask:", 4);
    size_t len = 0;
    for (at = at ? at + 4 : end; at + 1 < end && len < sizeof asker->answer; at += 2) {
        int high = digit(at[0]), low = digit(at[1]);
        if (high < 0 || low < 0)
            break;
        asker->answer[len++] = (unsigned char)(high * 16 + low);
    }
    asker->host->reply(asker->host, call, 0, (struct mesos_bytes){asker->answer, len});
}

static int
start(void *instance, const struct mesos_host *host)
{
    ((struct asker *)instance)->host = host;
    return 0;
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .prepare = prepare,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct asker),
    .name = "asker",
    .version = "1",
    .author = "somebody else",
    .summary = "asks for what the container says",
    .start = start,
    .phase = MESOS_PHASE_CUSTOM,
};

MESOS_MODULES(&module);
