/* SPDX-License-Identifier: Apache-2.0 */
/* See stored.h. */
#include "stored.h"

#include <stdio.h>
#include "host/kind_registry.h"

void
on_entry(void *arg, const struct mesos_registry_entry *entry)
{
    struct fetched *fetched = arg;
    assert_false(fetched->answer.done);
    fetched->count++;
    buf_printf(&fetched->text, "%u %.*s=%.*s\n", entry->table, (int)entry->key.len, (const char *)entry->key.data,
               (int)entry->value.len, (const char *)entry->value.data);
}

void
on_fetched(void *arg, int status, const char *error, struct mesos_bytes bytes)
{
    on_answer(&((struct fetched *)arg)->answer, status, error, bytes);
}

char *
fetch(struct contract *contract, struct module *module, char ret_error[512])
{
    struct fetched fetched = {0};
    registry_fetch(module, 0, on_entry, on_fetched, &fetched);
    int status = contract_await(contract, &fetched.answer);
    snprintf(ret_error, 512, "%s", fetched.answer.error);
    char *text = buf_take(&fetched.text);
    if (status == 0)
        return text;
    free(text);
    return NULL;
}

struct mesos_registry_entry
entry_of(uint32_t table, const char *key, const char *value)
{
    struct mesos_registry_entry entry = {.size = sizeof entry, .table = table, .key = bytes_of(key)};
    if (value)
        entry.value = bytes_of(value);
    return entry;
}

int
store(struct contract *contract, struct module *module, uint32_t table, const char *key, const char *value)
{
    struct answer answer = {0};
    struct mesos_registry_entry entry = entry_of(table, key, value);
    registry_store(module, 0, &entry, 1, on_answer, &answer);
    assert_false(answer.done);
    return contract_await(contract, &answer);
}

struct module *
started(struct contract *contract, const char *name)
{
    char error[512];
    struct module *module = contract_start(contract, MESOS_KIND_REGISTRY, name);
    auto_free char *all = fetch(contract, module, error);
    assert_non_null(all);
    return module;
}
