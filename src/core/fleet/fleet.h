/* core/fleet/fleet.h - which devices have which value where in their shadow (TWIN-9). An index beside HF_KV_TWINS that follows from the same records: all tags, and those paths
 * below reported and desired that a tenant names in its configuration (`shadow_index`). Only the unnamed shadow is in it.
 *
 *   tenant 00 'v' path 00 text 00 device   nothing: found by value
 *   tenant 00 'd' device                   u32 values left out, then per value u8 length and path, u8 enum hf_json_type, u8 length and text
 *   tenant 00 'p'                          a line "#2", the form of the index; the paths that were indexed besides tags, a line each; '!' while they are indexed
 *   tenant 00 'g' group                    core/fleet/groups.h
 *   00                                     u64: values left out, of all devices
 *
 * Forms: 1, without the line, may lack groups, or members of them: they were not counted. 2: they are.
 *
 * A path is the names of members with dots between them, "tags.site". The text of a value is what the shadow shows: of a string without its quotes, of a number or a
 * boolean as spelled. An array is each of its elements. Objects, null, texts above their bound or with a zero byte, and what is above HF_FLEET_VALUES_MAX are left out. */
#ifndef HF_CORE_FLEET_FLEET_H
#define HF_CORE_FLEET_FLEET_H

#include "codec/json/scan.h"
#include "core/event.h"
#include "core/kv.h"

#define HF_FLEET_GROUPS "tags.groups" /* names of the groups that a device is in: an array, or one text */

enum {
    HF_FLEET_PATHS_MAX = 16, /* that a tenant may name */
    HF_FLEET_PATH_BYTES_MAX = 64,
    HF_FLEET_TEXT_BYTES_MAX = 120,
    HF_FLEET_VALUES_MAX = 64, /* of a device */
    HF_FLEET_KEY_BYTES_MAX = HF_TENANT_BYTES_MAX + 2 + HF_FLEET_PATH_BYTES_MAX + 1 + HF_FLEET_TEXT_BYTES_MAX +
                             1 + HF_DEVICE_BYTES_MAX,
    HF_FLEET_ROW_HEAD_BYTES = 4,
    HF_FLEET_ROW_BYTES_MAX = HF_FLEET_ROW_HEAD_BYTES +
                             HF_FLEET_VALUES_MAX * (3 + HF_FLEET_PATH_BYTES_MAX + HF_FLEET_TEXT_BYTES_MAX),
    HF_FLEET_REINDEX_DEVICES = 500, /* in one step; also groups whose count goes */
};

struct hf_fleet_paths { /* slices borrow from whoever filled it */
    unsigned count;
    struct hf_slice at[HF_FLEET_PATHS_MAX];
};

struct hf_fleet_value {
    struct hf_slice path, text;
    uint8_t type; /* HF_JSON_STRING, NUMBER or BOOL */
};

/* May it be indexed besides tags: "reported." or "desired." and then names of letters, digits, _ and - with dots between them, HF_FLEET_PATH_BYTES_MAX in all. */
bool hf_fleet_path_valid(struct hf_slice path);

/* The index follows shadow.changed; other shadows than the unnamed one change nothing. Errors of the transaction; HF_ERR_NOMEM. */
hf_err hf_fleet_apply(struct hf_kv_txn *txn, const struct hf_event *event);

/* The paths that are indexed besides tags; slices borrow as those of hf_kv_get(). None when nothing was said. */
hf_err hf_fleet_paths_get(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_fleet_paths *ret_paths);

/* From a path list that differs from the one in the tables, or an older form of the index, to what is wanted: call with one write transaction after the other, each committed, until *ret_more is false. The
 * list in the tables is the new one from the first step on; `reindex`, zeroed before it, says how far it is. A node that ends in between begins again: the list in the tables
 * ends with a '!' until the last step. *ret_more false and devices 0 after the first call: there was nothing to do. */
struct hf_fleet_reindex {
    bool begun, recount /* members of groups, from nothing */, uncounted /* there is nothing */;
    uint8_t device_bytes;
    char device[HF_DEVICE_BYTES_MAX]; /* the last one that is done */
    uint64_t devices;
};
hf_err hf_fleet_reindex(struct hf_kv_txn *txn, struct hf_slice tenant, const struct hf_fleet_paths *paths,
                        struct hf_fleet_reindex *reindex, bool *ret_more);

/* Of all devices, now. */
uint64_t hf_fleet_left_out(struct hf_kv_txn *txn);

/* ---- for fleet_query.c ---- */

struct hf_fleet_key {
    uint16_t bytes;
    char at[HF_FLEET_KEY_BYTES_MAX];
};
static inline struct hf_slice hf_fleet_key_slice(const struct hf_fleet_key *key)
{
    return (struct hf_slice){key->at, key->bytes};
}
/* tenant 00 kind; HF_ERR_INVALID. */
hf_err hf_fleet_key_begin(struct hf_fleet_key *ret_key, struct hf_slice tenant, char kind);
void hf_fleet_key_add(struct hf_fleet_key *key, struct hf_slice text, bool more); /* more: and a 00 */
/* The next value behind *at, which is HF_FLEET_ROW_HEAD_BYTES before the first; false at the end. */
bool hf_fleet_value_next(struct hf_slice row, size_t *at, struct hf_fleet_value *ret_value);

#endif
