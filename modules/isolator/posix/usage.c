/* SPDX-License-Identifier: Apache-2.0 */
/* See usage.h. The first process of a container is known from isolate or recover; the rest is found in /proc. */
#include <errno.h>
#include "common/processes.h"
#include "usage.h"

struct posix_container {
    pid_t pid; /* 0 = not isolated yet */
    char id[];
};

struct posix_question {
    struct list in_list;
    struct mesos_call *call;
    pid_t pid;
    struct posix_totals totals;
    bool found;
};

struct reading {
    struct posix_isolator *isolator;
    struct list questions;
    int status;
};

void
posix_put_double(struct buf *out, unsigned field, double value)
{
    unsigned char bytes[sizeof value];
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(bits >> 8 * i);
    buf_putc(out, (char)(field << 3 | 1)); /* fields up to 15: one byte of key */
    buf_append(out, bytes, sizeof bytes);
}

void
posix_put_uint64(struct buf *out, unsigned field, uint64_t value)
{
    buf_putc(out, (char)(field << 3));
    for (; value >= 0x80; value >>= 7)
        buf_putc(out, (char)(value | 0x80));
    buf_putc(out, (char)value);
}

static void
answer(const struct posix_isolator *isolator, struct mesos_call *call, int status)
{
    isolator->host->reply(isolator->host, call, status, (struct mesos_bytes){NULL, 0});
}

static int
unknown(const struct posix_isolator *isolator, const char *container_id)
{
    return isolator->host->fail(isolator->host, -ENOENT, "Unknown container %s", container_id);
}

static int
add(struct posix_isolator *isolator, const char *container_id, pid_t pid)
{
    if (map_get(&isolator->containers, str_of(container_id)))
        return isolator->host->fail(isolator->host, -EEXIST, "Container %s has been prepared already", container_id);
    size_t len = strlen(container_id) + 1;
    struct posix_container *container = xmalloc(sizeof *container + len);
    container->pid = pid;
    memcpy(container->id, container_id, len);
    map_add(&isolator->containers, str_of(container->id), container);
    return 0;
}

bool
posix_supports(void *instance)
{
    return true;
}

void
posix_recover(void *instance, const struct mesos_isolator_state *states, size_t count, const char *const *orphans,
              size_t orphan_count, struct mesos_call *call)
{
    struct posix_isolator *isolator = instance;
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++)
        status = add(isolator, states[i].container_id, states[i].pid);
    answer(isolator, call, status);
}

void
posix_prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    struct posix_isolator *isolator = instance;
    answer(isolator, call, add(isolator, container->container_id, 0));
}

void
posix_isolate(void *instance, const char *container_id, pid_t pid, struct mesos_call *call)
{
    struct posix_isolator *isolator = instance;
    struct posix_container *container = map_get(&isolator->containers, str_of(container_id));
    if (container)
        container->pid = pid;
    answer(isolator, call, container ? 0 : unknown(isolator, container_id));
}

void
posix_cleanup(void *instance, const char *container_id, struct mesos_call *call)
{
    struct posix_isolator *isolator = instance;
    free(map_remove(&isolator->containers, str_of(container_id))); /* one that never was prepared is fine */
    answer(isolator, call, 0);
}

static void
sum(const struct processes *all, const bool *member, struct posix_totals *ret)
{
    double ticks = (double)sysconf(_SC_CLK_TCK);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < all->count; i++) {
        if (!member[i])
            continue;
        ret->user_secs += (double)all->items[i].user_ticks / ticks;
        ret->system_secs += (double)all->items[i].system_ticks / ticks;
        ret->resident_bytes += all->items[i].resident_pages * page;
    }
}

static void
reading_work(void *arg)
{
    struct reading *reading = arg;
    struct processes all;
    reading->status = processes_read(&all);
    if (reading->status < 0)
        return;
    auto_free bool *member = xcalloc(all.count + 1, sizeof *member);
    struct posix_question *question;
    list_foreach(question, &reading->questions, in_list)
    {
        memset(member, 0, all.count * sizeof *member);
        question->found = processes_tree(&all, question->pid, member) > 0;
        sum(&all, member, &question->totals);
    }
    processes_fini(&all);
}

static void
reply_usage(const struct posix_isolator *isolator, const struct posix_question *question, int status)
{
    if (status < 0) {
        isolator->host->fail(isolator->host, status, "cannot read /proc: %s", strerror(-status));
        answer(isolator, question->call, status);
        return;
    }
    auto_buf struct buf packed = {0};
    posix_put_double(&packed, 1, isolator->host->wall_secs(isolator->host)); /* timestamp */
    if (question->found)
        isolator->fill(&packed, &question->totals);
    isolator->host->reply(isolator->host, question->call, 0, (struct mesos_bytes){buf_data(&packed), packed.len});
}

static void read_now(struct posix_isolator *isolator);

static void
reading_done(void *arg)
{
    struct reading *reading = arg;
    struct posix_isolator *isolator = reading->isolator;
    while (!list_empty(&reading->questions)) {
        struct posix_question *question = list_first(&reading->questions, struct posix_question, in_list);
        list_remove(&question->in_list);
        reply_usage(isolator, question, reading->status);
        free(question);
    }
    free(reading);
    isolator->reading = false;
    read_now(isolator);
}

static void
read_now(struct posix_isolator *isolator)
{
    if (isolator->reading || list_empty(&isolator->waiting))
        return;
    struct reading *reading = xcalloc(1, sizeof *reading);
    reading->isolator = isolator;
    list_init(&reading->questions);
    while (!list_empty(&isolator->waiting)) {
        struct list *node = isolator->waiting.next;
        list_remove(node);
        list_push(&reading->questions, node);
    }
    isolator->reading = true;
    isolator->host->offload(isolator->host, false, reading_work, reading_done, reading);
}

void
posix_usage(void *instance, const char *container_id, struct mesos_call *call)
{
    struct posix_isolator *isolator = instance;
    const struct posix_container *container = map_get(&isolator->containers, str_of(container_id));
    if (!container) {
        answer(isolator, call, unknown(isolator, container_id));
        return;
    }
    struct posix_question *question = xcalloc(1, sizeof *question);
    question->call = call;
    question->pid = container->pid;
    list_push(&isolator->waiting, &question->in_list);
    read_now(isolator);
}

void
posix_stop(void *instance, struct mesos_call *call)
{
    struct posix_isolator *isolator = instance;
    struct posix_container *container;
    map_foreach(container, &isolator->containers)
        free(container);
    map_fini(&isolator->containers);
    while (!list_empty(&isolator->waiting)) {
        struct posix_question *question = list_first(&isolator->waiting, struct posix_question, in_list);
        list_remove(&question->in_list);
        answer(isolator, question->call, -ECANCELED);
        free(question);
    }
    if (call)
        answer(isolator, call, 0);
}
