/* SPDX-License-Identifier: Apache-2.0 */
/* The operator calls that the master answers as the agent does: health, flags, version, metrics, logging, files. */
#include "master/operator.h"

void
operator_get_health(struct operator_call *op)
{
    daemon_get_health(op->master->daemon, op->exchange, op->json);
}

void
operator_get_flags(struct operator_call *op)
{
    daemon_get_flags(op->master->daemon, op->exchange, op->json);
}

void
operator_get_version(struct operator_call *op)
{
    daemon_get_version(op->master->daemon, op->exchange, op->json);
}

void
operator_get_metrics(struct operator_call *op)
{
    daemon_get_metrics(op->master->daemon, op->exchange, op->json);
}

void
operator_get_logging_level(struct operator_call *op)
{
    daemon_get_logging_level(op->master->daemon, op->exchange, op->json);
}

void
operator_set_logging_level(struct operator_call *op)
{
    const Mesos__V1__Master__Call__SetLoggingLevel *body = op->call->set_logging_level;
    daemon_set_logging_level(op->master->daemon, op->exchange, body->level, body->duration->nanoseconds);
}

void
operator_list_files(struct operator_call *op)
{
    daemon_list_files(op->master->daemon, op->exchange, op->json, op->call->list_files->path);
}

void
operator_read_file(struct operator_call *op)
{
    const Mesos__V1__Master__Call__ReadFile *body = op->call->read_file;
    daemon_read_file(op->master->daemon, op->exchange, op->json, body->path, body->offset,
                     body->has_length ? &body->length : NULL);
}
