/* adapter/gb28181/upstream_tree.h - what an upper platform is shown: devices and their channels under the ids that they have there, as the tables (core/channels.h) had them at one moment.
 * Shared by whatever is being sent of it; a later look makes another. Never shown: a device that is the platform itself (what was learnt from above is not told above), and an
 * id that stands twice: the first device in the order of ids keeps it, the others need an id of their own in the configuration. */
#ifndef HF_ADAPTER_GB28181_UPSTREAM_TREE_H
#define HF_ADAPTER_GB28181_UPSTREAM_TREE_H

#include "core/channels.h"
#include "core/kv.h"

enum {
    HF_GB_UP_NODES_MAX = 20000, /* devices and channels shown to one platform; more are counted in left_out */
    HF_GB_UP_ROWS_MAX = 200000, /* looked at for it */
    HF_GB_UP_ID_BYTES_MAX = 20,
};

/* Of the configuration; borrowed, lives as long as the upstream. */
struct hf_gb_up_alias {
    struct hf_slice shown, device, channel; /* channel absent: the device itself */
};
struct hf_gb_up_shown {
    const char *const *devices; /* whole ids, or the begin of some and '*'; none = all */
    size_t device_count;
    const struct hf_gb_up_alias *aliases;
    size_t alias_count;
};

struct hf_gb_up_node {
    uint32_t device; /* of the tree */
    bool hidden;     /* its id stands twice */
    bool own;        /* the device itself */
    uint8_t status;  /* enum hf_channel_status; OFF while the device is away */
    uint32_t digest; /* of what else was said of it */
    uint8_t shown_bytes, channel_bytes;
    char shown[HF_GB_UP_ID_BYTES_MAX], channel[HF_GB_UP_ID_BYTES_MAX]; /* own: the device's id */
};

struct hf_gb_up_tree_device {
    uint8_t bytes, shown_bytes;
    char id[HF_GB_UP_ID_BYTES_MAX], shown[HF_GB_UP_ID_BYTES_MAX];
    uint32_t first, count; /* its nodes; itself is the first */
};

struct hf_gb_up_tree {
    unsigned references;
    uint32_t device_count, device_room, node_count, node_room, visible;
    uint32_t left_out;                    /* for a bound, or because their ids are none of the standard */
    uint32_t ambiguous;                   /* hidden */
    struct hf_gb_up_tree_device *devices; /* in the order of ids */
    struct hf_gb_up_node *nodes;          /* of a device together */
    uint32_t *by_shown;                   /* visible ones, by shown id */
    uint64_t made_ms, offset;             /* of the log, that was in the tables at least */
};

static inline struct hf_slice hf_gb_up_node_shown(const struct hf_gb_up_node *node)
{
    return (struct hf_slice){node->shown, node->shown_bytes};
}
static inline struct hf_slice hf_gb_up_node_channel(const struct hf_gb_up_node *node)
{
    return (struct hf_slice){node->channel, node->channel_bytes};
}

/* platform: the upper one's id. One reference is the caller's. HF_ERR_NOMEM, or what the store said. */
hf_err hf_gb_up_tree_make(struct hf_kv *kv, struct hf_slice tenant, struct hf_slice platform,
                          const struct hf_gb_up_shown *shown, uint64_t now_ms,
                          struct hf_gb_up_tree **ret_tree);
struct hf_gb_up_tree *hf_gb_up_tree_share(struct hf_gb_up_tree *tree);
void hf_gb_up_tree_drop(struct hf_gb_up_tree *tree); /* NULL is harmless */

int hf_gb_up_compare(struct hf_slice a, struct hf_slice b); /* the order of by_shown */
/* By the id that the platform knows; NULL: it is not shown. */
const struct hf_gb_up_node *hf_gb_up_tree_find(const struct hf_gb_up_tree *tree, struct hf_slice shown);
/* The id that a channel of this device has above: its alias, or its own. */
struct hf_slice hf_gb_up_shown_id(const struct hf_gb_up_shown *shown, struct hf_slice device,
                                  struct hf_slice channel);
bool hf_gb_up_shows(const struct hf_gb_up_shown *shown, struct hf_slice device);

/* A node's catalogue item as JSON members of hf_cdp_catalog_item, appended to sb as one object. root: our id there, of which devices hang. scratch: for the time of the call,
 * at least HF_CHANNEL_ROW_BYTES_MAX. False: no room, nothing was added. txn: of the same tables, perhaps later: what has gone since is OFF. */
enum { HF_GB_UP_ITEM_BYTES_MAX = HF_CHANNEL_ROW_BYTES_MAX + 1024 };
bool hf_gb_up_tree_item(const struct hf_gb_up_tree *tree, const struct hf_gb_up_node *node,
                        struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice root,
                        const struct hf_gb_up_shown *shown, char *scratch, size_t scratch_bytes,
                        struct hf_sb *sb);
/* The device is online, as the tables have it. */
bool hf_gb_up_device_online(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device);

#endif
