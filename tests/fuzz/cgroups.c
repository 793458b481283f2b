/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of control groups: ids and paths, control files, lines of blkio and perf, handles, packed configurations. */
#include <math.h>
#include <string.h>

#include "common/cgroup.h"
#include "common/packed.h"
#include "fuzz/fuzz.h"
#include "isolator/cgroups/blkio.h"
#include "isolator/cgroups/cpu.h"
#include "isolator/cgroups/memory.h"
#include "isolator/cgroups/net_cls.h"
#include "isolator/cgroups/perf_event.h"

/* An id that has a path is that path's id; the path stays below. */
static void
check_id(const char *text)
{
    char path[CGROUP_PATH_MAX], again[CGROUP_PATH_MAX];
    if (cgroup_path(text, path) == 0) {
        must(path[0] != '/' && !strstr(path, "..") && !strstr(path, "//") && strlen(path) < sizeof path);
        must(cgroup_id(path, again) == 0 && strcmp(again, text) == 0);
    }
    auto_free char *id = xmalloc(strlen(text) + 1);
    if (cgroup_id(text, id) == 0 && strlen(text) < CGROUP_PATH_MAX - sizeof "/mesos/" && cgroup_path(id, path) == 0)
        must(strcmp(path, text) == 0);
}

static void
check_file(const char *text)
{
    static const char *const keys[] = {"user", "system", "oom", "populated", "total_rss", ""};
    uint64_t value;
    auto_buf struct buf statistics = {0};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        cgroup_key(text, keys[i], &value);
    cgroup_number(text, &value);
    memory_put_stat(&statistics, text, 1);
    memory_put_stat(&statistics, text, 2);
    must(statistics.len < 200);
}

static void
check_lines(struct str rest)
{
    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n');
        struct blkio_value value;
        struct perf_line perf;
        if (blkio_line(line, &value))
            must(value.operation <= 6 && (value.has_device || value.operation > 0));
        if (perf_line_read(line, &perf)) {
            must(perf.event.len > 0 && perf.value >= 0 && isfinite(perf.value) && !(perf.counted && !perf.supported));
            must(perf_event_field(perf.event) == 0 || (perf_event_field(perf.event) >= 3 && perf_event_field(perf.event) <= 53));
        }
    }
}

static void
check_handles(const char *text)
{
    uint16_t low = 0, high = 0;
    net_cls_handle(text, &low);
    if (net_cls_range(text, &low, &high) == 0)
        must(low > 0 && low <= high);
}

static void
check_config(struct str text)
{
    const struct mesos_resources none = {sizeof(struct mesos_resource), 0, NULL};
    const struct mesos_bytes bytes = {text.ptr, text.len};
    struct wish wish;
    wish_read(&wish, none, bytes);
    wish_own_cgroups(bytes);
    config_is_command_task(bytes);
    must(!wish.has_cpu_limit || wish.cpu_limit >= 0);
    must(!wish.has_mem_limit || wish.mem_limit_mb >= 0);
    must(memory_hard_limit(&wish) >= 32u << 20);
    must(cpu_shares(&wish, false, 1) >= 2 && cpu_shares(&wish, false, 2) >= 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str input = str_n(data, size);
    unsigned choice = take_choice(&input, 5);
    auto_free char *text = str_dup(input);
    if (choice == 0)
        check_id(text);
    else if (choice == 1)
        check_file(text);
    else if (choice == 2)
        check_lines(input);
    else if (choice == 3)
        check_handles(text);
    else
        check_config(input);
    return 0;
}
