/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is mounted is mounted in the agent's own mount namespace, below the container's directory, so that whoever comes
 * later finds it in the kernel's table of mounts and needs no memory of it.
 */
#include "containerizer/image/rootfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "containerizer/image/store.h"
#include "mesos/slave/containerizer.pb-c.h"
#include "wire/message.h"

enum { MOUNTS_MAX_BYTES = 64 << 20, RECORD_MAX_BYTES = 1 << 20, UNMOUNT_TRIES = 3, OVERLAY_LAYERS_MAX = 400, DEPTH_MAX = 40 };

/* ---- mounts ---- */

/* The kernel writes spaces and the like as \040. */
static void
unescape(char *text)
{
    char *to = text;
    for (const char *at = text; *at; at++) {
        unsigned byte;
        if (*at == '\\' && sscanf(at + 1, "%3o", &byte) == 1) {
            *to++ = (char)byte;
            at += 3;
        } else {
            *to++ = *at;
        }
    }
    *to = '\0';
}

struct mounts {
    char **points; /* in the order in which they were mounted */
    size_t count;
};

static void
mounts_fini(struct mounts *mounts)
{
    for (size_t i = 0; i < mounts->count; i++)
        free(mounts->points[i]);
    free(mounts->points);
}

/* Mount points at or below a directory. */
static int
mounts_read(const char *directory, struct mounts *ret, struct err *err)
{
    auto_buf struct buf text = {0};
    size_t len = strlen(directory);
    *ret = (struct mounts){0};
    int rc = file_read("/proc/self/mountinfo", MOUNTS_MAX_BYTES, &text, err);
    if (rc < 0)
        return rc;
    struct str rest = buf_str(&text);
    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n'), point = {0};
        for (int field = 0; field < 5; field++)
            point = str_cut(&line, ' ');
        auto_free char *path = str_dup(point);
        unescape(path);
        if (strncmp(path, directory, len) != 0 || (path[len] && path[len] != '/'))
            continue;
        ret->points = xreallocarray(ret->points, ret->count + 1, sizeof *ret->points);
        ret->points[ret->count++] = take(&path);
    }
    return 0;
}

static int
unmount_all(const char *directory, struct err *err)
{
    for (int attempt = 0;; attempt++) {
        struct mounts mounts;
        int rc = mounts_read(directory, &mounts, err);
        if (rc < 0 || mounts.count == 0)
            return rc;
        if (attempt == UNMOUNT_TRIES) {
            err_set(err, -EBUSY, "'%s' cannot be unmounted", mounts.points[mounts.count - 1]);
            mounts_fini(&mounts);
            return -EBUSY;
        }
        for (size_t i = mounts.count; i > 0; i--) /* busy: it goes when the last one has left it */
            if (umount2(mounts.points[i - 1], UMOUNT_NOFOLLOW) < 0 && errno == EBUSY)
                umount2(mounts.points[i - 1], UMOUNT_NOFOLLOW | MNT_DETACH);
        mounts_fini(&mounts);
    }
}

/* The directories of containers around it that have none of their own. */
static void
remove_around(char *path)
{
    for (;;) {
        char *name = strrchr(path, '/');
        if (!name || name == path)
            return;
        *name = '\0'; /* .../<parent>/containers */
        auto_free char *above = xstrdup(path);
        char *containers = strrchr(above, '/');
        if (!containers || containers == above)
            return;
        *containers = '\0'; /* .../<parent>, which is a container's when it is in such a directory too */
        const char *parent = strrchr(above, '/');
        if (!parent || parent - above < 11 || strncmp(parent - 11, "/containers", 11) != 0)
            return;
        if (rmdir(path) < 0 || rmdir(above) < 0)
            return;
        strcpy(path, above);
    }
}

int
rootfs_destroy(const char *directory, struct err *err)
{
    char real[4096 + 1];
    if (!realpath(directory, real))
        return errno == ENOENT ? 0 : err_errno(err, "cannot find '%s'", directory);
    int rc = unmount_all(real, err);
    rc = rc < 0 ? rc : dir_remove(real, err);
    if (rc == 0)
        remove_around(real);
    return rc;
}

/* ---- back ends ---- */

/* Once more when a neighbour's end has just taken the directory around them away. */
static int
make_dirs(const char *path, mode_t mode, struct err *err)
{
    int rc = dir_make(path, 0700, err);
    if (rc == -ENOENT)
        rc = dir_make(path, 0700, err);
    return rc < 0 ? rc : chmod(path, mode) < 0 ? err_errno(err, "cannot make '%s'", path) : 0;
}

/* Names of the layers below `links`, short ones: the kernel takes no more than a page of options. */
static int
link_layers(const char *links, const Mesos__Internal__ImageRootfs *rootfs, struct buf *lower, struct err *err)
{
    for (size_t i = rootfs->n_layers; i > 0; i--) {
        auto_free char *link = xasprintf("%s/%zu", links, i - 1);
        if (symlink(rootfs->layers[i - 1], link) < 0 && errno != EEXIST)
            return err_errno(err, "cannot make '%s'", link);
        buf_printf(lower, "%s%zu", lower->len > 0 ? ":" : "", i - 1);
    }
    return 0;
}

static int
mount_overlay(const char *links, const char *lower, const char *path, struct err *err)
{
    auto_fd int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_free char *options = xasprintf("lowerdir=%s,upperdir=../upperdir,workdir=../workdir", lower);
    if (chdir(links) < 0)
        return err_errno(err, "cannot enter '%s'", links);
    int rc = mount("overlay", path, "overlay", 0, options) < 0 ? err_errno(err, "cannot mount an overlay of %s at '%s'", options, path) : 0;
    if (before >= 0 && fchdir(before) < 0)
        log_warning("cannot return from '%s'", links);
    return rc;
}

static int
provision_overlay(const char *scratch, const Mesos__Internal__ImageRootfs *rootfs, const char *path, struct err *err)
{
    struct stat top;
    auto_buf struct buf lower = {0};
    auto_free char *links = xasprintf("%s/links", scratch), *upper = xasprintf("%s/upperdir", scratch),
                   *work = xasprintf("%s/workdir", scratch);
    if (rootfs->n_layers > OVERLAY_LAYERS_MAX)
        return err_set(err, -EFBIG, "overlay takes %d layers at most, and the image has %zu", OVERLAY_LAYERS_MAX, rootfs->n_layers);
    if (stat(rootfs->layers[rootfs->n_layers - 1], &top) < 0)
        return err_errno(err, "cannot look at '%s'", rootfs->layers[rootfs->n_layers - 1]);
    int rc = make_dirs(links, 0700, err);
    rc = rc < 0 ? rc : make_dirs(upper, top.st_mode & 07777, err); /* what shows as the mode of "/" */
    rc = rc < 0 ? rc : make_dirs(work, 0700, err);
    if (rc == 0 && chown(upper, top.st_uid, top.st_gid) < 0)
        rc = err_errno(err, "cannot make '%s'", upper);
    rc = rc < 0 ? rc : link_layers(links, rootfs, &lower, err);
    return rc < 0 ? rc : mount_overlay(links, buf_cstr(&lower), path, err);
}

static int
provision_bind(const Mesos__Internal__ImageRootfs *rootfs, const char *path, struct err *err)
{
    if (rootfs->n_layers != 1)
        return err_set(err, -ENOTSUP, "the back end bind takes images of one layer, and this one has %zu: overlay or copy would do",
                       rootfs->n_layers);
    if (mount(rootfs->layers[0], path, NULL, MS_BIND, NULL) < 0 ||
        mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
        return err_errno(err, "cannot mount '%s' at '%s'", rootfs->layers[0], path);
    return 0;
}

static int
provision_copy(const Mesos__Internal__ImageRootfs *rootfs, const char *path, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < rootfs->n_layers && rc == 0; i++)
        rc = layer_copy(rootfs->layers[i], path, err);
    return rc;
}

static int
provision_one(const Mesos__Internal__ImageRequest *request, Mesos__Internal__ImageRootfs *rootfs, struct arena *arena,
              Mesos__Internal__ImageResult *ret, struct err *err)
{
    const char *backend = request->backend;
    const char *path = arena_printf(arena, "%s/backends/%s/rootfses/%s", request->directory, backend, rootfs->id);
    if (rootfs->n_layers == 0 || strchr(rootfs->id, '/'))
        return err_set(err, -EINVAL, "the root file system '%s' has no layers or no id", rootfs->id);
    int rc = make_dirs(path, 0755, err);
    if (rc < 0)
        return rc;
    if (strcmp(backend, "overlay") == 0) {
        char *scratch = arena_printf(arena, "%s/backends/%s/scratch/%s", request->directory, backend, rootfs->id);
        ret->ephemeral_volumes[ret->n_ephemeral_volumes++] = scratch;
        rc = provision_overlay(scratch, rootfs, path, err);
    } else if (strcmp(backend, "bind") == 0) {
        rc = provision_bind(rootfs, path, err);
    } else {
        ret->ephemeral_volumes[ret->n_ephemeral_volumes++] = arena_strdup(arena, str_of(path));
        rc = provision_copy(rootfs, path, err);
    }
    rootfs->path = arena_strdup(arena, str_of(path));
    ret->rootfses[ret->n_rootfses++] = rootfs;
    return rc;
}

/* What of the stores the container uses: written before anything is mounted. */
static int
write_layers(const Mesos__Internal__ImageRequest *request, struct arena *arena, struct err *err)
{
    Mesos__Slave__ContainerLayers layers = MESOS__SLAVE__CONTAINER_LAYERS__INIT;
    auto_buf struct buf packed = {0}, record = {0};
    auto_free char *path = xasprintf("%s/layers", request->directory);
    size_t count = 0;
    for (size_t i = 0; i < request->n_rootfses; i++)
        count += request->rootfses[i]->n_layers;
    layers.paths = arena_calloc(arena, count + 1, sizeof *layers.paths);
    for (size_t i = 0; i < request->n_rootfses; i++)
        for (size_t k = 0; k < request->rootfses[i]->n_layers; k++)
            layers.paths[layers.n_paths++] = request->rootfses[i]->layers[k];
    message_pack(&packed, &layers);
    uint32_t len = (uint32_t)packed.len;
    buf_append(&record, &len, sizeof len);
    buf_append(&record, buf_data(&packed), packed.len);
    return file_replace(path, buf_data(&record), record.len, 0600, false, err);
}

static bool
is_backend(const char *name)
{
    return name && (strcmp(name, "overlay") == 0 || strcmp(name, "bind") == 0 || strcmp(name, "copy") == 0);
}

int
rootfs_provision(const Mesos__Internal__ImageRequest *request, struct arena *arena, Mesos__Internal__ImageResult *ret,
                 struct err *err)
{
    if (!request->directory || request->directory[0] != '/' || !is_backend(request->backend))
        return err_set(err, -EINVAL, "the request has no directory, or no back end that is known");
    ret->rootfses = arena_calloc(arena, request->n_rootfses + 1, sizeof *ret->rootfses);
    ret->ephemeral_volumes = arena_calloc(arena, request->n_rootfses + 1, sizeof *ret->ephemeral_volumes);
    int rc = make_dirs(request->directory, 0700, err);
    rc = rc < 0 ? rc : write_layers(request, arena, err);
    for (size_t i = 0; i < request->n_rootfses && rc == 0; i++)
        rc = provision_one(request, request->rootfses[i], arena, ret, err);
    return rc < 0 ? err_wrap(err, "Failed to provision the root file system") : 0;
}

/* ---- after a start ---- */

static bool
is_listed(char *const *items, size_t count, const char *item)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(items[i], item) == 0)
            return true;
    return false;
}

static void
read_user(const char *directory, const char *id, struct arena *arena, Mesos__Internal__ImageResult *ret)
{
    auto_buf struct buf bytes = {0};
    auto_free char *path = xasprintf("%s/layers", directory);
    const Mesos__Slave__ContainerLayers *layers = NULL;
    Mesos__Internal__ImageUser *user = arena_calloc(arena, 1, sizeof *user);
    uint32_t len;
    mesos__internal__image_user__init(user);
    user->container_id = arena_strdup(arena, str_of(id));
    if (file_read(path, RECORD_MAX_BYTES, &bytes, NULL) == 0 && bytes.len >= sizeof len) {
        memcpy(&len, buf_data(&bytes), sizeof len);
        if (len == bytes.len - sizeof len)
            layers = MESSAGE_UNPACK(Mesos__Slave__ContainerLayers, mesos__slave__container_layers,
                                    str_n(buf_data(&bytes) + sizeof len, len), arena, NULL);
    }
    if (layers) {
        user->layers = layers->paths;
        user->n_layers = layers->n_paths;
        user->config = layers->config;
    }
    Mesos__Internal__ImageUser **all = arena_calloc(arena, ret->n_users + 1, sizeof *all);
    if (ret->n_users > 0)
        memcpy(all, ret->users, ret->n_users * sizeof *all);
    all[ret->n_users++] = user;
    ret->users = all;
}

static void
add_failed(const char *id, struct arena *arena, Mesos__Internal__ImageResult *ret)
{
    char **all = arena_calloc(arena, ret->n_failed_containers + 1, sizeof *all);
    if (ret->n_failed_containers > 0)
        memcpy(all, ret->failed_containers, ret->n_failed_containers * sizeof *all);
    all[ret->n_failed_containers++] = arena_strdup(arena, str_of(id));
    ret->failed_containers = all;
}

/* Containers below <above>: known ones are read, what others have is removed, with all that is in them. */
static void
look_below(const char *above, const char *parent, int depth, const Mesos__Internal__ImageRequest *request, struct arena *arena,
           Mesos__Internal__ImageResult *ret)
{
    DIR *dir = opendir(above);
    if (!dir)
        return;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        struct err err = {0};
        auto_free char *id = *parent ? xasprintf("%s.%s", parent, entry->d_name) : xstrdup(entry->d_name);
        auto_free char *directory = xasprintf("%s/%s", above, entry->d_name);
        auto_free char *nested = xasprintf("%s/containers", directory);
        if (is_listed(request->known_containers, request->n_known_containers, id)) {
            read_user(directory, id, arena, ret);
            if (depth < DEPTH_MAX)
                look_below(nested, id, depth + 1, request, arena, ret);
        } else if (rootfs_destroy(directory, &err) < 0) {
            log_error("container %s: its root file system cannot be removed: %s", id, err.text);
            add_failed(id, arena, ret);
        } else {
            log_info("removed the root file system of container %s, which nobody knows", id);
        }
    }
    closedir(dir);
}

/* Tried where it will be used: file systems differ. */
static int
try_overlay(const char *directory, struct err *err)
{
    Mesos__Internal__ImageRootfs rootfs = MESOS__INTERNAL__IMAGE_ROOTFS__INIT;
    struct err undo = {0};
    auto_free char *probe = xasprintf("%s/probe", directory);
    int rc = rootfs_destroy(probe, err);
    if (rc < 0)
        return rc;
    auto_free char *layer = xasprintf("%s/layer", probe), *path = xasprintf("%s/rootfs", probe),
                   *scratch = xasprintf("%s/scratch", probe);
    char *layers[] = {layer};
    rootfs.id = probe;
    rootfs.layers = layers;
    rootfs.n_layers = 1;
    rc = make_dirs(layer, 0755, err);
    rc = rc < 0 ? rc : make_dirs(path, 0755, err);
    rc = rc < 0 ? rc : provision_overlay(scratch, &rootfs, path, err);
    if (rootfs_destroy(probe, &undo) < 0)
        log_warning("%s", undo.text);
    return rc;
}

static int
choose_backend(const Mesos__Internal__ImageRequest *request, struct arena *arena, Mesos__Internal__ImageResult *ret,
               struct err *err)
{
    struct err why = {0};
    if (request->backend && !is_backend(request->backend))
        return err_set(err, -EINVAL, "image_provisioner_backend '%s' is none of overlay|copy|bind", request->backend);
    bool overlay = !request->backend || strcmp(request->backend, "overlay") == 0;
    int rc = overlay ? try_overlay(request->directory, &why) : 0;
    if (rc < 0 && request->backend)
        return err_set(err, -ENOTSUP, "image_provisioner_backend 'overlay' does not work here: %s", why.text);
    if (rc < 0)
        log_warning("root file systems are made by copying: %s", why.text);
    ret->backend = arena_printf(arena, "%s", request->backend ? request->backend : rc < 0 ? "copy" : "overlay");
    return 0;
}

int
rootfs_recover(const Mesos__Internal__ImageRequest *request, struct arena *arena, Mesos__Internal__ImageResult *ret,
               struct err *err)
{
    if (!request->directory || request->directory[0] != '/')
        return err_set(err, -EINVAL, "the request has no directory");
    auto_free char *containers = xasprintf("%s/containers", request->directory);
    int rc = make_dirs(request->directory, 0700, err);
    rc = rc < 0 ? rc : make_dirs(containers, 0700, err);
    rc = rc < 0 ? rc : choose_backend(request, arena, ret, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < request->n_stores; i++)
        store_sweep(request->stores[i]);
    look_below(containers, "", 0, request, arena, ret);
    return 0;
}
