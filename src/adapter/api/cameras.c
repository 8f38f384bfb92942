/* adapter/api/cameras.c - cameras: list, get. */
#include "adapter/api/cameras.h"

static void catalog_out(struct hf_json_out *out, const struct hf_catalog_row *row)
{
    hf_json_out_u64(out, "channels", row->count);
    hf_time_out(out, "channels_complete", row->complete_ms);
    hf_time_out(out, "channels_changed", row->changed_ms);
    if (row->left_out > 0)
        hf_json_out_u64(out, "channels_left_out", row->left_out);
}

static void list_more(struct hf_api_request *request, struct hf_json_out *out, struct hf_slice device,
                      struct hf_kv_txn *txn)
{
    struct hf_catalog_row row = {0};

    (void)hf_catalog_get(txn, request->tenant, device, &row);
    catalog_out(out, &row);
}

static void on_list_applied(struct hf_api_request *request)
{
    hf_api_list_devices(request, "cameras", HF_API_CAMERA_PROTOCOL, list_more);
}

/* Whoever was told of a change by an event finds it here, as among the channels of one. */
void hf_api_cameras_list(struct hf_api_request *request)
{
    hf_api_barrier(request, on_list_applied);
}

/* ---- one ---- */

struct one {
    struct hf_slice device;
    const struct hf_device_row *row;
    const struct hf_live *live;
    struct hf_catalog_row catalog;
};

static void write_camera(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct one *one = context;

    hf_json_out_object(out, NULL);
    hf_api_device_members(request->api, out, one->device, one->row, one->live);
    catalog_out(out, &one->catalog);
    if (one->live != NULL && one->live->detail[0] != '\0')
        hf_json_out_raw(out, "gb28181", hf_slice_of(one->live->detail));
    hf_json_out_end(out);
}

static void on_live(struct hf_api_request *request)
{
    struct hf_call *call = request->call;
    struct hf_device_row row = {0};
    struct hf_kv_txn *txn = NULL;
    struct one one = {.device = call->device, .row = &row};

    if (call->reason != HF_REASON_NONE && call->reason != HF_REASON_NOT_FOUND) {
        hf_api_fail_call(request, call);
        return;
    }
    one.live = call->reason == HF_REASON_NONE && call->live.epoch != 0 ? &call->live : NULL;
    hf_err err = hf_api_device_row(request->api, request->tenant, call->device, &txn, &row);
    struct hf_slice protocol = row.protocol;
    if (one.live != NULL && one.live->protocol[0] != '\0')
        protocol = hf_slice_of(one.live->protocol);
    if (err == HF_ERR_NOT_FOUND && one.live != NULL)
        err = HF_OK; /* its first record is not in the tables yet */
    if (err == HF_OK && !hf_slice_is(protocol, HF_API_CAMERA_PROTOCOL))
        err = HF_ERR_NOT_FOUND;
    if (err == HF_OK && txn != NULL)
        (void)hf_catalog_get(txn, request->tenant, call->device, &one.catalog);
    if (err == HF_OK)
        hf_api_reply_json(request, &(struct hf_api_reply){.status = 200}, write_camera, &one);
    else
        hf_api_fail_err(request, err);
    hf_kv_end(txn);
}

void hf_api_camera_get(struct hf_api_request *request)
{
    struct hf_slice device;

    if (hf_api_device_argument(request, &device))
        hf_api_ask_device(request, device, on_live);
}

/* ---- subscriptions ---- */

static void write_subscriptions(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    struct hf_json_field *field = context;

    hf_json_out_object(out, NULL);
    hf_json_out_text(out, "device", request->call->device);
    hf_json_out_raw(out, "subscriptions", field->raw);
    hf_json_out_end(out);
}

static void on_subscriptions(struct hf_api_request *request)
{
    struct hf_json_field field = HF_JSON_FIELD("subscriptions");
    const struct hf_call *call = request->call;
    struct hf_device_row row;
    struct hf_kv_txn *txn = NULL;

    if (call->reason != HF_REASON_NONE && call->reason != HF_REASON_NOT_FOUND) {
        hf_api_fail_call(request, call);
        return;
    }
    if (call->reason == HF_REASON_NONE && call->live.detail[0] != '\0' &&
        hf_json_scan(call->live.detail, strlen(call->live.detail), &field, 1, 0) == HF_OK && field.found) {
        hf_api_reply_json(request, &(struct hf_api_reply){.status = 200}, write_subscriptions, &field);
        return;
    }
    hf_err err = hf_api_device_known(request, call->device, &txn, &row);
    if (err == HF_OK && !hf_slice_is(row.protocol, HF_API_CAMERA_PROTOCOL))
        err = HF_ERR_NOT_FOUND;
    hf_kv_end(txn);
    if (err != HF_OK) {
        hf_api_fail_err(request, err);
        return;
    }
    field.raw = HF_SLICE("[]"); /* those of a device that is away are forgotten */
    hf_api_reply_json(request, &(struct hf_api_reply){.status = 200}, write_subscriptions, &field);
}

void hf_api_camera_subscriptions(struct hf_api_request *request)
{
    struct hf_slice device;

    if (hf_api_device_argument(request, &device))
        hf_api_ask_device(request, device, on_subscriptions);
}
