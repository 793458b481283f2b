/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching one URI into a sandbox: names, checks, the transfer. Blocking; for mesos-fetcher. */
#ifndef EXECUTOR_FETCH_H
#define EXECUTOR_FETCH_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

struct fetch_request {
    const char *uri; /* http, https, ftp, ftps, file://, a path, or what the hadoop client knows */
    const char *output_file; /* NULL = the URI's last part */
    bool executable, extract;
    const char *sandbox; /* where it goes */
    const char *frameworks_home; /* what relative paths are relative to; NULL = they are refused */
    int64_t stall_timeout_ms; /* give up when nothing comes for so long; 0 = 1 minute */
    const char *cached; /* the file in the cache that has the content already, or NULL = fetch it */
};

/* No backslash, quote or control byte, not empty. */
int fetch_check_uri(const char *uri, struct err *err);
/* The URI with what stands for a password replaced: for logs. To be freed. */
char *fetch_uri_for_log(const char *uri);
/* The file's place below the sandbox, to be freed; NULL when the URI has no name or the name leaves the sandbox. */
char *fetch_output_name(const char *uri, const char *output_file, struct err *err);
/*
 * All of it: the content comes to the sandbox and, where asked for, is made executable or unpacked. From the cache an
 * archive is unpacked without being copied first. Nothing is written through a symbolic link. *ret_path: what was
 * written (the sandbox for an archive from the cache), to be freed.
 */
int fetch_one(const struct fetch_request *request, char **ret_path, struct err *err);
/* The content alone, to that path, which appears only when it is complete. For the cache. */
int fetch_to_cache(const struct fetch_request *request, const char *path, struct err *err);
/* How many bytes it will be, asked of where it is. -ENODATA when nobody says. */
int fetch_size(const struct fetch_request *request, uint64_t *ret_bytes, struct err *err);

#endif
