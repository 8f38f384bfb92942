/* adapter/api/cameras_tree.c - channels, groups, organisations and regions below each other. Where one hangs, in this order: in the ParentID that was said, in its last part, in its
 * BusinessGroupID, in its CivilCode, else at the root; only in what the list itself has (GB/T 28181-2022 annex J, and what devices make of it). */
#include <stdlib.h>

#include "adapter/api/cameras.h"
#include "codec/manscdp/gbid.h"

enum { NOBODY = UINT32_MAX };

struct node {
    struct hf_slice id;
    struct hf_channel_row row; /* texts: the transaction's */
    uint32_t parent, first, last, next;
};

struct tree {
    struct node *nodes;
    uint32_t count, first, last;
    enum hf_presence device;
};

static int compare(struct hf_slice a, struct hf_slice b)
{
    int order = memcmp(a.at, b.at, HF_MIN(a.bytes, b.bytes));

    return order != 0 ? order : a.bytes < b.bytes ? -1 : a.bytes > b.bytes;
}

/* Nodes stand in the order of their ids, as the table has them. */
static uint32_t find(const struct tree *tree, struct hf_slice id)
{
    uint32_t low = 0, high = tree->count;

    while (id.bytes > 0 && low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare(tree->nodes[middle].id, id);

        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NOBODY;
}

static struct hf_slice quoted(const struct node *node, const char *member)
{
    struct hf_slice raw;

    if (!hf_channel_more_find(node->row.more, member, &raw) || raw.bytes < 2 || raw.at[0] != '"')
        return (struct hf_slice){NULL, 0};
    return (struct hf_slice){raw.at + 1, raw.bytes - 2};
}

static uint32_t parent_of(const struct tree *tree, uint32_t self, struct hf_slice device)
{
    const struct node *node = &tree->nodes[self];
    const struct hf_slice places[] = {node->row.parent, hf_gbid_nearest_parent(node->row.parent),
                                      quoted(node, "business_group_id"), quoted(node, "civil_code")};

    for (size_t i = 0; i < HF_COUNT_OF(places); i++) {
        uint32_t found = find(tree, places[i]);

        if (found != NOBODY && found != self)
            return found;
        if (found == NOBODY && i < 2 && hf_slice_eq(places[i], device))
            return NOBODY; /* the device itself, which is the root */
    }
    return NOBODY;
}

/* Circles, and what is too deep, are cut off; what hangs below only comes nearer to the root by it. */
static void cut_deep(struct tree *tree)
{
    for (uint32_t i = 0; i < tree->count; i++) {
        uint32_t up = tree->nodes[i].parent;

        for (unsigned depth = 1; up != NOBODY; depth++, up = tree->nodes[up].parent)
            if (depth >= HF_API_TREE_DEPTH_MAX) {
                tree->nodes[i].parent = NOBODY;
                break;
            }
    }
}

static void link_all(struct tree *tree)
{
    for (uint32_t i = 0; i < tree->count; i++) {
        struct node *node = &tree->nodes[i];
        uint32_t *first = node->parent == NOBODY ? &tree->first : &tree->nodes[node->parent].first;
        uint32_t *last = node->parent == NOBODY ? &tree->last : &tree->nodes[node->parent].last;

        if (*first == NOBODY)
            *first = i;
        else
            tree->nodes[*last].next = i;
        *last = i;
    }
}

static void write_nodes(const struct tree *tree, uint32_t at, struct hf_json_out *out)
{
    for (; at != NOBODY; at = tree->nodes[at].next) {
        const struct node *node = &tree->nodes[at];

        hf_json_out_object(out, NULL);
        hf_api_channel_members(out, node->id, &node->row, tree->device, false);
        if (node->first != NOBODY) {
            hf_json_out_array(out, "children");
            write_nodes(tree, node->first, out); /* at most HF_API_TREE_DEPTH_MAX deep */
            hf_json_out_end(out);
        }
        hf_json_out_end(out);
    }
}

static hf_err read_all(struct hf_kv_txn *txn, const struct hf_channel_key *prefix, struct tree *tree,
                       uint32_t room)
{
    struct hf_kv_cursor cursor;
    hf_err err = hf_channels_scan(txn, prefix, (struct hf_slice){NULL, 0}, &cursor);

    if (err != HF_OK)
        return err;
    while (tree->count < room && (err = hf_channels_next(&cursor, prefix, &tree->nodes[tree->count].id,
                                                         &tree->nodes[tree->count].row)) == HF_OK) {
        struct node *node = &tree->nodes[tree->count++];

        node->parent = node->first = node->last = node->next = NOBODY;
    }
    hf_kv_scan_end(&cursor);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

hf_err hf_api_channels_tree(struct hf_kv_txn *txn, const struct hf_channel_key *prefix, uint64_t count,
                            enum hf_presence device, struct hf_slice device_id, struct hf_json_out *out)
{
    uint32_t room = (uint32_t)HF_MIN(count, (uint64_t)HF_CHANNELS_MAX);
    struct tree tree = {.first = NOBODY, .last = NOBODY, .device = device};

    tree.nodes = calloc(room + 1u, sizeof(*tree.nodes));
    if (tree.nodes == NULL)
        return HF_ERR_NOMEM;
    hf_err err = read_all(txn, prefix, &tree, room);
    for (uint32_t i = 0; err == HF_OK && i < tree.count; i++)
        tree.nodes[i].parent = parent_of(&tree, i, device_id);
    if (err == HF_OK) {
        cut_deep(&tree);
        link_all(&tree);
        hf_json_out_array(out, "tree");
        write_nodes(&tree, tree.first, out);
        hf_json_out_end(out);
    }
    free(tree.nodes);
    return err;
}
