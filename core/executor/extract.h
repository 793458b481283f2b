/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacking an archive into a sandbox, through libarchive. Blocking; for mesos-fetcher, which is single-threaded. */
#ifndef EXECUTOR_EXTRACT_H
#define EXECUTOR_EXTRACT_H

#include <stdbool.h>
#include "base/err.h"

/* By its name: .tar .tgz .tar.gz .tbz2 .tar.bz2 .txz .tar.xz .zip, and .gz for one compressed file. */
bool extract_is_archive(const char *name);
/*
 * Unpacks the file at `path` below `directory`; name (its suffix) says what it is, and names the result of a lone .gz.
 * Changes the working directory of the process to `directory` while it works. Members that would leave the directory,
 * devices and an archive that would fill the disk are refused; owners and set-id bits are not restored.
 */
int extract_archive(const char *path, const char *name, const char *directory, struct err *err);

#endif
