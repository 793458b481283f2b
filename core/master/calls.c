/* SPDX-License-Identifier: Apache-2.0 */
/* The list of calls, and what a call must look like before anything is done with it. Texts: golden exchanges.
 */
#include "master/calls.h"

#include <errno.h>
#include <string.h>

static int
validate_subscribe(const Mesos__V1__Scheduler__Call *call, struct err *err)
{
    if (!call->subscribe)
        return err_set(err, -EINVAL, "Expecting 'subscribe' to be present");
    const Mesos__V1__FrameworkID *inner = call->subscribe->framework_info->id, *outer = call->framework_id;
    if ((inner || outer) && (!inner || !outer || strcmp(inner->value, outer->value) != 0))
        return err_set(err, -EINVAL, "'framework_id' differs from 'subscribe.framework_info.id'");
    return 0;
}

static int
validate_body(const Mesos__V1__Scheduler__Call *call, struct err *err)
{
    switch (call->type) {
/* A call without body is one whose framework_id is there, which was asked before. */
#define NO_BODY framework_id
#define CALL(TYPE, function, member)                                                                         \
    case MESOS__V1__SCHEDULER__CALL__TYPE__##TYPE:                                                           \
        if (!call->member)                                                                                   \
            return err_set(err, -EINVAL, "Expecting '%s' to be present", #member);                           \
        return 0;
#include "master/calls.def"
#undef CALL
#undef NO_BODY
    default:
        return err_set(err, -EINVAL, "Calls of type '%s' are not supported", call_name(call->type));
    }
}

/* What else a call of this type must be: after its body is known to be there. */
static int
validate_more(const Mesos__V1__Scheduler__Call *call, struct err *err)
{
    const ProtobufCBinaryData *uuid = NULL;
    const Mesos__V1__FrameworkID *inner;
    switch (call->type) {
    case MESOS__V1__SCHEDULER__CALL__TYPE__ACKNOWLEDGE:
        uuid = &call->acknowledge->uuid;
        break;
    case MESOS__V1__SCHEDULER__CALL__TYPE__ACKNOWLEDGE_OPERATION_STATUS:
        uuid = &call->acknowledge_operation_status->uuid;
        break;
    case MESOS__V1__SCHEDULER__CALL__TYPE__UPDATE_FRAMEWORK:
        inner = call->update_framework->framework_info->id;
        if (!inner || strcmp(inner->value, call->framework_id->value) != 0)
            return err_set(err, -EINVAL,
                           "'framework_id' differs from 'update_framework.framework_info.id'");
        return 0;
    default:
        return 0;
    }
    if (uuid->len != UUID_BYTES)
        return err_set(err, -EINVAL, "Not a valid UUID");
    if (call->type == MESOS__V1__SCHEDULER__CALL__TYPE__ACKNOWLEDGE_OPERATION_STATUS &&
        !call->acknowledge_operation_status->agent_id)
        return err_set(err, -EINVAL, "Expecting 'agent_id' to be present");
    return 0;
}

int
call_validate(const Mesos__V1__Scheduler__Call *call, struct err *err)
{
    if (!call->has_type)
        return err_set(err, -EINVAL, "Expecting 'type' to be present");
    if (call->type == MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE)
        return validate_subscribe(call, err);
    if (!call->framework_id)
        return err_set(err, -EINVAL, "Expecting 'framework_id' to be present");
    int rc = validate_body(call, err);
    return rc ? rc : validate_more(call, err);
}

call_fn *
call_function(Mesos__V1__Scheduler__Call__Type type)
{
    switch (type) {
#define CALL(TYPE, function, member)                                                                         \
    case MESOS__V1__SCHEDULER__CALL__TYPE__##TYPE:                                                           \
        return function;
#include "master/calls.def"
#undef CALL
    default:
        return NULL;
    }
}

const char *
call_name(Mesos__V1__Scheduler__Call__Type type)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&mesos__v1__scheduler__call__type__descriptor, (int)type);
    return value ? value->name : "UNKNOWN";
}
