/* SPDX-License-Identifier: Apache-2.0 */
/* See perf_event.h. */
#include "perf_event.h"

#define FIELD_FIRST 3
#define EVENT_MAX 64

/* In order of the fields' numbers; perf writes capitals and dashes. */
static const char *const FIELDS[] = {
    "cycles", "stalled_cycles_frontend", "stalled_cycles_backend", "instructions", "cache_references", "cache_misses",
    "branches", "branch_misses", "bus_cycles", "ref_cycles", "cpu_clock", "task_clock", "page_faults", "minor_faults",
    "major_faults", "context_switches", "cpu_migrations", "alignment_faults", "emulation_faults", "l1_dcache_loads",
    "l1_dcache_load_misses", "l1_dcache_stores", "l1_dcache_store_misses", "l1_dcache_prefetches",
    "l1_dcache_prefetch_misses", "l1_icache_loads", "l1_icache_load_misses", "l1_icache_prefetches",
    "l1_icache_prefetch_misses", "llc_loads", "llc_load_misses", "llc_stores", "llc_store_misses", "llc_prefetches",
    "llc_prefetch_misses", "dtlb_loads", "dtlb_load_misses", "dtlb_stores", "dtlb_store_misses", "dtlb_prefetches",
    "dtlb_prefetch_misses", "itlb_loads", "itlb_load_misses", "branch_loads", "branch_load_misses", "node_loads",
    "node_load_misses", "node_stores", "node_store_misses", "node_prefetches", "node_prefetch_misses",
};

unsigned
perf_event_field(struct str event)
{
    char name[EVENT_MAX];
    event = str_cut(&event, ':'); /* modifiers follow */
    if (event.len == 0 || event.len >= sizeof name)
        return 0;
    for (size_t i = 0; i < event.len; i++) {
        char c = event.ptr[i];
        name[i] = c == '-' ? '_' : c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    name[event.len] = '\0';
    for (unsigned i = 0; i < ARRAY_LEN(FIELDS); i++)
        if (strcmp(name, FIELDS[i]) == 0)
            return FIELD_FIRST + i;
    return 0;
}

bool
perf_event_is_double(unsigned field)
{
    return field == 13 || field == 14;
}

bool
perf_line_read(struct str line, struct perf_line *ret)
{
    if (line.len == 0 || line.ptr[0] == '#')
        return false;
    struct str value = str_cut(&line, '\t');
    str_cut(&line, '\t'); /* unit */
    *ret = (struct perf_line){.event = str_cut(&line, '\t'), .cgroup = str_cut(&line, '\t'), .supported = true};
    if (ret->event.len == 0)
        return false;
    if (str_is(value, "<not supported>"))
        ret->supported = false;
    else if (!str_is(value, "<not counted>")) {
        if (str_to_double(value, &ret->value) < 0 || ret->value < 0)
            return false;
        ret->counted = true;
    }
    return true;
}
