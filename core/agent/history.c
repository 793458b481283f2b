/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A completed executor is only looked at. What it is made of came to be piece by piece among much that was short-lived;
 * it moves into one block, so that a burst of tasks leaves no heap full of holes behind. Called by executors.c.
 */
#include "agent/state.h"

#include <string.h>

/* The block while it is filled; with start NULL it is only measured. */
struct filling {
    char *start;
    size_t at;
};

static void *
place(struct filling *filling, const void *from, size_t size, size_t align)
{
    filling->at = (filling->at + align - 1) / align * align;
    char *to = filling->start ? filling->start + filling->at : NULL;
    filling->at += size;
    if (to && size)
        memcpy(to, from, size);
    return to;
}

static void
move_text(struct filling *filling, char **text)
{
    if (!*text)
        return;
    char *to = place(filling, *text, strlen(*text) + 1, 1);
    if (!to)
        return;
    free(*text);
    *text = to;
}

static void
move_packed(struct filling *filling, struct packed *packed)
{
    char *to = place(filling, packed->data, packed->len, 1);
    if (!to)
        return;
    free(packed->data);
    packed->data = packed->len ? to : NULL;
}

static void
move_task(struct filling *filling, struct task *task)
{
    struct task *to = place(filling, task, sizeof(*task), _Alignof(struct task));
    struct packed *statuses =
        place(filling, task->statuses, task->status_count * sizeof(*statuses), _Alignof(struct packed));
    if (to) {
        task->node.prev->next = task->node.next->prev = &to->node;
        free(task->statuses);
        free(task);
        to->statuses = statuses;
        task = to;
    }
    for (uint32_t i = 0; i < task->status_count; i++)
        move_packed(filling, &task->statuses[i]);
    move_packed(filling, &task->info);
    move_packed(filling, &task->task);
    move_packed(filling, &task->kill_policy);
    move_text(filling, &task->id);
}

static void
move_all(struct filling *filling, struct executor *executor)
{
    char **const texts[] = {&executor->id,     &executor->container_id, &executor->name,
                            &executor->source, &executor->role,         &executor->user,
                            &executor->sandbox, &executor->meta,        &executor->end.message};
    struct task *task, *next;
    list_foreach_safe (task, next, &executor->completed, node)
        move_task(filling, task);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        move_text(filling, texts[i]);
    move_packed(filling, &executor->info);
    move_packed(filling, &executor->container_status);
}

void
executor_keep(struct executor *executor)
{
    struct filling filling = {0};
    map_fini(&executor->tasks);
    if (executor->block || !list_empty(&executor->queued) || !list_empty(&executor->launched) ||
        !list_empty(&executor->terminated))
        return;
    move_all(&filling, executor);
    char *block = xmalloc(filling.at + 1);
    filling = (struct filling){block, 0};
    move_all(&filling, executor);
    executor->block = block;
}

void
executor_unkeep(struct executor *executor)
{
    struct task *task;
    list_foreach (task, &executor->completed, node)
        resources_fini(&task->resources);
    list_init(&executor->completed);
    free(executor->block);
}
