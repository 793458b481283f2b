/* SPDX-License-Identifier: Apache-2.0 */
/* Measures; used by the benches alone, decides nothing. */
#include "figures.h"

#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

double
now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int
by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double
percentile(double *values, size_t count, double share)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof(*values), by_size);
    size_t at = (size_t)(share * (double)count);
    return values[at < count ? at : count - 1];
}

/* A line "<name>: <n> kB" of a file of /proc, in bytes. */
static double
memory_of(pid_t pid, const char *name, const char *what)
{
    char line[256];
    double kilobytes = 0;
    snprintf(line, sizeof(line), "/proc/%d/%s", (int)pid, name);
    FILE *file = fopen(line, "re");
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, what, strlen(what)) == 0 && sscanf(line + strlen(what), " %lf kB", &kilobytes) == 1)
            break;
    if (file)
        fclose(file);
    return kilobytes * 1024;
}

double
private_dirty(pid_t pid)
{
    return memory_of(pid, "smaps_rollup", "Private_Dirty:");
}

double
peak_memory(pid_t pid)
{
    return memory_of(pid, "status", "VmHWM:");
}

double
cpu_ms(pid_t pid)
{
    char text[1024];
    unsigned long user = 0, kernel = 0;
    snprintf(text, sizeof(text), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(text, "re");
    size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    if (file)
        fclose(file);
    text[len] = 0;
    const char *after = strrchr(text, ')'); /* the name may hold anything */
    if (!after ||
        sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) != 2)
        return 0;
    return (double)(user + kernel) * 1e3 / (double)sysconf(_SC_CLK_TCK);
}

double
spawn_rate(size_t count)
{
    static const char *const argv[] = {"/bin/sh", "-c", "true", NULL};
    static const char *const env[] = {"PATH=/usr/bin:/bin", NULL};
    double start = now_ms();
    for (size_t i = 0; i < count; i++) {
        pid_t pid;
        int status;
        if (posix_spawn(&pid, argv[0], NULL, NULL, (char **)(uintptr_t)argv, (char **)(uintptr_t)env))
            return 0;
        waitpid(pid, &status, 0);
    }
    return (double)count / (now_ms() - start) * 1e3;
}
