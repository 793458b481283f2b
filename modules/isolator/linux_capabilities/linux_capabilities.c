/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "linux/capabilities": which capabilities a container's processes have (effective) and may ever get (bounding). A
 * container asks by LinuxInfo; --effective_capabilities is for those that do not ask, --bounding_capabilities the most that
 * anybody gets. Texts and rules: Mesos's.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "common/launch_info.h"
#include "wire/message.h"

enum { FIRST = MESOS__V1__CAPABILITY_INFO__CAPABILITY__CHOWN, COUNT = 64 };

/* A set, as a number of bits; has: it was given at all. */
struct set {
    bool has;
    uint64_t bits;
};

struct capabilities_isolator {
    const struct mesos_host *host;
    struct set effective, bounding; /* the operator's */
};

static bool
supports(void *instance)
{
    return true;
}

static struct set
set_of(const Mesos__V1__CapabilityInfo *info)
{
    struct set set = {.has = info != NULL};
    for (size_t i = 0; info && i < info->n_capabilities; i++)
        if ((int)info->capabilities[i] >= FIRST && (int)info->capabilities[i] < FIRST + COUNT)
            set.bits |= 1ull << ((int)info->capabilities[i] - FIRST);
    return set;
}

/* "{ NET_RAW, SYS_ADMIN }" */
static char *
text_of(struct set set)
{
    auto_buf struct buf out = {0};
    buf_puts(&out, "{");
    for (int i = 0; i < COUNT; i++) {
        const ProtobufCEnumValue *value =
            set.bits >> i & 1
                ? protobuf_c_enum_descriptor_get_value(&mesos__v1__capability_info__capability__descriptor, FIRST + i)
                : NULL;
        if (value)
            buf_printf(&out, "%s %s", out.len > 1 ? "," : "", value->name);
    }
    buf_puts(&out, out.len > 1 ? " }" : "}");
    return str_dup(buf_str(&out));
}

static int
refuse(const struct mesos_host *host, const char *what, struct set wanted, struct set allowed)
{
    auto_free char *requested = text_of(wanted), *most = text_of(allowed);
    return host->fail(host, -EPERM, "%s capabilities '%s', but only '%s' are allowed", what, requested, most);
}

static Mesos__V1__CapabilityInfo *
message_of(struct launch_info *info, struct set set)
{
    Mesos__V1__CapabilityInfo *message = arena_alloc(info->arena, sizeof *message);
    mesos__v1__capability_info__init(message);
    message->capabilities = arena_calloc(info->arena, COUNT, sizeof *message->capabilities);
    for (int i = 0; i < COUNT; i++)
        if (set.bits >> i & 1)
            message->capabilities[message->n_capabilities++] = (Mesos__V1__CapabilityInfo__Capability)(FIRST + i);
    info->any = true;
    return message;
}

static int
decide(const struct capabilities_isolator *isolator, const Mesos__V1__LinuxInfo *linux_info, struct launch_info *info)
{
    const struct mesos_host *host = isolator->host;
    struct set effective = {0}, bounding = {0};
    if (linux_info && linux_info->capability_info && linux_info->effective_capabilities)
        return host->fail(host, -EINVAL, "Only one of 'capability_info' or 'effective_capabilities' is allowed");
    if (linux_info) {
        effective = set_of(linux_info->capability_info ? linux_info->capability_info : linux_info->effective_capabilities);
        bounding = set_of(linux_info->bounding_capabilities);
    }
    if (bounding.has && isolator->bounding.has && (bounding.bits & ~isolator->bounding.bits))
        return refuse(host, "Bounding", bounding, isolator->bounding);
    if (!effective.has)
        effective = isolator->effective;
    if (!bounding.has)
        bounding = isolator->bounding.has ? isolator->bounding : effective;
    if (effective.has && (effective.bits & ~bounding.bits))
        return refuse(host, "Requested", effective, bounding);
    if (bounding.has)
        info->message.bounding_capabilities = message_of(info, bounding);
    if (effective.has)
        info->message.effective_capabilities = message_of(info, effective);
    return 0;
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    const struct capabilities_isolator *isolator = instance;
    struct launch_info info;
    launch_info_init(&info);
    Mesos__Slave__ContainerConfig *config = container_config(container, isolator->host);
    int rc = config ? decide(isolator, config->container_info ? config->container_info->linux_info : NULL, &info) : -EPROTO;
    launch_info_reply(&info, isolator->host, call, rc);
    mesos__slave__container_config__free_unpacked(config, NULL);
}

static int
read_option(const struct mesos_host *host, const char *name, struct set *ret)
{
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    const char *text = host->daemon_option(host, name);
    if (!text || !*text)
        return 0;
    const Mesos__V1__CapabilityInfo *info =
        MESSAGE_FROM_JSON(Mesos__V1__CapabilityInfo, mesos__v1__capability_info, str_of(text), arena, &err);
    if (!info)
        return host->fail(host, -EINVAL, "--%s: '%s': %s; write {\"capabilities\": [\"NET_RAW\"]}", name, text, err.text);
    *ret = set_of(info);
    return 0;
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct capabilities_isolator *isolator = instance;
    isolator->host = host;
    if (geteuid() != 0)
        return host->fail(host, -EPERM,
                          "isolator 'linux/capabilities' needs root: Linux capabilities isolator requires root permissions");
    if (read_option(host, "effective_capabilities", &isolator->effective) < 0 ||
        read_option(host, "bounding_capabilities", &isolator->bounding) < 0)
        return -EINVAL;
    if (isolator->effective.has && isolator->bounding.has && (isolator->effective.bits & ~isolator->bounding.bits)) {
        auto_free char *effective = text_of(isolator->effective), *bounding = text_of(isolator->bounding);
        return host->fail(host, -EINVAL,
                          "--effective_capabilities are '%s', which is no subset of --bounding_capabilities '%s'", effective,
                          bounding);
    }
    return 0;
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .prepare = prepare,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct capabilities_isolator),
    .name = "linux/capabilities",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "limits the capabilities of containers' processes",
    .start = start,
    .phase = MESOS_PHASE_LINUX,
};

MESOS_MODULES(&module);
