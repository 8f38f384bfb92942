#include "store/memory/treap.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"

struct item { /* a key and its value; shared by all copies of its node */
    _Atomic unsigned refs;
    uint32_t key_bytes, value_bytes;
    uint64_t priority;
    char at[]; /* key, then value */
};

struct hf_treap {
    _Atomic unsigned refs;
    struct item *item;
    struct hf_treap *child[2]; /* smaller, greater; lower priority */
};

static struct hf_slice key_of(const struct hf_treap *node)
{
    return (struct hf_slice){node->item->at, node->item->key_bytes};
}

static struct hf_slice value_of(const struct hf_treap *node)
{
    return (struct hf_slice){node->item->at + node->item->key_bytes, node->item->value_bytes};
}

static int compare(struct hf_slice a, struct hf_slice b)
{
    size_t common = HF_MIN(a.bytes, b.bytes);
    int order = common > 0 ? memcmp(a.at, b.at, common) : 0;

    return order != 0 ? order : a.bytes < b.bytes ? -1 : a.bytes > b.bytes;
}

static struct item *item_new(struct hf_slice key, struct hf_slice value)
{
    static const uint8_t
        hash_key[HF_HASH_KEY_BYTES]; /* zero: tests and simulations want the same every time */
    struct item *item = malloc(sizeof(*item) + key.bytes + value.bytes);

    if (item == NULL)
        return NULL;
    atomic_init(&item->refs, 1);
    item->key_bytes = (uint32_t)key.bytes;
    item->value_bytes = (uint32_t)value.bytes;
    item->priority = hf_hash(hash_key, key.at, key.bytes);
    memcpy(item->at, key.at, key.bytes);
    if (value.bytes > 0)
        memcpy(item->at + key.bytes, value.at, value.bytes);
    return item;
}

static void item_drop(struct item *item)
{
    if (atomic_fetch_sub(&item->refs, 1) == 1)
        free(item);
}

struct hf_treap *hf_treap_share(struct hf_treap *root)
{
    if (root != NULL)
        atomic_fetch_add(&root->refs, 1);
    return root;
}

void hf_treap_drop(struct hf_treap *root)
{
    if (root == NULL || atomic_fetch_sub(&root->refs, 1) > 1)
        return;
    item_drop(root->item);
    hf_treap_drop(root->child[0]); /* as deep as the tree: about 2 log n */
    hf_treap_drop(root->child[1]);
    free(root);
}

static bool node_new(struct item *item, struct hf_treap **ret_node)
{
    struct hf_treap *node = calloc(1, sizeof(*node));

    if (node == NULL)
        return false;
    atomic_init(&node->refs, 1);
    node->item = item;
    *ret_node = node;
    return true;
}

/* Makes *link a node that only this tree has. False without memory: *link is as it was. */
static bool own(struct hf_treap **link)
{
    struct hf_treap *old = *link, *node;

    if (atomic_load(&old->refs) == 1)
        return true;
    if (!node_new(old->item, &node))
        return false;
    atomic_fetch_add(&old->item->refs, 1);
    for (int i = 0; i < 2; i++)
        node->child[i] = hf_treap_share(old->child[i]);
    hf_treap_drop(old);
    *link = node;
    return true;
}

/* The child on that side comes up in the node's place. Both are owned. */
static void rotate(struct hf_treap **link, int side)
{
    struct hf_treap *node = *link, *up = node->child[side];

    node->child[side] = up->child[!side];
    up->child[!side] = node;
    *link = up;
}

static bool put(struct hf_treap **link, struct item *item, struct hf_slice key)
{
    int order, side;

    if (*link == NULL)
        return node_new(item, link);
    if (!own(link))
        return false;
    order = compare(key, key_of(*link));
    if (order == 0) {
        item_drop((*link)->item);
        (*link)->item = item;
        return true;
    }
    side = order > 0;
    if (!put(&(*link)->child[side], item, key))
        return false;
    if ((*link)->child[side]->item->priority > (*link)->item->priority)
        rotate(link, side);
    return true;
}

hf_err hf_treap_put(struct hf_treap **root, struct hf_slice key, struct hf_slice value)
{
    struct item *item = item_new(key, value);

    if (item == NULL)
        return HF_ERR_NOMEM;
    if (!put(root, item, key)) {
        item_drop(item);
        return HF_ERR_NOMEM;
    }
    return HF_OK;
}

/* Sinks the node to where it has no children, by turning the higher one up. */
static bool sink(struct hf_treap **link)
{
    for (;;) {
        struct hf_treap *node = *link, *left = node->child[0], *right = node->child[1];
        int side;

        if (left == NULL || right == NULL) {
            *link = left ? left : right;
            node->child[0] = node->child[1] = NULL;
            hf_treap_drop(node);
            return true;
        }
        side = right->item->priority > left->item->priority;
        if (!own(&node->child[side]))
            return false;
        rotate(link, side);
        link = &(*link)->child[!side];
    }
}

hf_err hf_treap_del(struct hf_treap **root, struct hf_slice key)
{
    struct hf_slice value;
    struct hf_treap **link = root;

    if (!hf_treap_get(*root, key, &value))
        return HF_ERR_NOT_FOUND;
    for (;;) {
        int order;

        HF_ASSERT(*link != NULL); /* the key is there: hf_treap_get() */
        if (!own(link))
            return HF_ERR_NOMEM;
        order = compare(key, key_of(*link));
        if (order == 0)
            return sink(link) ? HF_OK : HF_ERR_NOMEM;
        link = &(*link)->child[order > 0];
    }
}

bool hf_treap_seek(const struct hf_treap *root, enum hf_kv_seek how, struct hf_slice bound,
                   struct hf_slice *ret_key, struct hf_slice *ret_value)
{
    bool forward = how == HF_KV_SEEK_GE || how == HF_KV_SEEK_GT;
    const struct hf_treap *best = NULL;

    while (root != NULL) {
        int order = how == HF_KV_SEEK_LAST ? -1 : compare(key_of(root), bound);
        bool in = forward ? order > 0 || (order == 0 && how == HF_KV_SEEK_GE)
                          : order < 0 || (order == 0 && how == HF_KV_SEEK_LE);

        if (in)
            best = root;
        root = root->child[in != forward];
    }
    if (best == NULL)
        return false;
    *ret_key = key_of(best);
    *ret_value = value_of(best);
    return true;
}

bool hf_treap_get(const struct hf_treap *root, struct hf_slice key, struct hf_slice *ret_value)
{
    while (root != NULL) {
        int order = compare(key, key_of(root));

        if (order == 0) {
            *ret_value = value_of(root);
            return true;
        }
        root = root->child[order > 0];
    }
    return false;
}
