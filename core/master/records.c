/* SPDX-License-Identifier: Apache-2.0 */
/* The records of the large views: which of json_state.c's and operator_*.c's writers shows each of them. Reads only. */
#include "master/records.h"

#include <math.h>
#include <string.h>

#include "master/http.h"
#include "master/operator.h"

enum {
    V1_VIEWS = 1 << VIEW_JSON | 1 << VIEW_PROTO,
    STATE_VIEW = 1 << VIEW_STATE,
    TASK_VIEWS = STATE_VIEW | V1_VIEWS | 1 << VIEW_SUMMARY | 1 << VIEW_TASKS,
    SLAVES_VIEWS = STATE_VIEW | 1 << VIEW_SLAVES | V1_VIEWS,
};

/* An item of a list of the older JSON. */
static struct json
json_item(struct buf *out)
{
    struct json json = json_on(out);
    json.comma = true;
    return json;
}

/* An item of a list of the v1 API. */
static struct writer
v1_item(struct buf *out, enum view view)
{
    struct writer writer = writer_on(out, view == VIEW_JSON);
    writer.json.comma = true;
    return writer;
}

/* ---- agents ---- */

static void
render_agent_for(struct record *record, enum view view, struct sight *sight, struct buf *out, struct arena *arena)
{
    const struct agent *agent = container_of(record, struct agent, record);
    if (view == VIEW_JSON || view == VIEW_PROTO) {
        struct writer writer = v1_item(out, view);
        operator_write_agent(&writer, agent, sight, arena);
        return;
    }
    struct agent_brief brief = {.number = agent->number};
    size_t start = out->len;
    if (view == VIEW_SUMMARY)
        buf_append(out, &brief, sizeof(brief));
    struct json json = json_item(out);
    json_object(&json);
    json_agent(&json, agent, sight, arena);
    if (view == VIEW_SLAVES)
        json_agent_full(&json, agent, sight, arena);
    if (view != VIEW_SUMMARY) {
        json_object_end(&json);
        return;
    }
    brief.len = (uint32_t)(out->len - start - sizeof(brief));
    memcpy(buf_data(out) + start, &brief, sizeof(brief));
}

static void
render_agent(struct record *record, enum view view, struct buf *out, struct arena *arena)
{
    render_agent_for(record, view, NULL, out, arena);
}

/* Views of the older JSON that have no ..._full lists show of roles only what is reserved. */
static enum look
look_at_agent(const struct record *record, enum view view, struct sight *sight)
{
    const struct agent *agent =
        (const struct agent *)(const void *)((const char *)record - offsetof(struct agent, record));
    auto_resources struct resources held = {0};
    if (sight_roles(sight))
        return LOOK_WHOLE;
    if (!sight_resources(sight, &agent->total))
        return LOOK_PART;
    if (view == VIEW_STATE || view == VIEW_SUMMARY)
        return LOOK_WHOLE;
    agent_used(agent, &held);
    agent_offered(agent, &held);
    return sight_resources(sight, &held) ? LOOK_WHOLE : LOOK_PART;
}

static void
render_recovered_for(struct record *record, enum view view, struct sight *sight, struct buf *out, struct arena *arena)
{
    const struct recovered_agent *recovered = container_of(record, struct recovered_agent, record);
    if (view == VIEW_JSON || view == VIEW_PROTO) {
        struct writer writer = v1_item(out, view);
        operator_write_recovered(&writer, recovered, sight, arena);
        return;
    }
    struct json json = json_item(out);
    json_recovered_agent(&json, recovered, arena);
}

static void
render_recovered(struct record *record, enum view view, struct buf *out, struct arena *arena)
{
    render_recovered_for(record, view, NULL, out, arena);
}

/* In the older JSON nothing of roles is said of them. */
static enum look
look_at_recovered(const struct record *record, enum view view, struct sight *sight)
{
    (void)record;
    return sight_roles(sight) || (view != VIEW_JSON && view != VIEW_PROTO) ? LOOK_WHOLE : LOOK_PART;
}

static void
sum_agent(struct record *record, struct resources *sum)
{
    resources_add(sum, &container_of(record, struct agent, record)->total);
}

const struct record_kind agent_records = {SLAVES_VIEWS | 1 << VIEW_SUMMARY, render_agent, sum_agent, look_at_agent,
                                         render_agent_for};
const struct record_kind recovered_records = {SLAVES_VIEWS, render_recovered, NULL, look_at_recovered, render_recovered_for};

/* ---- executors and offers ---- */

static void
render_executor(struct record *record, enum view view, struct buf *out, struct arena *arena)
{
    const struct executor *executor = container_of(record, struct executor, record);
    if (view == VIEW_JSON || view == VIEW_PROTO) {
        struct writer writer = v1_item(out, view);
        operator_write_executor(&writer, executor, arena);
        return;
    }
    struct json json = json_item(out);
    json_executor(&json, executor, arena);
}

static void
sum_executor(struct record *record, struct resources *sum)
{
    resources_add(sum, &container_of(record, struct executor, record)->resources);
}

static void
render_offer(struct record *record, enum view view, struct buf *out, struct arena *arena)
{
    struct json json = json_item(out);
    (void)view, (void)arena;
    json_offer(&json, container_of(record, struct offer, record));
}

static void
sum_offer(struct record *record, struct resources *sum)
{
    resources_add(sum, &container_of(record, struct offer, record)->resources);
}

static enum look
look_at_executor(const struct record *record, enum view view, struct sight *sight)
{
    (void)view;
    return sight_executor(sight, (const struct executor *)(const void *)((const char *)record -
                                                                         offsetof(struct executor, record)))
               ? LOOK_WHOLE
               : LOOK_HIDDEN;
}

const struct record_kind executor_records = {STATE_VIEW | V1_VIEWS, render_executor, sum_executor, look_at_executor, NULL};
const struct record_kind offer_records = {STATE_VIEW, render_offer, sum_offer, NULL, NULL};

/* ---- tasks ---- */

uint32_t
task_id_hash(struct str id)
{
    return (uint32_t)hash_bytes(id.ptr, id.len);
}

static void
render_brief(const struct task *task, struct buf *out)
{
    struct task_brief brief = {0};
    brief.first_time = task->last_status ? task->first_status_time : -INFINITY;
    brief.agent = task->agent ? task->agent->number : 0;
    brief.id_hash = task_id_hash(str_of(task->id));
    brief.state = task->state % TASK_STATES;
    buf_append(out, &brief, sizeof(brief));
    if (!brief.agent)
        buf_append_str(out, task_agent_id(task));
}

static void
render_task(struct record *record, enum view view, struct buf *out, struct arena *arena, uint32_t number)
{
    const struct task *task = container_of(record, struct task, record);
    if (view == VIEW_SUMMARY || view == VIEW_TASKS) {
        render_brief(task, out);
        return;
    }
    if (view == VIEW_JSON || view == VIEW_PROTO) {
        struct writer writer = v1_item(out, view);
        operator_write_task(&writer, number, task);
        return;
    }
    struct json json = json_item(out);
    json_task(&json, task, arena);
}

static void
render_live(struct record *record, enum view view, struct buf *out, struct arena *arena)
{
    render_task(record, view, out, arena, OPERATOR_TASKS);
}

static void
render_unreachable(struct record *record, enum view view, struct buf *out, struct arena *arena)
{
    render_task(record, view, out, arena, OPERATOR_UNREACHABLE_TASKS);
}

static void
render_done(struct record *record, enum view view, struct buf *out, struct arena *arena)
{
    render_task(record, view, out, arena, OPERATOR_COMPLETED_TASKS);
}

static void
sum_task(struct record *record, struct resources *sum)
{
    resources_add(sum, &container_of(record, struct task, record)->resources);
}

static enum look
look_at_task(const struct record *record, enum view view, struct sight *sight)
{
    (void)view;
    return sight_task(sight, (const struct task *)(const void *)((const char *)record - offsetof(struct task, record)))
               ? LOOK_WHOLE
               : LOOK_HIDDEN;
}

const struct record_kind task_records = {TASK_VIEWS, render_live, sum_task, look_at_task, NULL};
const struct record_kind unreachable_task_records = {TASK_VIEWS, render_unreachable, NULL, look_at_task, NULL};
const struct record_kind done_task_records = {TASK_VIEWS, render_done, NULL, look_at_task, NULL};
