/* core/device_rows.h - the row of a device (HF_KV_DEVICES), for what applies the log to it. */
#ifndef HF_CORE_DEVICE_ROWS_H
#define HF_CORE_DEVICE_ROWS_H

#include "core/kv.h"
#include "core/kvkey.h"
#include "core/rows.h"

/* One that is not there is all zero. Its texts are borrowed until the next put or del. HF_ERR_CORRUPT, and those of hf_kv_get(). */
hf_err hf_device_rows_get(struct hf_kv_txn *txn, const struct hf_kvkey *key, struct hf_device_row *ret_row);
hf_err hf_device_rows_put(struct hf_kv_txn *txn, const struct hf_kvkey *key, const struct hf_device_row *row);

#endif
