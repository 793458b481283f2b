/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kind authorizer: who may do what. Both daemons have at most one (--authorizers of a master, --authorizer of an agent);
 * without one everything is allowed. host->daemon_option(host, "acls") is what --acls says, for modules that want it.
 *
 * The core asks in two steps: an approver for one principal and one action, made once per request or kept for later requests
 * of the same principal until `generation` grows, then a yes or no for each object. An approver says which facts about objects
 * its answers depend on, so that the core asks once for all objects that are alike. Both steps answer at once, on the loop's
 * thread: a module whose rules live elsewhere keeps a copy of them.
 *
 * Actions have the names and numbers of Mesos's authorization::Action; its deprecated names (..._WITH_ROLE,
 * ..._WITH_PRINCIPAL) are the same actions.
 */
#ifndef MESOS_AUTHORIZER_H
#define MESOS_AUTHORIZER_H

#include "mesos/principal.h"

/* Append only, numbers are the ABI. X(number, NAME) */
#define MESOS_ACTIONS(X) \
    X(1, REGISTER_FRAMEWORK) \
    X(2, RUN_TASK) \
    X(3, TEARDOWN_FRAMEWORK) \
    X(4, RESERVE_RESOURCES) \
    X(5, UNRESERVE_RESOURCES) \
    X(6, CREATE_VOLUME) \
    X(7, DESTROY_VOLUME) \
    X(8, GET_ENDPOINT_WITH_PATH) \
    X(9, VIEW_ROLE) \
    X(10, UPDATE_WEIGHT) \
    X(11, GET_QUOTA) \
    X(12, UPDATE_QUOTA) \
    X(13, VIEW_FRAMEWORK) \
    X(14, VIEW_TASK) \
    X(15, VIEW_EXECUTOR) \
    X(16, ACCESS_SANDBOX) \
    X(17, ACCESS_MESOS_LOG) \
    X(18, VIEW_FLAGS) \
    X(19, LAUNCH_NESTED_CONTAINER) \
    X(20, KILL_NESTED_CONTAINER) \
    X(21, WAIT_NESTED_CONTAINER) \
    X(22, LAUNCH_NESTED_CONTAINER_SESSION) \
    X(23, ATTACH_CONTAINER_INPUT) \
    X(24, ATTACH_CONTAINER_OUTPUT) \
    X(25, VIEW_CONTAINER) \
    X(26, SET_LOG_LEVEL) \
    X(27, REMOVE_NESTED_CONTAINER) \
    X(28, REGISTER_AGENT) \
    X(29, UPDATE_MAINTENANCE_SCHEDULE) \
    X(30, GET_MAINTENANCE_SCHEDULE) \
    X(31, START_MAINTENANCE) \
    X(32, STOP_MAINTENANCE) \
    X(33, GET_MAINTENANCE_STATUS) \
    X(34, MARK_AGENT_GONE) \
    X(35, LAUNCH_STANDALONE_CONTAINER) \
    X(36, KILL_STANDALONE_CONTAINER) \
    X(37, WAIT_STANDALONE_CONTAINER) \
    X(38, REMOVE_STANDALONE_CONTAINER) \
    X(39, MODIFY_RESOURCE_PROVIDER_CONFIG) \
    X(40, VIEW_STANDALONE_CONTAINER) \
    X(41, PRUNE_IMAGES) \
    X(42, RESIZE_VOLUME) \
    X(43, CREATE_BLOCK_DISK) \
    X(44, DESTROY_BLOCK_DISK) \
    X(45, CREATE_MOUNT_DISK) \
    X(46, DESTROY_MOUNT_DISK) \
    X(47, VIEW_RESOURCE_PROVIDER) \
    X(48, MARK_RESOURCE_PROVIDER_GONE) \
    X(49, DESTROY_RAW_DISK) \
    X(50, UPDATE_QUOTA_WITH_CONFIG) \
    X(51, DRAIN_AGENT) \
    X(52, DEACTIVATE_AGENT) \
    X(53, REACTIVATE_AGENT)

enum mesos_action {
#define MESOS_ACTION_ENUM(number, NAME) MESOS_ACTION_##NAME = number,
    MESOS_ACTIONS(MESOS_ACTION_ENUM)
#undef MESOS_ACTION_ENUM
};

/*
 * What an action is done to. Members that a caller does not know are NULL or empty. `value` is the one by which Mesos's own
 * rules decide:
 *   the user          RUN_TASK, VIEW_FRAMEWORK, VIEW_TASK, VIEW_EXECUTOR, ACCESS_SANDBOX, VIEW_CONTAINER and the actions
 *                     on nested containers: of the task's command, else of the executor's, else of the framework. For
 *                     LAUNCH_NESTED_CONTAINER and ..._SESSION it is the user that the new container's command names,
 *                     else the one that it inherits (NULL = not known), and `parent` the user of the container that it is launched under
 *   the role          REGISTER_FRAMEWORK (asked once for each of its roles), RESERVE_RESOURCES, CREATE_VOLUME, VIEW_ROLE,
 *                     UPDATE_WEIGHT, the quota actions, RESIZE_VOLUME and the disk actions
 *   the principal     TEARDOWN_FRAMEWORK (the framework's), UNRESERVE_RESOURCES (the reserver's), DESTROY_VOLUME (the
 *                     creator's)
 *   the path          GET_ENDPOINT_WITH_PATH, e.g. "/metrics/snapshot"
 *   nothing           all others: they are about the daemon as a whole, and only a rule with ANY allows them
 */
struct mesos_object {
    size_t size;
    const char *value;
    const char *parent;
    /* Packed mesos.v1 messages, for rules that look further; may be empty. */
    struct mesos_bytes framework_info, task_info, task, executor_info, command_info, resource, container_id;
    /* Ids, for claims that bind their bearer to them (cid of an executor's token). container: the container's own id behind
     * those of the containers that it is nested in, the outermost first, joined with '.'. */
    const char *framework_id, *executor_id, *container;
};

/* What an approver's answers depend on, ored; 0 = on nothing, so that one answer holds for all objects. */
enum { MESOS_OBJECT_VALUE = 1, MESOS_OBJECT_PARENT = 2, MESOS_OBJECT_IDS = 4, MESOS_OBJECT_MESSAGES = 8 };

struct mesos_authorizer_ops {
    /*
     * An approver for what principal (NULL = nobody) may do by way of that action; *ret_reads gets what it looks at in
     * objects. NULL with fail's text: it cannot be said, which the core takes for no. An action of a number that the module
     * does not know is one of a newer core: it is to be refused. The approver keeps to the rules of the moment it was made
     * at until approver_free, whatever is reloaded meanwhile. Required.
     */
    void *(*approver_new)(void *instance, const struct mesos_principal *principal, uint32_t action, uint32_t *ret_reads);
    /* 1 = yes, 0 = no, negative errno with fail's text = it cannot be said (taken for no). object NULL: the action as such,
     * on any object. Required. */
    int (*approved)(void *instance, void *approver, const struct mesos_object *object);
    void (*approver_free)(void *instance, void *approver); /* Required. */
    /* One sentence for people: which rule decided, for logs and `mesos acl check`; writes at most size bytes with the final
     * NUL. NULL = nothing is said. */
    void (*explain)(void *instance, void *approver, const struct mesos_object *object, char *out, size_t size);
    /* Grows with each reload: the core forgets answers of earlier rules that streams have kept. NULL = never changes. */
    uint64_t (*generation)(void *instance);
};

#endif
