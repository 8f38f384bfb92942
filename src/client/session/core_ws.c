/* client/session/core_ws.c - WebSocket frames in: messages whole, pings answered, the closing handshake (RFC 6455 5.5.1, 7). */
#include "client/session/core_internal.h"

static void on_close(struct hf_client_core *core, const struct hf_ws_event *event)
{
    struct hf_slice text = {(const char *)event->slice, event->slice_bytes}, name;
    struct hf_ending *ending = &core->link.ending;
    bool ours_first = core->link.closing.sent_code != 0;
    uint32_t retry_ms = 0;

    (void)hf_ws_closing_received(&core->link.closing, event->code);
    if (ours_first)
        return; /* the exchange is complete: the gateway ends TCP, or the deadline does */
    ending->by_peer = true;
    ending->code = event->code;
    if (hf_ws_close_parse_named(text, &name, &retry_ms)) {
        ending->reason = hf_reason_by_name(name);
        ending->retry_ms = HF_MAX(ending->retry_ms, retry_ms);
    }
    hf_core_text(core, event->slice_bytes > 0 ? text : HF_SLICE("closed by the gateway"));
    hf_core_close(core, hf_ws_closing_echo_code(&core->link.closing), ending->reason, HF_LINK_EV_PEER_CLOSE);
}

static void owe_pong(struct hf_client_core *core, const struct hf_ws_event *event)
{
    core->link.owed.ws_pong = true;
    core->link.owed.ws_pong_bytes = (uint8_t)event->slice_bytes;
    if (event->slice_bytes > 0)
        memcpy(core->link.owed.ws_pong_payload, event->slice, event->slice_bytes);
}

/* A message, whole or in pieces. */
static void on_part(struct hf_client_core *core, const struct hf_ws_event *event)
{
    struct hf_ws_assembly *held;
    struct hf_slice whole;
    hf_err err;

    if (event->text) { /* holdfast.v1 is binary; judged when it is whole, wherever the network cut it */
        if (event->last)
            hf_core_close(core, 1003, HF_REASON_UNSUPPORTED_DATA, HF_LINK_EV_LOCAL_CLOSE);
        return;
    }
    if (event->first && event->last) {
        hf_core_frames(core, event->slice, event->slice_bytes);
        return;
    }
    err = hf_ws_assembly_add(&core->link.in, &core->memory, core->ws_config.message_bytes_max, event->slice,
                             event->slice_bytes);
    if (err != HF_OK) {
        bool memory = err == HF_ERR_NOMEM;

        hf_core_close(core, memory ? 1011 : 1009,
                      memory ? HF_REASON_INTERNAL_ERROR : HF_REASON_MESSAGE_TOO_BIG, HF_LINK_EV_LOCAL_CLOSE);
        return;
    }
    if (!event->last)
        return;
    held = core->link.in; /* taken out: the connection may end within */
    core->link.in = NULL;
    whole = hf_ws_assembly_slice(held);
    hf_core_frames(core, (const uint8_t *)whole.at, whole.bytes);
    hf_ws_assembly_clear(&held, &core->memory);
}

static bool listens(const struct hf_client_core *core)
{
    return core->phase == HF_PHASE_GREETING || core->phase == HF_PHASE_OPEN;
}

void hf_core_ws(struct hf_client_core *core, uint8_t *data, size_t bytes)
{
    size_t taken;

    for (; bytes > 0 && (listens(core) || core->phase == HF_PHASE_CLOSING); data += taken, bytes -= taken) {
        struct hf_ws_event event;

        if (hf_ws_decoder_feed(&core->link.decoder, data, bytes, &taken, &event) != HF_OK) {
            const struct hf_ws_rule_info *rule = hf_ws_rule_info(core->link.decoder.rule);

            hf_core_text(core, hf_slice_of(rule->text));
            if (listens(core))
                hf_core_close(core, rule->close_code, HF_REASON_PROTOCOL_ERROR, HF_LINK_EV_LOCAL_CLOSE);
            return;
        }
        if (event.type == HF_WS_CLOSE)
            on_close(core, &event);
        else if (!listens(core))
            continue;
        else if (event.type == HF_WS_PART)
            on_part(core, &event);
        else if (event.type == HF_WS_PING || event.type == HF_WS_PONG) {
            if (event.type == HF_WS_PING)
                owe_pong(core, &event);
            if (core->phase == HF_PHASE_OPEN)
                hf_beat_life(&core->link.beat, core->now.now_ms);
        }
    }
}
