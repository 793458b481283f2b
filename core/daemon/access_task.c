/* SPDX-License-Identifier: Apache-2.0 */
/* See access_task.h. Without rules a question costs a comparison. */
#include "daemon/access_task.h"

#include "base/buf.h"
#include "wire/message.h"

/* An agent takes a name that is empty for none. */
static bool
names_user(const Mesos__V1__CommandInfo *command)
{
    return command && command->user && *command->user;
}

/* The user that a task of this command, or of this executor, runs as, as the agent finds it (executor_user). "" when nobody is
 * named anywhere, which no agent runs. */
static const char *
user_of(const struct access_task *task, const Mesos__V1__CommandInfo *command)
{
    if (names_user(command))
        return command->user;
    if (task->runner && names_user(task->runner->command))
        return task->runner->command->user;
    return task->framework->user;
}

static void
add(const char *users[TASK_USERS_MAX], size_t *count, const char *user)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(users[i], user) == 0)
            return;
    users[(*count)++] = user;
}

size_t
access_task_users(const struct access_task *task, const char *ret[TASK_USERS_MAX])
{
    const Mesos__V1__ExecutorInfo *runner = task->runner;
    const Mesos__V1__CheckInfo__Command *check = task->task->check ? task->task->check->command : NULL;
    const Mesos__V1__HealthCheck *health = task->task->health_check;
    size_t count = 0;
    add(ret, &count, user_of(task, task->task->command));
    if (runner && (!runner->has_type || runner->type != MESOS__V1__EXECUTOR_INFO__TYPE__DEFAULT))
        add(ret, &count, user_of(task, NULL));
    if (check && names_user(check->command))
        add(ret, &count, check->command->user);
    if (health && names_user(health->command))
        add(ret, &count, health->command->user);
    return count;
}

static struct mesos_bytes
pack(struct buf *packed, const void *message)
{
    if (message)
        message_pack(packed, message);
    return (struct mesos_bytes){packed->len ? buf_data(packed) : NULL, packed->len};
}

const char *
access_task_refused(struct access *access, const struct access_task *task, const struct address *peer)
{
    const char *users[TASK_USERS_MAX], *name = task->framework->principal;
    struct mesos_principal principal = {.size = sizeof(principal), .value = name};
    struct audit_who who = {name && *name ? &principal : NULL, peer};
    auto_buf struct buf framework = {0}, info = {0}, runner = {0};
    if (!access_ruled(access))
        return NULL;
    struct mesos_object object = {
        .size = sizeof(object),
        .framework_info = pack(&framework, task->framework),
        .task_info = pack(&info, task->task),
        .executor_info = pack(&runner, task->runner),
        .framework_id = task->framework->id->value,
        .executor_id = task->runner ? task->runner->executor_id->value : NULL,
    };
    size_t count = access_task_users(task, users);
    for (size_t i = 0; i < count; i++) {
        object.value = users[i];
        if (!access_allows_who(access, who, MESOS_ACTION_RUN_TASK, &object))
            return users[i];
    }
    return NULL;
}
