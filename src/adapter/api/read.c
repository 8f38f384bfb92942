/* adapter/api/read.c - single rows of the tables. A row borrows from its snapshot, so the snapshot is the caller's to end. */
#include "adapter/api/request.h"
#include "base/assert.h"
#include "core/kvkey.h"
#include "core/rows.h"

static hf_err get(struct hf_api *api, enum hf_kv_table table, struct hf_slice key, struct hf_kv_txn **ret_txn,
                  struct hf_slice *ret_value)
{
    hf_err err = hf_kv_read(api->backend->kv, ret_txn);

    if (err != HF_OK)
        return err;
    err = hf_kv_get(*ret_txn, table, key, ret_value);
    if (err != HF_OK) {
        hf_kv_end(*ret_txn);
        *ret_txn = NULL;
    }
    return err;
}

static hf_err checked(struct hf_kv_txn **txn, hf_err err)
{
    if (err != HF_OK) {
        hf_kv_end(*txn);
        *txn = NULL;
    }
    return err;
}

hf_err hf_api_device_row(struct hf_api *api, struct hf_slice tenant, struct hf_slice device,
                         struct hf_kv_txn **ret_txn, struct hf_device_row *ret_row)
{
    struct hf_kvkey key;
    struct hf_slice value;

    *ret_txn = NULL;
    hf_err err = hf_kvkey_device(&key, tenant, device);
    if (err == HF_OK)
        err = get(api, HF_KV_DEVICES, hf_kvkey_slice(&key), ret_txn, &value);
    return err == HF_OK ? checked(ret_txn, hf_device_row_decode(value, ret_row)) : err;
}

void hf_api_ask_device(struct hf_api_request *request, struct hf_slice device, hf_api_handler *next)
{
    struct hf_call wish = {.device = device};

    hf_api_call_raw(request, hf_api_call_new(request, HF_CALL_DEVICE, &wish), next);
}

hf_err hf_api_device_known(struct hf_api_request *request, struct hf_slice device, struct hf_kv_txn **ret_txn,
                           struct hf_device_row *ret_row)
{
    const struct hf_call *call = request->call;
    hf_err err = hf_api_device_row(request->api, request->tenant, device, ret_txn, ret_row);

    HF_ASSERT(call->type == HF_CALL_DEVICE && hf_slice_eq(call->device, device));
    if (err != HF_ERR_NOT_FOUND)
        return err;
    if (call->reason != HF_REASON_NONE && call->reason != HF_REASON_NOT_FOUND)
        return HF_ERR_BUSY;
    if (call->reason == HF_REASON_NOT_FOUND || call->live.epoch == 0)
        return HF_ERR_NOT_FOUND;
    *ret_row = (struct hf_device_row){.protocol = hf_slice_of(call->live.protocol)};
    return hf_kv_read(request->api->backend->kv, ret_txn);
}

hf_err hf_api_message_row(struct hf_api *api, const uint8_t id[16], struct hf_kv_txn **ret_txn,
                          struct hf_message_row *ret_row)
{
    struct hf_slice value;

    *ret_txn = NULL;
    hf_err err = get(api, HF_KV_MESSAGES, (struct hf_slice){(const char *)id, 16}, ret_txn, &value);
    return err == HF_OK ? checked(ret_txn, hf_message_row_decode(value, ret_row)) : err;
}
