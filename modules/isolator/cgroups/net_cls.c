/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controller net_cls (v1): gives each container a class id of its own, 0xAAAABBBB, from the primary handle AAAA and the
 * range of secondary handles BBBB that the operator chose, for tc filters of his. Without a primary handle containers are
 * only put into the controller. Used by cgroups/net_cls and cgroups/all.
 */
#include "net_cls.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/packed.h"
#include "group.h"

#define HANDLES 65536

struct handles {
    bool given; /* there is a primary handle */
    uint16_t primary, low, high;
    unsigned char used[HANDLES / 8];
};

int
net_cls_handle(const char *text, uint16_t *ret)
{
    uint32_t value = 0;
    size_t len = strlen(text), at = len > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 2 : 0;
    if (len == at)
        return -EINVAL;
    for (; at < len; at++) {
        char c = text[at];
        bool hex = text[1] == 'x' || text[1] == 'X';
        int digit = c >= '0' && c <= '9'          ? c - '0'
                    : hex && c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : hex && c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                  : -1;
        if (digit < 0)
            return -EINVAL;
        value = value * (hex ? 16 : 10) + (uint32_t)digit;
        if (value > 0xffff)
            return -ERANGE;
    }
    *ret = (uint16_t)value;
    return 0;
}

int
net_cls_range(const char *text, uint16_t *ret_low, uint16_t *ret_high)
{
    struct str high = str_of(text), low = str_cut(&high, ',');
    auto_free char *first = str_dup(str_trim(low)), *last = str_dup(str_trim(high));
    uint16_t from, to;
    if (net_cls_handle(first, &from) < 0 || net_cls_handle(last, &to) < 0 || from == 0 || to < from)
        return -EINVAL;
    *ret_low = from;
    *ret_high = to;
    return 0;
}

static bool
is_used(const struct handles *handles, unsigned handle)
{
    return handles->used[handle / 8] >> handle % 8 & 1;
}

static void
set_used(struct handles *handles, unsigned handle, bool used)
{
    unsigned char bit = (unsigned char)(1u << handle % 8);
    if (used)
        handles->used[handle / 8] |= bit;
    else
        handles->used[handle / 8] &= (unsigned char)~bit;
}

static int
net_cls_start(struct part *part, struct err *err)
{
    const struct mesos_host *host = part->group->host;
    const char *primary = host->daemon_option(host, "cgroups_net_cls_primary_handle");
    const char *range = host->daemon_option(host, "cgroups_net_cls_secondary_handles");
    auto_free struct handles *handles = xcalloc(1, sizeof *handles);
    handles->low = 1;
    handles->high = HANDLES - 1;
    handles->given = primary && *primary;
    if (handles->given && net_cls_handle(primary, &handles->primary) < 0)
        return err_set(err, -EINVAL, "--cgroups_net_cls_primary_handle=%s is no handle: write e.g. 0x0012", primary);
    if (handles->given && range && *range && net_cls_range(range, &handles->low, &handles->high) < 0)
        return err_set(err, -EINVAL,
                       "--cgroups_net_cls_secondary_handles=%s is no range of handles from 1 to 0xffff: write e.g. 0x0001,0xffff",
                       range);
    part->state = take(&handles);
    return 0;
}

static void
net_cls_stop(struct part *part)
{
    free(part->state);
    part->state = NULL;
}

/* A container's state[] of this part: its class id. */
static void
keep_classid(struct part *part, struct group_container *container, uint32_t classid)
{
    uint32_t *kept = xmalloc(sizeof *kept);
    *kept = classid;
    container->state[part->index] = kept;
    set_used(part->state, classid & 0xffff, true);
}

static int
net_cls_choose(struct part *part, struct group_container *container, struct job *job)
{
    struct handles *handles = part->state;
    if (!handles->given)
        return 0;
    for (unsigned handle = handles->low; handle <= handles->high; handle++) {
        if (is_used(handles, handle))
            continue;
        uint32_t classid = (uint32_t)handles->primary << 16 | handle;
        keep_classid(part, container, classid);
        job->made[part->index] = xmemdup(&classid, sizeof classid);
        return 0;
    }
    return err_set(&job->err, -EDQUOT, "Failed to allocate a net_cls handle: all of 0x%x to 0x%x are in use", handles->low,
                   handles->high);
}

/* Writes it into a new cgroup; reads it from one that was found again. */
static int
net_cls_create(struct part *part, struct job *job)
{
    const uint32_t *classid = job->made[part->index];
    uint64_t found = 0;
    int rc = 0;
    if (job->op == JOB_RECOVER) {
        rc = cgroup_read_u64(&part->tree, job->id, "net_cls.classid", &found);
        uint32_t number = (uint32_t)found;
        if (rc == 0 && found > 0 && found <= UINT32_MAX)
            job->made[part->index] = xmemdup(&number, sizeof number);
    } else if (classid) {
        rc = cgroup_write_u64(&part->tree, job->id, "net_cls.classid", *classid);
    }
    return rc < 0 ? job_fail(job, part, rc, "Failed to use", "net_cls.classid") : 0;
}

static void
net_cls_known(struct part *part, struct group_container *container, struct job *job)
{
    auto_free uint32_t *classid = job->made[part->index];
    job->made[part->index] = NULL;
    if (classid && !container->state[part->index])
        keep_classid(part, container, *classid);
}

static void
net_cls_status(struct part *part, struct group_container *container, struct buf *cgroup_info)
{
    const uint32_t *classid = container->state[part->index];
    auto_buf struct buf net_cls = {0};
    if (!classid)
        return;
    packed_uint(&net_cls, 1, *classid);
    packed_bytes(cgroup_info, 1, buf_str(&net_cls));
}

static void
net_cls_gone(struct part *part, struct group_container *container)
{
    uint32_t *classid = container->state[part->index];
    if (!classid)
        return;
    set_used(part->state, *classid & 0xffff, false);
    free(classid);
    container->state[part->index] = NULL;
}

const struct subsystem subsystem_net_cls = {
    .name = "net_cls",
    .start = net_cls_start,
    .stop = net_cls_stop,
    .choose = net_cls_choose,
    .create = net_cls_create,
    .known = net_cls_known,
    .status = net_cls_status,
    .gone = net_cls_gone,
};
