/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container may use, from resources and limits to the figures that docker wants: shares, quota, bytes.
 * Used for `docker run` and, through docker_figures(), for `docker update`.
 */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "model/docker_run.h"
#include "model/docker_run_parts.h"

enum {
    SHARES_PER_CPU = 1024,
    SHARES_MIN = 2,
    SHARES_MAX = 262144, /* the kernel takes no more */
    CFS_PERIOD_US = 100000,
    CFS_QUOTA_MIN_US = 1000,
    MEMORY_MIN_MB = 32,
};

double
docker_scalar(Mesos__V1__Resource *const *resources, size_t count, const char *name)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(resources[i]->name, name) == 0 && resources[i]->scalar)
            sum += resources[i]->scalar->value;
    return isfinite(sum) && sum > 0 ? sum : 0;
}

static uint64_t
memory_bytes(double mb)
{
    double bytes = (mb < MEMORY_MIN_MB ? MEMORY_MIN_MB : mb) * 1048576.0;
    return bytes < 9e18 ? (uint64_t)bytes : (uint64_t)INT64_MAX;
}

/* The more of the machine was promised, the later the kernel looks here for memory. */
static int
oom_score(double request_mb)
{
    double total_mb = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / 1048576.0;
    double score = 1000 - (total_mb > 0 ? 1000 * request_mb / total_mb : 0);
    return score < 2 ? 2 : score > 999 ? 999 : (int)score;
}

struct docker_figures
docker_figures(const struct docker_limits *limits, bool cfs)
{
    struct docker_figures figures = {0};
    double quota = limits->cpus_limit > 0 ? limits->cpus_limit : cfs ? limits->cpus : HUGE_VAL;
    double shares = limits->cpus * SHARES_PER_CPU;
    figures.cpu_shares = shares < SHARES_MAX ? (uint64_t)shares : SHARES_MAX;
    if (figures.cpu_shares < SHARES_MIN)
        figures.cpu_shares = SHARES_MIN;
    if (isfinite(quota) && quota > 0 && quota < 1e6) {
        figures.cpu_quota = (uint64_t)(quota * CFS_PERIOD_US);
        if (figures.cpu_quota < CFS_QUOTA_MIN_US)
            figures.cpu_quota = CFS_QUOTA_MIN_US;
    }
    if (limits->mem_limit_mb <= 0) {
        figures.memory = memory_bytes(limits->mem_mb);
        return figures;
    }
    figures.memory_reservation = memory_bytes(limits->mem_mb);
    if (isfinite(limits->mem_limit_mb))
        figures.memory = memory_bytes(limits->mem_limit_mb);
    if (figures.memory == 0 || figures.memory > figures.memory_reservation)
        figures.oom_score_adj = oom_score(limits->mem_mb);
    return figures;
}

void
docker_run_add_figures(const struct docker_run *run, struct docker_argv *argv)
{
    struct docker_figures figures = docker_figures(&run->limits, run->cfs);
    if (run->limits.cpus > 0) {
        docker_argv_add(argv, "--cpu-shares");
        docker_argv_add(argv, "%llu", (unsigned long long)figures.cpu_shares);
    }
    if (figures.cpu_quota) {
        docker_argv_add(argv, "--cpu-quota");
        docker_argv_add(argv, "%llu", (unsigned long long)figures.cpu_quota);
    }
    if (figures.memory_reservation) {
        docker_argv_add(argv, "--memory-reservation");
        docker_argv_add(argv, "%llu", (unsigned long long)figures.memory_reservation);
    }
    if (figures.memory && run->limits.mem_mb > 0) {
        docker_argv_add(argv, "--memory");
        docker_argv_add(argv, "%llu", (unsigned long long)figures.memory);
    }
    if (figures.oom_score_adj) {
        docker_argv_add(argv, "--oom-score-adj");
        docker_argv_add(argv, "%d", figures.oom_score_adj);
    }
}
