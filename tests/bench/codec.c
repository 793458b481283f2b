/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many messages a second the codecs decode and encode: a subscription, an accepted offer, a status update
 * and a batch of offers. Beside each figure stands its ratio to protobuf-c doing the same on plain bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "mesos/v1/scheduler/scheduler.pb-c.h"
#include "wire/message.h"

enum { MIN_MS = 200 };

struct sample {
    const char *name;
    const ProtobufCMessageDescriptor *type;
    const char *json;
};

#define RESOURCE(name, value)                                                                                \
    "{\"name\":\"" name "\",\"type\":\"SCALAR\",\"scalar\":{\"value\":" value "},\"role\":\"*\","            \
    "\"allocation_info\":{\"role\":\"prod\"}}"
#define OFFER                                                                                                \
    "{\"id\":{\"value\":\"f2d5e33f-74c8-482b-b746-d8bdb92e50d0-O24\"},\"framework_id\":{\"value\":"          \
    "\"f2d5e33f-74c8-482b-b746-d8bdb92e50d0-0000\"},\"agent_id\":{\"value\":\"f2d5e33f-74c8-482b-b746-"      \
    "d8bdb92e50d0-"                                                                                          \
    "S0\"},\"hostname\":\"agent1.example\",\"url\":{\"scheme\":\"http\",\"address\":{\"hostname\":\"agent1." \
    "example\","                                                                                             \
    "\"ip\":\"127.0.0.1\",\"port\":5051},\"path\":\"/"                                                       \
    "slave(1)\"},\"resources\":[{\"name\":\"ports\",\"type\":"                                               \
    "\"RANGES\",\"ranges\":{\"range\":[{\"begin\":31000,\"end\":32000}]}}," RESOURCE(                        \
        "cpus",                                                                                              \
        "3.9") "," RESOURCE("mem",                                                                           \
                            "4064.0") "," RESOURCE("disk",                                                   \
                                                   "10000.0") "],\"allocation_info\":{\"role\":\"prod\"}}"

static const struct sample samples[] = {
    {"SUBSCRIBE", &mesos__v1__scheduler__call__descriptor,
     "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"framework_info\":{\"user\":\"root\",\"name\":\"bench\","
     "\"roles\":[\"prod\"],"
     "\"failover_timeout\":60.0,\"checkpoint\":true,\"hostname\":\"sched.example\",\"capabilities\":[{"
     "\"type\":"
     "\"MULTI_ROLE\"},{\"type\":\"PARTITION_AWARE\"}]}}}"},
    {"ACCEPT", &mesos__v1__scheduler__call__descriptor,
     "{\"framework_id\":{\"value\":\"f2d5e33f-74c8-482b-b746-d8bdb92e50d0-0000\"},\"type\":\"ACCEPT\","
     "\"accept\":{"
     "\"offer_ids\":[{\"value\":\"f2d5e33f-74c8-482b-b746-d8bdb92e50d0-O1\"}],\"operations\":[{\"type\":"
     "\"LAUNCH\","
     "\"launch\":{\"task_infos\":[{\"name\":\"finish\",\"task_id\":{\"value\":\"finish\"},\"agent_id\":{"
     "\"value\":"
     "\"f2d5e33f-74c8-482b-b746-d8bdb92e50d0-S0\"},\"resources\":[" RESOURCE("cpus", "0.1") "," RESOURCE(
         "mem", "32.0") "],\"command\":{\"value\":\"echo hello; sleep "
                        "1\"}}]}}],\"filters\":{\"refuse_seconds\":0.0}}}"},
    {"UPDATE", &mesos__v1__scheduler__event__descriptor,
     "{\"type\":\"UPDATE\",\"update\":{\"status\":{\"task_id\":{\"value\":\"finish\"},\"state\":\"TASK_"
     "RUNNING\","
     "\"source\":\"SOURCE_EXECUTOR\",\"agent_id\":{\"value\":\"f2d5e33f-74c8-482b-b746-d8bdb92e50d0-S0\"},"
     "\"executor_id\":{\"value\":\"finish\"},\"timestamp\":1795222045.299271,\"uuid\":\"Al0ATFDjQ/"
     "iMxTpi3rW1cA==\","
     "\"container_status\":{\"container_id\":{\"value\":\"280092d8-a505-476c-818e-f5761c9d9188\"},\"network_"
     "infos\":[{"
     "\"ip_addresses\":[{\"protocol\":\"IPv4\",\"ip_address\":\"127.0.0.1\"}]}],\"executor_pid\":9137}}}}"},
    {"OFFERS", &mesos__v1__scheduler__event__descriptor,
     "{\"type\":\"OFFERS\",\"offers\":{\"offers\":[" OFFER "," OFFER "," OFFER "," OFFER "," OFFER "]}}"},
};

struct work {
    const ProtobufCMessageDescriptor *type;
    struct str json, bytes;
    void *message;
    struct arena *arena;
    struct buf out;
};

static void
protobuf_c_decode(struct work *work)
{
    ProtobufCMessage *message =
        protobuf_c_message_unpack(work->type, NULL, work->bytes.len, (const uint8_t *)work->bytes.ptr);
    protobuf_c_message_free_unpacked(message, NULL);
}

static void
protobuf_decode(struct work *work)
{
    arena_reset(work->arena);
    if (!message_unpack(work->type, work->bytes, work->arena, NULL))
        abort();
}

static void
protobuf_encode(struct work *work)
{
    buf_clear(&work->out);
    message_pack(&work->out, work->message);
}

static void
json_decode(struct work *work)
{
    arena_reset(work->arena);
    if (!message_from_json(work->type, work->json, work->arena, NULL))
        abort();
}

static void
json_encode(struct work *work)
{
    buf_clear(&work->out);
    message_to_json(&work->out, work->message);
}

static void
transcode(struct work *work)
{
    buf_clear(&work->out);
    if (message_transcode(&work->out, work->type, work->bytes))
        abort();
}

static double
now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double
rate(void (*fn)(struct work *), struct work *work)
{
    double start = now_ms(), took;
    size_t count = 0;
    do {
        for (int i = 0; i < 1000; i++)
            fn(work);
        count += 1000;
        took = now_ms() - start;
    } while (took < MIN_MS);
    return (double)count / took * 1e3;
}

static void
measure(const struct sample *sample)
{
    static const struct {
        const char *name;
        void (*fn)(struct work *);
    } steps[] = {
        {"protobuf decode", protobuf_decode}, {"protobuf encode", protobuf_encode},
        {"JSON decode", json_decode},         {"JSON encode", json_encode},
        {"protobuf to JSON", transcode},
    };
    auto_arena struct arena *keep = arena_new(0);
    struct buf packed = {0};
    struct err err = {0};
    struct work work = {.type = sample->type, .json = str_of(sample->json), .arena = arena_new(16384)};
    work.message = message_from_json(sample->type, work.json, keep, &err);
    if (!work.message) {
        fprintf(stderr, "%s: %s\n", sample->name, err.text);
        exit(1);
    }
    message_pack(&packed, work.message);
    work.bytes = buf_str(&packed);
    double base = rate(protobuf_c_decode, &work);
    printf("%-10s %zu bytes, %zu as JSON\n", sample->name, work.bytes.len, work.json.len);
    printf("  %-18s %10.0f/s\n", "protobuf-c unpack", base);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        double got = rate(steps[i].fn, &work);
        printf("  %-18s %10.0f/s  %.2f of protobuf-c\n", steps[i].name, got, got / base);
    }
    arena_free(work.arena);
    buf_fini(&work.out);
    buf_fini(&packed);
}

int
main(void)
{
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
        measure(&samples[i]);
    return 0;
}
