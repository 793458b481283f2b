/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers that an agent of Apache Mesos started: it writes down the pid of their first process and not when that
 * began. Ours is the process that began about when the file was written; a stranger that got the number later is not.
 * Called at recovery, off the loop.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "common/processes.h"
#include "native.h"

/* Between the fork and the write, and what a corrected clock may have put between them since. */
#define SECONDS_APART 60

/* When the machine was booted, in seconds of the wall clock as it is now. */
static double
boot_time(void)
{
    struct timespec wall, since_boot;
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_BOOTTIME, &since_boot);
    return (double)(wall.tv_sec - since_boot.tv_sec) + (double)(wall.tv_nsec - since_boot.tv_nsec) / 1e9;
}

bool
foreign_process(const char *directory, pid_t *ret_pid, uint64_t *ret_start_time)
{
    auto_free char *path = xasprintf("%s/pid", directory);
    auto_buf struct buf text = {0};
    struct process process;
    struct stat st;
    uint64_t pid;
    if (file_read(path, 64, &text, NULL) < 0 || str_to_u64(str_trim(buf_str(&text)), &pid) < 0 || pid < 2 ||
        pid > INT32_MAX || stat(path, &st) < 0 || process_read((pid_t)pid, &process) < 0 || process.state == 'Z')
        return false;
    double began = boot_time() + (double)process.start_time / (double)sysconf(_SC_CLK_TCK);
    double apart = (double)st.st_mtime - began;
    if (apart < -SECONDS_APART || apart > SECONDS_APART)
        return false;
    *ret_pid = (pid_t)pid;
    *ret_start_time = process.start_time;
    return true;
}
