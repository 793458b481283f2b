/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nested and standalone containers need beyond the others: the ground they stand on (a sandbox in their parent's,
 * directories below runtime_dir, an environment), their removal, and the questions which there are.
 *
 * A sandbox belongs to the task's user, who may put links anywhere in it: below a root's sandbox every step is taken from
 * an open directory and follows none.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/file.h"
#include "native.h"

#define PATH_ENTRY "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define ENVIRONMENT_MAX (4u << 20)
#define STATUS_MAX 32
#define PATH_BYTES_MAX 3800 /* of a sandbox or runtime directory: files in it have names too */

/* Works on another thread, with copies. */
struct ground {
    struct native *native;
    void (*done)(struct container *container, int status, const char *error);
    char *id, *name;
    char *root_sandbox; /* nested: what is trusted not to move */
    char *sandbox, *runtime_dir;
    char *parent_environment; /* debug: the file that its parent's is in, */
    pid_t parent_pid; /* or its process */
    bool standalone, debug, has_user;
    uid_t uid;
    gid_t gid;
    struct buf environment;
    int status;
    struct err err;
};

int
nested_check(struct native *native, const char *id, struct container **ret_parent, struct err *err)
{
    unsigned depth = 0;
    for (struct str rest = str_of(id); rest.len > 0 || depth == 0; depth++) {
        size_t before = rest.len;
        struct str name = str_cut(&rest, '.');
        if (name.len == 0 || name.len > 242 || memchr(name.ptr, '/', name.len) ||
            (name.len == before - 1 && rest.len == 0)) /* a dot at the end */
            return err_set(err, -EINVAL, "'%.300s' is no container id", id);
    }
    if (depth > DEPTH_MAX)
        return err_set(err, -EINVAL, "container '%.300s' is nested %u deep: %d is the most", id, depth, DEPTH_MAX);
    *ret_parent = NULL;
    const char *dot = strrchr(id, '.');
    if (!dot)
        return 0;
    struct container *parent = map_get(&native->containers, str_n(id, (size_t)(dot - id)));
    if (!parent || parent->state != STATE_RUNNING || parent->exited || parent->destroy_wanted)
        return err_set(err, -ENOENT, "Parent container %.*s does not exist", (int)(dot - id), id);
    if (strlen(parent->sandbox) + strlen(dot) > PATH_BYTES_MAX || strlen(parent->runtime_dir) + strlen(dot) > PATH_BYTES_MAX)
        return err_set(err, -ENAMETOOLONG, "container '%.300s...' is nested so deep that its sandbox's path is too long", id);
    *ret_parent = parent;
    return 0;
}

/* ---- on the other thread ---- */

/* The directory `path` below the root sandbox, made where asked. A descriptor, or a negative errno. */
static int
descend(const struct ground *ground, const char *path, bool make)
{
    auto_fd int at = open(ground->root_sandbox, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return -errno;
    struct str rest = str_of(path);
    while (rest.len > 0) {
        struct str name = str_cut(&rest, '/');
        if (name.len == 0)
            continue;
        auto_free char *text = str_dup(name);
        if (make && mkdirat(at, text, rest.len > 0 ? 0755 : 0750) < 0 && errno != EEXIST)
            return -errno;
        int next = openat(at, text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return -errno;
        close(at);
        at = next;
    }
    return take_fd(&at);
}

static int
make_sandbox(struct ground *ground)
{
    auto_fd int fd = -1;
    if (ground->standalone) {
        auto_free char *above = str_dup(str_n(ground->sandbox, (size_t)(strrchr(ground->sandbox, '/') - ground->sandbox)));
        struct err err = {0};
        if (dir_make(above, 0755, &err) < 0)
            return err.code;
        if (mkdir(ground->sandbox, 0750) < 0 && errno != EEXIST)
            return -errno;
        fd = open(ground->sandbox, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return -errno;
    } else {
        fd = descend(ground, ground->sandbox + strlen(ground->root_sandbox), true);
        if (fd < 0)
            return fd;
    }
    if (ground->has_user && ground->uid != geteuid() && fchown(fd, ground->uid, ground->gid) < 0)
        return -errno;
    return 0;
}

static int
mark(const struct ground *ground, const char *name)
{
    auto_free char *path = xasprintf("%s/%s", ground->runtime_dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

static int
make_runtime(const struct ground *ground)
{
    struct err err = {0};
    int rc = dir_make(ground->runtime_dir, 0755, &err);
    if (rc == 0 && ground->standalone)
        rc = mark(ground, "standalone.marker");
    if (rc == 0 && ground->debug)
        rc = mark(ground, "force_destroy_on_recovery");
    return rc;
}

static bool
names_same(struct str a, struct str b)
{
    const char *equals = memchr(a.ptr, '=', a.len);
    size_t len = equals ? (size_t)(equals - a.ptr) + 1 : a.len;
    return b.len >= len && memcmp(a.ptr, b.ptr, len) == 0;
}

static bool
has_name(struct str entries, struct str entry)
{
    while (entries.len > 0) {
        if (names_same(entry, str_cut(&entries, '\0')))
            return true;
    }
    return false;
}

static void
add(struct buf *out, struct str entry)
{
    buf_append_str(out, entry);
    buf_putc(out, '\0');
}

/* An init of ours has no environment; what it stands above has. */
static void
inherit_below(pid_t init, struct buf *out)
{
    auto_buf struct buf children = {0};
    auto_free char *list = xasprintf("/proc/%d/task/%d/children", (int)init, (int)init);
    uint64_t pid;
    file_read(list, STATUS_MAX * 16, &children, NULL);
    struct str rest = buf_str(&children);
    if (str_to_u64(str_cut(&rest, ' '), &pid) < 0)
        return;
    auto_free char *path = xasprintf("/proc/%llu/environ", (unsigned long long)pid);
    file_read(path, ENVIRONMENT_MAX, out, NULL);
}

/* What the parent has, under what the container is given itself. A parent that does not tell has none. */
static void
inherit(struct ground *ground, struct buf *out)
{
    auto_buf struct buf parent = {0};
    if (file_read(ground->parent_environment, ENVIRONMENT_MAX, &parent, NULL) < 0 && ground->parent_pid > 0) {
        auto_free char *path = xasprintf("/proc/%d/environ", (int)ground->parent_pid);
        buf_clear(&parent);
        file_read(path, ENVIRONMENT_MAX, &parent, NULL);
    }
    if (parent.len == 0 && ground->parent_pid > 0)
        inherit_below(ground->parent_pid, &parent);
    struct str rest = buf_str(&parent);
    while (rest.len > 0) {
        struct str entry = str_cut(&rest, '\0');
        if (names_same(STR_LIT("MESOS_EXECUTOR_AUTHENTICATION_TOKEN="), entry))
            continue; /* its executor's alone */
        if (entry.len > 0 && !has_name(buf_str(out), entry) && !has_name(buf_str(&ground->environment), entry))
            add(out, entry);
    }
}

/* The id comes first: what is left of the container is known by it. */
static int
make_environment(struct ground *ground)
{
    auto_buf struct buf out = {0};
    buf_printf(&out, "MESOS_CONTAINER_ID=%s", ground->id);
    buf_putc(&out, '\0');
    if (ground->debug)
        inherit(ground, &out);
    for (struct str rest = buf_str(&ground->environment); rest.len > 0;) {
        struct str entry = str_cut(&rest, '\0');
        if (!names_same(STR_LIT("MESOS_CONTAINER_ID="), entry))
            add(&out, entry);
    }
    auto_free char *sandbox = xasprintf("MESOS_SANDBOX=%s", ground->sandbox);
    if (!has_name(buf_str(&out), str_of(sandbox)))
        add(&out, str_of(sandbox));
    if (!has_name(buf_str(&out), STR_LIT(PATH_ENTRY)))
        add(&out, STR_LIT(PATH_ENTRY));
    buf_fini(&ground->environment);
    ground->environment = out;
    out = (struct buf){0};
    auto_free char *path = xasprintf("%s/environment", ground->runtime_dir);
    return file_replace(path, buf_data(&ground->environment), ground->environment.len, 0600, false, &ground->err);
}

static void
ground_work(void *arg)
{
    struct ground *ground = arg;
    ground->status = make_sandbox(ground);
    if (ground->status < 0) {
        err_set(&ground->err, ground->status, "Failed to create the sandbox directory '%s': %s", ground->sandbox,
                strerror(-ground->status));
        return;
    }
    ground->status = make_runtime(ground);
    if (ground->status < 0) {
        err_set(&ground->err, ground->status, "Failed to make the runtime directory '%s': %s", ground->runtime_dir,
                strerror(-ground->status));
        return;
    }
    ground->status = make_environment(ground);
}

/* ---- on the loop ---- */

static void
ground_free(struct ground *ground)
{
    free(ground->id);
    free(ground->name);
    free(ground->root_sandbox);
    free(ground->sandbox);
    free(ground->runtime_dir);
    free(ground->parent_environment);
    buf_fini(&ground->environment);
    free(ground);
}

static void
ground_done(void *arg)
{
    struct ground *ground = arg;
    struct container *container = container_find(ground->native, ground->id);
    if (container) {
        buf_fini(&container->environment);
        container->environment = ground->environment;
        ground->environment = (struct buf){0};
        ground->done(container, ground->status, ground->status < 0 ? ground->err.text : NULL);
    }
    ground_free(ground);
}

void
ground_make(struct container *container, const struct user *user,
            void (*done)(struct container *container, int status, const char *error))
{
    const struct mesos_host *host = container->native->host;
    struct ground *ground = xcalloc(1, sizeof *ground);
    ground->native = container->native;
    ground->done = done;
    ground->id = xstrdup(container->id);
    ground->root_sandbox = xstrdup(container_root(container)->sandbox);
    ground->sandbox = xstrdup(container->sandbox);
    ground->runtime_dir = xstrdup(container->runtime_dir);
    ground->standalone = container->standalone;
    ground->debug = container->debug;
    if (container->parent) {
        ground->parent_environment = xasprintf("%s/environment", container->parent->runtime_dir);
        ground->parent_pid = container->parent->kept ? 0 : container->parent->pid;
    }
    if (user && geteuid() == 0) {
        ground->has_user = true;
        ground->uid = user->uid;
        ground->gid = user->gid;
    }
    ground->environment = container->environment;
    container->environment = (struct buf){0};
    host->offload(host, false, ground_work, ground_done, ground);
}

bool
status_read(const struct container *container, int *ret)
{
    auto_buf struct buf text = {0};
    auto_free char *path = xasprintf("%s/status", container->runtime_dir);
    uint64_t number;
    if (file_read(path, STATUS_MAX, &text, NULL) < 0 || str_to_u64(buf_str(&text), &number) < 0 || number > INT32_MAX)
        return false;
    *ret = (int)number;
    return true;
}

/* ---- removal ---- */

struct removal {
    struct native *native;
    struct mesos_call *call;
    struct ground where; /* root_sandbox and sandbox are used */
    int status;
    struct err err;
};

static void
removal_work(void *arg)
{
    struct removal *removal = arg;
    const char *root = removal->where.root_sandbox;
    const char *sandbox = removal->where.sandbox;
    const char *last = strrchr(sandbox, '/');
    if (removal->where.standalone) {
        removal->status = dir_remove(sandbox, &removal->err);
        return;
    }
    auto_free char *above = str_dup(str_n(sandbox + strlen(root), (size_t)(last - sandbox) - strlen(root)));
    auto_fd int fd = descend(&removal->where, above, false);
    if (fd == -ENOENT)
        return;
    if (fd < 0) {
        removal->status = err_set(&removal->err, fd, "cannot remove '%s': %s", sandbox, strerror(-fd));
        return;
    }
    auto_free char *path = xasprintf("/proc/self/fd/%d/%s", fd, last + 1);
    removal->status = dir_remove(path, &removal->err);
}

static void
removal_done(void *arg)
{
    struct removal *removal = arg;
    struct native *native = removal->native;
    if (!native->stopped) {
        if (removal->status < 0)
            native->host->fail(native->host, removal->status, "%s", removal->err.text);
        answer(native, removal->call, removal->status);
    }
    free(removal->where.root_sandbox);
    free(removal->where.sandbox);
    free(removal);
}

/* The root that a text id begins with. */
static struct container *
root_find(struct native *native, const char *id)
{
    return map_get(&native->containers, str_n(id, strcspn(id, ".")));
}

void
native_remove(void *instance, const char *container_id, struct mesos_call *call)
{
    struct native *native = instance;
    struct container *container = container_find(native, container_id);
    const struct mesos_host *host = native->host;
    const struct container *root = root_find(native, container_id);
    if (!root && strchr(container_id, '.')) {
        answer(native, call, host->fail(host, -ENOENT, "Unknown root container"));
        return;
    }
    if (!container) {
        answer(native, call, 0);
        return;
    }
    if (container->state != STATE_ENDED) {
        answer(native, call, host->fail(host, -EBUSY, "Nested container has not terminated yet"));
        return;
    }
    struct removal *removal = xcalloc(1, sizeof *removal);
    removal->native = native;
    removal->call = call;
    removal->where.root_sandbox = xstrdup(root->sandbox);
    removal->where.sandbox = xstrdup(container->sandbox);
    removal->where.standalone = container->standalone;
    container_drop(container);
    host->offload(host, false, removal_work, removal_done, removal);
}

/* ---- questions ---- */

static void
view(const struct container *container, struct mesos_container_view *ret)
{
    size_t size = ret->size;
    const struct mesos_container_view whole = {
        .size = size,
        .container_id = container->id,
        .sandbox = container->sandbox,
        .standalone = container_root(container)->standalone,
        .ended = container->state == STATE_ENDED,
        .pid = container->pid,
        .user = container->user,
    };
    memcpy(ret, &whole, size < sizeof whole ? size : sizeof whole);
}

int
native_describe(void *instance, const char *container_id, struct mesos_container_view *ret)
{
    struct native *native = instance;
    const struct container *container = container_find(native, container_id);
    if (!container)
        return -ENOENT;
    view(container, ret);
    return 0;
}

static void
tell_tree(const struct container *container, void (*found)(void *arg, const struct mesos_container_view *view), void *arg)
{
    const struct container *child;
    struct mesos_container_view one = {.size = sizeof one};
    view(container, &one);
    found(arg, &one);
    list_foreach(child, &container->children, in_parent)
        tell_tree(child, found, arg);
}

void
native_each(void *instance, void (*found)(void *arg, const struct mesos_container_view *view), void *arg)
{
    struct native *native = instance;
    const struct container *container;
    map_foreach(container, &native->containers)
    {
        if (!container->parent)
            tell_tree(container, found, arg);
    }
}
