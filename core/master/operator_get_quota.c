/* SPDX-License-Identifier: Apache-2.0 */
/* GET_QUOTA and GET_OPERATIONS: nothing that they show can be made yet, so that they show, truly, nothing. */
#include "master/operator.h"

void
operator_get_quota(struct operator_call *op)
{
    Mesos__V1__Master__Response response = MESOS__V1__MASTER__RESPONSE__INIT;
    Mesos__V1__Master__Response__GetQuota body = MESOS__V1__MASTER__RESPONSE__GET_QUOTA__INIT;
    Mesos__V1__Quota__QuotaStatus status = MESOS__V1__QUOTA__QUOTA_STATUS__INIT;
    body.status = &status;
    response.get_quota = &body;
    operator_answer(op, &response, MESOS__V1__MASTER__RESPONSE__TYPE__GET_QUOTA);
}

void
operator_get_operations(struct operator_call *op)
{
    Mesos__V1__Master__Response response = MESOS__V1__MASTER__RESPONSE__INIT;
    Mesos__V1__Master__Response__GetOperations body = MESOS__V1__MASTER__RESPONSE__GET_OPERATIONS__INIT;
    response.get_operations = &body;
    operator_answer(op, &response, MESOS__V1__MASTER__RESPONSE__TYPE__GET_OPERATIONS);
}
