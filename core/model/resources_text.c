/* SPDX-License-Identifier: Apache-2.0 */
/* Resources from and to text: --resources in its short form, error messages, and the numbers of /state. */
#include "model/resources.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "model/ranges.h"
#include "model/resources_json.h"
#include "model/role.h"
#include "model/value_text.h"

static int
token_resource(Mesos__V1__Resource *ret, struct str token, const char *default_role, struct arena *arena,
               struct err *err)
{
    struct str rest = token, head = str_cut(&rest, ':');
    if (str_find(token, ':') < 0 || str_find(rest, ':') >= 0 || rest.len == 0 || head.len == 0)
        return err_set(err, -EINVAL, "Bad value for resources, missing or extra ':' in %.*s", STR_ARG(token));
    ptrdiff_t open = str_find(head, '('), close = str_find(head, ')');
    struct str name = str_trim(head), role = str_of(default_role);
    if (open >= 0) {
        if (close < open)
            return err_set(err, -EINVAL, "Bad value for resources, mismatched parentheses in %.*s", STR_ARG(token));
        name = str_trim(str_n(head.ptr, open));
        role = str_trim(str_n(head.ptr + open + 1, close - open - 1));
    }
    struct value_text value;
    if (value_text_parse(&value, rest, arena, err))
        return err_wrap(err, "Failed to parse resource %.*s value %.*s error", STR_ARG(name), STR_ARG(rest));
    if (value.type == MESOS__V1__VALUE__TYPE__TEXT)
        return err_set(err, -EINVAL, "Bad type for resource %.*s value %.*s type TEXT", STR_ARG(name), STR_ARG(rest));
    mesos__v1__resource__init(ret);
    ret->name = arena_strdup(arena, name);
    ret->role = arena_strdup(arena, role);
    ret->type = value.type;
    ret->scalar = value.scalar;
    ret->ranges = value.ranges;
    ret->set = value.set;
    return 0;
}

static Mesos__V1__Resource **
parse_simple(struct str text, const char *default_role, struct arena *arena, size_t *ret_count, struct err *err)
{
    size_t max = 1, count = 0;
    for (struct str rest = text; token_next(&rest, ";\n").len;)
        max++;
    Mesos__V1__Resource **items = arena_calloc(arena, max, sizeof(*items));
    for (;;) {
        struct str token = token_next(&text, ";\n");
        if (token.len == 0)
            break;
        items[count] = arena_alloc(arena, sizeof(**items));
        if (token_resource(items[count++], token, default_role, arena, err))
            return NULL;
    }
    *ret_count = count;
    return items;
}

/* One name has one type, whatever its roles. */
static int
check_types(const struct resources *r, struct err *err)
{
    for (uint32_t i = 0; i < r->count; i++)
        for (uint32_t j = i + 1; j < r->count; j++)
            if (r->items[i].type != r->items[j].type && strcmp(r->items[i].name, r->items[j].name) == 0)
                return err_set(err, -EINVAL, "Resources with the same name ('%s') but different types are not allowed",
                               r->items[i].name);
    return 0;
}

int
resources_parse(struct resources *ret, struct str text, const char *default_role, struct err *err)
{
    auto_arena struct arena *arena = arena_new(0);
    struct str trimmed = str_trim(text);
    const char *role = default_role ? default_role : "*";
    size_t count = 0;
    Mesos__V1__Resource **items = str_starts(trimmed, STR_LIT("["))
                                      ? resources_parse_json(trimmed, role, arena, &count, err)
                                      : parse_simple(trimmed, role, arena, &count, err);
    if (!items)
        return err ? err->code : -EINVAL;
    auto_resources struct resources parsed = {0};
    int rc = resources_from_proto(&parsed, items, count, err);
    if (rc == 0)
        rc = check_types(&parsed, err);
    if (rc == 0)
        resources_move(ret, &parsed);
    return rc;
}

void
scalar_format(struct buf *out, int64_t thousandths)
{
    buf_printf(out, "%.15g", (double)thousandths / 1000);
}

static void
ranges_format(struct buf *out, const struct mesos_range *items, size_t count)
{
    buf_putc(out, '[');
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%s%llu-%llu", i ? ", " : "", (unsigned long long)items[i].begin,
                   (unsigned long long)items[i].end);
    buf_putc(out, ']');
}

void
value_format(struct buf *out, const Mesos__V1__Value__Scalar *scalar, const Mesos__V1__Value__Ranges *ranges,
             const Mesos__V1__Value__Set *set)
{
    if (scalar) {
        double value = scalar->value;
        buf_printf(out, "%.15g", isfinite(value) && fabs(value) < RESOURCE_SCALAR_MAX ? round(value * 1000) / 1000
                                                                                     : value);
    } else if (ranges) {
        buf_putc(out, '[');
        for (size_t i = 0; i < ranges->n_range; i++)
            buf_printf(out, "%s%llu-%llu", i ? ", " : "", (unsigned long long)ranges->range[i]->begin,
                       (unsigned long long)ranges->range[i]->end);
        buf_putc(out, ']');
    } else if (set) {
        buf_putc(out, '{');
        for (size_t i = 0; i < set->n_item; i++)
            buf_printf(out, "%s%s", i ? ", " : "", set->item[i]);
        buf_putc(out, '}');
    }
}

static void
reservation_format(struct buf *out, const Mesos__V1__Resource__ReservationInfo *one)
{
    bool dynamic = one->has_type && one->type == MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__DYNAMIC;
    buf_printf(out, "(%s,%s", dynamic ? "DYNAMIC" : "STATIC", one->role ? one->role : "");
    if (one->principal)
        buf_printf(out, ",%s", one->principal);
    if (one->labels) {
        buf_puts(out, ",{");
        for (size_t i = 0; i < one->labels->n_labels; i++) {
            const Mesos__V1__Label *label = one->labels->labels[i];
            buf_printf(out, "%s%s: %s", i ? ", " : "", label->key, label->value ? label->value : "");
        }
        buf_putc(out, '}');
    }
    buf_putc(out, ')');
}

static void
source_format(struct buf *out, const Mesos__V1__Resource__DiskInfo__Source *source)
{
    static const char *const names[] = {"UNKNOWN", "PATH", "MOUNT", "BLOCK", "RAW"};
    unsigned type = (unsigned)source->type;
    buf_puts(out, type < ARRAY_LEN(names) ? names[type] : "UNKNOWN");
    if (source->id || source->profile)
        buf_printf(out, "(%s,%s,%s)", source->vendor ? source->vendor : "", source->id ? source->id : "",
                   source->profile ? source->profile : "");
    const char *root = source->path ? source->path->root : source->mount ? source->mount->root : NULL;
    if (root)
        buf_printf(out, ":%s", root);
}

static void
disk_format(struct buf *out, const Mesos__V1__Resource__DiskInfo *disk)
{
    buf_putc(out, '[');
    if (disk->source)
        source_format(out, disk->source);
    if (disk->persistence)
        buf_printf(out, "%s%s", disk->source ? "," : "", disk->persistence->id);
    if (disk->volume)
        buf_printf(out, ":%s%s%s", disk->volume->host_path ? disk->volume->host_path : "",
                   disk->volume->host_path ? ":" : "", disk->volume->container_path);
    buf_putc(out, ']');
}

static void
reservations_format(struct buf *out, const Mesos__V1__Resource *item)
{
    Mesos__V1__Resource__ReservationInfo old = MESOS__V1__RESOURCE__RESERVATION_INFO__INIT;
    if (item->n_reservations == 0 && item->role && strcmp(item->role, "*") != 0) {
        if (item->reservation)
            old = *item->reservation;
        old.role = item->role;
        old.has_type = true;
        old.type = item->reservation ? MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__DYNAMIC
                                     : MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__STATIC;
        buf_puts(out, "(reservations: [");
        reservation_format(out, &old);
        buf_puts(out, "])");
    } else if (item->n_reservations) {
        buf_puts(out, "(reservations: [");
        for (size_t i = 0; i < item->n_reservations; i++) {
            buf_puts(out, i ? "," : "");
            reservation_format(out, item->reservations[i]);
        }
        buf_puts(out, "])");
    }
}

void
resource_format(struct buf *out, const Mesos__V1__Resource *item)
{
    buf_puts(out, item->name);
    if (item->allocation_info && item->allocation_info->role)
        buf_printf(out, "(allocated: %s)", item->allocation_info->role);
    reservations_format(out, item);
    if (item->disk)
        disk_format(out, item->disk);
    if (item->revocable)
        buf_puts(out, "{REV}");
    if (item->shared)
        buf_puts(out, "<SHARED>");
    buf_putc(out, ':');
    value_format(out, item->scalar, item->ranges, item->set);
}

void
resources_format(struct buf *out, const struct resources *r)
{
    auto_arena struct arena *arena = arena_new(0);
    size_t count;
    Mesos__V1__Resource **items = resources_to_proto(r, false, arena, &count);
    for (size_t i = 0; i < count; i++) {
        buf_puts(out, i ? "; " : "");
        resource_format(out, items[i]);
    }
}

const struct mesos_range *
resources_ranges(const struct resources *r, const char *name, struct arena *arena, uint32_t *ret_count)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->count; i++)
        if (r->items[i].type == MESOS_VALUE_RANGES && strcmp(r->items[i].name, name) == 0)
            count += r->items[i].range_count;
    struct mesos_range *all = arena_calloc(arena, (size_t)count + 1, sizeof(*all));
    count = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct mesos_resource *item = &r->items[i];
        if (item->type != MESOS_VALUE_RANGES || strcmp(item->name, name) != 0 || item->range_count == 0)
            continue;
        memcpy(all + count, item->ranges, item->range_count * sizeof(*all));
        count += item->range_count;
    }
    *ret_count = ranges_normalise(all, count);
    return all;
}

/* Numbers of /state always show that they are not whole by nature: 4.0. */
static void
json_number(struct buf *out, int64_t thousandths)
{
    size_t before = out->len;
    scalar_format(out, thousandths);
    struct str digits = str_n(buf_data(out) + before, out->len - before);
    if (str_find(digits, '.') < 0 && str_find(digits, 'e') < 0)
        buf_puts(out, ".0");
}

static void
json_text(struct buf *out, const char *s)
{
    static const char hex[] = "0123456789abcdef";
    for (; *s; s++) {
        unsigned char c = *s;
        if (c == '"' || c == '\\')
            buf_putc(out, '\\');
        if (c < 0x20)
            buf_printf(out, "\\u00%c%c", hex[c >> 4], hex[c & 15]);
        else
            buf_putc(out, c);
    }
}

static bool
json_shown_before(const struct resources *r, uint32_t at)
{
    const struct mesos_resource *item = &r->items[at];
    for (uint32_t i = 0; i < at; i++)
        if (r->items[i].revocable == item->revocable && strcmp(r->items[i].name, item->name) == 0)
            return true;
    return false;
}

/* Every item of that name, revocable or not, as one value. */
static void
json_value(struct buf *out, const struct resources *r, uint32_t at)
{
    const struct mesos_resource *like = &r->items[at];
    struct resources sum = {0};
    for (uint32_t i = at; i < r->count; i++) {
        const struct mesos_resource *item = &r->items[i];
        if (item->revocable != like->revocable || item->type != like->type || strcmp(item->name, like->name) != 0)
            continue;
        struct mesos_resource plain = *item;
        plain.identity = plain.allocation_role = NULL;
        plain.identity_len = 0;
        plain.has_disk = plain.shared = 0;
        resources_add_view(&sum, (struct mesos_resources){sizeof(plain), 1, &plain});
    }
    const struct mesos_resource *item = sum.count ? &sum.items[0] : like;
    if (item->type == MESOS_VALUE_SCALAR) {
        json_number(out, item->scalar);
    } else if (item->type == MESOS_VALUE_RANGES) {
        buf_putc(out, '"');
        ranges_format(out, item->ranges, item->range_count);
        buf_putc(out, '"');
    } else {
        buf_puts(out, "\"{");
        for (uint32_t i = 0; i < item->item_count; i++) {
            buf_puts(out, i ? ", " : "");
            json_text(out, item->items[i]);
        }
        buf_puts(out, "}\"");
    }
    resources_fini(&sum);
}

static bool
is_usual(const struct mesos_resource *item, const char *const usual[4])
{
    for (size_t i = 0; i < 4; i++)
        if (item->type == MESOS_VALUE_SCALAR && !item->revocable && strcmp(item->name, usual[i]) == 0)
            return true;
    return false;
}

static int64_t
firm_scalar(const struct resources *r, const char *name)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < r->count; i++)
        if (r->items[i].type == MESOS_VALUE_SCALAR && !r->items[i].revocable && strcmp(r->items[i].name, name) == 0)
            sum += r->items[i].scalar;
    return sum;
}

void
resources_format_json(struct buf *out, const struct resources *r)
{
    static const char *const usual[4] = {"disk", "mem", "gpus", "cpus"};
    buf_putc(out, '{');
    for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
        buf_printf(out, "%s\"%s\":", i ? "," : "", usual[i]);
        json_number(out, firm_scalar(r, usual[i]));
    }
    for (uint32_t i = 0; i < r->count; i++) {
        const struct mesos_resource *item = &r->items[i];
        if (is_usual(item, usual) || json_shown_before(r, i))
            continue;
        buf_puts(out, ",\"");
        json_text(out, item->name);
        buf_printf(out, "%s\":", item->revocable ? "_revocable" : "");
        json_value(out, r, i);
    }
    buf_putc(out, '}');
}
