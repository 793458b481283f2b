/* SPDX-License-Identifier: Apache-2.0 */
/* Where the data of persistent volumes is on an agent's disks. */
#ifndef MODEL_VOLUME_PATH_H
#define MODEL_VOLUME_PATH_H

#include "base/str.h"
#include "mesos/v1/mesos.pb-c.h"

/* The caller's; NULL: the resource is no persistent volume. A disk of its own (MOUNT) is the volume as a whole; on others it lies in
 * volumes/roles/<role>/<id>, with ' ' for '/' in the role. */
char *volume_path(const char *work_dir, const Mesos__V1__Resource *resource);
/* The volume is a whole mounted disk: its directory stays when it goes. */
bool volume_is_mount(const Mesos__V1__Resource *resource);

#endif
