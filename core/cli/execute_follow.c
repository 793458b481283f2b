/* SPDX-License-Identifier: Apache-2.0 */
/* Follows the tasks' stdout and stderr through the agent's files while `mesos execute` waits. */
#include "cli/execute.h"

#include <stdio.h>

/* The executor's sandbox, or the task's own in it. */
static int
find(struct execute_session *session, struct execute_task *task, struct err *err)
{
    const char *executor = session->executor ? session->executor->executor_id->value : task->info->task_id->value;
    struct sandbox *sandbox = &task->follow.sandbox;
    char *own;

    if (session->executor && !task->container)
        return -1; /* not told yet */
    if (sandbox_of_executor(sandbox, session->cli, &session->agent, session->framework_id, executor, err) < 0)
        return err->code;
    if (task->container) {
        own = xasprintf("%s%s", sandbox->path, task->container);
        free(sandbox->path);
        sandbox->path = own;
    }
    return 0;
}

static void
follow_task(struct execute_session *session, struct execute_task *task)
{
    static const char *const names[] = {"stdout", "stderr"};
    FILE *const outputs[] = {stdout, stderr};
    struct err err = {0};

    if (!task->started || (!task->follow.sandbox.path && find(session, task, &err) < 0))
        return;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        auto_buf struct buf text = {0};

        if (sandbox_read(&task->follow.sandbox, session->cli, names[i], &task->follow.offsets[i], UINT64_MAX, &text,
                         &err) == 0 &&
            text.len > 0) {
            fwrite(buf_data(&text), 1, text.len, outputs[i]);
            fflush(outputs[i]);
        }
    }
}

void
execute_follow_turn(struct execute_session *session)
{
    if (!session->agent.host[0])
        return;
    for (size_t i = 0; i < session->task_count; i++)
        follow_task(session, &session->tasks[i]);
}
