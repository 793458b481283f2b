/* SPDX-License-Identifier: Apache-2.0 */
/* --weights: the shares of roles, which the allocator is told of; again when the file changes that they were read from. */
#include "base/log.h"
#include "conf/option.h"
#include "host/kind_allocator.h"
#include "master/http.h"
#include "master/state.h"
#include "model/role.h"

enum { MAX_BYTES = 4 << 20 };

static void
tell(struct master *master, struct str role, double weight)
{
    auto_free char *name = str_dup(role);
    if (allocator_update_weight(master->allocator, name, weight))
        log_warning("--weights: allocator %s knows no weights", module_name(master->allocator));
}

/* Takes over what weights_read has made. */
static void
replace(struct master *master, char *weights)
{
    struct str old = str_of(master->weights), fresh = str_of(weights), role;
    size_t count = 0;
    double weight;
    while (roles_next_weight(&old, &role, &weight))
        tell(master, role, 1);
    for (; roles_next_weight(&fresh, &role, &weight); count++)
        tell(master, role, weight);
    free(master->weights);
    master->weights = weights;
    log_info("weights roles=%zu: %s", count, weights);
}

static int
apply(void *arg, struct str text, struct err *err)
{
    struct master *master = arg;
    auto_buf struct buf weights = {0};
    if (weights_read(text, &weights, err) < 0)
        return err_wrap(err, "%s", conf_file(master->setup.set, "weights"));
    replace(master, str_dup(buf_str(&weights)));
    return 0;
}

void
weights_start(struct master *master)
{
    const char *path = master->setup.set ? conf_file(master->setup.set, "weights") : NULL;
    struct reload_source source = {.what = "--weights", .path = path, .max_bytes = MAX_BYTES, .apply = apply, .arg = master};
    auto_buf struct buf weights = {0};
    struct err err;
    if (weights_read(str_of(master->options->weights), &weights, &err) < 0)
        log_warning("--weights: %s", err.text); /* scenario tests: options are checked otherwise */
    else if (weights.len)
        replace(master, str_dup(buf_str(&weights)));
    if (path)
        reload_add(master->daemon->reload, &source);
}

void
weights_stop(struct master *master)
{
    free(take(&master->weights));
}
