/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the docker client is called, whatever it is asked: the list of its words, the name of its engine's
 * socket, and versions as numbers. Declared in docker_run.h.
 */
#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "model/docker_run.h"

uint32_t
docker_version(struct str text)
{
    uint32_t parts[3] = {0, 0, 0};
    size_t at = 0, part = 0;
    text = str_trim(text);
    while (at < text.len && !isdigit((unsigned char)text.ptr[at]))
        at++;
    for (; at < text.len && part < 3; at++) {
        if (isdigit((unsigned char)text.ptr[at])) {
            if (parts[part] < 10000)
                parts[part] = parts[part] * 10 + (uint32_t)(text.ptr[at] - '0');
        } else if (text.ptr[at] == '.') {
            part++;
        } else {
            break; /* "20.10.24+dfsg1", "17.05.0-ce" */
        }
    }
    if (parts[0] > 9999 || parts[1] > 99)
        return 0;
    return DOCKER_VERSION(parts[0], parts[1], parts[2] > 99 ? 99 : parts[2]);
}

char *
docker_host(const char *socket)
{
    return strstr(socket, "://") ? xstrdup(socket) : xasprintf("unix://%s", socket);
}

void
docker_argv_add(struct docker_argv *argv, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    argv->items = xreallocarray(argv->items, argv->count + 2, sizeof(*argv->items));
    argv->items[argv->count++] = xvasprintf(format, ap);
    argv->items[argv->count] = NULL;
    va_end(ap);
}

void
docker_argv_init(struct docker_argv *argv, const struct docker_client *client)
{
    *argv = (struct docker_argv){0};
    docker_argv_add(argv, "%s", client->docker);
    docker_argv_add(argv, "-H");
    docker_argv_add(argv, "%s", client->host);
}

void
docker_argv_fini(struct docker_argv *argv)
{
    for (size_t i = 0; i < argv->count; i++)
        free(argv->items[i]);
    free(argv->items);
    for (size_t i = 0; i < argv->environment_count; i++) {
        explicit_bzero(argv->environment[i], strlen(argv->environment[i]));
        free(argv->environment[i]);
    }
    free(argv->environment);
    *argv = (struct docker_argv){0};
}

char *
docker_argv_text(const struct docker_argv *argv)
{
    struct buf out = {0};
    for (size_t i = 0; i < argv->count; i++)
        buf_printf(&out, "%s%s", i ? " " : "", argv->items[i]);
    return buf_take(&out);
}
