/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the containerizer tells `mesos-containerizer launch` on descriptor 3: a run of steps that the helper takes in
 * order. Both ends are of one build (the helper runs from a sealed copy), so the format needs no version, only a magic
 * number against a hand-started helper.
 *
 * The first packet is a struct launch_head, followed by `len` bytes of steps, or alone when `large` is set: then the
 * steps are the content of descriptor 5. Each step is a struct launch_step and its bytes, padded to 8.
 */
#ifndef NATIVE_LAUNCH_DESCRIPTION_H
#define NATIVE_LAUNCH_DESCRIPTION_H

#include <stdint.h>

#define LAUNCH_MAGIC 0x314c6d63u /* "cmL1" */
#define LAUNCH_INLINE_MAX (64u << 10)
#define LAUNCH_MAX (8u << 20)

enum { LAUNCH_FD = 3, LAUNCH_PROGRAM_FD = 4, LAUNCH_LARGE_FD = 5, LAUNCH_TASK_FD = 6, LAUNCH_FDS = 7 };

/*
 * `mesos-containerizer task <descriptor> <program> [argv...]`: takes the steps that the descriptor's file holds (no head)
 * and executes the program with the environment it was started with. So an executor starts its task as the containerizer
 * wants it without knowing how.
 */

struct launch_head {
    uint32_t magic;
    uint32_t len;
    uint32_t large;
    uint32_t reserved;
};

/* Strings include their NUL. Paths before LAUNCH_ROOT are the host's, later ones the container's. */
enum launch_kind {
    LAUNCH_ENVIRONMENT = 1, /* "NAME=value" of what is executed */
    LAUNCH_ARGUMENT, /* one of argv */
    LAUNCH_CGROUP, /* path of a file that gets "0": the process joins the control group */
    LAUNCH_TRACES, /* path of the directory in which the next files are written; gone = the container is unwanted */
    LAUNCH_WRITE_FILE, /* path, then bytes: a file of the agent's user alone that gets them */
    LAUNCH_WRITE_PID, /* path of a file that gets "<pid>", as the agent sees it */
    LAUNCH_WRITE_STATE, /* path, then text: a file that gets "<pid> <start time>\n<text>\n" */
    LAUNCH_WAIT, /* until a byte comes on descriptor 3; its end means: never start */
    LAUNCH_ENTER_MOUNTS, /* struct launch_number: the mount namespace of this process */
    LAUNCH_UNSHARE, /* struct launch_number: CLONE_NEW... */
    LAUNCH_SLAVE, /* mounts from here on stay here. Strings: sources whose mounts go on to the host all the same */
    LAUNCH_SANDBOX, /* path of the root container's: no link below it is followed from here on */
    LAUNCH_ROOT_PREPARE, /* path: the new root becomes a mount; no link leads out of it from here on */
    LAUNCH_MOUNT, /* struct launch_mount and its strings */
    LAUNCH_LINK, /* source, target: a symbolic link at target */
    LAUNCH_RENAME, /* source, target */
    LAUNCH_MKDIR, /* path */
    LAUNCH_MKDIRS, /* path, with those above it */
    LAUNCH_RUN, /* a program and its argv, which must succeed */
    LAUNCH_ROOT, /* path: becomes / */
    LAUNCH_MASK, /* path: nothing is to be seen there */
    LAUNCH_DIRECTORY, /* chdir */
    LAUNCH_RLIMIT, /* struct launch_rlimit */
    LAUNCH_CAPABILITIES, /* struct launch_capabilities: what remains at the next LAUNCH_USER or LAUNCH_EXECUTE */
    LAUNCH_USER, /* struct launch_user and its groups */
    LAUNCH_USER_NAME, /* struct launch_number: how many groups; they; then name[:group], looked up in the root's files */
    LAUNCH_GROUPS, /* of root, which it stays: numbers */
    LAUNCH_NO_NEW_PRIVILEGES,
    LAUNCH_SECCOMP, /* a BPF program: struct sock_filter ... */
    LAUNCH_STATUS, /* path, on the host: a file in which LAUNCH_INIT is going to write the wait status */
    LAUNCH_INIT, /* stay as init; a child goes on with the steps. Init sees the file system as it is at this step */
    LAUNCH_TERMINAL, /* path of what becomes 0, 1 and 2, "" = 0 is it: the session's controlling terminal */
    LAUNCH_KEEP, /* struct launch_number: this descriptor is inherited by what is executed */
    LAUNCH_EXECUTE, /* path or name: the last step */
};

struct launch_step {
    uint32_t kind; /* enum launch_kind */
    uint32_t len; /* of the bytes that follow, without padding */
};

struct launch_number {
    uint32_t number;
    uint32_t reserved;
};

struct launch_mount {
    uint64_t flags; /* MS_... */
    /* Where each string begins behind this struct; UINT32_MAX = NULL. */
    uint32_t source, target, type, options;
};

struct launch_rlimit {
    uint64_t soft, hard; /* UINT64_MAX = unlimited */
    uint32_t resource; /* RLIMIT_... */
    uint32_t reserved;
};

struct launch_capabilities {
    uint64_t effective; /* also permitted, inheritable and ambient; bits are numbers of capabilities(7) */
    uint64_t bounding;
    uint32_t has_effective, has_bounding;
};

struct launch_user {
    uint32_t uid, gid;
    uint32_t groups[];
};

#endif
