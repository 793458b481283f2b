/* SPDX-License-Identifier: Apache-2.0 */
/* What secure.c and stream_secure.c share. Nobody outside core/loop includes it. */
#ifndef LOOP_SECURE_INTERNAL_H
#define LOOP_SECURE_INTERNAL_H

#include "loop/secure.h"

struct secure {
    unsigned refs;
    const struct secure_engine *engine;
    struct secure_settings settings; /* its texts are ours */
    const char *files[5]; /* of the settings, those that are set */
    void *client, *server; /* contexts; server NULL without a certificate */
};

#endif
