/* SPDX-License-Identifier: Apache-2.0 */
/* Names, ids and labels of appc images, and whether a manifest is the one that was wished for. */
#ifndef IMAGE_APPC_NAME_H
#define IMAGE_APPC_NAME_H

#include "appc/spec.pb-c.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum { APPC_LABELS_MAX = 32 };

struct appc_wish {
    const char *name;
    const char *id; /* "sha512-<hex>", or NULL */
    struct {
        const char *name, *value;
    } labels[APPC_LABELS_MAX];
    size_t label_count;
};

/* What passes is safe in paths and URLs. */
int appc_check(const struct appc_wish *wish, struct err *err);
const char *appc_label(const struct appc_wish *wish, const char *name); /* NULL: it has none */
/* <name>-<version>-<os>-<arch>, by simple discovery; the caller's. */
char *appc_file(const struct appc_wish *wish);
bool appc_id_is_valid(struct str id);
Appc__Spec__ImageManifest *appc_manifest_parse(struct str text, struct arena *arena, struct err *err);
bool appc_fits(const Appc__Spec__ImageManifest *manifest, const struct appc_wish *wish);
/* What a manifest says that it is built upon. */
int appc_dependency(const Appc__Spec__ImageManifest__Dependency *dependency, struct appc_wish *ret, struct err *err);

#endif
