/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which isolator modules a value of --isolation means: old names of Mesos become today's, and some isolators bring others
 * with them. Called when the agent starts; knows names only, not modules.
 */
#include "agent/isolation.h"

#include <errno.h>

#include "base/buf.h"

/* What a name of old stands for. */
static const struct {
    const char *old, *names;
} ALIASES[] = {
    {"process", "posix/cpu,posix/mem"},
    {"posix", "posix/cpu,posix/mem"},
    {"cgroups", "cgroups/cpu,cgroups/mem"},
    {"posix/disk", "disk/du"},
};

/* What comes with a name. */
static const struct {
    const char *name, *others;
} IMPLIED[] = {
    {"filesystem/linux", "volume/host_path,volume/sandbox_path,volume/image"},
};

static bool
has(const struct buf *list, struct str name)
{
    struct str rest = buf_str(list);
    while (rest.len > 0)
        if (str_eq(str_cut(&rest, ','), name))
            return true;
    return false;
}

static void
add(struct buf *list, struct str name)
{
    if (name.len == 0 || has(list, name))
        return;
    if (list->len > 0)
        buf_putc(list, ',');
    buf_append(list, name.ptr, name.len);
}

static void
add_all(struct buf *list, const char *names)
{
    struct str rest = str_of(names);
    while (rest.len > 0)
        add(list, str_cut(&rest, ','));
}

static void
add_name(struct buf *list, struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(ALIASES); i++)
        if (str_is(name, ALIASES[i].old)) {
            add_all(list, ALIASES[i].names);
            return;
        }
    add(list, name);
    for (size_t i = 0; i < ARRAY_LEN(IMPLIED); i++)
        if (str_is(name, IMPLIED[i].name))
            add_all(list, IMPLIED[i].others);
}

bool
isolation_is_network(struct str name)
{
    return str_starts(name, STR_LIT("network/")) && !str_is(name, "network/ports");
}

/* As in Mesos: without another isolator of networks network/cni is there, which does nothing where no network is
 * configured but refuse tasks that name one. */
static void
add_network(struct buf *list)
{
    struct str rest = buf_str(list);
    while (rest.len > 0)
        if (isolation_is_network(str_cut(&rest, ',')))
            return;
    add(list, STR_LIT("network/cni"));
}

/* cgroups/all is every cgroups/... that there is: they would do their work twice. */
static void
drop_doubles(struct buf *list)
{
    auto_buf struct buf all = {0};
    if (!has(list, STR_LIT("cgroups/all")))
        return;
    buf_append_str(&all, buf_str(list));
    buf_clear(list);
    struct str rest = buf_str(&all);
    while (rest.len > 0) {
        struct str name = str_cut(&rest, ',');
        if (!str_starts(name, STR_LIT("cgroups/")) || str_is(name, "cgroups/all"))
            add(list, name);
    }
}

/* Some filesystem/... is always there, and secrets in the environment are always resolved. */
static void
add_usual(struct buf *list)
{
    struct str rest = buf_str(list);
    bool filesystem = false;
    while (rest.len > 0)
        filesystem = str_starts(str_cut(&rest, ','), STR_LIT("filesystem/")) || filesystem;
    if (!filesystem)
        add(list, STR_LIT("filesystem/posix"));
    add_network(list);
    add(list, STR_LIT("environment_secret"));
}

static void
names(struct buf *list, const char *isolation)
{
    struct str rest = str_of(isolation);
    while (rest.len > 0)
        add_name(list, str_trim(str_cut(&rest, ',')));
    drop_doubles(list);
}

char *
isolation_names(const char *isolation)
{
    auto_buf struct buf list = {0};
    names(&list, isolation);
    return str_dup(buf_str(&list));
}

char *
isolation_modules(const char *isolation)
{
    auto_buf struct buf list = {0};
    names(&list, isolation);
    add_usual(&list);
    return str_dup(buf_str(&list));
}

void
isolation_explain(const char *modules, struct err *err)
{
    struct str rest = str_of(modules);
    while (!MESOS_HAVE_LIBNL && err->code == -ENOENT && rest.len > 0)
        if (str_is(str_cut(&rest, ','), "network/port_mapping") && strstr(err->text, "'network/port_mapping'"))
            err_set(err, -ENOENT,
                    "isolator 'network/port_mapping' is not there: libnl (libnl-3 >= 3.2.26) was missing when this was built");
}
