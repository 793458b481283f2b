/* SPDX-License-Identifier: Apache-2.0 */
/* The statsd packets of tasks: lines separated as they come, packets by a NUL. Whatever they are, the bounds hold. */
#include <math.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "telemetry/dcos/statsd.h"

static void
check_figure(const struct statsd_figure *figure)
{
    must(isfinite(figure->value));
    must(figure->tag_count <= STATSD_TAGS_MAX && strlen(figure->name) <= STATSD_NAME_MAX && figure->name[0]);
    must(figure->member_count <= STATSD_MEMBERS);
    for (uint32_t i = 0; i < figure->tag_count; i++)
        must(figure->tags[i][0] && figure->tags[i] < figure->key + figure->key_len);
    if (figure->timer)
        must(statsd_percentile(figure->timer, .5) <= statsd_percentile(figure->timer, .99));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct statsd statsd;
    struct statsd_figure *figure;
    struct str rest = str_n(data, size);
    statsd_init(&statsd, 20);
    while (rest.len)
        statsd_packet(&statsd, str_cut(&rest, '\0'), 1);
    must(map_count(&statsd.figures) <= 20);
    map_foreach(figure, &statsd.figures)
        check_figure(figure);
    statsd_fini(&statsd);
    return 0;
}
