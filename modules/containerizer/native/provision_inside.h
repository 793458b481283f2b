/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that provision containers share. Nobody else includes this. */
#ifndef NATIVE_PROVISION_INSIDE_H
#define NATIVE_PROVISION_INSIDE_H

#include "mesos/internal/flags.pb-c.h"
#include "mesos/internal/image.pb-c.h"
#include "native.h"

/* One run of mesos-image. */
struct image_run;
typedef void image_run_done(void *arg, const char *error, const Mesos__Internal__ImageResult *result);
/* done comes once, from the loop: error NULL and the result, both borrowed. NULL: it could not be started. */
struct image_run *image_run_start(struct provisioner *provisioner, const Mesos__Internal__ImageRequest *request,
                                  image_run_done *done, void *arg, struct err *err);
void image_run_cancel(struct image_run *run); /* killed; done comes soon */
void image_run_forget(struct image_run *run); /* killed; done comes no more. NULL is fine */
void image_runs_fini(struct provisioner *provisioner);

/* What a container uses of the stores. */
struct used {
    char *id;
    char **paths;
    size_t count;
};

struct provisioner {
    struct native *native;
    bool docker, appc;
    char *directory; /* <work_dir>/provisioner */
    char *program;
    const char *backend_wish; /* NULL: what works */
    char *backend; /* NULL before recovery */
    const char *docker_registry, *docker_store, *docker_config, *appc_prefix, *appc_store;
    uint64_t stall_secs;
    struct arena *arena; /* of gc */
    const Mesos__Internal__ImageGcConfig *gc; /* NULL: by hand alone */
    struct mesos_timer *gc_timer;
    struct map pulls; /* key -> struct pull */
    struct map used; /* container id -> struct used */
    struct list runs;
    struct list waiting; /* struct provision: a removal is under way or wanted */
    struct list prunings; /* struct pruning: wanted */
    struct pruning *pruning; /* under way */
    unsigned busy; /* containers that are being provisioned: nothing may be removed meanwhile */
    struct recovering *recovering;
};

/* provisioner.c */
void used_add(struct provisioner *provisioner, const char *id, char *const *paths, size_t count);
void used_remove(struct provisioner *provisioner, const char *id);
char *provision_directory(const struct provisioner *provisioner, const char *container_id);
/* A container has been provisioned: those who wait for nobody to be busy have their turn. */
void provisioner_idle(struct provisioner *provisioner);
/* provision.c: it may begin now. */
void provision_begin(struct provision *provision);
struct provision *provision_waiting(struct list *waiting); /* the first, taken out; NULL: none */
void pulls_fini(struct provisioner *provisioner);

#endif
