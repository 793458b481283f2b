/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a container: the program's "wait" tells it, "destroy" brings it about, and who asked for either
 * is answered when nothing runs any more that matters. A wait that fails leads to a destroy.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/file.h"
#include "common/processes.h"
#include "container.h"
#include "external.h"

enum { WAIT_GRACE_MS = 2000 /* for wait to tell of the end, after destroy has succeeded */ };

void
external_orphan_gone(struct external *external)
{
    if (--external->orphans == 0 && external->recover)
        external_reply(external, take(&external->recover), str_n("", 0));
}

/* Everything is known, nothing runs for it that matters. */
static void
container_over(struct container *container)
{
    struct external *external = container->external;
    struct str termination = buf_str(&container->termination);
    if (container->destroy)
        return; /* it tidies up: its end comes here again */
    external_settle(external, &container->waits, 0, NULL, termination);
    external_settle(external, &container->destroys, 0, NULL, termination);
    external_settle(external, &container->usages, -ENOENT, "the container has ended", str_n("", 0));
    external_settle(external, &container->updates, -ENOENT, "the container has ended", str_n("", 0));
    external_settle(external, &container->updates_now, -ENOENT, "the container has ended", str_n("", 0));
    if (container->launch)
        external_refuse(external, take(&container->launch), -EIO, container->launch_error);
    bool orphan = container->orphan;
    container_free(container);
    if (orphan)
        external_orphan_gone(external);
}

static void
on_waited(void *arg, const char *error, struct str record)
{
    struct container *container = arg;
    struct external *external = container->external;
    struct err err = {0};
    container->wait = NULL;
    container->over = true;
    if (!error && termination_read(&container->termination, record, &err))
        error = err.text;
    if (!error) {
        container_over(container);
        return;
    }
    if (container->destroyed) {
        termination_make(&container->termination, SIGKILL, "Container destroyed");
        container_over(container);
        return;
    }
    /* Nobody knows any more whether it runs: it must not. */
    MESOS_LOG(external->host, ERROR, "container %s: %s; it is destroyed", container->id, error);
    termination_make(&container->termination, -1, error);
    container_destroy_begin(container);
}

static void
on_grace_over(void *arg)
{
    struct container *container = arg;
    container->grace = NULL;
    if (container->wait)
        run_kill(container->wait);
}

static void
on_destroyed(void *arg, const char *error, struct str record)
{
    struct container *container = arg;
    struct external *external = container->external;
    (void)record;
    container->destroy = NULL;
    if (error)
        MESOS_LOG(external->host, ERROR, "container %s: %s", container->id, error);
    if (container->over) {
        container_over(container);
    } else if (!error) {
        container->destroyed = true;
        container->grace =
            external->host->timer_start(external->host, WAIT_GRACE_MS, on_grace_over, container);
    } else {
        external_settle(external, &container->destroys, -EIO, error, str_n("", 0));
        if (container->orphan) {
            container->orphan = false; /* the next start finds it again */
            external_orphan_gone(external);
        }
    }
}

void
container_destroy_begin(struct container *container)
{
    if (!container->destroy && !container->destroyed)
        container->destroy = container_command_of_id(container, "destroy", false,
                                                     external_timeout_ms(container->external), on_destroyed);
}

void
external_destroy(void *instance, const char *id, struct mesos_call *call)
{
    struct external *external = instance;
    struct container *container = container_find(external, id);
    if (!container) {
        external_refuse(external, call, -ENOENT, "the container is not known");
        return;
    }
    external_owe(&container->destroys, call);
    if (container->running)
        container_destroy_begin(container);
    else
        container->destroy_wanted = true;
}

void
external_wait(void *instance, const char *id, struct mesos_call *call)
{
    struct external *external = instance;
    struct container *container = container_find(external, id);
    if (container)
        external_owe(&container->waits, call);
    else
        external_refuse(external, call, -ENOENT, "the container is not known");
}

/* The program that waits outlives an agent that is killed: the next one ends it, because it asks anew. */
void
container_wait_begin(struct container *container)
{
    struct external *external = container->external;
    struct process process;
    struct err err = {0};
    container->wait = container_command_of_id(container, "wait", true, 0, on_waited);
    if (run_pid(container->wait) <= 0 || process_read(run_pid(container->wait), &process) < 0)
        return;
    auto_free char *path = container_state_path(container);
    auto_free char *text = xasprintf("%d %llu\n", (int)process.pid, (unsigned long long)process.start_time);
    if (file_replace(path, text, strlen(text), 0600, false, &err) < 0)
        MESOS_LOG(external->host, WARNING, "container %s: who waits for it is not written down: %s",
                  container->id, err.text);
}
