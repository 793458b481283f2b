/* SPDX-License-Identifier: Apache-2.0 */
/* What DC/OS tells of a machine, read from /proc on another thread: nothing here may touch the module's state. */
#include <dirent.h>
#include <math.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "answer.h"
#include "base/file.h"

enum { FILE_MAX = 1 << 20, MOUNTS_MAX = 64, INTERFACES_MAX = 256 };

struct node {
    struct buf *out;
    double now_secs;
};

static void
point(const struct node *node, const char *name, double value, const char *unit)
{
    answer_point(node->out, name, value, unit, node->now_secs, NULL);
}

static double
two_digits(double value)
{
    return value > 0 ? floor(value * 100 + .5) / 100 : 0;
}

static void
processors(const struct node *node, struct node_times *previous)
{
    auto_buf struct buf text = {0};
    double v[8] = {0};
    point(node, "cpu.cores", (double)sysconf(_SC_NPROCESSORS_ONLN), "count");
    if (file_read("/proc/stat", FILE_MAX, &text, NULL) < 0 ||
        sscanf(buf_cstr(&text), "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6],
               &v[7]) < 5)
        return;
    struct node_times now = {v[0], v[2], v[3], v[4], v[0] + v[1] + v[2] + v[3] + v[4] + v[5] + v[6] + v[7]};
    double all = now.total - previous->total;
    double part = all > 0 ? 100 / all : 0;
    double user = two_digits((now.user - previous->user) * part), system = two_digits((now.system - previous->system) * part);
    point(node, "cpu.total", user + system, "percent");
    point(node, "cpu.user", user, "percent");
    point(node, "cpu.system", system, "percent");
    point(node, "cpu.idle", two_digits((now.idle - previous->idle) * part), "percent");
    point(node, "cpu.wait", two_digits((now.wait - previous->wait) * part), "percent");
    *previous = now;
}

static double
meminfo(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? strtod(at + strlen(key), NULL) * 1024 : 0;
}

static void
memory(const struct node *node)
{
    auto_buf struct buf file = {0};
    if (file_read("/proc/meminfo", FILE_MAX, &file, NULL) < 0)
        return;
    const char *text = buf_cstr(&file);
    point(node, "memory.total", meminfo(text, "MemTotal:"), "bytes");
    point(node, "memory.free", meminfo(text, "MemFree:"), "bytes");
    point(node, "memory.buffers", meminfo(text, "Buffers:"), "bytes");
    point(node, "memory.cached", meminfo(text, "\nCached:"), "bytes");
    point(node, "swap.total", meminfo(text, "SwapTotal:"), "bytes");
    point(node, "swap.free", meminfo(text, "SwapFree:"), "bytes");
    point(node, "swap.used", meminfo(text, "SwapTotal:") - meminfo(text, "SwapFree:"), "bytes");
}

static void
load_and_uptime(const struct node *node)
{
    double loads[3] = {0}, uptime = 0, processes = 0;
    auto_buf struct buf text = {0};
    if (getloadavg(loads, 3) == 3) {
        point(node, "load.1min", loads[0], "count");
        point(node, "load.5min", loads[1], "count");
        point(node, "load.15min", loads[2], "count");
    }
    if (file_read("/proc/uptime", FILE_MAX, &text, NULL) == 0 && sscanf(buf_cstr(&text), "%lf", &uptime) == 1)
        point(node, "system.uptime", floor(uptime), "count");
    DIR *proc = opendir("/proc");
    if (!proc)
        return;
    for (const struct dirent *entry; (entry = readdir(proc));)
        processes += entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
    closedir(proc);
    point(node, "process.count", processes, "count");
}

static void
filesystem(const struct node *node, const char *path, const struct statvfs *fs)
{
    const struct tag tags[] = {{"path", path}, {NULL, NULL}};
    double unit = (double)fs->f_frsize, total = (double)fs->f_blocks, unused = (double)fs->f_bfree;
    const struct {
        const char *name;
        double value;
        const char *unit;
    } rows[] = {{"filesystem.capacity.total", total * unit, "bytes"},
                {"filesystem.capacity.used", (total - unused) * unit, "bytes"},
                {"filesystem.capacity.free", (double)fs->f_bavail * unit, "bytes"},
                {"filesystem.inode.total", (double)fs->f_files, "count"},
                {"filesystem.inode.used", (double)fs->f_files - (double)fs->f_ffree, "count"},
                {"filesystem.inode.free", (double)fs->f_ffree, "count"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        answer_point(node->out, rows[i].name, rows[i].value, rows[i].unit, node->now_secs, tags);
}

/* Those on devices, and the root whatever it is on: others are not of the machine, and may hang. */
static void
filesystems(const struct node *node)
{
    FILE *mounts = setmntent("/proc/self/mounts", "r");
    struct mntent entry;
    char text[4096];
    bool root = false;
    struct statvfs fs;
    for (int i = 0; mounts && i < MOUNTS_MAX && getmntent_r(mounts, &entry, text, sizeof(text)); i++) {
        if (strncmp(entry.mnt_fsname, "/dev/", 5) != 0 || statvfs(entry.mnt_dir, &fs) < 0)
            continue;
        root = root || strcmp(entry.mnt_dir, "/") == 0;
        filesystem(node, entry.mnt_dir, &fs);
    }
    if (mounts)
        endmntent(mounts);
    if (!root && statvfs("/", &fs) == 0)
        filesystem(node, "/", &fs);
}

static void
interface(const struct node *node, char *line)
{
    static const struct {
        const char *name, *unit;
        int column;
    } rows[] = {{"network.in", "bytes", 0},          {"network.out", "bytes", 8},
                {"network.in.packets", "count", 1},  {"network.out.packets", "count", 9},
                {"network.in.dropped", "count", 3},  {"network.out.dropped", "count", 11},
                {"network.in.errors", "count", 2},   {"network.out.errors", "count", 10}};
    double v[16] = {0};
    char *colon = strrchr(line, ':');
    if (!colon)
        return;
    *colon = 0;
    char *at = colon + 1;
    for (size_t i = 0; i < 16; i++)
        v[i] = strtod(at, &at);
    const struct tag tags[] = {{"interface", line + strspn(line, " ")}, {NULL, NULL}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        answer_point(node->out, rows[i].name, v[rows[i].column], rows[i].unit, node->now_secs, tags);
}

static void
interfaces(const struct node *node)
{
    FILE *file = fopen("/proc/net/dev", "re");
    char line[512];
    for (int i = 0; file && i < INTERFACES_MAX + 2 && fgets(line, sizeof(line), file); i++)
        if (i >= 2) /* two lines of titles */
            interface(node, line);
    if (file)
        fclose(file);
}

void
node_points(struct buf *out, struct node_times *previous, double now_secs)
{
    const struct node node = {out, now_secs};
    load_and_uptime(&node);
    processors(&node, previous);
    memory(&node);
    filesystems(&node);
    interfaces(&node);
}
