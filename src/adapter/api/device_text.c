/* adapter/api/device_text.c - a device as the API shows it: from its row, overlaid by what its home worker knows now. */
#include "adapter/api/request.h"
#include "core/presence.h"
#include "core/rows.h"

static void reason_out(struct hf_json_out *out, unsigned reason, unsigned code)
{
    if (reason != HF_REASON_NONE) {
        hf_json_out_cstr(out, "reason", hf_reason_name(reason));
        hf_json_out_cstr(out, "text", hf_reason_info(reason)->text);
    }
    if (code != 0)
        hf_json_out_u64(out, "code", code);
}

static void text_out(struct hf_json_out *out, const char *key, const char *text)
{
    if (text[0] != '\0')
        hf_json_out_cstr(out, key, text);
}

static void live_out(struct hf_json_out *out, const struct hf_live *live)
{
    hf_json_out_object(out, "live");
    hf_json_out_bool(out, "connected", live->connected);
    if (live->connected) {
        text_out(out, "peer", live->peer);
        text_out(out, "trace", live->trace);
        hf_json_out_bool(out, "tls", live->tls);
        hf_time_out(out, "last_seen", live->last_seen_ms);
        hf_time_out(out, "credentials_expire", live->expires_ms);
        if (live->rtt_ms != 0)
            hf_json_out_u64(out, "rtt_ms", live->rtt_ms);
        if (live->clock_known) {
            hf_json_out_i64(out, "clock_ahead_ms", live->clock_ahead_ms);
            hf_json_out_bool(out, "clock_skew", live->clock_skew);
        }
        hf_json_out_u64(out, "messages_in", live->messages_in);
        hf_json_out_u64(out, "messages_out", live->messages_out);
        hf_json_out_u64(out, "send_queue_messages", live->send_queue_messages);
        hf_json_out_u64(out, "send_queue_bytes", live->send_queue_bytes);
    }
    hf_json_out_u64(out, "pending_messages", live->pending_messages);
    hf_json_out_u64(out, "pending_bytes", live->pending_bytes);
    hf_json_out_end(out);
}

struct hf_api_state hf_api_device_state(const struct hf_api *api, const struct hf_device_row *row,
                                        const struct hf_live *live)
{
    const struct hf_backend *backend = api->backend;

    if (live != NULL)
        return (struct hf_api_state){(enum hf_presence)live->presence,
                                     live->since_ms,
                                     live->reason,
                                     live->code,
                                     live->epoch,
                                     live->conn};
    struct hf_api_state state = {(enum hf_presence)row->presence,
                                 row->since_ms,
                                 (unsigned)row->reason,
                                 (unsigned)row->code,
                                 row->epoch,
                                 row->conn};
    enum hf_presence now = hf_presence_read(state.presence, row->boot == backend->boot, api->http->utc_ms,
                                            backend->unknown_until_ms);

    if (now !=
        state.presence) { /* recorded by an earlier start of the node, which did not live to see the end */
        state.presence = now;
        state.reason = HF_REASON_NODE_RESTART;
        state.code = 0;
        state.since_ms = backend->started_ms;
    }
    return state;
}

void hf_api_device_members(struct hf_api *api, struct hf_json_out *out, struct hf_slice device,
                           const struct hf_device_row *row, const struct hf_live *live)
{
    struct hf_api_state state = hf_api_device_state(api, row, live);

    hf_json_out_text(out, "device", device);
    hf_json_out_cstr(out, "state", hf_presence_name(state.presence));
    hf_time_out(out, "since", state.since_ms);
    reason_out(out, state.reason, state.code);
    hf_json_out_u64(out, "epoch", state.epoch);
    hf_conn_out(out, "conn", state.conn);
    if (live != NULL && live->protocol[0] != '\0')
        hf_json_out_cstr(out, "protocol", live->protocol);
    else if (row->protocol.bytes > 0)
        hf_json_out_text(out, "protocol", row->protocol);
    hf_time_out(out, "first_seen", row->first_ms);
    hf_time_out(out, "last_connected", row->online_ms);
    hf_json_out_u64(out, "connects", row->connects);
    if (live != NULL)
        live_out(out, live);
}
