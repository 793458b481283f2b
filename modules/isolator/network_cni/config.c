/* SPDX-License-Identifier: Apache-2.0 */
/* One network's configuration: reading, checking, what Mesos adds, what each plugin is given. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/arena.h"
#include "wire/message.h"

#define RESERVED "org.apache.mesos"
#define PORT_MAPPER "mesos-cni-port-mapper"
#define CHAIN_VERSION "0.3.1" /* the first in which one plugin hands its result to the next */

bool
cni_name_ok(struct str name)
{
    if (name.len == 0 || name.len > CNI_NAME_MAX || name.ptr[0] == '.')
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] == '/' || (unsigned char)name.ptr[i] <= ' ' || name.ptr[i] == 127)
            return false;
    return true;
}

char *
cni_which(const char *plugins_dir, const char *type)
{
    struct str rest = str_of(plugins_dir);
    struct stat st;
    if (!cni_name_ok(str_of(type)))
        return NULL;
    while (rest.len > 0) {
        struct str directory = str_cut(&rest, ':');
        auto_free char *path = xasprintf("%.*s/%s", STR_ARG(directory), type);
        if (directory.len > 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0)
            return take(&path);
    }
    return NULL;
}

static const char *
text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* "0.3.1" as 301; what is no version is the first one. */
static unsigned
version_of(const json_t *object)
{
    const char *text = text_of(object, "cniVersion");
    unsigned major = 0, minor = 1, patch = 0;
    if (text)
        sscanf(text, "%3u.%3u.%3u", &major, &minor, &patch);
    return major * 10000 + minor * 100 + (patch > 99 ? 99 : patch);
}

static int
check_plugin(const json_t *plugin, const char *plugins_dir, const char *name, struct err *err)
{
    const char *type = text_of(plugin, "type");
    const json_t *ipam = json_object_get(plugin, "ipam");
    const char *ipam_type = text_of(ipam, "type");
    if (!type || !cni_name_ok(str_of(type)))
        return err_set(err, -EINVAL, "network '%s': \"type\" of a plugin is %s%s%s: it must name a program", name,
                       type ? "'" : "", type ? type : "not set", type ? "'" : "");
    if (ipam && (!json_is_object(ipam) || (json_object_size(ipam) > 0 && !ipam_type)))
        return err_set(err, -EINVAL, "network '%s': \"ipam\" must be an object with a \"type\"", name);
    auto_free char *found = plugins_dir ? cni_which(plugins_dir, type) : NULL;
    if (plugins_dir && !found)
        return err_set(err, -ENOENT, "network '%s': the CNI plugin '%s' is not found in '%s'", name, type, plugins_dir);
    auto_free char *ipam_found = plugins_dir && ipam_type ? cni_which(plugins_dir, ipam_type) : NULL;
    if (plugins_dir && ipam_type && !ipam_found)
        return err_set(err, -ENOENT, "network '%s': the IPAM plugin '%s' is not found in '%s'", name, ipam_type,
                       plugins_dir);
    return 0;
}

static int
check_plugins(const struct cni_config *config, const char *plugins_dir, struct err *err)
{
    size_t i, count = json_array_size(config->plugins);
    json_t *plugin;
    if (count == 0 || count > CNI_PLUGINS_MAX)
        return err_set(err, -EINVAL, "network '%s': it has %zu plugins: 1 to %d are possible", config->name, count,
                       CNI_PLUGINS_MAX);
    json_array_foreach(config->plugins, i, plugin) {
        if (!json_is_object(plugin))
            return err_set(err, -EINVAL, "network '%s': plugins[%zu] is no object", config->name, i);
        if (check_plugin(plugin, plugins_dir, config->name, err) < 0)
            return err->code;
    }
    return 0;
}

/* The members that a list has once and each plugin must see. */
static void
spread(const struct cni_config *config, json_t *root)
{
    size_t i;
    json_t *plugin, *version = json_object_get(root, "cniVersion");
    json_array_foreach(config->plugins, i, plugin) {
        json_object_set_new(plugin, "name", json_string(config->name));
        if (version)
            json_object_set(plugin, "cniVersion", version);
    }
}

/* Mesos's port mapper keeps packets of the excluded device (the last one that is named) from being mapped. */
static json_t *
portmap_of(const json_t *mapper)
{
    const json_t *excluded = json_object_get(mapper, "excludeDevices");
    const char *device = json_string_value(json_array_get(excluded, json_array_size(excluded) - 1));
    json_t *portmap = json_pack("{s:s, s:{s:b}, s:b}", "type", "portmap", "capabilities", "portMappings", 1, "snat", 1);
    if (device) {
        json_object_set_new(portmap, "conditionsV4", json_pack("[s, s, s]", "!", "-i", device));
        json_object_set_new(portmap, "conditionsV6", json_pack("[s, s, s]", "!", "-i", device));
    }
    return portmap;
}

static int
translate_mapper(struct cni_config *config, const json_t *mapper, struct err *err)
{
    json_t *delegate = json_object_get(mapper, "delegate"), *first;
    if (!json_is_object(delegate))
        return err_set(err, -EINVAL, "network '%s': \"delegate\" of " PORT_MAPPER " must be an object", config->name);
    first = json_deep_copy(delegate);
    if (json_object_get(mapper, "args"))
        json_object_set(first, "args", json_object_get(mapper, "args"));
    json_decref(config->plugins);
    config->plugins = json_pack("[o, o]", first, portmap_of(mapper));
    config->list = true;
    json_t *version = version_of(mapper) >= 301 ? json_incref(json_object_get(mapper, "cniVersion"))
                                                : json_string(CHAIN_VERSION);
    json_t *root = json_pack("{s:o}", "cniVersion", version);
    spread(config, root);
    json_decref(root);
    return 0;
}

static int
take_plugins(struct cni_config *config, json_t *root, const char *plugins_dir, struct err *err)
{
    json_t *plugins = json_object_get(root, "plugins");
    config->list = plugins != NULL;
    if (plugins && !json_is_array(plugins))
        return err_set(err, -EINVAL, "network '%s': \"plugins\" is no list", config->name);
    config->plugins = plugins ? json_incref(plugins) : json_pack("[O]", root);
    const char *type = text_of(root, "type");
    if (!plugins && plugins_dir && type && strcmp(type, PORT_MAPPER) == 0) {
        auto_free char *own = cni_which(plugins_dir, PORT_MAPPER);
        if (!own && translate_mapper(config, root, err) < 0)
            return err->code;
    }
    if (check_plugins(config, plugins_dir, err) < 0)
        return err->code;
    if (plugins)
        spread(config, root);
    return 0;
}

int
cni_config_parse(struct str text, const char *plugins_dir, struct cni_config *ret, struct err *err)
{
    struct err own = {0};
    json_error_t where;
    struct cni_config config = {0};
    err = err ? err : &own;
    if (text.len > CNI_CONFIG_BYTES_MAX)
        return err_set(err, -EFBIG, "it has %zu bytes: at most %u are read", text.len, CNI_CONFIG_BYTES_MAX);
    json_t *root = json_loadb(text.ptr ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES, &where);
    int rc = 0;
    const char *name = text_of(root, "name");
    if (!root)
        rc = err_set(err, -EINVAL, "JSON parse failed: line %d: %s", where.line, where.text);
    else if (!json_is_object(root))
        rc = err_set(err, -EINVAL, "it is no JSON object");
    else if (!name || !cni_name_ok(str_of(name)))
        rc = err_set(err, -EINVAL, "\"name\" of the network is %s: 1 to %d characters without '/' and blanks are right",
                     name ? "not usable" : "not set", CNI_NAME_MAX);
    if (rc == 0) {
        config.name = xstrdup(name);
        rc = take_plugins(&config, root, plugins_dir, err);
    }
    json_decref(root);
    if (rc < 0)
        cni_config_fini(&config);
    else
        *ret = config;
    return rc;
}

/* Like file_read, but a pipe in the directory must not hold the agent up. */
static int
read_regular(const char *path, struct buf *out, struct err *err)
{
    struct stat st;
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(err, "cannot read '%s'", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EINVAL, "'%s' is no file", path);
    while (out->len <= CNI_CONFIG_BYTES_MAX) {
        ssize_t n = read(fd, buf_reserve(out, 4096), 4096);
        if (n < 0)
            return err_errno(err, "cannot read '%s'", path);
        if (n == 0)
            return 0;
        buf_added(out, (size_t)n);
    }
    return err_set(err, -EFBIG, "'%s' is larger than %u bytes", path, CNI_CONFIG_BYTES_MAX);
}

int
cni_config_read(const char *path, const char *plugins_dir, struct cni_config *ret, struct err *err)
{
    struct err own = {0};
    err = err ? err : &own;
    auto_buf struct buf text = {0};
    if (read_regular(path, &text, err) < 0)
        return err->code;
    if (cni_config_parse(buf_str(&text), plugins_dir, ret, err) < 0)
        return err_wrap(err, "%s", path);
    return 0;
}

void
cni_config_fini(struct cni_config *config)
{
    json_decref(config->plugins);
    free(config->name);
    *config = (struct cni_config){0};
}

static bool
capable(const json_t *plugin, const char *capability)
{
    return json_is_true(json_object_get(json_object_get(plugin, "capabilities"), capability));
}

/* Member `key` of an object, made when it is not there; NULL when it is something else. */
static json_t *
object_in(json_t *object, const char *key)
{
    json_t *inner = json_object_get(object, key);
    if (!inner) {
        json_object_set_new(object, key, json_object());
        inner = json_object_get(object, key);
    }
    return json_is_object(inner) ? inner : NULL;
}

static int
port_mappings(json_t *plugin, const Mesos__V1__NetworkInfo *info, struct err *err)
{
    json_t *runtime = object_in(plugin, "runtimeConfig"), *mappings = json_array();
    for (size_t i = 0; i < info->n_port_mappings; i++) {
        const Mesos__V1__NetworkInfo__PortMapping *mapping = info->port_mappings[i];
        auto_free char *protocol = xstrdup(mapping->protocol && *mapping->protocol ? mapping->protocol : "tcp");
        for (char *c = protocol; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        json_array_append_new(mappings, json_pack("{s:i, s:i, s:s}", "hostPort", (int)mapping->host_port, "containerPort",
                                                  (int)mapping->container_port, "protocol", protocol));
    }
    if (!runtime) {
        json_decref(mappings);
        return err_set(err, -EINVAL, "\"runtimeConfig\" is no object");
    }
    json_object_set_new(runtime, "portMappings", mappings);
    return 0;
}

static json_t *
addresses_of(const Mesos__V1__NetworkInfo *info)
{
    json_t *addresses = json_array();
    for (size_t i = 0; i < info->n_ip_addresses; i++)
        if (info->ip_addresses[i]->ip_address && *info->ip_addresses[i]->ip_address)
            json_array_append_new(addresses, json_string(info->ip_addresses[i]->ip_address));
    return addresses;
}

/* Addresses that the framework asks for. What the operator has written wins. */
static void
addresses(json_t *plugin, json_t *args, const Mesos__V1__NetworkInfo *info)
{
    json_t *wanted = addresses_of(info);
    json_t *cni = json_array_size(wanted) ? object_in(args, "cni") : NULL;
    json_t *runtime = json_array_size(wanted) && capable(plugin, "ips") ? object_in(plugin, "runtimeConfig") : NULL;
    if (cni && !json_object_get(cni, "ips"))
        json_object_set(cni, "ips", wanted);
    if (runtime)
        json_object_set(runtime, "ips", wanted);
    json_decref(wanted);
}

static int
check_info(const Mesos__V1__NetworkInfo *info, struct err *err)
{
    for (size_t i = 0; i < info->n_port_mappings; i++) {
        const Mesos__V1__NetworkInfo__PortMapping *mapping = info->port_mappings[i];
        if (mapping->host_port == 0 || mapping->host_port > 65535)
            return err_set(err, -EINVAL, "port_mappings[%zu].host_port is %u: 1 to 65535 is right", i,
                           (unsigned)mapping->host_port);
        if (mapping->container_port == 0 || mapping->container_port > 65535)
            return err_set(err, -EINVAL, "port_mappings[%zu].container_port is %u: 1 to 65535 is right", i,
                           (unsigned)mapping->container_port);
        if (mapping->protocol && (strlen(mapping->protocol) > 8 || strpbrk(mapping->protocol, " \t\n")))
            return err_set(err, -EINVAL, "port_mappings[%zu].protocol is '%.32s': tcp, udp or sctp is right", i,
                           mapping->protocol);
    }
    return 0;
}

static int
inject(json_t *plugin, const Mesos__V1__NetworkInfo *info, json_t *info_json, struct err *err)
{
    json_t *args = object_in(plugin, "args");
    if (!args)
        return err_set(err, -EINVAL, "\"args\" is no object");
    if (json_object_get(args, RESERVED))
        return err_set(err, -EINVAL, "'" RESERVED "' in \"args\" is reserved by Mesos and must not be set");
    json_object_set_new(args, RESERVED, json_pack("{s:O}", "network_info", info_json));
    addresses(plugin, args, info);
    return info->n_port_mappings > 0 && capable(plugin, "portMappings") ? port_mappings(plugin, info, err) : 0;
}

int
cni_config_inject(struct cni_config *config, const Mesos__V1__NetworkInfo *info, struct err *err)
{
    auto_buf struct buf text = {0};
    size_t i;
    json_t *plugin;
    if (check_info(info, err) < 0)
        return err_wrap(err, "NetworkInfo of network '%s'", config->name);
    message_to_json(&text, info);
    json_t *info_json = json_loadb(buf_data(&text), text.len, 0, NULL);
    if (!info_json)
        return err_set(err, -EINVAL, "NetworkInfo of network '%s' is not UTF-8", config->name);
    int rc = 0;
    json_array_foreach(config->plugins, i, plugin) {
        if (rc == 0 && inject(plugin, info, info_json, err) < 0)
            rc = err_wrap(err, "the configuration of CNI network '%s'", config->name);
    }
    json_decref(info_json);
    return rc;
}

static void
append_json(struct buf *out, const json_t *json)
{
    auto_free char *text = json_dumps(json, JSON_COMPACT);
    buf_puts(out, text ? text : "{}");
}

void
cni_config_print(const struct cni_config *config, struct buf *out)
{
    if (!config->list) {
        append_json(out, json_array_get(config->plugins, 0));
        return;
    }
    json_t *root = json_pack("{s:s, s:O}", "name", config->name, "plugins", config->plugins);
    append_json(out, root);
    json_decref(root);
}

void
cni_config_input(const struct cni_config *config, size_t index, struct str previous, bool deleting, struct buf *out)
{
    json_t *plugin = json_array_get(config->plugins, index);
    bool wanted = deleting ? version_of(plugin) >= 400 : index > 0;
    json_t *result = wanted && previous.len ? json_loadb(previous.ptr, previous.len, 0, NULL) : NULL;
    if (!result) {
        append_json(out, plugin);
        return;
    }
    json_t *copy = json_copy(plugin);
    json_object_set_new(copy, "prevResult", result);
    append_json(out, copy);
    json_decref(copy);
}

const char *
cni_config_type(const struct cni_config *config, size_t index)
{
    return text_of(json_array_get(config->plugins, index), "type");
}

bool
cni_config_info(const struct cni_config *config, struct buf *out)
{
    const json_t *args = json_object_get(json_array_get(config->plugins, 0), "args");
    const json_t *info = json_object_get(json_object_get(args, RESERVED), "network_info");
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf text = {0};
    if (!info)
        return false;
    append_json(&text, info);
    const Mesos__V1__NetworkInfo *message =
        MESSAGE_FROM_JSON(Mesos__V1__NetworkInfo, mesos__v1__network_info, buf_str(&text), arena, NULL);
    if (message)
        message_pack(out, message);
    return message != NULL;
}
