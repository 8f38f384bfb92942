/* core/channels.h - what a camera, recorder or lower platform says it has: its channels, and the groups and regions that they hang in. Keyed by (device, channel), because
 * factories give the same channel id to many devices. They follow from events of type camera.channels alone (core/projection.h), so a list of 10,000 that comes in
 * hundreds of messages is there as a whole or not at all:
 *
 *   key      seq   from             to     payload
 *   part     list  its first item   -      [item, ...]            staged beside what there is; from 0 begins the list anew
 *   commit   list  -                items  {"digest":"<16 hex>"}  if all its parts are staged they are the channels now, and what was before is gone
 *   same     -     -                -      {"digest":"<16 hex>"}  a complete list came that says nothing new
 *   change   -     -                -      [item, ...]            single rows: by the item's "event" (ON, OFF, VLOST, DEFECT, ADD, UPDATE, DEL; none = UPDATE)
 *
 * An item is a JSON object with "device_id" and whatever else was said of the channel (codec/manscdp: catalog_item). A partial list is told as changes and so
 * takes nothing away. Status as the device last said it; who reads it looks at the device's presence first.
 * Sources: GB/T 28181-2022 9.3 (catalogue), 9.11 (catalogue subscription), annex J; requirements GB-9, MEM-6. */
#ifndef HF_CORE_CHANNELS_H
#define HF_CORE_CHANNELS_H

#include "codec/json/out.h"
#include "codec/json/scan.h"
#include "core/event.h"
#include "core/kv.h"
#include "core/kvkey.h"
#include "core/rows.h"

enum {
    HF_CHANNELS_MAX = 10000, /* of one device; more are counted in left_out */
    HF_CHANNELS_NODE_MAX =
        1000000, /* of all; a list that would go above it is not taken, nor is an addition */
    HF_CHANNEL_ID_BYTES_MAX = 32,
    HF_CHANNEL_ROW_BYTES_MAX = 16384,    /* of a channel; members that do not fit are left out */
    HF_CAMERA_SETTINGS_BYTES_MAX = 1024, /* of a camera.settings event: it stands in the device's row */
    HF_CHANNELS_PART_BYTES = 60 << 10,   /* payload of one record, unless a single item is larger */
};

/* The spellings are the standard's. Stored: append, never renumber. */
enum hf_channel_status {
    HF_CHANNEL_SILENT /* nothing was said */,
    HF_CHANNEL_ON,
    HF_CHANNEL_OFF,
    HF_CHANNEL_VLOST,
    HF_CHANNEL_DEFECT,
    HF_CHANNEL_STATUSES
};
const char *hf_channel_status_name(unsigned status); /* "ON", also for SILENT: missing means ON (9.3) */
bool hf_channel_status_by_name(struct hf_slice name,
                               enum hf_channel_status *ret_status); /* without regard to case */

/* ---- the event ---- */

/* hf_projection_apply() of a camera.channels or camera.settings event. */
hf_err hf_channels_apply(struct hf_kv_txn *txn, const struct hf_event *event);

/* Order does not count, so parts may have come in any: add up over all items. */
uint64_t hf_channels_digest(struct hf_slice item_json);

/* ---- reading ---- */

/* Key: tenant 0 device 0 generation, id. */
struct hf_channel_key {
    uint16_t bytes;
    char at[HF_KVKEY_BYTES_MAX + HF_CHANNEL_ID_BYTES_MAX];
};
static inline struct hf_slice hf_channel_key_slice(const struct hf_channel_key *key)
{
    return (struct hf_slice){key->at, key->bytes};
}
/* HF_ERR_INVALID: a name that makes no key. id absent: the prefix of all. */
hf_err hf_channel_key(struct hf_channel_key *ret_key, struct hf_slice tenant, struct hf_slice device,
                      uint64_t generation, struct hf_slice id);

/* HF_ERR_NOT_FOUND: nothing was ever heard of its channels. */
hf_err hf_catalog_get(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                      struct hf_catalog_row *ret_row);
/* Texts borrow from the transaction. HF_ERR_NOT_FOUND, HF_ERR_INVALID. */
hf_err hf_channel_get(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                      uint64_t generation, struct hf_slice id, struct hf_channel_row *ret_row);
/* Walks a device's channels in the order of their ids, from the first one behind `after` (absent: all) that begins with id_prefix. As hf_kv_scan; key borrowed until
 * scan_end. The id of a key is what stands behind key->bytes. */
hf_err hf_channels_scan(struct hf_kv_txn *txn, const struct hf_channel_key *prefix, struct hf_slice after,
                        struct hf_kv_cursor *ret_cursor);
/* The next one; HF_ERR_NOT_FOUND at the end. Rows that cannot be read are passed over. */
hf_err hf_channels_next(struct hf_kv_cursor *cursor, const struct hf_channel_key *prefix,
                        struct hf_slice *ret_id, struct hf_channel_row *ret_row);

/* What else was said of it: row.more, members without their names (a byte each; MEM-6). Members of the object that is open in out. */
void hf_channel_more_out(struct hf_slice more, struct hf_json_out *out);
/* The raw JSON value of one of them at the top, or false. */
bool hf_channel_more_find(struct hf_slice more, const char *name, struct hf_slice *ret_raw);

/* For channels.c, projection_channels.c and their test: the members of `item` but those with a column, and of `before` those that item does not have. Bytes written; what does
 * not fit is left out. */
size_t hf_channel_more_pack(struct hf_slice item, struct hf_slice before, char *out, size_t out_bytes);
/* Code of a name, 0 = it is spelled out. */
unsigned hf_channel_member_code(struct hf_slice name);

#endif
