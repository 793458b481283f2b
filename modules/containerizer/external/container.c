/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers of containerizer "external" as things: made, found, freed, the program called for one of them,
 * and the calls that are owed about it answered. Decides nothing; external.c, end.c and recover.c do.
 */
#include <unistd.h>

#include "container.h"
#include "external.h"

/* ---- answers ---- */

void
external_owe(struct list *list, struct mesos_call *call)
{
    struct owed *owed = xcalloc(1, sizeof(*owed));
    owed->call = call;
    list_push(list, &owed->in_list);
}

void
external_reply(const struct external *external, struct mesos_call *call, struct str bytes)
{
    external->host->reply(external->host, call, 0, (struct mesos_bytes){bytes.ptr, bytes.len});
}

void
external_refuse(const struct external *external, struct mesos_call *call, int code, const char *why)
{
    external->host->fail(external->host, code, "%s", why);
    external->host->reply(external->host, call, code, (struct mesos_bytes){NULL, 0});
}

/* error NULL: with bytes. */
void
external_settle(const struct external *external, struct list *list, int code, const char *error,
                struct str bytes)
{
    struct owed *owed, *next;
    list_foreach_safe (owed, next, list, in_list) {
        list_remove(&owed->in_list);
        if (error)
            external_refuse(external, owed->call, code, error);
        else
            external_reply(external, owed->call, bytes);
        free(owed);
    }
}

/* ---- containers ---- */

struct container *
container_find(struct external *external, const char *id)
{
    return map_get(&external->containers, str_of(id));
}

struct container *
container_new(struct external *external, const char *id, const char *sandbox)
{
    struct container *container = xcalloc(1, sizeof(*container));
    container->external = external;
    container->id = xstrdup(id);
    container->sandbox = sandbox ? xstrdup(sandbox) : NULL;
    list_init(&container->waits);
    list_init(&container->destroys);
    list_init(&container->usages);
    list_init(&container->updates);
    list_init(&container->updates_now);
    map_add(&external->containers, str_of(container->id), container);
    return container;
}

char *
container_state_path(const struct container *container)
{
    return xasprintf("%s/%s", container->external->state_dir, container->id);
}

void
container_free(struct container *container)
{
    struct external *external = container->external;
    struct run *runs[] = {container->launching, container->wait, container->destroy, container->usage,
                          container->update};
    struct list *lists[] = {&container->waits, &container->destroys, &container->usages, &container->updates,
                            &container->updates_now};
    auto_free char *path = container_state_path(container);
    unlink(path);
    for (size_t i = 0; i < ARRAY_LEN(runs); i++)
        if (runs[i])
            run_forget(runs[i]);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        while (!list_empty(lists[i])) { /* the agent is going: the host has answered these */
            struct owed *owed = list_first(lists[i], struct owed, in_list);
            list_remove(&owed->in_list);
            free(owed);
        }
    if (container->grace)
        external->host->timer_stop(external->host, container->grace);
    map_remove(&external->containers, str_of(container->id));
    buf_fini(&container->termination);
    buf_fini(&container->update_record);
    free(container->launch_error);
    free(container->id);
    free(container->sandbox);
    free(container);
}

/* ---- the program ---- */

struct run *
container_command(struct container *container, const char *name, struct str record, bool answers,
                  int64_t timeout_ms, run_done_fn *done)
{
    return run_start(container->external,
                     &(struct run_wish){.command = name,
                                        .record = record,
                                        .sandbox = container->sandbox,
                                        .timeout_ms = timeout_ms,
                                        .answers = answers},
                     done, container);
}

struct run *
container_command_of_id(struct container *container, const char *name, bool answers, int64_t timeout_ms,
                        run_done_fn *done)
{
    auto_buf struct buf record = {0};
    id_record(&record, container->id);
    return container_command(container, name, buf_str(&record), answers, timeout_ms, done);
}

int64_t
external_timeout_ms(const struct external *external)
{
    return external->timeout_ns / 1000000;
}
