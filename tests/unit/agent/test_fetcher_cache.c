/* SPDX-License-Identifier: Apache-2.0 */
/* The account of the fetcher's cache: who is evicted, who may stay, and what is wiped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "agent/fetcher_cache.h"
#include "base/file.h"

static char root[] = "/tmp/test_fetcher_cache.XXXXXX";

struct fixture {
    struct loop *loop;
    struct fetcher_cache cache;
};

static int
set_up(void **state)
{
    static struct fixture fixture;
    fixture.loop = loop_new(&(struct loop_options){.virtual_clock = true, .seed = 1}, NULL);
    fetcher_cache_init(&fixture.cache, fixture.loop, root, 100, 7);
    *state = &fixture;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *fixture = *state;
    fetcher_cache_fini(&fixture->cache);
    loop_run(fixture->loop); /* files that are still to be removed */
    loop_free(fixture->loop);
    return 0;
}

/* As a download that has ended well and is used no more. */
static struct fetcher_cache_entry *
put(struct fetcher_cache *cache, const char *user, const char *uri, uint64_t bytes)
{
    struct fetcher_cache_entry *entry = fetcher_cache_add(cache, user, uri);
    struct err err;
    assert_true(fetcher_cache_reserve(cache, entry, bytes));
    auto_free char *directory = fetcher_cache_directory(cache, user);
    assert_int_equal(dir_make(directory, 0755, &err), 0);
    assert_int_equal(file_replace(entry->path, "x", 1, 0644, false, &err), 0);
    entry->ready = true;
    fetcher_cache_release(cache, entry);
    return entry;
}

static bool
is_file(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void
test_names_and_users(void **state)
{
    struct fetcher_cache *cache = &((struct fixture *)*state)->cache;
    struct fetcher_cache_entry *ann = put(cache, "ann", "http://h/d/a.tgz", 10), *bob = put(cache, "bob", "http://h/d/a.tgz", 20);
    assert_string_equal(ann->name, "c7-a.tgz");
    assert_string_equal(bob->name, "c8-a.tgz");
    assert_ptr_equal(fetcher_cache_find(cache, "ann", "http://h/d/a.tgz"), ann);
    assert_ptr_equal(fetcher_cache_find(cache, "bob", "http://h/d/a.tgz"), bob);
    assert_null(fetcher_cache_find(cache, "carl", "http://h/d/a.tgz"));
    assert_null(fetcher_cache_find(cache, NULL, "http://h/d/a.tgz"));
    assert_int_equal(cache->used_bytes, 30);
    char uri[5000];
    memset(uri, 'u', sizeof(uri));
    memcpy(uri + sizeof(uri) - 5, ".tgz", 5);
    struct fetcher_cache_entry *lengthy = fetcher_cache_add(cache, "ann", uri);
    assert_true(strlen(lengthy->name) < 200);
    assert_true(str_ends(str_of(lengthy->name), STR_LIT(".tgz")));
    fetcher_cache_drop(cache, lengthy);
    fetcher_cache_release(cache, lengthy);
}

static void
test_the_least_recently_used_goes_first(void **state)
{
    struct fixture *fixture = *state;
    struct fetcher_cache *cache = &fixture->cache;
    struct fetcher_cache_entry *a = put(cache, NULL, "/a", 40), *b = put(cache, NULL, "/b", 40);
    auto_free char *a_path = xstrdup(a->path), *b_path = xstrdup(b->path);
    assert_ptr_equal(fetcher_cache_find(cache, NULL, "/a"), a);
    put(cache, NULL, "/c", 50);
    loop_run(fixture->loop);
    assert_null(fetcher_cache_find(cache, NULL, "/b"));
    assert_non_null(fetcher_cache_find(cache, NULL, "/a"));
    assert_true(is_file(a_path) && !is_file(b_path));
    assert_int_equal(cache->used_bytes, 90);
}

static void
test_what_is_used_stays(void **state)
{
    struct fixture *fixture = *state;
    struct fetcher_cache *cache = &fixture->cache;
    struct fetcher_cache_entry *a = put(cache, NULL, "/a", 60);
    auto_free char *path = xstrdup(a->path);
    fetcher_cache_hold(a);
    struct fetcher_cache_entry *b = fetcher_cache_add(cache, NULL, "/b");
    assert_false(fetcher_cache_reserve(cache, b, 50));
    assert_false(fetcher_cache_reserve(cache, b, 101)); /* more than all of it */
    assert_false(fetcher_cache_reserve(cache, b, UINT64_MAX));
    assert_int_equal(cache->used_bytes, 60);
    assert_true(fetcher_cache_reserve(cache, b, 40));
    assert_int_equal(cache->used_bytes, 100);
    assert_true(fetcher_cache_reserve(cache, b, 30)); /* it was smaller than it was said to be */
    assert_int_equal(cache->used_bytes, 90);
    fetcher_cache_drop(cache, a);
    loop_run(fixture->loop);
    assert_true(is_file(path)); /* somebody still reads it */
    assert_null(fetcher_cache_find(cache, NULL, "/a"));
    fetcher_cache_release(cache, a);
    loop_run(fixture->loop);
    assert_false(is_file(path));
    assert_int_equal(cache->used_bytes, 30);
    fetcher_cache_drop(cache, b);
    fetcher_cache_release(cache, b);
    assert_int_equal(cache->used_bytes, 0);
}

static void
test_wiping_spares_what_is_not_ours(void **state)
{
    struct fetcher_cache *cache = &((struct fixture *)*state)->cache;
    struct err err;
    struct fetcher_cache_entry *entry = put(cache, "ann", "/a", 1);
    auto_free char *precious = xasprintf("%s/ann/cv.txt", root), *part = xasprintf("%s/ann/c1-x.part", root);
    auto_free char *top = xasprintf("%s/c1-top", root), *link = xasprintf("%s/linked", root);
    assert_int_equal(file_replace(precious, "x", 1, 0644, false, &err), 0);
    assert_int_equal(file_replace(part, "x", 1, 0644, false, &err), 0);
    assert_int_equal(file_replace(top, "x", 1, 0644, false, &err), 0);
    auto_free char *other = xasprintf("%s.other", root), *others = xasprintf("%s.other/c1-x", root);
    assert_int_equal(dir_make(other, 0755, &err), 0);
    assert_int_equal(file_replace(others, "x", 1, 0644, false, &err), 0);
    assert_int_equal(symlink(other, link), 0);
    fetcher_cache_wipe(root);
    assert_false(is_file(entry->path) || is_file(part));
    assert_true(is_file(precious) && is_file(top) && is_file(others));
    fetcher_cache_wipe("/nonexistent");
    assert_int_equal(dir_remove(other, &err), 0);
}

static int
make_root(void **state)
{
    return mkdtemp(root) ? 0 : -1;
}

static int
remove_root(void **state)
{
    return dir_remove(root, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names_and_users, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_least_recently_used_goes_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_used_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wiping_spares_what_is_not_ours, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
