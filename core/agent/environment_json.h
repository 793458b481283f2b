/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON object of --executor_environment_variables. Apart from the rest because jansson's names are those
 * of wire/json.h. */
#ifndef AGENT_ENVIRONMENT_JSON_H
#define AGENT_ENVIRONMENT_JSON_H

/* Calls fn for each member that is a string; text that is no object has none. */
void environment_json(const char *json, void (*fn)(void *arg, const char *name, const char *value),
                      void *arg);

#endif
