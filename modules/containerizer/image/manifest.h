/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What registries and archives say about images: manifests of Docker (schema 1 and 2) and of OCI, indexes, configurations.
 * Every number and name in them is checked here, before anything is fetched.
 */
#ifndef IMAGE_MANIFEST_H
#define IMAGE_MANIFEST_H

#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "docker/v1.pb-c.h"

enum {
    LAYERS_MAX = 127,
    MANIFEST_MAX_BYTES = 4 << 20,
    CONFIG_MAX_BYTES = 8 << 20,
};
#define BLOB_MAX_BYTES (64LL << 30)

enum manifest_kind {
    MANIFEST_INDEX, /* next says where the manifest for this machine is */
    MANIFEST_IMAGE, /* config and layers */
    MANIFEST_SCHEMA1, /* layers, and the configuration itself */
};

struct blob {
    const char *digest; /* valid */
    int64_t size; /* -1: not told */
};

/* Everything is in the arena. */
struct manifest {
    enum manifest_kind kind;
    struct blob next;
    struct blob config;
    struct blob layers[LAYERS_MAX]; /* the lowest first */
    size_t layer_count;
    struct str config_text; /* schema 1 */
};

int manifest_parse(struct str text, struct arena *arena, struct manifest *ret, struct err *err);
/* The configuration: what the runtime needs of it, and the digests of the unpacked layers (NULL array where it has none). */
struct image_config {
    Docker__Spec__V1__ImageManifest *manifest;
    const char *diff_ids[LAYERS_MAX];
    size_t diff_count;
};
int config_parse(struct str text, struct arena *arena, struct image_config *ret, struct err *err);
/* Of schema 1: there are no digests in it. */
int config_parse_v1(struct str text, struct arena *arena, struct image_config *ret, struct err *err);
/* Reads either; what the store keeps. */
int config_parse_any(struct str text, struct arena *arena, struct image_config *ret, struct err *err);
/* manifest.json of `docker save`: the entry whose RepoTags has one of `names` (count of them), or the only one. */
struct saved_image {
    const char *config;
    const char *layers[LAYERS_MAX];
    size_t layer_count;
};
int archive_parse(struct str text, const char *const *names, size_t count, struct arena *arena, struct saved_image *ret,
                  struct err *err);
/* index.json of an OCI layout: the manifest that is annotated with one of these names, or the only one that fits this machine. */
int layout_parse(struct str text, const char *const *names, size_t count, struct arena *arena, struct blob *ret,
                 struct err *err);
/* GOARCH of this machine. */
const char *machine_architecture(void);

#endif
