/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of Mesos's ACLs: which action each is about, and what its objects are. One table for the reader, the matcher
 * and the module's options.
 */
#ifndef LOCAL_ACL_FIELDS_H
#define LOCAL_ACL_FIELDS_H

#include "base/str.h"
#include "mesos/authorizer.h"

/* What a field's objects may be. */
enum acl_objects {
    ACL_TEXTS, /* users, principals: compared as they are */
    ACL_ROLES, /* also "eng/%": everything below eng */
    ACL_PATHS, /* of endpoints */
    ACL_WHOLE, /* the daemon as a whole: ANY or NONE, never values */
};

/* X(field, member for its objects, ACTION, kind of objects). Two fields for one action must both say yes: the first is asked
 * about the object's value, the second about its parent. */
#define ACL_FIELDS(X)                                                                                              \
    X(register_frameworks, roles, REGISTER_FRAMEWORK, ROLES)                                                       \
    X(run_tasks, users, RUN_TASK, TEXTS)                                                                           \
    X(reserve_resources, roles, RESERVE_RESOURCES, ROLES)                                                          \
    X(unreserve_resources, reserver_principals, UNRESERVE_RESOURCES, TEXTS)                                        \
    X(create_volumes, roles, CREATE_VOLUME, ROLES)                                                                 \
    X(destroy_volumes, creator_principals, DESTROY_VOLUME, TEXTS)                                                  \
    X(teardown_frameworks, framework_principals, TEARDOWN_FRAMEWORK, TEXTS)                                        \
    X(update_weights, roles, UPDATE_WEIGHT, ROLES)                                                                 \
    X(get_endpoints, paths, GET_ENDPOINT_WITH_PATH, PATHS)                                                         \
    X(get_quotas, roles, GET_QUOTA, ROLES)                                                                         \
    X(update_quotas, roles, UPDATE_QUOTA, ROLES)                                                                   \
    X(view_frameworks, users, VIEW_FRAMEWORK, TEXTS)                                                               \
    X(view_tasks, users, VIEW_TASK, TEXTS)                                                                         \
    X(view_executors, users, VIEW_EXECUTOR, TEXTS)                                                                 \
    X(access_sandboxes, users, ACCESS_SANDBOX, TEXTS)                                                              \
    X(access_mesos_logs, logs, ACCESS_MESOS_LOG, WHOLE)                                                            \
    X(view_roles, roles, VIEW_ROLE, ROLES)                                                                         \
    X(view_flags, flags, VIEW_FLAGS, WHOLE)                                                                        \
    X(launch_nested_containers_as_user, users, LAUNCH_NESTED_CONTAINER, TEXTS)                                     \
    X(launch_nested_containers_under_parent_with_user, users, LAUNCH_NESTED_CONTAINER, TEXTS)                      \
    X(kill_nested_containers, users, KILL_NESTED_CONTAINER, TEXTS)                                                 \
    X(wait_nested_containers, users, WAIT_NESTED_CONTAINER, TEXTS)                                                 \
    X(launch_nested_container_sessions_as_user, users, LAUNCH_NESTED_CONTAINER_SESSION, TEXTS)                     \
    X(launch_nested_container_sessions_under_parent_with_user, users, LAUNCH_NESTED_CONTAINER_SESSION, TEXTS)      \
    X(attach_containers_input, users, ATTACH_CONTAINER_INPUT, TEXTS)                                               \
    X(attach_containers_output, users, ATTACH_CONTAINER_OUTPUT, TEXTS)                                             \
    X(view_containers, users, VIEW_CONTAINER, TEXTS)                                                               \
    X(set_log_level, level, SET_LOG_LEVEL, WHOLE)                                                                  \
    X(remove_nested_containers, users, REMOVE_NESTED_CONTAINER, TEXTS)                                             \
    X(register_agents, agents, REGISTER_AGENT, WHOLE)                                                              \
    X(update_maintenance_schedules, machines, UPDATE_MAINTENANCE_SCHEDULE, WHOLE)                                  \
    X(get_maintenance_schedules, machines, GET_MAINTENANCE_SCHEDULE, WHOLE)                                        \
    X(start_maintenances, machines, START_MAINTENANCE, WHOLE)                                                      \
    X(stop_maintenances, machines, STOP_MAINTENANCE, WHOLE)                                                        \
    X(get_maintenance_statuses, machines, GET_MAINTENANCE_STATUS, WHOLE)                                           \
    X(mark_agents_gone, agents, MARK_AGENT_GONE, WHOLE)                                                            \
    X(launch_standalone_containers, users, LAUNCH_STANDALONE_CONTAINER, WHOLE)                                     \
    X(kill_standalone_containers, users, KILL_STANDALONE_CONTAINER, WHOLE)                                         \
    X(wait_standalone_containers, users, WAIT_STANDALONE_CONTAINER, WHOLE)                                         \
    X(remove_standalone_containers, users, REMOVE_STANDALONE_CONTAINER, WHOLE)                                     \
    X(modify_resource_provider_configs, resource_providers, MODIFY_RESOURCE_PROVIDER_CONFIG, WHOLE)                \
    X(view_standalone_containers, users, VIEW_STANDALONE_CONTAINER, WHOLE)                                         \
    X(prune_images, images, PRUNE_IMAGES, WHOLE)                                                                   \
    X(resize_volumes, roles, RESIZE_VOLUME, ROLES)                                                                 \
    X(create_block_disks, roles, CREATE_BLOCK_DISK, ROLES)                                                         \
    X(destroy_block_disks, roles, DESTROY_BLOCK_DISK, ROLES)                                                       \
    X(create_mount_disks, roles, CREATE_MOUNT_DISK, ROLES)                                                         \
    X(destroy_mount_disks, roles, DESTROY_MOUNT_DISK, ROLES)                                                       \
    X(view_resource_providers, resource_providers, VIEW_RESOURCE_PROVIDER, WHOLE)                                  \
    X(mark_resource_providers_gone, resource_providers, MARK_RESOURCE_PROVIDER_GONE, WHOLE)                        \
    X(destroy_raw_disks, roles, DESTROY_RAW_DISK, ROLES)                                                           \
    X(drain_agents, agents, DRAIN_AGENT, WHOLE)                                                                    \
    X(deactivate_agents, agents, DEACTIVATE_AGENT, WHOLE)                                                          \
    X(reactivate_agents, agents, REACTIVATE_AGENT, WHOLE)

enum acl_field_id {
#define ACL_FIELD_ID(name, member, ACTION, KIND) ACL_FIELD_##name,
    ACL_FIELDS(ACL_FIELD_ID)
#undef ACL_FIELD_ID
        ACL_FIELD_COUNT
};

struct acl_field {
    const char *name, *member;
    uint32_t action;
    enum acl_objects kind;
};

extern const struct acl_field acl_fields[ACL_FIELD_COUNT];

/* The field of that name, or of one that Mesos used before (shutdown_frameworks of 0.22); -1 = none. */
int acl_field_find(struct str name);
/* The name nearest to word among "permissive" and all fields; NULL = none is near. */
const char *acl_field_nearest(const char *word);
/* The member for objects under an older name ("resources" of reserve_resources in 0.25). */
bool acl_field_member(int field, struct str member);
/* The fields that an action is decided by: how many (0 = the action is unknown), 2 at most. */
int acl_fields_of(uint32_t action, int ret[2]);
/* Does one of both daemons ask about that path? */
bool acl_path_known(struct str path, const char **ret_nearest);

#endif
