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

enum { LAUNCH_FD = 3, LAUNCH_PROGRAM_FD = 4, LAUNCH_LARGE_FD = 5, LAUNCH_FDS = 6 };

struct launch_head {
    uint32_t magic;
    uint32_t len;
    uint32_t large;
    uint32_t reserved;
};

/* Strings include their NUL. */
enum launch_kind {
    LAUNCH_ENVIRONMENT = 1, /* "NAME=value" of what is executed */
    LAUNCH_ARGUMENT, /* one of argv */
    LAUNCH_MAKE_DIRECTORY, /* path; it may be there */
    LAUNCH_WRITE_PID, /* path of a file that gets "<pid>" */
    LAUNCH_WRITE_STATE, /* path, then text: a file that gets "<pid> <start time>\n<text>\n" */
    LAUNCH_WAIT, /* until a byte comes on descriptor 3; its end means: never start */
    LAUNCH_DIRECTORY, /* chdir */
    LAUNCH_RLIMIT, /* struct launch_rlimit */
    LAUNCH_USER, /* struct launch_user and its groups */
    LAUNCH_NO_NEW_PRIVILEGES,
    LAUNCH_SHELL, /* a command line for /bin/sh that must succeed */
    LAUNCH_INIT, /* path: stay as init and write the wait status there; a child goes on with the steps */
    LAUNCH_TERMINAL, /* descriptor 0 becomes the session's controlling terminal */
    LAUNCH_EXECUTE, /* path or name: the last step */
};

struct launch_step {
    uint32_t kind; /* enum launch_kind */
    uint32_t len; /* of the bytes that follow, without padding */
};

struct launch_rlimit {
    uint64_t soft, hard; /* UINT64_MAX = unlimited */
    uint32_t resource; /* RLIMIT_... */
    uint32_t reserved;
};

struct launch_user {
    uint32_t uid, gid;
    uint32_t groups[];
};

#endif
