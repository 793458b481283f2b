/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reads control groups and what is said of them: ids and paths, control files with anything in them, lines of blkio
 * and of perf, handles of net_cls, resources and limits. A directory plays the hierarchy; the kernel's own is for the
 * system tests.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "common/cgroup.h"
#include "common/packed.h"
#include "isolator/cgroups/blkio.h"
#include "isolator/cgroups/cpu.h"
#include "isolator/cgroups/devices.h"
#include "isolator/cgroups/memory.h"
#include "isolator/cgroups/net_cls.h"
#include "isolator/cgroups/perf_event.h"

static void
test_paths_of_ids(void **state)
{
    static const struct {
        const char *id, *path;
    } good[] = {
        {"a", "a"},
        {"0f-1_x", "0f-1_x"},
        {"a.b", "a/mesos/b"},
        {"a.b.c", "a/mesos/b/mesos/c"},
        {"mesos.mesos", "mesos/mesos/mesos"},
        {"a.slave", "a/mesos/slave"},
    };
    static const char *const bad[] = {"", ".", "..", "...", "a.", ".a", "a..b", "a/b", "/", "../a", "a.b/../c", "a b", "a\n",
                                      "a\tb", "\x7f", "slave", "agent", "slave.x"};
    char path[CGROUP_PATH_MAX], id[CGROUP_PATH_MAX];
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(cgroup_path(good[i].id, path), 0);
        assert_string_equal(path, good[i].path);
        assert_int_equal(cgroup_id(path, id), 0);
        assert_string_equal(id, good[i].id);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(cgroup_path(bad[i], path), -EINVAL);
}

static void
test_long_and_deep_ids(void **state)
{
    char id[5000], path[CGROUP_PATH_MAX];
    memset(id, 'a', sizeof id);
    id[256] = '\0';
    assert_int_equal(cgroup_path(id, path), -EINVAL); /* no file's name is so long */
    id[255] = '\0';
    assert_int_equal(cgroup_path(id, path), 0);
    for (size_t i = 0; i < sizeof id - 1; i++)
        id[i] = i % 2 ? '.' : 'a';
    id[sizeof id - 1] = '\0';
    assert_int_equal(cgroup_path(id, path), -EINVAL);
    id[2 * CGROUP_DEPTH_MAX - 1] = '\0';
    assert_int_equal(cgroup_path(id, path), 0);
    memset(id, 'a', sizeof id);
    for (size_t i = 200; i < sizeof id; i += 201)
        id[i] = '.';
    id[sizeof id - 1] = '\0';
    assert_int_equal(cgroup_path(id, path), -EINVAL); /* longer than a path may be */
}

static void
test_paths_that_are_no_containers(void **state)
{
    static const char *const bad[] = {"", "/", "a/", "a/b", "a/mesos", "a/mesos/", "/a", "a//mesos/b", "slave", "agent/leaf",
                                      "a.b", "a/mesos/b.c", "a/mesos/b/leaf", "a b"};
    char id[64];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (cgroup_id(bad[i], id) == 0)
            fail_msg("'%s' became '%s'", bad[i], id);
}

static void
test_keys(void **state)
{
    uint64_t value = 7;
    assert_int_equal(cgroup_key("a 1\nab 2\nb\t3\n", "ab", &value), 0);
    assert_int_equal(value, 2);
    assert_int_equal(cgroup_key("a 1\nab 2\nb\t3\n", "b", &value), 0);
    assert_int_equal(value, 3);
    assert_int_equal(cgroup_key("a 1\nab 2", "ab", &value), 0);
    value = 7;
    assert_int_equal(cgroup_key("a 1\n", "b", &value), -ENOENT);
    assert_int_equal(cgroup_key("", "b", &value), -ENOENT);
    assert_int_equal(cgroup_key("b", "b", &value), -ENOENT);
    assert_int_equal(cgroup_key("b \n", "b", &value), -EINVAL);
    assert_int_equal(cgroup_key("b -1\n", "b", &value), -EINVAL);
    assert_int_equal(cgroup_key("b 1x\n", "b", &value), -EINVAL);
    assert_int_equal(cgroup_key("b 18446744073709551616\n", "b", &value), -EINVAL);
    assert_int_equal(cgroup_key("b 1 2\n", "b", &value), -EINVAL);
    assert_int_equal(value, 7);
}

static void
test_numbers(void **state)
{
    static const char *const bad[] = {"", "\n", "-1\n", "1 2\n", "maximum\n", "0x10\n", "1e3\n", "18446744073709551616\n"};
    uint64_t value = 7;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(cgroup_number(bad[i], &value), -EINVAL);
    assert_int_equal(value, 7);
    assert_int_equal(cgroup_number("9223372036854771712\n", &value), 0);
    assert_true(value == 9223372036854771712u);
    assert_int_equal(cgroup_number("max\n", &value), 0);
    assert_true(value == UINT64_MAX);
}

/* A directory in the place of a hierarchy. */
struct tree_box {
    char directory[64];
    struct cgroup_tree tree;
};

static int
setup(void **state)
{
    struct tree_box *box = xcalloc(1, sizeof *box);
    snprintf(box->directory, sizeof box->directory, "/tmp/test_cgroup.XXXXXX");
    assert_non_null(mkdtemp(box->directory));
    box->tree = (struct cgroup_tree){.version = 1, .fd = open(box->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    *state = box;
    return 0;
}

static int
teardown(void **state)
{
    struct tree_box *box = *state;
    cgroup_tree_close(&box->tree);
    dir_remove(box->directory, NULL);
    free(box);
    return 0;
}

static void
put(const struct tree_box *box, const char *file, const char *text, size_t len)
{
    auto_free char *path = xasprintf("%s/%s", box->directory, file);
    assert_int_equal(file_replace(path, text, len, 0644, false, NULL), 0);
}

static void
test_files_of_any_size(void **state)
{
    struct tree_box *box = *state;
    char text[64], large[300];
    uint64_t value;
    memset(large, '1', sizeof large);
    assert_int_equal(cgroup_create(&box->tree, "a"), 0);
    assert_int_equal(cgroup_create(&box->tree, "a"), 1);
    put(box, "a/f", "12\n", 3);
    assert_int_equal(cgroup_read(&box->tree, "a", "f", text, sizeof text), 3);
    assert_string_equal(text, "12\n");
    assert_int_equal(cgroup_read(&box->tree, "a", "f", text, 3), -EFBIG);
    assert_int_equal(cgroup_read(&box->tree, "a", "f", text, 4), 3);
    put(box, "a/f", "", 0);
    assert_int_equal(cgroup_read(&box->tree, "a", "f", text, sizeof text), 0);
    assert_int_equal(cgroup_read_u64(&box->tree, "a", "f", &value), -EINVAL);
    put(box, "a/f", large, sizeof large);
    assert_int_equal(cgroup_read_u64(&box->tree, "a", "f", &value), -EFBIG);
    assert_int_equal(cgroup_read(&box->tree, "a", "none", text, sizeof text), -ENOENT);
    assert_int_equal(cgroup_read(&box->tree, "b", "f", text, sizeof text), -ENOENT);
    assert_int_equal(cgroup_read(&box->tree, "../a", "f", text, sizeof text), -EINVAL);
    assert_int_equal(cgroup_write(&box->tree, "a", "f", "x"), 0);
    memset(large, 'f', 100);
    large[100] = '\0';
    assert_int_equal(cgroup_write(&box->tree, "a", large, "x"), -ENAMETOOLONG);
}

static void
sum_up(void *arg, pid_t pid)
{
    *(long *)arg += pid;
}

static void
test_lists_of_processes(void **state)
{
    struct tree_box *box = *state;
    auto_buf struct buf many = {0};
    static const char odd[] = "12\n0\n\nabc\n99999999999999999999999\n7";
    long sum = 0;
    assert_int_equal(cgroup_create(&box->tree, "a.b"), 0);
    put(box, "a/cgroup.procs", odd, sizeof odd - 1);
    put(box, "a/mesos/cgroup.procs", "", 0);
    for (int i = 1; i <= 5000; i++)
        buf_printf(&many, "%d\n", i); /* over several reads */
    put(box, "a/mesos/b/cgroup.procs", buf_data(&many), many.len);
    assert_int_equal(cgroup_pids(&box->tree, "a.b", sum_up, &sum), 5000);
    assert_int_equal(sum, 5000 * 5001 / 2);
    assert_int_equal(cgroup_pids(&box->tree, "gone", NULL, NULL), -ENOENT);
    assert_true(cgroup_empty(&box->tree, "gone"));
    assert_int_equal(cgroup_kill(&box->tree, "gone"), 0);
    assert_int_equal(cgroup_remove(&box->tree, "gone"), 0);
}

static bool
count_id(void *arg, const char *id)
{
    (*(int *)arg)++;
    assert_null(strchr(id, '/'));
    return true;
}

static void
test_containers_that_have_groups(void **state)
{
    struct tree_box *box = *state;
    static const char *const others[] = {"slave", "agent", "agent/leaf", "x.slice", "a/other", "a/other/mesos", "a/leaf"};
    int count = 0;
    assert_int_equal(cgroup_create(&box->tree, "a.b.c"), 0);
    assert_int_equal(cgroup_create(&box->tree, "d"), 0);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(mkdirat(box->tree.fd, others[i], 0755), 0);
    assert_int_equal(symlinkat("d", box->tree.fd, "link"), 0);
    put(box, "tasks", "1\n", 2);
    assert_int_equal(cgroup_each(&box->tree, count_id, &count), 4); /* a, a.b, a.b.c, d */
    assert_int_equal(count, 4);
    assert_true(cgroup_exists(&box->tree, "a.b.c"));
    assert_int_equal(cgroup_assign(&box->tree, "tasks", 1), -ENOTDIR);
}

static void
test_lines_of_blkio(void **state)
{
    static const char *const bad[] = {"", " ", "8:0", "8:0 Read", "Read", "x 12", "8:0 Read 12 13", "8: 12", ":0 12", "8:0 Read -1",
                                      "8:x Read 1", "8:0 Read 18446744073709551616", "12"};
    struct blkio_value value;
    assert_true(blkio_line(STR_LIT("8:16 Write 4096"), &value));
    assert_true(value.has_device && value.major == 8 && value.minor == 16 && value.operation == 3 && value.value == 4096);
    assert_true(blkio_line(STR_LIT("8:0 12"), &value));
    assert_true(value.has_device && value.operation == 0 && value.value == 12);
    assert_true(blkio_line(STR_LIT("Total 18446744073709551615"), &value));
    assert_true(!value.has_device && value.operation == 1 && value.value == UINT64_MAX);
    assert_true(blkio_line(STR_LIT("8:0 Unheard 1"), &value));
    assert_int_equal(value.operation, 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (blkio_line(str_of(bad[i]), &value))
            fail_msg("'%s' was taken", bad[i]);
}

static void
test_lines_of_perf(void **state)
{
    struct perf_line line;
    assert_true(perf_line_read(STR_LIT("426.07\tmsec\ttask-clock\tmesos/a\t426079596\t100.00\t0.841\tCPUs utilized"), &line));
    assert_true(line.counted && line.supported && line.value > 426 && str_is(line.event, "task-clock") && str_is(line.cgroup, "mesos/a"));
    assert_true(perf_line_read(STR_LIT("<not supported>\t\tcycles\tmesos/a\t0\t100.00\t\t"), &line));
    assert_true(!line.counted && !line.supported);
    assert_true(perf_line_read(STR_LIT("<not counted>\t\tcycles\tmesos/a\t0"), &line));
    assert_true(!line.counted && line.supported);
    assert_false(perf_line_read(STR_LIT(""), &line));
    assert_false(perf_line_read(STR_LIT("# started on Mon"), &line));
    assert_false(perf_line_read(STR_LIT("nan\t\tcycles\ta"), &line));
    assert_false(perf_line_read(STR_LIT("-3\t\tcycles\ta"), &line));
    assert_false(perf_line_read(STR_LIT("12"), &line));
    assert_false(perf_line_read(STR_LIT("12\t\t\t\t"), &line));
    assert_int_equal(perf_event_field(STR_LIT("cycles")), 3);
    assert_int_equal(perf_event_field(STR_LIT("task-clock:u")), 14);
    assert_int_equal(perf_event_field(STR_LIT("L1-dcache-loads")), 22);
    assert_int_equal(perf_event_field(STR_LIT("node-prefetch-misses")), 53);
    assert_int_equal(perf_event_field(STR_LIT("bogus")), 0);
    assert_int_equal(perf_event_field(STR_LIT("")), 0);
}

static void
test_handles(void **state)
{
    uint16_t low = 0, high = 0;
    static const char *const bad[] = {"", "x", "0x", "0x10000", "65536", "-1", "0xg", " 1", "1,2"};
    static const char *const ranges[] = {"", ",", "1", "0,5", "5,1", "1,2,3", "0x1,0x10000", "a,b"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_true(net_cls_handle(bad[i], &low) < 0);
    assert_int_equal(net_cls_handle("0xFfff", &low), 0);
    assert_int_equal(low, 0xffff);
    assert_int_equal(net_cls_handle("18", &low), 0);
    assert_int_equal(low, 18);
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        assert_true(net_cls_range(ranges[i], &low, &high) < 0);
    assert_int_equal(net_cls_range("0x0001,0xffff", &low, &high), 0);
    assert_true(low == 1 && high == 0xffff);
}

static void
put_limit(struct buf *out, const char *name, double value)
{
    auto_buf struct buf entry = {0}, scalar = {0};
    packed_double(&scalar, 1, value);
    packed_bytes(&entry, 1, str_of(name));
    packed_bytes(&entry, 2, buf_str(&scalar));
    packed_bytes(out, 16, buf_str(&entry));
}

static void
test_limits_from_wishes(void **state)
{
    static const struct mesos_resource resources[] = {
        {.name = "cpus", .role = "*", .type = MESOS_VALUE_SCALAR, .scalar = 1500},
        {.name = "cpus", .role = "*", .type = MESOS_VALUE_SCALAR, .scalar = 500, .revocable = 1},
        {.name = "mem", .role = "*", .type = MESOS_VALUE_SCALAR, .scalar = 64500},
        {.name = "ports", .role = "*", .type = MESOS_VALUE_RANGES},
    };
    const struct mesos_resources requests = {sizeof resources[0], ARRAY_LEN(resources), resources};
    auto_buf struct buf limits = {0};
    struct wish wish;
    wish_read(&wish, requests, (struct mesos_bytes){NULL, 0});
    assert_true(wish.has_cpus && wish.has_mem && wish.revocable_cpus && !wish.has_cpu_limit && !wish.has_mem_limit);
    assert_int_equal(cpu_shares(&wish, false, 1), 2048);
    assert_int_equal(cpu_shares(&wish, true, 1), 20);
    assert_int_equal(cpu_shares(&wish, false, 2), 200);
    assert_int_equal(cpu_shares(&wish, true, 2), 2);
    assert_int_equal(memory_soft_limit(&wish), 64u << 20);
    assert_int_equal(memory_hard_limit(&wish), 64u << 20);
    put_limit(&limits, "mem", 16); /* less than the least */
    put_limit(&limits, "cpus", INFINITY);
    put_limit(&limits, "disk", 3);
    wish_read(&wish, requests, (struct mesos_bytes){buf_data(&limits), limits.len});
    assert_true(wish.has_cpu_limit && isinf(wish.cpu_limit));
    assert_int_equal(memory_hard_limit(&wish), 32u << 20);
    buf_clear(&limits);
    put_limit(&limits, "mem", INFINITY);
    put_limit(&limits, "cpus", NAN);
    wish_read(&wish, requests, (struct mesos_bytes){buf_data(&limits), limits.len});
    assert_true(!wish.has_cpu_limit && memory_hard_limit(&wish) == UINT64_MAX);
    wish_read(&wish, (struct mesos_resources){sizeof resources[0], 0, NULL}, (struct mesos_bytes){NULL, 0});
    assert_int_equal(cpu_shares(&wish, false, 1), 2);
    assert_int_equal(cpu_shares(&wish, false, 2), 1);
    assert_int_equal(memory_soft_limit(&wish), 32u << 20);
    assert_int_equal(cpu_quota_us(0.001), 1000);
    assert_int_equal(cpu_quota_us(2.5), 250000);
}

/* Every prefix of a good configuration, and every byte of it changed: read to the end, whatever it says. */
static void
test_damaged_configurations(void **state)
{
    auto_buf struct buf config = {0}, info = {0}, linux_info = {0};
    struct wish wish;
    packed_uint(&linux_info, 8, 0);
    packed_bytes(&info, 8, buf_str(&linux_info));
    packed_bytes(&config, 12, buf_str(&info));
    put_limit(&config, "mem", 64);
    assert_true(wish_own_cgroups((struct mesos_bytes){buf_data(&config), config.len}));
    const struct mesos_resources none = {sizeof(struct mesos_resource), 0, NULL};
    for (size_t len = 0; len < config.len; len++) {
        auto_free char *copy = xmemdup(buf_data(&config), len + 1); /* of exactly this size, for the sanitizer */
        wish_read(&wish, none, (struct mesos_bytes){copy, len});
        wish_own_cgroups((struct mesos_bytes){copy, len});
        for (unsigned byte = 0; byte < 256; byte += 5) {
            copy[len] = (char)byte;
            wish_read(&wish, none, (struct mesos_bytes){copy, len + 1});
            wish_own_cgroups((struct mesos_bytes){copy, len + 1});
            config_is_command_task((struct mesos_bytes){copy, len + 1});
        }
    }
    packed_uint(&config, 14, 2); /* of class DEBUG: never its own */
    assert_false(wish_own_cgroups((struct mesos_bytes){buf_data(&config), config.len}));
}

static void
test_device_rules(void **state)
{
    static const char *const bad[] = {
        "[]", "{\"allowed_devices\": 3}", "{\"allowed_devices\": [{}]}",
        "{\"allowed_devices\": [{\"device\": {}, \"access\": {\"read\": true}}]}",
        "{\"allowed_devices\": [{\"device\": {\"path\": \"null\"}, \"access\": {\"read\": true}}]}",
        "{\"allowed_devices\": [{\"device\": {\"path\": \"/dev/null\"}, \"access\": {}}]}",
        "{\"allowed_devices\": [{\"device\": {\"path\": \"/\"}, \"access\": {\"read\": true}}]}",
        "{\"allowed_devices\": [{\"device\": {\"path\": \"/dev/not there\"}, \"access\": {\"read\": true}}]}",
    };
    auto_buf struct buf rules = {0};
    struct err err = {0};
    char text[64];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        buf_clear(&rules);
        assert_true(device_rules_read(&rules, bad[i], &err) < 0);
        assert_non_null(strstr(err.text, "--allowed_devices"));
    }
    buf_clear(&rules);
    assert_int_equal(device_rules_read(&rules, NULL, &err), 0);
    size_t usual = rules.len / sizeof(struct device_rule);
    assert_int_equal(usual, 14);
    device_rule_format((const void *)buf_data(&rules), text);
    assert_string_equal(text, "c *:* m");
    buf_clear(&rules);
    assert_int_equal(device_rules_read(&rules,
                                       "{\"allowed_devices\": [{\"device\": {\"path\": \"/dev/null\"}, "
                                       "\"access\": {\"read\": true, \"mknod\": true}}]}",
                                       &err), 0);
    device_rule_format((const struct device_rule *)(const void *)buf_data(&rules) + usual, text);
    assert_string_equal(text, "c 1:3 rm");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_of_ids),
        cmocka_unit_test(test_long_and_deep_ids),
        cmocka_unit_test(test_paths_that_are_no_containers),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test_setup_teardown(test_files_of_any_size, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lists_of_processes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_containers_that_have_groups, setup, teardown),
        cmocka_unit_test(test_lines_of_blkio),
        cmocka_unit_test(test_lines_of_perf),
        cmocka_unit_test(test_handles),
        cmocka_unit_test(test_limits_from_wishes),
        cmocka_unit_test(test_damaged_configurations),
        cmocka_unit_test(test_device_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
