/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controller blkio (v1): what a container read and wrote, per device and in sum, as the CFQ (today BFQ) scheduler and the
 * throttler count it. Limits nothing. Used by cgroups/blkio and cgroups/all.
 */
#include "blkio.h"

#include <errno.h>

#include "common/packed.h"
#include "figures.h"
#include "group.h"

#define FILE_MAX 32768
#define DEVICES_MAX 64
#define KINDS_MAX 8

/* CgroupInfo.Blkio.Operation */
static const char *const OPERATIONS[] = {"", "Total", "Read", "Write", "Sync", "Async", "Discard"};

/* Which fields a statistics message is made of. "" = a single number per device instead of one per operation. */
struct kind {
    unsigned field;
    const char *files[2]; /* the first that is there counts */
    bool single;
};

struct family {
    unsigned field; /* in Blkio.Statistics */
    struct kind kinds[KINDS_MAX];
};

#define CFQ(field_, suffix_)                                                                                       \
    {                                                                                                              \
        field_,                                                                                                    \
        {                                                                                                          \
            {2, {"blkio.sectors" suffix_, "blkio.bfq.sectors" suffix_}, true},                                     \
            {3, {"blkio.time" suffix_, "blkio.bfq.time" suffix_}, true},                                           \
            {4, {"blkio.io_serviced" suffix_, "blkio.bfq.io_serviced" suffix_}, false},                            \
            {5, {"blkio.io_service_bytes" suffix_, "blkio.bfq.io_service_bytes" suffix_}, false},                  \
            {6, {"blkio.io_service_time" suffix_, "blkio.bfq.io_service_time" suffix_}, false},                    \
            {7, {"blkio.io_wait_time" suffix_, "blkio.bfq.io_wait_time" suffix_}, false},                          \
            {8, {"blkio.io_merged" suffix_, "blkio.bfq.io_merged" suffix_}, false},                                \
            {9, {"blkio.io_queued" suffix_, "blkio.bfq.io_queued" suffix_}, false},                                \
        },                                                                                                         \
    }

static const struct family FAMILIES[] = {
    CFQ(1, ""),
    CFQ(2, "_recursive"),
    {3,
     {
         {2, {"blkio.throttle.io_serviced", NULL}, false},
         {3, {"blkio.throttle.io_service_bytes", NULL}, false},
     }},
};

static bool
read_device(struct str text, uint64_t *ret_major, uint64_t *ret_minor)
{
    struct str minor = text, major = str_cut(&minor, ':');
    return str_to_u64(major, ret_major) == 0 && str_to_u64(minor, ret_minor) == 0;
}

static unsigned
read_operation(struct str text)
{
    for (unsigned i = 1; i < ARRAY_LEN(OPERATIONS); i++)
        if (str_is(text, OPERATIONS[i]))
            return i;
    return 0;
}

bool
blkio_line(struct str line, struct blkio_value *ret)
{
    struct str words[3] = {{NULL, 0}};
    size_t count = 0;
    line = str_trim(line);
    while (line.len > 0) {
        struct str word = str_cut(&line, ' ');
        if (word.len == 0)
            continue;
        if (count == ARRAY_LEN(words))
            return false;
        words[count++] = word;
    }
    *ret = (struct blkio_value){0};
    if (count < 2 || str_to_u64(words[count - 1], &ret->value) < 0)
        return false;
    ret->has_device = read_device(words[0], &ret->major, &ret->minor);
    if (count == 3) {
        ret->operation = read_operation(words[1]);
        return ret->has_device;
    }
    if (!ret->has_device)
        ret->operation = read_operation(words[0]);
    return ret->has_device || ret->operation > 0;
}

/* One statistics message under way: of a device, or the sum over all (the first entry). */
struct device {
    uint64_t major, minor;
    struct buf packed;
};

struct devices {
    struct device items[DEVICES_MAX];
    size_t count;
};

static struct device *
device_of(struct devices *devices, const struct blkio_value *value)
{
    if (!value->has_device)
        return &devices->items[0];
    for (size_t i = 1; i < devices->count; i++)
        if (devices->items[i].major == value->major && devices->items[i].minor == value->minor)
            return &devices->items[i];
    if (devices->count == DEVICES_MAX)
        return NULL;
    struct device *device = &devices->items[devices->count++];
    *device = (struct device){.major = value->major, .minor = value->minor};
    return device;
}

static void
put_value(struct devices *devices, const struct kind *kind, const struct blkio_value *value)
{
    struct device *device = device_of(devices, value);
    auto_buf struct buf packed = {0};
    if (!device)
        return;
    if (kind->single) {
        packed_uint(&device->packed, kind->field, value->value);
        return;
    }
    packed_uint(&packed, 1, value->operation);
    packed_uint(&packed, 2, value->value);
    packed_bytes(&device->packed, kind->field, buf_str(&packed));
}

static void
read_kind(struct part *part, const struct job *job, const struct kind *kind, struct devices *devices)
{
    char text[FILE_MAX];
    ssize_t n = -ENOENT;
    for (size_t i = 0; n == -ENOENT && i < ARRAY_LEN(kind->files) && kind->files[i]; i++)
        n = cgroup_read(&part->tree, job->id, kind->files[i], text, sizeof text);
    struct str rest = str_n(text, n > 0 ? (size_t)n : 0);
    while (rest.len > 0) {
        struct blkio_value value;
        if (blkio_line(str_cut(&rest, '\n'), &value))
            put_value(devices, kind, &value);
    }
}

static void
put_device(struct buf *out, unsigned field, struct device *device, bool sum)
{
    auto_buf struct buf message = {0}, number = {0};
    if (!sum) {
        packed_uint(&number, 1, device->major);
        packed_uint(&number, 2, device->minor);
        packed_bytes(&message, 1, buf_str(&number));
    }
    buf_append_str(&message, buf_str(&device->packed));
    packed_bytes(out, field, buf_str(&message));
}

/* Devices first, the sum last, which is there even when it is empty. */
static void
read_family(struct part *part, const struct job *job, const struct family *family, struct buf *out)
{
    struct devices *devices = xcalloc(1, sizeof *devices);
    devices->count = 1;
    for (size_t i = 0; i < KINDS_MAX && family->kinds[i].field; i++)
        read_kind(part, job, &family->kinds[i], devices);
    for (size_t i = 1; i < devices->count; i++)
        put_device(out, family->field, &devices->items[i], false);
    put_device(out, family->field, &devices->items[0], true);
    for (size_t i = 0; i < devices->count; i++)
        buf_fini(&devices->items[i].packed);
    free(devices);
}

static int
blkio_usage(struct part *part, struct job *job)
{
    auto_buf struct buf statistics = {0};
    if (!cgroup_exists(&part->tree, job->id))
        return -ENOENT;
    for (size_t i = 0; i < ARRAY_LEN(FAMILIES); i++)
        read_family(part, job, &FAMILIES[i], &statistics);
    packed_bytes(&job->answer, FIGURE_BLKIO_STATISTICS, buf_str(&statistics));
    return 0;
}

const struct subsystem subsystem_blkio = {.name = "blkio", .usage = blkio_usage};
