/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths in directories that belong to others than us (a task's sandbox, an image's root file system), used as root: what
 * lies there may be a link to anywhere, and may change while we look.
 */
#ifndef MODULES_COMMON_SAFE_PATH_H
#define MODULES_COMMON_SAFE_PATH_H

#include <sys/stat.h>
#include "base/str.h"

enum safe_path_rule {
    SAFE_PATH_NO_LINKS, /* a link anywhere below root is an error, and so is ".." */
    SAFE_PATH_IN_ROOT, /* links and ".." are followed as after chroot(root): never out of it */
};

enum safe_path_kind { SAFE_PATH_DIRECTORY, SAFE_PATH_FILE };

/* Opens (O_PATH) what is at `path` below `root`, whose own links are followed
 * where nobody but root or ourselves can have put them. The descriptor, or -errno and err. */
int safe_path_open(const char *root, const char *path, enum safe_path_rule rule, struct err *err);
/* Makes `path` and the directories above it where they are missing; a file is made empty. What is made belongs to owner (NULL =
 * whoever has `root`) when we are root. What is there stays as it is, of whatever kind. *ret_made tells whether the last one was made. */
int safe_path_make(const char *root, const char *path, enum safe_path_rule rule, enum safe_path_kind kind,
                   const struct stat *owner, bool *ret_made, struct err *err);
/* "a/b/c": relative, not empty, no "..". */
bool safe_path_is_inside(const char *path);

#endif
