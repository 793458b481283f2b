/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libprocess messages that agents and v0 schedulers send, one function each (message_<name>.c; the older ones of
 * schedulers are all in messages_driver.c). A message lives in
 * master->arena until the function returns; body is its bytes, for who must keep it. What makes no sense is
 * logged and dropped, as senders expect.
 */
#ifndef MASTER_MESSAGES_H
#define MASTER_MESSAGES_H

#include "master/calls.h"
#include "master/state.h"
#include "mesos/internal/authentication.pb-c.h"
#include "mesos/scheduler/scheduler.pb-c.h"

#define MESSAGE(name, function, Type, type)                                                                  \
    void function(struct master *master, const struct upid *from, Type *message, struct str body);
#include "master/messages.def"
#undef MESSAGE

/* message_scheduler_call.c: what both forms of a v0 scheduler's wishes come to. Refusals are told to `from`. */
void driver_subscribe(struct master *master, const struct upid *from,
                      const Mesos__V1__Scheduler__Call__Subscribe *subscribe, bool force);
void driver_call(struct master *master, const struct upid *from, const Mesos__V1__Scheduler__Call *call);
/* The framework that from may speak for; NULL when it may not, which is logged or told. */
struct framework *driver_framework(struct master *master, const struct upid *from,
                                   Mesos__V1__Scheduler__Call__Type type, const char *id);

/* admission.c: a registration that has passed its checks. Writes the registry, then calls finish. */
void admission_start(struct master *master, const struct upid *from, const Mesos__SlaveInfo *info,
                     struct str body, bool again);
/* Its second half, when the registry has it: the message is decoded again into master->arena. */
void register_finish(struct admission *admission, Mesos__Internal__RegisterSlaveMessage *message);
void reregister_finish(struct master *master, const struct upid *from,
                       Mesos__Internal__ReregisterSlaveMessage *message, uint64_t over);
void admission_free(struct admission *admission);
/* Common checks of what an agent says of itself; err gets the reason that the agent is told. */
int agent_info_validate(struct master *master, const Mesos__SlaveInfo *info, const char *version,
                        Mesos__V1__Resource *const *checkpointed, size_t count, struct err *err);
/* Do the rules and its machine let it in? If not, it has been told so, or will try again. id: that it comes back with, or NULL. */
bool agent_may_enter(struct master *master, const struct upid *from, const Mesos__SlaveInfo *info, const char *id);

#endif
