/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON form of --resources: an array of Resource. Configuration, not wire: read with jansson. */
#ifndef MODEL_RESOURCES_JSON_H
#define MODEL_RESOURCES_JSON_H

#include "base/arena.h"
#include "mesos/v1/mesos.pb-c.h"

/* Into arena; NULL with err. default_role: of those that name neither role nor reservations. */
Mesos__V1__Resource **resources_parse_json(struct str text, const char *default_role, struct arena *arena,
                                           size_t *ret_count, struct err *err);

#endif
