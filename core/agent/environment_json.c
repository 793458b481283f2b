/* SPDX-License-Identifier: Apache-2.0 */
/* See environment_json.h. */
/* Reads --executor_environment_variables; called when an executor is launched. */
#include "agent/environment_json.h"

#include <jansson.h>

void
environment_json(const char *json, void (*fn)(void *arg, const char *name, const char *value), void *arg)
{
    const char *name;
    json_t *value;
    json_t *object = json_loads(json, 0, NULL);
    json_object_foreach(object, name, value) if (json_is_string(value))
        fn(arg, name, json_string_value(value));
    json_decref(object);
}
