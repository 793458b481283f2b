/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a view pays per task when it asks who may see it: 100,000 tasks of 50 users, with lists of 1 to 10,000 rules, by way of
 * core/daemon/access.c (which keeps answers) and asking the module each time. Beside it what making an approver costs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "daemon/access.h"
#include "figures.h"
#include "host/kind_authorizer.h"

enum { TASKS = 100000, USERS = 50 };

static char users[USERS][16];

/* The last rule is the one that is for our principal. */
static char *
make_lists(size_t rules)
{
    struct buf text = {0};
    buf_puts(&text, "{\"permissive\": false, \"view_tasks\": [");
    for (size_t i = 1; i < rules; i++)
        buf_printf(&text, "{\"principals\": {\"values\": [\"team-%zu\", \"all\"]}, \"users\": {\"values\": [\"app-%zu\"]}},", i, i);
    buf_puts(&text, "{\"principals\": {\"values\": [\"ops\", \"all\"]}, \"users\": {\"values\": [\"user-1\", \"user-7\", \"user-30\"]}}]}");
    return buf_take(&text);
}

static double
ns_each(double began_ms, size_t count)
{
    return (now_ms() - began_ms) * 1e6 / (double)count;
}

static double
through_access(struct module *module, const char *who, size_t *ret_seen)
{
    struct access *access = access_new(module, NULL);
    const struct mesos_principal principal = {.size = sizeof(principal), .value = who};
    double began = now_ms();
    struct approver *approver = approver_new(access, &principal, MESOS_ACTION_VIEW_TASK);
    for (size_t i = 0; i < TASKS; i++)
        *ret_seen += approver_allows_value(approver, users[i % USERS]);
    approver_free(approver);
    double each = ns_each(began, TASKS);
    access_free(access);
    return each;
}

static double
through_module(struct module *module, const char *who)
{
    const struct mesos_principal principal = {.size = sizeof(principal), .value = who};
    uint32_t reads;
    void *approver = authorizer_approver_new(module, &principal, MESOS_ACTION_VIEW_TASK, &reads);
    double began = now_ms();
    for (size_t i = 0; i < USERS * 20; i++) {
        struct mesos_object object = {.size = sizeof(object), .value = users[i % USERS]};
        authorizer_approved(module, approver, &object);
    }
    double each = ns_each(began, USERS * 20);
    authorizer_approver_free(module, approver);
    return each;
}

static double
making(struct module *module, const char *who)
{
    enum { TIMES = 200 };
    const struct mesos_principal principal = {.size = sizeof(principal), .value = who};
    double began = now_ms();
    for (int i = 0; i < TIMES; i++) {
        uint32_t reads;
        authorizer_approver_free(module, authorizer_approver_new(module, &principal, MESOS_ACTION_VIEW_TASK, &reads));
    }
    return ns_each(began, TIMES);
}

static void
measure(struct host *host, size_t rules, const char *who)
{
    static const char *const key = "acls";
    auto_free char *lists = make_lists(rules);
    const char *value = lists;
    struct err err = {0};
    size_t seen = 0;
    struct module *module = host_start(host, MESOS_KIND_AUTHORIZER, "local_acl", &key, &value, 1, &err);
    if (!module) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    double kept = through_access(module, who, &seen);
    printf("%6zu rules, %-4s %8.0f ns a task with answers kept, %10.0f ns asked anew, %10.0f ns to make the approver, %zu seen\n", rules,
           who, kept, through_module(module, who), making(module, who), seen);
}

int
main(void)
{
    struct err err = {0};
    log_open(&(struct log_options){.program = "acl", .level = LOG_LEVEL_ERROR, .quiet = true}, &err);
    struct loop *loop = loop_new(NULL, &err);
    struct host *host = host_new(&(struct host_options){.loop = loop, .module_path = "modules"});
    for (size_t i = 0; i < USERS; i++)
        snprintf(users[i], sizeof(users[i]), "user-%zu", i);
    for (size_t rules = 1; rules <= 10000; rules *= 10) {
        measure(host, rules, "ops"); /* one rule is for it */
        measure(host, rules, "all"); /* all of them are */
    }
    host_free(host);
    loop_free(loop);
    return 0;
}
