/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a daemon gives up of its own accord, so that a hole in it is worth less: being root (--run_as), system calls that it
 * never makes (--seccomp), leaving its memory, with the secrets in it, on a disk (--core_dumps). Called by the two programs
 * while they start, in the order of process.h; nothing here can be undone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "loop/secure.h"
#include "main/process.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0 /* the sanitizers look at their own process by ptrace(2) and ask who they are by programs */
#endif

enum { USER_BYTES = 16 << 10 };
#if defined(__s390__) || defined(__s390x__)
enum { CLONE_FLAGS_ARGUMENT = 1 };
#else
enum { CLONE_FLAGS_ARGUMENT = 0 };
#endif

void
process_core_dumps(bool wanted)
{
    if (prctl(PR_SET_DUMPABLE, wanted || SANITIZED ? 1 : 0) != 0)
        log_warning("cannot %s core dumps: %s", wanted ? "allow" : "forbid", strerrordesc_np(errno));
}

/* ---- root ---- */

static int
find_user(const char *name, struct passwd *ret, char *space, struct err *err)
{
    struct passwd *found = NULL;
    int status = getpwnam_r(name, ret, space, USER_BYTES, &found);

    if (found)
        return 0;
    return err_set(err, status ? -status : -ENOENT, "option 'run_as': there is no user '%s' on this machine%s%s", name,
                   status ? ": " : "", status ? strerrordesc_np(status) : "");
}

static int
hand_over(int dir, const char *name, const char *path, const struct passwd *user, struct err *err)
{
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) || st.st_uid != 0 ||
        (S_ISREG(st.st_mode) && st.st_nlink > 1))
        return 0;
    if (fchownat(dir, name, user->pw_uid, user->pw_gid, AT_SYMLINK_NOFOLLOW) != 0)
        return err_errno(err, "option 'run_as': cannot give '%s' to user '%s'", path, user->pw_name);
    return 0;
}

/* What an earlier run as root left in work_dir is the user's from now on: the directory and the files right in it. */
static int
hand_over_work_dir(const char *path, const struct passwd *user, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status = 0;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir) {
        err_errno(err, "option 'run_as': cannot read work_dir '%s'", path);
        if (fd >= 0)
            close(fd);
        return err->code;
    }
    while (status == 0 && (entry = readdir(dir)))
        if (strcmp(entry->d_name, "..") != 0)
            status = hand_over(dirfd(dir), entry->d_name, path, user, err);
    closedir(dir);
    return status;
}

/* What root has read before is in force; what comes later has to be read by the user. */
static void
warn_of_files(const struct process *process, const char *user)
{
    const char *log_dir = process->common->log_dir;

    if (log_dir && access(log_dir, W_OK) != 0)
        log_warning("user '%s' of option 'run_as' may not write to log_dir '%s': log files cannot be opened anew there", user, log_dir);
    for (const char *const *file = process->secure ? secure_files(process->secure) : NULL; file && *file; file++)
        if (access(*file, R_OK) != 0)
            log_warning("user '%s' of option 'run_as' may not read '%s': TLS will not take what is new in it", user, *file);
}

int
process_run_as(struct process *process, const char *name, struct err *err)
{
    auto_free char *space = xcalloc(1, USER_BYTES);
    const char *work_dir = process->common->work_dir;
    struct passwd user;

    if (!name)
        return 0;
    if (find_user(name, &user, space, err) < 0)
        return err->code;
    if (user.pw_uid == geteuid())
        return 0;
    if (geteuid() != 0)
        return err_set(err, -EPERM, "option 'run_as': only root can become user '%s'", name);
    if (work_dir && hand_over_work_dir(work_dir, &user, err) < 0)
        return err->code;
    if (initgroups(name, user.pw_gid) != 0 || setresgid(user.pw_gid, user.pw_gid, user.pw_gid) != 0 ||
        setresuid(user.pw_uid, user.pw_uid, user.pw_uid) != 0)
        return err_errno(err, "option 'run_as': cannot become user '%s'", name);
    if (setresuid(-1, 0, -1) == 0)
        return err_set(err, -EPERM, "option 'run_as': user '%s' can become root again", name);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_errno(err, "option 'run_as': cannot give up new privileges");
    process_core_dumps(process->common->core_dumps); /* the kernel forbids them to who was somebody else */
    warn_of_files(process, name);
    log_info("runs as user '%s' from here on", name);
    return 0;
}

/* ---- system calls ---- */

/* A master serves the network and keeps a registry. None of these has a place in that. Names that a kernel or a library does not
 * know are passed over. */
static const char *const never[] = {
    "acct", "add_key", "adjtimex", "bpf", "chroot", "clock_adjtime", "clock_settime", "create_module", "delete_module",
    "fanotify_init", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "get_kernel_syms", "init_module", "io_uring_enter",
    "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie",
    "mount", "mount_setattr", "move_mount", "move_pages", "nfsservctl", "open_by_handle_at", "open_tree", "perf_event_open",
    "personality", "pidfd_getfd", "pivot_root", "process_madvise", "process_vm_readv", "process_vm_writev", "ptrace",
    "query_module", "quotactl", "quotactl_fd", "reboot", "request_key", "setdomainname", "sethostname", "setns", "settimeofday",
    "stime", "swapoff", "swapon", "sysfs", "syslog", "umount", "umount2", "unshare", "uselib", "userfaultfd", "ustat",
    "vhangup",
};
static const char *const programs[] = {"execve", "execveat"};

static int
forbid(scmp_filter_ctx filter, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int number = seccomp_syscall_resolve_name(names[i]);
        int status = number < 0 ? 0 : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);

        if (status < 0)
            return status;
    }
    return 0;
}

/* unshare(2) in another form. The flags of clone3(2) are out of a filter's sight: libraries that are told that it does not exist take
 * clone(2). */
static int
forbid_namespaces(scmp_filter_ctx filter)
{
    static const unsigned flags[] = {CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, CLONE_NEWUTS};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        struct scmp_arg_cmp has = SCMP_CMP(CLONE_FLAGS_ARGUMENT, SCMP_CMP_MASKED_EQ, flags[i], flags[i]);
        int status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, has);
        if (status < 0)
            return status;
    }
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

int
process_seal(const char *mode, struct err *err)
{
    bool strict = strcmp(mode, "strict") == 0;
    scmp_filter_ctx filter;
    int status;

    if (strcmp(mode, "off") == 0 || SANITIZED)
        return 0;
    filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return err_set(err, -ENOMEM, "option 'seccomp': cannot make a filter");
    status = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1); /* threads that run already too */
    if (status == 0)
        status = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree: few comparisons for each call */
    if (status == 0)
        status = forbid(filter, never, ARRAY_LEN(never));
    if (status == 0)
        status = forbid_namespaces(filter);
    if (status == 0 && strict)
        status = forbid(filter, programs, ARRAY_LEN(programs));
    if (status == 0)
        status = seccomp_load(filter);
    seccomp_release(filter);
    if (status < 0)
        return err_set(err, status, "option 'seccomp': cannot load the filter: %s; --seccomp=off does without", strerrordesc_np(-status));
    return 0;
}
