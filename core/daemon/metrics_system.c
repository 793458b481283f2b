/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's own figures: the system/ gauges and /system/stats.json. Read when somebody looks. */
#include <sys/sysinfo.h>

#include "daemon/builtin.h"
#include "wire/json.h"

static double
cpus_total(void *arg)
{
    return (double)sysconf(_SC_NPROCESSORS_ONLN);
}

static double
load(int which)
{
    double loads[3] = {0, 0, 0};
    if (getloadavg(loads, 3) != 3)
        return 0;
    return loads[which];
}

static double
load_1min(void *arg)
{
    return load(0);
}

static double
load_5min(void *arg)
{
    return load(1);
}

static double
load_15min(void *arg)
{
    return load(2);
}

static double
mem_total(void *arg)
{
    struct sysinfo info;
    return sysinfo(&info) == 0 ? (double)info.totalram * info.mem_unit : 0;
}

static double
mem_free(void *arg)
{
    struct sysinfo info;
    return sysinfo(&info) == 0 ? (double)info.freeram * info.mem_unit : 0;
}

void
metrics_add_system(struct metrics *metrics)
{
    metrics_pull(metrics, "system/cpus_total", cpus_total, NULL);
    metrics_pull(metrics, "system/load_1min", load_1min, NULL);
    metrics_pull(metrics, "system/load_5min", load_5min, NULL);
    metrics_pull(metrics, "system/load_15min", load_15min, NULL);
    metrics_pull(metrics, "system/mem_total_bytes", mem_total, NULL);
    metrics_pull(metrics, "system/mem_free_bytes", mem_free, NULL);
}

void
builtin_system_stats(struct http_exchange *exchange, void *arg)
{
    auto_buf struct buf out = {0};
    struct json json = json_on(&out);
    json_object(&json);
    json_key_double(&json, "avg_load_15min", load(2));
    json_key_double(&json, "avg_load_1min", load(0));
    json_key_double(&json, "avg_load_5min", load(1));
    json_key_int(&json, "cpus_total", (int64_t)cpus_total(NULL));
    json_key_int(&json, "mem_free_bytes", (int64_t)mem_free(NULL));
    json_key_int(&json, "mem_total_bytes", (int64_t)mem_total(NULL));
    json_object_end(&json);
    reply_json(exchange, buf_str(&out));
}
