/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames between the agent and the switchboard of one container (mesos/switchboard.h): what the two halves of attaching
 * share. Used by operator_attach_output.c and operator_attach_input.c; knows no client.
 */
#ifndef AGENT_SWITCHBOARD_H
#define AGENT_SWITCHBOARD_H

#include "base/buf.h"
#include "loop/stream.h"
#include "mesos/switchboard.h"

#define SWITCHBOARD_SLOW_BYTES (256u << 10) /* so much unsent: the other side waits */

void switchboard_send(struct stream *stream, uint32_t kind, const void *bytes, size_t len);
/* The first frame: what the connection is for. */
void switchboard_attach(struct stream *stream, enum mesos_io_role role);
/* The frame at the front of in, which stays there (head and ret_head->len bytes): 1, 0 when more is needed, -EPROTO. */
int switchboard_take(struct buf *in, struct mesos_io_frame *ret_head, struct str *ret_bytes);

#endif
