/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of appc manifests and wishes: every name is checked before it becomes part of a path. No files here. */
#include "containerizer/image/appc_name.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "containerizer/image/manifest.h"
#include "wire/message.h"

enum { NAME_MAX_BYTES = 512, VALUE_MAX_BYTES = 200, DEPENDENCIES_MAX = 64 };

/* Lower-case words with one of "-._~/" between them. */
static bool
is_identifier(const char *text)
{
    size_t len = strlen(text);
    bool word = false;
    if (len == 0 || len > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool letter = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9');
        if (!letter && (!word || !strchr("-._~/", text[i])))
            return false;
        word = letter;
    }
    return word;
}

static bool
is_value(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > VALUE_MAX_BYTES || text[0] == '.')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!(text[i] >= 'a' && text[i] <= 'z') && !(text[i] >= 'A' && text[i] <= 'Z') &&
            !(text[i] >= '0' && text[i] <= '9') && !strchr("-._~+", text[i]))
            return false;
    return true;
}

bool
appc_id_is_valid(struct str id)
{
    if (id.len != 7 + 128 || memcmp(id.ptr, "sha512-", 7) != 0)
        return false;
    for (size_t i = 7; i < id.len; i++)
        if (!memchr("0123456789abcdef", id.ptr[i], 16))
            return false;
    return true;
}

int
appc_check(const struct appc_wish *wish, struct err *err)
{
    if (!is_identifier(wish->name))
        return err_set(err, -EINVAL,
                       "'%.300s' is no name of an appc image: lower-case words with '-', '.', '_', '~' or '/' between them would be one",
                       wish->name);
    if (wish->id && !appc_id_is_valid(str_of(wish->id)))
        return err_set(err, -EINVAL, "'%.150s' is no id of an appc image: sha512-<128 hexadecimal digits> would be one", wish->id);
    for (size_t i = 0; i < wish->label_count; i++)
        if (!is_identifier(wish->labels[i].name) || !is_value(wish->labels[i].value))
            return err_set(err, -EINVAL, "the label '%.100s' = '%.100s' of appc image '%s' has bytes that none may have",
                           wish->labels[i].name, wish->labels[i].value, wish->name);
    return 0;
}

const char *
appc_label(const struct appc_wish *wish, const char *name)
{
    for (size_t i = 0; i < wish->label_count; i++)
        if (strcmp(wish->labels[i].name, name) == 0)
            return wish->labels[i].value;
    return NULL;
}

char *
appc_file(const struct appc_wish *wish)
{
    const char *version = appc_label(wish, "version"), *os = appc_label(wish, "os"), *arch = appc_label(wish, "arch");
    return xasprintf("%s-%s-%s-%s.aci", wish->name, version ? version : "latest", os ? os : "linux",
                     arch ? arch : machine_architecture());
}

Appc__Spec__ImageManifest *
appc_manifest_parse(struct str text, struct arena *arena, struct err *err)
{
    struct err why = {0};
    Appc__Spec__ImageManifest *m = message_from_json(&appc__spec__image_manifest__descriptor, text, arena, &why);
    if (!m) {
        err_set(err, -EBADMSG, "the manifest of the appc image cannot be read: %s", why.text);
        return NULL;
    }
    if (strcmp(m->ackind, "ImageManifest") != 0)
        err_set(err, -EBADMSG, "acKind of the appc image is '%.60s': ImageManifest would be right", m->ackind);
    else if (m->n_dependencies > DEPENDENCIES_MAX)
        err_set(err, -EFBIG, "the appc image names %zu dependencies: %d is the most", m->n_dependencies, (int)DEPENDENCIES_MAX);
    else if (!is_identifier(m->name))
        err_set(err, -EBADMSG, "the appc image is named '%.100s', which is no name", m->name);
    else
        return m;
    return NULL;
}

bool
appc_fits(const Appc__Spec__ImageManifest *manifest, const struct appc_wish *wish)
{
    if (strcmp(manifest->name, wish->name) != 0)
        return false;
    for (size_t i = 0; i < wish->label_count; i++) {
        bool has = false;
        for (size_t k = 0; k < manifest->n_labels; k++)
            has = has || (strcmp(manifest->labels[k]->name, wish->labels[i].name) == 0 &&
                          strcmp(manifest->labels[k]->value, wish->labels[i].value) == 0);
        if (!has)
            return false;
    }
    return true;
}

int
appc_dependency(const Appc__Spec__ImageManifest__Dependency *dependency, struct appc_wish *ret, struct err *err)
{
    *ret = (struct appc_wish){.name = dependency->imagename, .id = dependency->imageid};
    if (dependency->n_labels > APPC_LABELS_MAX)
        return err_set(err, -EFBIG, "a dependency has %zu labels: %d is the most", dependency->n_labels, (int)APPC_LABELS_MAX);
    for (size_t i = 0; i < dependency->n_labels; i++) {
        ret->labels[i].name = dependency->labels[i]->name;
        ret->labels[i].value = dependency->labels[i]->value;
        ret->label_count++;
    }
    return appc_check(ret, err);
}
