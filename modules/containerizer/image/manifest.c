/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of images, by way of wire's JSON reader: whatever is kept of them has been checked here. No files, no network. */
#include "containerizer/image/manifest.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/buf.h"
#include "containerizer/image/digest.h"
#include "mesos/internal/image.pb-c.h"
#include "wire/message.h"

enum { TEXTS_MAX = 4096, TEXT_MAX_BYTES = 128 * 1024 };

const char *
machine_architecture(void)
{
    static const struct {
        const char *machine, *name;
    } names[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"},     {"armv7l", "arm"},     {"armv6l", "arm"},
                 {"i686", "386"},     {"ppc64le", "ppc64le"},   {"s390x", "s390x"},    {"riscv64", "riscv64"}};
    struct utsname machine;
    if (uname(&machine) == 0)
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            if (strcmp(machine.machine, names[i].machine) == 0)
                return names[i].name;
    return "amd64";
}

/* The texts of the parser speak of calls; here it is a document. */
static void *
parse(const ProtobufCMessageDescriptor *type, struct str text, const char *what, struct arena *arena, struct err *err)
{
    struct err why = {0};
    void *message = message_from_json(type, text, arena, &why);
    if (!message)
        err_set(err, -EBADMSG, "%s cannot be read: %s", what, why.text);
    return message;
}

static int
check_blob(const char *digest, int64_t size, int64_t max, const char *what, struct err *err)
{
    if (!digest_is_valid(str_of(digest)))
        return err_set(err, -EBADMSG, "the digest '%.100s' of %s is none: sha256:<64 hexadecimal digits> would be one", digest, what);
    if (size < 0 || size > max)
        return err_set(err, -EFBIG, "%s says that it has %lld bytes: between 0 and %lld can be", what, (long long)size,
                       (long long)max);
    return 0;
}

/* ---- indexes ---- */

static bool
fits(const Oci__Spec__Image__V1__Platform *platform)
{
    return platform && strcmp(platform->os, "linux") == 0 && strcmp(platform->architecture, machine_architecture()) == 0;
}

static bool
is_of_manifest(const Oci__Spec__Image__V1__ManifestDescriptor *d)
{
    return strstr(d->mediatype, "manifest") || strstr(d->mediatype, "index");
}

static int
pick(Oci__Spec__Image__V1__ManifestDescriptor *const *items, size_t count, struct blob *ret, struct err *err)
{
    const Oci__Spec__Image__V1__ManifestDescriptor *found = NULL, *only = NULL;
    size_t possible = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_of_manifest(items[i]))
            continue;
        if (!found && fits(items[i]->platform))
            found = items[i];
        if (!items[i]->platform) {
            only = items[i];
            possible++;
        }
    }
    if (!found && possible == 1)
        found = only;
    if (!found)
        return err_set(err, -ENOENT, "the image has no manifest for linux/%s", machine_architecture());
    int rc = check_blob(found->digest, found->size, MANIFEST_MAX_BYTES, "the manifest", err);
    if (rc == 0)
        *ret = (struct blob){found->digest, found->size};
    return rc;
}

/* ---- manifests ---- */

static int
read_image(const Mesos__Internal__ImageDocument *doc, struct manifest *ret, struct err *err)
{
    int rc = check_blob(doc->config->digest, doc->config->size, CONFIG_MAX_BYTES, "the configuration", err);
    if (rc < 0)
        return rc;
    if (doc->n_layers > LAYERS_MAX)
        return err_set(err, -EFBIG, "the manifest names %zu layers: %d is the most", doc->n_layers, LAYERS_MAX);
    ret->kind = MANIFEST_IMAGE;
    ret->config = (struct blob){doc->config->digest, doc->config->size};
    for (size_t i = 0; i < doc->n_layers; i++) {
        const Oci__Spec__Image__V1__Descriptor *layer = doc->layers[i];
        if ((rc = check_blob(layer->digest, layer->size, BLOB_MAX_BYTES, "a layer", err)) < 0)
            return rc;
        if (!strstr(layer->mediatype, "tar"))
            return err_set(err, -ENOTSUP, "the layer %s is of type '%.100s', which is no tar archive", layer->digest, layer->mediatype);
        ret->layers[ret->layer_count++] = (struct blob){layer->digest, layer->size};
    }
    return 0;
}

/* Its lists begin with the uppermost layer. */
static int
read_schema1(const Mesos__Internal__ImageDocument *doc, struct manifest *ret, struct err *err)
{
    if (doc->n_fslayers > LAYERS_MAX)
        return err_set(err, -EFBIG, "the manifest names %zu layers: %d is the most", doc->n_fslayers, LAYERS_MAX);
    if (doc->n_history != doc->n_fslayers)
        return err_set(err, -EBADMSG, "the manifest has %zu fsLayers and %zu entries of history: as many would be right",
                       doc->n_fslayers, doc->n_history);
    ret->kind = MANIFEST_SCHEMA1;
    ret->config_text = str_of(doc->history[0]->v1compatibility);
    for (size_t i = doc->n_fslayers; i > 0; i--) {
        const char *digest = doc->fslayers[i - 1]->blobsum;
        int rc = check_blob(digest, 0, 0, "a layer", err);
        if (rc < 0)
            return rc;
        ret->layers[ret->layer_count++] = (struct blob){digest, -1};
    }
    return 0;
}

int
manifest_parse(struct str text, struct arena *arena, struct manifest *ret, struct err *err)
{
    const Mesos__Internal__ImageDocument *doc =
        parse(&mesos__internal__image_document__descriptor, text, "the manifest", arena, err);
    *ret = (struct manifest){0};
    if (!doc)
        return -EBADMSG;
    if (doc->has_schemaversion && doc->schemaversion != 1 && doc->schemaversion != 2)
        return err_set(err, -ENOTSUP, "the manifest has schemaVersion %lld: 1 and 2 are known", (long long)doc->schemaversion);
    if (doc->n_manifests > 0 && !doc->config) {
        ret->kind = MANIFEST_INDEX;
        return pick(doc->manifests, doc->n_manifests, &ret->next, err);
    }
    if (doc->config)
        return read_image(doc, ret, err);
    if (doc->n_fslayers > 0 && doc->n_history > 0)
        return read_schema1(doc, ret, err);
    return err_set(err, -EBADMSG, "the manifest has neither config, manifests nor fsLayers");
}

/* ---- configurations ---- */

static int
check_texts(char *const *texts, size_t count, const char *what, struct err *err)
{
    if (count > TEXTS_MAX)
        return err_set(err, -EFBIG, "the configuration has %zu entries of %s: %d is the most", count, what, TEXTS_MAX);
    for (size_t i = 0; i < count; i++)
        if (strlen(texts[i]) > TEXT_MAX_BYTES)
            return err_set(err, -EFBIG, "an entry of %s in the configuration is longer than %d bytes", what, TEXT_MAX_BYTES);
    return 0;
}

static int
check_config(const Docker__Spec__V1__ImageManifest__Config *c, struct err *err)
{
    int rc = check_texts(c->entrypoint, c->n_entrypoint, "Entrypoint", err);
    rc = rc < 0 ? rc : check_texts(c->cmd, c->n_cmd, "Cmd", err);
    rc = rc < 0 ? rc : check_texts(c->env, c->n_env, "Env", err);
    if (rc == 0 && ((c->workingdir && strlen(c->workingdir) > 4000) || (c->user && strlen(c->user) > 1000)))
        rc = err_set(err, -EFBIG, "WorkingDir or User of the configuration is too long");
    return rc;
}

int
config_parse(struct str text, struct arena *arena, struct image_config *ret, struct err *err)
{
    const Oci__Spec__Image__V1__Configuration *c =
        parse(&oci__spec__image__v1__configuration__descriptor, text, "the configuration", arena, err);
    *ret = (struct image_config){0};
    if (!c)
        return -EBADMSG;
    if (strcmp(c->os, "linux") != 0)
        return err_set(err, -ENOTSUP, "the image is for '%.60s': linux would be right", c->os);
    if (c->rootfs->n_diff_ids > LAYERS_MAX)
        return err_set(err, -EFBIG, "the configuration names %zu layers: %d is the most", c->rootfs->n_diff_ids, LAYERS_MAX);
    for (size_t i = 0; i < c->rootfs->n_diff_ids; i++) {
        int rc = check_blob(c->rootfs->diff_ids[i], 0, 0, "an entry of diff_ids", err);
        if (rc < 0)
            return rc;
        ret->diff_ids[ret->diff_count++] = c->rootfs->diff_ids[i];
    }
    Docker__Spec__V1__ImageManifest *m = arena_calloc(arena, 1, sizeof *m);
    docker__spec__v1__image_manifest__init(m);
    m->architecture = c->architecture;
    m->os = c->os;
    ret->manifest = m;
    if (!c->config)
        return 0;
    m->config = arena_calloc(arena, 1, sizeof *m->config);
    docker__spec__v1__image_manifest__config__init(m->config);
    m->config->entrypoint = c->config->entrypoint;
    m->config->n_entrypoint = c->config->n_entrypoint;
    m->config->cmd = c->config->cmd;
    m->config->n_cmd = c->config->n_cmd;
    m->config->env = c->config->env;
    m->config->n_env = c->config->n_env;
    m->config->user = c->config->user;
    m->config->workingdir = c->config->workingdir;
    return check_config(m->config, err);
}

int
config_parse_v1(struct str text, struct arena *arena, struct image_config *ret, struct err *err)
{
    *ret = (struct image_config){0};
    ret->manifest = parse(&docker__spec__v1__image_manifest__descriptor, text, "v1Compatibility", arena, err);
    if (!ret->manifest)
        return -EBADMSG;
    return ret->manifest->config ? check_config(ret->manifest->config, err) : 0;
}

int
config_parse_any(struct str text, struct arena *arena, struct image_config *ret, struct err *err)
{
    struct err why = {0};
    if (config_parse(text, arena, ret, &why) == 0)
        return 0;
    return config_parse_v1(text, arena, ret, err);
}

/* ---- archives and layouts ---- */

static bool
is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool
is_tagged(const Mesos__Internal__ImageArchive__Item *item, const char *const *names, size_t count)
{
    for (size_t i = 0; i < item->n_repotags; i++)
        if (is_among(item->repotags[i], names, count))
            return true;
    return false;
}

int
archive_parse(struct str text, const char *const *names, size_t count, struct arena *arena, struct saved_image *ret,
              struct err *err)
{
    auto_buf struct buf wrapped = {0};
    buf_puts(&wrapped, "{\"items\":");
    buf_append_str(&wrapped, text);
    buf_puts(&wrapped, "}");
    const Mesos__Internal__ImageArchive *archive =
        parse(&mesos__internal__image_archive__descriptor, buf_str(&wrapped), "manifest.json of the archive", arena, err);
    const Mesos__Internal__ImageArchive__Item *found = NULL;
    *ret = (struct saved_image){0};
    if (!archive)
        return -EBADMSG;
    for (size_t i = 0; i < archive->n_items && !found; i++)
        found = is_tagged(archive->items[i], names, count) ? archive->items[i] : NULL;
    if (!found && archive->n_items == 1)
        found = archive->items[0];
    if (!found)
        return err_set(err, -ENOENT, "the archive has %zu images, and none is named '%s'", archive->n_items, names[0]);
    if (!found->config || !*found->config)
        return err_set(err, -EBADMSG, "manifest.json of the archive names no Config");
    if (found->n_layers > LAYERS_MAX)
        return err_set(err, -EFBIG, "the archive names %zu layers: %d is the most", found->n_layers, LAYERS_MAX);
    ret->config = found->config;
    for (size_t i = 0; i < found->n_layers; i++)
        ret->layers[ret->layer_count++] = found->layers[i];
    return 0;
}

static const char *
annotation(const Oci__Spec__Image__V1__ManifestDescriptor *d, const char *key)
{
    for (size_t i = 0; i < d->n_annotations; i++)
        if (strcmp(d->annotations[i]->key, key) == 0)
            return d->annotations[i]->value;
    return NULL;
}

static bool
is_named(const Oci__Spec__Image__V1__ManifestDescriptor *d, const char *const *names, size_t count)
{
    static const char *const keys[] = {"org.opencontainers.image.ref.name", "io.containerd.image.name"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *name = annotation(d, keys[i]);
        if (name && is_among(name, names, count))
            return true;
    }
    return is_among(d->digest, names, count);
}

int
layout_parse(struct str text, const char *const *names, size_t count, struct arena *arena, struct blob *ret,
             struct err *err)
{
    const Mesos__Internal__ImageDocument *doc =
        parse(&mesos__internal__image_document__descriptor, text, "index.json of the layout", arena, err);
    size_t named = 0;
    if (!doc)
        return -EBADMSG;
    Oci__Spec__Image__V1__ManifestDescriptor **items = arena_calloc(arena, doc->n_manifests + 1, sizeof *items);
    for (size_t i = 0; i < doc->n_manifests; i++)
        if (is_named(doc->manifests[i], names, count))
            items[named++] = doc->manifests[i];
    if (named == 1 && !items[0]->platform) {
        *ret = (struct blob){items[0]->digest, items[0]->size};
        return check_blob(ret->digest, ret->size, MANIFEST_MAX_BYTES, "the manifest", err);
    }
    if (named > 0)
        return pick(items, named, ret, err);
    for (size_t i = 0; i < doc->n_manifests; i++)
        if (annotation(doc->manifests[i], "org.opencontainers.image.ref.name"))
            return err_set(err, -ENOENT, "the layout has no image named '%s'", names[0]);
    return pick(doc->manifests, doc->n_manifests, ret, err);
}
