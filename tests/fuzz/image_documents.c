/* SPDX-License-Identifier: Apache-2.0 */
/* What registries and archives say about images. First byte: which document. Whatever passes keeps to the limits. */
#include <string.h>

#include "base/mem.h"
#include "containerizer/image/appc_name.h"
#include "containerizer/image/credentials.h"
#include "containerizer/image/digest.h"
#include "containerizer/image/manifest.h"
#include "fuzz/fuzz.h"

static void
check_manifest(struct str text, struct arena *arena, struct err *err)
{
    struct manifest m;
    if (manifest_parse(text, arena, &m, err) < 0) {
        must(err->code < 0 && err->text[0]);
        return;
    }
    must(m.layer_count <= LAYERS_MAX);
    for (size_t i = 0; i < m.layer_count; i++)
        must(digest_is_valid(str_of(m.layers[i].digest)) && m.layers[i].size <= BLOB_MAX_BYTES);
    if (m.kind == MANIFEST_IMAGE)
        must(digest_is_valid(str_of(m.config.digest)) && m.config.size >= 0 && m.config.size <= CONFIG_MAX_BYTES);
    if (m.kind == MANIFEST_INDEX)
        must(digest_is_valid(str_of(m.next.digest)));
}

static void
check_config(struct str text, struct arena *arena, struct err *err)
{
    struct image_config c;
    if (config_parse_any(text, arena, &c, err) < 0)
        return;
    must(c.manifest && c.diff_count <= LAYERS_MAX);
    for (size_t i = 0; i < c.diff_count; i++)
        must(digest_is_valid(str_of(c.diff_ids[i])));
}

static void
check_files(struct str text, struct arena *arena, struct err *err)
{
    static const char *const names[] = {"app:v1", "v1"};
    struct saved_image saved;
    struct blob blob;
    if (archive_parse(text, names, 2, arena, &saved, err) == 0)
        must(saved.config && *saved.config && saved.layer_count <= LAYERS_MAX);
    if (layout_parse(text, names, 2, arena, &blob, err) == 0)
        must(digest_is_valid(str_of(blob.digest)));
}

static void
check_login(struct str text)
{
    char *login = NULL;
    struct err err = {0};
    auto_free char *config = str_dup(text);
    if (credentials_find(config, "host:5000", &login, &err) == 0 && login)
        must(strchr(login, ':'));
    free(login);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_n(data, size);
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    switch (take_choice(&text, 5)) {
    case 0:
        check_manifest(text, arena, &err);
        break;
    case 1:
        check_config(text, arena, &err);
        break;
    case 2:
        check_files(text, arena, &err);
        break;
    case 3:
        check_login(text);
        break;
    default:
        appc_manifest_parse(text, arena, &err);
    }
    return 0;
}
