/* SPDX-License-Identifier: Apache-2.0 */
/* GET_MASTER: who this master is, since when it runs and leads. */
#include "master/operator.h"
#include "wire/message.h"

void
operator_get_master(struct operator_call *op)
{
    const struct master *master = op->master;
    Mesos__V1__Master__Response response = MESOS__V1__MASTER__RESPONSE__INIT;
    Mesos__V1__Master__Response__GetMaster body = MESOS__V1__MASTER__RESPONSE__GET_MASTER__INIT;
    body.master_info = message_unpack_trusted(&mesos__v1__master_info__descriptor,
                                              str_n(master->info, master->info_len), op->arena);
    body.has_start_time = body.has_elected_time = true;
    body.start_time = master->start_secs;
    body.elected_time = master->elected_secs;
    response.get_master = &body;
    operator_answer(op, &response, MESOS__V1__MASTER__RESPONSE__TYPE__GET_MASTER);
}
