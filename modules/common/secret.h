/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets of containers, as Mesos's default resolver has them: a VALUE is what it says, a REFERENCE needs a resolver module.
 * Nobody here writes a secret anywhere.
 */
#ifndef MODULES_COMMON_SECRET_H
#define MODULES_COMMON_SECRET_H

#include "base/str.h"
#include "mesos/v1/mesos.pb-c.h"

/* The secret's bytes, borrowed from it. err's text is Mesos's. */
int secret_resolve(const Mesos__V1__Secret *secret, struct str *ret, struct err *err);

#endif
