/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libprocess messages that agents send, one function each (message_<name>.c). A message lives in
 * master->arena until the function returns; body is its bytes, for who must keep it. What makes no sense is
 * logged and dropped, as senders expect.
 */
#ifndef MASTER_MESSAGES_H
#define MASTER_MESSAGES_H

#include "master/state.h"

#define MESSAGE(name, function, Type, type)                                                                  \
    void function(struct master *master, const struct upid *from, Type *message, struct str body);
#include "master/messages.def"
#undef MESSAGE

/* admission.c: a registration that has passed its checks. Writes the registry (when write is true), then
 * calls finish. */
void admission_start(struct master *master, const struct upid *from, const Mesos__SlaveInfo *info,
                     struct str body, bool again, bool write);
/* Its second half, when the registry has it: the message is decoded again into master->arena. */
void register_finish(struct admission *admission, Mesos__Internal__RegisterSlaveMessage *message);
void reregister_finish(struct admission *admission, Mesos__Internal__ReregisterSlaveMessage *message);
void admission_free(struct admission *admission);
/* Common checks of what an agent says of itself; err gets the reason that the agent is told. */
int agent_info_validate(struct master *master, const Mesos__SlaveInfo *info, const char *version,
                        Mesos__V1__Resource *const *checkpointed, size_t count, struct err *err);

#endif
