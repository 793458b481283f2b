/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers, maps, arenas, lists: what holds bytes and things. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"

static void
test_buf_appends_and_consumes(void **state)
{
    auto_buf struct buf buf = {0};
    assert_int_equal(buf_str(&buf).len, 0);
    for (int i = 0; i < 1000; i++)
        buf_printf(&buf, "%04d,", i);
    assert_int_equal(buf.len, 5000);
    assert_memory_equal(buf_data(&buf) + 4995, "0999,", 5);
    buf_consume(&buf, 4990);
    assert_string_equal(buf_cstr(&buf), "0998,0999,");
    buf_puts(&buf, "x");
    buf_putc(&buf, 'y');
    assert_string_equal(buf_cstr(&buf), "0998,0999,xy");
    buf_consume(&buf, buf.len);
    assert_int_equal(buf.start, 0);
    buf_shrink(&buf, 16);
    assert_null(buf.base);
}

static void
test_buf_reuses_what_was_consumed(void **state)
{
    auto_buf struct buf buf = {0};
    char block[1000];
    memset(block, 'a', sizeof(block));
    for (int i = 0; i < 10000; i++) { /* a queue that never holds more than two blocks stays small */
        buf_append(&buf, block, sizeof(block));
        if (i)
            buf_consume(&buf, sizeof(block));
    }
    assert_int_equal(buf.len, sizeof(block));
    assert_true(buf.cap <= 8192);
}

static void
test_buf_take_gives_a_string_and_empties(void **state)
{
    struct buf buf = {0};
    buf_puts(&buf, "xxhello");
    buf_consume(&buf, 2);
    auto_free char *text = buf_take(&buf);
    assert_string_equal(text, "hello");
    assert_null(buf.base);
    assert_int_equal(buf.len, 0);
    auto_free char *nothing = buf_take(&buf);
    assert_string_equal(nothing, "");
}

struct thing {
    char name[16];
    int value;
};

static struct str
key_of(const struct thing *thing)
{
    return str_of(thing->name);
}

static void
test_map_against_a_plain_table(void **state)
{
    enum { COUNT = 3000 };
    static struct thing things[COUNT];
    static bool present[COUNT];
    struct map map = {0};
    unsigned live = 0;
    uint32_t seed = 12345;
    assert_null(map_get(&map, STR_LIT("nobody")));
    for (int i = 0; i < COUNT; i++)
        snprintf(things[i].name, sizeof(things[i].name), "thing%d", i);
    for (int step = 0; step < 20000; step++) {
        seed = seed * 1664525 + 1013904223;
        unsigned i = (seed >> 8) % COUNT;
        if (present[i]) {
            assert_ptr_equal(map_remove(&map, key_of(&things[i])), &things[i]);
            live--;
        } else {
            map_add(&map, key_of(&things[i]), &things[i]);
            live++;
        }
        present[i] = !present[i];
        assert_int_equal(map_count(&map), live);
    }
    for (int i = 0; i < COUNT; i++)
        assert_ptr_equal(map_get(&map, key_of(&things[i])), present[i] ? &things[i] : NULL);
    map_fini(&map);
}

static void
test_map_iterates_in_order_and_survives_removal(void **state)
{
    static struct thing things[100];
    struct map map = {0};
    struct thing *thing;
    int next = 0, seen = 0;
    for (int i = 0; i < 100; i++) {
        things[i].value = i;
        snprintf(things[i].name, sizeof(things[i].name), "%d", i);
        map_add(&map, key_of(&things[i]), &things[i]);
    }
    map_foreach(thing, &map) {
        assert_int_equal(thing->value, next);
        next++;
        if (thing->value % 2 == 0)
            map_remove(&map, key_of(thing));
        if (thing->value == 50)
            map_remove(&map, key_of(&things[51])); /* another one, not reached yet */
        if (thing->value == 50)
            next++;
    }
    assert_int_equal(next, 100);
    map_foreach(thing, &map) seen += thing->value % 2;
    assert_int_equal(seen, 49);
    assert_int_equal(map_count(&map), 49);
    map_fini(&map);
}

static void
test_map_set_replaces(void **state)
{
    struct thing a = {"k", 1}, b = {"k", 2};
    struct map map = {0};
    assert_null(map_set(&map, key_of(&a), &a));
    assert_ptr_equal(map_set(&map, key_of(&b), &b), &a);
    assert_ptr_equal(map_get(&map, STR_LIT("k")), &b);
    assert_int_equal(map_count(&map), 1);
    map_fini(&map);
}

static void
test_hash_depends_on_every_byte(void **state)
{
    unsigned char data[32] = {0};
    for (size_t len = 1; len <= sizeof(data); len++) {
        uint64_t plain = hash_bytes(data, len);
        assert_true(plain == hash_bytes(data, len));
        assert_true(plain != hash_bytes(data, len - 1));
        for (size_t i = 0; i < len; i++) {
            data[i] = 1;
            assert_true(plain != hash_bytes(data, len));
            data[i] = 0;
        }
    }
}

static void
test_arena_keeps_everything_apart(void **state)
{
    auto_arena struct arena *arena = arena_new(64);
    unsigned char *blocks[200];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
            size_t size = i == 100 ? 3 << 20 : i * 7 + 1;
            blocks[i] = arena_alloc(arena, size);
            assert_int_equal((uintptr_t)blocks[i] % 16, 0);
            memset(blocks[i], (int)i, size);
        }
        for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
            assert_int_equal(blocks[i][0], i);
            assert_int_equal(blocks[i][i == 100 ? (3 << 20) - 1 : i * 7], i);
        }
        assert_true(arena_bytes(arena) > 3 << 20);
        arena_reset(arena);
        assert_true(arena_bytes(arena) < 1024);
    }
    assert_string_equal(arena_printf(arena, "%s-%d", "x", 5), "x-5");
    assert_string_equal(arena_strdup(arena, str_n("hello", 4)), "hell");
    const int *zeros = arena_calloc(arena, 100, sizeof(int));
    for (int i = 0; i < 100; i++)
        assert_int_equal(zeros[i], 0);
}

struct item {
    struct list node;
    int value;
};

static void
test_list_order_and_removal(void **state)
{
    struct list head = LIST_INIT(head);
    struct item items[5], *item, *next;
    int digits = 0;
    assert_true(list_empty(&head));
    assert_null(list_first(&head, struct item, node));
    for (int i = 0; i < 5; i++) {
        items[i].value = i + 1;
        if (i == 4)
            list_push_front(&head, &items[i].node);
        else
            list_push(&head, &items[i].node);
    }
    list_foreach(item, &head, node) digits = digits * 10 + item->value;
    assert_int_equal(digits, 51234);
    list_foreach_safe(item, next, &head, node)
        if (item->value % 2)
            list_remove(&item->node);
    list_remove(&items[0].node); /* twice is harmless */
    digits = 0;
    list_foreach(item, &head, node) digits = digits * 10 + item->value;
    assert_int_equal(digits, 24);
}

static void
test_take_leaves_nothing_behind(void **state)
{
    char *first = xstrdup("mine");
    auto_free char *second = take(&first);
    assert_null(first);
    assert_string_equal(second, "mine");
    int fd = 7;
    assert_int_equal(take_fd(&fd), 7);
    assert_int_equal(fd, -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_appends_and_consumes),
        cmocka_unit_test(test_buf_reuses_what_was_consumed),
        cmocka_unit_test(test_buf_take_gives_a_string_and_empties),
        cmocka_unit_test(test_map_against_a_plain_table),
        cmocka_unit_test(test_map_iterates_in_order_and_survives_removal),
        cmocka_unit_test(test_map_set_replaces),
        cmocka_unit_test(test_hash_depends_on_every_byte),
        cmocka_unit_test(test_arena_keeps_everything_apart),
        cmocka_unit_test(test_list_order_and_removal),
        cmocka_unit_test(test_take_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
