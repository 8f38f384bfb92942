#include "adapter/ws/echo.h"

#include <stdlib.h>

#include "base/sb.h"
#include "codec/http1/request.h"
#include "codec/ws/assembly.h"
#include "codec/ws/close.h"
#include "codec/ws/handshake.h"

enum { UPGRADE_TIMEOUT_MS = 10000, CLOSE_TIMEOUT_MS = 5000 };

struct echo {
    struct hf_list_node node; /* on site->all */
    struct hf_link *link;
    struct hf_echo_site *site;
    struct hf_ws_decoder decoder;
    struct hf_ws_assembly *assembly; /* first the request head, later a message that was cut */
    struct hf_timer timer;
    bool upgraded, closing;
};

static void on_upgraded_data(struct hf_link *link, uint8_t *data, size_t bytes);
static void on_request_data(struct hf_link *link, uint8_t *data, size_t bytes);
static void on_end(struct hf_link *link, enum hf_link_end end, int sys_errno);
static void on_timer(struct hf_timer *timer, uint64_t now_ms);

static void ignore(struct hf_link *link)
{
    (void)link;
}

/* Who does not read his echoes is not read: nothing piles up, nothing is dropped. */
static void on_blocked(struct hf_link *link)
{
    link->ops->pause_read(link);
}

static void on_drained(struct hf_link *link)
{
    link->ops->resume_read(link);
}

static const struct hf_link_handler request_handler = {
    .on_data = on_request_data, .on_drained = ignore, .on_blocked = ignore, .on_end = on_end};
static const struct hf_link_handler echo_handler = {
    .on_data = on_upgraded_data, .on_drained = on_drained, .on_blocked = on_blocked, .on_end = on_end};

static void *memory_resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    (void)old_bytes;
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

hf_err hf_echo_site_init(struct hf_echo_site *site, uint64_t connections_max)
{
    site->conns = hf_slab_new("echo_connections", sizeof(struct echo), connections_max);
    hf_list_init(&site->all);
    site->config = (struct hf_ws_config){.role = HF_WS_SERVER,
                                         .message_bytes_max = HF_WS_MESSAGE_BYTES_MAX,
                                         .fragments_max = HF_WS_FRAGMENTS_MAX,
                                         .memory = {.resize = memory_resize}};
    return site->conns ? HF_OK : HF_ERR_NOMEM;
}

void hf_echo_site_abort(struct hf_echo_site *site)
{
    while (!hf_list_empty(&site->all))
        on_timer(&HF_CONTAINER_OF(site->all.next, struct echo, node)->timer, 0);
}

void hf_echo_site_deinit(struct hf_echo_site *site)
{
    hf_slab_free(site->conns);
    site->conns = NULL;
}

static void echo_free(struct echo *echo)
{
    hf_wheel_cancel(echo->site->wheel, &echo->timer);
    hf_ws_assembly_clear(&echo->assembly, &echo->site->config.memory);
    if (echo->upgraded)
        hf_ws_decoder_deinit(&echo->decoder);
    hf_list_remove(&echo->node);
    echo->site->stats.connections--;
    hf_slab_give(echo->site->conns, echo);
}

static void on_end(struct hf_link *link, enum hf_link_end end, int sys_errno)
{
    struct echo *echo = link->user;

    (void)end;
    (void)sys_errno;
    echo_free(echo);
}

static void on_timer(struct hf_timer *timer, uint64_t now_ms)
{
    struct echo *echo = HF_CONTAINER_OF(timer, struct echo, timer);
    struct hf_link *link = echo->link;

    (void)now_ms;
    echo_free(echo);
    link->ops->abort(link);
}

hf_err hf_echo_open(struct hf_echo_site *site, struct hf_link *link, uint64_t now_ms)
{
    struct echo *echo = hf_slab_take(site->conns);

    if (echo == NULL)
        return HF_ERR_LIMIT;
    echo->link = link;
    echo->site = site;
    hf_list_init(&echo->node);
    hf_list_push_back(&site->all, &echo->node);
    hf_timer_init(&echo->timer, on_timer);
    hf_wheel_arm(site->wheel, &echo->timer, now_ms + UPGRADE_TIMEOUT_MS);
    link->handler = &request_handler;
    link->user = echo;
    site->stats.connections++;
    site->stats.opened++;
    return HF_OK;
}

static void finish(struct echo *echo)
{
    echo->closing = true;
    hf_wheel_arm(echo->site->wheel, &echo->timer,
                 echo->site->wheel->tick * HF_WHEEL_TICK_MS + CLOSE_TIMEOUT_MS);
    echo->link->ops->finish(echo->link);
}

static void refuse(struct echo *echo)
{
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

    (void)echo->link->ops->write(echo->link, answer, sizeof(answer) - 1);
    finish(echo);
}

static bool accept_upgrade(struct echo *echo, const struct hf_http1_request *request)
{
    struct hf_ws_upgrade upgrade;
    char out[512];
    struct hf_sb sb;

    hf_ws_upgrade_init(&upgrade, NULL, 0, NULL);
    for (size_t i = 0; i < request->header_count; i++)
        hf_ws_upgrade_field(&upgrade, request->headers[i].name, request->headers[i].value);
    hf_sb_init(&sb, out, sizeof(out));
    if (!upgrade.wanted ||
        hf_ws_upgrade_check(&upgrade, request->method_text, request->minor >= 1) != HF_WS_REFUSAL_NONE ||
        hf_ws_upgrade_write_accept(&upgrade, HF_SLICE(""), &sb) != HF_OK)
        return false;
    (void)echo->link->ops->write(echo->link, sb.at, sb.bytes);
    return true;
}

static void on_request_data(struct hf_link *link, uint8_t *data, size_t bytes)
{
    struct echo *echo = link->user;
    struct hf_http1_request request;
    const struct hf_ws_memory *memory = &echo->site->config.memory;
    struct hf_slice head = {(const char *)data, bytes};
    size_t head_bytes = 0, before = echo->assembly ? echo->assembly->bytes : 0;

    if (echo->closing)
        return;
    if (echo->assembly != NULL) {
        if (hf_ws_assembly_add(&echo->assembly, memory, 2 * HF_HTTP1_HEAD_BYTES_MAX + (uint32_t)bytes, data,
                               bytes) != HF_OK) {
            refuse(echo);
            return;
        }
        head = hf_ws_assembly_slice(echo->assembly);
    }
    hf_err err = hf_http1_parse_head(head.at, head.bytes, NULL, NULL, &request, &head_bytes);
    if (err == HF_ERR_AGAIN && echo->assembly == NULL)
        err = hf_ws_assembly_add(&echo->assembly, memory, HF_HTTP1_HEAD_BYTES_MAX, data, bytes) == HF_OK
                  ? HF_ERR_AGAIN
                  : HF_ERR_NOMEM;
    if (err == HF_ERR_AGAIN)
        return;
    if (err != HF_OK || !accept_upgrade(echo, &request)) {
        refuse(echo);
        return;
    }
    hf_ws_assembly_clear(&echo->assembly, memory);
    hf_wheel_cancel(echo->site->wheel, &echo->timer);
    hf_ws_decoder_init(&echo->decoder, &echo->site->config, false);
    echo->upgraded = true;
    link->handler = &echo_handler;
    size_t taken = head_bytes - before; /* of this read */
    if (bytes > taken)
        on_upgraded_data(link, data + taken, bytes - taken);
}

static void send_frame(struct echo *echo, enum hf_ws_opcode opcode, const void *payload, size_t bytes)
{
    uint8_t frame[HF_WS_HEAD_BYTES_MAX + 2048];
    size_t head = hf_ws_encode_head(frame, opcode, HF_WS_FIN, bytes, NULL);

    if (bytes <= sizeof(frame) - HF_WS_HEAD_BYTES_MAX) {
        if (bytes > 0)
            memcpy(frame + head, payload, bytes);
        if (echo->link->ops->write(echo->link, frame, head + bytes) != HF_OK && !echo->closing)
            finish(echo); /* an echo that is missing would be worse than an end */
        return;
    }
    if (echo->link->ops->write(echo->link, frame, head) != HF_OK ||
        echo->link->ops->write(echo->link, payload, bytes) != HF_OK)
        finish(echo); /* half a frame went out: nothing sensible can follow it */
}

static void send_close(struct echo *echo, uint16_t code)
{
    uint8_t payload[HF_WS_CLOSE_PAYLOAD_BYTES_MAX];

    send_frame(echo, HF_WS_OP_CLOSE, payload, hf_ws_close_payload(payload, code, HF_SLICE("")));
    finish(echo);
}

static bool echo_part(struct echo *echo, const struct hf_ws_event *event)
{
    enum hf_ws_opcode opcode = event->text ? HF_WS_OP_TEXT : HF_WS_OP_BINARY;

    if (!event->last) {
        if (hf_ws_assembly_add(&echo->assembly, &echo->site->config.memory, HF_WS_MESSAGE_BYTES_MAX,
                               event->slice, event->slice_bytes) == HF_OK)
            return true;
        send_close(echo, HF_WS_CODE_TOO_BIG);
        return false;
    }
    echo->site->stats.messages++;
    echo->site->stats.bytes += event->slice_bytes;
    if (event->first) {
        send_frame(echo, opcode, event->slice, event->slice_bytes);
        return true;
    }
    if (hf_ws_assembly_add(&echo->assembly, &echo->site->config.memory, HF_WS_MESSAGE_BYTES_MAX, event->slice,
                           event->slice_bytes) != HF_OK) {
        send_close(echo, HF_WS_CODE_TOO_BIG);
        return false;
    }
    struct hf_slice whole = hf_ws_assembly_slice(echo->assembly);
    send_frame(echo, opcode, whole.at, whole.bytes);
    hf_ws_assembly_clear(&echo->assembly, &echo->site->config.memory);
    return true;
}

static void on_upgraded_data(struct hf_link *link, uint8_t *data, size_t bytes)
{
    struct echo *echo = link->user;

    while (bytes > 0 && !echo->closing) {
        struct hf_ws_event event;
        size_t taken;

        if (hf_ws_decoder_feed(&echo->decoder, data, bytes, &taken, &event) != HF_OK) {
            send_close(echo, hf_ws_rule_info((enum hf_ws_rule)echo->decoder.rule)->close_code);
            return;
        }
        data += taken;
        bytes -= taken;
        switch (event.type) {
        case HF_WS_PART:
            if (!echo_part(echo, &event))
                return;
            break;
        case HF_WS_PING: send_frame(echo, HF_WS_OP_PONG, event.slice, event.slice_bytes); break;
        case HF_WS_CLOSE: send_close(echo, event.code); return;
        case HF_WS_PONG:
        case HF_WS_NEED_MORE: break;
        }
    }
}
