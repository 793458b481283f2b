/* SPDX-License-Identifier: Apache-2.0 */
/* Names of ACL fields, today's and older ones. See fields.h. */
#include "authorizer/local_acl/fields.h"

#include "base/mem.h"

const struct acl_field acl_fields[ACL_FIELD_COUNT] = {
#define ACL_FIELD_ROW(name, member, ACTION, KIND) {#name, #member, MESOS_ACTION_##ACTION, ACL_##KIND},
    ACL_FIELDS(ACL_FIELD_ROW)
#undef ACL_FIELD_ROW
};

static const struct {
    const char *old;
    int field;
} older_names[] = {
    {"shutdown_frameworks", ACL_FIELD_teardown_frameworks},
    {"set_quotas", ACL_FIELD_update_quotas},
    {"get_weights", ACL_FIELD_view_roles},
};

static const struct {
    int field;
    const char *old;
} older_members[] = {
    {ACL_FIELD_reserve_resources, "resources"},
    {ACL_FIELD_create_volumes, "volume_types"},
    {ACL_FIELD_mark_resource_providers_gone, "resource_provider"},
};

/* Where GET_ENDPOINT_WITH_PATH is asked. */
static const char *const paths[] = {
    "/containerizer/debug", "/containers", "/files/debug", "/files/debug.json", "/logging/toggle", "/metrics/snapshot", "/metrics",
    "/monitor/statistics", "/monitor/statistics.json", "/system/v1/metrics/v0",
};

int
acl_field_find(struct str name)
{
    for (int i = 0; i < ACL_FIELD_COUNT; i++)
        if (str_is(name, acl_fields[i].name))
            return i;
    for (size_t i = 0; i < ARRAY_LEN(older_names); i++)
        if (str_is(name, older_names[i].old))
            return older_names[i].field;
    return -1;
}

const char *
acl_field_nearest(const char *word)
{
    const char *names[ACL_FIELD_COUNT + 1] = {"permissive"};
    for (int i = 0; i < ACL_FIELD_COUNT; i++)
        names[i + 1] = acl_fields[i].name;
    return str_nearest(word, names, ARRAY_LEN(names));
}

bool
acl_field_member(int field, struct str member)
{
    if (str_is(member, acl_fields[field].member))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(older_members); i++)
        if (older_members[i].field == field && str_is(member, older_members[i].old))
            return true;
    return false;
}

int
acl_fields_of(uint32_t action, int ret[2])
{
    int count = 0;
    if (action == MESOS_ACTION_UPDATE_QUOTA_WITH_CONFIG)
        action = MESOS_ACTION_UPDATE_QUOTA;
    for (int i = 0; i < ACL_FIELD_COUNT && count < 2; i++)
        if (acl_fields[i].action == action)
            ret[count++] = i;
    return count;
}

bool
acl_path_known(struct str path, const char **ret_nearest)
{
    auto_free char *word = str_dup(path);
    *ret_nearest = str_nearest(word, paths, ARRAY_LEN(paths));
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (str_is(path, paths[i]))
            return true;
    return false;
}
