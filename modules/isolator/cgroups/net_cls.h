/* SPDX-License-Identifier: Apache-2.0 */
/* Handles of net_cls as the operator writes them. */
#ifndef ISOLATOR_CGROUPS_NET_CLS_H
#define ISOLATOR_CGROUPS_NET_CLS_H

#include <stdint.h>

/* "0x0012" or "18": 0, -EINVAL, -ERANGE. */
int net_cls_handle(const char *text, uint16_t *ret);
/* "0x0001,0xffff", both ends included, none of them 0. */
int net_cls_range(const char *text, uint16_t *ret_low, uint16_t *ret_high);

#endif
