/* SPDX-License-Identifier: Apache-2.0 */
/* Modules that read files: which they are, which files, and the word to read them again. Called by core/daemon/reload.c. */
#include "host/internal.h"

void
host_modules_each(struct host *host, void (*fn)(struct module *module, void *arg), void *arg)
{
    struct module *module;
    list_foreach (module, &host->modules, in_host)
        fn(module, arg);
}

bool
module_reloads(const struct module *module)
{
    return module->candidate->descriptor.reload != NULL;
}

int
module_reload(struct module *module, struct err *err)
{
    int status = module->candidate->descriptor.reload ? module->candidate->descriptor.reload(module->instance) : 0;
    return status < 0 ? module_failure(module, status, err) : 0;
}

const char *const *
module_watched(struct module *module)
{
    static const char *const none[] = {NULL};
    const char *const *paths = module->candidate->descriptor.watched ? module->candidate->descriptor.watched(module->instance) : NULL;
    return paths ? paths : none;
}
