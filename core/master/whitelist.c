/* SPDX-License-Identifier: Apache-2.0 */
/* --whitelist: a file of host names that may be offered; the allocator is told of it whenever it changes. */
#include <string.h>

#include "base/log.h"
#include "host/kind_allocator.h"
#include "master/state.h"

enum { MAX_BYTES = 16 << 20 };

static void
tell(struct master *master, const char *const *names, size_t count)
{
    if (allocator_update_whitelist(master->allocator, names, count))
        log_warning("--whitelist: allocator %s knows no whitelist", module_name(master->allocator));
}

static int
apply(void *arg, struct str text, struct err *err)
{
    struct master *master = arg;
    size_t count = 0, cap = 1;
    for (size_t i = 0; i < text.len; i++)
        cap += text.ptr[i] == '\n';
    auto_free const char **names = xcalloc(cap + 1, sizeof(*names));
    auto_arena struct arena *arena = arena_new(0);
    for (int number = 1; text.len; number++) {
        struct str line = str_trim(str_cut(&text, '\n'));
        if (str_find(line, '\0') >= 0)
            return err_set(err, -EINVAL, "%s:%d: a NUL byte: this is no list of host names", master->options->whitelist, number);
        if (line.len)
            names[count++] = arena_strdup(arena, line);
    }
    log_info("whitelist hosts=%zu", count);
    tell(master, names, count);
    return 0;
}

void
whitelist_start(struct master *master)
{
    const char *path = master->options->whitelist;
    struct reload_source source = {
        .what = "--whitelist", .path = path, .max_bytes = MAX_BYTES, .at_once = true, .apply = apply, .arg = master};
    if (!path || !*path || strcmp(path, "*") == 0)
        return;
    /* Until the file was read nobody is on the list. */
    tell(master, (const char *const[]){NULL}, 0);
    reload_add(master->daemon->reload, &source);
}
