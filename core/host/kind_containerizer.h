/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind containerizer, as the agent makes them. Contracts: mesos/containerizer.h. A member that the module lacks
 * answers -ENOTSUP. */
#ifndef HOST_KIND_CONTAINERIZER_H
#define HOST_KIND_CONTAINERIZER_H

#include "host/host.h"
#include "mesos/containerizer.h"

/* Time-outs that the core owns. A launch may fetch for long: the agent has its own executor_registration_timeout. */
#define CONTAINERIZER_RECOVER_TIMEOUT_MS (5 * 60 * 1000)
#define CONTAINERIZER_LAUNCH_TIMEOUT_MS (60 * 60 * 1000)
#define CONTAINERIZER_DESTROY_TIMEOUT_MS (5 * 60 * 1000)
#define CONTAINERIZER_PRUNE_TIMEOUT_MS (60 * 60 * 1000) /* it waits for pulls */
#define CONTAINERIZER_TIMEOUT_MS (60 * 1000)

/* What launch answers in its one byte. */
enum { CONTAINERIZER_NOT_MINE = 0, CONTAINERIZER_LAUNCHED = 1, CONTAINERIZER_EXISTS = 2 };

/*
 * Lends isolators (sorted by phase here) and the logger to a containerizer; call once, first. Start these modules before
 * the containerizer: the host stops the last started first. The services live as long
 * as the host. logger may be NULL (a containerizer that needs one refuses at launch).
 */
void containerizer_initialize(struct module *module, struct module *const *isolators, size_t isolator_count,
                              struct module *logger);
/* Who fetches for containerizers: members as in struct mesos_containerizer_services, `arg` first. */
struct containerizer_fetcher {
    void *arg;
    struct mesos_fetching *(*fetch)(void *arg, const struct mesos_fetch *fetch,
                                    void (*done)(void *done_arg, const char *error), void *done_arg);
    void (*cancel)(void *arg, struct mesos_fetching *fetching);
};
/* Lends it to all containerizers of the host that were initialized; copied. NULL takes it away. */
void containerizer_lend_fetcher(struct host *host, const struct containerizer_fetcher *fetcher);
void containerizer_recover(struct module *module, const struct mesos_isolator_state *states, size_t count,
                           host_done_fn *done, void *arg);
void containerizer_launch(struct module *module, const struct mesos_containerizer_launch *launch, host_done_fn *done,
                          void *arg);
/* Never times out. Answer: packed mesos.slave.ContainerTermination; -ENOENT when it is not known. */
void containerizer_wait(struct module *module, const char *container_id, host_done_fn *done, void *arg);
void containerizer_destroy(struct module *module, const char *container_id, host_done_fn *done, void *arg);
/* limits: packed map entries as in mesos.slave.ContainerConfig.limits, may be empty. */
void containerizer_update(struct module *module, const char *container_id, struct mesos_resources requests,
                          struct mesos_bytes limits, host_done_fn *done, void *arg);
void containerizer_usage(struct module *module, const char *container_id, host_done_fn *done, void *arg);
void containerizer_status(struct module *module, const char *container_id, host_done_fn *done, void *arg);
int containerizer_kill(struct module *module, const char *container_id, int signo);
void containerizer_remove(struct module *module, const char *container_id, host_done_fn *done, void *arg);
/* excluded: packed mesos.v1.agent.Call.PruneImages. One that has no images is done. */
void containerizer_prune_images(struct module *module, struct mesos_bytes excluded, host_done_fn *done, void *arg);
/* -ENOENT also when the module cannot tell. */
int containerizer_describe(struct module *module, const char *container_id, struct mesos_container_view *ret);
void containerizer_each(struct module *module, void (*found)(void *arg, const struct mesos_container_view *view),
                        void *arg);
/* A descriptor, the caller's, or a negative errno with the text for the client. */
int containerizer_attach(struct module *module, const char *container_id, struct err *err);

#endif
