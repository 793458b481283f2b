/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of a driver (v0), damaged on their way: the master goes on. */
#include <glob.h>

#include "../lib/facts.h"
#include "base/file.h"
#include "drivers.h"

/* The body of a recorded request, which came in one chunk; its name goes to name. */
static struct str
recorded(const char *path, struct buf *raw, char name[80])
{
    struct err err = {0};
    assert_int_equal(file_read(path, 1 << 20, raw, &err), 0);
    struct str all = buf_str(raw), line = all;
    line = str_cut(&line, '\r');
    const char *slash = strchr(line.ptr + strlen("POST /"), '/') + 1;
    snprintf(name, 80, "%.*s", (int)(strchr(slash, ' ') - slash), slash);
    const char *end = memmem(all.ptr, all.len, "\r\n\r\n", 4);
    struct str rest = str_n(end + 4, all.len - (size_t)(end + 4 - all.ptr));
    struct str size = str_cut(&rest, '\r');
    size_t len = strtoul(size.ptr, NULL, 16);
    return str_n(rest.ptr + 1, len);
}

static unsigned
random_of(unsigned *seed, unsigned below)
{
    *seed = *seed * 1103515245U + 12345U;
    return (*seed >> 8) % below;
}

/* Damages a message here and there: bytes changed, cut off, put in. */
static void
damage(struct buf *body, unsigned *seed)
{
    static const unsigned char favourites[] = {0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x08};
    for (unsigned n = 1 + random_of(seed, 4); n > 0 && body->len > 0; n--) {
        unsigned at = random_of(seed, (unsigned)body->len);
        char *bytes = buf_data(body);
        switch (random_of(seed, 4)) {
        case 0:
            bytes[at] = (char)favourites[random_of(seed, sizeof(favourites))];
            break;
        case 1:
            bytes[at] = (char)random_of(seed, 256);
            break;
        case 2:
            body->len = at;
            break;
        default:
            bytes[at] ^= (char)(1 << random_of(seed, 8));
        }
    }
}

/* Every message that a recorded scheduler sent, damaged in many ways: the master goes on and answers. */
static void
test_damaged_messages(void **state)
{
    (void)state;
    struct world *w = world_new();
    static const char theirs[] = "6db91cb1-19d9-4d8d-b030-b61df76da796";
    unsigned seed = 42, sent = 0;
    glob_t found;
    auto_free char *pattern = facts_path("traces/08c-v0-scheduler-by-hand/*-sched[12]-master-*.req");
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    registers(w, &w->driver);
    w->driver.deaf = w->agent.deaf = true;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        auto_buf struct buf raw = {0};
        char name[80];
        struct str body = recorded(found.gl_pathv[i], &raw, name);
        for (int round = 0; round < 100; round++, sent++) {
            auto_buf struct buf copy = {0};
            struct upid to = {.id = "master", .address = w->master_at};
            buf_append_str(&copy, body);
            for (char *at = buf_data(&copy); (at = memmem(at, copy.len - (size_t)(at - (char *)buf_data(&copy)), theirs,
                                                          sizeof(theirs) - 1));)
                memcpy(at, w->framework_id, sizeof(theirs) - 1);
            damage(&copy, &seed);
            libprocess_send(w->driver.libprocess, "sched", &to, name, buf_str(&copy));
            if (sent % 20 == 0)
                pass(w, 10);
        }
    }
    globfree(&found);
    pass(w, 1000);
    assert_true(sent > 3000);
    registers(w, &w->second); /* offers may be with whoever the damage made */
    CALLS(w, &w->second, "{\"type\":\"RECONCILE\",\"framework_id\":{\"value\":\"%s\"},\"reconcile\":{\"tasks\":[{"
          "\"task_id\":{\"value\":\"none\"}}]}}", w->framework_id);
    updated(w, &w->second, MESOS__V1__TASK_STATE__TASK_LOST);
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damaged_messages),
    };
    cmocka_set_test_filter(getenv("SCENARIO_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
