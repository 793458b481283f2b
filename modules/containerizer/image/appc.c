/* SPDX-License-Identifier: Apache-2.0 */
/* One appc image and all that it is built upon into the store, from files or by simple discovery over HTTP. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "containerizer/image/appc_name.h"
#include "containerizer/image/manifest.h"
#include "containerizer/image/pull.h"
#include "containerizer/image/registry.h"
#include "containerizer/image/store.h"

enum { DEPTH_MAX = 16 };
#define ACI_MAX_BYTES (16LL << 30)

struct appc {
    const Mesos__Internal__ImageRequest *request;
    struct arena *arena;
    struct store store;
    const char *paths[LAYERS_MAX]; /* root file systems, the lowest first */
    size_t count;
    bool cached;
};

/* One that is in the store. */
struct stored {
    const char *path; /* of its directory */
    Appc__Spec__ImageManifest *manifest;
};

static int
wish_of(const Mesos__V1__Image__Appc *image, struct appc_wish *ret, struct err *err)
{
    size_t count = image->labels ? image->labels->n_labels : 0;
    *ret = (struct appc_wish){.name = image->name, .id = image->id};
    if (count > APPC_LABELS_MAX)
        return err_set(err, -EFBIG, "the image has %zu labels: %d is the most", count, (int)APPC_LABELS_MAX);
    for (size_t i = 0; i < count; i++) {
        ret->labels[i].name = image->labels->labels[i]->key;
        ret->labels[i].value = image->labels->labels[i]->value ? image->labels->labels[i]->value : "";
        ret->label_count++;
    }
    return appc_check(ret, err);
}

static Appc__Spec__ImageManifest *
read_manifest(const char *directory, struct arena *arena, struct err *err)
{
    auto_buf struct buf text = {0};
    struct stat st;
    auto_free char *path = xasprintf("%s/manifest", directory);
    auto_free char *rootfs = xasprintf("%s/rootfs", directory);
    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || lstat(rootfs, &st) < 0 || !S_ISDIR(st.st_mode)) {
        err_set(err, -EBADMSG, "the archive is no appc image: it has no file 'manifest' or no directory 'rootfs'");
        return NULL;
    }
    if (file_read(path, MANIFEST_MAX_BYTES, &text, err) < 0)
        return NULL;
    return appc_manifest_parse(buf_str(&text), arena, err);
}

/* The image of the store that fits; false: none. */
static bool
find_stored(struct appc *a, const struct appc_wish *wish, struct stored *ret)
{
    auto_free char *images = xasprintf("%s/images", a->store.dir);
    DIR *dir = opendir(images);
    bool found = false;
    if (!dir)
        return false;
    for (const struct dirent *entry; !found && (entry = readdir(dir)) != NULL;) {
        if (!appc_id_is_valid(str_of(entry->d_name)) || (wish->id && strcmp(wish->id, entry->d_name) != 0))
            continue;
        ret->path = arena_printf(a->arena, "%s/%s", images, entry->d_name);
        ret->manifest = read_manifest(ret->path, a->arena, NULL);
        found = ret->manifest && appc_fits(ret->manifest, wish);
    }
    closedir(dir);
    return found;
}

static int
get_file(struct appc *a, const struct appc_wish *wish, struct err *err)
{
    auto_free char *name = appc_file(wish);
    auto_free char *place = xasprintf("%s%s", a->request->source, name);
    const char *path = source_path(place);
    struct stat st;
    if (path) {
        auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
            return err_set(err, -ENOENT, "there is no appc image '%s'", path);
        return take_fd(&fd);
    }
    auto_fd int fd = store_file(&a->store, err);
    int rc = fd < 0 ? fd : download(place, fd, ACI_MAX_BYTES, (long)a->request->stall_timeout_secs, err);
    return rc < 0 ? rc : take_fd(&fd);
}

static int
fetch(struct appc *a, const struct appc_wish *wish, struct stored *ret, struct err *err)
{
    char id[DIGEST_TEXT];
    log_info("Fetching appc image '%s'", wish->name);
    auto_fd int fd = get_file(a, wish, err);
    if (fd < 0)
        return fd;
    struct digest *digest = digest_new("sha512");
    auto_free char *top = store_staged(&a->store);
    int rc = mkdir(top, 0700) < 0 ? err_errno(err, "cannot make '%s'", top)
                                  : layer_extract(fd, top, LAYER_PLAIN, &LAYER_LIMITS, digest, err);
    digest_end(digest, id);
    if (rc < 0)
        return rc;
    id[6] = '-'; /* sha512-..., as appc writes it */
    if (wish->id && strcmp(wish->id, id) != 0)
        return err_set(err, -EBADMSG, "the appc image '%s' has id %s, and %s was asked for", wish->name, id, wish->id);
    if (chmod(top, 0700) < 0)
        return err_errno(err, "cannot keep '%s'", top);
    ret->manifest = read_manifest(top, a->arena, err);
    if (!ret->manifest)
        return -EBADMSG;
    if (!appc_fits(ret->manifest, wish))
        return err_set(err, -EBADMSG, "the archive for appc image '%s' holds '%s', or has other labels", wish->name,
                       ret->manifest->name);
    ret->path = arena_printf(a->arena, "%s/images/%s", a->store.dir, id);
    rc = store_sync(&a->store, err);
    return rc < 0 ? rc : store_keep(&a->store, top, ret->path, err);
}

static bool
is_known(const struct appc *a, const char *path)
{
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->paths[i], path) == 0)
            return true;
    return false;
}

static int
bring(struct appc *a, const struct appc_wish *wish, unsigned depth, struct stored *ret, struct err *err)
{
    if (depth > DEPTH_MAX)
        return err_set(err, -ELOOP, "appc images depend on each other more than %d deep", (int)DEPTH_MAX);
    int rc = a->cached && find_stored(a, wish, ret) ? 0 : fetch(a, wish, ret, err);
    for (size_t i = 0; rc == 0 && i < ret->manifest->n_dependencies; i++) {
        struct appc_wish below;
        struct stored stored;
        rc = appc_dependency(ret->manifest->dependencies[i], &below, err);
        if (rc == 0)
            rc = bring(a, &below, depth + 1, &stored, err);
    }
    if (rc < 0)
        return rc;
    const char *rootfs = arena_printf(a->arena, "%s/rootfs", ret->path);
    if (is_known(a, rootfs))
        return 0;
    if (a->count == LAYERS_MAX)
        return err_set(err, -EFBIG, "the appc image is built upon more than %d images", (int)LAYERS_MAX);
    a->paths[a->count++] = rootfs;
    return 0;
}

int
appc_pull(const Mesos__Internal__ImageRequest *request, struct arena *arena, Mesos__Internal__ImageResult *ret,
          struct err *err)
{
    struct appc a = {.request = request, .arena = arena};
    struct appc_wish wish;
    struct stored top = {0};
    a.cached = !request->image->has_cached || request->image->cached;
    int rc = wish_of(request->image->appc, &wish, err);
    if (rc < 0)
        return rc;
    rc = store_open(&a.store, request->store_dir, "images", err);
    rc = rc < 0 ? rc : bring(&a, &wish, 0, &top, err);
    store_close(&a.store);
    if (rc < 0)
        return err_wrap(err, "Failed to fetch appc image '%s'", wish.name);
    ret->layers = arena_calloc(arena, a.count, sizeof *ret->layers);
    for (size_t i = 0; i < a.count; i++)
        ret->layers[ret->n_layers++] = arena_strdup(arena, str_of(a.paths[i]));
    ret->appc = top.manifest;
    return 0;
}
