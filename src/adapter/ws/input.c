/* adapter/ws/input.c - from received bytes to whole messages. A message that lies whole in the receive buffer is handed on where it
 * lies; others are put together first. Input that must wait is kept undecoded: hold.c. */
#include "adapter/ws/session.h"

#include <stdlib.h>

#include "adapter/ws/window.h"

static void fail(struct hf_ws_conn *conn, enum hf_ws_rule rule)
{
    const struct hf_ws_rule_info *info = hf_ws_rule_info(rule);
    enum hf_reason reason = info->close_code == HF_WS_CODE_INVALID_DATA ? HF_REASON_INVALID_UTF8
                            : info->close_code == HF_WS_CODE_TOO_BIG    ? HF_REASON_MESSAGE_TOO_BIG
                            : info->close_code == HF_WS_CODE_INTERNAL   ? HF_REASON_MEMORY_LIMIT
                                                                        : HF_REASON_PROTOCOL_ERROR;

    if (conn->state <= HF_WS_STATE_OPEN)
        conn->site->stats.protocol_errors[rule]++;
    hf_ws_close(conn, reason, info->close_code, (struct hf_slice){NULL, 0});
    if (conn->decoder.rule != HF_WS_RULE_NONE && conn->state == HF_WS_STATE_CLOSING)
        hf_ws_finish(
            conn); /* nothing more can be read, so the peer's Close cannot be awaited (RFC 6455 7.1.7) */
}

/* Must the next message wait? Asked between messages only, so that nothing half-decoded is kept. In a session each frame is asked for itself. */
static bool must_wait(struct hf_ws_conn *conn, uint32_t *ret_wait_ms)
{
    *ret_wait_ms = 0;
    if (conn->state != HF_WS_STATE_OPEN || conn->session != NULL)
        return false;
    return !conn->site->ops->may_take(conn->site->context) ||
           !hf_hub_uplink_ready(conn->site->hub, &conn->dev, ret_wait_ms);
}

static void message(struct hf_ws_conn *conn, bool text, struct hf_slice payload, const uint8_t *rest,
                    size_t rest_bytes, bool *ret_moved)
{
    if (text)
        conn->site->stats.messages_text++;
    else
        conn->site->stats.messages_binary++;
    if (conn->session != NULL)
        hf_ws_session_message(conn, text, payload, rest, rest_bytes, ret_moved);
    else
        hf_ws_raw_message(conn, text, payload, rest, rest_bytes, ret_moved);
}

/* Inflates one whole compressed message into the worker's scratch buffer and hands it on. Of the inflater nothing is needed by then: the
 * message may end the connection. */
static void inflated_message(struct hf_ws_conn *conn, bool text, struct hf_slice in, const uint8_t *rest,
                             size_t rest_bytes, bool *ret_moved)
{
    struct hf_ws_site *site = conn->site;
    struct hf_ws_inflater *inflater = NULL;
    enum hf_ws_rule rule = HF_WS_RULE_NO_MEMORY;
    size_t bytes = 0, got = 0;
    bool done = false;
    hf_err err = hf_ws_scratch(site, &site->inflated);

    if (err == HF_OK)
        err = hf_ws_window_inflater(conn, &inflater);
    if (err == HF_OK)
        hf_ws_inflater_begin(inflater, hf_ws_window_inflates(conn), text,
                             conn->decoder.config->message_bytes_max);
    while (err == HF_OK && !done) {
        err = hf_ws_inflater_feed(inflater, &in, true, site->inflated.at + bytes,
                                  site->inflated.bytes - bytes, &got, &done, &rule);
        bytes += got;
    }
    if (err != HF_OK) {
        fail(conn, rule);
        return;
    }
    site->stats.inflated++;
    message(conn, text, (struct hf_slice){(const char *)site->inflated.at, bytes}, rest, rest_bytes,
            ret_moved);
}

static void on_part(struct hf_ws_conn *conn, const struct hf_ws_event *event, const uint8_t *rest,
                    size_t rest_bytes, bool *ret_moved)
{
    struct hf_ws_site *site = conn->site;
    struct hf_slice payload = {(const char *)event->slice, event->slice_bytes};
    bool whole = event->first && event->last;

    hf_ws_life(conn);
    if (!whole) {
        hf_err err = hf_ws_assembly_add(&conn->assembly, &site->open_config.memory,
                                        conn->decoder.config->message_bytes_max +
                                            conn->decoder.config->message_bytes_max / 8,
                                        event->slice, event->slice_bytes);
        if (err != HF_OK) {
            fail(conn, err == HF_ERR_LIMIT ? HF_WS_RULE_MESSAGE_BYTES : HF_WS_RULE_NO_MEMORY);
            return;
        }
        if (!event->last)
            return;
        payload = hf_ws_assembly_slice(conn->assembly);
    }
    if (payload.bytes == 0)
        payload.at = ""; /* an empty message is a message */
    struct hf_ws_assembly *assembly = conn->assembly;
    conn->assembly = NULL; /* the message may close or move the connection, and is needed until it returns */
    if (event->compressed)
        inflated_message(conn, event->text, payload, rest, rest_bytes, ret_moved);
    else
        message(conn, event->text, payload, rest, rest_bytes, ret_moved);
    hf_ws_assembly_clear(&assembly, &site->open_config.memory);
}

static void on_event(struct hf_ws_conn *conn, const struct hf_ws_event *event, const uint8_t *rest,
                     size_t rest_bytes, bool *ret_moved)
{
    struct hf_slice payload = {(const char *)event->slice, event->slice_bytes};

    switch (event->type) {
    case HF_WS_NEED_MORE:
        if (conn->state == HF_WS_STATE_OPEN)
            hf_ws_life(conn); /* a piece of a head counts, too: it is traffic of this connection */
        return;
    case HF_WS_PART:
        if (conn->state <= HF_WS_STATE_OPEN)
            on_part(conn, event, rest, rest_bytes, ret_moved);
        return;
    case HF_WS_PING:
        conn->site->stats.pings_in++;
        if (conn->state > HF_WS_STATE_OPEN)
            return;
        hf_ws_life(conn);
        (void)hf_ws_send_control(conn, HF_WS_OP_PONG, event->slice, event->slice_bytes);
        return;
    case HF_WS_PONG:
        if (conn->state > HF_WS_STATE_OPEN)
            return;
        hf_ws_life(conn);
        hf_ws_on_pong(conn, payload);
        return;
    case HF_WS_CLOSE: hf_ws_peer_close(conn, event->code); return;
    }
}

/* False: the connection has moved to its home worker, the rest of the input with it; this object is gone. */
bool hf_ws_feed(struct hf_ws_conn *conn, uint8_t *data, size_t bytes)
{
    bool moved = false;

    while (bytes > 0 && conn->state < HF_WS_STATE_ENDING) {
        struct hf_ws_event event;
        size_t taken = 0;
        uint32_t wait_ms;

        if (!hf_ws_decoder_mid_message(&conn->decoder) && must_wait(conn, &wait_ms)) {
            hf_ws_hold(conn, data, bytes, wait_ms);
            return true;
        }
        if (hf_ws_decoder_feed(&conn->decoder, data, bytes, &taken, &event) != HF_OK) {
            fail(conn, (enum hf_ws_rule)conn->decoder.rule);
            return true;
        }
        data += taken;
        bytes -= taken;
        on_event(conn, &event, data, bytes, &moved);
        if (moved)
            return false;
        if (conn->held != NULL) /* from within this message on, the rest behind it */
            return true;
    }
    return true;
}

void hf_ws_on_data(struct hf_link *link, uint8_t *data, size_t bytes)
{
    struct hf_ws_conn *conn = link->user;

    if (conn->held != NULL)
        hf_ws_hold_more(conn, data, bytes);
    else
        (void)hf_ws_feed(conn, data, bytes);
}
