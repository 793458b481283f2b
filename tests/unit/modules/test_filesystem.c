/* SPDX-License-Identifier: Apache-2.0 */
/* What isolators of file systems are made of: paths in others' directories, the table of mounts, persistent volumes, seccomp
 * profiles. Needs no root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "common/mounts.h"
#include "common/persistent.h"
#include "common/safe_path.h"
#include "isolator/linux_seccomp/profile.h"

/* ---- safe_path ---- */

struct ground {
    char dir[64];
    char *root, *outside;
};

static int
setup(void **state)
{
    struct ground *ground = xcalloc(1, sizeof *ground);
    strcpy(ground->dir, "/tmp/cm-paths-XXXXXX");
    assert_non_null(mkdtemp(ground->dir));
    ground->root = xasprintf("%s/root", ground->dir);
    ground->outside = xasprintf("%s/outside", ground->dir);
    assert_int_equal(mkdir(ground->root, 0755), 0);
    assert_int_equal(mkdir(ground->outside, 0755), 0);
    *state = ground;
    return 0;
}

static int
teardown(void **state)
{
    struct ground *ground = *state;
    assert_int_equal(dir_remove(ground->dir, NULL), 0);
    free(ground->root);
    free(ground->outside);
    free(ground);
    return 0;
}

static void
link_at(const struct ground *ground, const char *text, const char *name)
{
    auto_free char *path = xasprintf("%s/%s", ground->root, name);
    assert_int_equal(symlink(text, path), 0);
}

static bool
is_there(const struct ground *ground, const char *path, mode_t kind)
{
    struct stat is;
    auto_free char *whole = xasprintf("%s/%s", ground->root, path);
    return lstat(whole, &is) == 0 && (is.st_mode & S_IFMT) == kind;
}

static int
make(const struct ground *ground, const char *path, enum safe_path_rule rule, enum safe_path_kind kind)
{
    struct err err = {0};
    int rc = safe_path_make(ground->root, path, rule, kind, NULL, NULL, &err);
    assert_int_equal(rc, err.code);
    return rc;
}

static void
test_making(void **state)
{
    const struct ground *ground = *state;
    bool made;
    assert_int_equal(make(ground, "/a//b/c/", SAFE_PATH_IN_ROOT, SAFE_PATH_DIRECTORY), 0);
    assert_true(is_there(ground, "a/b/c", S_IFDIR));
    assert_int_equal(make(ground, "a/b/file", SAFE_PATH_NO_LINKS, SAFE_PATH_FILE), 0);
    assert_true(is_there(ground, "a/b/file", S_IFREG));
    assert_int_equal(safe_path_make(ground->root, "a/b", SAFE_PATH_NO_LINKS, SAFE_PATH_DIRECTORY, NULL, &made, NULL), 0);
    assert_false(made);
    assert_int_equal(safe_path_make(ground->root, "a/n", SAFE_PATH_NO_LINKS, SAFE_PATH_DIRECTORY, NULL, &made, NULL), 0);
    assert_true(made);
    assert_int_equal(make(ground, "a/b/file/below", SAFE_PATH_NO_LINKS, SAFE_PATH_DIRECTORY), -ENOTDIR);
}

static void
test_links_are_refused(void **state)
{
    const struct ground *ground = *state;
    struct err err = {0};
    link_at(ground, "../outside", "out");
    link_at(ground, ground->outside, "far");
    assert_int_equal(make(ground, "out/x", SAFE_PATH_NO_LINKS, SAFE_PATH_DIRECTORY), -ELOOP);
    assert_int_equal(make(ground, "far", SAFE_PATH_NO_LINKS, SAFE_PATH_DIRECTORY), -ELOOP);
    assert_int_equal(make(ground, "../outside/x", SAFE_PATH_NO_LINKS, SAFE_PATH_DIRECTORY), -EXDEV);
    assert_int_equal(safe_path_open(ground->root, "out", SAFE_PATH_NO_LINKS, &err), -ELOOP);
    assert_non_null(strstr(err.text, "symbolic link"));
    assert_int_equal(rmdir(ground->outside), 0); /* nothing was made in it */
    assert_int_equal(mkdir(ground->outside, 0755), 0);
}

static void
test_links_stay_in_the_root(void **state)
{
    const struct ground *ground = *state;
    link_at(ground, "/inner/deep", "abs");
    link_at(ground, "../../../../inner", "rel");
    link_at(ground, ground->outside, "far");
    assert_int_equal(make(ground, "inner/deep", SAFE_PATH_IN_ROOT, SAFE_PATH_DIRECTORY), 0);
    assert_int_equal(make(ground, "abs/one", SAFE_PATH_IN_ROOT, SAFE_PATH_FILE), 0);
    assert_true(is_there(ground, "inner/deep/one", S_IFREG));
    assert_int_equal(make(ground, "rel/two", SAFE_PATH_IN_ROOT, SAFE_PATH_DIRECTORY), 0);
    assert_true(is_there(ground, "inner/two", S_IFDIR));
    assert_int_equal(make(ground, "/../../../three", SAFE_PATH_IN_ROOT, SAFE_PATH_DIRECTORY), 0);
    assert_true(is_there(ground, "three", S_IFDIR));
    assert_true(make(ground, "far/four", SAFE_PATH_IN_ROOT, SAFE_PATH_DIRECTORY) < 0); /* there is no such place in it */
    assert_int_equal(rmdir(ground->outside), 0);
    assert_int_equal(mkdir(ground->outside, 0755), 0);
}

static void
test_inside(void **state)
{
    static const char *const good[] = {"a", "a/b", "a..b", "..a/b.."}, *const bad[] = {"", "/a", "..", "a/..", "a/../b", "../a"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(safe_path_is_inside(good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(safe_path_is_inside(bad[i]));
}

/* ---- mounts ---- */

static void
test_mount_table(void **state)
{
    struct mounts mounts;
    mounts_parse(STR_LIT("27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
                         "30 27 0:27 / /mnt/with\\040blank\\134 rw shared:7 master:3 - tmpfs none rw\n"
                         "nonsense\n31 27 0:28 relative relative rw - x y z\n"
                         "32 27 0:29 /sub /mnt ro,nodev - ext4 /dev/vdb rw\n33 32 0:30 / /mnt/deep rw master:4 - tmpfs t rw"),
                 &mounts);
    assert_int_equal(mounts.count, 4);
    assert_int_equal(mounts.entries[0].shared, 1);
    assert_string_equal(mounts.entries[1].target, "/mnt/with blank\\");
    assert_int_equal(mounts.entries[1].shared, 7);
    assert_int_equal(mounts.entries[3].shared, 0);
    assert_string_equal(mounts_of(&mounts, "/mnt/deeper")->target, "/mnt");
    assert_string_equal(mounts_of(&mounts, "/mnt/deep/er")->target, "/mnt/deep");
    assert_string_equal(mounts_of(&mounts, "/mnt")->root, "/sub");
    assert_string_equal(mounts_of(&mounts, "/else")->target, "/");
    mounts_fini(&mounts);
    assert_true(path_is_below("/a/b", "/a") && path_is_below("/a", "/a") && path_is_below("/a", "/"));
    assert_false(path_is_below("/ab", "/a") || path_is_below("/", "/a"));
}

/* ---- persistent volumes ---- */

static void
test_persistent_volumes(void **state)
{
    Mesos__V1__Resource resource = MESOS__V1__RESOURCE__INIT, *list[] = {&resource, &resource};
    Mesos__V1__Resource__ReservationInfo reservation = MESOS__V1__RESOURCE__RESERVATION_INFO__INIT, *reservations[] = {&reservation};
    Mesos__V1__Resource__DiskInfo disk = MESOS__V1__RESOURCE__DISK_INFO__INIT;
    Mesos__V1__Resource__DiskInfo__Persistence persistence = MESOS__V1__RESOURCE__DISK_INFO__PERSISTENCE__INIT;
    Mesos__V1__Volume volume = MESOS__V1__VOLUME__INIT;
    char id[] = "id1", role[] = "eng/web", into[] = "data", nested[] = "a/b", up[] = "..";
    struct persistent_volumes volumes = {0};
    reservation.role = role;
    resource.reservations = reservations;
    resource.n_reservations = 1;
    resource.disk = &disk;
    persistent_of_messages(&volumes, "/agent", list, 1);
    assert_int_equal(volumes.count, 0); /* a disk without a volume */
    persistence.id = id;
    disk.persistence = &persistence;
    disk.volume = &volume;
    volume.mode = MESOS__V1__VOLUME__MODE__RO;
    volume.container_path = into;
    persistent_of_messages(&volumes, "/agent", list, 2);
    assert_int_equal(volumes.count, 1); /* once */
    assert_string_equal(volumes.items[0].source, "/agent/volumes/roles/eng web/id1");
    assert_string_equal(volumes.items[0].container_path, "data");
    assert_true(volumes.items[0].read_only && !volumes.items[0].shared);
    volume.container_path = nested;
    persistent_of_messages(&volumes, "/agent", list, 1);
    volume.container_path = up;
    persistent_of_messages(&volumes, "/agent", list, 1);
    assert_int_equal(volumes.count, 1);
    persistent_volumes_fini(&volumes);
}

/* ---- seccomp ---- */

static const struct seccomp_host HOST = {MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_X86_64, 6, 1};

#define HEAD "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\"," \
             "\"subArchitectures\":[\"SCMP_ARCH_X86\"]},{\"architecture\":\"SCMP_ARCH_ARM\",\"subArchitectures\":[]}],\"syscalls\":["

static void
test_profile(void **state)
{
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    const Mesos__Seccomp__ContainerSeccompProfile *profile = seccomp_profile_parse(
        STR_LIT(HEAD "{\"names\":[\"read\",\"write\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":1,\"value\":7,"
                     "\"valueTwo\":8,\"op\":\"SCMP_CMP_MASKED_EQ\"}],\"includes\":{\"caps\":[\"CAP_KILL\"]}},"
                     "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_KILL\",\"includes\":{\"arches\":[\"arm\",\"amd64\"]}},"
                     "{\"names\":[\"b\"],\"action\":\"SCMP_ACT_KILL\",\"includes\":{\"arches\":[\"arm\"]}},"
                     "{\"names\":[\"c\"],\"action\":\"SCMP_ACT_KILL\",\"excludes\":{\"arches\":[\"arm\",\"amd64\"]}},"
                     "{\"names\":[\"d\"],\"action\":\"SCMP_ACT_KILL\",\"includes\":{\"minKernel\":\"6.2\"}},"
                     "{\"names\":[\"e\"],\"action\":\"SCMP_ACT_KILL\",\"includes\":{\"minKernel\":\"4.8\"}}]}"),
        &HOST, arena, &err);
    assert_non_null(profile);
    assert_int_equal(profile->n_architectures, 2);
    assert_int_equal(profile->n_syscalls, 3);
    const Mesos__Seccomp__ContainerSeccompProfile__Syscall *first = profile->syscalls[0];
    assert_int_equal(first->n_names, 2);
    assert_int_equal(first->args[0]->value_two, 8);
    assert_int_equal(first->args[0]->op, MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__SYSCALL__ARG__OPERATOR__CMP_MASKED_EQ);
    assert_int_equal(first->includes->capabilities[0], MESOS__V1__CAPABILITY_INFO__CAPABILITY__KILL);
    assert_string_equal(profile->syscalls[1]->names[0], "a");
    assert_string_equal(profile->syscalls[2]->names[0], "e");
}

static void
test_profiles_that_are_wrong(void **state)
{
    static const struct {
        const char *json, *says;
    } cases[] = {
        {"", "line 1"},
        {"[]", "no JSON object"},
        {"{}", "Cannot determine 'defaultAction'"},
        {"{\"defaultAction\":7}", "no text"},
        {"{\"defaultAction\":\"ALLOW\"}", "Unexpected syscall action: 'ALLOW'"},
        {"{\"defaultAction\":\"SCMP_ACT_UNKNOWN\"}", "Unknown syscall action: 'SCMP_ACT_UNKNOWN'"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\"}", "Cannot determine 'archMap'"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"archMap\":{}}", "'archMap' is no array"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"archMap\":[]}", "Cannot determine 'syscalls'"},
        {HEAD "7]}", "syscalls[0]: 'syscalls' contains a non-object item"},
        {HEAD "{\"names\":[]}]}", "'names' list is empty"},
        {HEAD "{\"names\":[7]}]}", "non-string item"},
        {HEAD "{\"names\":[\"a\"]}]}", "Cannot determine syscall action"},
        {HEAD "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":6,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]}]}",
         "'index' 6"},
        {HEAD "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":-1,\"op\":\"SCMP_CMP_EQ\"}]}]}",
         "Cannot determine 'value'"},
        {HEAD "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_XX\"}]}]}",
         "Unknown operator: 'SCMP_CMP_XX'"},
        {HEAD "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":[\"vax\"]}}]}",
         "Unknown architecture: 'vax'"},
        {HEAD "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":[\"KILL\"]}}]}",
         "Unexpected capability: 'KILL'"},
        {HEAD "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"minKernel\":\"new\"}}]}", "'minKernel'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_arena struct arena *arena = arena_new(0);
        struct err err = {0};
        assert_null(seccomp_profile_parse(str_of(cases[i].json), &HOST, arena, &err));
        if (!strstr(err.text, cases[i].says))
            print_error("%s: %s\n", cases[i].json, err.text);
        assert_non_null(strstr(err.text, cases[i].says));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_making, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links_stay_in_the_root, setup, teardown),
        cmocka_unit_test(test_inside),
        cmocka_unit_test(test_mount_table),
        cmocka_unit_test(test_persistent_volumes),
        cmocka_unit_test(test_profile),
        cmocka_unit_test(test_profiles_that_are_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
