/* SPDX-License-Identifier: Apache-2.0 */
/* The stores on disk: staging, names, the index, removal. Called by the pullers and by prune; knows no registry. */
#include "containerizer/image/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"
#include "wire/message.h"

enum { INDEX_MAX_BYTES = 64 << 20 };

static int
open_lock(const char *dir, const char *name, int how, struct err *err)
{
    auto_free char *path = xasprintf("%s/%s", dir, name);
    auto_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, "cannot open '%s'", path);
    while (flock(fd, how) < 0)
        if (errno != EINTR)
            return err_errno(err, "cannot lock '%s'", path);
    return take_fd(&fd);
}

/* Private: layers have setuid programs of anybody's. */
static int
make_below(const char *dir, const char *name, struct err *err)
{
    struct stat st;
    auto_free char *path = xasprintf("%s/%s", dir, name);
    int rc = dir_make(path, 0700, err);
    if (rc < 0)
        return rc;
    /* The usual place is in /tmp, where anybody may have been before. */
    if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
        return err_set(err, -EPERM, "the image store's '%s' is no directory of ours: somebody else made it", path);
    return 0;
}

static int
stage(struct store *store, struct err *err)
{
    auto_free char *path = xasprintf("%s/staging/XXXXXX", store->dir);
    if (!mkdtemp(path))
        return err_errno(err, "cannot make a directory in '%s/staging'", store->dir);
    store->staging = take(&path);
    store->staging_fd = open(store->staging, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->staging_fd < 0 || flock(store->staging_fd, LOCK_EX | LOCK_NB) < 0)
        return err_errno(err, "cannot lock '%s'", store->staging);
    return 0;
}

/* Whoever could exchange a directory on the way could exchange what containers run: each is ours or root's, and one that
 * others may write, as /tmp, lets nobody rename what is another's. */
static int
check_way(const char *dir, struct err *err)
{
    auto_free char *path = xstrdup(dir);
    for (;;) {
        struct stat st;
        const char *at = *path ? path : "/";
        if (stat(at, &st) < 0)
            return err_errno(err, "cannot look at '%s'", at);
        bool shared = st.st_mode & (S_IWGRP | S_IWOTH);
        if ((st.st_uid != 0 && st.st_uid != geteuid()) || (shared && !(st.st_mode & S_ISVTX)))
            return err_set(err, -EPERM, "the image store '%s' is not safe: others may exchange '%s'", dir, at);
        char *slash = strrchr(path, '/');
        if (!slash)
            return 0;
        *slash = '\0';
        if (!*path && at[0] == '/' && !at[1])
            return 0;
    }
}

int
store_open(struct store *store, const char *dir, const char *kind, struct err *err)
{
    *store = (struct store){.dir = xstrdup(dir), .staging_fd = -1, .lock_fd = -1};
    int rc = dir_make(dir, 0755, err);
    rc = rc < 0 ? rc : check_way(dir, err);
    rc = rc < 0 ? rc : make_below(dir, kind, err);
    rc = rc < 0 ? rc : make_below(dir, "staging", err);
    rc = rc < 0 ? rc : make_below(dir, "gc", err);
    if (rc < 0)
        return rc;
    store->lock_fd = open_lock(dir, "lock", LOCK_SH, err);
    return store->lock_fd < 0 ? store->lock_fd : stage(store, err);
}

void
store_close(struct store *store)
{
    struct err err = {0};
    if (store->staging && dir_remove(store->staging, &err) < 0)
        log_warning("%s", err.text);
    close_at(&store->staging_fd);
    close_at(&store->lock_fd);
    free(store->staging);
    free(store->dir);
    *store = (struct store){.staging_fd = -1, .lock_fd = -1};
}

char *
store_staged(struct store *store)
{
    return xasprintf("%s/%u", store->staging, store->made++);
}

int
store_file(struct store *store, struct err *err)
{
    auto_free char *path = store_staged(store);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        unlink(path); /* its bytes are of no use once this run is over */
    return fd >= 0 ? fd : err_errno(err, "cannot make '%s'", path);
}

int
store_unpack(struct store *store, int fd, const char *name, enum layer_kind kind, struct digest *diff, char **ret_path,
             struct err *err)
{
    auto_free char *path = store_staged(store);
    auto_free char *target = xasprintf("%s/%s", path, name);
    if (mkdir(path, 0700) < 0 || mkdir(target, 0755) < 0 || chmod(target, 0755) < 0)
        return err_errno(err, "cannot make '%s'", target);
    int rc = layer_extract(fd, target, kind, &LAYER_LIMITS, diff, err);
    if (rc == 0)
        *ret_path = take(&path);
    return rc;
}

int
store_sync(const struct store *store, struct err *err)
{
    int rc = fault("image/sync");
    if (rc < 0)
        return err_set(err, rc, "cannot write the image to the disk: %s", strerror(-rc));
    return syncfs(store->staging_fd) < 0 ? err_errno(err, "cannot write the image to the disk") : 0;
}

int
store_keep(const struct store *store, const char *staged, const char *path, struct err *err)
{
    int rc = fault("image/keep");
    if (rc < 0)
        return err_set(err, rc, "cannot keep '%s': %s", path, strerror(-rc));
    if (rename(staged, path) == 0 || errno == EEXIST || errno == ENOTEMPTY)
        return 0;
    return err_errno(err, "cannot rename '%s' to '%s'", staged, path);
}

/* ---- docker ---- */

char *
store_layer(const struct store *store, const char *id)
{
    static const char *const names[] = {"rootfs.overlay", "rootfs"}; /* the other one is of Apache Mesos */
    struct stat st;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char *path = xasprintf("%s/layers/%s/%s", store->dir, id, names[i]);
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
            return path;
        free(path);
    }
    return NULL;
}

char *
store_config(const struct store *store, const char *id)
{
    struct stat st;
    char *path = xasprintf("%s/layers/%s", store->dir, id);
    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
        return path;
    free(path);
    return NULL;
}

/* As Mesos keeps it: the length in four bytes, then the message. */
static Mesos__Internal__Slave__Docker__Images *
read_index(const char *dir, struct arena *arena)
{
    auto_buf struct buf bytes = {0};
    auto_free char *path = xasprintf("%s/storedImages", dir);
    struct err err = {0};
    uint32_t len;
    Mesos__Internal__Slave__Docker__Images *images = NULL;
    int rc = file_read(path, INDEX_MAX_BYTES, &bytes, &err);
    if (rc == 0 && bytes.len >= sizeof len) {
        memcpy(&len, buf_data(&bytes), sizeof len);
        if (len == bytes.len - sizeof len)
            images = MESSAGE_UNPACK(Mesos__Internal__Slave__Docker__Images, mesos__internal__slave__docker__images,
                                    str_n(buf_data(&bytes) + sizeof len, len), arena, &err);
    }
    if (images)
        return images;
    if (access(path, F_OK) == 0)
        log_warning("the index '%s' is damaged; images will be pulled again", path);
    images = arena_calloc(arena, 1, sizeof *images);
    mesos__internal__slave__docker__images__init(images);
    return images;
}

Mesos__Internal__Slave__Docker__Images *
store_index(const struct store *store, struct arena *arena)
{
    return read_index(store->dir, arena);
}

static int
write_index(const char *dir, const Mesos__Internal__Slave__Docker__Images *images, struct err *err)
{
    auto_buf struct buf packed = {0}, record = {0};
    auto_free char *path = xasprintf("%s/storedImages", dir);
    message_pack(&packed, images);
    uint32_t len = (uint32_t)packed.len;
    buf_append(&record, &len, sizeof len);
    buf_append(&record, buf_data(&packed), packed.len);
    return file_replace(path, buf_data(&record), record.len, 0600, true, err);
}

static bool
is_same_image(const Docker__Spec__ImageReference *a, const struct reference *b)
{
    static const char none[] = "";
    return strcmp(a->registry ? a->registry : none, b->registry ? b->registry : none) == 0 &&
           strcmp(a->repository, b->repository) == 0 && strcmp(a->tag ? a->tag : none, b->tag ? b->tag : none) == 0 &&
           strcmp(a->digest ? a->digest : none, b->digest ? b->digest : none) == 0;
}

int
store_index_set(const struct store *store, const struct reference *reference, const char *const *layers, size_t count,
                const char *config, struct err *err)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_fd int lock = open_lock(store->dir, "storedImages.lock", LOCK_EX, err);
    if (lock < 0)
        return lock;
    Mesos__Internal__Slave__Docker__Images *images = read_index(store->dir, arena);
    Mesos__Internal__Slave__Docker__Image **all = arena_calloc(arena, images->n_images + 1, sizeof *all);
    size_t n = 0;
    for (size_t i = 0; i < images->n_images; i++)
        if (!is_same_image(images->images[i]->reference, reference))
            all[n++] = images->images[i];
    Mesos__Internal__Slave__Docker__Image *image = arena_calloc(arena, 1, sizeof *image);
    mesos__internal__slave__docker__image__init(image);
    image->reference = arena_calloc(arena, 1, sizeof *image->reference);
    docker__spec__image_reference__init(image->reference);
    image->reference->registry = reference->registry;
    image->reference->repository = reference->repository;
    image->reference->tag = reference->tag;
    image->reference->digest = reference->digest;
    image->layer_ids = arena_calloc(arena, count + 1, sizeof *image->layer_ids);
    for (size_t i = 0; i < count; i++)
        image->layer_ids[image->n_layer_ids++] = arena_strdup(arena, str_of(layers[i]));
    image->config_digest = arena_strdup(arena, str_of(config));
    all[n++] = image;
    images->images = all;
    images->n_images = n;
    return write_index(store->dir, images, err);
}

/* ---- removal ---- */

struct pruning {
    const char *dir;
    const char **kept; /* names below layers/ */
    size_t kept_count;
    uint64_t removed;
};

static bool
is_kept(const struct pruning *p, const char *name)
{
    for (size_t i = 0; i < p->kept_count; i++)
        if (strcmp(p->kept[i], name) == 0)
            return true;
    return false;
}

static void
keep(struct pruning *p, struct arena *arena, struct str name)
{
    if ((p->kept_count & (p->kept_count + 1)) == 0) /* 0, 1, 3, 7...: room for twice as many */
        p->kept = xreallocarray(p->kept, (p->kept_count + 1) * 2, sizeof *p->kept);
    p->kept[p->kept_count++] = arena_strdup(arena, name);
}

/* <dir>/layers/<name>[/...] -> <name> */
static void
keep_path(struct pruning *p, struct arena *arena, const char *path)
{
    auto_free char *below = xasprintf("%s/layers/", p->dir);
    if (strncmp(path, below, strlen(below)) != 0)
        return;
    struct str rest = str_of(path + strlen(below));
    keep(p, arena, str_cut(&rest, '/'));
}

static bool
is_excluded(const Docker__Spec__ImageReference *reference, char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct reference parsed = {0};
        bool same = reference_parse(str_of(names[i]), &parsed, NULL) == 0 && is_same_image(reference, &parsed);
        reference_fini(&parsed);
        if (same)
            return true;
    }
    return false;
}

static bool
has_all(const struct pruning *p, const Mesos__Internal__Slave__Docker__Image *image)
{
    for (size_t i = 0; i < image->n_layer_ids; i++)
        if (!is_kept(p, image->layer_ids[i]))
            return false;
    return !image->config_digest || is_kept(p, image->config_digest);
}

/* Images that stay in the index: those excluded, and those of which everything is in use. */
static int
prune_index(struct pruning *p, char *const *names, size_t count, struct arena *arena, struct err *err)
{
    Mesos__Internal__Slave__Docker__Images *images = read_index(p->dir, arena);
    size_t n = 0;
    for (size_t i = 0; i < images->n_images; i++) {
        const Mesos__Internal__Slave__Docker__Image *image = images->images[i];
        if (!is_excluded(image->reference, names, count))
            continue;
        for (size_t k = 0; k < image->n_layer_ids; k++)
            keep(p, arena, str_of(image->layer_ids[k]));
        if (image->config_digest)
            keep(p, arena, str_of(image->config_digest));
    }
    for (size_t i = 0; i < images->n_images; i++)
        if (has_all(p, images->images[i]))
            images->images[n++] = images->images[i];
    images->n_images = n;
    return write_index(p->dir, images, err); /* before layers go: who is killed here has lost nothing but time */
}

static int
move_away(struct pruning *p, struct err *err)
{
    auto_free char *layers = xasprintf("%s/layers", p->dir);
    DIR *dir = opendir(layers);
    int rc = 0;
    if (!dir)
        return errno == ENOENT ? 0 : err_errno(err, "cannot read '%s'", layers);
    for (const struct dirent *entry; rc == 0 && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.' || is_kept(p, entry->d_name))
            continue;
        auto_free char *from = xasprintf("%s/%s", layers, entry->d_name);
        auto_free char *to = xasprintf("%s/gc/%s.%d", p->dir, entry->d_name, (int)getpid());
        if (rename(from, to) < 0)
            rc = err_errno(err, "cannot remove '%s'", from);
        else
            p->removed++;
    }
    closedir(dir);
    return rc;
}

static void
empty_gc(const char *store)
{
    auto_free char *gc = xasprintf("%s/gc", store);
    DIR *dir = opendir(gc);
    if (!dir)
        return;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct err err = {0};
        auto_free char *path = xasprintf("%s/%s", gc, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && dir_remove(path, &err) < 0)
            log_warning("%s", err.text);
    }
    closedir(dir);
}

int
store_prune(const char *dir, char *const *used, size_t used_count, char *const *names, size_t name_count,
            uint64_t *ret_removed, struct err *err)
{
    auto_arena struct arena *arena = arena_new(0);
    struct pruning p = {.dir = dir};
    if (access(dir, F_OK) < 0)
        return 0; /* nothing was ever pulled */
    int rc = make_below(dir, "gc", err);
    if (rc < 0)
        return rc;
    auto_fd int lock = open_lock(dir, "lock", LOCK_EX, err);
    if (lock < 0)
        return lock;
    for (size_t i = 0; i < used_count; i++)
        keep_path(&p, arena, used[i]);
    rc = prune_index(&p, names, name_count, arena, err);
    if (rc == 0)
        rc = move_away(&p, err);
    free(p.kept);
    *ret_removed = p.removed;
    close(take_fd(&lock)); /* pulls may go on while the bytes go */
    empty_gc(dir);
    return rc;
}

void
store_sweep(const char *store)
{
    auto_free char *staging = xasprintf("%s/staging", store);
    DIR *dir = opendir(staging);
    if (!dir)
        return;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct err err = {0};
        auto_free char *path = xasprintf("%s/%s", staging, entry->d_name);
        if (entry->d_name[0] == '.')
            continue;
        auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
            continue; /* somebody is at work in it */
        if (dir_remove(path, &err) < 0)
            log_warning("%s", err.text);
    }
    closedir(dir);
    empty_gc(store);
}
