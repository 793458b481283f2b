/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controllers cpu and cpuacct: shares by the cpus that were asked for, a quota by limits or with --cgroups_enable_cfs, and
 * what was used. v2 has both in its controller cpu. Used by cgroups/cpu and cgroups/all.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>
#include "common/packed.h"
#include "cpu.h"
#include "figures.h"

#define SHARES_PER_CPU 1024
#define SHARES_PER_REVOCABLE_CPU 10
#define SHARES_MIN 2
#define SHARES_MAX 262144
#define WEIGHT_PER_CPU 100
#define WEIGHT_PER_REVOCABLE_CPU 1
#define WEIGHT_MIN 1
#define WEIGHT_MAX 10000
#define PERIOD_US 100000
#define QUOTA_MIN_US 1000
#define CPUS_MAX 1e6 /* of a quota: beyond it there is none */
#define STAT_MAX 4096

struct cpu_options {
    bool cfs, low_priority, count_processes;
};

static int
cpu_start(struct part *part, struct err *err)
{
    struct cpu_options *options = xcalloc(1, sizeof *options);
    const char *quota = "cpu.cfs_quota_us";
    bool checked = part->tree.version == 1 && strcmp(part->subsystem->name, "cpu") == 0;
    options->cfs = group_flag(part->group, "cgroups_enable_cfs");
    options->low_priority = group_flag(part->group, "revocable_cpu_low_priority");
    options->count_processes = group_flag(part->group, "cgroups_cpu_enable_pids_and_tids_count");
    if (checked && options->cfs && faccessat(part->tree.fd, quota, F_OK, 0) < 0) {
        free(options);
        return err_set(err, -ENOTSUP, "--cgroups_enable_cfs=true needs '%s', which the kernel lacks", quota);
    }
    part->state = options;
    return 0;
}

static void
cpu_stop(struct part *part)
{
    free(part->state);
    part->state = NULL;
}

/* The cpus that a quota is made of; INFINITY = none is wanted. */
static double
quota_cpus(const struct cpu_options *options, const struct wish *wish)
{
    double cpus = wish->has_cpu_limit ? wish->cpu_limit : options->cfs && wish->has_cpus ? wish->cpus : INFINITY;
    return cpus < CPUS_MAX ? cpus : INFINITY;
}

uint64_t
cpu_quota_us(double cpus)
{
    uint64_t quota = (uint64_t)(cpus * PERIOD_US);
    return quota < QUOTA_MIN_US ? QUOTA_MIN_US : quota;
}

uint64_t
cpu_shares(const struct wish *wish, bool low_priority, int version)
{
    bool low = wish->revocable_cpus && low_priority;
    double per_cpu = version == 1 ? (low ? SHARES_PER_REVOCABLE_CPU : SHARES_PER_CPU)
                                  : (low ? WEIGHT_PER_REVOCABLE_CPU : WEIGHT_PER_CPU);
    double shares = per_cpu * wish->cpus;
    uint64_t least = version == 1 ? SHARES_MIN : WEIGHT_MIN, most = version == 1 ? SHARES_MAX : WEIGHT_MAX;
    return shares < (double)least ? least : shares > (double)most ? most : (uint64_t)shares;
}

static int
write_text(struct part *part, struct job *job, const char *file, const char *text)
{
    int rc = cgroup_write(&part->tree, job->id, file, text);
    return rc < 0 ? job_fail(job, part, rc, "Failed to update", file) : 0;
}

static int
write_number(struct part *part, struct job *job, const char *file, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return write_text(part, job, file, text);
}

/* Without a quota nothing is written where none was: a kernel may have no such file. */
static int
update_quota_v1(struct part *part, struct job *job, double cpus)
{
    char text[64];
    if (isinf(cpus)) {
        ssize_t n = cgroup_read(&part->tree, job->id, "cpu.cfs_quota_us", text, sizeof text);
        return n < 0 || strcmp(text, "-1\n") == 0 ? 0 : write_text(part, job, "cpu.cfs_quota_us", "-1");
    }
    int rc = write_number(part, job, "cpu.cfs_period_us", PERIOD_US);
    return rc < 0 ? rc : write_number(part, job, "cpu.cfs_quota_us", cpu_quota_us(cpus));
}

static int
cpu_update(struct part *part, struct job *job)
{
    const struct cpu_options *options = part->state;
    double cpus = quota_cpus(options, &job->wish);
    char max[64] = "max";
    int rc = write_number(part, job, part->tree.version == 1 ? "cpu.shares" : "cpu.weight",
                          cpu_shares(&job->wish, options->low_priority, part->tree.version));
    if (rc < 0)
        return rc;
    if (part->tree.version == 1)
        return update_quota_v1(part, job, cpus);
    if (!isinf(cpus))
        snprintf(max, sizeof max, "%" PRIu64 " %d", cpu_quota_us(cpus), PERIOD_US);
    return write_text(part, job, "cpu.max", max);
}

static void
put_throttling(struct buf *out, const char *text, const char *time_key, double per_sec, bool always)
{
    uint64_t periods = 0, throttled = 0, time = 0;
    if (cgroup_key(text, "nr_periods", &periods) < 0 || (periods == 0 && !always))
        return;
    packed_uint(out, FIGURE_CPUS_NR_PERIODS, (uint32_t)periods);
    if (cgroup_key(text, "nr_throttled", &throttled) == 0)
        packed_uint(out, FIGURE_CPUS_NR_THROTTLED, (uint32_t)throttled);
    if (cgroup_key(text, time_key, &time) == 0)
        packed_double(out, FIGURE_CPUS_THROTTLED_TIME_SECS, (double)time / per_sec);
}

static void
count(struct part *part, struct job *job)
{
    int processes = cgroup_pids(&part->tree, job->id, NULL, NULL), threads = cgroup_tids(&part->tree, job->id, NULL, NULL);
    if (processes >= 0)
        packed_uint(&job->answer, FIGURE_PROCESSES, (uint32_t)processes);
    if (threads >= 0)
        packed_uint(&job->answer, FIGURE_THREADS, (uint32_t)threads);
}

static int
cpu_usage(struct part *part, struct job *job)
{
    const struct cpu_options *options = part->state;
    char text[STAT_MAX];
    uint64_t us;
    double cpus = quota_cpus(options, &job->wish);
    ssize_t n = cgroup_read(&part->tree, job->id, "cpu.stat", text, sizeof text);
    if (n < 0)
        return n == -ENOENT || n == -ENODEV ? (int)n : job_fail(job, part, (int)n, "Failed to read", "cpu.stat");
    if (!isinf(cpus))
        packed_double(&job->answer, FIGURE_CPUS_LIMIT, cpus);
    put_throttling(&job->answer, text, part->tree.version == 1 ? "throttled_time" : "throttled_usec",
                   part->tree.version == 1 ? 1e9 : 1e6, options->cfs);
    if (part->tree.version == 1)
        return 0; /* the rest is cpuacct's */
    if (cgroup_key(text, "user_usec", &us) == 0)
        packed_double(&job->answer, FIGURE_CPUS_USER_TIME_SECS, (double)us / 1e6);
    if (cgroup_key(text, "system_usec", &us) == 0)
        packed_double(&job->answer, FIGURE_CPUS_SYSTEM_TIME_SECS, (double)us / 1e6);
    if (options->count_processes)
        count(part, job);
    return 0;
}

static int
cpuacct_usage(struct part *part, struct job *job)
{
    const struct cpu_options *options = part->state;
    double ticks = (double)sysconf(_SC_CLK_TCK);
    char text[STAT_MAX];
    uint64_t user, system;
    ssize_t n = cgroup_read(&part->tree, job->id, "cpuacct.stat", text, sizeof text);
    if (n == -ENOENT || n == -ENODEV)
        return (int)n;
    int rc = n < 0 ? (int)n : cgroup_key(text, "user", &user);
    if (rc == 0 || n >= 0)
        rc = rc < 0 ? rc : cgroup_key(text, "system", &system);
    if (rc < 0)
        return job_fail(job, part, rc, "Failed to read", "cpuacct.stat");
    packed_double(&job->answer, FIGURE_CPUS_USER_TIME_SECS, (double)user / ticks);
    packed_double(&job->answer, FIGURE_CPUS_SYSTEM_TIME_SECS, (double)system / ticks);
    if (options->count_processes)
        count(part, job);
    return 0;
}

const struct subsystem subsystem_cpu = {
    .name = "cpu",
    .v2 = "cpu",
    .start = cpu_start,
    .stop = cpu_stop,
    .update = cpu_update,
    .usage = cpu_usage,
};

const struct subsystem subsystem_cpuacct = {
    .name = "cpuacct",
    .only_v1 = true,
    .start = cpu_start,
    .stop = cpu_stop,
    .usage = cpuacct_usage,
};
