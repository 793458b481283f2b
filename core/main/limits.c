/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits of the process: what the operator asked for, and descriptors enough for the table of
 * limits. */
#include "main/process.h"

#include <errno.h>
#include <sys/resource.h>

#include "base/log.h"

static int
apply(const struct daemon_limit *wanted, struct err *err)
{
    struct rlimit limit;

    if (getrlimit((__rlimit_resource_t)wanted->resource, &limit) != 0)
        return err_errno(err, "cannot read limit %d", wanted->resource);
    if (wanted->soft)
        limit.rlim_cur = wanted->value;
    if (wanted->hard)
        limit.rlim_max = wanted->value;
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    if (setrlimit((__rlimit_resource_t)wanted->resource, &limit) != 0)
        return err_errno(err, "cannot set limit %d to %llu", wanted->resource,
                         (unsigned long long)wanted->value);
    return 0;
}

/* Raises the soft limit, and the hard one where that is allowed. Fewer than wanted is a line in the log. */
static void
raise_descriptors(uint64_t descriptors)
{
    struct rlimit limit, higher;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= descriptors)
        return;
    higher.rlim_cur = descriptors;
    higher.rlim_max = limit.rlim_max > descriptors ? limit.rlim_max : descriptors;
    if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
        return;
    higher.rlim_cur = higher.rlim_max = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
        log_warning(
            "descriptors are limited to %llu, %llu are wanted: ULIMIT in /etc/default or LimitNOFILE= tell",
            (unsigned long long)limit.rlim_max, (unsigned long long)descriptors);
}

int
process_limits(const char *ulimit, uint64_t descriptors, struct err *err)
{
    struct daemon_limit limits[DAEMON_MAX_LIMITS];
    bool asked_descriptors = false;
    size_t count = 0;
    int status = ulimit ? daemon_parse_ulimit(ulimit, limits, &count, err) : 0;

    for (size_t i = 0; status == 0 && i < count; i++) {
        asked_descriptors |= limits[i].resource == RLIMIT_NOFILE;
        status = apply(&limits[i], err);
    }
    if (status < 0)
        return err_wrap(err, "ulimit '%s'", ulimit);
    if (!asked_descriptors)
        raise_descriptors(descriptors);
    return 0;
}
