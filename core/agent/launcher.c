/* SPDX-License-Identifier: Apache-2.0 */
/* Which launcher an agent has that was told none. Called once, when options are read. */
#include "agent/launcher.h"

#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"

static bool
kernel_has_freezer(void)
{
    auto_buf struct buf text = {0};
    return file_read("/proc/cgroups", 65536, &text, NULL) == 0 && strstr(buf_cstr(&text), "\nfreezer\t") != NULL;
}

const char *
launcher_usual(const char *hierarchy)
{
    struct statfs fs;
    auto_free char *freezer = xasprintf("%s/freezer", hierarchy);
    if (geteuid() != 0 || statfs(hierarchy, &fs) < 0)
        return "posix";
    if (fs.f_type == CGROUP2_SUPER_MAGIC)
        return access(hierarchy, W_OK) == 0 ? "linux" : "posix";
    if (access(freezer, W_OK) == 0)
        return "linux";
    return kernel_has_freezer() && access(hierarchy, W_OK) == 0 ? "linux" : "posix"; /* it can be mounted there */
}
