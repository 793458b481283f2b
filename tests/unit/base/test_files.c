/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files, directories, and the fault points that make them fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"

static char root[] = "/tmp/test_files.XXXXXX";

static int
make_root(void **state)
{
    return mkdtemp(root) ? 0 : -1;
}

static int
remove_root(void **state)
{
    return dir_remove(root, NULL);
}

static char *
below(const char *name)
{
    return xasprintf("%s/%s", root, name);
}

static unsigned
entries_of(const char *path)
{
    unsigned count = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

static void
test_replace_and_read(void **state)
{
    auto_free char *path = below("file");
    auto_buf struct buf buf = {0};
    struct err err = {0};
    struct stat st;
    assert_int_equal(file_replace(path, "one", 3, 0600, true, &err), 0);
    assert_int_equal(file_replace(path, "three", 5, 0640, false, &err), 0);
    buf_puts(&buf, "<");
    assert_int_equal(file_read(path, 5, &buf, &err), 0);
    assert_string_equal(buf_cstr(&buf), "<three");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(file_read(path, 4, &buf, &err), -EFBIG);
    assert_string_equal(buf_cstr(&buf), "<three"); /* nothing is left of a failed read */
    auto_free char *none = below("none");
    assert_int_equal(file_read(none, 4, &buf, &err), -ENOENT);
    assert_non_null(strstr(err.text, none));
    assert_int_equal(entries_of(root), 1); /* no temporary file stays */
}

#ifdef MESOS_FAULTS
static void
test_failed_replace_leaves_the_old_file(void **state)
{
    static const char *const faults[] = {"file_write=ENOSPC", "file_fsync=EIO", "file_rename=EROFS@1"};
    static const int codes[] = {-ENOSPC, -EIO, -EROFS};
    auto_free char *path = below("kept");
    auto_buf struct buf buf = {0};
    struct err err = {0};
    assert_int_equal(file_replace(path, "old", 3, 0600, true, &err), 0);
    unsigned before = entries_of(root);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        fault_arm(faults[i]);
        assert_int_equal(file_replace(path, "newer", 5, 0600, true, &err), codes[i]);
        fault_arm(NULL);
        buf_clear(&buf);
        assert_int_equal(file_read(path, 100, &buf, &err), 0);
        assert_string_equal(buf_cstr(&buf), "old");
        assert_int_equal(entries_of(root), before);
    }
}

static void
test_fault_counts_its_passes(void **state)
{
    fault_arm("a=EIO@3,b=ENOSPC");
    assert_int_equal(fault("a"), 0);
    assert_int_equal(fault("a"), 0);
    assert_int_equal(fault("b"), -ENOSPC);
    assert_int_equal(fault("a"), -EIO);
    assert_int_equal(fault("a"), 0);
    assert_int_equal(fault("b"), -ENOSPC);
    assert_int_equal(fault("unarmed"), 0);
    fault_arm("slow=sleep:1");
    assert_int_equal(fault("slow"), 0);
    fault_arm(NULL);
    assert_int_equal(fault("b"), 0);
}

static void
test_fault_kills_and_refuses_nonsense(void **state)
{
    static const struct {
        const char *spec;
        int signal, exit;
    } rows[] = {{"x=kill", SIGKILL, 0}, {"x=ENOTANERROR", 0, 2}, {"x", 0, 2}, {"x=EIO@soon", 0, 2}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        pid_t pid = fork();
        if (pid == 0) {
            int null = open("/dev/null", O_WRONLY);
            dup2(null, STDERR_FILENO);
            fault_arm(rows[i].spec);
            fault("x");
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WIFSIGNALED(status) ? WTERMSIG(status) : 0, rows[i].signal);
        assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : 0, rows[i].exit);
    }
}
#endif

static void
test_make_and_remove_directories(void **state)
{
    auto_free char *deep = below("a/b/c");
    auto_free char *top = below("a");
    auto_free char *file = below("a/file");
    auto_free char *under = below("a/file/x");
    auto_free char *outside = below("outside");
    auto_free char *link = below("a/b/link");
    auto_free char *precious = below("outside/precious");
    struct err err = {0};
    assert_int_equal(dir_make(deep, 0755, &err), 0);
    assert_int_equal(dir_make(deep, 0755, &err), 0);
    assert_int_equal(file_replace(file, "", 0, 0644, false, &err), 0);
    assert_int_equal(dir_make(file, 0755, &err), -ENOTDIR);
    assert_true(dir_make(under, 0755, &err) < 0);
    assert_int_equal(dir_make(outside, 0755, &err), 0);
    assert_int_equal(file_replace(precious, "x", 1, 0644, false, &err), 0);
    assert_int_equal(symlink(outside, link), 0);
    assert_int_equal(dir_remove(top, &err), 0);
    assert_int_equal(access(top, F_OK), -1);
    assert_int_equal(access(precious, F_OK), 0); /* symlinks are removed, not followed */
    assert_int_equal(dir_remove(top, &err), 0); /* missing is fine */
}

static void
test_remove_a_very_deep_tree(void **state)
{
    auto_free char *top = below("deep");
    struct err err = {0};
    assert_int_equal(dir_make(top, 0755, &err), 0);
    int fd = open(top, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 1000; i++) { /* deeper than descriptors and PATH_MAX allow */
        assert_int_equal(mkdirat(fd, "dddddddd", 0755), 0);
        int next = openat(fd, "dddddddd", O_RDONLY | O_DIRECTORY);
        assert_true(next >= 0);
        close(fd);
        fd = next;
    }
    close(fd);
    assert_int_equal(dir_remove(top, &err), 0);
    assert_int_equal(access(top, F_OK), -1);
}

static int
opened(const char *name, int flags)
{
    auto_free char *path = below(name);
    int fd = file_open_trusted(path, flags);
    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

static void
test_links_are_followed_where_they_are_ours(void **state)
{
    auto_free char *real = below("real/deep"), *inner = below("real/deep/link"), *link = below("link"), *open = below("real");
    struct err err = {0};
    assert_int_equal(dir_make(real, 0755, &err), 0);
    assert_int_equal(symlink("real", link), 0);
    assert_int_equal(symlink("..", inner), 0);
    assert_int_equal(opened("link/deep", O_PATH | O_DIRECTORY), 0);
    assert_int_equal(opened("link//deep/./link/deep/", O_RDONLY | O_DIRECTORY), 0);
    assert_int_equal(opened("link/missing", O_PATH), -ENOENT);
    assert_int_equal(opened("link/deep", O_WRONLY), -EISDIR);
    /* Whoever may write to the directory may have put the link there. */
    assert_int_equal(chmod(real, 0777), 0);
    assert_int_equal(opened("link/deep/link", O_PATH), -ELOOP);
    assert_int_equal(opened("link/deep/link/deep", O_PATH), -ELOOP);
    assert_int_equal(opened("link/deep", O_PATH), 0);
    assert_int_equal(chmod(real, 01777), 0); /* where only its owner may take it away, it is ours */
    assert_int_equal(opened("link/deep/link", O_PATH), 0);
    if (geteuid() == 0) {
        assert_int_equal(lchown(inner, 65534, 65534), 0);
        assert_int_equal(opened("link/deep/link", O_PATH), -ELOOP);
        assert_int_equal(chmod(real, 0755), 0);
        assert_int_equal(opened("link/deep/link", O_PATH), 0); /* a link's owner cannot change it */
        assert_int_equal(chown(open, 65534, 65534), 0);
        assert_int_equal(opened("link/deep/link", O_PATH), 0);
        assert_int_equal(chown(real, 65534, 65534), 0);
        assert_int_equal(opened("link/deep/link", O_PATH), -ELOOP);
    }
    assert_int_equal(dir_remove(open, &err), 0);
    assert_int_equal(unlink(link), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replace_and_read),
#ifdef MESOS_FAULTS
        cmocka_unit_test(test_failed_replace_leaves_the_old_file),
        cmocka_unit_test(test_fault_counts_its_passes),
        cmocka_unit_test(test_fault_kills_and_refuses_nonsense),
#endif
        cmocka_unit_test(test_make_and_remove_directories),
        cmocka_unit_test(test_links_are_followed_where_they_are_ours),
        cmocka_unit_test(test_remove_a_very_deep_tree),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
