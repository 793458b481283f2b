/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mesos-image: everything that has to do with the bytes of images, away from the agent: pulling and unpacking them, root file
 * systems, removal. One request (mesos.internal.ImageRequest as JSON) on standard input, one answer (ImageResult) on
 * standard output. It ends with the agent that started it.
 */
#include <curl/curl.h>
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "containerizer/image/pull.h"
#include "containerizer/image/rootfs.h"
#include "containerizer/image/store.h"
#include "wire/message.h"

enum { REQUEST_MAX_BYTES = 16 << 20 };

static int
read_request(struct buf *out, struct err *err)
{
    for (;;) {
        ssize_t n = read(STDIN_FILENO, buf_reserve(out, 65536), 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, "cannot read the request");
        if (n == 0)
            return 0;
        buf_added(out, (size_t)n);
        if (out->len > REQUEST_MAX_BYTES)
            return err_set(err, -EFBIG, "the request is larger than %d bytes", REQUEST_MAX_BYTES);
    }
}

static int
pull(const Mesos__Internal__ImageRequest *request, struct arena *arena, Mesos__Internal__ImageResult *ret, struct err *err)
{
    const Mesos__V1__Image *image = request->image;
    if (!image || !request->store_dir || request->store_dir[0] != '/' || !request->source)
        return err_set(err, -EINVAL, "the request names no image, no store_dir or no source");
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (image->type == MESOS__V1__IMAGE__TYPE__DOCKER && image->docker)
        return docker_pull(request, arena, ret, err);
    if (image->type == MESOS__V1__IMAGE__TYPE__APPC && image->appc)
        return appc_pull(request, arena, ret, err);
    return err_set(err, -EINVAL, "the image has a type, and no name for it");
}

static int
prune(const Mesos__Internal__ImageRequest *request, struct arena *arena, Mesos__Internal__ImageResult *ret, struct err *err)
{
    char **names = arena_calloc(arena, request->n_excluded_images + 1, sizeof *names);
    size_t count = 0;
    if (!request->store_dir)
        return err_set(err, -EINVAL, "the request names no store_dir");
    for (size_t i = 0; i < request->n_excluded_images; i++)
        if (request->excluded_images[i]->docker)
            names[count++] = request->excluded_images[i]->docker->name;
    ret->has_removed = 1;
    return store_prune(request->store_dir, request->used, request->n_used, names, count, &ret->removed, err);
}

static int
destroy(const Mesos__Internal__ImageRequest *request, struct err *err)
{
    if (!request->directory || request->directory[0] != '/')
        return err_set(err, -EINVAL, "the request has no directory");
    return rootfs_destroy(request->directory, err);
}

static int
act(const Mesos__Internal__ImageRequest *request, struct arena *arena, Mesos__Internal__ImageResult *ret, struct err *err)
{
    switch (request->action) {
    case MESOS__INTERNAL__IMAGE_REQUEST__ACTION__PULL:
        return pull(request, arena, ret, err);
    case MESOS__INTERNAL__IMAGE_REQUEST__ACTION__PROVISION:
        return rootfs_provision(request, arena, ret, err);
    case MESOS__INTERNAL__IMAGE_REQUEST__ACTION__DESTROY:
        return destroy(request, err);
    case MESOS__INTERNAL__IMAGE_REQUEST__ACTION__PRUNE:
        return prune(request, arena, ret, err);
    case MESOS__INTERNAL__IMAGE_REQUEST__ACTION__RECOVER:
        return rootfs_recover(request, arena, ret, err);
    default:
        return err_set(err, -EINVAL, "the request asks for nothing that is known");
    }
}

static int
write_all(struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(STDOUT_FILENO, bytes.ptr, bytes.len);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            bytes = str_n(bytes.ptr + n, bytes.len - (size_t)n);
    }
    return 0;
}

static int
work(void)
{
    struct err err = {0};
    auto_buf struct buf text = {0}, answer = {0};
    auto_arena struct arena *arena = arena_new(0);
    Mesos__Internal__ImageResult result = MESOS__INTERNAL__IMAGE_RESULT__INIT;
    const Mesos__Internal__ImageRequest *request = NULL;
    int rc = read_request(&text, &err);
    if (rc == 0) {
        request = MESSAGE_FROM_JSON(Mesos__Internal__ImageRequest, mesos__internal__image_request, buf_str(&text), arena, &err);
        rc = request ? act(request, arena, &result, &err) : -EINVAL;
    }
    if (rc < 0) {
        mesos__internal__image_result__init(&result);
        result.error = err.text;
    }
    message_to_json(&answer, &result);
    return write_all(buf_str(&answer)) < 0 || rc < 0 ? 1 : 0;
}

int
main(int argc, char **argv)
{
    struct rlimit files;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc > 1) {
        fprintf(stderr, "%s is started by mesos-agent: its request comes on standard input\n", argv[0]);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    setlocale(LC_CTYPE, "C.UTF-8"); /* names in archives are UTF-8, or bytes */
    umask(022);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    return work();
}
