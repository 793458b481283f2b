/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the environment of a container gets into `docker run` and `docker exec`. Mesos's own variables stand on the
 * command line; the framework's are in a file without a name; a secret that no line of a file can hold is taken by
 * the client from its own environment, where `ps` does not show it. Declared in docker_run.h.
 */
#define _GNU_SOURCE 1
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/docker_run.h"

enum {
    ENV_LINE_MAX = 60000, /* docker reads lines of an environment file up to 64 KB */
    ENV_ITEM_MAX = 120000, /* the kernel takes 128 KB for one variable */
};

static bool
fits_line(const char *item)
{
    return strlen(item) < ENV_LINE_MAX && !strpbrk(item, "\n\r") && *item != '#' &&
           !isspace((unsigned char)*item);
}

static int
check_variable(const char *item, struct err *err)
{
    const char *equals = strchr(item, '=');
    if (!equals)
        return err_set(err, -EINVAL, "the environment has an entry without '='");
    if (equals == item)
        return err_set(err, -EINVAL, "the environment has '%.80s', which has no name", item);
    for (const char *p = item; p < equals; p++)
        if (isspace((unsigned char)*p))
            return err_set(err, -EINVAL, "the environment variable '%.*s' has a space in its name",
                           (int)(equals - item < 80 ? equals - item : 80), item);
    return 0;
}

/* Names that mean something to the client or to who loads it: nobody else sets them. */
static bool
means_something_to_the_client(struct str name)
{
    static const char *const beginnings[] = {"LD_",  "DOCKER_", "GO",   "GCONV_", "XDG_", "SSL_", "BUILDKIT_", "BUILDX_",
                                             "LC_",  "LOCPATH", "LANG", "NLSPATH", "TMPDIR", "HOME", "PATH", "MALLOC_",
                                             "GLIBC_", "RES_",  "HOSTALIASES", "LOCALDOMAIN", "NO_PROXY", "TERM", "USER",
                                             "HTTP_", "HTTPS_", "ALL_PROXY", "MOBY_", "CONTAINERD_", "OTEL_", "PWD", "SHELL"};
    for (size_t i = 0; i < ARRAY_LEN(beginnings); i++) {
        size_t len = strlen(beginnings[i]);
        if (name.len >= len && strncasecmp(name.ptr, beginnings[i], len) == 0)
            return true;
    }
    return false;
}

static int
add_secret(struct docker_argv *argv, const char *item, struct err *err)
{
    struct str name = str_n(item, (size_t)(strchr(item, '=') - item));
    if (strlen(item) > ENV_ITEM_MAX)
        return err_set(err, -EINVAL, "the secret of the environment variable '%.80s' is longer than %d bytes", item,
                       ENV_ITEM_MAX);
    if (name.ptr[0] == '-' || means_something_to_the_client(name))
        return err_set(err, -EINVAL, "the environment variable '%.*s' cannot have a secret of several lines: the docker "
                       "client would take the name for itself", STR_ARG(name));
    docker_argv_add(argv, "-e");
    docker_argv_add(argv, "%.*s", STR_ARG(name));
    argv->environment = xreallocarray(argv->environment, argv->environment_count + 2, sizeof(*argv->environment));
    argv->environment[argv->environment_count++] = xstrdup(item);
    argv->environment[argv->environment_count] = NULL;
    return 0;
}

/* Secrets come last into the file: of two lines with one name docker takes the later. */
static int
add_items(struct docker_argv *argv, struct buf *file, const char *const *items, bool has_file, bool secret,
          struct err *err)
{
    for (size_t i = 0; items && items[i]; i++) {
        const char *item = items[i];
        if (check_variable(item, err))
            return err->code;
        if (has_file && fits_line(item)) {
            buf_printf(file, "%s\n", item);
        } else if (!secret) {
            docker_argv_add(argv, "-e");
            docker_argv_add(argv, "%s", item);
        } else if (add_secret(argv, item, err)) {
            return err->code;
        }
    }
    return 0;
}

static int
write_file(struct docker_argv *argv, const struct buf *file, int *ret_fd, struct err *err)
{
    auto_fd int fd = memfd_create("environment", MFD_CLOEXEC);
    if (fd < 0 || write(fd, buf_data(file), file->len) != (ssize_t)file->len || lseek(fd, 0, SEEK_SET) < 0)
        return err_errno(err, "cannot write the environment of the container down");
    docker_argv_add(argv, "--env-file");
    docker_argv_add(argv, "/proc/self/fd/%d", DOCKER_ENV_FD);
    *ret_fd = take_fd(&fd);
    return 0;
}

int
docker_environment_add(struct docker_argv *argv, const struct docker_environment *wanted, int *ret_fd, struct err *err)
{
    auto_buf struct buf file = {0};
    struct err own = {0};
    struct err *why = err ? err : &own;
    int rc = add_items(argv, &file, wanted->more, !wanted->no_file, false, why);
    if (rc == 0)
        rc = add_items(argv, &file, wanted->secrets, !wanted->no_file, true, why);
    for (size_t i = 0; rc == 0 && wanted->own && wanted->own[i]; i++) { /* last, for the last one of a name counts */
        docker_argv_add(argv, "-e");
        docker_argv_add(argv, "%s", wanted->own[i]);
    }
    if (rc == 0 && file.len > 0)
        rc = write_file(argv, &file, ret_fd, why);
    if (file.len > 0)
        explicit_bzero(buf_data(&file), file.len);
    return rc;
}

static size_t
count_of(char *const *list)
{
    size_t count = 0;
    while (list && list[count])
        count++;
    return count;
}

char **
docker_environment_join(char *const *first, char *const *base)
{
    size_t firsts = count_of(first), bases = count_of(base);
    char **all = xcalloc(firsts + bases + 1, sizeof(*all));
    if (firsts)
        memcpy(all, first, firsts * sizeof(*all));
    if (bases)
        memcpy(all + firsts, base, bases * sizeof(*all));
    return all;
}
