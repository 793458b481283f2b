/* SPDX-License-Identifier: Apache-2.0 */
/* See secret.h. */
#include "common/secret.h"

#include <errno.h>

int
secret_resolve(const Mesos__V1__Secret *secret, struct str *ret, struct err *err)
{
    switch (secret->has_type ? secret->type : MESOS__V1__SECRET__TYPE__UNKNOWN) {
    case MESOS__V1__SECRET__TYPE__REFERENCE:
        if (!secret->reference)
            return err_set(err, -EINVAL, "Secret of type REFERENCE must have the 'reference' field set");
        return err_set(err, -ENOTSUP,
                       "Default secret resolver cannot resolve references, and '%s' is one: send the secret's VALUE",
                       secret->reference->name);
    case MESOS__V1__SECRET__TYPE__VALUE:
        if (!secret->value)
            return err_set(err, -EINVAL, "Secret of type VALUE must have the 'value' field set");
        if (secret->reference)
            return err_set(err, -EINVAL, "Secret of type VALUE must not have the 'reference' field set");
        *ret = str_n(secret->value->data.data, secret->value->data.len);
        return 0;
    default:
        return err_set(err, -EINVAL, "Secret of type UNKNOWN is not permitted");
    }
}
