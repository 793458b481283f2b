/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of single values of the agent's options: what is wrong with one is said with what would be right. Called by
 * core/conf through the table (options.c); opens nothing.
 */
#include "agent/options_check.h"

#include <errno.h>

#include <jansson.h>

#include "agent/isolation.h"
#include "mesos/v1/mesos.pb-c.h"
#include "model/resources.h"
#include "wire/message.h"

int
agent_check_master(const char *value, void *target, struct option_set *set, struct err *err)
{
    struct str text = str_of(value), port;
    uint64_t number;

    if (strstr(value, "://"))
        return daemon_check_zk(value, target, set, err);
    if (str_starts(text, STR_LIT("master@")))
        text = str_n(text.ptr + 7, text.len - 7);
    if (text.len > 0 && str_find(text, ':') < 0)
        return 0;
    for (port = str_n(text.ptr + text.len, 0); port.ptr > text.ptr && port.ptr[-1] != ':'; port.len++)
        port.ptr--;
    if (port.ptr == text.ptr || port.ptr - text.ptr < 2 || str_to_u64(port, &number) < 0 || number < 1 || number > 65535)
        return err_set(err, -EINVAL, "'%s' names no master: write host:port, e.g. 10.0.0.1:5050", value);
    return 0;
}

int
agent_check_absolute(const char *value, void *target, struct option_set *set, struct err *err)
{
    return value[0] == '/' ? 0 : err_set(err, -EINVAL, "'%s' is no absolute path: it begins with /", value);
}

int
agent_check_cgroups_root(const char *value, void *target, struct option_set *set, struct err *err)
{
    struct str rest = str_of(value);
    bool any = false;

    while (rest.len > 0) {
        struct str name = str_cut(&rest, '/');

        if (str_is(name, ".") || str_is(name, ".."))
            return err_set(err, -EINVAL, "'%s' is no name of a group: write e.g. mesos or a/b", value);
        any = any || name.len > 0;
    }
    return any ? 0 : err_set(err, -EINVAL, "'%s' is no name of a group: write e.g. mesos or a/b", value);
}

/* 0 and the number, or -EINVAL; "0x12" and "18" are the same. */
static int
handle_parse(struct str text, uint64_t *ret)
{
    char *end;
    auto_free char *copy = str_dup(str_trim(text));
    unsigned long value;

    if (copy[0] < '0' || copy[0] > '9')
        return -EINVAL;
    value = strtoul(copy, &end, copy[0] == '0' && (copy[1] == 'x' || copy[1] == 'X') ? 16 : 10);
    if (*end || value > 0xffff)
        return -EINVAL;
    *ret = value;
    return 0;
}

int
agent_check_handle(const char *value, void *target, struct option_set *set, struct err *err)
{
    uint64_t handle;

    return handle_parse(str_of(value), &handle) == 0
               ? 0
               : err_set(err, -EINVAL, "'%s' is no handle of 16 bits: write e.g. 0x0012", value);
}

int
agent_check_handles(const char *value, void *target, struct option_set *set, struct err *err)
{
    struct str last = str_of(value), first = str_cut(&last, ',');
    uint64_t low, high;

    if (handle_parse(first, &low) < 0 || handle_parse(last, &high) < 0 || low == 0 || high < low)
        return err_set(err, -EINVAL, "'%s' is no range of handles from 1 to 0xffff: write e.g. 0x0001,0xffff", value);
    return 0;
}

int
agent_check_isolation(const char *value, void *target, struct option_set *set, struct err *err)
{
    struct str rest = str_of(value);
    int networks = 0, filesystems = 0;

    if (strcmp(value, "process") == 0 || strcmp(value, "posix") == 0 || strcmp(value, "cgroups") == 0) {
        auto_free char *today = isolation_names(value);
        conf_note(set, "isolation '%s' means %s today", value, today);
    }
    while (rest.len > 0) {
        struct str name = str_trim(str_cut(&rest, ','));

        if (name.len == 0)
            return err_set(err, -EINVAL, "'%s' has an empty name in it: write name,name", value);
        networks += isolation_is_network(name);
        filesystems += str_starts(name, STR_LIT("filesystem/"));
    }
    if (networks > 1)
        return err_set(err, -EINVAL, "'%s' names several isolators of networks: one of network/cni and network/port_mapping "
                       "is possible", value);
    if (filesystems > 1)
        return err_set(err, -EINVAL, "'%s': Using multiple filesystem isolators simultaneously is disallowed", value);
    return 0;
}

/* A message in JSON; example: what would be right. */
static int
check_message(const ProtobufCMessageDescriptor *type, const char *value, const char *example, struct err *err)
{
    auto_arena struct arena *arena = arena_new(0);
    struct err why = {0};
    if (message_from_json(type, str_of(value), arena, &why))
        return 0;
    return err_set(err, -EINVAL, "'%.200s': %s; write %s", value, why.text, example);
}

int
agent_check_capabilities(const char *value, void *target, struct option_set *set, struct err *err)
{
    static const char example[] = "{\"capabilities\": [\"NET_RAW\"]}";
    const json_t *item;
    size_t i;
    json_t *root = json_loads(value, 0, NULL);
    int status = check_message(&mesos__v1__capability_info__descriptor, value, example, err);
    /* A misspelt name would be ignored, as everywhere in JSON; here it would take rights away, or leave them. */
    json_array_foreach(json_object_get(root, "capabilities"), i, item) {
        const char *name = json_string_value(item);
        if (status == 0 && name &&
            !protobuf_c_enum_descriptor_get_value_by_name(&mesos__v1__capability_info__capability__descriptor, name))
            status = err_set(err, -EINVAL, "'%.200s': '%.100s' is no capability: write %s", value, name, example);
    }
    json_decref(root);
    return status;
}

int
agent_check_container_info(const char *value, void *target, struct option_set *set, struct err *err)
{
    static const char example[] = "{\"type\": \"MESOS\", \"volumes\": [{\"host_path\": \"tmp\", \"container_path\": \"/tmp\", "
                                  "\"mode\": \"RW\"}]}";
    return check_message(&mesos__v1__container_info__descriptor, value, example, err);
}

int
agent_check_gid_range(const char *value, void *target, struct option_set *set, struct err *err)
{
    auto_resources struct resources parsed = {0};
    auto_free char *text = xasprintf("gids:%s", value);
    struct err why = {0};
    if (resources_parse(&parsed, str_of(text), "*", &why))
        return err_set(err, -EINVAL, "Failed to parse volume gid range '%s': %s; write [10000-20000]", value, why.text);
    struct mesos_resources view = resources_view(&parsed);
    if (view.count != 1 || view.items[0].type != MESOS_VALUE_RANGES)
        return err_set(err, -EINVAL, "Invalid volume gid range type of '%s', expecting RANGES: write [10000-20000]", value);
    return 0;
}

int
agent_check_containerizers(const char *value, void *target, struct option_set *set, struct err *err)
{
    struct str rest = str_of(value);

    if (!value[0])
        return err_set(err, -EINVAL, "'' names no containerizer: write mesos");
    while (rest.len > 0) {
        struct str name = str_trim(str_cut(&rest, ','));

        if (name.len == 0)
            return err_set(err, -EINVAL, "'%s' has an empty name in it: write name,name", value);
    }
    return 0;
}

/* Frameworks of the 0.x days sent URIs that were relative to a directory of the agent's host. */
int
agent_check_frameworks_home(const char *value, void *target, struct option_set *set, struct err *err)
{
    if (value[0])
        conf_note(set, "frameworks_home is of old: relative URIs are taken from below %s; absolute ones need it not",
                  value);
    return 0;
}

/* Names of the modules that came with Mesos. */
int
agent_check_container_logger(const char *value, void *target, struct option_set *set, struct err *err)
{
    if (strcmp(value, "org_apache_mesos_LogrotateContainerLogger") == 0)
        conf_override(set, "container_logger", "logrotate");
    else if (strcmp(value, "org_apache_mesos_SandboxContainerLogger") == 0)
        conf_override(set, "container_logger", "sandbox");
    else if (!value[0])
        return err_set(err, -EINVAL, "'' names no module: write sandbox or logrotate");
    return 0;
}

int
agent_check_launcher(const char *value, void *target, struct option_set *set, struct err *err)
{
    if (strcmp(value, "posix") == 0 || strcmp(value, "linux") == 0)
        return 0;
    return err_set(err, -EINVAL, "'%s' is none of posix|linux", value);
}

int
agent_check_reconfiguration(const char *value, void *target, struct option_set *set, struct err *err)
{
    if (strcmp(value, "equal") == 0 || strcmp(value, "additive") == 0 || strcmp(value, "any") == 0)
        return 0;
    return err_set(err, -EINVAL, "'%s' is none of equal|additive|any", value);
}

int
agent_check_environment(const char *value, void *target, struct option_set *set, struct err *err)
{
    json_t *root = json_loads(value, JSON_REJECT_DUPLICATES, NULL), *item;
    const char *key;
    int status = 0;

    if (!json_is_object(root))
        status = err_set(err, -EINVAL, "it is no JSON object: write {\"NAME\": \"value\"}");
    json_object_foreach(root, key, item) {
        if (!json_is_string(item) && status == 0)
            status = err_set(err, -EINVAL, "the value of \"%s\" is no text: write {\"NAME\": \"value\"}", key);
    }
    json_decref(root);
    return status;
}

int
agent_check_socket(const char *value, void *target, struct option_set *set, struct err *err)
{
    if (strcmp(value, "systemd:") == 0)
        return err_set(err, -EINVAL, "'systemd:' names no socket: the FileDescriptorName= of the socket unit goes behind it");
    if (strncmp(value, "systemd:", 8) == 0)
        return 0;
    if (strlen(value) >= 108)
        return err_set(err, -EINVAL, "'%s' is longer than the 107 bytes that a socket's path may have", value);
    return 0;
}

int
agent_check_docker_socket(const char *value, void *target, struct option_set *set, struct err *err)
{
    if (value[0] == '/' || strstr(value, "://"))
        return 0;
    return err_set(err, -EINVAL, "'%s' is neither an absolute path nor an address like unix:///var/run/docker.sock", value);
}

int
agent_check_detector(const char *value, void *target, struct option_set *set, struct err *err)
{
    conf_override(set, "election", value);
    return 0;
}

int
agent_check_image_providers(const char *value, void *target, struct option_set *set, struct err *err)
{
    struct str rest = str_of(value);
    while (rest.len > 0) {
        struct str name = str_trim(str_cut(&rest, ','));
        if (!str_ieq(name, STR_LIT("APPC")) && !str_ieq(name, STR_LIT("DOCKER")))
            return err_set(err, -EINVAL, "'%.*s' is none of APPC|DOCKER", (int)name.len, name.ptr ? name.ptr : "");
    }
    return 0;
}

int
agent_check_backend(const char *value, void *target, struct option_set *set, struct err *err)
{
    static const char *const known[] = {"overlay", "copy", "bind"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(value, known[i]) == 0)
            return 0;
    if (strcmp(value, "aufs") == 0)
        return err_set(err, -ENOTSUP, "'aufs' is a file system that kernels no longer have: overlay takes its place");
    return err_set(err, -EINVAL, "'%s' is none of overlay|copy|bind", value);
}

/* [begin-end, ...] of TCP ports. */
int
agent_check_port_ranges(const char *value, void *target, struct option_set *set, struct err *err)
{
    struct str text = str_trim(str_of(value));
    bool good = text.len >= 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']';
    struct str rest = good ? str_n(text.ptr + 1, text.len - 2) : text;
    while (good && rest.len > 0) {
        struct str end = str_trim(str_cut(&rest, ',')), begin = str_trim(str_cut(&end, '-'));
        uint64_t first, last;
        end = str_trim(end);
        good = str_to_u64(begin, &first) == 0 && str_to_u64(end, &last) == 0 && first <= last && last <= 65535;
    }
    return good ? 0 : err_set(err, -EINVAL, "'%s' is no list of port ranges: write [31000-32000,8080-8080]", value);
}

/* One entry of "mesos" or "docker"; those before it must be of other networks. */
static int
check_dns_entry(const char *kind, const char *modes, const json_t *list, size_t index, struct err *err)
{
    const json_t *entry = json_array_get(list, index), *name = json_object_get(entry, "network_name");
    const char *mode = json_string_value(json_object_get(entry, "network_mode"));
    struct str rest = str_of(modes);
    bool known = false;
    while (mode && rest.len > 0)
        known = str_is(str_cut(&rest, '|'), mode) || known;
    if (!known || !json_is_object(json_object_get(entry, "dns")) || (name && !json_is_string(name)))
        return err_set(err, -EINVAL, "\"%s\"[%zu] wants a \"network_mode\" of %s, \"dns\" with an object, and \"network_name\" "
                       "only with text", kind, index, modes);
    for (size_t i = 0; i < index; i++) {
        const json_t *before = json_array_get(list, i), *other = json_object_get(before, "network_name");
        if (strcmp(json_string_value(json_object_get(before, "network_mode")), mode) == 0 &&
            (name ? other && strcmp(json_string_value(other), json_string_value(name)) == 0 : !other))
            return err_set(err, -EINVAL, "\"%s\" has two entries for %s%s", kind, mode,
                           name ? " and one network_name" : " without network_name");
    }
    return 0;
}

int
agent_check_container_dns(const char *value, void *target, struct option_set *set, struct err *err)
{
    static const struct {
        const char *name, *modes;
    } kinds[] = {{"mesos", "CNI|HOST"}, {"docker", "BRIDGE|USER|HOST"}};
    json_t *root = json_loads(value, JSON_REJECT_DUPLICATES, NULL);
    int rc = json_is_object(root) ? 0 : err_set(err, -EINVAL, "it is no JSON object with \"mesos\" and \"docker\"");
    for (size_t k = 0; k < ARRAY_LEN(kinds) && rc == 0; k++) {
        const json_t *list = json_object_get(root, kinds[k].name);
        if (list && !json_is_array(list))
            rc = err_set(err, -EINVAL, "\"%s\" is no list", kinds[k].name);
        for (size_t i = 0; i < json_array_size(list) && rc == 0; i++)
            rc = check_dns_entry(kinds[k].name, kinds[k].modes, list, i, err);
    }
    json_decref(root);
    return rc;
}
