/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what `docker inspect` printed. Used by mesos-docker-executor and the containerizer "docker". */
#include "model/docker_state.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void
copy(char *out, size_t size, const json_t *value)
{
    const char *text = json_string_value(value);
    snprintf(out, size, "%s", text ? text : "");
}

/* Older engines tell the default bridge's address outside of the list of networks, newer ones only there. */
static void
read_addresses(const json_t *settings, struct docker_state *ret)
{
    json_t *networks = json_object_get(settings, "Networks"), *network;
    const char *name;
    copy(ret->ip, sizeof(ret->ip), json_object_get(settings, "IPAddress"));
    copy(ret->ip6, sizeof(ret->ip6), json_object_get(settings, "GlobalIPv6Address"));
    json_object_foreach(networks, name, network) {
        if (!*ret->ip)
            copy(ret->ip, sizeof(ret->ip), json_object_get(network, "IPAddress"));
        if (!*ret->ip6)
            copy(ret->ip6, sizeof(ret->ip6), json_object_get(network, "GlobalIPv6Address"));
    }
}

int
docker_state_read(struct str json, struct docker_state *ret, struct err *err)
{
    json_error_t why;
    json_t *root = json_loadb(json.ptr ? json.ptr : "", json.len, 0, &why);
    const json_t *container = json_is_array(root) ? json_array_get(root, 0) : root;
    const json_t *state = json_object_get(container, "State");
    *ret = (struct docker_state){0};
    if (!json_is_object(state)) {
        json_decref(root);
        return err_set(err, -EINVAL, "docker inspect answers with what is no container%s%s", root ? "" : ": ",
                       root ? "" : why.text);
    }
    copy(ret->id, sizeof(ret->id), json_object_get(container, "Id"));
    copy(ret->status, sizeof(ret->status), json_object_get(state, "Status"));
    copy(ret->error, sizeof(ret->error), json_object_get(state, "Error"));
    ret->running = json_is_true(json_object_get(state, "Running"));
    ret->oom_killed = json_is_true(json_object_get(state, "OOMKilled"));
    json_int_t pid = json_integer_value(json_object_get(state, "Pid"));
    ret->pid = pid > 0 && pid < INT32_MAX ? (pid_t)pid : 0;
    json_int_t code = json_integer_value(json_object_get(state, "ExitCode"));
    ret->exit_code = code >= 0 && code <= 255 ? (int)code : 255;
    read_addresses(json_object_get(container, "NetworkSettings"), ret);
    json_decref(root);
    return 0;
}

static bool
names_one(const char *item, const char *const *names)
{
    for (; item && *names; names++) {
        size_t len = strlen(*names);
        if (strncmp(item, *names, len) == 0 && item[len] == '=')
            return true;
    }
    return false;
}

char *
docker_state_hide(struct str json, const char *const *names)
{
    json_t *root = json_loadb(json.ptr ? json.ptr : "", json.len, 0, NULL), *container;
    size_t i;
    json_array_foreach(root, i, container) {
        json_t *env = json_object_get(json_object_get(container, "Config"), "Env");
        for (size_t at = json_array_size(env); at-- > 0;)
            if (names_one(json_string_value(json_array_get(env, at)), names))
                json_array_remove(env, at);
    }
    char *text = json_is_array(root) ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return text;
}
