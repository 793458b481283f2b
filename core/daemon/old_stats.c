/* SPDX-License-Identifier: Apache-2.0 */
/* Writes /stats.json from the metrics and an owner's table of former names. */
#include "daemon/old_stats.h"

#include "daemon/routes.h"
#include "wire/json.h"

#define OLD_STATS_MAX 64

struct sums {
    const struct old_stat *table;
    double values[OLD_STATS_MAX];
};

static void
add(const char *name, double value, void *arg)
{
    struct sums *sums = arg;
    for (size_t i = 0; sums->table[i].name && i < OLD_STATS_MAX; i++)
        for (size_t j = 0; j < ARRAY_LEN(sums->table[i].metrics) && sums->table[i].metrics[j]; j++)
            if (strcmp(sums->table[i].metrics[j], name) == 0)
                sums->values[i] += value;
}

void
reply_old_stats(struct http_exchange *exchange, struct metrics *metrics, const struct old_stat *table)
{
    auto_buf struct buf out = {0};
    struct json json = json_on(&out);
    struct sums sums = {.table = table};
    metrics_each(metrics, add, &sums);
    json_object(&json);
    for (size_t i = 0; table[i].name && i < OLD_STATS_MAX; i++) {
        if (table[i].exact)
            json_key_double(&json, table[i].name, sums.values[i]);
        else
            json_key_int(&json, table[i].name, (int64_t)sums.values[i]);
    }
    json_object_end(&json);
    reply_json(exchange, buf_str(&out));
}
