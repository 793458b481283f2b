/* SPDX-License-Identifier: Apache-2.0 */
/* --whitelist: a file of host names that may be offered, read again every few seconds; the allocator is told
 * of changes. */
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "host/kind_allocator.h"
#include "master/state.h"

enum { WATCH_MS = 5 * 1000, MAX_BYTES = 16 << 20 };

/* One reading, off the loop. It owns itself until on_read, which may find the master gone. */
struct reading {
    struct master *master;
    const char *path;
    struct buf text;
    struct err err;
    int rc;
};

static void
read_file(void *arg)
{
    struct reading *reading = arg;
    reading->rc = file_read(reading->path, MAX_BYTES, &reading->text, &reading->err);
}

static void
tell(struct master *master, struct str text)
{
    size_t count = 0, cap = 1;
    for (size_t i = 0; i < text.len; i++)
        cap += text.ptr[i] == '\n';
    auto_free const char **names = xcalloc(cap + 1, sizeof(*names));
    auto_arena struct arena *arena = arena_new(0);
    while (text.len) {
        struct str line = str_trim(str_cut(&text, '\n'));
        if (line.len)
            names[count++] = arena_strdup(arena, line);
    }
    log_info("whitelist hosts=%zu", count);
    if (allocator_update_whitelist(master->allocator, names, count))
        log_warning("--whitelist: allocator %s knows no whitelist", module_name(master->allocator));
}

static void
on_read(void *arg)
{
    struct reading *reading = arg;
    struct master *master = reading->master;
    if (master && !master->ended) {
        master->whitelist_reading = NULL;
        if (reading->rc)
            log_warning("--whitelist: %s", reading->err.text);
        else if (!str_eq(buf_str(&reading->text), buf_str(&master->whitelist_text)) ||
                 !master->whitelist_known) {
            buf_clear(&master->whitelist_text);
            buf_append_str(&master->whitelist_text, buf_str(&reading->text));
            master->whitelist_known = true;
            tell(master, buf_str(&reading->text));
        }
        loop_timer_start(&master->whitelist, WATCH_MS);
    }
    buf_fini(&reading->text);
    free(reading);
}

static void
on_watch(void *arg)
{
    struct master *master = arg;
    struct reading *reading = xcalloc(1, sizeof(*reading));
    reading->master = master;
    reading->path = master->options->whitelist;
    master->whitelist_reading = reading;
    loop_offload(master->loop, NULL, read_file, on_read, reading);
}

void
whitelist_start(struct master *master)
{
    const char *path = master->options->whitelist;
    if (!path || !*path || strcmp(path, "*") == 0)
        return;
    /* Until the file was read nobody is on the list. */
    if (allocator_update_whitelist(master->allocator, (const char *const[]){NULL}, 0))
        log_warning("--whitelist: allocator %s knows no whitelist", module_name(master->allocator));
    loop_timer_init(&master->whitelist, master->loop, on_watch, master);
    on_watch(master);
}

void
whitelist_stop(struct master *master)
{
    loop_timer_stop(&master->whitelist);
    if (master->whitelist_reading)
        master->whitelist_reading->master = NULL;
    buf_fini(&master->whitelist_text);
}
