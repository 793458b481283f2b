/* SPDX-License-Identifier: Apache-2.0 */
/* An authenticatee module on Cyrus SASL, whole but for the mechanism's name: each such module is one descriptor around it. */
#ifndef MODULES_COMMON_SASL_AUTHENTICATEE_H
#define MODULES_COMMON_SASL_AUTHENTICATEE_H

#include "common/credentials.h"
#include "mesos/authenticatee.h"

struct sasl_client;
struct spare;

struct sasl_authenticatee {
    const struct mesos_host *host;
    const char *path; /* option "credential"; NULL = the daemon's --credential */
    struct credentials *credential; /* of one; never NULL after start */
    const char *mechanism;
    const char *watched[2];
    struct sasl_client *ready; /* for the next conversation; NULL while it is being made */
    struct spare *making;
    struct mesos_call *stopping;
};

extern const struct mesos_authenticatee_ops sasl_authenticatee_ops;
extern const struct mesos_option sasl_authenticatee_options[];
int sasl_authenticatee_start(struct sasl_authenticatee *authenticatee, const struct mesos_host *host, const char *mechanism);
void sasl_authenticatee_stop(void *instance, struct mesos_call *call);
int sasl_authenticatee_reload(void *instance);
const char *const *sasl_authenticatee_watched(void *instance);

/* The whole of such a module: its start, its descriptor, its export. */
#define SASL_AUTHENTICATEE_MODULE(name_, mechanism_, summary_)                                                     \
    static int start(void *instance, const struct mesos_host *host)                                                \
    {                                                                                                              \
        return sasl_authenticatee_start(instance, host, mechanism_);                                               \
    }                                                                                                              \
    static const struct mesos_module module = {                                                                    \
        MESOS_MODULE(AUTHENTICATEE, sasl_authenticatee_ops, struct sasl_authenticatee),                            \
        .name = name_,                                                                                             \
        .version = CMESOS_VERSION,                                                                                 \
        .author = "cmesos",                                                                                        \
        .summary = summary_,                                                                                       \
        .options = sasl_authenticatee_options,                                                                     \
        .start = start,                                                                                            \
        .stop = sasl_authenticatee_stop,                                                                           \
        .reload = sasl_authenticatee_reload,                                                                       \
        .watched = sasl_authenticatee_watched,                                                                     \
    };                                                                                                             \
    MESOS_MODULES(&module)

#endif
