/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root file systems of containers from images: pulled, kept and put together by the program mesos-image, one run per step;
 * nothing from outside is looked at here. Called by launch.c, end.c and recover.c; must never block the loop.
 *
 * Below <work_dir>/provisioner/containers/<id>[/containers/<nested id>...]: backends/<backend>/rootfses/<uuid>, for overlay
 * backends/overlay/scratch/<uuid> too, and the file layers, which says what of the store is in use.
 */
#ifndef NATIVE_PROVISION_H
#define NATIVE_PROVISION_H

#include "mesos/containerizer.h"

struct container;
struct native;
struct err;

/* Checks the options and makes native->provisioner, which stays NULL without --image_providers. */
int provisioner_start(struct native *native, struct err *err);
void provisioner_stop(struct native *native);
/* Once, when every container of before is known and before any launch: chooses the back end, learns what is in use, clears
 * away what crashes left and root file systems of containers that nobody knows. done comes from the loop, or at once. */
void provisioner_recover(struct native *native, void (*done)(void *arg, int status, const char *error), void *arg);
/* mesos_containerizer_ops.prune_images */
void native_prune_images(void *instance, struct mesos_bytes excluded, struct mesos_call *call);

/* Between the container's output and the isolators' prepare, while there is a config: provisions container_info.mesos.image and
 * the images of its volumes. Sets container->rootfs and ->image_volumes and, in its config, rootfs, docker, appc and
 * ephemeral_volumes. done comes from the loop, or at once when there is no image; error NULL = all is there. */
void provision(struct container *container, void (*done)(struct container *container, int status, const char *error));
/* The container is wanted no more: done of provision comes soon. Nothing to cancel is fine. */
void provision_cancel(struct container *container);
/* After the isolators have cleaned up: unmounts and removes all that was provisioned for it, also by an earlier agent. done
 * comes from the loop, or at once; what fails is logged and counted, and tried again by the next agent. */
void provision_destroy(struct container *container, void (*done)(struct container *container));
/* It is being freed: nothing of it is called back any more. */
void provision_forget(struct container *container);

#endif
