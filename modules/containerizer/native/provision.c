/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One container's images: each is pulled (one pull serves all who want the same image at the same time), then all of its
 * root file systems are put together in one go.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "base/units.h"
#include "provision_inside.h"
#include "wire/message.h"

/* One image of a container. */
struct wish {
    const Mesos__V1__Image *image; /* in the container's config */
    ssize_t volume; /* its number, -1 = the container's own root */
    char **layers;
    size_t layer_count;
    char id[UUID_TEXT]; /* of its root file system */
};

/* One pull under way. */
struct pull {
    struct provisioner *provisioner;
    char *key;
    struct image_run *run;
    struct list waiters; /* struct provision.in_pull */
    int64_t began_ms;
    bool docker;
};

struct provision {
    struct container *container;
    struct provisioner *provisioner;
    void (*done)(struct container *container, int status, const char *error); /* of provision */
    void (*destroyed)(struct container *container); /* of provision_destroy */
    struct wish *wishes;
    size_t count, next;
    struct list in_pull, in_waiting;
    struct pull *pull;
    struct image_run *run;
    bool busy; /* counted in provisioner->busy */
};

static void
config_set(char **field, const char *text)
{
    free(*field);
    *field = xstrdup(text);
}

static void
provision_free(struct provision *provision)
{
    struct provisioner *provisioner = provision->provisioner;
    bool busy = provision->busy;
    provision->container->provision = NULL;
    list_remove(&provision->in_pull);
    list_remove(&provision->in_waiting);
    for (size_t i = 0; i < provision->count; i++) {
        for (size_t k = 0; k < provision->wishes[i].layer_count; k++)
            free(provision->wishes[i].layers[k]);
        free(provision->wishes[i].layers);
    }
    free(provision->wishes);
    free(provision);
    if (busy) {
        provisioner->busy--;
        provisioner_idle(provisioner);
    }
}

/* What went wrong stands in the sandbox too, where whoever wrote the task looks first. */
static void
say(const struct container *container, const char *error)
{
    if (container->err_fd >= 0)
        dprintf(container->err_fd, "%s\n", error);
}

static void
finish(struct provision *provision, int status, const char *error)
{
    struct container *container = provision->container;
    void (*done)(struct container *, int, const char *) = provision->done;
    auto_free char *text = error ? xstrdup(error) : NULL;
    if (text && !container->destroy_wanted)
        say(container, text);
    provision_free(provision);
    done(container, status, text);
}

/* ---- pulls ---- */

static void
pull_free(struct pull *pull)
{
    map_remove(&pull->provisioner->pulls, str_of(pull->key));
    free(pull->key);
    free(pull);
}

void
pulls_fini(struct provisioner *provisioner)
{
    struct pull *pull;
    map_foreach(pull, &provisioner->pulls)
        pull_free(pull);
    map_fini(&provisioner->pulls);
}

static void wish_next(struct provision *provision);

static void
take_layers(struct provision *provision, const Mesos__Internal__ImageResult *result)
{
    struct wish *wish = &provision->wishes[provision->next++];
    Mesos__Slave__ContainerConfig *config = provision->container->config;
    wish->layers = xcalloc(result->n_layers + 2, sizeof *wish->layers);
    for (size_t i = 0; i < result->n_layers; i++)
        wish->layers[wish->layer_count++] = xstrdup(result->layers[i]);
    char *paths[] = {result->config};
    used_add(provision->provisioner, provision->container->id, wish->layers, wish->layer_count);
    if (result->config)
        used_add(provision->provisioner, provision->container->id, paths, 1);
    if (wish->volume >= 0)
        return;
    if (result->docker && !config->docker) {
        auto_buf struct buf packed = {0};
        config->docker = xcalloc(1, sizeof *config->docker);
        mesos__slave__container_config__docker__init(config->docker);
        message_pack(&packed, result->docker);
        config->docker->manifest =
            docker__spec__v1__image_manifest__unpack(NULL, packed.len, (const uint8_t *)buf_cstr(&packed));
    }
    if (result->appc && !config->appc) {
        auto_buf struct buf packed = {0};
        config->appc = xcalloc(1, sizeof *config->appc);
        mesos__slave__container_config__appc__init(config->appc);
        message_pack(&packed, result->appc);
        config->appc->manifest = appc__spec__image_manifest__unpack(NULL, packed.len, (const uint8_t *)buf_cstr(&packed));
    }
}

static void
on_pulled(void *arg, const char *error, const Mesos__Internal__ImageResult *result)
{
    struct pull *pull = arg;
    const struct mesos_host *host = pull->provisioner->native->host;
    struct list waiters;
    list_init(&waiters);
    while (!list_empty(&pull->waiters)) {
        struct provision *provision = list_first(&pull->waiters, struct provision, in_pull);
        list_remove(&provision->in_pull);
        list_push(&waiters, &provision->in_pull);
        provision->pull = NULL;
    }
    if (!error && pull->docker && result->has_pulled && result->pulled)
        host->timing(host, "containerizer/mesos/provisioner/docker_store/image_pull_ms",
                     (double)(host->now_ms(host) - pull->began_ms));
    pull_free(pull);
    while (!list_empty(&waiters)) {
        struct provision *provision = list_first(&waiters, struct provision, in_pull);
        list_remove(&provision->in_pull);
        if (error) {
            finish(provision, -EIO, error);
            continue;
        }
        take_layers(provision, result);
        wish_next(provision);
    }
}

/* The login that an image brings; -ENOTSUP for one that only a resolver knows. */
static int
login_of(const struct provisioner *provisioner, const Mesos__V1__Image *image, struct buf *out, struct err *err)
{
    const Mesos__V1__Secret *secret = image->docker ? image->docker->config : NULL;
    if (!secret) {
        buf_puts(out, provisioner->docker_config ? provisioner->docker_config : "");
        return 0;
    }
    if (secret->type != MESOS__V1__SECRET__TYPE__VALUE || !secret->value)
        return err_set(err, -ENOTSUP, "image.docker.config of image '%s' is no secret of type VALUE", image->docker->name);
    buf_append(out, secret->value->data.data, secret->value->data.len);
    if (memchr(secret->value->data.data ? (const char *)secret->value->data.data : "", '\0', secret->value->data.len))
        return err_set(err, -EINVAL, "image.docker.config of image '%s' is no text", image->docker->name);
    return 0;
}

/* Two wishes with the same key get the same answer. */
static char *
key_of(const Mesos__V1__Image *image, struct buf *login)
{
    auto_buf struct buf packed = {0}, key = {0};
    message_pack(&packed, image); /* with its own login and `cached` */
    buf_puts(&key, buf_cstr(login));
    buf_putc(&key, '\n');
    base64_encode(&key, buf_data(&packed), packed.len);
    return buf_take(&key);
}

static int
pull_start(struct provisioner *provisioner, const Mesos__V1__Image *image, struct buf *login, char *key, struct pull **ret,
           struct err *err)
{
    Mesos__Internal__ImageRequest request = MESOS__INTERNAL__IMAGE_REQUEST__INIT;
    Mesos__V1__Image plain = *image;
    Mesos__V1__Image__Docker named = MESOS__V1__IMAGE__DOCKER__INIT;
    bool docker = image->type == MESOS__V1__IMAGE__TYPE__DOCKER;
    union {
        const char *from;
        char *to;
    } store = {docker ? provisioner->docker_store : provisioner->appc_store},
      source = {docker ? provisioner->docker_registry : provisioner->appc_prefix};
    if (docker) {
        named.name = image->docker->name;
        plain.docker = &named; /* its login goes as docker_config */
    }
    request.action = MESOS__INTERNAL__IMAGE_REQUEST__ACTION__PULL;
    request.image = &plain;
    request.store_dir = store.to;
    request.source = source.to;
    if (docker && login->len > 0) {
        buf_cstr(login);
        request.docker_config = buf_data(login);
    }
    request.has_stall_timeout_secs = 1;
    request.stall_timeout_secs = provisioner->stall_secs;
    struct pull *pull = xcalloc(1, sizeof *pull);
    pull->provisioner = provisioner;
    pull->key = key;
    pull->docker = docker;
    pull->began_ms = provisioner->native->host->now_ms(provisioner->native->host);
    list_init(&pull->waiters);
    map_add(&provisioner->pulls, str_of(pull->key), pull);
    pull->run = image_run_start(provisioner, &request, on_pulled, pull, err);
    if (!pull->run) {
        pull_free(pull);
        return err->code;
    }
    *ret = pull;
    return 0;
}

static int
pull_join(struct provision *provision, const Mesos__V1__Image *image, struct err *err)
{
    struct provisioner *provisioner = provision->provisioner;
    auto_buf struct buf login = {0};
    int rc = login_of(provisioner, image, &login, err);
    if (rc < 0)
        return rc;
    auto_free char *key = key_of(image, &login);
    struct pull *pull = map_get(&provisioner->pulls, str_of(key));
    if (!pull)
        rc = pull_start(provisioner, image, &login, take(&key), &pull, err);
    if (rc < 0)
        return rc;
    provision->pull = pull;
    list_push(&pull->waiters, &provision->in_pull);
    return 0;
}

/* ---- root file systems ---- */

static void
set_rootfs(struct container *container, const struct wish *wish, const char *path)
{
    if (wish->volume >= 0) {
        container->image_volumes[wish->volume] = xstrdup(path);
        return;
    }
    container->rootfs = xstrdup(path);
    config_set(&container->config->rootfs, path);
}

static void
set_ephemeral(struct container *container, const Mesos__Internal__ImageResult *result)
{
    Mesos__Slave__ContainerConfig *config = container->config;
    config->ephemeral_volumes = xreallocarray(config->ephemeral_volumes, config->n_ephemeral_volumes + result->n_ephemeral_volumes + 1,
                                              sizeof *config->ephemeral_volumes);
    for (size_t i = 0; i < result->n_ephemeral_volumes; i++)
        config->ephemeral_volumes[config->n_ephemeral_volumes++] = xstrdup(result->ephemeral_volumes[i]);
}

static void
on_provisioned(void *arg, const char *error, const Mesos__Internal__ImageResult *result)
{
    struct provision *provision = arg;
    struct container *container = provision->container;
    provision->run = NULL;
    if (error || result->n_rootfses != provision->count) {
        finish(provision, -EIO, error ? error : "mesos-image did not tell where the root file systems are");
        return;
    }
    container->image_count = container->config->container_info->n_volumes;
    container->image_volumes = xcalloc(container->image_count + 1, sizeof *container->image_volumes);
    for (size_t i = 0; i < provision->count; i++)
        set_rootfs(container, &provision->wishes[i], result->rootfses[i]->path ? result->rootfses[i]->path : "");
    set_ephemeral(container, result);
    finish(provision, 0, NULL);
}

static void
put_together(struct provision *provision)
{
    struct provisioner *provisioner = provision->provisioner;
    struct err err = {0};
    Mesos__Internal__ImageRequest request = MESOS__INTERNAL__IMAGE_REQUEST__INIT;
    auto_free char *directory = provision_directory(provisioner, provision->container->id);
    auto_free Mesos__Internal__ImageRootfs *rootfses = xcalloc(provision->count, sizeof *rootfses);
    auto_free Mesos__Internal__ImageRootfs **list = xcalloc(provision->count, sizeof *list);
    for (size_t i = 0; i < provision->count; i++) {
        struct wish *wish = &provision->wishes[i];
        mesos__internal__image_rootfs__init(&rootfses[i]);
        rootfses[i].id = uuid_new(wish->id);
        rootfses[i].layers = wish->layers;
        rootfses[i].n_layers = wish->layer_count;
        list[i] = &rootfses[i];
    }
    request.action = MESOS__INTERNAL__IMAGE_REQUEST__ACTION__PROVISION;
    request.directory = directory;
    request.backend = provisioner->backend;
    request.rootfses = list;
    request.n_rootfses = provision->count;
    provision->run = image_run_start(provisioner, &request, on_provisioned, provision, &err);
    if (!provision->run)
        finish(provision, err.code, err.text);
}

static void
wish_next(struct provision *provision)
{
    struct err err = {0};
    if (provision->container->destroy_wanted)
        finish(provision, -ECANCELED, "the container is being destroyed");
    else if (provision->next == provision->count)
        put_together(provision);
    else if (pull_join(provision, provision->wishes[provision->next].image, &err) < 0)
        finish(provision, err.code, err.text);
}

void
provision_begin(struct provision *provision)
{
    provision->busy = true;
    provision->provisioner->busy++;
    wish_next(provision);
}

struct provision *
provision_waiting(struct list *waiting)
{
    if (list_empty(waiting))
        return NULL;
    struct provision *provision = list_first(waiting, struct provision, in_waiting);
    list_remove(&provision->in_waiting);
    return provision;
}

/* ---- a container ---- */

static int
check_image(const struct provisioner *provisioner, const Mesos__V1__Image *image, struct err *err)
{
    bool docker = image->type == MESOS__V1__IMAGE__TYPE__DOCKER;
    const char *name = docker ? "DOCKER" : "APPC";
    if (!provisioner || !(docker ? provisioner->docker : provisioner->appc))
        return err_set(err, -ENOTSUP, "Unsupported container image type: %s; --image_providers does not have it", name);
    if (docker ? !image->docker : !image->appc)
        return err_set(err, -EINVAL, "the container's image is of type %s and says nothing else", name);
    return 0;
}

static void
add_wish(struct wish *wishes, size_t *count, const Mesos__V1__Image *image, ssize_t volume)
{
    wishes[(*count)++] = (struct wish){.image = image, .volume = volume};
}

static size_t
collect(const Mesos__V1__ContainerInfo *info, struct wish *wishes)
{
    size_t count = 0;
    if (info->mesos && info->mesos->image)
        add_wish(wishes, &count, info->mesos->image, -1);
    for (size_t i = 0; i < info->n_volumes; i++)
        if (info->volumes[i]->image)
            add_wish(wishes, &count, info->volumes[i]->image, (ssize_t)i);
    return count;
}

static struct provision *
provision_new(struct container *container)
{
    struct provision *provision = xcalloc(1, sizeof *provision);
    provision->container = container;
    provision->provisioner = container->native->provisioner;
    list_init(&provision->in_pull);
    list_init(&provision->in_waiting);
    container->provision = provision;
    return provision;
}

void
provision(struct container *container, void (*done)(struct container *container, int status, const char *error))
{
    struct provisioner *provisioner = container->native->provisioner;
    const Mesos__V1__ContainerInfo *info = container->config->container_info;
    struct err err = {0};
    auto_free struct wish *wishes = info ? xcalloc(info->n_volumes + 1, sizeof *wishes) : NULL;
    size_t count = info ? collect(info, wishes) : 0;
    for (size_t i = 0; i < count; i++) {
        if (check_image(provisioner, wishes[i].image, &err) < 0) {
            say(container, err.text);
            done(container, err.code, err.text);
            return;
        }
    }
    if (count == 0) {
        done(container, 0, NULL);
        return;
    }
    struct provision *own = provision_new(container);
    own->done = done;
    own->wishes = take(&wishes);
    own->count = count;
    if (provisioner->pruning || !list_empty(&provisioner->prunings))
        list_push(&provisioner->waiting, &own->in_waiting);
    else
        provision_begin(own);
}

/* A pull that nobody waits for any more is given up. */
static void
leave_pull(struct provision *provision)
{
    struct pull *pull = provision->pull;
    if (!pull)
        return;
    list_remove(&provision->in_pull);
    provision->pull = NULL;
    if (!list_empty(&pull->waiters))
        return;
    image_run_forget(pull->run);
    pull_free(pull);
}

void
provision_cancel(struct container *container)
{
    struct provision *own = container->provision;
    if (!own || !own->done)
        return;
    if (own->run) {
        image_run_cancel(own->run);
        return;
    }
    leave_pull(own);
    finish(own, -ECANCELED, "the container is being destroyed");
}

static void
on_destroyed(void *arg, const char *error, const Mesos__Internal__ImageResult *result)
{
    struct provision *own = arg;
    struct container *container = own->container;
    struct provisioner *provisioner = own->provisioner;
    const struct mesos_host *host = provisioner->native->host;
    void (*destroyed)(struct container *) = own->destroyed;
    if (error) {
        MESOS_LOG(host, ERROR, "container %s: its root file system cannot be removed: %s", container->id, error);
        host->count(host, "containerizer/mesos/provisioner/remove_container_errors", 1);
        if (strcmp(provisioner->backend, "bind") == 0)
            host->count(host, "containerizer/mesos/provisioner/bind/remove_rootfs_errors", 1);
    } else {
        used_remove(provisioner, container->id); /* else its layers may be mounted still */
    }
    own->run = NULL;
    provision_free(own);
    destroyed(container);
}

void
provision_destroy(struct container *container, void (*done)(struct container *container))
{
    struct provisioner *provisioner = container->native->provisioner;
    Mesos__Internal__ImageRequest request = MESOS__INTERNAL__IMAGE_REQUEST__INIT;
    struct err err = {0};
    if (!provisioner || !map_get(&provisioner->used, str_of(container->id))) {
        done(container);
        return;
    }
    auto_free char *directory = provision_directory(provisioner, container->id);
    struct provision *own = provision_new(container);
    own->destroyed = done;
    request.action = MESOS__INTERNAL__IMAGE_REQUEST__ACTION__DESTROY;
    request.directory = directory;
    own->run = image_run_start(provisioner, &request, on_destroyed, own, &err);
    if (!own->run)
        on_destroyed(own, err.text, NULL);
}

void
provision_forget(struct container *container)
{
    struct provision *own = container->provision;
    for (size_t i = 0; i < container->image_count; i++)
        free(container->image_volumes[i]);
    free(container->image_volumes);
    free(container->rootfs);
    if (!own)
        return;
    image_run_forget(own->run);
    leave_pull(own);
    provision_free(own);
}
