#include "core/device_rows.h"

#include "base/assert.h"

hf_err hf_device_rows_get(struct hf_kv_txn *txn, const struct hf_kvkey *key, struct hf_device_row *ret_row)
{
    struct hf_slice value;
    hf_err err = hf_kv_get(txn, HF_KV_DEVICES, hf_kvkey_slice(key), &value);

    *ret_row = (struct hf_device_row){0};
    return err == HF_OK ? hf_device_row_decode(value, ret_row) : err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

hf_err hf_device_rows_put(struct hf_kv_txn *txn, const struct hf_kvkey *key, const struct hf_device_row *row)
{
    uint8_t out[HF_DEVICE_ROW_BYTES_MAX];
    size_t bytes = hf_device_row_encode(row, out, sizeof(out));

    HF_ASSERT(bytes > 0);
    return hf_kv_put(txn, HF_KV_DEVICES, hf_kvkey_slice(key), (struct hf_slice){(const char *)out, bytes});
}
