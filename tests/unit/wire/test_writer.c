/* SPDX-License-Identifier: Apache-2.0 */
/* Messages written member by member are what the same messages are when they are built and encoded as a whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mesos/v1/master/master.pb-c.h"
#include "wire/message.h"
#include "wire/writer.h"

typedef Mesos__V1__Master__Response Response;
typedef Mesos__V1__Master__Response__GetAgents GetAgents;
typedef Mesos__V1__Master__Response__GetMaster GetMaster;

enum { MANY = 3000 };

/* A response with GET_STATE's nesting: agents with names of many lengths, so that lengths of every size occur. */
struct built {
    struct arena *arena;
    Response response;
    Mesos__V1__Master__Response__GetState state;
    GetAgents agents;
    Mesos__V1__Master__Response__GetTasks tasks;
    GetMaster master;
    size_t count;
};

static Mesos__V1__Master__Response__GetAgents__Agent *
an_agent(struct arena *arena, size_t name_len)
{
    Mesos__V1__Master__Response__GetAgents__Agent *agent = arena_alloc(arena, sizeof(*agent));
    mesos__v1__master__response__get_agents__agent__init(agent);
    agent->agent_info = arena_alloc(arena, sizeof(*agent->agent_info));
    mesos__v1__agent_info__init(agent->agent_info);
    char *name = arena_alloc(arena, name_len + 1);
    memset(name, 'a', name_len);
    name[name_len] = '\0';
    agent->agent_info->hostname = name;
    agent->version = arena_strdup(arena, STR_LIT("1.\"11\""));
    agent->active = name_len % 2;
    return agent;
}

static void
build(struct built *built, size_t count)
{
    *built = (struct built){.arena = arena_new(0), .count = count};
    mesos__v1__master__response__init(&built->response);
    mesos__v1__master__response__get_state__init(&built->state);
    mesos__v1__master__response__get_agents__init(&built->agents);
    mesos__v1__master__response__get_tasks__init(&built->tasks);
    built->response.has_type = true;
    built->response.type = MESOS__V1__MASTER__RESPONSE__TYPE__GET_STATE;
    built->response.get_state = &built->state;
    built->state.get_tasks = &built->tasks;
    built->state.get_agents = &built->agents;
    built->agents.n_agents = count;
    built->agents.agents = arena_calloc(built->arena, count + 1, sizeof(*built->agents.agents));
    for (size_t i = 0; i < count; i++)
        built->agents.agents[i] = an_agent(built->arena, i % 300);
}

/* packed: agents are given as bytes rather than as structs. */
static void
write_all(struct writer *writer, const struct built *built, bool packed)
{
    writer_open(writer);
    writer_enum(writer, 1, "type", 8, "GET_STATE");
    writer_begin(writer, 9, "get_state");
    writer_begin(writer, 1, "get_tasks");
    writer_end(writer);
    writer_begin(writer, 4, "get_agents");
    if (built->count)
        writer_list(writer, "agents"); /* an empty one would be shown, which a struct cannot say */
    for (size_t i = 0; i < built->count; i++) {
        auto_buf struct buf bytes = {0};
        message_pack(&bytes, built->agents.agents[i]);
        if (packed)
            writer_packed(writer, 1, NULL, &mesos__v1__master__response__get_agents__agent__descriptor,
                          buf_str(&bytes));
        else
            writer_message(writer, 1, NULL, built->agents.agents[i]);
    }
    if (built->count)
        writer_list_end(writer);
    writer_end(writer);
    writer_end(writer);
    writer_close(writer);
}

static void
check(size_t count, bool json, bool packed, bool on_rope)
{
    struct built built;
    auto_buf struct buf wanted = {0}, found = {0};
    auto_rope struct rope rope = {0};
    build(&built, count);
    if (json)
        message_to_json(&wanted, &built.response);
    else
        message_pack(&wanted, &built.response);
    struct writer writer = on_rope ? writer_on_rope(&rope, json) : writer_on(&found, json);
    write_all(&writer, &built, packed);
    if (on_rope)
        rope_copy(&rope, &found);
    assert_int_equal(found.len, wanted.len);
    assert_memory_equal(buf_data(&found), buf_data(&wanted), wanted.len);
    arena_free(built.arena);
}

static void
test_as_a_whole(void **state)
{
    static const size_t counts[] = {0, 1, 2, 40, MANY};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        for (unsigned how = 0; how < 8; how++)
            check(counts[i], how & 1, how & 2, how & 4);
}

/* What a length of one, two, three and four bytes does to what stands before it. */
static void
test_lengths(void **state)
{
    static const size_t lengths[] = {0, 1, 100, 127, 128, 129, 16383, 16384, 2097151, 2097152};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        auto_buf struct buf out = {0};
        auto_arena struct arena *arena = arena_new(0);
        auto_free char *name = xmalloc(lengths[i] + 1);
        struct writer writer = writer_on(&out, false);
        memset(name, 'n', lengths[i]);
        name[lengths[i]] = '\0';
        Mesos__V1__AgentID id = MESOS__V1__AGENT_ID__INIT;
        id.value = name;
        writer_open(&writer);
        writer_begin(&writer, 6, "agent_removed");
        writer_message(&writer, 1, "agent_id", &id);
        writer_end(&writer);
        writer_close(&writer);
        Mesos__V1__Master__Event *event =
            message_unpack_trusted(&mesos__v1__master__event__descriptor, buf_str(&out), arena);
        assert_non_null(event);
        assert_string_equal(event->agent_removed->agent_id->value, name);
    }
}

static void
test_values(void **state)
{
    auto_buf struct buf json = {0}, bytes = {0};
    for (int i = 0; i < 2; i++) {
        struct writer writer = writer_on(i ? &json : &bytes, i);
        writer_open(&writer);
        writer_enum(&writer, 1, "type", -1, "NONE");
        writer_list(&writer, "empty");
        writer_list_end(&writer);
        writer_double(&writer, 2, "start_time", 0.1);
        writer_close(&writer);
    }
    assert_string_equal(buf_cstr(&json), "{\"type\":\"NONE\",\"empty\":[],\"start_time\":0.1}");
    static const unsigned char wanted[] = {8,    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
                                           0x11, 0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f};
    assert_int_equal(bytes.len, sizeof(wanted));
    assert_memory_equal(buf_data(&bytes), wanted, sizeof(wanted));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_a_whole),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
