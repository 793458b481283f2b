/* SPDX-License-Identifier: Apache-2.0 */
/* Having a command's URIs brought into the sandbox by the core's fetcher. Texts of refusals are Mesos's. */
#include <errno.h>
#include "native.h"

static bool
has_parent_segment(const char *path)
{
    struct str rest = str_of(path);
    while (rest.len > 0) {
        if (str_is(str_cut(&rest, '/'), ".."))
            return true;
    }
    return false;
}

int
fetch_check(const Mesos__Slave__ContainerConfig *config, struct err *err)
{
    const Mesos__V1__CommandInfo *command = config->command_info;
    for (size_t i = 0; i < command->n_uris; i++) {
        const Mesos__V1__CommandInfo__URI *uri = command->uris[i];
        const char *file = uri->output_file;
        if (strpbrk(uri->value, "\\'"))
            return err_set(err, -EINVAL, "Could not fetch: Illegal characters in URI");
        if (file && !*file)
            return err_set(err, -EINVAL, "Could not fetch: URI output file path is empty");
        if (file && strpbrk(file, "\\'"))
            return err_set(err, -EINVAL, "Could not fetch: Illegal characters in URI output file path");
        if (file && (*file == '/' || has_parent_segment(file)))
            return err_set(err, -EINVAL, "Could not fetch: URI output file must be within the sandbox directory");
    }
    return 0;
}

static void
on_fetched(void *arg, const char *error)
{
    struct container *container = arg;
    container->fetching = NULL;
    container->fetched(container, error);
}

int
fetch_start(struct container *container, void (*done)(struct container *container, const char *error), struct err *err)
{
    const struct mesos_containerizer_services *services = container->native->services;
    const Mesos__V1__CommandInfo *command = container->config->command_info;
    auto_buf struct buf packed = {0};
    size_t len = mesos__v1__command_info__get_packed_size(command);
    buf_added(&packed, mesos__v1__command_info__pack(command, (uint8_t *)buf_reserve(&packed, len)));
    struct mesos_fetch wish = {
        .size = sizeof wish,
        .container_id = container->id,
        .command = {buf_data(&packed), packed.len},
        .directory = container->sandbox,
        .user = container->user,
        .out_fd = container->out_fd,
        .err_fd = container->err_fd,
    };
    container->fetched = done;
    container->fetching = services->fetch(services->self, &wish, on_fetched, container);
    if (!container->fetching)
        return err_set(err, -ECANCELED, "Failed to fetch all URIs for container '%s': the agent is stopping", container->id);
    return 0;
}
