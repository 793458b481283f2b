/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The samples and manual pages in etc/ are what the option tables say, and the sample with every line
 * uncommented that has a value is a valid configuration. `test_samples --write` (make samples) writes them
 * anew.
 */
#include "etc.h"

struct sample {
    const char *path;
    bool agent;
    void (*dump)(const struct conf_owner *owner, struct buf *out);
};

static const struct sample samples[] = {
    {"etc/mesos/master.ini", false, conf_dump_ini},
    {"etc/mesos/agent.ini", true, conf_dump_ini},
    {"etc/man/mesos-master.8", false, conf_dump_man},
    {"etc/man/mesos-agent.8", true, conf_dump_man},
};

static char *
path_of(const struct sample *sample)
{
    const char *srcdir = getenv("srcdir");

    return xasprintf("%s/%s", srcdir ? srcdir : ".", sample->path);
}

static void
dump(const struct sample *sample, struct buf *out)
{
    struct master_options master = {0};
    struct agent_options agent = {0};
    struct conf_owner owner = sample->agent ? agent_conf_owner(&agent) : master_conf_owner(&master);

    sample->dump(&owner, out);
}

static void
test_up_to_date(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        auto_free char *path = path_of(&samples[i]);
        auto_buf struct buf is = {0}, should = {0};
        struct err err;

        if (file_read(path, 1 << 20, &is, &err) < 0)
            fail_msg("%s", err.text);
        dump(&samples[i], &should);
        if (!str_eq(buf_str(&is), buf_str(&should)))
            fail_msg("%s is not what the option tables say: run `make samples`", samples[i].path);
    }
}

/* Takes the '#' off every line "#name = value". */
static char *
uncommented(const struct sample *sample)
{
    auto_buf struct buf text = {0};
    struct buf out = {0};
    struct str rest;

    dump(sample, &text);
    rest = buf_str(&text);
    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n');
        bool option = line.len > 1 && line.ptr[0] == '#' && line.ptr[1] != ' ' && line.ptr[1] != '#';

        if (option && line.ptr[1] == '[')
            break;
        if (option && line.ptr[line.len - 1] != '=')
            line = str_n(line.ptr + 1, line.len - 1);
        buf_append_str(&out, line);
        buf_putc(&out, '\n');
    }
    return buf_take(&out);
}

static void
test_valid(void **state)
{
    struct etc *etc = etc_new();
    auto_free char *master = uncommented(&samples[0]);
    auto_free char *agent = uncommented(&samples[1]);

    etc_write(etc, "mesos/master.ini", master);
    etc_write(etc, "mesos/agent.ini", agent);
    if (load_master(etc) != 0 || load_agent(etc) != 0)
        fail_msg("%s", etc->err.text);
    assert_int_equal(etc->agent.common.port, 5051);
    assert_true(conf_given(etc->set, "isolation"));
    etc_free(etc);
}

static int
write_all(void)
{
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        auto_free char *path = path_of(&samples[i]);
        auto_buf struct buf out = {0};
        struct err err;

        dump(&samples[i], &out);
        if (file_replace(path, buf_data(&out), out.len, 0644, false, &err) < 0) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
    }
    return 0;
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_up_to_date),
        cmocka_unit_test(test_valid),
    };

    if (argc > 1 && strcmp(argv[1], "--write") == 0)
        return write_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
