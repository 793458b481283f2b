/* SPDX-License-Identifier: Apache-2.0 */
/* Starts HTTP authenticators for the realms that are to be protected. Called by mesos_master.c and mesos_agent.c. */
#include "main/realms.h"

#include <errno.h>

#include "base/log.h"

struct module *
realms_module(struct realms *realms, struct process *process, const char *name, struct err *err)
{
    const char *own = host_own_name(MESOS_KIND_HTTP_AUTHENTICATOR, name), *key = "credentials", *value = realms->credentials;
    const char *option = realms->credentials_option;
    for (size_t i = 0; i < realms->started_count; i++)
        if (strcmp(module_name(realms->started[i]), own) == 0)
            return realms->started[i];
    if (realms->started_count == REALM_AUTHENTICATORS_MAX) {
        err_set(err, -EINVAL, "there are more than %d HTTP authenticators", REALM_AUTHENTICATORS_MAX);
        return NULL;
    }
    if (strcmp(own, "jwt") == 0) {
        key = "key_file";
        value = realms->key_file;
        option = "jwt_secret_key";
    } else if (strcmp(own, "basic") != 0) {
        value = NULL;
    }
    struct module *module = host_start(process->host, MESOS_KIND_HTTP_AUTHENTICATOR, name, &key, &value, value ? 1 : 0, err);
    if (!module) {
        if (value)
            err_wrap(err, "option '%s'", option);
        return NULL;
    }
    log_info("http_authenticator module %s %s from %s", module_name(module), module_version(module), module_file(module));
    realms->started[realms->started_count++] = module;
    return module;
}

int
realms_protect(struct realms *realms, struct process *process, const char *realm, const char *names, struct err *err)
{
    struct daemon_realm *one = &realms->list[realms->count];
    struct module **modules = realms->modules[realms->count];
    struct str rest = str_of(names);
    if (realms->count == REALMS_MAX)
        return err_set(err, -EINVAL, "there are more than %d realms", REALMS_MAX);
    *one = (struct daemon_realm){.name = realm, .authenticators = modules};
    while (rest.len > 0) {
        auto_free char *name = str_dup(str_trim(str_cut(&rest, ',')));
        if (one->count == REALM_AUTHENTICATORS_MAX)
            return err_set(err, -EINVAL, "realm %s has more than %d HTTP authenticators", realm, REALM_AUTHENTICATORS_MAX);
        modules[one->count] = realms_module(realms, process, name, err);
        if (!modules[one->count])
            return err_wrap(err, "realm %s", realm);
        one->count++;
    }
    if (one->count == 0)
        return err_set(err, -EINVAL, "realm %s is to be protected, and no HTTP authenticator is named", realm);
    realms->count++;
    return 0;
}
