/* SPDX-License-Identifier: Apache-2.0 */
/* What a sealed process cannot do any more, and what it still can: each in a child that seals itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "main/process.h"

enum { SKIPPED = 77 };

/* The status with which a child ends that runs fn sealed. */
static int
sealed(const char *mode, int (*fn)(void))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct err err = {0};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || process_seal(mode, &err) < 0)
            _exit(100);
        _exit(prctl(PR_GET_SECCOMP) == 2 ? fn() : SKIPPED); /* sanitizers are left alone */
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* 0 when each kind of namespace is refused with EPERM, by clone and by unshare; else the number of the first that is not. */
static int
make_namespaces(void)
{
    static const unsigned long flags[] = {CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID,
                                          CLONE_NEWUSER, CLONE_NEWUTS};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        long pid = syscall(SYS_clone, flags[i] | SIGCHLD, 0, 0, 0, 0);
        if (pid == 0)
            _exit(0);
        if (pid > 0 || errno != EPERM)
            return 1 + (int)i;
        if (syscall(SYS_unshare, flags[i]) == 0 || errno != EPERM)
            return 11 + (int)i;
    }
    return syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS ? 0 : 21;
}

static void *
count(void *arg)
{
    ++*(int *)arg;
    return NULL;
}

static int
work_on(void)
{
    pthread_t thread;
    int n = 0, status = -1;
    if (pthread_create(&thread, NULL, count, &n) != 0 || pthread_join(thread, NULL) != 0 || n != 1)
        return 1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(5);
    return pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 5 ? 0 : 2;
}

static int
run_a_program(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return errno == EPERM ? 50 : 51;
}

static int
do_nothing(void)
{
    return 0;
}

/* Linked with a sanitizer process_seal leaves everything as it is. */
static bool
left_alone(void)
{
    return sealed("strict", do_nothing) == SKIPPED;
}

static void
test_namespaces(void **state)
{
    if (left_alone())
        skip();
    assert_int_equal(sealed("strict", make_namespaces), 0);
    assert_int_equal(sealed("relaxed", make_namespaces), 0);
}

static void
test_threads_and_children(void **state)
{
    if (left_alone())
        skip();
    assert_int_equal(sealed("strict", work_on), 0);
}

static void
test_programs(void **state)
{
    if (left_alone())
        skip();
    assert_int_equal(sealed("strict", run_a_program), 50);
    assert_int_equal(sealed("relaxed", run_a_program), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_namespaces),
        cmocka_unit_test(test_threads_and_children),
        cmocka_unit_test(test_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
