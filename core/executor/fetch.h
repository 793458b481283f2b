/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching one URI into a sandbox: names, checks, the transfer. Blocking; for mesos-fetcher. */
#ifndef EXECUTOR_FETCH_H
#define EXECUTOR_FETCH_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

struct fetch_request {
    const char *uri; /* http, https, ftp, ftps, file:// or a path */
    const char *output_file; /* NULL = the URI's last part */
    bool executable, extract;
    const char *sandbox; /* where it goes */
    const char *frameworks_home; /* what relative paths are relative to; NULL = they are refused */
    int64_t stall_timeout_ms; /* give up when nothing comes for so long; 0 = 1 minute */
};

/* No backslash, quote or control byte, not empty. */
int fetch_check_uri(const char *uri, struct err *err);
/* The file's place below the sandbox, to be freed; NULL when the URI has no name or the name leaves the sandbox. */
char *fetch_output_name(const char *uri, const char *output_file, struct err *err);
/* By its name: an archive that Mesos would unpack. */
bool fetch_is_archive(const char *name);
/* All of it. *ret_path: what was written, to be freed. */
int fetch_one(const struct fetch_request *request, char **ret_path, struct err *err);

#endif
