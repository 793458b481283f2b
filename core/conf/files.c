/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file per option, as the packages of Mesosphere had it: /etc/mesos/zk and /etc/mesos-master/<option>. A
 * file's content is the value; "?quiet" and "?no-quiet" are switches whose content does not matter; a
 * directory such as attributes/ gives one "file:content" pair per file.
 */
#include "conf/set.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"

/* Names in a directory that package managers and editors leave behind; hidden files are skipped without a
 * word. */
static bool
is_leftover(const char *name)
{
    static const char *const ends[] = {"~",        ".dpkg-old", ".dpkg-dist", ".dpkg-new",
                                       ".rpmsave", ".rpmnew",   ".swp"};

    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (str_ends(str_of(name), str_of(ends[i])))
            return true;
    return false;
}

static int
wanted(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && !is_leftover(entry->d_name);
}

/* A file's text without the white space around it, kept by the set. */
static int
read_value(struct option_set *set, const char *path, const char **ret, struct err *err)
{
    auto_buf struct buf content = {0};
    int status = file_read(path, CONF_MAX_FILE_BYTES, &content, err);

    if (status < 0)
        return status;
    if (str_find(buf_str(&content), '\0') >= 0)
        return err_set(err, -EINVAL, "%s: a NUL byte in the file: not text", path);
    *ret = arena_strdup(set->arena, str_trim(buf_str(&content)));
    return 0;
}

static int
give_file(struct option_set *set, const char *path, const char *name, struct err *err)
{
    struct conf_source source = {RANK_FILE, "file", path};
    const struct conf_name *entry;
    const char *value;
    int status;

    if (name[0] == '?') {
        entry = conf_find(set, str_of(name + 1));
        if (entry && entry->setting->option->type != OPTION_BOOL)
            return err_set(err, -EINVAL,
                           "%s: option '%s' is no switch: name the file '%s' and write the value into it",
                           path, name + 1, name + 1);
        return conf_give(set, &source, str_of(name + 1), NULL, err);
    }
    status = read_value(set, path, &value, err);
    if (status < 0)
        return status;
    entry = conf_find(set, str_of(name));
    if (entry && entry->setting->option->type == OPTION_BOOL && !value[0])
        return err_set(err, -EINVAL, "%s: the file is empty: write true or false, or name it '?%s'", path,
                       name);
    return conf_give(set, &source, str_of(name), value, err);
}

/* attributes/rack, resources/cpus: all files of the directory joined to one value. */
static int
give_directory(struct option_set *set, const char *path, const char *name, struct err *err)
{
    struct conf_source source = {RANK_FILE, "file", path};
    const struct conf_name *entry = conf_find(set, str_of(name));
    auto_buf struct buf joined = {0};
    struct dirent **names = NULL;
    int count, status = 0;

    if (!entry || !entry->setting->option->directory)
        return err_set(err, -EINVAL, "%s is a directory: only options made of name:value pairs may be one",
                       path);
    count = scandir(path, &names, wanted, alphasort);
    if (count < 0)
        return err_errno(err, "cannot read %s", path);
    for (int i = 0; i < count; i++) {
        auto_free char *file = xasprintf("%s/%s", path, names[i]->d_name);
        const char *value = "";

        if (status == 0)
            status = read_value(set, file, &value, err);
        if (status == 0 && value[0])
            buf_printf(&joined, "%s%s:%s", joined.len ? ";" : "", names[i]->d_name, value);
        free(names[i]);
    }
    free(names);
    if (status < 0 || joined.len == 0)
        return status;
    return conf_give(set, &source, str_of(name), buf_cstr(&joined), err);
}

static int
give_entry(struct option_set *set, const char *directory, const char *name, struct err *err)
{
    auto_free char *path = xasprintf("%s/%s", directory, name);
    struct stat st;

    if (stat(path, &st) != 0)
        return err_errno(err, "cannot read %s", path);
    if (S_ISDIR(st.st_mode))
        return give_directory(set, path, name, err);
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EINVAL, "%s is no plain file", path);
    return give_file(set, path, name, err);
}

static int
read_directory(struct option_set *set, const char *directory, struct err *err)
{
    struct dirent **names = NULL;
    int count = scandir(directory, &names, wanted, alphasort);
    int status = 0;

    if (count < 0)
        return errno == ENOENT ? 0 : err_errno(err, "cannot read %s", directory);
    for (int i = 0; i < count; i++) {
        if (status == 0)
            status = conf_tolerate(set, give_entry(set, directory, names[i]->d_name, err), err);
        free(names[i]);
    }
    free(names);
    return status;
}

/* /etc/mesos/zk: where the masters are. Empty means nothing, as in the package of old. */
static int
read_zk(struct option_set *set, struct err *err)
{
    auto_free char *path = xasprintf("%s/mesos/zk", set->etc_dir);
    struct conf_source source = {RANK_ZK_FILE, "file", path};
    const char *value;
    int status;

    if (!set->owner.zk_option || access(path, F_OK) != 0)
        return 0;
    status = read_value(set, path, &value, err);
    if (status < 0 || !value[0])
        return status;
    return conf_give(set, &source, str_of(set->owner.zk_option), value, err);
}

int
conf_read_files(struct option_set *set, struct err *err)
{
    int status = conf_tolerate(set, read_zk(set, err), err);

    for (size_t i = 0; status == 0 && set->owner.etc_dirs && set->owner.etc_dirs[i]; i++) {
        auto_free char *directory = xasprintf("%s/%s", set->etc_dir, set->owner.etc_dirs[i]);

        status = conf_tolerate(set, read_directory(set, directory, err), err);
    }
    return status;
}
