/* SPDX-License-Identifier: Apache-2.0 */
/* What a registry module stores and gives back: for the programs that put registries to the test. */
#ifndef TESTS_CONTRACT_STORED_H
#define TESTS_CONTRACT_STORED_H

#include "contract.h"
#include "mesos/registry.h"

/* What is read: the argument of on_entry() and on_fetched(). */
struct fetched {
    struct answer answer;
    struct buf text; /* "table key=value\n" of each, in order of coming */
    size_t count;
};
void on_entry(void *arg, const struct mesos_registry_entry *entry);
void on_fetched(void *arg, int status, const char *error, struct mesos_bytes bytes);

/* All entries as text, owned by the caller; NULL when fetching fails (error in *ret_error). */
char *fetch(struct contract *contract, struct module *module, char ret_error[512]);
/* Of C strings, which are borrowed; value NULL = it is to be removed. */
struct mesos_registry_entry entry_of(uint32_t table, const char *key, const char *value);
/* One of them is stored: the status of the answer. */
int store(struct contract *contract, struct module *module, uint32_t table, const char *key, const char *value);
/* Started, and read: nothing may be stored before. */
struct module *started(struct contract *contract, const char *name);

#endif
