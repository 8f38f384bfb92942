/* core/projection_uplink.c - how far the uplink queue of a device is in the log, and which of its numbers were refused. */
#include <string.h>

#include "core/device_rows.h"
#include "core/projection.h"
#include "core/session_record.h"

/* Message and position are one record (DLV-13): whatever came under this number is in the log. A queue that is not the device's any more
 * does not move it. */
hf_err hf_projection_uplink(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                            uint64_t queue_id, uint64_t seq, const uint8_t id[16])
{
    static const uint8_t none[16];
    struct hf_device_row row;
    struct hf_kvkey key;

    hf_err err = hf_kvkey_device(&key, tenant, device);
    if (err == HF_OK)
        err = hf_device_rows_get(txn, &key, &row);
    if (err != HF_OK || row.queue != queue_id || seq <= row.uplink)
        return err;
    row.uplink = seq;
    row.uplink_id =
        (struct hf_slice){(const char *)id, memcmp(id, none, sizeof(none)) != 0 ? sizeof(none) : 0};
    return hf_device_rows_put(txn, &key, &row);
}

/* The number moves the position as a message would, and is remembered as what it was. */
hf_err hf_projection_refused(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct hf_refusals refusals = {0};
    struct hf_device_row row;
    struct hf_kvkey key;
    uint8_t out[HF_REFUSALS_BYTES_MAX];

    hf_err err = hf_kvkey_device(&key, event->tenant, event->device);
    if (err == HF_OK)
        err = hf_device_rows_get(txn, &key, &row);
    if (err != HF_OK || row.queue != hf_session_queue_parse(event->key) || event->to <= row.uplink ||
        event->seq > event->to)
        return err;
    if (hf_refusals_decode(row.refused, &refusals) == HF_ERR_NOMEM ||
        hf_refusals_reserve(&refusals) != HF_OK) {
        hf_refusals_deinit(&refusals);
        return HF_ERR_NOMEM;
    }
    (void)hf_refusals_add(&refusals, event->to, event->reason, event->seq);
    row.refused = (struct hf_slice){(const char *)out, hf_refusals_encode(&refusals, out)};
    hf_refusals_deinit(&refusals);
    row.uplink = event->to;
    row.uplink_id = (struct hf_slice){NULL, 0};
    return hf_device_rows_put(txn, &key, &row);
}

bool hf_event_moves_uplink(const struct hf_event *event, uint64_t *ret_queue_id, uint64_t *ret_seq)
{
    switch (event->type) {
    case HF_EVENT_MESSAGE:
        *ret_queue_id = event->from;
        *ret_seq = event->seq;
        break;
    case HF_EVENT_MESSAGE_GAP:
        *ret_queue_id = hf_session_queue_parse(event->key);
        *ret_seq = event->to;
        break;
    case HF_EVENT_COMMAND_DONE:
    case HF_EVENT_COMMAND_FAILED:
        *ret_queue_id = event->from;
        *ret_seq = event->to;
        break;
    default: return false;
    }
    return *ret_queue_id != 0 && *ret_seq != 0;
}
