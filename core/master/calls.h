/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of a scheduler, one function each (call_<name>.c), after http_scheduler.c has decoded the call,
 * checked its shape with call_validate and found the framework. A call answers with an HTTP status: 202
 * nearly always; with 4xx, err->text is the body. The call lives in arena; whatever must outlive it is
 * copied.
 */
#ifndef MASTER_CALLS_H
#define MASTER_CALLS_H

#include "master/state.h"

typedef int call_fn(struct framework *framework, const Mesos__V1__Scheduler__Call *call, struct arena *arena,
                    struct err *err);

#define CALL(TYPE, function, member) call_fn function;
#include "master/calls.def"
#undef CALL

/* Mesos's checks of a call by itself, in its order; err->text begins with "Expecting ..." or the like. */
int call_validate(const Mesos__V1__Scheduler__Call *call, struct err *err);
/* NULL when the type is not served. */
call_fn *call_function(Mesos__V1__Scheduler__Call__Type type);
const char *call_name(Mesos__V1__Scheduler__Call__Type type);

/* validate_framework.c: what may be said in SUBSCRIBE and UPDATE_FRAMEWORK. */
/* The part of it that has nothing to do with this master: what agents tell of frameworks must pass it too. */
int framework_info_check(const Mesos__V1__FrameworkInfo *info, struct err *err);
int framework_info_validate(const struct master *master, const Mesos__V1__FrameworkInfo *info,
                            struct err *err);
int suppressed_validate(const Mesos__V1__FrameworkInfo *info, char *const *suppressed, size_t count,
                        struct arena *arena, struct err *err);
int constraints_roles_validate(const Mesos__V1__FrameworkInfo *info,
                               const Mesos__V1__Scheduler__OfferConstraints *constraints, struct arena *arena,
                               struct err *err);
/* What it says of the offers that it wants: suppressed roles and constraints (NULL = none). */
int wishes_validate(struct master *master, const Mesos__V1__FrameworkInfo *info, char *const *suppressed,
                    size_t count, const Mesos__V1__Scheduler__OfferConstraints *constraints,
                    struct arena *arena, struct err *err);
/* Fields that may not change: an error that names the first that did. */
int framework_update_validate(const Mesos__V1__FrameworkInfo *from, const Mesos__V1__FrameworkInfo *to,
                              struct err *err);

/* launch.c: LAUNCH and LAUNCH_GROUP of one ACCEPT. `available` shrinks by what is launched. */
void launch_tasks(struct framework *framework, struct agent *agent, const char *role,
                  struct resources *available, Mesos__V1__TaskInfo **tasks, size_t count,
                  struct arena *arena);
void launch_group(struct framework *framework, struct agent *agent, const char *role,
                  struct resources *available, Mesos__V1__ExecutorInfo *executor, Mesos__V1__TaskInfo **tasks,
                  size_t count, struct arena *arena);
/* The status of a task that never became one. */
void refuse_task(struct framework *framework, const Mesos__V1__TaskInfo *task, Mesos__V1__TaskState state,
                 int reason, const char *message, struct arena *arena);

/* text_format.c: a message as protobuf's text format writes it. */
void message_to_text(struct buf *out, const ProtobufCMessage *message);

/* call_reconcile.c: also for KILL of a task that is not known. */
void reconcile_one(struct framework *framework, const char *task_id, const char *agent_id,
                   struct arena *arena);

/* OPERATION_... status about an operation with an id. */
void send_operation_status(struct framework *framework, Mesos__V1__OperationID *id,
                           Mesos__V1__OperationState state, const char *message,
                           Mesos__V1__AgentID *agent_id, Mesos__V1__ResourceProviderID *provider_id);

#endif
