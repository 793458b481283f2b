/* SPDX-License-Identifier: Apache-2.0 */
/* Getting the bytes of a URI: local files, curl, the hadoop client. Blocking; for mesos-fetcher. */
#ifndef EXECUTOR_TRANSFER_H
#define EXECUTOR_TRANSFER_H

#include "executor/fetch.h"

/* All bytes of request->uri to a descriptor. */
int transfer(const struct fetch_request *request, int to, struct err *err);
/* How many there will be. -ENODATA when the place does not say. */
int transfer_size(const struct fetch_request *request, uint64_t *ret_bytes, struct err *err);
/* All bytes of a regular file. */
int transfer_file(const char *path, int to, struct err *err);
/* What stands behind "scheme://", or NULL when there is no scheme. */
const char *transfer_after_scheme(const char *uri);

#endif
