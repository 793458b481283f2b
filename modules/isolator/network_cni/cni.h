/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of isolator "network/cni" share. Of each container that has networks of its own the CNI root directory
 * (<runtime_dir>/isolators/network/cni, or below work_dir) knows enough for another agent to detach it:
 *
 *   <container id>/ns                                    its network namespace, a bind mount
 *   <container id>/<network>/network.conf                the configuration with which it was attached
 *   <container id>/<network>/<interface>/network.info    what the plugin answered
 *   <container id>/{hosts,hostname,resolv.conf}          what it sees in its /etc
 *
 * network.conf is there before a plugin is asked to ADD and goes only after it has done DEL.
 */
#ifndef NETWORK_CNI_CNI_H
#define NETWORK_CNI_CNI_H

#include "config.h"
#include "mesos/internal/flags.pb-c.h"
#include "mesos/isolator.h"
#include "mesos/slave/containerizer.pb-c.h"
#include "result.h"
#include "run.h"

#define NETWORKS_MAX 32 /* of one container */

struct cni {
    const struct mesos_host *host;
    int64_t plugin_timeout_ns; /* option: all plugins of one container, attaching or detaching */
    const char *plugins_dir, *config_dir;
    char *root_dir; /* NULL: no networks are configured */
    char *helper; /* mesos-containerizer */
    bool metrics;
    struct map known; /* networks that were found, see config.h */
    struct map containers; /* id -> struct container */
    struct runs runs;
    struct arena *arena; /* of dns */
    const Mesos__Internal__ContainerDNSInfo *dns; /* --default_container_dns or NULL */
};

/* One network of a container. */
struct network {
    char *name, *interface;
    struct cni_config config;
    struct buf info; /* packed mesos.v1.NetworkInfo as the framework gave it */
    struct buf answer; /* of the last plugin that was asked */
    struct cni_result result;
    bool attached; /* result is there */
};

struct container {
    struct cni *cni;
    char *id, *rootfs, *hostname; /* rootfs, hostname: or NULL */
    char *owner; /* nested: id of the one whose network it joins, or NULL */
    pid_t pid;
    struct network *networks; /* own ones, in order of their interfaces */
    size_t network_count;
    /* What is under way. */
    struct mesos_call *call;
    bool detaching;
    size_t network, plugin; /* whose turn it is; detaching: one behind it */
    int64_t deadline_ms;
    struct run *run;
    struct buf failures;
};

/* network_cni.c */
struct container *container_new(struct cni *cni, const char *id);
void container_free(struct container *container);
void container_network_add(struct container *container, const char *name, const char *interface);
void container_fail(struct container *container, int code, const char *text); /* answers the call */
struct container *container_find(const struct cni *cni, struct str id);
const struct container *container_owner_above(const struct cni *cni, const char *id);
void cni_reply(const struct cni *cni, struct mesos_call *call, int status);
void cni_complain(void *arg, const char *text);

/* configure.c */
int cni_configure(struct cni *cni, struct err *err);
void cni_release(struct cni *cni); /* what configure took, also when it failed half way */

/* prepare.c, figures.c: the operations of these names. */
void cni_prepare(void *instance, const struct mesos_isolator_container *view, struct mesos_call *call);
void cni_status(void *instance, const char *container_id, struct mesos_call *call);
void cni_usage(void *instance, const char *container_id, struct mesos_call *call);

/* attach.c: both answer container->call. */
void attach(struct container *container);
void detach(struct container *container); /* frees the container */

/* files.c: gives the container its /etc files, host name and loopback; answers container->call. */
void files_give(struct container *container);

/* state.c: blocking, but small. */
char *state_path(const struct container *container, const char *file);
int state_begin(const struct container *container, struct err *err); /* its directory and namespace handle */
int state_network_begin(const struct container *container, const struct network *network, struct err *err);
int state_network_attached(const struct container *container, const struct network *network, struct err *err);
void state_network_end(const struct container *container, const struct network *network);
/* Whether a plugin was asked to attach it. */
bool state_network_known(const struct container *container, const struct network *network);
/* The handle, owned by the caller, or NULL when it is none (any more). */
char *state_namespace(const struct container *container);
int state_end(const struct container *container, struct err *err);
/* Finds its networks on disk. What cannot be read is logged and left out. */
void state_read(struct container *container);
/* Calls found for every container that has a directory. */
int state_each(struct cni *cni, void (*found)(void *arg, const char *id), void *arg, struct err *err);

#endif
