/* SPDX-License-Identifier: Apache-2.0 */
/* See secret.h. */
#include "common/secret.h"

#include <errno.h>
#include <string.h>

struct secret_item {
    struct secrets *secrets;
    char *bytes;
    size_t len;
    int status;
    char *error;
};

int
secret_check(const Mesos__V1__Secret *secret, struct err *err)
{
    switch (secret->has_type ? secret->type : MESOS__V1__SECRET__TYPE__UNKNOWN) {
    case MESOS__V1__SECRET__TYPE__REFERENCE:
        if (!secret->reference)
            return err_set(err, -EINVAL, "Secret of type REFERENCE must have the 'reference' field set");
        return 0;
    case MESOS__V1__SECRET__TYPE__VALUE:
        if (!secret->value)
            return err_set(err, -EINVAL, "Secret of type VALUE must have the 'value' field set");
        if (secret->reference)
            return err_set(err, -EINVAL, "Secret of type VALUE must not have the 'reference' field set");
        return 0;
    default:
        return err_set(err, -EINVAL, "Secret of type UNKNOWN is not permitted");
    }
}

int
secret_resolve(const Mesos__V1__Secret *secret, struct str *ret, struct err *err)
{
    int rc = secret_check(secret, err);
    if (rc < 0)
        return rc;
    if (secret->type == MESOS__V1__SECRET__TYPE__REFERENCE)
        return err_set(err, -ENOTSUP,
                       "Default secret resolver cannot resolve references, and '%s' is one: send the secret's VALUE",
                       secret->reference->name);
    *ret = str_n(secret->value->data.data, secret->value->data.len);
    return 0;
}

static void
on_secret(void *arg, int status, const char *error, struct mesos_bytes value)
{
    struct secret_item *item = arg;
    struct secrets *secrets = item->secrets;
    item->status = status;
    if (status < 0) {
        item->error = xstrdup(error ? error : strerror(-status));
    } else {
        item->bytes = xmemdup(value.len ? value.data : "", value.len ? value.len : 1);
        item->len = value.len;
    }
    if (--secrets->open == 0)
        secrets->done(secrets->arg);
}

static void
ask_resolver(struct secret_item *item, const struct mesos_host *host, const Mesos__V1__Secret *secret)
{
    size_t len = mesos__v1__secret__get_packed_size(secret);
    auto_free uint8_t *packed = xmalloc(len + 1);
    mesos__v1__secret__pack(secret, packed);
    host->resolve_secret(host, (struct mesos_bytes){packed, len}, on_secret, item);
    explicit_bzero(packed, len);
}

static void
ask_one(struct secret_item *item, const struct mesos_host *host, const Mesos__V1__Secret *secret)
{
    bool resolver = host->size >= offsetof(struct mesos_host, resolve_secret) + sizeof(host->resolve_secret) && host->resolve_secret;
    struct err err = {0};
    struct str value = STR_LIT("");
    int rc = resolver ? secret_check(secret, &err) : secret_resolve(secret, &value, &err);
    if (rc == 0 && resolver)
        ask_resolver(item, host, secret);
    else
        on_secret(item, rc, err.text, (struct mesos_bytes){value.ptr, value.len});
}

void
secrets_ask(struct secrets *secrets, const struct mesos_host *host, const Mesos__V1__Secret *const *list, size_t count,
            void (*done)(void *arg), void *arg)
{
    *secrets = (struct secrets){.count = count, .open = count + 1, .done = done, .arg = arg}; /* one for this function */
    secrets->items = xcalloc(count + 1, sizeof(*secrets->items));
    for (size_t i = 0; i < count; i++) {
        secrets->items[i].secrets = secrets;
        ask_one(&secrets->items[i], host, list[i]);
    }
    if (--secrets->open == 0)
        done(arg);
}

int
secrets_get(const struct secrets *secrets, size_t i, struct str *ret, struct err *err)
{
    const struct secret_item *item = &secrets->items[i];
    if (item->status < 0)
        return err_set(err, item->status, "%s", item->error);
    *ret = str_n(item->bytes, item->len);
    return 0;
}

void
secrets_fini(struct secrets *secrets)
{
    for (size_t i = 0; secrets->items && i < secrets->count; i++) {
        if (secrets->items[i].bytes)
            explicit_bzero(secrets->items[i].bytes, secrets->items[i].len);
        free(secrets->items[i].bytes);
        free(secrets->items[i].error);
    }
    free(secrets->items);
    *secrets = (struct secrets){0};
}
