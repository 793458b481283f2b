/* SPDX-License-Identifier: Apache-2.0 */
/* Which realms of a daemon are protected, and by which authenticator modules: made from the options by both programs' mains. */
#ifndef MAIN_REALMS_H
#define MAIN_REALMS_H

#include "daemon/daemon.h"
#include "main/process.h"

enum { REALMS_MAX = 4, REALM_AUTHENTICATORS_MAX = 16 };

/* Zeroed is empty. Nothing to free: the modules belong to the host. */
struct realms {
    const char *credentials; /* the file for the module basic; NULL = none */
    const char *credentials_option; /* that names it */
    const char *key_file; /* for the module jwt */
    struct daemon_realm list[REALMS_MAX];
    size_t count;
    struct module *modules[REALMS_MAX][REALM_AUTHENTICATORS_MAX];
    struct module *started[REALM_AUTHENTICATORS_MAX]; /* each module once, however many realms it serves */
    size_t started_count;
};

/* Starts the modules of a comma list, and protects a realm by them. realm: lives as long as the daemon. */
int realms_protect(struct realms *realms, struct process *process, const char *realm, const char *names, struct err *err);
/* For process_tell_protection: " <as>=basic,jwt", or open. protection.c. */
void process_put_realm(const struct realms *realms, const char *realm, const char *as, struct buf *out);
/* The one module of that name. NULL with err. */
struct module *realms_module(struct realms *realms, struct process *process, const char *name, struct err *err);

#endif
