/* core/hub_call.c - requests of applications at the home worker of their device, and what is taken up at start. */
#include <stdlib.h>

#include "core/hub_parts.h"
#include "core/kvkey.h"
#include "core/rows.h"

static void answer(struct hf_hub *hub, struct hf_call *call, enum hf_reason reason)
{
    call->reason = (uint16_t)reason;
    hub->options.ops->answer(hub->options.context, call);
}

static void disconnect(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_call *call)
{
    struct hf_device *device = hf_hub_find(hub, tenant->name, call->device);

    if (device == NULL || device->devconn == NULL) {
        answer(hub, call, HF_REASON_DEVICE_OFFLINE);
        return;
    }
    device->devconn->ops->close(
        device->devconn,
        call->event_type == HF_EVENT_REVOKED ? HF_REASON_REVOKED : HF_REASON_ADMIN_DISCONNECT, call->payload);
    answer(hub, call, HF_REASON_NONE);
}

/* False: no memory. */
static bool copy_twin(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_call *call)
{
    const struct hf_twin *twin = hf_twins_find(&hub->twins, tenant->name, call->device);

    if (twin == NULL)
        return true;
    struct hf_twin *copy = malloc(sizeof(*copy));
    if (copy == NULL)
        return false;
    *copy = *twin;
    hf_twin_moved(copy);
    call->result = copy;
    call->result_bytes = sizeof(*copy);
    return true;
}

static void describe(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_call *call)
{
    struct hf_device *device = hf_hub_find(hub, tenant->name, call->device);
    struct hf_live *live = &call->live;

    if (call->type == HF_CALL_TWIN && !copy_twin(hub, tenant, call)) {
        answer(hub, call, HF_REASON_MEMORY_LIMIT);
        return;
    }
    if (device == NULL) {
        answer(hub, call, call->result != NULL ? HF_REASON_NONE : HF_REASON_NOT_FOUND);
        return;
    }
    live->presence = device->presence;
    live->reason = device->reason;
    live->code = device->code;
    live->epoch = device->epoch;
    live->conn = device->conn_id;
    live->since_ms = device->since_ms;
    if (device->outbox != NULL) {
        live->pending_messages = device->outbox->messages;
        live->pending_bytes = device->outbox->bytes;
    }
    if (device->devconn != NULL) {
        live->connected = true;
        live->messages_in = device->devconn->messages_in;
        live->messages_out = device->devconn->messages_out;
        live->send_queue_messages = hf_sendq_messages(device->devconn->sendq);
        live->send_queue_bytes =
            hf_sendq_bytes(device->devconn->sendq) + device->devconn->ops->queued_bytes(device->devconn);
        device->devconn->ops->describe(device->devconn, live);
    }
    answer(hub, call, HF_REASON_NONE);
}

static void record(struct hf_hub *hub, struct hf_call *call)
{
    struct hf_event event = {
        .type = call->event_type,
        .format = call->format,
        .flags = (uint8_t)(call->flags | hf_call_mark(call)),
        .reason = call->fate_reason,
        .from = call->written,
        .to = call->targets,
        .tenant = call->tenant,
        .device = call->device,
        .topic = call->topic,
        .key = call->key,
        .payload = call->payload,
        .by = call->by,
    };

    memcpy(event.id, call->id, sizeof(event.id));
    hf_err err = hf_hub_record(hub, &event, NULL, call);
    if (err != HF_OK)
        answer(hub, call, err == HF_ERR_NOMEM ? HF_REASON_MEMORY_LIMIT : HF_REASON_STORAGE_FULL);
}

void hf_hub_call(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_call *call)
{
    switch (call->type) {
    case HF_CALL_SEND: hf_outbox_send(hub, tenant, call); return;
    case HF_CALL_CANCEL: hf_outbox_cancel(hub, tenant, call); return;
    case HF_CALL_STATE: hf_outbox_state(hub, tenant, call); return;
    case HF_CALL_DISCONNECT: disconnect(hub, tenant, call); return;
    case HF_CALL_DEVICE:
    case HF_CALL_TWIN: describe(hub, tenant, call); return;
    case HF_CALL_BROADCAST:
        hf_topics_broadcast(hub, tenant, call);
        answer(hub, call, HF_REASON_NONE);
        return;
    case HF_CALL_RECORD: record(hub, call); return;
    case HF_CALL_REVOKE:        /* the adapters' business: core knows no credentials, */
    case HF_CALL_SIP:           /* no SIP, */
    case HF_CALL_TRUST:         /* no certificates, */
    case HF_CALL_CERTIFICATE:   /* signs none, */
    case HF_CALL_SERIES: break; /* and keeps no series */
    case HF_CALL_LEDGER:
        hf_ledger_add(call->ledger, &hub->ledger.counts);
        answer(hub, call, HF_REASON_NONE);
        return;
    case HF_CALL_DOCUMENT: hf_hub_document(hub, tenant, call); return;
    }
    HF_UNREACHABLE();
}

hf_err hf_hub_restore(struct hf_hub *hub, struct hf_tenant *(*tenant_of)(void *context, struct hf_slice name),
                      void *context)
{
    struct hf_kv_txn *txn = NULL;
    struct hf_kv_cursor cursor;
    struct hf_slice key, value, all = {NULL, 0};
    struct hf_event queued;

    hf_err err = hf_kv_read(hub->options.kv, &txn);
    if (err == HF_OK)
        err = hf_kv_scan(txn, HF_KV_OUTBOX, all, all, false, &cursor);
    while (err == HF_OK && (err = hf_kv_next(&cursor, &key, &value)) == HF_OK) {
        if (hf_event_row_decode(value, &queued) != HF_OK ||
            hf_hub_home(queued.tenant, queued.device, hub->options.workers) != hub->options.worker)
            continue;
        struct hf_tenant *tenant = tenant_of(context, queued.tenant);
        if (tenant != NULL)
            err = hf_outbox_restore(hub, tenant, &queued);
    }
    hf_kv_end(txn);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}
