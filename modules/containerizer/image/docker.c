/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One Docker image into the store, from a registry or from files: first what it is made of, then the layers that the
 * store lacks, then their names, then the image's. Layers are known by the digest of what they unpack to, so that images
 * share them wherever they come from.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "containerizer/image/manifest.h"
#include "containerizer/image/pull.h"
#include "containerizer/image/registry.h"
#include "containerizer/image/store.h"

enum { INDEX_DEPTH_MAX = 3, NAMES_MAX = 8 };

struct pull {
    const Mesos__Internal__ImageRequest *request;
    struct arena *arena;
    struct reference reference;
    struct store store;
    struct registry *registry; /* or */
    int files_fd; /* the directory of a layout or of an unpacked archive */
    bool is_archive; /* of `docker save` */
    const char *names[NAMES_MAX]; /* what the image may be called in files */
    size_t name_count;
    size_t own_names; /* so many of them are its own: the last may be a tag alone */
    struct manifest manifest;
    struct saved_image saved;
    struct buf config_text;
    char config_id[DIGEST_TEXT];
    struct image_config config;
    const char *ids[LAYERS_MAX]; /* names in the store, the lowest first */
    char *staged[LAYERS_MAX]; /* directories that wait for their names */
    size_t count;
};

const char *
source_path(const char *source)
{
    if (strncmp(source, "file://", 7) == 0)
        source += 7;
    return source[0] == '/' ? source : NULL;
}

/* ---- from files ---- */

/* A path that the archive names is followed inside of it alone. */
static int
open_member(const struct pull *pull, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    struct stat st;
    int fd = (int)syscall(SYS_openat2, pull->files_fd, path, &how, sizeof how);
    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

static int
read_member(const struct pull *pull, const char *path, size_t max, struct buf *out, struct err *err)
{
    auto_fd int fd = open_member(pull, path);
    if (fd < 0)
        return err_errno(err, "cannot open '%.300s' of the image", path);
    for (;;) {
        ssize_t n = read(fd, buf_reserve(out, 65536), 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, "cannot read '%.300s' of the image", path);
        if (n == 0)
            return 0;
        buf_added(out, (size_t)n);
        if (out->len > max)
            return err_set(err, -EFBIG, "'%.300s' of the image is larger than the %zu bytes that were expected", path, max);
    }
}

static char *
blob_path(const char *digest)
{
    struct str rest = str_of(digest), algorithm = str_cut(&rest, ':');
    return xasprintf("blobs/%.*s/%.*s", (int)algorithm.len, algorithm.ptr, (int)rest.len, rest.ptr);
}

/* What is in a layout under a digest. Layers are read from there too, and verified when they are unpacked. */
static int
layout_text(const struct pull *pull, const struct blob *blob, size_t max, struct buf *out, struct err *err)
{
    auto_free char *path = blob_path(blob->digest);
    int rc = read_member(pull, path, max, out, err);
    return rc < 0 ? rc : digest_check(buf_str(out), blob->digest, path, err);
}

/* ---- from either ---- */

static int
get_manifest(const struct pull *pull, const struct blob *blob, struct buf *out, struct err *err)
{
    return pull->registry ? registry_manifest(pull->registry, blob->digest, out, err)
                          : layout_text(pull, blob, MANIFEST_MAX_BYTES, out, err);
}

/* From whatever the name meant to the manifest of an image. text: the first document. */
static int
descend(struct pull *pull, struct buf *text, struct err *err)
{
    for (int depth = 0;; depth++) {
        int rc = manifest_parse(buf_str(text), pull->arena, &pull->manifest, err);
        if (rc < 0 || pull->manifest.kind != MANIFEST_INDEX)
            return rc;
        if (depth == INDEX_DEPTH_MAX)
            return err_set(err, -ELOOP, "the image's index leads to more indexes than %d", INDEX_DEPTH_MAX);
        buf_clear(text);
        if ((rc = get_manifest(pull, &pull->manifest.next, text, err)) < 0)
            return rc;
    }
}

static int
read_config(struct pull *pull, struct err *err)
{
    if (pull->manifest.kind == MANIFEST_SCHEMA1) {
        buf_append_str(&pull->config_text, pull->manifest.config_text);
        return config_parse_v1(buf_str(&pull->config_text), pull->arena, &pull->config, err);
    }
    const struct blob *blob = &pull->manifest.config;
    int rc = pull->registry ? registry_blob_text(pull->registry, blob, &pull->config_text, err)
                            : layout_text(pull, blob, CONFIG_MAX_BYTES, &pull->config_text, err);
    return rc < 0 ? rc : config_parse(buf_str(&pull->config_text), pull->arena, &pull->config, err);
}

/* Names of the layers in the store. */
static int
name_layers(struct pull *pull, size_t layers, struct err *err)
{
    bool v1 = pull->manifest.kind == MANIFEST_SCHEMA1 && !pull->is_archive;
    if (!v1 && layers != pull->config.diff_count)
        return err_set(err, -EBADMSG, "the manifest names %zu layers, and the configuration %zu", layers, pull->config.diff_count);
    if (layers == 0)
        return err_set(err, -EBADMSG, "the image has no layer");
    pull->count = layers;
    for (size_t i = 0; i < layers; i++)
        pull->ids[i] = v1 ? pull->manifest.layers[i].digest : pull->config.diff_ids[i];
    digest_of(buf_str(&pull->config_text), pull->config_id);
    return 0;
}

/* A layer's packed archive: a descriptor, or a negative errno. */
static int
get_layer(struct pull *pull, size_t i, struct err *err)
{
    if (pull->registry) {
        auto_fd int fd = store_file(&pull->store, err);
        int rc = fd < 0 ? fd : registry_blob(pull->registry, &pull->manifest.layers[i], fd, err);
        return rc < 0 ? rc : take_fd(&fd);
    }
    auto_free char *path = pull->is_archive ? xstrdup(pull->saved.layers[i]) : blob_path(pull->manifest.layers[i].digest);
    int fd = open_member(pull, path);
    return fd < 0 ? err_errno(err, "cannot open '%.300s' of the image", path) : fd;
}

static int
fetch_layer(struct pull *pull, size_t i, struct err *err)
{
    char actual[DIGEST_TEXT];
    const char *id = pull->ids[i];
    bool verify = pull->is_archive || pull->manifest.kind != MANIFEST_SCHEMA1;
    log_info("Pulling layer %s", id);
    auto_fd int fd = get_layer(pull, i, err);
    if (fd < 0)
        return fd;
    struct digest *diff = digest_new(id);
    int rc = store_unpack(&pull->store, fd, "rootfs.overlay", LAYER_OF_IMAGE, diff, &pull->staged[i], err);
    digest_end(diff, actual);
    if (rc < 0)
        return err_wrap(err, "layer %s", id);
    if (verify && strcmp(actual, id) != 0)
        return err_set(err, -EBADMSG, "a layer unpacks to %s, and the configuration says %s", actual, id);
    return 0;
}

static bool
is_named_before(const struct pull *pull, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(pull->ids[k], pull->ids[i]) == 0)
            return true;
    return false;
}

static int
fetch_layers(struct pull *pull, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < pull->count && rc == 0; i++) {
        auto_free char *there = store_layer(&pull->store, pull->ids[i]);
        if (!there && !is_named_before(pull, i))
            rc = fetch_layer(pull, i, err);
    }
    return rc;
}

static int
keep_config(struct pull *pull, struct err *err)
{
    auto_free char *staged = store_staged(&pull->store);
    auto_free char *path = xasprintf("%s/layers/%s", pull->store.dir, pull->config_id);
    int rc = file_replace(staged, buf_data(&pull->config_text), pull->config_text.len, 0600, true, err);
    return rc < 0 ? rc : store_keep(&pull->store, staged, path, err);
}

static int
keep_all(struct pull *pull, struct err *err)
{
    int rc = store_sync(&pull->store, err);
    for (size_t i = 0; i < pull->count && rc == 0; i++) {
        auto_free char *path = xasprintf("%s/layers/%s", pull->store.dir, pull->ids[i]);
        if (pull->staged[i])
            rc = store_keep(&pull->store, pull->staged[i], path, err);
    }
    rc = rc < 0 ? rc : keep_config(pull, err);
    return rc < 0 ? rc : store_index_set(&pull->store, &pull->reference, pull->ids, pull->count, pull->config_id, err);
}

/* ---- the two ways ---- */

static int
pull_from_registry(struct pull *pull, struct err *err)
{
    const Mesos__Internal__ImageRequest *request = pull->request;
    const struct reference *r = &pull->reference;
    auto_buf struct buf text = {0};
    pull->registry = registry_open(r, request->source, request->docker_config, (long)request->stall_timeout_secs, err);
    if (!pull->registry)
        return err ? err->code : -EINVAL;
    int rc = registry_manifest(pull->registry, r->digest ? r->digest : r->tag, &text, err);
    rc = rc < 0 ? rc : descend(pull, &text, err);
    rc = rc < 0 ? rc : read_config(pull, err);
    return rc < 0 ? rc : name_layers(pull, pull->manifest.layer_count, err);
}

static int
read_layout(struct pull *pull, struct err *err)
{
    auto_buf struct buf text = {0};
    struct blob blob;
    int rc = read_member(pull, "index.json", MANIFEST_MAX_BYTES, &text, err);
    rc = rc < 0 ? rc : layout_parse(buf_str(&text), pull->names, pull->name_count, pull->arena, &blob, err);
    buf_clear(&text);
    rc = rc < 0 ? rc : layout_text(pull, &blob, MANIFEST_MAX_BYTES, &text, err);
    rc = rc < 0 ? rc : descend(pull, &text, err);
    rc = rc < 0 ? rc : read_config(pull, err);
    return rc < 0 ? rc : name_layers(pull, pull->manifest.layer_count, err);
}

static int
read_saved(struct pull *pull, struct err *err)
{
    auto_buf struct buf text = {0};
    pull->is_archive = true;
    int rc = read_member(pull, "manifest.json", MANIFEST_MAX_BYTES, &text, err);
    rc = rc < 0 ? rc : archive_parse(buf_str(&text), pull->names, pull->name_count, pull->arena, &pull->saved, err);
    rc = rc < 0 ? rc : read_member(pull, pull->saved.config, CONFIG_MAX_BYTES, &pull->config_text, err);
    rc = rc < 0 ? rc : config_parse(buf_str(&pull->config_text), pull->arena, &pull->config, err);
    return rc < 0 ? rc : name_layers(pull, pull->saved.layer_count, err);
}

static bool
has_member(const struct pull *pull, const char *name)
{
    auto_fd int fd = open_member(pull, name);
    return fd >= 0;
}

static int
read_files(struct pull *pull, const char *where, struct err *err)
{
    if (has_member(pull, "manifest.json"))
        return read_saved(pull, err);
    if (has_member(pull, "index.json"))
        return read_layout(pull, err);
    return err_set(err, -EINVAL, "'%s' has neither manifest.json (docker save) nor index.json (an OCI layout)", where);
}

static int
unpack_archive(struct pull *pull, int fd, struct err *err)
{
    auto_free char *path = NULL;
    int rc = store_unpack(&pull->store, fd, "files", LAYER_FILES, NULL, &path, err);
    if (rc < 0)
        return rc;
    auto_free char *files = xasprintf("%s/files", path);
    close_at(&pull->files_fd);
    pull->files_fd = open(files, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return pull->files_fd < 0 ? err_errno(err, "cannot open '%s'", files) : 0;
}

static void
add_name(struct pull *pull, const char *name)
{
    if (pull->name_count < NAMES_MAX)
        pull->names[pull->name_count++] = name;
}

/* busybox, busybox:latest, library/..., host/...: whatever an archive or a file may say and mean this image. */
static void
find_names(struct pull *pull, const char *given)
{
    const struct reference *r = &pull->reference;
    char *whole = reference_text(r);
    add_name(pull, arena_printf(pull->arena, "%s", whole));
    free(whole);
    add_name(pull, given);
    if (!r->tag) {
        pull->own_names = pull->name_count;
        add_name(pull, r->digest);
        return;
    }
    add_name(pull, arena_printf(pull->arena, "%s:%s", r->repository, r->tag));
    add_name(pull, arena_printf(pull->arena, "docker.io/%s%s:%s", strchr(r->repository, '/') ? "" : "library/", r->repository,
                                r->tag));
    if (strcmp(r->tag, "latest") == 0)
        add_name(pull, r->repository);
    pull->own_names = pull->name_count;
    add_name(pull, r->tag);
}

/* 1: there is an OCI layout. */
static int
open_layout(struct pull *pull, const char *path)
{
    close_at(&pull->files_fd);
    pull->files_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return pull->files_fd >= 0 && has_member(pull, "index.json");
}

/* First what is named after the image, then layouts that may hold it among others. */
static int
pull_from_directory(struct pull *pull, const char *directory, struct err *err)
{
    auto_free char *repository = xasprintf("%s/%s", directory, pull->reference.repository);
    for (size_t i = 0; i < pull->own_names; i++) {
        struct stat st;
        auto_free char *file = xasprintf("%s/%s.tar", directory, pull->names[i]);
        auto_free char *layout = xasprintf("%s/%s", directory, pull->names[i]);
        auto_fd int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
            int rc = unpack_archive(pull, fd, err);
            return rc < 0 ? rc : read_files(pull, file, err);
        }
        if (open_layout(pull, layout))
            return read_layout(pull, err);
    }
    if (open_layout(pull, repository) || open_layout(pull, directory))
        return read_layout(pull, err);
    return err_set(err, -ENOENT, "there is neither '%s/%s.tar' nor an OCI layout '%s'", directory, pull->names[0], repository);
}

/* ---- results ---- */

/* A layer that is there twice counts where it is uppermost: what is below it changes nothing, and overlayfs wants each once. */
static bool
comes_again(const struct pull *pull, size_t i)
{
    for (size_t k = i + 1; k < pull->count; k++)
        if (strcmp(pull->ids[k], pull->ids[i]) == 0)
            return true;
    return false;
}

static int
tell(struct pull *pull, Mesos__Internal__ImageResult *ret, struct err *err)
{
    ret->layers = arena_calloc(pull->arena, pull->count + 1, sizeof *ret->layers);
    for (size_t i = 0; i < pull->count; i++) {
        if (comes_again(pull, i))
            continue;
        auto_free char *path = store_layer(&pull->store, pull->ids[i]);
        if (!path)
            return err_set(err, -ENOENT, "layer %s has vanished from the store '%s'", pull->ids[i], pull->store.dir);
        ret->layers[ret->n_layers++] = arena_strdup(pull->arena, str_of(path));
    }
    auto_free char *config = store_config(&pull->store, pull->config_id);
    ret->config = config ? arena_strdup(pull->arena, str_of(config)) : NULL;
    ret->docker = pull->config.manifest;
    return 0;
}

static bool
is_this(const Docker__Spec__ImageReference *a, const struct reference *b)
{
    static const char none[] = "";
    return strcmp(a->registry ? a->registry : none, b->registry ? b->registry : none) == 0 &&
           strcmp(a->repository, b->repository) == 0 && strcmp(a->tag ? a->tag : none, b->tag ? b->tag : none) == 0 &&
           strcmp(a->digest ? a->digest : none, b->digest ? b->digest : none) == 0;
}

/* What the store has of the image; false: not all of it. */
static bool
find_stored(struct pull *pull)
{
    const Mesos__Internal__Slave__Docker__Images *images = store_index(&pull->store, pull->arena);
    for (size_t i = 0; i < images->n_images; i++) {
        const Mesos__Internal__Slave__Docker__Image *image = images->images[i];
        if (!is_this(image->reference, &pull->reference) || !image->config_digest || image->n_layer_ids > LAYERS_MAX ||
            !digest_is_valid(str_of(image->config_digest)))
            continue;
        auto_free char *config = store_config(&pull->store, image->config_digest);
        if (!config || file_read(config, CONFIG_MAX_BYTES, &pull->config_text, NULL) < 0 ||
            config_parse_any(buf_str(&pull->config_text), pull->arena, &pull->config, NULL) < 0)
            return false;
        snprintf(pull->config_id, sizeof pull->config_id, "%s", image->config_digest);
        for (pull->count = 0; pull->count < image->n_layer_ids; pull->count++) {
            auto_free char *layer = store_layer(&pull->store, image->layer_ids[pull->count]);
            if (!layer)
                return false;
            pull->ids[pull->count] = image->layer_ids[pull->count];
        }
        return pull->count > 0;
    }
    return false;
}

static void
forget_stored(struct pull *pull)
{
    buf_clear(&pull->config_text);
    pull->config = (struct image_config){0};
    pull->count = 0;
}

static int
pull_anew(struct pull *pull, struct err *err)
{
    const char *directory = source_path(pull->request->source);
    log_info("Pulling image '%s' from '%s'", pull->names[0], pull->request->source);
    int rc = directory ? pull_from_directory(pull, directory, err) : pull_from_registry(pull, err);
    rc = rc < 0 ? rc : fetch_layers(pull, err);
    rc = rc < 0 ? rc : keep_all(pull, err);
    if (rc == 0)
        log_info("Pulled image '%s': %zu layers", pull->names[0], pull->count);
    return rc;
}

int
docker_pull(const Mesos__Internal__ImageRequest *request, struct arena *arena, Mesos__Internal__ImageResult *ret,
            struct err *err)
{
    struct pull pull = {.request = request, .arena = arena, .files_fd = -1};
    const char *name = request->image->docker->name;
    int rc = reference_parse(str_of(name), &pull.reference, err);
    if (rc < 0)
        return rc;
    find_names(&pull, name);
    rc = store_open(&pull.store, request->store_dir, "layers", err);
    bool cached = !request->image->has_cached || request->image->cached;
    if (rc == 0 && !(cached && find_stored(&pull))) {
        forget_stored(&pull);
        rc = pull_anew(&pull, err);
        ret->has_pulled = ret->pulled = 1;
    }
    rc = rc < 0 ? rc : tell(&pull, ret, err);
    if (rc < 0)
        err_wrap(err, "Failed to pull image '%.300s'", name);
    store_close(&pull.store);
    registry_close(pull.registry);
    close_at(&pull.files_fd);
    for (size_t i = 0; i < LAYERS_MAX; i++)
        free(pull.staged[i]);
    buf_fini(&pull.config_text);
    reference_fini(&pull.reference);
    return rc;
}
