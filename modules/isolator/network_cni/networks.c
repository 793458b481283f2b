/* SPDX-License-Identifier: Apache-2.0 */
/* Which networks a directory of configurations names. Files in order of their names; the first of two wins. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include "config.h"

struct network {
    char *path;
    char name[];
};

void
cni_networks_fini(struct map *networks)
{
    struct network *network;
    map_foreach(network, networks) {
        free(network->path);
        free(network);
    }
    map_fini(networks);
    *networks = (struct map){0};
}

const char *
cni_networks_path(const struct map *networks, const char *name)
{
    const struct network *network = map_get(networks, str_of(name));
    return network ? network->path : NULL;
}

static int
is_candidate(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && entry->d_type != DT_DIR;
}

static void
load_one(const char *path, const char *plugins_dir, struct map *networks, void (*complain)(void *arg, const char *text),
         void *arg)
{
    struct cni_config config;
    struct err err = {0};
    if (cni_config_read(path, plugins_dir, &config, &err) < 0) {
        auto_free char *text = xasprintf("CNI network configuration file '%s' is left out: %s", path, err.text);
        complain(arg, text);
        return;
    }
    if (map_get(networks, str_of(config.name))) {
        auto_free char *text = xasprintf("CNI network configuration file '%s' is left out: network '%s' exists already",
                                         path, config.name);
        complain(arg, text);
    } else {
        size_t len = strlen(config.name) + 1;
        struct network *network = xmalloc(sizeof *network + len);
        network->path = xstrdup(path);
        memcpy(network->name, config.name, len);
        map_add(networks, str_of(network->name), network);
    }
    cni_config_fini(&config);
}

int
cni_networks_load(const char *directory, const char *plugins_dir, struct map *ret,
                  void (*complain)(void *arg, const char *text), void *arg, struct err *err)
{
    struct dirent **entries;
    int count = scandir(directory, &entries, is_candidate, alphasort);
    if (count < 0)
        return err_errno(err, "cannot list the CNI network configuration directory '%s'", directory);
    cni_networks_fini(ret);
    for (int i = 0; i < count; i++) {
        auto_free char *path = xasprintf("%s/%s", directory, entries[i]->d_name);
        if (i < CNI_FILES_MAX)
            load_one(path, plugins_dir, ret, complain, arg);
        free(entries[i]);
    }
    free(entries);
    if (count > CNI_FILES_MAX)
        complain(arg, "the CNI network configuration directory has too many files: the last ones are left out");
    return 0;
}
