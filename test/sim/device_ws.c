/* test/sim/device_ws.c - a raw device's connection: upgrade, frames, silence, coming back. */
#include "sim/device_ws.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "codec/ws/close.h"
#include "codec/ws/mask.h"
#include "sim/sim.h"

enum {
    OPEN_US = 10000000,    /* TCP, upgrade: given up after this */
    SILENCE_US = 90000000, /* no Ping, no message for so long: the connection is dead */
    BACKOFF_MS = 1000,
    BACKOFF_MS_MAX = 30000,
    STABLE_US = 60000000,
    READ_BYTES = 4096,
    SLOW_BYTES = 64,
    SLOW_US = 200000,
};

static void *resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)user, (void)old_bytes;
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

static const struct hf_ws_config config = {
    .role = HF_WS_CLIENT, .message_bytes_max = 1 << 21, .fragments_max = 64, .memory = {.resize = resize}};

static struct sim_events *events_of(const struct sim_device *device)
{
    return &device->sim->events;
}

#define DEVICE_OF(event, member) HF_CONTAINER_OF(event, struct sim_raw, member)->device

/* ---- output ---- */

static void flush(struct sim_device *device)
{
    if (device->sock == NULL || device->raw->out_bytes == 0 || device->raw->state < SIM_RAW_HANDSHAKE)
        return;
    size_t taken = sim_write(device->sock, device->raw->out, device->raw->out_bytes);
    device->raw->out_bytes -= taken;
    memmove(device->raw->out, device->raw->out + taken, device->raw->out_bytes);
}

static void put(struct sim_device *device, const void *data, size_t bytes)
{
    if (device->raw->out_bytes + bytes > device->raw->out_room) {
        device->raw->out_room = HF_MAX(2 * device->raw->out_room, device->raw->out_bytes + bytes);
        device->raw->out = realloc(device->raw->out, device->raw->out_room);
        HF_ASSERT(device->raw->out != NULL);
    }
    memcpy(device->raw->out + device->raw->out_bytes, data, bytes);
    device->raw->out_bytes += bytes;
}

void sim_raw_write(struct sim_device *device, enum hf_ws_opcode opcode, const void *payload, size_t bytes)
{
    uint8_t head[HF_WS_HEAD_BYTES_MAX], key[4];
    size_t head_bytes;

    for (unsigned i = 0; i < 4; i++)
        key[i] = (uint8_t)hf_rng_u64(&device->rng);
    head_bytes = hf_ws_encode_head(head, opcode, HF_WS_FIN, bytes, key);
    put(device, head, head_bytes);
    if (bytes > 0)
        put(device, payload, bytes);
    hf_ws_mask(device->raw->out + device->raw->out_bytes - bytes, bytes, key, 0);
    flush(device);
}

/* ---- the connection ---- */

static void retry_later(struct sim_device *device, uint64_t hint_ms)
{
    uint64_t ceiling_ms =
        HF_MIN((uint64_t)BACKOFF_MS << HF_MIN(device->raw->attempts, 5u), (uint64_t)BACKOFF_MS_MAX);

    device->raw->attempts++;
    device->raw->state = SIM_RAW_WAITING;
    sim_in(events_of(device), &device->raw->retry,
           1000 * (hint_ms + 1 + hf_rng_below(&device->rng, ceiling_ms)));
}

static void forget_connection(struct sim_device *device)
{
    hf_ws_decoder_deinit(&device->raw->decoder);
    hf_ws_assembly_clear(&device->raw->assembly, &config.memory);
    sim_cancel(events_of(device), &device->raw->patience);
    sim_cancel(events_of(device), &device->raw->answer);
    sim_device_lets_go(device);
    device->raw->out_bytes = device->raw->head_bytes = 0;
    device->raw->answer_count = 0;
}

static void lost(struct sim_device *device, const char *why, uint64_t hint_ms)
{
    if (device->raw->state == SIM_RAW_OPEN && events_of(device)->now_us - device->raw->opened_us > STABLE_US)
        device->raw->attempts = 0;
    sim_trace(&device->sim->trace, device->who, "connection %u over: %s", device->connections, why);
    sim_close(device->sock);
    forget_connection(device);
    retry_later(device, hint_ms);
}

static void on_socket(struct sim_sock *sock);
static const struct sim_sock_ops socket_ops = {on_socket};

static void on_retry(struct sim_event *event)
{
    struct sim_device *device = DEVICE_OF(event, retry);
    struct sim *sim = device->sim;
    uint8_t nonce[HF_WS_NONCE_BYTES];
    char target[64];

    if (!sim_device_connects(device, target))
        return;
    device->raw->next_send = 0;
    for (unsigned i = 0; i < sizeof(nonce); i++)
        nonce[i] = (uint8_t)hf_rng_u64(&device->rng);
    hf_ws_client_init(&device->raw->client, nonce, (struct hf_slice){NULL, 0}, NULL);
    hf_ws_decoder_init(&device->raw->decoder, &config, false);
    device->raw->state = SIM_RAW_CONNECTING;
    device->sock = sim_connect(&sim->net, &device->path, &device->host, &socket_ops, device);
    sim_in(&sim->events, &device->raw->patience, OPEN_US);
}

static void on_patience(struct sim_event *event)
{
    struct sim_device *device = DEVICE_OF(event, patience);

    if (device->raw->state == SIM_RAW_OPEN && events_of(device)->now_us < device->raw->heard_us + SILENCE_US)
        sim_at(events_of(device), event, device->raw->heard_us + SILENCE_US);
    else
        lost(device, device->raw->state == SIM_RAW_OPEN ? "silence" : "no answer", 0);
}

static void send_request(struct sim_device *device)
{
    char text[2048], target[96], headers[640];
    struct hf_sb sb;

    snprintf(target, sizeof(target), "/v1/connect?trace=%s-%u%s", device->who, device->connections,
             device->sim->plan.samples ? "&format=samples" : "");
    snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\n", device->token);
    hf_sb_init(&sb, text, sizeof(text));
    hf_err err = hf_ws_client_write_request(&device->raw->client, hf_slice_of(target), HF_SLICE("gw"),
                                            hf_slice_of(headers), &sb);
    HF_ASSERT(err == HF_OK);
    put(device, sb.at, sb.bytes);
    flush(device);
}

/* The answer to the upgrade: 101, or why not. */
static void on_head(struct sim_device *device)
{
    struct hf_slice line;
    unsigned status = 0;
    const char *at = device->raw->head, *end;

    if (sscanf(device->raw->head, "HTTP/1.1 %u ", &status) != 1) {
        sim_fail(device->sim, "%s got no HTTP answer: %.60s", device->name, device->raw->head);
        return;
    }
    for (at = strstr(at, "\r\n") + 2; (end = strstr(at, "\r\n")) != NULL && end > at; at = end + 2) {
        const char *colon = memchr(at, ':', (size_t)(end - at));

        if (colon == NULL)
            continue;
        line = (struct hf_slice){colon + 1, (size_t)(end - colon - 1)};
        hf_ws_client_field(&device->raw->client, (struct hf_slice){at, (size_t)(colon - at)},
                           hf_slice_trim(line));
    }
    if (status != 101) {
        sim_trace(&device->sim->trace, device->who, "refused with %u", status);
        if (status != 503 && status != 429 && status != 408)
            sim_fail(device->sim, "%s was refused with status %u", device->name, status);
        lost(device, "refused", 1000);
        return;
    }
    if (hf_ws_client_check(&device->raw->client, status) != HF_WS_REFUSAL_NONE) {
        sim_fail(device->sim, "%s got a 101 that is none", device->name);
        return;
    }
    device->raw->state = SIM_RAW_OPEN;
    device->raw->opened_us = device->raw->heard_us = events_of(device)->now_us;
    sim_in(events_of(device), &device->raw->patience, SILENCE_US);
    sim_trace(&device->sim->trace, device->who, "connection %u is open", device->connections);
    sim_raw_hello(device);
}

static void on_close_frame(struct sim_device *device, const struct hf_ws_event *event)
{
    struct hf_slice reason = {(const char *)event->slice, event->slice_bytes}, name = {"", 0};
    uint8_t echo[HF_WS_CLOSE_PAYLOAD_BYTES_MAX];
    uint32_t retry_ms = 0;
    char why[96];

    (void)hf_ws_close_parse_named(reason, &name, &retry_ms);
    snprintf(why, sizeof(why), "close %u %.*s", event->code, (int)name.bytes, name.at);
    sim_oracle_close_heard(device->sim, device, event->code, name);
    sim_raw_write(device, HF_WS_OP_CLOSE, echo,
                  hf_ws_close_payload(echo, event->code, (struct hf_slice){"", 0}));
    lost(device, why, retry_ms);
}

static void on_frame(struct sim_device *device, const struct hf_ws_event *event)
{
    struct hf_slice payload = {(const char *)event->slice, event->slice_bytes};

    switch (event->type) {
    case HF_WS_NEED_MORE: return;
    case HF_WS_PING: sim_raw_write(device, HF_WS_OP_PONG, event->slice, event->slice_bytes); return;
    case HF_WS_PONG: return;
    case HF_WS_CLOSE: on_close_frame(device, event); return;
    case HF_WS_PART: break;
    }
    if (event->first && event->last) {
        sim_raw_message(device, payload, event->text);
        return;
    }
    hf_err err = hf_ws_assembly_add(&device->raw->assembly, &config.memory, config.message_bytes_max,
                                    event->slice, event->slice_bytes);
    HF_ASSERT(err == HF_OK);
    if (!event->last)
        return;
    struct hf_ws_assembly *whole = device->raw->assembly;
    device->raw->assembly = NULL;
    sim_raw_message(device, hf_ws_assembly_slice(whole), event->text);
    hf_ws_assembly_clear(&whole, &config.memory);
}

static void feed(struct sim_device *device, uint8_t *data, size_t bytes)
{
    while (bytes > 0 && device->raw->state == SIM_RAW_OPEN) {
        struct hf_ws_event event;
        size_t taken = 0;

        if (hf_ws_decoder_feed(&device->raw->decoder, data, bytes, &taken, &event) != HF_OK) {
            sim_fail(device->sim, "%s got a frame that breaks rule %s", device->name,
                     hf_ws_rule_info((enum hf_ws_rule)device->raw->decoder.rule)->name);
            return;
        }
        data += taken;
        bytes -= taken;
        on_frame(device, &event);
    }
}

static void take(struct sim_device *device, uint8_t *data, size_t bytes)
{
    device->raw->heard_us = events_of(device)->now_us;
    while (bytes > 0 && device->raw->state == SIM_RAW_HANDSHAKE) {
        if (device->raw->head_bytes == sizeof(device->raw->head) - 1) {
            sim_fail(device->sim, "%s got an endless head", device->name);
            return;
        }
        device->raw->head[device->raw->head_bytes++] = (char)*data++;
        device->raw->head[device->raw->head_bytes] = '\0';
        bytes--;
        if (device->raw->head_bytes >= 4 &&
            strcmp(device->raw->head + device->raw->head_bytes - 4, "\r\n\r\n") == 0)
            on_head(device);
    }
    feed(device, data, bytes);
}

static void on_socket(struct sim_sock *sock)
{
    struct sim_device *device = sock->user;
    uint8_t data[READ_BYTES];
    size_t bytes;

    if (device->raw->state == SIM_RAW_CONNECTING && sock->open) {
        device->raw->state = SIM_RAW_HANDSHAKE;
        send_request(device);
    }
    flush(device);
    if (device->slow && device->raw->state == SIM_RAW_OPEN) {
        bytes = sim_read(sock, data, SLOW_BYTES);
        if (bytes > 0)
            take(device, data, bytes);
        if (device->sock == sock && sim_readable(sock) > 0) {
            sim_in(events_of(device), &sock->told, SLOW_US);
            return;
        }
    }
    while (device->sock == sock && !device->slow && (bytes = sim_read(sock, data, sizeof(data))) > 0)
        take(device, data, bytes);
    if (device->sock != sock)
        return;
    switch (sim_end_of(sock)) {
    case SIM_END_NONE: sim_raw_pump(device); return;
    case SIM_END_EOF: lost(device, "end", 0); return;
    case SIM_END_RESET: lost(device, "reset", 0); return;
    case SIM_END_REFUSED: lost(device, "nobody listens", 0); return;
    }
}

/* ---- the program ---- */

static void on_answer(struct sim_event *event)
{
    sim_raw_answer(DEVICE_OF(event, answer));
}

void sim_raw_init(struct sim_device *device)
{
    struct sim_raw *raw = calloc(1, sizeof(*raw));

    HF_ASSERT(raw != NULL);
    raw->device = device;
    raw->retry.on_due = on_retry;
    raw->patience.on_due = on_patience;
    raw->answer.on_due = on_answer;
    device->raw = raw;
    device->ops = &sim_raw_ops;
}

static void begin(struct sim_device *device)
{
    device->raw->attempts = 0;
    device->raw->state = SIM_RAW_WAITING;
    sim_in(events_of(device), &device->raw->retry, hf_rng_below(&device->rng, 1000000));
}

static void end(struct sim_device *device, bool power)
{
    if (device->sock != NULL && power)
        sim_vanish(device->sock);
    else if (device->sock != NULL)
        sim_close(device->sock);
    forget_connection(device);
    sim_cancel(events_of(device), &device->raw->retry);
    device->raw->state = SIM_RAW_DOWN;
}

static void publish(struct sim_device *device, uint32_t number)
{
    device->fate[number - 1] = SIM_MESSAGE_QUEUED; /* its own memory has it */
    sim_raw_pump(device);
}

static bool is_open(const struct sim_device *device)
{
    return device->raw->state == SIM_RAW_OPEN;
}

static void drop(struct sim_device *device)
{
    static const uint8_t normal[2] = {1000 >> 8, 1000 & 255};

    if (device->raw->state != SIM_RAW_OPEN)
        return;
    if (sim_percent(&device->rng, 50))
        sim_raw_write(device, HF_WS_OP_CLOSE, normal, sizeof(normal));
    lost(device, "its own wish", 0);
}

static void calm(struct sim_device *device)
{
    if (device->raw->forgot) /* on a new connection it comes again */
        drop(device);
}

static void raw_free(struct sim_device *device)
{
    free(device->raw->out);
    free(device->raw);
}

const struct sim_device_ops sim_raw_ops = {.begin = begin,
                                           .end = end,
                                           .publish = publish,
                                           .is_open = is_open,
                                           .drop = drop,
                                           .calm = calm,
                                           .free = raw_free};
