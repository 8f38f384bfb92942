/* core/shadow_rows.h - shadows in the tables (HF_KV_TWINS): one row for each version that is kept, the record of the log that made it. The newest one is the shadow.
 *
 *   key: tenant 00 device 00 name 00 u64 version      name: 0..64 bytes, none for the unnamed one
 *
 * Versions of a shadow follow each other without a hole, so what is too old has a key that can be named. The record says from which version on its history is kept
 * (event.from), so a replay ends with the same rows; age is the sweep's (core/projection.h). A record without content ends the shadow and its history.
 *
 * What has gone leaves one number with its device (`ended` in DEVICES): the end of a shadow takes a version, too, and one that is made anew, under that name or another, begins above
 * the highest such version of the device. So no version of a name comes twice, however long ago the first one was, and nothing has to be kept for each name. */
#ifndef HF_CORE_SHADOW_ROWS_H
#define HF_CORE_SHADOW_ROWS_H

#include "core/event.h"
#include "core/kv.h"

enum { HF_SHADOW_TRIM_ROWS = 1000 }; /* too old versions that one record removes at most */

/* HF_ERR_INVALID: names that make no key. What had to make room is counted in txn->trimmed. */
hf_err hf_shadow_rows_apply(struct hf_kv_txn *txn, const struct hf_event *event);

/* The version above which a named shadow that is not there begins; 0 = none of this device was ever deleted. HF_ERR_INVALID, HF_ERR_CORRUPT. */
hf_err hf_shadow_rows_ended(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                            uint64_t *ret_version);

/* The record of the newest version that is not above `version` (0: the newest of all) and not made after at_ms (UTC; 0: whenever). Slices are borrowed as those of hf_kv_get(). HF_ERR_NOT_FOUND, HF_ERR_INVALID, HF_ERR_CORRUPT. */
hf_err hf_shadow_rows_read(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                           struct hf_slice name, uint64_t version, uint64_t at_ms,
                           struct hf_event *ret_record);

/* Calls take() with each version that is kept from `version` on downwards (0: from the newest) until it returns false. HF_OK also when there is none. */
typedef bool hf_shadow_rows_take(void *context, const struct hf_event *record);
hf_err hf_shadow_rows_each(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                           struct hf_slice name, uint64_t version, hf_shadow_rows_take *take, void *context);

/* The next name of a shadow of this device in the order of bytes behind `after` (absent: the first). *ret_name is borrowed. HF_ERR_NOT_FOUND: there is none. */
hf_err hf_shadow_rows_next_name(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                                struct hf_slice after, struct hf_slice *ret_name);

/* Since when (UTC, by the log) is there a newer version than the one of this row? UINT64_MAX: it is the newest, which stays, however old. */
uint64_t hf_shadow_rows_superseded_ms(struct hf_kv_txn *txn, struct hf_slice key);

#endif
