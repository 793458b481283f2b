/* SPDX-License-Identifier: Apache-2.0 */
/* A registry that speaks the distribution API (version 2), over HTTP and TLS, with Bearer tokens and Basic logins. */
#ifndef IMAGE_REGISTRY_H
#define IMAGE_REGISTRY_H

#include "base/buf.h"
#include "base/err.h"
#include "containerizer/image/manifest.h"
#include "containerizer/image/reference.h"

struct registry;

/* fallback: the URL for names without a registry. docker_config: logins, or NULL. */
struct registry *registry_open(const struct reference *reference, const char *fallback, const char *docker_config,
                               long stall_secs, struct err *err);
void registry_close(struct registry *registry);
/* The bytes of a manifest by tag or digest; a digest is verified. */
int registry_manifest(struct registry *registry, const char *name, struct buf *out, struct err *err);
/* A small blob, verified. */
int registry_blob_text(struct registry *registry, const struct blob *blob, struct buf *out, struct err *err);
/* A blob into a file, verified: size and digest. */
int registry_blob(struct registry *registry, const struct blob *blob, int fd, struct err *err);
/* Any URL into a file, for images that are in no registry. max: bytes. */
int download(const char *url, int fd, int64_t max, long stall_secs, struct err *err);

#endif
