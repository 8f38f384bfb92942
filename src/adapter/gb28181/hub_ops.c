/* adapter/gb28181/hub_ops.c - a camera as the hub sees it. What it is told is a MESSAGE each, with a record until the device has answered; it takes a bounded number at a time
 * and none while its stream is lost, which the hub reads as bytes that the kernel does not take: what waits stays in the outbox. */
#include "adapter/gb28181/call.h"
#include "adapter/gb28181/subscribe.h"

#include "base/sb.h"
#include "core/shared.h"

/* An outgoing message on its way through the hub's queue. */
struct parcel {
    uint8_t kind, class, format, flags;
    bool has_id;
    uint8_t id[16];
    uint32_t topic_bytes;
    uint64_t expires_ms;
    char texts[]; /* topic, payload */
};

static struct hf_shared *encode(struct hf_devconn *devconn, const struct hf_outgoing *outgoing)
{
    size_t texts = outgoing->topic.bytes + outgoing->payload.bytes;
    struct hf_shared *shared = hf_shared_new(NULL, sizeof(struct parcel) + texts);
    struct parcel parcel = {.kind = (uint8_t)outgoing->kind,
                            .class = outgoing->class,
                            .format = outgoing->format,
                            .flags = outgoing->flags,
                            .has_id = outgoing->id != NULL,
                            .topic_bytes = (uint32_t)outgoing->topic.bytes,
                            .expires_ms = outgoing->expires_ms};

    (void)devconn;
    if (shared == NULL)
        return NULL;
    if (outgoing->id != NULL)
        memcpy(parcel.id, outgoing->id, sizeof(parcel.id));
    memcpy(shared->data, &parcel, sizeof(parcel));
    if (outgoing->topic.bytes > 0)
        memcpy(shared->data + sizeof(parcel), outgoing->topic.at, outgoing->topic.bytes);
    if (outgoing->payload.bytes > 0)
        memcpy(shared->data + sizeof(parcel) + outgoing->topic.bytes, outgoing->payload.at,
               outgoing->payload.bytes);
    return shared;
}

static enum hf_reason reason_of(hf_err err)
{
    return err == HF_ERR_UNSUPPORTED ? HF_REASON_NOT_IMPLEMENTED
           : err == HF_ERR_LIMIT     ? HF_REASON_MESSAGE_TOO_BIG
           : err == HF_ERR_BUSY      ? HF_REASON_BUSY
                                     : HF_REASON_BAD_REQUEST;
}

static hf_err write_command(struct hf_gb_device *device, const struct hf_outgoing *outgoing)
{
    struct hf_gb_request *request = hf_gb_request_new(device, outgoing->id);
    struct hf_slice body, element;

    if (request == NULL)
        return HF_ERR_LIMIT;
    hf_err err;
    if (hf_gb_call_is_command(outgoing->topic))
        return hf_gb_call_command(request, outgoing);
    if (hf_gb_sub_command(request, outgoing, &err, &element)) {
        if (err != HF_OK)
            hf_gb_request_fail_soon(request, reason_of(err), element);
        return HF_OK;
    }
    err = hf_gb_command_build(request, outgoing, &body, &element);
    if (err == HF_OK && hf_gb_breaker_refuses(device)) {
        hf_gb_request_fail_soon(request, HF_REASON_BREAKER_OPEN, (struct hf_slice){NULL, 0});
        return HF_OK;
    }
    if (err == HF_OK) {
        err = hf_gb_request_send(request, body);
        if (err == HF_OK && device->site->order.ptz)
            hf_gb_command_sent(device);
        return err;
    }
    hf_gb_request_fail_soon(request, reason_of(err), element);
    return HF_OK;
}

/* A plain message is the body itself: for what this gateway has no words. */
static hf_err write_body(struct hf_gb_device *device, const struct hf_outgoing *outgoing)
{
    struct hf_gb_site *site = device->site;
    struct hf_slice type = {NULL, 0}, text, body = outgoing->payload;

    if (body.bytes > 0 && body.at[0] != '<')
        type = outgoing->format == HF_FORMAT_JSON ? HF_SLICE("application/json")
                                                  : HF_SLICE("application/octet-stream");
    if (outgoing->kind != HF_OUT_MESSAGE || body.bytes == 0 || body.bytes > HF_GB_BODY_BYTES_MAX ||
        !hf_gb_write_message(device, &device->flow, type, body, &text)) {
        site->stats.messages_dropped++;
        return HF_OK;
    }
    hf_err err = hf_sip_tx_request(site->layer, &device->flow, text, NULL, hf_gb_now(site), NULL);
    return err == HF_ERR_LIMIT || err == HF_ERR_NOMEM ? err : HF_OK;
}

static hf_err write_now(struct hf_devconn *devconn, const struct hf_outgoing *outgoing)
{
    struct hf_gb_device *device = hf_gb_device_of(devconn);

    if (hf_gb_device_deaf(device))
        return HF_ERR_LIMIT;
    return outgoing->kind == HF_OUT_COMMAND && outgoing->id != NULL ? write_command(device, outgoing)
                                                                    : write_body(device, outgoing);
}

static hf_err write_shared(struct hf_devconn *devconn, struct hf_shared *shared)
{
    struct parcel parcel;
    const char *texts = (const char *)shared->data + sizeof(parcel);

    HF_ASSERT(shared->bytes >= sizeof(parcel));
    memcpy(&parcel, shared->data, sizeof(parcel));
    struct hf_outgoing outgoing = {
        .kind = parcel.kind,
        .class = parcel.class,
        .format = parcel.format,
        .flags = parcel.flags,
        .id = parcel.has_id ? parcel.id : NULL,
        .topic = {texts, parcel.topic_bytes},
        .payload = {texts + parcel.topic_bytes, shared->bytes - sizeof(parcel) - parcel.topic_bytes},
        .expires_ms = parcel.expires_ms,
    };
    return write_now(devconn, &outgoing);
}

static void flush(struct hf_devconn *devconn)
{
    (void)devconn; /* each message is a datagram of its own, or the stream's carrier gathers */
}

static size_t queued_bytes(const struct hf_devconn *devconn)
{
    return hf_gb_device_deaf(hf_gb_device_of(devconn)) ? HF_GB_DEAF : 0;
}

static enum hf_evidence evidence_of(enum hf_reason reason)
{
    switch (reason) {
    case HF_REASON_CREDENTIALS_EXPIRED:
    case HF_REASON_REVOKED: return HF_EVIDENCE_EXPIRED;
    case HF_REASON_DRAIN:
    case HF_REASON_RESTART: return HF_EVIDENCE_RESTART;
    default: return HF_EVIDENCE_BYE;
    }
}

static void close_device(struct hf_devconn *devconn, enum hf_reason reason, struct hf_slice text)
{
    struct hf_gb_device *device = hf_gb_device_of(devconn);
    struct hf_gb_site *site = device->site;
    struct hf_sip_flow flow = device->flow;
    bool streaming = device->streaming;

    (void)text; /* SIP has no word for it; its next message is answered 403 */
    hf_gb_device_end(device, evidence_of(reason), reason);
    if (streaming && hf_map_find(&site->streams, hf_hash_mix(flow.connection), &flow.connection) == NULL)
        site->options.ops->close_flow(site->options.context, &flow);
}

void hf_gb_peer_text(struct hf_sb *sb, const struct hf_sip_flow *flow, char host[HF_SIP_FLOW_HOST_MAX])
{
    hf_sb_text(sb, flow->family == 6 ? "[" : "");
    hf_sb_slice(sb, hf_sip_flow_peer_host(flow, host));
    hf_sb_printf(sb, flow->family == 6 ? "]:%u" : ":%u", flow->peer_port);
}

static void describe(const struct hf_devconn *devconn, struct hf_live *live)
{
    const struct hf_gb_device *device = hf_gb_device_of(devconn);
    const struct hf_hub *hub = device->site->options.hub;
    char host[HF_SIP_FLOW_HOST_MAX];
    struct hf_sb sb;

    hf_sb_init(&sb, live->peer, sizeof(live->peer));
    hf_gb_peer_text(&sb, &device->flow, host);
    hf_sb_init(&sb, live->protocol, sizeof(live->protocol));
    hf_sb_text(&sb, "gb28181");
    hf_gb_describe(device, live->detail, sizeof(live->detail));
    live->tls = device->flow.transport == HF_SIP_TLS;
    live->last_seen_ms = hub->utc_ms - (hub->now_ms - device->life.last_ms);
    live->expires_ms = device->life.expires_ms > hub->now_ms
                           ? hub->utc_ms + (device->life.expires_ms - hub->now_ms)
                           : hub->utc_ms;
}

static bool takes_document(const struct hf_devconn *devconn, struct hf_slice name)
{
    (void)devconn, (void)name;
    return false;
}

const struct hf_devconn_ops hf_gb_devconn_ops = {
    .encode = encode,
    .write_shared = write_shared,
    .write = write_now,
    .flush = flush,
    .queued_bytes = queued_bytes,
    .close = close_device,
    .describe = describe,
    .takes_document = takes_document,
};
