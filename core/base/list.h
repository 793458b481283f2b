/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked lists: the node sits in the element, the list owns nothing. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include "base/mem.h"

struct list {
    struct list *prev, *next;
};

#define LIST_INIT(name) {&(name), &(name)}

static inline void
list_init(struct list *head)
{
    head->prev = head->next = head;
}
static inline bool
list_empty(const struct list *head)
{
    return head->next == head;
}
static inline void
list_insert_before(struct list *at, struct list *node)
{
    node->prev = at->prev;
    node->next = at;
    at->prev->next = node;
    at->prev = node;
}
static inline void
list_push(struct list *head, struct list *node) /* at the end */
{
    list_insert_before(head, node);
}
static inline void
list_push_front(struct list *head, struct list *node)
{
    list_insert_before(head->next, node);
}
/* Unlinks and leaves the node empty, so that removing twice is harmless. */
static inline void
list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#define list_entry(node, type, member) container_of(node, type, member)
#define list_first(head, type, member) (list_empty(head) ? NULL : list_entry((head)->next, type, member))
/* `var` is a pointer to the element type; `member` its struct list. */
#define list_foreach(var, head, member)                                                                            \
    for (var = list_entry((head)->next, __typeof__(*var), member); &var->member != (head);                         \
         var = list_entry(var->member.next, __typeof__(*var), member))
/* The same, and the body may unlink or free `var` (and only `var`). */
#define list_foreach_safe(var, tmp, head, member)                                                                  \
    for (var = list_entry((head)->next, __typeof__(*var), member),                                                 \
        tmp = list_entry(var->member.next, __typeof__(*var), member);                                              \
         &var->member != (head); var = tmp, tmp = list_entry(var->member.next, __typeof__(*var), member))

#endif
