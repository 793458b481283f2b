/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controller memory: the soft limit is what was asked for, the hard limit the same or the task's own; a hard limit is only
 * ever raised on a running container, because lowering it could kill. Figures are here, too; what happens at the limit is
 * in memory_oom.c. Used by cgroups/mem and cgroups/all.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>
#include "common/packed.h"
#include "figures.h"
#include "memory.h"

#define MEM_MIN_BYTES (32u << 20)
#define MEM_MAX_MB 1e9 /* of a limit: beyond it there is none */
#define NO_LIMIT UINT64_MAX

static int
memory_start(struct part *part, struct err *err)
{
    struct memory_options *options = xcalloc(1, sizeof *options);
    part->state = options;
    options->limit_swap = group_flag(part->group, "cgroups_limit_swap");
    int rc = 0;
    if (options->limit_swap && part->tree.version == 2)
        rc = err_set(err, -ENOTSUP, "--cgroups_limit_swap=true is not there with cgroup v2, which '%s' is",
                     part->group->hierarchy);
    else if (options->limit_swap && faccessat(part->tree.fd, "memory.memsw.limit_in_bytes", F_OK, 0) < 0)
        rc = err_set(err, -ENOTSUP,
                     "--cgroups_limit_swap=true needs 'memory.memsw.limit_in_bytes', which the kernel lacks: boot it with "
                     "swapaccount=1");
    if (rc == 0)
        rc = memory_watch_start(part, err);
    if (rc < 0) {
        free(options);
        part->state = NULL;
    }
    return rc;
}

static void
memory_stop(struct part *part)
{
    memory_watch_stop(part);
    free(part->state);
    part->state = NULL;
}

static int
write_bytes(struct part *part, struct job *job, const char *file, uint64_t bytes)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, bytes);
    int rc = cgroup_write(&part->tree, job->id, file, bytes != NO_LIMIT ? text : part->tree.version == 1 ? "-1" : "max");
    return rc < 0 ? job_fail(job, part, rc, "Failed to update", file) : 0;
}

uint64_t
memory_soft_limit(const struct wish *wish)
{
    return wish->mem_bytes < MEM_MIN_BYTES ? MEM_MIN_BYTES : wish->mem_bytes;
}

uint64_t
memory_hard_limit(const struct wish *wish)
{
    if (!wish->has_mem_limit)
        return memory_soft_limit(wish);
    if (!(wish->mem_limit_mb < MEM_MAX_MB))
        return NO_LIMIT;
    uint64_t bytes = (uint64_t)wish->mem_limit_mb << 20;
    return bytes < MEM_MIN_BYTES ? MEM_MIN_BYTES : bytes;
}

/* With swap the kernel wants memory <= memory and swap at any time: the order depends on the direction. */
static int
write_hard_limit(struct part *part, struct job *job, uint64_t bytes, bool first)
{
    const struct memory_options *options = part->state;
    const char *own = part->tree.version == 1 ? "memory.limit_in_bytes" : "memory.max";
    const char *with_swap = "memory.memsw.limit_in_bytes";
    if (!options->limit_swap)
        return write_bytes(part, job, own, bytes);
    int rc = write_bytes(part, job, first ? own : with_swap, bytes);
    return rc < 0 ? rc : write_bytes(part, job, first ? with_swap : own, bytes);
}

static int
memory_update(struct part *part, struct job *job)
{
    bool v1 = part->tree.version == 1, first = job->op == JOB_PREPARE;
    const char *file = v1 ? "memory.limit_in_bytes" : "memory.max";
    uint64_t bytes = memory_hard_limit(&job->wish), now;
    int rc = write_bytes(part, job, v1 ? "memory.soft_limit_in_bytes" : "memory.low", memory_soft_limit(&job->wish));
    if (rc < 0)
        return rc;
    rc = cgroup_read_u64(&part->tree, job->id, file, &now);
    if (rc < 0)
        return job_fail(job, part, rc, "Failed to read", file);
    return first || bytes > now ? write_hard_limit(part, job, bytes, first) : 0;
}

/* A task that may use more than it asked for is the first to go when the machine has no memory left. */
static int
memory_isolate(struct part *part, struct job *job)
{
    uint64_t soft = memory_soft_limit(&job->wish), total = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    if (memory_hard_limit(&job->wish) <= soft || job->nested || !(job->command_task || strchr(job->id, '.')))
        return 0;
    int score = soft >= total ? 0 : 1000 - (int)(1000 * (double)soft / (double)total);
    char path[64], text[16];
    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)job->pid);
    snprintf(text, sizeof text, "%d", score < 2 ? 2 : score > 999 ? 999 : score);
    auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return err_errno(&job->err, "Failed to set '%s' to %s", path, text);
    return 0;
}

/* What memory.stat says, and where it goes. */
static const struct {
    const char *v1, *v2;
    unsigned field;
} STATS[] = {
    {"total_cache", "file", FIGURE_MEM_FILE_BYTES},
    {"total_cache", "file", FIGURE_MEM_CACHE_BYTES},
    {"total_rss", "anon", FIGURE_MEM_ANON_BYTES},
    {"total_rss", "anon", FIGURE_MEM_RSS_BYTES},
    {"total_mapped_file", "file_mapped", FIGURE_MEM_MAPPED_FILE_BYTES},
    {"total_swap", NULL, FIGURE_MEM_SWAP_BYTES},
    {"total_unevictable", "unevictable", FIGURE_MEM_UNEVICTABLE_BYTES},
    {NULL, "kernel", FIGURE_MEM_KMEM_USAGE_BYTES},
    {NULL, "sock", FIGURE_MEM_KMEM_TCP_USAGE_BYTES},
};

void
memory_put_stat(struct buf *out, const char *text, int version)
{
    uint64_t value;
    for (size_t i = 0; i < ARRAY_LEN(STATS); i++) {
        const char *key = version == 1 ? STATS[i].v1 : STATS[i].v2;
        if (key && cgroup_key(text, key, &value) == 0)
            packed_uint(out, STATS[i].field, value);
    }
}

static void
put_file(struct part *part, struct job *job, const char *file, unsigned field)
{
    uint64_t value;
    if (cgroup_read_u64(&part->tree, job->id, file, &value) == 0)
        packed_uint(&job->answer, field, value);
}

static void
put_limits(struct job *job)
{
    uint64_t limit = memory_hard_limit(&job->wish);
    if (job->wish.has_mem_limit && limit != NO_LIMIT)
        packed_uint(&job->answer, FIGURE_MEM_LIMIT_BYTES, limit);
}

static int
memory_usage(struct part *part, struct job *job)
{
    const struct memory_options *options = part->state;
    bool v1 = part->tree.version == 1;
    const char *file = v1 ? "memory.usage_in_bytes" : "memory.current";
    char text[MEMORY_STAT_MAX];
    uint64_t total;
    int rc = cgroup_read_u64(&part->tree, job->id, file, &total);
    if (rc < 0)
        return rc == -ENOENT || rc == -ENODEV ? rc : job_fail(job, part, rc, "Failed to read", file);
    packed_uint(&job->answer, FIGURE_MEM_TOTAL_BYTES, total);
    put_limits(job);
    if (v1) {
        put_file(part, job, "memory.kmem.usage_in_bytes", FIGURE_MEM_KMEM_USAGE_BYTES);
        put_file(part, job, "memory.kmem.tcp.usage_in_bytes", FIGURE_MEM_KMEM_TCP_USAGE_BYTES);
    } else {
        put_file(part, job, "memory.swap.current", FIGURE_MEM_SWAP_BYTES);
    }
    if (options->limit_swap)
        put_file(part, job, "memory.memsw.usage_in_bytes", FIGURE_MEM_TOTAL_MEMSW_BYTES);
    ssize_t n = cgroup_read(&part->tree, job->id, "memory.stat", text, sizeof text);
    if (n < 0)
        return n == -ENOENT || n == -ENODEV ? (int)n : job_fail(job, part, (int)n, "Failed to read", "memory.stat");
    memory_put_stat(&job->answer, text, part->tree.version);
    return 0;
}

const struct subsystem subsystem_memory = {
    .name = "memory",
    .v2 = "memory",
    .start = memory_start,
    .stop = memory_stop,
    .create = memory_watch_create,
    .isolate = memory_isolate,
    .update = memory_update,
    .usage = memory_usage,
    .known = memory_watch_known,
    .ask = memory_watch_ask,
    .gone = memory_watch_gone,
};
