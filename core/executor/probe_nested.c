/* SPDX-License-Identifier: Apache-2.0 */
/* Probes that are containers: a session until its end, WAIT for the status, REMOVE. Hanging up ends a session. */
#include "executor/probe_nested.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/units.h"
#include "executor/task_process.h"
#include "wire/message.h"

enum { CLEANUP_MS = 60 * 1000 };

struct nested_probe {
    struct probe base;
    struct list node; /* in nested_probes.all */
    struct nested_probes *probes;
    struct arena *arena;
    Mesos__V1__ContainerID *id;
    struct agent_call *call; /* the step under way */
    bool told; /* or nobody wants to know any more */
    struct loop_timer patience; /* with the cleaning up */
};

static void
nested_free(struct nested_probe *probe)
{
    list_remove(&probe->node);
    agent_call_cancel(probe->call);
    loop_timer_stop(&probe->patience);
    arena_free(probe->arena);
    free(probe);
}

static void
on_patience(void *arg)
{
    nested_free(arg); /* the container goes with its task */
}

static void
on_removed(int status, struct str body, void *arg)
{
    struct nested_probe *probe = arg;
    probe->call = NULL;
    if (status != 200)
        log_warning("Cannot remove container %s of a check: %.*s", probe->id->value, STR_ARG(body));
    nested_free(probe);
}

/* From here on the probe is its own; the result is told afterwards, because that may end all probes. */
static void
clean_up(struct nested_probe *probe)
{
    loop_timer_start(&probe->patience, CLEANUP_MS);
    probe->call = agent_call_remove(probe->probes->loop, probe->probes->agent, probe->id, on_removed, probe);
}

static void
tell(struct nested_probe *probe, enum probe_word word, int value, const struct err *why)
{
    bool told = probe->told;
    probe->told = true;
    if (!told)
        probe->base.done(word, value, why, probe->base.arg);
}

static void
tell_status(struct nested_probe *probe, int status)
{
    struct err why = {0};
    char what[128];
    if (WIFEXITED(status)) {
        tell(probe, PROBE_VALUE, WEXITSTATUS(status), &why);
        return;
    }
    task_process_describe(status, what, sizeof(what));
    err_set(&why, -ECHILD, "the command %s", what);
    tell(probe, PROBE_FAILED, 0, &why);
}

static void
on_waited(int status, struct str body, void *arg)
{
    struct nested_probe *probe = arg;
    struct err why = {0};
    auto_arena struct arena *arena = arena_new(512);
    const Mesos__V1__Agent__Response *response = NULL;
    probe->call = NULL;
    if (status == 200)
        response = MESSAGE_UNPACK(Mesos__V1__Agent__Response, mesos__v1__agent__response, body, arena, &why);
    if (response && response->wait_nested_container && response->wait_nested_container->has_exit_status) {
        int exit_status = response->wait_nested_container->exit_status;
        clean_up(probe);
        tell_status(probe, exit_status);
        return;
    }
    if (status != 200)
        err_set(&why, -EAGAIN, "the agent answered %d: %.*s", status, STR_ARG(body));
    else if (!why.code)
        err_set(&why, -EAGAIN, "the agent does not say how its container ended");
    clean_up(probe);
    tell(probe, PROBE_UNKNOWN, 0, &why);
}

static void
wait_for_it(struct nested_probe *probe)
{
    probe->call = agent_call_wait(probe->probes->loop, probe->probes->agent, probe->id, on_waited, probe);
}

static void
on_session_end(int status, struct str body, void *arg)
{
    struct nested_probe *probe = arg;
    struct err why = {0};
    probe->call = NULL;
    if (status == 200 || status == 0) { /* a stream that breaks off may have ended with its command */
        wait_for_it(probe);
        return;
    }
    err_set(&why, -EAGAIN, "the agent answered %d: %.*s", status, STR_ARG(body));
    struct probe base = probe->base;
    bool told = probe->told;
    nested_free(probe);
    if (!told)
        base.done(PROBE_UNKNOWN, 0, &why, base.arg);
}

/* The check gave up: hanging up ends the session; its container is still waited for and removed. */
static void
nested_cancel(struct probe *base)
{
    struct nested_probe *probe = container_of(base, struct nested_probe, base);
    probe->told = true;
    agent_call_cancel(probe->call);
    loop_timer_start(&probe->patience, CLEANUP_MS);
    wait_for_it(probe);
}

struct probe *
nested_probe_start(struct nested_probes *probes, const Mesos__V1__ContainerID *task,
                   const Mesos__V1__CommandInfo *command, probe_done_fn *done, void *arg)
{
    static const struct probe_kind kind = {nested_cancel, NULL};
    Mesos__V1__Agent__Call call = MESOS__V1__AGENT__CALL__INIT;
    Mesos__V1__Agent__Call__LaunchNestedContainerSession body =
        MESOS__V1__AGENT__CALL__LAUNCH_NESTED_CONTAINER_SESSION__INIT;
    struct nested_probe *probe = xcalloc(1, sizeof(*probe));
    char uuid[UUID_TEXT], name[UUID_TEXT + 8];
    probe->base = (struct probe){&kind, done, arg};
    probe->probes = probes;
    probe->arena = arena_new(512);
    list_push(&probes->all, &probe->node);
    loop_timer_init(&probe->patience, probes->loop, on_patience, probe);
    snprintf(name, sizeof(name), "check-%s", uuid_new(uuid));
    probe->id = container_id_new(probe->arena, name, message_dup(task, probe->arena));
    call.has_type = true;
    call.type = MESOS__V1__AGENT__CALL__TYPE__LAUNCH_NESTED_CONTAINER_SESSION;
    call.launch_nested_container_session = &body;
    body.container_id = probe->id;
    body.command = (Mesos__V1__CommandInfo *)(uintptr_t)command;
    probe->call = agent_call_start(probes->loop, probes->agent, &call, true, on_session_end, probe);
    return &probe->base;
}

void
nested_probes_init(struct nested_probes *probes, struct loop *loop, const struct agent_link_options *agent)
{
    probes->loop = loop;
    probes->agent = agent;
    list_init(&probes->all);
}

void
nested_probes_drop(struct nested_probes *probes)
{
    struct nested_probe *probe, *next;
    list_foreach_safe(probe, next, &probes->all, node)
        nested_free(probe);
}
