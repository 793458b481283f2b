/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An isolator that gives each container a badge: a variable EXAMPLE_BADGE with the text of its option and the container's id,
 * and a file of that content in its sandbox. It isolates nothing, and shows what isolators are made of: a message that is
 * read, one that is answered, an option, an error, a place in the order. Built outside the tree: see Makefile. Contract:
 * mesos/isolator.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <mesos/isolator.h>
#include "mesos/slave/containerizer.pb-c.h"

struct badge {
    const struct mesos_host *host;
    const char *text; /* option */
};

static bool
supports(void *instance)
{
    (void)instance;
    return true;
}

/* The sandbox belongs to the task, and this may run as root: no link that stands there is followed. */
static int
write_file(const struct badge *badge, const char *sandbox, const char *line)
{
    int dir = open(sandbox, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = dir < 0 ? -1 : openat(dir, "badge", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    int failed = fd < 0 || write(fd, line, strlen(line)) != (ssize_t)strlen(line) ? errno : 0;
    if (fd >= 0)
        close(fd);
    if (dir >= 0)
        close(dir);
    return failed ? badge->host->fail(badge->host, -failed, "cannot write the badge into %s: %s", sandbox, strerror(failed)) : 0;
}

static void
answer(const struct badge *badge, struct mesos_call *call, char *line)
{
    static char name[] = "EXAMPLE_BADGE";
    Mesos__Slave__ContainerLaunchInfo info = MESOS__SLAVE__CONTAINER_LAUNCH_INFO__INIT;
    Mesos__V1__Environment environment = MESOS__V1__ENVIRONMENT__INIT;
    Mesos__V1__Environment__Variable variable = MESOS__V1__ENVIRONMENT__VARIABLE__INIT, *variables[] = {&variable};
    variable.name = name;
    variable.value = line;
    environment.n_variables = 1;
    environment.variables = variables;
    info.environment = &environment;
    unsigned char bytes[1024];
    size_t len = mesos__slave__container_launch_info__get_packed_size(&info);
    if (len > sizeof bytes) {
        badge->host->fail(badge->host, -E2BIG, "the badge is too large for a container");
        badge->host->reply(badge->host, call, -E2BIG, (struct mesos_bytes){NULL, 0});
        return;
    }
    mesos__slave__container_launch_info__pack(&info, bytes);
    badge->host->reply(badge->host, call, 0, (struct mesos_bytes){bytes, len});
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    const struct badge *badge = instance;
    char line[512];
    snprintf(line, sizeof line, "%s of %s", badge->text, container->container_id);
    int status = write_file(badge, container->sandbox, line);
    if (status < 0)
        badge->host->reply(badge->host, call, status, (struct mesos_bytes){NULL, 0});
    else
        answer(badge, call, line);
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct badge *badge = instance;
    badge->host = host;
    if (strlen(badge->text) > 200)
        return host->fail(host, -EINVAL, "option 'text' has %zu bytes, at most 200 fit on a badge", strlen(badge->text));
    return 0;
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .prepare = prepare,
};

static const struct mesos_option options[] = {
    {"text", MESOS_OPTION_STRING, offsetof(struct badge, text), "guest", "What stands on the badge."},
    {0},
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct badge),
    .name = "org_example_badge",
    .version = "1.0",
    .author = "Example Org",
    .summary = "gives each container a badge",
    .options = options,
    .start = start,
    .phase = MESOS_PHASE_CUSTOM,
};

MESOS_MODULES(&module);
