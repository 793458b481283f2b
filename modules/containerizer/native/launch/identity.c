/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the program is and what it may do: user, groups, capabilities, system calls. Called by the launch helper; system
 * calls only, because a static C library has no user database but the files.
 */
#include "helper.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/securebits.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DATABASE_MAX (4u << 20)
#define GROUPS_MOST 65536

/* ---- capabilities ---- */

/* The bounding set can only be changed by who may, so before the user is. */
void
capabilities_keep(struct launch *launch, const struct launch_capabilities *wanted)
{
    launch->capabilities = *wanted;
    /* With no more rights than its neighbours in the container it must not be open to them before it executes. */
    if (geteuid() == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        fail("Failed to hide from other processes: %s", strerror(errno));
    for (unsigned i = 0; wanted->has_bounding && i < 64 && prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++) {
        if (!(wanted->bounding >> i & 1) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
            fail("Failed to drop capability %u from the bounding set: %s", i, strerror(errno));
    }
    if (wanted->has_effective && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        fail("Failed to keep capabilities across a change of user: %s", strerror(errno));
}

/* To root the kernel gives all of the bounding set at each execve, whatever was set before, unless it is told not to. */
static void
capabilities_of_root(const struct launch_capabilities *wanted)
{
    if (geteuid() != 0 || (wanted->has_bounding && wanted->effective == wanted->bounding))
        return;
    int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
    if (bits >= 0 && (bits & SECBIT_NOROOT))
        return; /* done before, when the user was changed */
    if (bits < 0 || prctl(PR_SET_SECUREBITS, (unsigned long)bits | SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0) < 0)
        fail("Failed to hold root to its capabilities: %s", strerror(errno));
}

void
capabilities_apply(const struct launch *launch)
{
    const struct launch_capabilities *wanted = &launch->capabilities;
    if (!wanted->has_effective)
        return;
    capabilities_of_root(wanted);
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    for (int i = 0; i < 2; i++) {
        uint32_t bits = (uint32_t)(wanted->effective >> (32 * i));
        data[i] = (struct __user_cap_data_struct){bits, bits, bits};
    }
    if (syscall(SYS_capset, &head, data) < 0)
        fail("Failed to set capabilities: %s", strerror(errno));
    for (unsigned i = 0; i < 64; i++) {
        if ((wanted->effective >> i & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
            fail("Failed to raise ambient capability %u: %s", i, strerror(errno));
    }
}

/* ---- user and groups ---- */

static void
become(struct launch *launch, uint32_t uid, uint32_t gid, const gid_t *groups, size_t count)
{
    if (setgroups(count, groups) < 0)
        fail("Failed to set supplementary groups: %s", strerror(errno));
    if (setresgid(gid, gid, gid) < 0)
        fail("Failed to set gid to %u: %s", gid, strerror(errno));
    if (setresuid(uid, uid, uid) < 0)
        fail("Failed to set uid to %u: %s", uid, strerror(errno));
    capabilities_apply(launch);
}

void
switch_user(struct launch *launch, const struct launch_user *user, size_t len)
{
    _Static_assert(sizeof(gid_t) == sizeof(uint32_t), "groups are taken as they come");
    become(launch, user->uid, user->gid, (const gid_t *)user->groups, (len - sizeof *user) / sizeof(uint32_t));
}

void
set_groups(const uint32_t *groups, size_t len)
{
    if (setgroups(len / sizeof *groups, (const gid_t *)groups) < 0)
        fail("Failed to set supplementary groups: %s", strerror(errno));
}

static bool
number(const char *text, uint32_t *ret)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value >= UINT32_MAX)
        return false;
    *ret = (uint32_t)value;
    return true;
}

/* Cuts a line "a:b:c" into at most count fields. */
static size_t
fields(char *line, char **ret, size_t count)
{
    size_t n = 0;
    while (line && n < count)
        ret[n++] = strsep(&line, ":");
    return n;
}

struct entry {
    char *name;
    uint32_t id, gid;
};

/* A line of passwd whose name, or number, is `key`. */
static bool
passwd_find(char *text, const char *key, struct entry *ret)
{
    char *save = NULL, *at[7];
    uint32_t wanted, uid, gid;
    bool by_number = number(key, &wanted);
    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
        if (fields(line, at, 7) < 4 || !number(at[2], &uid) || !number(at[3], &gid))
            continue;
        if (strcmp(at[0], key) != 0 && !(by_number && uid == wanted))
            continue;
        *ret = (struct entry){at[0], uid, gid};
        return true;
    }
    return false;
}

static bool
is_member(char *members, const char *name)
{
    for (char *one; name && (one = strsep(&members, ",")) != NULL;) {
        if (strcmp(one, name) == 0)
            return true;
    }
    return false;
}

/* Adds the groups of `user`, and tells the number of group `key` when there is one. */
static bool
groups_find(char *text, const char *user, const char *key, gid_t *groups, size_t *count, uint32_t *ret_gid)
{
    char *save = NULL, *at[4];
    bool found = false;
    uint32_t gid;
    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
        if (fields(line, at, 4) < 4 || !number(at[2], &gid))
            continue;
        if (key && strcmp(at[0], key) == 0) {
            *ret_gid = gid;
            found = true;
        }
        if (is_member(at[3], user) && *count < GROUPS_MOST)
            groups[(*count)++] = gid;
    }
    return found;
}

/* "name", "uid", "name:group", "uid:gid", as in images. */
void
switch_user_name(struct launch *launch, const char *bytes, size_t len)
{
    struct launch_number head;
    if (len <= sizeof head)
        fail("mesos-containerizer: the description of the container is malformed");
    memcpy(&head, bytes, sizeof head);
    size_t given = sizeof(uint32_t) * head.number;
    if (head.number > GROUPS_MOST || len <= sizeof head + given)
        fail("mesos-containerizer: the description of the container is malformed");
    gid_t *groups = allocate((2 * GROUPS_MOST) * sizeof *groups);
    memcpy(groups, bytes + sizeof head, given);
    size_t count = head.number;
    const char *name = bytes + sizeof head + given;
    char *user = strdup(name), *group = user ? strchr(user, ':') : NULL;
    if (!user)
        fail("mesos-containerizer: out of memory");
    if (group)
        *group++ = '\0';
    char *passwd = read_small("/etc/passwd", DATABASE_MAX), *group_file = read_small("/etc/group", DATABASE_MAX);
    struct entry who = {0};
    if (!passwd_find(passwd, user, &who) && !number(user, &who.id))
        fail("Failed to find user '%s' in the container's /etc/passwd", user);
    uint32_t gid = who.gid;
    bool found = groups_find(group_file, group ? NULL : who.name, group, groups, &count, &gid);
    if (group && !found && !number(group, &gid))
        fail("Failed to find group '%s' in the container's /etc/group", group);
    become(launch, who.id, gid, groups, count);
}

/* ---- system calls ---- */

void
seccomp_install(const void *filter, size_t len)
{
    union {
        const void *from;
        struct sock_filter *to;
    } code = {.from = filter};
    struct sock_fprog program = {(unsigned short)(len / sizeof(struct sock_filter)), code.to};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
        fail("Failed to install the seccomp filter: %s", strerror(errno));
}
