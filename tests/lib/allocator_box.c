/* SPDX-License-Identifier: Apache-2.0 */
/* See allocator_box.h. */
#include "allocator_box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

const char *
box_path(void)
{
    const char *path = getenv("MESOS_TEST_ALLOCATOR");
    return path && *path ? path : TEST_MODULES_DIR "/allocator_hierarchical_drf.so";
}

static void
on_offer(void *arg, mesos_framework_t framework, const char *role, mesos_agent_t agent,
         struct mesos_resources resources)
{
    struct box *box = arg;
    assert_false(box->in_call); /* offers come from a timer */
    if (agent == 0) {
        assert_false(box->ended);
        box->ended = true;
        box->ends++;
        return;
    }
    box->ended = false;
    if (box->offer_count == box->offer_cap) {
        box->offer_cap = box->offer_cap ? box->offer_cap * 2 : 16;
        box->offers = xreallocarray(box->offers, box->offer_cap, sizeof(*box->offers));
    }
    struct box_offer *offer = &box->offers[box->offer_count++];
    *offer = (struct box_offer){.framework = framework, .agent = agent};
    snprintf(offer->role, sizeof(offer->role), "%s", role);
    resources_add_view(&offer->resources, resources);
}

static void
on_inverse_offer(void *arg, mesos_framework_t framework, mesos_agent_t agent)
{
    struct box *box = arg;
    size_t len = strlen(box->asked);
    assert_false(box->in_call);
    assert_true(box->ended); /* after the cycle's offers */
    if (agent)
        snprintf(box->asked + len, sizeof(box->asked) - len, "%sf%u a%u", len ? "\n" : "", framework, agent);
    else
        box->ask_ends++;
}

void
box_plan(struct box *box, mesos_agent_t agent, int64_t start_ns)
{
    const struct mesos_unavailability away = {sizeof(away), start_ns, -1};
    box->in_call = true;
    box->ops->update_unavailability(box->lone.instance, agent, start_ns ? &away : NULL);
    box->in_call = false;
}

const char *
box_asked(struct box *box)
{
    static char text[sizeof(box->asked)];
    memcpy(text, box->asked, sizeof(text));
    box->asked[0] = '\0';
    return text;
}

void
box_init(struct box *box, const char *const *options)
{
    *box = (struct box){.ended = true};
    if (lone_host_start(&box->lone, box_path(), MESOS_KIND_ALLOCATOR, options))
        fail_msg("%s", box->lone.failure);
    box->ops = box->lone.module->ops;
    box->sink = (struct mesos_allocator_sink){sizeof(box->sink), box, on_offer, on_inverse_offer};
    box->ops->initialize(box->lone.instance, &box->sink);
}

void
box_launch_all(struct box *box)
{
    for (size_t i = 0; i < box->offer_count; i++)
        resources_fini(&box->offers[i].resources);
    box->offer_count = 0;
}

void
box_fini(struct box *box)
{
    box_launch_all(box);
    free(box->offers);
    lone_host_stop(&box->lone);
}

/* "a,b" to an array; pointers into `words`. */
static uint32_t
split(char *words, const char **ret, uint32_t max)
{
    uint32_t count = 0;
    for (char *save = NULL, *word = strtok_r(words, ",", &save); word && count < max;
         word = strtok_r(NULL, ",", &save))
        ret[count++] = word;
    return count;
}

static void
tell_framework(struct box *box, bool add, mesos_framework_t number, const char *roles, const char *suppressed,
               const char *flags)
{
    char id[32], role_words[256], suppressed_words[256];
    const char *role_list[16], *suppressed_list[16];
    snprintf(id, sizeof(id), "F-%04u", number);
    snprintf(role_words, sizeof(role_words), "%s", roles);
    snprintf(suppressed_words, sizeof(suppressed_words), "%s", suppressed);
    struct mesos_allocator_framework framework = {
        .size = sizeof(framework),
        .framework = number,
        .id = id,
        .roles = role_list,
        .role_count = split(role_words, role_list, 16),
        .suppressed_roles = suppressed_list,
        .suppressed_role_count = split(suppressed_words, suppressed_list, 16),
        .active = !strchr(flags, 'i'),
        .revocable = strchr(flags, 'r'),
        .shared = strchr(flags, 's'),
        .gpu = strchr(flags, 'g'),
        .reservation_refinement = strchr(flags, 'f'),
        .info = {box->framework_info.ptr, box->framework_info.len},
        .constraints = {box->constraints.ptr, box->constraints.len},
    };
    box->in_call = true;
    if (add)
        box->ops->add_framework(box->lone.instance, &framework, NULL, 0);
    else
        box->ops->update_framework(box->lone.instance, &framework);
    box->in_call = false;
}

void
box_add_framework(struct box *box, mesos_framework_t framework, const char *roles, const char *flags)
{
    tell_framework(box, true, framework, roles, "", flags);
}

void
box_update_framework(struct box *box, mesos_framework_t framework, const char *roles, const char *suppressed)
{
    tell_framework(box, false, framework, roles, suppressed, "");
}

static void
tell_agent(struct box *box, bool add, mesos_agent_t number, const char *text)
{
    char id[32], hostname[32];
    auto_resources struct resources total = {0};
    struct err err = {0};
    if (resources_parse(&total, str_of(text), "*", &err))
        fail_msg("%s", err.text);
    snprintf(id, sizeof(id), "S%u", number);
    snprintf(hostname, sizeof(hostname), "host%u", number);
    struct mesos_allocator_agent agent = {.size = sizeof(agent), .agent = number, .id = id, .hostname = hostname,
                                          .info = {box->agent_info.ptr, box->agent_info.len},
                                          .total = resources_view(&total), .active = true};
    box->in_call = true;
    if (add)
        box->ops->add_agent(box->lone.instance, &agent, NULL, 0);
    else
        box->ops->update_agent(box->lone.instance, &agent);
    box->in_call = false;
}

void
box_add_agent(struct box *box, mesos_agent_t agent, const char *resources)
{
    tell_agent(box, true, agent, resources);
}

void
box_update_agent(struct box *box, mesos_agent_t agent, const char *resources)
{
    tell_agent(box, false, agent, resources);
}

static void
give_back(struct box *box, const struct box_offer *offer, const struct resources *part, double refuse_secs)
{
    box->in_call = true;
    box->ops->recover_resources(box->lone.instance, offer->framework, offer->agent, resources_view(part), refuse_secs);
    box->in_call = false;
}

void
box_recover(struct box *box, const struct box_offer *offer, const char *part, double refuse_secs)
{
    auto_resources struct resources some = {0};
    assert_int_equal(resources_parse(&some, str_of(part), "*", NULL), 0);
    resources_allocate(&some, offer->role);
    give_back(box, offer, &some, refuse_secs);
}

void
box_settle(struct box *box)
{
    lone_host_pass(&box->lone, 0);
}

void
box_decline(struct box *box, size_t i, double refuse_secs)
{
    assert_true(i < box->offer_count);
    struct box_offer offer = box->offers[i];
    memmove(&box->offers[i], &box->offers[i + 1], (--box->offer_count - i) * sizeof(offer));
    give_back(box, &offer, &offer.resources, refuse_secs);
    resources_fini(&offer.resources);
}

void
box_decline_all(struct box *box, double refuse_secs)
{
    while (box->offer_count)
        box_decline(box, 0, refuse_secs);
}

const char *
box_text(struct box *box)
{
    static struct buf out;
    buf_clear(&out);
    for (size_t i = 0; i < box->offer_count; i++) {
        const struct box_offer *offer = &box->offers[i];
        auto_resources struct resources bare = {0};
        resources_copy(&bare, &offer->resources);
        resources_allocate(&bare, NULL);
        buf_printf(&out, "%sf%u a%u %s ", i ? "\n" : "", offer->framework, offer->agent, offer->role);
        resources_format(&out, &bare);
    }
    return buf_cstr(&out);
}
