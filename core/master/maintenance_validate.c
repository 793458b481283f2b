/* SPDX-License-Identifier: Apache-2.0 */
/* Mesos's checks of schedules and lists of machines, in its order and words, and a few caps of ours. They change nothing. */
#include <arpa/inet.h>
#include <errno.h>

#include "base/buf.h"
#include "master/maintenance.h"
#include "wire/message.h"

static char *
canonical_ip(const char *ip, char out[64])
{
    unsigned char bytes[16];
    if (inet_pton(AF_INET, ip, bytes) == 1 && inet_ntop(AF_INET, bytes, out, 64))
        return out;
    if (inet_pton(AF_INET6, ip, bytes) == 1 && inet_ntop(AF_INET6, bytes, out, 64))
        return out;
    return NULL;
}

char *
machine_key(const MachineID *id, struct arena *arena)
{
    char ip[64];
    const char *address = id->ip ? canonical_ip(id->ip, ip) : NULL;
    char *key = arena_printf(arena, "%s/%s", address ? address : id->ip ? id->ip : "", id->hostname ? id->hostname : "");
    for (char *c = key; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return key;
}

/* "Machine '{"hostname":"a","ip":"10.0.0.1"}' <what>". */
static int
refuse(const MachineID *id, const char *what, struct err *err)
{
    auto_buf struct buf shown = {0};
    message_to_json(&shown, id);
    return err_set(err, -EINVAL, "Machine '%s' %s", buf_cstr(&shown), what);
}

static int
check_machine(const MachineID *id, struct err *err)
{
    char ip[64];
    bool has_ip = id->ip && *id->ip;
    size_t len = id->hostname ? strlen(id->hostname) : 0;
    if (len == 0 && !has_ip)
        return err_set(err, -EINVAL, "Both 'hostname' and 'ip' for a machine are empty");
    if (has_ip && !canonical_ip(id->ip, ip))
        return err_set(err, -EINVAL, "Failed to parse IPv4: %.100s", id->ip);
    if (len > MACHINE_HOSTNAME_MAX)
        return err_set(err, -EINVAL, "'hostname' of machine '%.40s...' has %zu bytes; at most %d are possible",
                       id->hostname, len, MACHINE_HOSTNAME_MAX);
    return 0;
}

/* Checks it and puts it into the set. */
static int
take_machine(struct map *set, const MachineID *id, struct arena *arena, struct err *err)
{
    int rc = check_machine(id, err);
    if (rc)
        return rc;
    char *key = machine_key(id, arena);
    if (map_get(set, str_of(key)))
        return refuse(id, "appears more than once in the schedule", err);
    map_add(set, str_of(key), key);
    return 0;
}

static int
take_window(struct map *set, const Window *window, struct arena *arena, struct err *err)
{
    const Mesos__V1__Unavailability *away = window->unavailability;
    if (window->n_machine_ids == 0)
        return err_set(err, -EINVAL, "List of machines in the maintenance window is empty");
    if (away->duration && away->duration->nanoseconds < 0)
        return err_set(err, -EINVAL, "Unavailability 'duration' is negative");
    int rc = 0;
    for (size_t i = 0; i < window->n_machine_ids && !rc; i++)
        rc = take_machine(set, window->machine_ids[i], arena, err);
    return rc;
}

struct kept {
    const struct map *set;
    struct err *err;
    int rc;
};

/* Nobody forgets a machine that is down. */
static void
check_kept(const struct machine *machine, void *arg)
{
    struct kept *kept = arg;
    if (kept->rc || machine->mode != MACHINE_DOWN || map_get(kept->set, str_of(machine->key)))
        return;
    MachineID id = MESOS__V1__MACHINE_ID__INIT;
    id.hostname = machine->hostname;
    id.ip = machine->ip;
    kept->rc = refuse(&id, "is deactivated and cannot be removed from the schedule", kept->err);
}

int
maintenance_check_schedule(const struct maintenance *maintenance, const Schedule *schedule, struct err *err)
{
    struct map set = {0};
    auto_arena struct arena *arena = arena_new(0);
    size_t size = protobuf_c_message_get_packed_size(&schedule->base);
    int rc = 0;
    for (size_t i = 0; i < schedule->n_windows && !rc; i++)
        rc = take_window(&set, schedule->windows[i], arena, err);
    struct kept kept = {&set, err, rc};
    maintenance_each(maintenance, check_kept, &kept);
    if (!kept.rc && size > MAINTENANCE_BYTES_MAX)
        kept.rc = err_set(err, -EINVAL, "The schedule has %zu bytes when packed; a registry takes at most %d", size,
                          MAINTENANCE_BYTES_MAX);
    map_fini(&set);
    return kept.rc;
}

static int
check_list(MachineID *const *ids, size_t count, struct err *err)
{
    struct map set = {0};
    auto_arena struct arena *arena = arena_new(0);
    int rc = count ? 0 : err_set(err, -EINVAL, "List of machines is empty");
    for (size_t i = 0; i < count && !rc; i++)
        rc = take_machine(&set, ids[i], arena, err);
    map_fini(&set);
    return rc;
}

static int
check_modes(const struct maintenance *maintenance, MachineID *const *ids, size_t count, enum machine_mode mode,
            const char *otherwise, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct machine *machine = machine_find(maintenance, ids[i]);
        if (!machine)
            return refuse(ids[i], "is not part of a maintenance schedule", err);
        if (machine->mode != mode)
            return refuse(ids[i], otherwise, err);
    }
    return 0;
}

int
maintenance_check_start(const struct maintenance *maintenance, MachineID *const *ids, size_t count, struct err *err)
{
    int rc = check_list(ids, count, err);
    return rc ? rc
              : check_modes(maintenance, ids, count, MACHINE_DRAINING,
                            "is not in DRAINING mode and cannot be brought down", err);
}

int
maintenance_check_stop(const struct maintenance *maintenance, MachineID *const *ids, size_t count, struct err *err)
{
    int rc = check_list(ids, count, err);
    return rc ? rc
              : check_modes(maintenance, ids, count, MACHINE_DOWN, "is not in DOWN mode and cannot be brought up", err);
}
