/* SPDX-License-Identifier: Apache-2.0 */
/* TEARDOWN: the framework ends itself and everything it runs. */
#include "master/calls.h"

int
call_teardown(struct framework *framework, const Mesos__V1__Scheduler__Call *call, struct arena *arena,
              struct err *err)
{
    (void)call;
    (void)arena;
    (void)err;
    metric_inc(framework->master->m.messages_unregister_framework);
    framework_remove(framework, "teardown by the framework");
    return 202;
}
