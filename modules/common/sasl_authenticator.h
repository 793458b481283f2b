/* SPDX-License-Identifier: Apache-2.0 */
/* An authenticator module on Cyrus SASL, whole but for the mechanism's name: each such module is one descriptor around it. */
#ifndef MODULES_COMMON_SASL_AUTHENTICATOR_H
#define MODULES_COMMON_SASL_AUTHENTICATOR_H

#include "common/credentials.h"
#include "common/scram_keys.h"
#include "mesos/authenticator.h"

struct sasl_authenticator {
    const struct mesos_host *host;
    const char *path; /* option "credentials"; NULL = the daemon's --credentials */
    struct credentials *credentials; /* never NULL after start */
    struct scram_keys keys; /* made of them */
    const char *mechanisms[2];
    const char *watched[2];
};

extern const struct mesos_authenticator_ops sasl_authenticator_ops;
extern const struct mesos_option sasl_authenticator_options[];
int sasl_authenticator_start(struct sasl_authenticator *authenticator, const struct mesos_host *host, const char *mechanism);
void sasl_authenticator_stop(void *instance, struct mesos_call *call);
int sasl_authenticator_reload(void *instance);
const char *const *sasl_authenticator_watched(void *instance);

/* The whole of such a module: its start, its descriptor, its export. */
#define SASL_AUTHENTICATOR_MODULE(name_, mechanism_, summary_)                                                     \
    static int start(void *instance, const struct mesos_host *host)                                                \
    {                                                                                                              \
        return sasl_authenticator_start(instance, host, mechanism_);                                               \
    }                                                                                                              \
    static const struct mesos_module module = {                                                                    \
        MESOS_MODULE(AUTHENTICATOR, sasl_authenticator_ops, struct sasl_authenticator),                            \
        .name = name_,                                                                                             \
        .version = CMESOS_VERSION,                                                                                 \
        .author = "cmesos",                                                                                        \
        .summary = summary_,                                                                                       \
        .options = sasl_authenticator_options,                                                                     \
        .start = start,                                                                                            \
        .stop = sasl_authenticator_stop,                                                                           \
        .reload = sasl_authenticator_reload,                                                                       \
        .watched = sasl_authenticator_watched,                                                                     \
    };                                                                                                             \
    MESOS_MODULES(&module)

#endif
