/* base/list.h - intrusive doubly linked list. A node lies in the object it links; the list owns nothing.
 * A node that is on no list points at itself, so hf_list_remove() twice is harmless. */
#ifndef HF_BASE_LIST_H
#define HF_BASE_LIST_H

#include <stdbool.h>

#include "base/assert.h"

struct hf_list_node {
    struct hf_list_node *next, *prev;
};

static inline void hf_list_init(struct hf_list_node *node) /* a head or an unlinked node */
{
    node->next = node->prev = node;
}

static inline bool hf_list_empty(const struct hf_list_node *head)
{
    return head->next == head;
}

static inline bool hf_list_linked(const struct hf_list_node *node)
{
    return node->next != node;
}

static inline void hf_list_push_back(struct hf_list_node *head, struct hf_list_node *node)
{
    HF_ASSERT(!hf_list_linked(node));
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void hf_list_push_front(struct hf_list_node *head, struct hf_list_node *node)
{
    hf_list_push_back(head->next, node);
}

static inline void hf_list_remove(struct hf_list_node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    hf_list_init(node);
}

/* NULL when empty. */
static inline struct hf_list_node *hf_list_pop_front(struct hf_list_node *head)
{
    struct hf_list_node *node = head->next;

    if (node == head)
        return NULL;
    hf_list_remove(node);
    return node;
}

/* Moves every node of `from` to the end of `to`. */
static inline void hf_list_splice(struct hf_list_node *to, struct hf_list_node *from)
{
    if (hf_list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    hf_list_init(from);
}

#endif
