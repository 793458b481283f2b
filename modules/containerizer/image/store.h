/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where images are kept, and what makes it safe to be killed at any time: whatever is not whole is below staging/ in a
 * directory that its maker holds locked; what is whole gets its name in one rename.
 *
 *   docker:  layers/<digest of the unpacked layer>/rootfs.overlay   layers/<digest of a configuration>, a file
 *            storedImages, the index   staging/  gc/
 *   appc:    images/<image id>/{manifest,rootfs}   staging/  gc/
 */
#ifndef IMAGE_STORE_H
#define IMAGE_STORE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "containerizer/image/layer.h"
#include "containerizer/image/reference.h"
#include "mesos/internal/slave/docker.pb-c.h"

struct store {
    char *dir;
    char *staging; /* this run's own, or NULL */
    int staging_fd; /* locked while it is in use */
    int lock_fd; /* shared with other pulls, against those who remove */
    unsigned made; /* names given in staging */
};

/* Makes what is missing. kind: "layers" or "images". Waits until nobody removes from it. */
int store_open(struct store *store, const char *dir, const char *kind, struct err *err);
void store_close(struct store *store); /* removes what is staged */
/* A new path in staging; the caller's. */
char *store_staged(struct store *store);
/* A new file in staging; a descriptor, or a negative errno. */
int store_file(struct store *store, struct err *err);
/* Unpacks an archive into <path>/<name> in staging. *ret_path: the caller's. */
int store_unpack(struct store *store, int fd, const char *name, enum layer_kind kind, struct digest *diff, char **ret_path,
                 struct err *err);
/* Makes durable what is staged, once before names are given. */
int store_sync(const struct store *store, struct err *err);
/* Gives a staged directory or file its name. That somebody else was first is fine. */
int store_keep(const struct store *store, const char *staged, const char *path, struct err *err);

/* Docker: the directory of a layer's files when it is there, else NULL; the caller's. */
char *store_layer(const struct store *store, const char *id);
char *store_config(const struct store *store, const char *id);
/* The index. One that is damaged reads as empty: images are pulled again. */
Mesos__Internal__Slave__Docker__Images *store_index(const struct store *store, struct arena *arena);
int store_index_set(const struct store *store, const struct reference *reference, const char *const *layers, size_t count,
                    const char *config, struct err *err);

/* Removes from a Docker store what is in none of these paths and belongs to none of these references. */
int store_prune(const char *dir, char *const *used, size_t used_count, char *const *names, size_t name_count,
                uint64_t *ret_removed, struct err *err);
/* What crashes left in any store. */
void store_sweep(const char *dir);

#endif
