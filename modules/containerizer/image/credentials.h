/* SPDX-License-Identifier: Apache-2.0 */
/* Logins for registries, from what `docker login` writes ("auths" of a Docker configuration). */
#ifndef IMAGE_CREDENTIALS_H
#define IMAGE_CREDENTIALS_H

#include "base/err.h"
#include "base/str.h"

/* The login for a registry's host[:port]: *ret_login is "user:password", the caller's, or NULL when there is none. -EINVAL when
 * the configuration is none; errors never show secrets. config: NULL is fine. */
int credentials_find(const char *config, const char *registry, char **ret_login, struct err *err);

#endif
