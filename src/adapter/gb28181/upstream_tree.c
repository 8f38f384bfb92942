#include "adapter/gb28181/upstream_tree.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "codec/manscdp/gbid.h"
#include "core/presence.h"

/* ---- what is shown, and as what ---- */

bool hf_gb_up_shows(const struct hf_gb_up_shown *shown, struct hf_slice device)
{
    for (size_t i = 0; i < shown->device_count; i++) {
        struct hf_slice pattern = hf_slice_of(shown->devices[i]);
        bool begin = pattern.bytes > 0 && pattern.at[pattern.bytes - 1] == '*';

        pattern.bytes -= begin;
        if (begin ? device.bytes >= pattern.bytes && memcmp(device.at, pattern.at, pattern.bytes) == 0
                  : hf_slice_eq(device, pattern))
            return true;
    }
    return shown->device_count == 0;
}

struct hf_slice hf_gb_up_shown_id(const struct hf_gb_up_shown *shown, struct hf_slice device,
                                  struct hf_slice channel)
{
    bool own = hf_slice_eq(device, channel);

    for (size_t i = 0; i < shown->alias_count; i++) {
        const struct hf_gb_up_alias *alias = &shown->aliases[i];

        if (hf_slice_eq(alias->device, device) &&
            (alias->channel.bytes > 0 ? hf_slice_eq(alias->channel, channel) : own))
            return alias->shown;
    }
    return channel;
}

/* ---- making one ---- */

static bool grow(void **items, uint32_t *room, uint32_t count, size_t item_bytes)
{
    uint32_t wanted = *room ? *room * 2 : 64;
    void *grown;

    if (count < *room)
        return true;
    grown = realloc(*items, wanted * item_bytes);
    if (grown == NULL)
        return false;
    *items = grown;
    *room = wanted;
    return true;
}

static bool fits(struct hf_slice id)
{
    return id.bytes <= HF_GB_UP_ID_BYTES_MAX && hf_gbid_valid(id, HF_GBID_RULE_LOOSE);
}

static enum hf_channel_status status_of(bool online, const struct hf_channel_row *row)
{
    if (!online)
        return HF_CHANNEL_OFF;
    return row == NULL || row->status == HF_CHANNEL_SILENT ? HF_CHANNEL_ON
                                                           : (enum hf_channel_status)row->status;
}

/* Notices a change, for whoever is told of changes; two that look alike cost an UPDATE that is not sent. */
static uint32_t digest_of(const struct hf_channel_row *row)
{
    const struct hf_slice parts[] = {row->name, row->parent, row->more};
    uint64_t sum = 0;

    for (size_t i = 0; i < HF_COUNT_OF(parts); i++) {
        for (size_t k = 0; k < parts[i].bytes; k++)
            sum = (sum ^ (uint8_t)parts[i].at[k]) * UINT64_C(0x100000001b3);
        sum = hf_hash_mix(sum + i + 1);
    }
    return (uint32_t)(sum >> 32);
}

static hf_err add_node(struct hf_gb_up_tree *tree, const struct hf_gb_up_shown *shown,
                       struct hf_slice channel, bool own, bool online, const struct hf_channel_row *row)
{
    uint32_t last = tree->device_count - 1;
    struct hf_slice device = {tree->devices[last].id, tree->devices[last].bytes};
    struct hf_slice id = hf_gb_up_shown_id(shown, device, channel);

    if (!fits(channel) || !fits(id) || tree->node_count >= HF_GB_UP_NODES_MAX) {
        tree->left_out++;
        return HF_OK;
    }
    if (!grow((void **)&tree->nodes, &tree->node_room, tree->node_count, sizeof(*tree->nodes)))
        return HF_ERR_NOMEM;
    struct hf_gb_up_node *node = &tree->nodes[tree->node_count++];
    *node = (struct hf_gb_up_node){.device = last,
                                   .own = own,
                                   .status = (uint8_t)status_of(online, row),
                                   .digest = row != NULL ? digest_of(row) : 0,
                                   .shown_bytes = (uint8_t)id.bytes,
                                   .channel_bytes = (uint8_t)channel.bytes};
    memcpy(node->shown, id.at, id.bytes);
    memcpy(node->channel, channel.at, channel.bytes);
    tree->devices[last].count++;
    return HF_OK;
}

static hf_err add_channels(struct hf_gb_up_tree *tree, struct hf_kv_txn *txn, struct hf_slice tenant,
                           struct hf_slice device, const struct hf_gb_up_shown *shown, uint32_t *rows,
                           bool online)
{
    struct hf_slice absent = {NULL, 0}, id;
    struct hf_channel_key prefix;
    struct hf_catalog_row catalog;
    struct hf_channel_row row;
    struct hf_kv_cursor cursor;

    if (hf_catalog_get(txn, tenant, device, &catalog) != HF_OK ||
        hf_channel_key(&prefix, tenant, device, catalog.generation, absent) != HF_OK ||
        hf_channels_scan(txn, &prefix, absent, &cursor) != HF_OK)
        return HF_OK; /* nothing was ever heard of its channels */
    hf_err err = HF_OK;
    while (err == HF_OK && *rows < HF_GB_UP_ROWS_MAX &&
           hf_channels_next(&cursor, &prefix, &id, &row) == HF_OK) {
        (*rows)++;
        if (!hf_slice_eq(id, device)) /* what a device says of itself is in its own item */
            err = add_node(tree, shown, id, false, online, &row);
    }
    hf_kv_scan_end(&cursor);
    return err;
}

static hf_err add_device(struct hf_gb_up_tree *tree, struct hf_kv_txn *txn, struct hf_slice tenant,
                         struct hf_slice device, const struct hf_gb_up_shown *shown, uint32_t *rows,
                         bool online)
{
    struct hf_slice id = hf_gb_up_shown_id(shown, device, device);

    if (!fits(device) || !fits(id)) {
        tree->left_out++;
        return HF_OK;
    }
    if (!grow((void **)&tree->devices, &tree->device_room, tree->device_count, sizeof(*tree->devices)))
        return HF_ERR_NOMEM;
    struct hf_gb_up_tree_device *made = &tree->devices[tree->device_count++];
    *made = (struct hf_gb_up_tree_device){
        .bytes = (uint8_t)device.bytes, .shown_bytes = (uint8_t)id.bytes, .first = tree->node_count};
    memcpy(made->id, device.at, device.bytes);
    memcpy(made->shown, id.at, id.bytes);
    hf_err err = add_node(tree, shown, (struct hf_slice){made->id, made->bytes}, true, online, NULL);
    return err == HF_OK ? add_channels(tree, txn, tenant, (struct hf_slice){made->id, made->bytes}, shown,
                                       rows, online)
                        : err;
}

static hf_err walk(struct hf_gb_up_tree *tree, struct hf_kv_txn *txn, struct hf_slice tenant,
                   struct hf_slice platform, const struct hf_gb_up_shown *shown)
{
    struct hf_slice key, value, owner, device, rest, absent = {NULL, 0};
    struct hf_kv_cursor cursor;
    struct hf_device_row row;
    struct hf_kvkey prefix;
    uint32_t rows = 0;

    hf_err err = hf_kvkey_tenant(&prefix, tenant);
    if (err == HF_OK)
        err = hf_kv_scan(txn, HF_KV_DEVICES, hf_kvkey_slice(&prefix), absent, false, &cursor);
    if (err != HF_OK)
        return err;
    while (err == HF_OK && rows < HF_GB_UP_ROWS_MAX && hf_kv_next(&cursor, &key, &value) == HF_OK) {
        rows++;
        if (hf_kvkey_parse(key, &owner, &device, &rest) == HF_OK &&
            hf_device_row_decode(value, &row) == HF_OK && hf_slice_is(row.protocol, "gb28181") &&
            !hf_slice_eq(device, platform) && hf_gb_up_shows(shown, device))
            err = add_device(tree, txn, tenant, device, shown, &rows, row.presence == HF_ONLINE);
    }
    hf_kv_scan_end(&cursor);
    return err;
}

int hf_gb_up_compare(struct hf_slice a, struct hf_slice b)
{
    size_t both = HF_MIN(a.bytes, b.bytes);
    int order = both > 0 ? memcmp(a.at, b.at, both) : 0; /* a URI may have no user */

    return order != 0 ? order : (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

static int compare_nodes(const void *a, const void *b, void *context)
{
    const struct hf_gb_up_node *nodes = context;
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    int order = hf_gb_up_compare(hf_gb_up_node_shown(&nodes[left]), hf_gb_up_node_shown(&nodes[right]));

    return order != 0 ? order : (left > right) - (left < right);
}

static hf_err sort(struct hf_gb_up_tree *tree)
{
    tree->by_shown = malloc((tree->node_count + 1) * sizeof(*tree->by_shown));
    if (tree->by_shown == NULL)
        return HF_ERR_NOMEM;
    for (uint32_t i = 0; i < tree->node_count; i++)
        tree->by_shown[i] = i;
    if (tree->node_count > 0)
        qsort_r(tree->by_shown, tree->node_count, sizeof(*tree->by_shown), compare_nodes, tree->nodes);
    for (uint32_t i = 0; i < tree->node_count; i++) {
        struct hf_gb_up_node *node = &tree->nodes[tree->by_shown[i]];

        node->hidden = tree->visible > 0 &&
                       hf_slice_eq(hf_gb_up_node_shown(node),
                                   hf_gb_up_node_shown(&tree->nodes[tree->by_shown[tree->visible - 1]]));
        if (node->hidden)
            tree->ambiguous++;
        else
            tree->by_shown[tree->visible++] = tree->by_shown[i];
    }
    return HF_OK;
}

hf_err hf_gb_up_tree_make(struct hf_kv *kv, struct hf_slice tenant, struct hf_slice platform,
                          const struct hf_gb_up_shown *shown, uint64_t now_ms,
                          struct hf_gb_up_tree **ret_tree)
{
    struct hf_gb_up_tree *tree = calloc(1, sizeof(*tree));
    struct hf_kv_txn *txn = NULL;

    if (tree == NULL)
        return HF_ERR_NOMEM;
    tree->references = 1;
    tree->made_ms = now_ms;
    tree->offset = hf_kv_applied_offset(kv);
    hf_err err = hf_kv_read(kv, &txn);
    if (err == HF_OK) {
        err = walk(tree, txn, tenant, platform, shown);
        hf_kv_end(txn);
    }
    if (err == HF_OK)
        err = sort(tree);
    if (err != HF_OK) {
        hf_gb_up_tree_drop(tree);
        return err;
    }
    *ret_tree = tree;
    return HF_OK;
}

struct hf_gb_up_tree *hf_gb_up_tree_share(struct hf_gb_up_tree *tree)
{
    tree->references++;
    return tree;
}

void hf_gb_up_tree_drop(struct hf_gb_up_tree *tree)
{
    if (tree == NULL || --tree->references > 0)
        return;
    free(tree->devices);
    free(tree->nodes);
    free(tree->by_shown);
    free(tree);
}

const struct hf_gb_up_node *hf_gb_up_tree_find(const struct hf_gb_up_tree *tree, struct hf_slice shown)
{
    uint32_t low = 0, high = tree->visible;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct hf_gb_up_node *node = &tree->nodes[tree->by_shown[middle]];
        int order = hf_gb_up_compare(hf_gb_up_node_shown(node), shown);

        if (order == 0)
            return node;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
