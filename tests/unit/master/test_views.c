/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of views against a plain list of the same records: whatever is added, changed and removed, an answer shows just
 * what there is, and only what has changed is rendered again. */
#include "wire/world.h"
#include <stdio.h>

#include "master/views_internal.h"

#define AT "127.0.0.1:80"

enum { MOST = 600 };

struct thing {
    struct record record;
    unsigned value;
    size_t padding; /* rendered bytes beside the value */
    int64_t cpus;
};

struct fixture {
    struct world world;
    struct http_server *server;
    struct views *views;
    struct sheets sheets;
    struct thing *model[MOST]; /* in order */
    size_t count, answers;
    enum view view;
};

static size_t rendered; /* records, by all views */

static void
render(struct record *record, enum view view, struct buf *out, struct arena *arena)
{
    const struct thing *thing = container_of(record, struct thing, record);
    (void)arena;
    rendered++;
    if (view == VIEW_PROTO)
        buf_printf(out, "<%u>", thing->value);
    else
        buf_printf(out, ",{\"%u\":%*u}", thing->value, (int)thing->padding, 1);
}

static void
sum(struct record *record, struct resources *ret)
{
    auto_resources struct resources mine = {0};
    auto_free char *text = xasprintf("cpus:%d", (int)container_of(record, struct thing, record)->cpus);
    assert_int_equal(resources_parse(&mine, str_of(text), "*", NULL), 0);
    resources_add(ret, &mine);
}

static const struct record_kind kind = {1 << VIEW_STATE | 1 << VIEW_PROTO, render, sum};

static void
answer(struct http_exchange *exchange, void *arg)
{
    struct fixture *f = arg;
    struct rope rope = {0};
    bool first = true;
    f->answers++;
    buf_putc(&rope.tail, '[');
    sheets_show(&f->sheets, f->view, NULL, &rope, &first);
    buf_putc(&rope.tail, ']');
    http_reply_legacy_rope(exchange, "application/json", &rope);
}

static void
on_exchange(struct http_exchange *exchange, void *arg)
{
    struct fixture *f = arg;
    views_await(f->views, f->view, exchange, answer, f);
}

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct address at = world_address(AT);
    world_open(&f->world);
    f->server = http_server_new(f->world.loop, on_exchange, f);
    assert_int_equal(http_server_listen(f->server, &at, NULL, NULL), 0);
    f->views = views_new(f->world.loop, http_server_pages(f->server));
    sheets_init(&f->sheets, f->views, &kind);
    *state = f;
    rendered = 0;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    sheets_fini(&f->sheets);
    assert_int_equal(views_bytes(f->views), 0);
    views_free(f->views);
    http_server_free(f->server);
    world_close(&f->world);
    for (size_t i = 0; i < f->count; i++)
        free(f->model[i]);
    free(f);
    return 0;
}

static struct thing *
add(struct fixture *f, unsigned value, size_t padding)
{
    struct thing *thing = xcalloc(1, sizeof(*thing));
    thing->value = value;
    thing->padding = padding;
    thing->cpus = value % 7 + 1;
    f->model[f->count++] = thing;
    sheets_add(&f->sheets, &thing->record);
    return thing;
}

static void
drop(struct fixture *f, size_t at)
{
    struct thing *thing = f->model[at];
    record_remove(&thing->record);
    record_remove(&thing->record);
    record_touch(&thing->record); /* on no sheet any more */
    memmove(f->model + at, f->model + at + 1, (f->count - at - 1) * sizeof(thing));
    f->count--;
    free(thing);
}

/* What an answer must be. */
static void
model_text(const struct fixture *f, struct buf *out)
{
    buf_putc(out, '[');
    for (size_t i = 0; i < f->count; i++) {
        if (f->view == VIEW_PROTO)
            buf_printf(out, "<%u>", f->model[i]->value);
        else
            buf_printf(out, "%s{\"%u\":%*u}", i ? "," : "", f->model[i]->value, (int)f->model[i]->padding, 1);
    }
    buf_putc(out, ']');
}

static void
look(struct fixture *f, enum view view)
{
    struct caller caller;
    auto_buf struct buf want = {0};
    f->view = view;
    caller_open(&caller, &f->world, AT);
    caller_send(&caller, "GET / HTTP/1.1\r\n\r\n");
    world_pass(&f->world, 100);
    model_text(f, &want);
    struct str got = buf_str(&caller.in);
    const char *body = memmem(got.ptr, got.len, "\r\n\r\n", 4);
    assert_non_null(body);
    got = str_n(body + 4, got.len - (size_t)(body + 4 - got.ptr));
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.ptr, buf_data(&want), want.len);
    caller_close(&caller);
    world_pass(&f->world, 1);
}

static void
test_only_changes_are_rendered(void **state)
{
    struct fixture *f = *state;
    look(f, VIEW_STATE);
    for (unsigned i = 0; i < 300; i++)
        add(f, i, 20);
    assert_int_equal(rendered, 0); /* nobody looks */
    look(f, VIEW_STATE);
    assert_int_equal(rendered, 300);
    look(f, VIEW_STATE);
    assert_int_equal(rendered, 300);
    f->model[70]->value = 7777;
    record_touch(&f->model[70]->record);
    record_touch(&f->model[70]->record);
    look(f, VIEW_STATE);
    assert_int_equal(rendered, 301);
    drop(f, 10);
    drop(f, 299 - 1);
    look(f, VIEW_STATE);
    assert_int_equal(rendered, 301);
    look(f, VIEW_PROTO);
    assert_int_equal(rendered, 301 + 298);
    add(f, 5, 20);
    look(f, VIEW_PROTO);
    look(f, VIEW_STATE);
    assert_int_equal(rendered, 301 + 298 + 2);
}

static size_t
sheet_count(const struct fixture *f)
{
    size_t count = 0;
    struct sheet *sheet;
    list_foreach(sheet, &f->sheets.list, in_sheets) {
        assert_in_range(sheet->count, 1, SHEET_RECORDS);
        for (uint32_t i = 0; i < sheet->count; i++) {
            assert_ptr_equal(sheet->records[i]->sheet, sheet);
            assert_int_equal(sheet->records[i]->at, i);
        }
        count++;
    }
    return count;
}

static void
test_split_and_join(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 64; i++)
        add(f, i, 20000); /* 1.3 MB on one sheet */
    look(f, VIEW_STATE);
    assert_in_range(sheet_count(f), 5, 16);
    look(f, VIEW_STATE);
    while (f->count > 3)
        drop(f, f->count / 2);
    assert_int_equal(sheet_count(f), 1); /* few records: one sheet */
    look(f, VIEW_STATE);
    while (f->count)
        drop(f, 0);
    assert_int_equal(sheet_count(f), 0);
    look(f, VIEW_STATE);
    add(f, 1, 400000); /* one record is never halved */
    look(f, VIEW_STATE);
    assert_int_equal(sheet_count(f), 1);
}

static uint32_t
draw(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) % below;
}

static void
check_sum(struct fixture *f)
{
    auto_resources struct resources total = {0};
    int64_t want = 0;
    for (size_t i = 0; i < f->count; i++)
        want += f->model[i]->cpus;
    sheets_sum(&f->sheets, &total);
    assert_int_equal(total.count, want ? 1 : 0);
    if (want)
        assert_int_equal(total.items[0].scalar, want * 1000);
}

static void
test_anything(void **state)
{
    struct fixture *f = *state;
    uint32_t seed = 42;
    for (int round = 0; round < 300; round++) {
        for (uint32_t n = draw(&seed, 40); n > 0; n--) {
            uint32_t what = draw(&seed, 10);
            if (what < (round % 100 < 50 ? 6U : 2U) && f->count < MOST) {
                add(f, draw(&seed, 100000), draw(&seed, 50) == 0 ? 30000 : draw(&seed, 300));
            } else if (what < 8 && f->count) {
                drop(f, draw(&seed, (uint32_t)f->count));
            } else if (f->count) {
                struct thing *thing = f->model[draw(&seed, (uint32_t)f->count)];
                thing->value = draw(&seed, 100000);
                thing->cpus = draw(&seed, 9) + 1;
                record_touch(&thing->record);
            }
        }
        assert_int_equal(f->sheets.count, f->count);
        sheet_count(f);
        check_sum(f);
        if (draw(&seed, 3) == 0)
            look(f, draw(&seed, 2) ? VIEW_STATE : VIEW_PROTO);
    }
}

static void
test_dropped_when_nobody_looks(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 200; i++)
        add(f, i, 100);
    look(f, VIEW_STATE);
    look(f, VIEW_PROTO);
    assert_true(views_bytes(f->views) > 200 * 100);
    world_pass(&f->world, 50 * 1000);
    look(f, VIEW_PROTO);
    world_pass(&f->world, 30 * 1000);
    assert_in_range(views_bytes(f->views), 1, 200 * 10); /* the other view is still looked at */
    world_pass(&f->world, 61 * 1000);
    assert_int_equal(views_bytes(f->views), 0);
    rendered = 0;
    look(f, VIEW_STATE);
    assert_int_equal(rendered, 200);
}

static void
test_viewers_go_and_come(void **state)
{
    struct fixture *f = *state;
    struct caller callers[6];
    auto_buf struct buf want = {0};
    for (unsigned i = 0; i < 500; i++)
        add(f, i, 1000);
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        caller_open(&callers[i], &f->world, AT);
        caller_send(&callers[i], "GET / HTTP/1.1\r\n\r\n");
    }
    while (list_empty(&f->views->each[VIEW_STATE].viewers))
        world_pass(&f->world, 0);
    caller_close(&callers[0]);
    caller_close(&callers[3]);
    world_pass(&f->world, 1000);
    assert_in_range(f->answers, 4, 6);
    model_text(f, &want);
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        if (i == 0 || i == 3)
            continue;
        assert_true(str_ends(buf_str(&callers[i].in), buf_str(&want)));
        caller_close(&callers[i]);
    }
}

struct trail {
    unsigned values[MOST];
    size_t count;
};

static void
follow(const struct record *record, struct str text, void *arg)
{
    struct trail *trail = arg;
    unsigned value = (unsigned)strtoul(text.ptr + 3, NULL, 10); /* ,{"value */
    assert_int_equal(value, container_of((struct record *)(uintptr_t)record, struct thing, record)->value);
    trail->values[trail->count++] = value;
}

static void
test_each(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 200; i++)
        add(f, i, 1);
    look(f, VIEW_STATE);
    struct trail there = {0}, back = {0};
    sheets_each_text(&f->sheets, VIEW_STATE, NULL, 1, follow, &there);
    sheets_each_text(&f->sheets, VIEW_STATE, NULL, -1, follow, &back);
    assert_int_equal(there.count, 200);
    assert_int_equal(back.count, 200);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(there.values[i], i);
        assert_int_equal(back.values[i], 199 - i);
    }
}

int
main(void)
{
#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_only_changes_are_rendered),
        FIXTURE_TEST(test_split_and_join),
        FIXTURE_TEST(test_anything),
        FIXTURE_TEST(test_dropped_when_nobody_looks),
        FIXTURE_TEST(test_viewers_go_and_come),
        FIXTURE_TEST(test_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
