#include "cli/ws_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ws_dial.h"
#include "codec/ws/assembly.h"
#include "codec/ws/close.h"
#include "codec/ws/frame.h"
#include "codec/ws/mask.h"
#include "io/clock.h"
#include "io/entropy.h"

struct hf_cli_ws {
    struct hf_cli_dialed dialed; /* dialed.in: received, not yet decoded */
    size_t in_at;
    struct hf_ws_config config;
    struct hf_ws_decoder decoder;
    struct hf_ws_assembly *assembly; /* owns */
    struct hf_ws_closing closing;
    uint64_t close_until_ms; /* 0 = our Close is not out */
    bool whole;              /* assembly holds a message that was handed out */
    char reason[HF_WS_CLOSE_REASON_BYTES_MAX + 1];
};

static void *resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    (void)old_bytes;
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

hf_err hf_cli_ws_open(const struct hf_cli_ws_config *config, struct hf_cli_ws **ret_ws,
                      struct hf_cli_ws_failure *ret_failure)
{
    struct hf_cli_ws *ws = calloc(1, sizeof(*ws));
    hf_err err;

    if (ws == NULL) {
        *ret_failure = (struct hf_cli_ws_failure){.cause = HF_CLI_WS_LOCAL, .text = "out of memory"};
        return HF_ERR_NOMEM;
    }
    ws->config = (struct hf_ws_config){.role = HF_WS_CLIENT,
                                       .message_bytes_max = HF_CLI_WS_MESSAGE_BYTES_MAX,
                                       .fragments_max = HF_WS_FRAGMENTS_MAX,
                                       .memory = {.resize = resize}};
    hf_ws_decoder_init(&ws->decoder, &ws->config, false);
    err = hf_cli_ws_dial(config, &ws->dialed, ret_failure);
    if (err != HF_OK) {
        hf_cli_ws_free(ws);
        return err;
    }
    *ret_ws = ws;
    return HF_OK;
}

void hf_cli_ws_free(struct hf_cli_ws *ws)
{
    if (ws == NULL)
        return;
    hf_cli_wire_close(&ws->dialed.wire);
    hf_ws_assembly_clear(&ws->assembly, &ws->config.memory);
    hf_ws_decoder_deinit(&ws->decoder);
    free(ws);
}

const char *hf_cli_ws_conn_id(const struct hf_cli_ws *ws)
{
    return ws->dialed.conn_id;
}

const char *hf_cli_ws_protocol(const struct hf_cli_ws *ws)
{
    return ws->dialed.protocol;
}

/* ---- sending ---- */

static hf_err send_frame(struct hf_cli_ws *ws, enum hf_ws_opcode opcode, const void *data, size_t bytes)
{
    uint8_t *frame = malloc(HF_WS_HEAD_BYTES_MAX + bytes), mask[4];
    size_t head;
    hf_err err;

    if (frame == NULL)
        return HF_ERR_NOMEM;
    hf_entropy(mask, sizeof(mask));
    head = hf_ws_encode_head(frame, opcode, HF_WS_FIN, bytes, mask);
    if (bytes > 0)
        memcpy(frame + head, data, bytes);
    hf_ws_mask(frame + head, bytes, mask, 0);
    err = hf_cli_wire_write(&ws->dialed.wire, frame, head + bytes, hf_clock_ms() + HF_CLI_WS_WRITE_MS);
    free(frame);
    return err;
}

hf_err hf_cli_ws_send(struct hf_cli_ws *ws, bool text, struct hf_slice data)
{
    if (!hf_ws_closing_open(&ws->closing))
        return HF_ERR_CLOSED;
    return send_frame(ws, text ? HF_WS_OP_TEXT : HF_WS_OP_BINARY, data.at, data.bytes);
}

hf_err hf_cli_ws_close(struct hf_cli_ws *ws, uint16_t code, const char *reason)
{
    uint8_t payload[HF_WS_CLOSE_PAYLOAD_BYTES_MAX];
    size_t bytes = hf_ws_close_payload(payload, code, hf_slice_of(reason));

    if (!hf_ws_closing_sent(&ws->closing, code))
        return HF_ERR_CLOSED;
    ws->close_until_ms = hf_clock_ms() + HF_CLI_WS_CLOSE_MS;
    return send_frame(ws, HF_WS_OP_CLOSE, payload, bytes);
}

/* ---- receiving ---- */

static void lost(struct hf_cli_ws_event *event, const char *why)
{
    *event = (struct hf_cli_ws_event){.type = HF_CLI_WS_LOST};
    (void)snprintf(event->error, sizeof(event->error), "%s", why);
}

static void on_close(struct hf_cli_ws *ws, const struct hf_ws_event *frame, struct hf_cli_ws_event *event)
{
    *event = (struct hf_cli_ws_event){.type = HF_CLI_WS_CLOSED, .by_peer = ws->closing.sent_code == 0};
    (void)snprintf(ws->reason, sizeof(ws->reason), "%.*s", (int)frame->slice_bytes,
                   frame->slice_bytes > 0 ? (const char *)frame->slice : "");
    if (hf_ws_closing_received(&ws->closing, frame->code) == HF_WS_CLOSING_ECHO)
        (void)hf_cli_ws_close(ws, hf_ws_closing_echo_code(&ws->closing), "");
    event->code = frame->code;
    event->data = hf_slice_of(ws->reason);
}

/* True: the message is whole and in `event`. */
static bool on_part(struct hf_cli_ws *ws, const struct hf_ws_event *part, struct hf_cli_ws_event *event)
{
    struct hf_slice data = {(const char *)part->slice, part->slice_bytes};

    *event = (struct hf_cli_ws_event){.type = HF_CLI_WS_MESSAGE, .text = part->text, .data = data};
    if (part->first && part->last)
        return true;
    if (hf_ws_assembly_add(&ws->assembly, &ws->config.memory, HF_CLI_WS_MESSAGE_BYTES_MAX, part->slice,
                           part->slice_bytes) != HF_OK) {
        lost(event, "a message is too big for this client");
        return true;
    }
    if (!part->last)
        return false;
    event->data = hf_ws_assembly_slice(ws->assembly);
    ws->whole = true;
    return true;
}

/* Decodes what was received; true when that gave an event. */
static bool decode(struct hf_cli_ws *ws, struct hf_cli_ws_event *event)
{
    while (ws->in_at < ws->dialed.in_bytes) {
        struct hf_ws_event frame;
        size_t taken = 0;
        hf_err err = hf_ws_decoder_feed(&ws->decoder, ws->dialed.in + ws->in_at,
                                        ws->dialed.in_bytes - ws->in_at, &taken, &frame);

        ws->in_at += taken;
        if (err != HF_OK) {
            const struct hf_ws_rule_info *rule = hf_ws_rule_info(ws->decoder.rule);

            lost(event, rule->name);
            (void)hf_cli_ws_close(ws, rule->close_code, rule->name);
            return true;
        }
        if (frame.type == HF_WS_PART && on_part(ws, &frame, event))
            return true;
        if (frame.type == HF_WS_PING)
            (void)send_frame(ws, HF_WS_OP_PONG, frame.slice, frame.slice_bytes);
        if (frame.type == HF_WS_CLOSE) {
            on_close(ws, &frame, event);
            return true;
        }
    }
    ws->in_at = ws->dialed.in_bytes = 0;
    return false;
}

/* Reads once; false when there was nothing, with `event` filled when it is over. */
static hf_err receive(struct hf_cli_ws *ws, struct hf_cli_ws_event *event)
{
    hf_err err =
        hf_cli_wire_read(&ws->dialed.wire, ws->dialed.in, sizeof(ws->dialed.in), &ws->dialed.in_bytes);

    if (err == HF_ERR_CLOSED)
        lost(event, "the gateway closed the connection without a Close frame");
    else if (err == HF_ERR_IO)
        lost(event, errno != 0 ? strerror(errno) : "TLS broke");
    return err;
}

void hf_cli_ws_next(struct hf_cli_ws *ws, uint64_t wait_ms, const int others[HF_CLI_WS_OTHERS],
                    struct hf_cli_ws_event *ret_event)
{
    uint64_t now_ms = hf_clock_ms(), until_ms = wait_ms < UINT64_MAX - now_ms ? now_ms + wait_ms : UINT64_MAX;

    if (ws->whole)
        hf_ws_assembly_clear(&ws->assembly, &ws->config.memory);
    ws->whole = false;
    if (ws->close_until_ms != 0 && ws->close_until_ms < until_ms)
        until_ms = ws->close_until_ms;
    for (;;) {
        struct pollfd fds[1 + HF_CLI_WS_OTHERS] = {{.fd = ws->dialed.wire.fd, .events = POLLIN}};
        hf_err err;

        if (decode(ws, ret_event))
            return;
        errno = 0;
        err = receive(ws, ret_event);
        if (err == HF_OK)
            continue;
        if (err != HF_ERR_AGAIN)
            return;
        if (ws->dialed.wire.want_write)
            fds[0].events = POLLOUT;
        for (int i = 0; i < HF_CLI_WS_OTHERS; i++)
            fds[1 + i] = (struct pollfd){.fd = others[i], .events = POLLIN}; /* poll() passes over -1 */
        int ready = poll(fds, 1 + HF_CLI_WS_OTHERS, hf_cli_left_ms(until_ms));
        for (int i = 0; ready > 0 && fds[0].revents == 0 && i < HF_CLI_WS_OTHERS; i++) {
            if (fds[1 + i].revents == 0)
                continue;
            *ret_event = (struct hf_cli_ws_event){.type = HF_CLI_WS_OTHER, .other = others[i]};
            return;
        }
        if (ready != 0)
            continue;
        if (ws->close_until_ms != 0 && hf_clock_ms() >= ws->close_until_ms)
            lost(ret_event, "the gateway did not answer our Close frame");
        else
            *ret_event = (struct hf_cli_ws_event){.type = HF_CLI_WS_TIME};
        return;
    }
}
