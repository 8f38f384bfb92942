#include "core/document_rows.h"

#include "core/kvkey.h"

/* 0 = none has ended. */
static hf_err read_end(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_kvkey *ret_key,
                       uint64_t *ret_version)
{
    struct hf_slice value;
    hf_err err = hf_kvkey_tenant(ret_key, tenant);

    *ret_version = 0;
    if (err == HF_OK)
        err = hf_kv_get(txn, HF_KV_TENANTS, hf_kvkey_slice(ret_key), &value);
    if (err == HF_OK && value.bytes != 8)
        return HF_ERR_CORRUPT;
    if (err == HF_OK)
        *ret_version = hf_kvkey_u64_read(value.at);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

static hf_err note_end(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct hf_kvkey key;
    uint64_t version;
    char value[8];
    hf_err err = read_end(txn, event->tenant, &key, &version);

    if (err != HF_OK || event->seq < version)
        return err;
    hf_kvkey_u64_write(value, event->seq + 1);
    return hf_kv_put(txn, HF_KV_TENANTS, hf_kvkey_slice(&key), (struct hf_slice){value, sizeof(value)});
}

hf_err hf_document_rows_apply(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct hf_kvkey key;
    hf_err err =
        hf_kvkey_device(&key, event->tenant, event->device.at != NULL ? event->device : event->topic);

    if (err != HF_OK)
        return err;
    if (event->payload.bytes > 0)
        return hf_kv_put(txn, HF_KV_SHADOWS, hf_kvkey_slice(&key), event->payload);
    err = hf_kv_del(txn, HF_KV_SHADOWS, hf_kvkey_slice(&key));
    return err == HF_OK || err == HF_ERR_NOT_FOUND ? note_end(txn, event) : err;
}

hf_err hf_document_rows_read(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice name,
                             struct hf_document *ret_document, size_t *ret_bytes)
{
    struct hf_slice value = {NULL, 0};
    struct hf_kvkey key;
    hf_err err = hf_kvkey_device(&key, tenant, name);

    *ret_document = (struct hf_document){0};
    if (err == HF_OK)
        err = hf_kv_get(txn, HF_KV_SHADOWS, hf_kvkey_slice(&key), &value);
    if (err == HF_OK)
        err = hf_document_decode(value, ret_document);
    else if (err == HF_ERR_NOT_FOUND)
        err = read_end(txn, tenant, &key, &ret_document->forgotten);
    *ret_bytes = value.bytes;
    return err;
}
