/* SPDX-License-Identifier: Apache-2.0 */
/* Follows a task's stdout and stderr through the agent's files while `mesos execute` waits. */
#include "cli/execute.h"

#include <stdio.h>

void
execute_follow_turn(struct execute_follow *follow, struct execute_session *session)
{
    static const char *const names[] = {"stdout", "stderr"};
    FILE *const outputs[] = {stdout, stderr};
    struct err err = {0};

    if (!session->started || !session->agent.host[0])
        return;
    if (!follow->sandbox.path &&
        sandbox_of_executor(&follow->sandbox, session->cli, &session->agent, session->framework_id,
                            session->task->task_id->value, &err) < 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        auto_buf struct buf text = {0};

        if (sandbox_read(&follow->sandbox, session->cli, names[i], &follow->offsets[i], UINT64_MAX, &text, &err) == 0 &&
            text.len > 0) {
            fwrite(buf_data(&text), 1, text.len, outputs[i]);
            fflush(outputs[i]);
        }
    }
}
