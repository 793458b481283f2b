/* SPDX-License-Identifier: Apache-2.0 */
/* See volume_gid.h. */
#include "common/volume_gid.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define RECORD_MAX (64u << 20)
#define DEPTH_MAX 512

static int
wrong(const struct mesos_host *host, const char *text, const char *why)
{
    return host->fail(host, -EINVAL, "Failed to parse volume gid range '%s': %s; write --volume_gid_range=[10000-20000]",
                      text, why);
}

static bool
parse_range(struct str text, struct volume_gid_range *ret)
{
    uint64_t first, last;
    struct str low = str_trim(str_cut(&text, '-')), high = str_trim(text);
    if (str_to_u64(low, &first) < 0 || str_to_u64(high, &last) < 0 || first == 0 || first > last || last >= UINT32_MAX)
        return false;
    *ret = (struct volume_gid_range){(uint32_t)first, (uint32_t)last};
    return true;
}

static uint64_t
total(const struct volume_gids *gids)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < gids->count; i++)
        sum += (uint64_t)gids->ranges[i].last - gids->ranges[i].first + 1;
    return sum;
}

static bool
in_range(const struct volume_gids *gids, uint32_t gid)
{
    for (size_t i = 0; i < gids->count; i++)
        if (gid >= gids->ranges[i].first && gid <= gids->ranges[i].last)
            return true;
    return false;
}

int
volume_gids_init(struct volume_gids *gids, const struct mesos_host *host)
{
    const char *given = host->daemon_option(host, "volume_gid_range");
    *gids = (struct volume_gids){.host = host};
    if (!given || !*given)
        return 0;
    struct str text = str_trim(str_of(given));
    if (geteuid() != 0)
        return host->fail(host, -EPERM, "--volume_gid_range=%s: Volume gid manager requires root privileges", given);
    if (text.len < 2 || text.ptr[0] != '[' || text.ptr[text.len - 1] != ']')
        return wrong(host, given, "it is no list of ranges");
    text = str_n(text.ptr + 1, text.len - 2);
    while (text.len > 0) {
        gids->ranges = xreallocarray(gids->ranges, gids->count + 1, sizeof *gids->ranges);
        if (!parse_range(str_trim(str_cut(&text, ',')), &gids->ranges[gids->count++]))
            return wrong(host, given, "a range is two ids from 1 on, the lower first");
    }
    if (gids->count == 0)
        return wrong(host, given, "it is empty");
    gids->path = xasprintf("%s/meta/volume_gid_manager/volume_gids", host->work_dir);
    return 0;
}

void
volume_gids_fini(struct volume_gids *gids)
{
    free(gids->ranges);
    free(gids->path);
    *gids = (struct volume_gids){0};
}

/* What is given out; never NULL. A torn file (the machine went down) counts as empty. */
static Mesos__Internal__Slave__VolumeGidInfos *
infos_read(const struct volume_gids *gids)
{
    auto_buf struct buf bytes = {0};
    uint32_t len;
    Mesos__Internal__Slave__VolumeGidInfos *infos = NULL;
    if (file_read(gids->path, RECORD_MAX, &bytes, NULL) == 0 && bytes.len >= sizeof len) {
        memcpy(&len, buf_data(&bytes), sizeof len);
        if (len == bytes.len - sizeof len)
            infos = mesos__internal__slave__volume_gid_infos__unpack(NULL, len,
                                                                     (const uint8_t *)buf_data(&bytes) + sizeof len);
    }
    if (!infos) {
        infos = xcalloc(1, sizeof *infos);
        mesos__internal__slave__volume_gid_infos__init(infos);
    }
    return infos;
}

static void
infos_free(Mesos__Internal__Slave__VolumeGidInfos *infos)
{
    mesos__internal__slave__volume_gid_infos__free_unpacked(infos, NULL);
}

static int
infos_write(const struct volume_gids *gids, const Mesos__Internal__Slave__VolumeGidInfos *infos, struct err *err)
{
    auto_buf struct buf bytes = {0};
    uint32_t len = (uint32_t)mesos__internal__slave__volume_gid_infos__get_packed_size(infos);
    buf_append(&bytes, &len, sizeof len);
    buf_added(&bytes, mesos__internal__slave__volume_gid_infos__pack(infos, (uint8_t *)buf_reserve(&bytes, len)));
    auto_free char *dir = xstrndup(gids->path, (size_t)(strrchr(gids->path, '/') - gids->path));
    uint64_t taken = 0;
    for (size_t i = 0; i < infos->n_infos; i++)
        taken += in_range(gids, infos->infos[i]->gid);
    gids->host->gauge(gids->host, "volume_gid_manager/volume_gids_total", (double)total(gids));
    gids->host->gauge(gids->host, "volume_gid_manager/volume_gids_free", (double)(total(gids) - taken));
    int rc = dir_make(dir, 0755, err);
    return rc < 0 ? rc : file_replace(gids->path, buf_data(&bytes), bytes.len, 0600, true, err);
}

/* Volumes that are gone need no group. */
static void
drop_missing(Mesos__Internal__Slave__VolumeGidInfos *infos)
{
    size_t kept = 0;
    for (size_t i = 0; i < infos->n_infos; i++) {
        if (access(infos->infos[i]->path, F_OK) < 0 && errno == ENOENT)
            mesos__internal__slave__volume_gid_info__free_unpacked(infos->infos[i], NULL);
        else
            infos->infos[kept++] = infos->infos[i];
    }
    infos->n_infos = kept;
}

static bool
is_taken(const Mesos__Internal__Slave__VolumeGidInfos *infos, uint32_t gid)
{
    for (size_t i = 0; i < infos->n_infos; i++)
        if (infos->infos[i]->gid == gid)
            return true;
    return false;
}

static uint32_t
first_free(const struct volume_gids *gids, const Mesos__Internal__Slave__VolumeGidInfos *infos)
{
    for (size_t i = 0; i < gids->count; i++)
        for (uint32_t gid = gids->ranges[i].first; gid <= gids->ranges[i].last; gid++)
            if (!is_taken(infos, gid))
                return gid;
    return 0;
}

static int
take_new(struct volume_gids *gids, Mesos__Internal__Slave__VolumeGidInfos *infos, const char *path,
         Mesos__Internal__Slave__VolumeGidInfo__Type type, uint32_t *ret_gid, struct err *err)
{
    drop_missing(infos);
    uint32_t gid = first_free(gids, infos);
    if (gid == 0)
        return err_set(err, -ENOSPC,
                       "Failed to allocate gid to the volume path '%s' because the free gid range is exhausted", path);
    Mesos__Internal__Slave__VolumeGidInfo *info = xcalloc(1, sizeof *info);
    mesos__internal__slave__volume_gid_info__init(info);
    info->has_type = true;
    info->type = type;
    info->path = xstrdup(path);
    info->gid = gid;
    infos->infos = xreallocarray(infos->infos, infos->n_infos + 1, sizeof *infos->infos);
    infos->infos[infos->n_infos++] = info;
    *ret_gid = gid;
    if (infos_write(gids, infos, err) < 0)
        return err_wrap(err, "Failed to save state of volume gid infos");
    return 0;
}

int
volume_gids_take(struct volume_gids *gids, const char *path, Mesos__Internal__Slave__VolumeGidInfo__Type type,
                 uint32_t *ret_gid, bool *ret_fresh, struct err *err)
{
    struct stat is;
    *ret_fresh = false;
    auto_fd int there = file_open_trusted(path, O_PATH);
    if (there < 0 || fstat(there, &is) < 0)
        return err_set(err, there < 0 ? there : -errno, "Failed to stat '%s': %s", path, strerror(there < 0 ? -there : errno));
    if (in_range(gids, is.st_gid)) { /* a volume of a volume, or given before */
        *ret_gid = is.st_gid;
        return 0;
    }
    Mesos__Internal__Slave__VolumeGidInfos *infos = infos_read(gids);
    int rc = 1;
    for (size_t i = 0; i < infos->n_infos && rc == 1; i++)
        if (strcmp(infos->infos[i]->path, path) == 0) {
            *ret_gid = infos->infos[i]->gid;
            rc = 0;
        }
    if (rc == 1)
        rc = take_new(gids, infos, path, type, ret_gid, err);
    *ret_fresh = rc == 0; /* also one whose tree was not done when an agent died */
    infos_free(infos);
    return rc;
}

void
volume_gids_give_back(struct volume_gids *gids, const char *sandbox, void (*each)(void *arg, const char *path),
                      void *arg)
{
    if (!volume_gids_on(gids))
        return;
    Mesos__Internal__Slave__VolumeGidInfos *infos = infos_read(gids);
    size_t len = strlen(sandbox), kept = 0, had = infos->n_infos;
    for (size_t i = 0; i < had; i++) {
        Mesos__Internal__Slave__VolumeGidInfo *info = infos->infos[i];
        if (info->type != MESOS__INTERNAL__SLAVE__VOLUME_GID_INFO__TYPE__SANDBOX_PATH ||
            strncmp(info->path, sandbox, len) != 0 || info->path[len] != '/') {
            infos->infos[kept++] = info;
            continue;
        }
        if (each)
            each(arg, info->path);
        mesos__internal__slave__volume_gid_info__free_unpacked(info, NULL);
    }
    infos->n_infos = kept;
    if (kept != had)
        infos_write(gids, infos, NULL);
    infos_free(infos);
}

static int own_tree(int dir, uint32_t gid, bool shared, int depth, struct err *err);

/* A file with several names may be one of somebody else's: it stays as it is. */
static int
own_entry(int dir, const char *name, uint32_t gid, bool shared, int depth, struct err *err)
{
    struct stat is;
    if (fstatat(dir, name, &is, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : err_errno(err, "Failed to stat '%s'", name);
    if (S_ISDIR(is.st_mode)) {
        int below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below < 0)
            return errno == ENOENT ? 0 : err_errno(err, "Failed to open '%s'", name);
        return own_tree(below, gid, shared, depth + 1, err);
    }
    if (is.st_nlink > 1)
        return 0;
    if (fchownat(dir, name, (uid_t)-1, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
        return err_errno(err, "Chown failed on '%s'", name);
    return 0;
}

/* Takes the descriptor. */
static int
own_tree(int dir, uint32_t gid, bool shared, int depth, struct err *err)
{
    struct stat is;
    DIR *list = depth < DEPTH_MAX ? fdopendir(dir) : NULL;
    if (!list) {
        close(dir);
        return err_set(err, -ELOOP, "directories are nested more than %d deep", DEPTH_MAX);
    }
    int rc = 0;
    if (fstat(dir, &is) < 0 || fchown(dir, (uid_t)-1, gid) < 0 ||
        fchmod(dir, shared ? (is.st_mode & 07777) | S_ISGID | S_IWGRP
                           : (is.st_mode & 07777) & ~(mode_t)(S_ISGID | S_IWGRP)) < 0)
        rc = err_errno(err, "Chown failed");
    for (struct dirent *entry; rc == 0 && (entry = readdir(list));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            rc = own_entry(dir, entry->d_name, gid, shared, depth, err);
    closedir(list);
    return rc;
}

int
volume_gids_own(const char *path, uint32_t gid, bool shared, struct err *err)
{
    struct stat is;
    int fd = file_open_trusted(path, O_RDONLY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &is) < 0) {
        err_set(err, fd < 0 ? fd : -errno, "Failed to open '%s': %s", path, strerror(fd < 0 ? -fd : errno));
        if (fd >= 0)
            close(fd);
        return err->code;
    }
    int rc = 0;
    if (S_ISDIR(is.st_mode)) {
        rc = own_tree(fd, gid, shared, 0, err);
    } else {
        if (fchown(fd, (uid_t)-1, gid) < 0)
            rc = err_errno(err, "Chown failed");
        close(fd);
    }
    return rc < 0 ? err_wrap(err, "Failed to set the owner group of the volume path '%s' to %u", path, gid) : 0;
}
