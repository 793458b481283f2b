/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations of CNI networks: reading them from files that the operator wrote, and adding what Mesos tells plugins
 * of the container. Knows no container and runs nothing. The texts are distrusted: they are capped and checked before
 * any of it becomes a path or another program's input.
 *
 * A network is one plugin ("type" at the top: .conf) or several in a row ("plugins": .conflist, of newer CNI than Mesos
 * knows). A configuration for Mesos's own mesos-cni-port-mapper becomes its delegate followed by portmap where that
 * program is not among the plugins.
 */
#ifndef NETWORK_CNI_CONFIG_H
#define NETWORK_CNI_CONFIG_H

#include <jansson.h>
#include "base/buf.h"
#include "base/map.h"
#include "mesos/v1/mesos.pb-c.h"

#define CNI_CONFIG_BYTES_MAX (1u << 20)
#define CNI_NAME_MAX 200
#define CNI_PLUGINS_MAX 32 /* of one network */
#define CNI_FILES_MAX 1000 /* that are looked at in the directory */

struct cni_config {
    char *name;
    json_t *plugins; /* array of objects; each has "name" and "type" */
    bool list; /* written as several plugins */
};

/* What of it names a file stays inside a directory: names of networks, plugins and interfaces. */
bool cni_name_ok(struct str name);
/* The first executable of that name in a list of directories divided by ':', owned by the caller; NULL: none. */
char *cni_which(const char *plugins_dir, const char *type);

/* `plugins_dir` NULL: plugins are not looked for, and nothing is translated (a checkpoint). */
int cni_config_parse(struct str text, const char *plugins_dir, struct cni_config *ret, struct err *err);
int cni_config_read(const char *path, const char *plugins_dir, struct cni_config *ret, struct err *err);
void cni_config_fini(struct cni_config *config);
/*
 * Adds args."org.apache.mesos".network_info, and for plugins with such capabilities runtimeConfig.portMappings and .ips.
 * Addresses that are asked for also become args.cni.ips, which host-local and static know.
 */
int cni_config_inject(struct cni_config *config, const Mesos__V1__NetworkInfo *info, struct err *err);
/* The text that is checkpointed: cni_config_parse reads it again. */
void cni_config_print(const struct cni_config *config, struct buf *out);
/* What plugin `index` gets on its standard input. previous: the result before it, as text, or empty. */
void cni_config_input(const struct cni_config *config, size_t index, struct str previous, bool deleting, struct buf *out);
const char *cni_config_type(const struct cni_config *config, size_t index);
/* The NetworkInfo that was injected, packed; false: there is none that can be read. */
bool cni_config_info(const struct cni_config *config, struct buf *out);

/* Every network of a directory: complain(arg, text) for each file that is none. What is in `ret` is replaced. */
int cni_networks_load(const char *directory, const char *plugins_dir, struct map *ret,
                      void (*complain)(void *arg, const char *text), void *arg, struct err *err);
void cni_networks_fini(struct map *networks);
/* The file that has the network, or NULL. */
const char *cni_networks_path(const struct map *networks, const char *name);

#endif
