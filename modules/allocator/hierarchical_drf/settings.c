/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the daemon's options that concern allocation: min_allocatable_resources, weights, and the like. */
#include <errno.h>
#include <string.h>

#include "base/units.h"
#include "drf.h"

static const char *
option(const struct drf *drf, const char *name)
{
    const char *value = drf->host->daemon_option(drf->host, name);
    return value && *value ? value : NULL;
}

static int
read_interval(struct drf *drf)
{
    const char *text = option(drf, "allocation_interval");
    int64_t ns = 1000000000;
    struct err err = {0};
    if (text && duration_parse(str_of(text), &ns, &err))
        return drf->host->fail(drf->host, -EINVAL, "allocation_interval: %s", err.text);
    if (ns < 1000000)
        return drf->host->fail(drf->host, -EINVAL, "allocation_interval is %s; at least 1ms is wanted", text);
    drf->interval_ms = ns / 1000000;
    return 0;
}

/* "cpus:0.01;mem:32" */
static int
read_minimum(struct drf *drf, struct str text, struct minimum *ret)
{
    *ret = (struct minimum){0};
    while (text.len) {
        struct str term = str_trim(str_cut(&text, ';')), value = term, name = str_trim(str_cut(&value, ':'));
        double number;
        if (term.len == 0)
            continue;
        if (name.len == 0 || str_to_double(str_trim(value), &number) || number < 0 || number > RESOURCE_SCALAR_MAX)
            return drf->host->fail(drf->host, -EINVAL,
                                   "min_allocatable_resources: '%.*s' is not <name>:<number>, as in cpus:0.01|mem:32",
                                   STR_ARG(term));
        auto_free char *owned = str_dup(name);
        int kind = kind_find(drf, owned);
        if (kind < 0)
            return drf->host->fail(drf->host, -EINVAL, "min_allocatable_resources: more than %d names", KINDS_MAX);
        ret->least.of[kind] = (int64_t)(number * 1000 + 0.5);
    }
    return 0;
}

static int
read_minimums(struct drf *drf)
{
    const char *text = drf->host->daemon_option(drf->host, "min_allocatable_resources");
    struct str rest = str_of(text ? text : "cpus:0.01|mem:32");
    while (rest.len) {
        struct str set = str_trim(str_cut(&rest, '|'));
        if (set.len == 0)
            continue;
        struct minimums *to = &drf->minimums;
        to->items = xreallocarray(to->items, to->count + 1, sizeof(*to->items));
        int rc = read_minimum(drf, set, &to->items[to->count]);
        if (rc)
            return rc;
        to->count++;
    }
    return 0;
}

static int
read_excluded(struct drf *drf)
{
    const char *text = option(drf, "fair_sharing_excluded_resource_names");
    struct str rest = str_of(text);
    while (rest.len) {
        struct str name = str_trim(str_cut(&rest, ','));
        auto_free char *owned = str_dup(name);
        int kind = name.len ? kind_find(drf, owned) : -1;
        if (kind >= 0)
            drf->kind_excluded[kind] = true;
        else if (name.len)
            return drf->host->fail(drf->host, -EINVAL, "fair_sharing_excluded_resource_names: more than %d names",
                                   KINDS_MAX);
    }
    return 0;
}

static int
read_weights(struct drf *drf)
{
    struct str rest = str_of(option(drf, "weights"));
    while (rest.len) {
        struct str pair = str_trim(str_cut(&rest, ',')), value = pair, role = str_trim(str_cut(&value, '='));
        double weight;
        if (pair.len == 0)
            continue;
        if (role.len == 0 || str_to_double(str_trim(value), &weight) || weight <= 0)
            return drf->host->fail(drf->host, -EINVAL, "weights: '%.*s' is not <role>=<positive number>",
                                   STR_ARG(pair));
        auto_free char *owned = str_dup(role);
        role_set_weight(drf, owned, weight);
    }
    return 0;
}

static int
read_regex_limits(struct drf *drf)
{
    const char *mem = option(drf, "offer_constraints_re2_max_mem");
    const char *program = option(drf, "offer_constraints_re2_max_program_size");
    uint64_t bytes = 4096;
    int64_t size = 100;
    struct err err = {0};
    if (mem && bytes_parse(str_of(mem), &bytes, &err))
        return drf->host->fail(drf->host, -EINVAL, "offer_constraints_re2_max_mem: %s", err.text);
    if (bytes == 0 || bytes > (uint64_t)1 << 30)
        return drf->host->fail(drf->host, -EINVAL, "offer_constraints_re2_max_mem is %s; 1B to 1GB are possible", mem);
    if (program && (str_to_i64(str_of(program), &size) || size < 1))
        return drf->host->fail(drf->host, -EINVAL,
                               "offer_constraints_re2_max_program_size is %s; a number from 1 on is wanted", program);
    drf->regex_limits = (struct regex_limits){(int64_t)bytes, size};
    return 0;
}

int
settings_read(struct drf *drf)
{
    /* The usual ones first, so that no flood of odd names leaves them without a number. */
    static const char *const usual[] = {"cpus", "mem", "disk", "gpus"};
    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        kind_find(drf, usual[i]);
    const char *gpus = option(drf, "filter_gpu_resources");
    drf->filter_gpus = !gpus || (strcmp(gpus, "false") != 0 && strcmp(gpus, "0") != 0);
    int rc = read_interval(drf);
    if (rc == 0)
        rc = read_minimums(drf);
    if (rc == 0)
        rc = read_excluded(drf);
    if (rc == 0)
        rc = read_regex_limits(drf);
    return rc ? rc : read_weights(drf);
}

void
settings_free(struct drf *drf)
{
    for (uint32_t i = 0; i < drf->kind_count; i++)
        free(drf->kinds[i]);
    free(drf->minimums.items);
}
