/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/scoped.h" /* container_of */

/* An intrusive doubly linked list with a sentinel. An unlinked node is {0}. */
struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}
static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}
static inline bool list_linked(const struct list *node)
{
    return node->next != NULL;
}
static inline void list_insert_before(struct list *at, struct list *node)
{
    node->next = at;
    node->prev = at->prev;
    at->prev->next = node;
    at->prev = node;
}
static inline void list_push(struct list *head, struct list *node) /* at the end */
{
    list_insert_before(head, node);
}
static inline void list_push_front(struct list *head, struct list *node)
{
    list_insert_before(head->next, node);
}
static inline void list_remove(struct list *node) /* no-op when not linked */
{
    if (!node->next)
        return;
    node->next->prev = node->prev;
    node->prev->next = node->next;
    node->next = node->prev = NULL;
}
static inline struct list *list_pop(struct list *head) /* the first, or NULL */
{
    if (list_empty(head))
        return NULL;
    struct list *node = head->next;
    list_remove(node);
    return node;
}
#define list_each(node, head)                                                                      \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head);              \
         node = node##_next, node##_next = node->next)
