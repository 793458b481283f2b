/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges on which ports a container was found to listen: those that its root was not given are logged, once
 * each time they change, and with --enforce_container_ports they are the root's limitation.
 */
#include <string.h>
#include "base/buf.h"
#include "mesos/slave/containerizer.pb-c.h"
#include "network_ports.h"
#include "wire/message.h"

/* Those of the target that its root does not have, as ranges; their number. */
static size_t
foreign_ports(const struct target *target, const struct container *root, Mesos__V1__Value__Range *ranges)
{
    size_t count = 0;
    for (size_t i = 0; i < target->port_count; i++) {
        uint16_t port = target->ports[i];
        if (ports_has(&root->ports, port))
            continue;
        if (count > 0 && ranges[count - 1].end + 1 == port) {
            ranges[count - 1].end = port;
            continue;
        }
        mesos__v1__value__range__init(&ranges[count]);
        ranges[count].begin = ranges[count].end = port;
        count++;
    }
    return count;
}

static void
limit(const struct network_ports *ports, struct container *root, Mesos__V1__Value__Range *ranges,
      size_t count, char *message)
{
    auto_free Mesos__V1__Value__Range **list = xcalloc(count, sizeof *list);
    Mesos__V1__Value__Ranges value = MESOS__V1__VALUE__RANGES__INIT;
    Mesos__V1__Resource resource = MESOS__V1__RESOURCE__INIT, *resources[] = {&resource};
    Mesos__Slave__ContainerLimitation limitation = MESOS__SLAVE__CONTAINER_LIMITATION__INIT;
    char name[] = "ports";
    auto_buf struct buf packed = {0};
    for (size_t i = 0; i < count; i++)
        list[i] = &ranges[i];
    value.range = list;
    value.n_range = count;
    resource.name = name;
    resource.type = MESOS__V1__VALUE__TYPE__RANGES;
    resource.ranges = &value;
    limitation.resources = resources;
    limitation.n_resources = 1;
    limitation.message = message;
    limitation.has_reason = true;
    limitation.reason = MESOS__V1__TASK_STATUS__REASON__REASON_CONTAINER_LIMITATION;
    message_pack(&packed, &limitation);
    root->limited = true;
    ports->watcher->limited(ports->watcher->arg, root->id,
                            (struct mesos_bytes){buf_data(&packed), packed.len});
}

static bool
is_told(const struct container *container, const struct target *target)
{
    return container->told_count == target->port_count &&
           (target->port_count == 0 ||
            memcmp(container->told, target->ports, target->port_count * sizeof *target->ports) == 0);
}

void
container_check(struct network_ports *ports, struct target *target)
{
    struct container *container = container_find(ports, str_of(target->id));
    struct container *root = container_find(ports, container_root_id(target->id));
    if (!container || !root || !root->has_ports || root->limited || target->port_count == 0 ||
        is_told(container, target))
        return;
    auto_free Mesos__V1__Value__Range *ranges = xcalloc(target->port_count, sizeof *ranges);
    size_t count = foreign_ports(target, root, ranges);
    if (count == 0)
        return;
    free(container->told);
    container->told = xmemdup(target->ports, target->port_count * sizeof *target->ports);
    container->told_count = target->port_count;
    auto_buf struct buf message = {0};
    buf_printf(&message, "Container %s is listening on unallocated port(s): [", target->id);
    for (size_t i = 0; i < count; i++)
        buf_printf(&message, "%s%llu-%llu", i ? ", " : "", (unsigned long long)ranges[i].begin,
                   (unsigned long long)ranges[i].end);
    buf_putc(&message, ']');
    MESOS_LOG(ports->host, INFO, "%s", buf_cstr(&message));
    if (ports->enforce && ports->watcher) {
        auto_free char *text = xstrdup(buf_cstr(&message));
        limit(ports, root, ranges, count, text);
    }
}
