/* SPDX-License-Identifier: Apache-2.0 */
/* What sasl.c lends to both sides. */
#ifndef MODULES_COMMON_SASL_INSIDE_H
#define MODULES_COMMON_SASL_INSIDE_H

#include "common/sasl.h"

/* For sasl_server_init and sasl_client_init. */
extern const sasl_callback_t sasl_callbacks[];
#define SASL_AS_CALLBACK(fn) ((int (*)(void))(void (*)(void))(fn)) /* by way of the type that fits every function */

/* Bytes of one message of a conversation: no name in it is longer than the library can hold. It refuses longer ones, but
 * forgets to free them, and they come from strangers. */
enum { SASL_STEP_MAX = 1024 };
/* The mechanism's name as the library found it wrong, as one of our sentences. */
int sasl_fault(sasl_conn_t *connection, int code, const char *what, struct err *err);

#endif
