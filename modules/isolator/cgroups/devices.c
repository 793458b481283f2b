/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controller devices: containers may open what every program needs and what --allowed_devices adds, and nothing else. v1
 * has a control file for it, v2 a BPF program. Used by cgroups/devices and cgroups/all.
 */
#include "devices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "mesos/v1/mesos.pb-c.h"
#include "wire/message.h"

/* Any device may be made, these may be used: console, tty0, tty1, pty slaves, ptmx, tun, null, zero, full, tty, urandom,
 * random. */
static const struct device_rule USUAL[] = {
    {'c', DEVICE_ANY, DEVICE_ANY, DEVICE_MKNOD},
    {'b', DEVICE_ANY, DEVICE_ANY, DEVICE_MKNOD},
    {'c', 5, 1, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD},
    {'c', 4, 0, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD},
    {'c', 4, 1, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD},
    {'c', 136, DEVICE_ANY, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD},
    {'c', 5, 2, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD},
    {'c', 10, 200, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD},
    {'c', 1, 3, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD},
    {'c', 1, 5, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD},
    {'c', 1, 7, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD},
    {'c', 5, 0, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD},
    {'c', 1, 9, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD},
    {'c', 1, 8, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD},
};

static int
read_rule(const Mesos__V1__DeviceAccess *entry, struct device_rule *ret, struct err *err)
{
    const char *path = entry->device->path;
    struct stat st;
    if (!path || path[0] != '/')
        return err_set(err, -EINVAL, "--allowed_devices: device.path is '%s': write the absolute path of a device", path ? path : "");
    if (stat(path, &st) < 0)
        return err_errno(err, "--allowed_devices: device '%s' cannot be looked at", path);
    if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
        return err_set(err, -EINVAL, "--allowed_devices: '%s' is no device", path);
    *ret = (struct device_rule){
        .type = S_ISCHR(st.st_mode) ? 'c' : 'b',
        .major = major(st.st_rdev),
        .minor = minor(st.st_rdev),
        .access = (entry->access->read ? DEVICE_READ : 0u) | (entry->access->write ? DEVICE_WRITE : 0u) |
                  (entry->access->mknod ? DEVICE_MKNOD : 0u),
    };
    if (!ret->access)
        return err_set(err, -EINVAL, "--allowed_devices: the access to '%s' is empty: give read, write or mknod as true", path);
    return 0;
}

int
device_rules_read(struct buf *rules, const char *json, struct err *err)
{
    buf_append(rules, USUAL, sizeof USUAL);
    if (!json || !*json)
        return 0;
    struct arena *arena = arena_new(0);
    const Mesos__V1__DeviceWhitelist *list =
        MESSAGE_FROM_JSON(Mesos__V1__DeviceWhitelist, mesos__v1__device_whitelist, str_of(json), arena, err);
    int rc = list ? 0 : err_wrap(err, "--allowed_devices");
    for (size_t i = 0; rc == 0 && i < list->n_allowed_devices; i++) {
        struct device_rule rule;
        rc = read_rule(list->allowed_devices[i], &rule, err);
        if (rc == 0)
            buf_append(rules, &rule, sizeof rule);
    }
    arena_free(arena);
    return rc;
}

static void
format_number(uint32_t number, char ret[16])
{
    if (number == DEVICE_ANY)
        snprintf(ret, 16, "*");
    else
        snprintf(ret, 16, "%u", number);
}

void
device_rule_format(const struct device_rule *rule, char ret[64])
{
    char major_text[16], minor_text[16];
    format_number(rule->major, major_text);
    format_number(rule->minor, minor_text);
    snprintf(ret, 64, "%c %s:%s %s%s%s", rule->type, major_text, minor_text, rule->access & DEVICE_READ ? "r" : "",
             rule->access & DEVICE_WRITE ? "w" : "", rule->access & DEVICE_MKNOD ? "m" : "");
}

static int
devices_start(struct part *part, struct err *err)
{
    const struct mesos_host *host = part->group->host;
    struct buf *rules = xcalloc(1, sizeof *rules);
    part->state = rules;
    int rc = device_rules_read(rules, host->daemon_option(host, "allowed_devices"), err);
    if (rc == 0)
        return 0;
    buf_fini(rules);
    free(rules);
    part->state = NULL;
    return rc;
}

static void
devices_stop(struct part *part)
{
    buf_fini(part->state);
    free(part->state);
    part->state = NULL;
}

static int
create_v1(struct part *part, struct job *job, const struct device_rule *rules, size_t count)
{
    char text[64] = "a";
    int rc = cgroup_write(&part->tree, job->id, "devices.deny", text);
    if (rc < 0)
        return job_fail(job, part, rc, "Failed to deny all devices in", "devices.deny");
    for (size_t i = 0; i < count && rc == 0; i++) {
        device_rule_format(&rules[i], text);
        rc = cgroup_write(&part->tree, job->id, "devices.allow", text);
    }
    if (rc < 0)
        return err_set(&job->err, rc, "Failed to allow device '%s' to container %s: %s", text, job->id, strerror(-rc));
    return 0;
}

static int
devices_create(struct part *part, struct job *job)
{
    const struct buf *state = part->state;
    const struct device_rule *rules = (const void *)buf_data(state);
    size_t count = state->len / sizeof *rules;
    if (job->op == JOB_RECOVER)
        return 0; /* rules and programs stay with the cgroup */
    if (part->tree.version == 1)
        return create_v1(part, job, rules, count);
    auto_fd int fd = cgroup_open(&part->tree, job->id, NULL, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return job_fail(job, part, fd, "Failed to open the cgroup", NULL);
    return device_program_attach(fd, rules, count, &job->err);
}

const struct subsystem subsystem_devices = {
    .name = "devices",
    .v2 = "",
    .start = devices_start,
    .stop = devices_stop,
    .create = devices_create,
};
