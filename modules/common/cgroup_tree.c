/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the hierarchy of a controller, mounts what is missing, makes cgroups_root. See cgroup.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/str.h"
#include "cgroup.h"
#include "cgroup_inside.h"

#define CONTROLLERS_MAX 4096 /* bytes of a list */

int
cgroup_version(const char *hierarchy)
{
    struct statfs fs;
    return statfs(hierarchy, &fs) == 0 && (unsigned long)fs.f_type == CGROUP2_SUPER_MAGIC ? 2 : 1;
}

static bool
list_has(struct str list, char separator, const char *word)
{
    while (list.len > 0)
        if (str_is(str_trim(str_cut(&list, separator)), word))
            return true;
    return false;
}

static void
controllers_of_v2(const char *hierarchy, void (*found)(void *arg, const char *controller), void *arg)
{
    char text[CONTROLLERS_MAX];
    auto_fd int fd = open(hierarchy, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || cgroup_fd_read(fd, "cgroup.controllers", text, sizeof text) < 0)
        return;
    struct str rest = str_trim(str_of(text));
    while (rest.len > 0) {
        auto_free char *name = str_dup(str_cut(&rest, ' '));
        found(arg, name);
    }
}

/* Lines "name hierarchy groups enabled". */
static void
controllers_of_v1(void (*found)(void *arg, const char *controller), void *arg)
{
    char text[CONTROLLERS_MAX];
    if (cgroup_fd_read(AT_FDCWD, "/proc/cgroups", text, sizeof text) < 0)
        return;
    struct str rest = str_of(text);
    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n'), name = str_cut(&line, '\t');
        if (name.len == 0 || name.ptr[0] == '#' || !str_ends(line, STR_LIT("\t1")))
            continue;
        auto_free char *controller = str_dup(name);
        found(arg, controller);
    }
}

void
cgroup_controllers(const char *hierarchy, void (*found)(void *arg, const char *controller), void *arg)
{
    if (cgroup_version(hierarchy) == 2)
        controllers_of_v2(hierarchy, found, arg);
    else
        controllers_of_v1(found, arg);
}

struct wanted {
    const char *controller;
    bool found;
};

static void
is_it(void *arg, const char *controller)
{
    struct wanted *wanted = arg;
    wanted->found = wanted->found || strcmp(controller, wanted->controller) == 0;
}

bool
cgroup_supported(const char *hierarchy, const char *controller)
{
    struct wanted wanted = {controller, false};
    cgroup_controllers(hierarchy, is_it, &wanted);
    return wanted.found;
}

/* mountinfo writes space, tab, newline and backslash as three octal digits. */
static char *
unescape(struct str text)
{
    char *path = str_dup(text), *to = path;
    for (const char *from = path; *from; to++) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' && from[2] <= '7' && from[3] >= '0' &&
            from[3] <= '7') {
            *to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
    return path;
}

/* The mount point, when a line of mountinfo is the v1 hierarchy of the controller; NULL else. */
static char *
mount_of_line(struct str line, const char *controller)
{
    struct str fields[6];
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) /* id parent device root mount-point options */
        fields[i] = str_cut(&line, ' ');
    while (line.len > 0 && !str_is(str_cut(&line, ' '), "-")) {
        /* optional fields */
    }
    struct str type = str_cut(&line, ' ');
    str_cut(&line, ' '); /* source */
    if (!str_is(type, "cgroup") || !str_is(fields[3], "/") || !list_has(line, ',', controller))
        return NULL;
    return unescape(fields[4]);
}

static bool
is_below(const char *path, const char *directory)
{
    size_t len = strlen(directory);
    while (len > 0 && directory[len - 1] == '/')
        len--;
    return strncmp(path, directory, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Where the controller is mounted, below hierarchy first; NULL = nowhere. */
static char *
find_mount(const char *hierarchy, const char *controller)
{
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    char *line = NULL, *best = NULL;
    size_t size = 0;
    bool below = false;
    for (ssize_t n; mounts && (n = getline(&line, &size, mounts)) > 0;) {
        auto_free char *path = mount_of_line(str_trim(str_n(line, (size_t)n)), controller);
        if (!path || below || (best && !is_below(path, hierarchy)))
            continue;
        below = is_below(path, hierarchy);
        free(best);
        best = take(&path);
    }
    free(line);
    if (mounts)
        fclose(mounts);
    return best;
}

static int
mount_missing(const char *hierarchy, const char *controller, char **ret, struct err *err)
{
    auto_free char *path = xasprintf("%s/%s", hierarchy, controller);
    bool made = mkdir(path, 0755) == 0;
    if (!made && errno != EEXIST)
        return err_errno(err, "no cgroup hierarchy of '%s' is mounted, and '%s' cannot be made to mount it", controller, path);
    if (mount("cgroup", path, "cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, controller) < 0) {
        err_errno(err, "no cgroup hierarchy of '%s' is mounted, and it cannot be mounted at '%s'", controller, path);
        if (made)
            rmdir(path);
        return err ? err->code : -EIO;
    }
    *ret = take(&path);
    return 0;
}

static int
find_hierarchy(struct cgroup_tree *tree, const char *hierarchy, const char *controller, struct err *err)
{
    if (controller && !cgroup_supported(hierarchy, controller) &&
        !(tree->version == 2 && strcmp(controller, "freezer") == 0))
        return err_set(err, -ENOTSUP, tree->version == 2 ? "cgroup controller '%s' is not offered in '%s'"
                                                         : "the kernel has no cgroup controller '%s' (hierarchy '%s')",
                       controller, hierarchy);
    if (tree->version == 2) {
        tree->mount = xstrdup(hierarchy);
        if (controller && strcmp(controller, "freezer") != 0)
            snprintf(tree->controller, sizeof tree->controller, "%s", controller);
        return 0;
    }
    if (!controller)
        return err_set(err, -EINVAL, "'%s' is no cgroup2 file system", hierarchy);
    tree->mount = find_mount(hierarchy, controller);
    return tree->mount ? 0 : mount_missing(hierarchy, controller, &tree->mount, err);
}

/* cgroups_root may have several names; each level is made as a container's would be. */
static int
make_root(struct cgroup_tree *tree, struct err *err)
{
    auto_fd int mount_fd = open(tree->mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (mount_fd < 0)
        return err_errno(err, "cannot open the cgroup hierarchy '%s'", tree->mount);
    int rc = cgroup_fd_enable(mount_fd, "", tree->controller);
    tree->cpuset = tree->version == 1 && faccessat(mount_fd, "cpuset.cpus", F_OK, 0) == 0;
    for (const char *end = tree->root; *end && rc >= 0;) {
        end = strchrnul(*end == '/' ? end + 1 : end, '/');
        auto_free char *part = xstrndup(tree->root, (size_t)(end - tree->root));
        if (mkdirat(mount_fd, part, 0755) < 0 && errno != EEXIST)
            rc = -errno;
        else
            rc = tree->version == 2 ? cgroup_fd_enable(mount_fd, part, tree->controller)
                 : tree->cpuset     ? cgroup_fd_cpuset(mount_fd, part)
                                    : 0;
    }
    if (rc >= 0)
        tree->fd = openat(mount_fd, tree->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (rc < 0 || tree->fd < 0)
        return err_set(err, rc < 0 ? rc : -errno, "cannot make the cgroup '%s/%s': %s%s", tree->mount, tree->root,
                       strerror(rc < 0 ? -rc : errno), rc == -EACCES || rc == -EPERM ? "; run the agent as root" : "");
    tree->freezer = tree->version == 1 && faccessat(tree->fd, "freezer.state", F_OK, 0) == 0;
    return 0;
}

/* Names between slashes, none of them empty, "." or "..". */
static bool
is_root(struct str root)
{
    if (root.len == 0 || root.len > 512)
        return false;
    while (root.len > 0) {
        struct str name = str_cut(&root, '/');
        if (name.len == 0 || name.len > 255 || str_is(name, ".") || str_is(name, ".."))
            return false;
    }
    return true;
}

int
cgroup_tree_open(struct cgroup_tree *ret, const char *hierarchy, const char *root, const char *controller,
                 struct err *err)
{
    struct cgroup_tree tree = CGROUP_TREE_INIT;
    struct str name = str_of(root);
    while (name.len > 0 && name.ptr[0] == '/')
        name = str_n(name.ptr + 1, name.len - 1);
    while (name.len > 0 && name.ptr[name.len - 1] == '/')
        name.len--;
    if (!is_root(name))
        return err_set(err, -EINVAL, "cgroups_root '%s' is no name of a cgroup: write e.g. mesos or a/b", root);
    tree.version = cgroup_version(hierarchy);
    tree.root = str_dup(name);
    int rc = find_hierarchy(&tree, hierarchy, controller, err);
    if (rc == 0)
        rc = make_root(&tree, err);
    if (rc < 0)
        cgroup_tree_close(&tree);
    else
        *ret = tree;
    return rc;
}

void
cgroup_tree_close(struct cgroup_tree *tree)
{
    close_at(&tree->fd);
    free(tree->mount);
    free(tree->root);
    *tree = CGROUP_TREE_INIT;
}

bool
cgroup_tree_same(const struct cgroup_tree *a, const struct cgroup_tree *b)
{
    return a->version == b->version && strcmp(a->mount, b->mount) == 0 && strcmp(a->root, b->root) == 0;
}

int
cgroup_join_agent(const struct cgroup_tree *tree, struct err *err)
{
    const char *path = tree->version == 2 ? "agent/leaf" : "slave";
    char file[64], own[32];
    if ((tree->version == 2 && mkdirat(tree->fd, "agent", 0755) < 0 && errno != EEXIST) ||
        (mkdirat(tree->fd, path, 0755) < 0 && errno != EEXIST))
        return err_errno(err, "cannot make the agent's cgroup '%s/%s/%s'", tree->mount, tree->root, path);
    int rc = tree->cpuset ? cgroup_fd_cpuset(tree->fd, path) : 0;
    snprintf(file, sizeof file, "%s/cgroup.procs", path);
    snprintf(own, sizeof own, "%d", (int)getpid());
    if (rc == 0)
        rc = cgroup_fd_write(tree->fd, file, own);
    return rc < 0 ? err_set(err, rc, "cannot put the agent into its cgroup '%s/%s/%s': %s", tree->mount, tree->root, path,
                            strerror(-rc))
                  : 0;
}

int
cgroup_join_listed(const char *hierarchy, const char *root, const char *controllers, struct err *err)
{
    struct str rest = str_of(controllers);
    int rc = 0;
    while (rest.len > 0 && rc == 0 && cgroup_version(hierarchy) == 1) {
        struct cgroup_tree tree = CGROUP_TREE_INIT;
        auto_free char *controller = str_dup(str_trim(str_cut(&rest, ',')));
        rc = cgroup_tree_open(&tree, hierarchy, root, controller, err);
        if (rc == 0)
            rc = cgroup_join_agent(&tree, err);
        cgroup_tree_close(&tree);
    }
    return rc < 0 ? err_wrap(err, "--agent_subsystems=%s", controllers) : 0;
}
