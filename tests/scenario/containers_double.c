/* SPDX-License-Identifier: Apache-2.0 */
/* See containers_double.h. */
#include "containers_double.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>

#include "base/arena.h"
#include "mesos/containerizer.h"
#include "mesos/slave/containerizer.pb-c.h"
#include "stage.h"
#include "wire/message.h"

struct containers containers;

static struct container *
container_find(const char *id)
{
    for (size_t i = 0; i < containers.count; i++)
        if (!strcmp(containers.list[i].id, id))
            return &containers.list[i];
    return NULL;
}

static void
reply(struct mesos_call *call, int status, const void *data, size_t len)
{
    containers.host->reply(containers.host, call, status, (struct mesos_bytes){data, len});
}

void
container_end(struct container *container, int wait_status)
{
    Mesos__Slave__ContainerTermination termination = MESOS__SLAVE__CONTAINER_TERMINATION__INIT;
    auto_buf struct buf bytes = {0};
    container->running = false;
    termination.has_status = true;
    termination.status = wait_status;
    message_pack(&bytes, &termination);
    if (container->wait)
        reply(container->wait, 0, buf_data(&bytes), bytes.len);
    container->wait = NULL;
}

static int
test_start(void *instance, const struct mesos_host *host)
{
    (void)instance;
    containers.host = host;
    return 0;
}

static void
test_recover(void *instance, const struct mesos_isolator_state *states, size_t count, struct mesos_call *call)
{
    (void)instance;
    (void)states;
    containers.recovered = count;
    reply(call, 0, NULL, 0);
}

static void
note_command(struct container *container, const struct mesos_containerizer_launch *launch)
{
    auto_arena struct arena *arena = arena_new(0);
    const Mesos__Slave__ContainerConfig *config =
        message_unpack(&mesos__slave__container_config__descriptor,
                       str_n(launch->config.data, launch->config.len), arena, NULL);
    assert_non_null(config);
    snprintf(container->program, sizeof(container->program), "%s", config->command_info->value);
    for (size_t i = 0; launch->environment[i]; i++)
        container->by_socket |= !strncmp(launch->environment[i], "MESOS_DOMAIN_SOCKET=", 20);
}

static void
test_launch(void *instance, const struct mesos_containerizer_launch *launch, struct mesos_call *call)
{
    (void)instance;
    if (containers.refuse) {
        (containers.host->fail)(containers.host, -ENOSPC, "no room");
        reply(call, -ENOSPC, NULL, 0);
        return;
    }
    assert_true(containers.count < CONTAINERS);
    struct container *container = &containers.list[containers.count++];
    snprintf(container->id, sizeof(container->id), "%s", launch->container_id);
    container->running = true;
    note_command(container, launch);
    reply(call, 0, "\1", 1);
}

static void
test_wait(void *instance, const char *id, struct mesos_call *call)
{
    struct container *container = container_find(id);
    (void)instance;
    if (container && container->running)
        container->wait = call;
    else
        reply(call, -ENOENT, NULL, 0);
}

static void
test_destroy(void *instance, const char *id, struct mesos_call *call)
{
    struct container *container = container_find(id);
    (void)instance;
    if (!container || !container->running) {
        reply(call, -ENOENT, NULL, 0);
        return;
    }
    container->destroyed = true;
    container_end(container, 9);
    reply(call, 0, NULL, 0);
}

static const struct mesos_containerizer_ops test_ops = {
    .recover = test_recover, .launch = test_launch, .wait = test_wait, .destroy = test_destroy};
static const struct mesos_module test_module =
    MODULE_DOUBLE(MESOS_KIND_CONTAINERIZER, "test", "containers that are only spoken of",
                  test_start, test_ops);

const struct mesos_module *const *
containers_double(void)
{
    static const struct mesos_module *const modules[] = {&test_module, NULL};
    return modules;
}
