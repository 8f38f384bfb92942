/* The public client against a door of the test's own on loopback: real sockets, real bytes by the codecs, one thread, and a clock that only moves when nothing else does. The door answers
 * HELLO with WELCOME, messages with durable acknowledgements and PING with PONG, unless it is told not to. */
#ifndef HF_CLIENT_DRIVER_TESTKIT_H
#define HF_CLIENT_DRIVER_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <holdfast/holdfast.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/sb.h"
#include "codec/http1/request.h"
#include "codec/session/binary.h"
#include "codec/ws/assembly.h"
#include "codec/ws/close.h"
#include "codec/ws/frame.h"
#include "codec/ws/handshake.h"

enum { DOOR_IN = 64 << 10, DOOR_PATIENCE_S = 30, DOOR_STEP_MS = 100 };

struct door {
    int listener, fd;
    uint16_t port;
    SSL_CTX *tls; /* NULL = plain */
    SSL *ssl;
    bool shaken;
    char head[DOOR_IN]; /* of the request */
    size_t head_bytes;
    bool upgraded, deaf; /* deaf: answers no PING */
    bool no_ack;
    const char *refuse; /* an HTTP answer in place of 101, once */
    struct hf_ws_decoder decoder;
    struct hf_ws_assembly *message;
    struct hf_frame_welcome welcome;
    uint64_t received; /* highest sequence */
    /* what was seen */
    unsigned connections, hellos, messages, results, byes, closes;
    uint64_t payload_bytes;
    char last[64], request[2048];
};

static void *door_resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    (void)old_bytes;
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

static const struct hf_ws_config door_ws = {.role = HF_WS_SERVER,
                                            .message_bytes_max = 8 << 20,
                                            .fragments_max = 64,
                                            .memory = {.resize = door_resize}};

static inline void door_init(struct door *door)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);

    *door = (struct door){.fd = -1,
                          .listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                          .welcome = {.version = 1,
                                      .profile = HF_PROFILE_ADAPTIVE,
                                      .k = 3,
                                      .session_id = {1},
                                      .epoch = 1,
                                      .connection_id = 0xabc,
                                      .downlink_next = 1,
                                      .window_messages = 256,
                                      .window_bytes = 1 << 20,
                                      .message_bytes_max = 4 << 20,
                                      .rate = 1000000,
                                      .interval_ms = 5000,
                                      .resume_ms = 300000,
                                      .durability = 1,
                                      .node = HF_SLICE("door")}};
    assert_int_equal(bind(door->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(door->listener, 8), 0);
    assert_int_equal(getsockname(door->listener, (struct sockaddr *)&address, &bytes), 0);
    door->port = ntohs(address.sin_port);
}

/* reset: with a RST. */
static inline void door_drop(struct door *door, bool reset)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};

    if (door->fd >= 0 && reset)
        (void)setsockopt(door->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    SSL_free(door->ssl);
    door->ssl = NULL;
    if (door->fd >= 0)
        (void)close(door->fd);
    door->fd = -1;
    hf_ws_assembly_clear(&door->message, &door_ws.memory);
    if (door->decoder.config != NULL)
        hf_ws_decoder_deinit(&door->decoder);
    door->upgraded = door->shaken = false;
    door->head_bytes = 0;
}

static inline void door_deinit(struct door *door)
{
    door_drop(door, false);
    SSL_CTX_free(door->tls);
    if (door->listener >= 0)
        (void)close(door->listener);
}

static inline void door_write(struct door *door, const void *data, size_t bytes)
{
    const char *at = data;

    while (bytes > 0) {
        struct pollfd fd = {.fd = door->fd, .events = POLLOUT};
        ssize_t sent = door->ssl != NULL ? SSL_write(door->ssl, at, (int)bytes)
                                         : send(door->fd, at, bytes, MSG_NOSIGNAL);

        if (sent > 0) {
            at += sent;
            bytes -= (size_t)sent;
        } else if (poll(&fd, 1, 1000) != 1) {
            return;
        }
    }
}

static inline void door_ws_write(struct door *door, enum hf_ws_opcode opcode, const void *payload,
                                 size_t bytes)
{
    uint8_t *whole = malloc(HF_WS_HEAD_BYTES_MAX + bytes);
    size_t head = hf_ws_encode_head(whole, opcode, HF_WS_FIN, bytes, NULL);

    if (bytes > 0)
        memcpy(whole + head, payload, bytes);
    door_write(door, whole, head + bytes);
    free(whole);
}

static inline void door_send(struct door *door, const struct hf_frame *frame)
{
    size_t bytes = hf_frame_bytes(frame);
    uint8_t *encoded = malloc(bytes);

    (void)hf_frame_encode(frame, encoded);
    door_ws_write(door, HF_WS_OP_BINARY, encoded, bytes);
    free(encoded);
}

static inline void door_ack(struct door *door)
{
    const struct hf_frame ack = {.type = HF_FRAME_ACK,
                                 .as.ack = {.received_through = (uint32_t)door->received,
                                            .durable_through = (uint32_t)door->received,
                                            .window_messages = 256,
                                            .window_bytes = 1 << 20}};

    door_send(door, &ack);
}

static inline void door_command(struct door *door, uint32_t seq, const char *name)
{
    const struct hf_frame frame = {.type = HF_FRAME_COMMAND,
                                   .as.command = {.seq = seq,
                                                  .id = {9, (uint8_t)seq},
                                                  .key = HF_SLICE("k"),
                                                  .name = hf_slice_of(name),
                                                  .payload = HF_SLICE("{}"),
                                                  .format = 1,
                                                  .text = true}};

    door_send(door, &frame);
}

static inline void door_frame(struct door *door, const struct hf_frame *frame)
{
    struct hf_frame answer = {.type = HF_FRAME_WELCOME};
    struct hf_slice payload =
        frame->type == HF_FRAME_DATA ? frame->as.data.payload : frame->as.result.payload;

    switch (frame->type) {
    case HF_FRAME_HELLO:
        door->hellos++;
        door->welcome.uplink_received = door->welcome.uplink_durable = door->received;
        door->welcome.result = frame->as.hello.session_id[0] == door->welcome.session_id[0]
                                   ? HF_SESSION_RESUMED
                                   : HF_SESSION_NEW;
        door->welcome.downlink_next =
            door->welcome.result == HF_SESSION_RESUMED ? frame->as.hello.downlink_position + 1 : 1;
        answer.as.welcome = door->welcome;
        door_send(door, &answer);
        break;
    case HF_FRAME_DATA:
    case HF_FRAME_RESULT:
        door->received =
            HF_MAX(door->received, frame->type == HF_FRAME_DATA ? frame->as.data.seq : frame->as.result.seq);
        door->messages += frame->type == HF_FRAME_DATA;
        door->results += frame->type == HF_FRAME_RESULT;
        door->payload_bytes += payload.bytes;
        (void)snprintf(door->last, sizeof(door->last), "%.*s", (int)HF_MIN(payload.bytes, 40), payload.at);
        break;
    case HF_FRAME_PING:
        answer = *frame;
        answer.type = HF_FRAME_PONG;
        door_send(door, &answer);
        break;
    case HF_FRAME_BYE: door->byes++; break;
    default: break;
    }
}

static inline void door_message(struct door *door, const uint8_t *at, size_t bytes)
{
    uint64_t before = door->received;

    while (bytes > 0) {
        struct hf_frame frame;
        size_t taken = 0;

        assert_int_equal(hf_frame_decode(at, bytes, 8 << 20, &taken, &frame), HF_OK);
        if (!door->deaf || frame.type != HF_FRAME_PING)
            door_frame(door, &frame);
        at += taken;
        bytes -= taken;
    }
    if (door->received > before && !door->no_ack)
        door_ack(door);
}

static inline void door_upgrade(struct door *door)
{
    static const char *const protocols[] = {"holdfast.v1"};
    struct hf_http1_request request;
    struct hf_ws_upgrade upgrade;
    size_t head_bytes = 0;
    char answer[512];
    struct hf_sb sb;

    if (hf_http1_parse_head(door->head, door->head_bytes, NULL, NULL, &request, &head_bytes) != HF_OK)
        return;
    (void)snprintf(door->request, sizeof(door->request), "%.*s", (int)head_bytes, door->head);
    if (door->refuse != NULL) {
        door_write(door, door->refuse, strlen(door->refuse));
        door->refuse = NULL;
        door_drop(door, false);
        return;
    }
    hf_ws_upgrade_init(&upgrade, protocols, 1, NULL);
    for (size_t i = 0; i < request.header_count; i++)
        hf_ws_upgrade_field(&upgrade, request.headers[i].name, request.headers[i].value);
    assert_int_equal(hf_ws_upgrade_check(&upgrade, request.method_text, true), HF_WS_REFUSAL_NONE);
    hf_sb_init(&sb, answer, sizeof(answer));
    assert_int_equal(hf_ws_upgrade_write_accept(&upgrade, HF_SLICE(""), &sb), HF_OK);
    hf_ws_decoder_init(&door->decoder, &door_ws, false);
    door->upgraded = true;
    door_write(door, sb.at, sb.bytes);
}

static inline void door_bytes(struct door *door, uint8_t *at, size_t bytes)
{
    size_t taken;

    if (!door->upgraded) {
        assert_true(door->head_bytes + bytes <= sizeof(door->head));
        memcpy(door->head + door->head_bytes, at, bytes);
        door->head_bytes += bytes;
        door_upgrade(door);
        return;
    }
    for (; bytes > 0 && door->fd >= 0; at += taken, bytes -= taken) {
        struct hf_ws_event event;

        assert_int_equal(hf_ws_decoder_feed(&door->decoder, at, bytes, &taken, &event), HF_OK);
        if (event.type == HF_WS_CLOSE) {
            uint8_t payload[HF_WS_CLOSE_PAYLOAD_BYTES_MAX];

            door->closes++;
            door_ws_write(door, HF_WS_OP_CLOSE, payload,
                          hf_ws_close_payload(payload, event.code, HF_SLICE("")));
            door_drop(door, false);
            return;
        }
        if (event.type != HF_WS_PART)
            continue;
        assert_int_equal(
            hf_ws_assembly_add(&door->message, &door_ws.memory, 8 << 20, event.slice, event.slice_bytes),
            HF_OK);
        if (event.last) {
            struct hf_ws_assembly *whole = door->message;

            door->message = NULL;
            door_message(door, whole->data, whole->bytes);
            hf_ws_assembly_clear(&whole, &door_ws.memory);
        }
    }
}

/* All there is to do now; true when there was something. */
static inline bool door_turn(struct door *door)
{
    static uint8_t in[16384];
    bool any = false;

    while (door->fd < 0) { /* one at a time: others wait in the backlog */
        door->fd = accept4(door->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (door->fd < 0)
            return any;
        door->connections++;
        any = true;
        if (door->tls != NULL) {
            door->ssl = SSL_new(door->tls);
            (void)SSL_set_fd(door->ssl, door->fd);
        }
    }
    if (door->ssl != NULL && !door->shaken) {
        int result = SSL_accept(door->ssl);

        if (result != 1) {
            int error = SSL_get_error(door->ssl, result);

            if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
                door_drop(door, false);
            return any;
        }
        door->shaken = true;
    }
    while (door->fd >= 0) {
        ssize_t got =
            door->ssl != NULL ? SSL_read(door->ssl, in, sizeof(in)) : recv(door->fd, in, sizeof(in), 0);

        if (got > 0) {
            any = true;
            door_bytes(door, in, (size_t)got);
            continue;
        }
        if (door->ssl != NULL ? SSL_get_error(door->ssl, (int)got) != SSL_ERROR_WANT_READ
                              : got == 0 || errno != EAGAIN)
            door_drop(door, false);
        break;
    }
    return any;
}

/* ---- the device ---- */

struct device {
    struct door door;
    struct hf_client *client;
    struct hf_client_options options;
    char url[64];
    _Atomic uint64_t now_ms; /* of the clock */
    atomic_uint queued, refused, sent, failed, opened, closed, gone, acknowledged, commands;
    int last_failure, last_code, last_error, last_ack;
    uint64_t last_retry_ms;
    char last_text[128];
    struct hf_client_open last_open; /* its numbers */
    uint64_t handle;
    int answer;
    atomic_llong live_bytes, peak_bytes;
    atomic_uint allocations, fail_at;
    unsigned tokens, fresh_tokens;
};

static uint64_t device_now(void *user)
{
    return atomic_load(&((struct device *)user)->now_ms);
}

/* Goes on by one each time it is read. */
static inline uint64_t device_ticking(void *user)
{
    return atomic_fetch_add(&((struct device *)user)->now_ms, 1);
}

static void device_on_open(void *user, const struct hf_client_open *open)
{
    struct device *device = user;

    assert_string_equal(open->connection, "c_0000000000000abc");
    assert_string_equal(open->node, "door");
    device->last_open = *open;
    device->opened++;
}

static void device_on_close(void *user, const struct hf_client_close *close)
{
    struct device *device = user;

    device->last_failure = close->failure;
    device->last_retry_ms = close->retry_ms;
    (void)snprintf(device->last_text, sizeof(device->last_text), "%s", close->text);
    device->last_code = close->code;
    device->closed++;
    device->gone += !close->retry;
}

static int device_on_command(void *user, const struct hf_client_incoming *command,
                             struct hf_client_reply *reply)
{
    struct device *device = user;

    assert_string_equal(command->key, "k");
    assert_int_equal(strlen(command->id), 36);
    device->handle = command->handle;
    device->commands++;
    reply->payload = "done";
    reply->payload_bytes = 4;
    return device->answer;
}

static void device_on_sent(void *user, uint64_t id)
{
    (void)id;
    ((struct device *)user)->sent++;
}

static void device_on_failed(void *user, uint64_t id, const char *reason)
{
    (void)id;
    (void)reason;
    ((struct device *)user)->failed++;
}

static void device_on_done(void *user, void *cookie, uint64_t id, int err)
{
    struct device *device = user;

    (void)cookie;
    (void)id;
    device->last_error = err;
    if (err == HOLDFAST_OK)
        device->queued++;
    else
        device->refused++;
}

static void device_on_acknowledged(void *user, uint64_t handle, int err)
{
    struct device *device = user;

    (void)handle;
    device->last_ack = err;
    device->acknowledged++;
}

/* Counts, and can refuse. */
static void *device_resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    struct device *device = user;
    long long live, peak;
    void *grown = NULL;

    if (new_bytes > 0) {
        if (atomic_fetch_add(&device->allocations, 1) + 1 == atomic_load(&device->fail_at))
            return NULL;
        grown = realloc(old, new_bytes);
        assert_non_null(grown);
    } else {
        free(old);
    }
    live = atomic_fetch_add(&device->live_bytes, (long long)new_bytes - (long long)old_bytes) +
           (long long)new_bytes - (long long)old_bytes;
    peak = atomic_load(&device->peak_bytes);
    while (live > peak && !atomic_compare_exchange_weak(&device->peak_bytes, &peak, live))
        continue;
    return grown;
}

static inline void device_init(struct device *device)
{
    memset(device, 0, sizeof(*device));
    door_init(&device->door);
    (void)snprintf(device->url, sizeof(device->url), "ws://127.0.0.1:%u", device->door.port);
    device->now_ms = 1000000;
    device->options = (struct hf_client_options)HOLDFAST_OPTIONS_INIT;
    device->options.url = device->url;
    device->options.device = "bike:7";
    device->options.user = device;
    device->options.resize = device_resize;
    device->options.monotonic_ms = device_now;
    device->options.on_open = device_on_open;
    device->options.on_close = device_on_close;
    device->options.on_command = device_on_command;
    device->options.on_sent = device_on_sent;
    device->options.on_failed = device_on_failed;
    device->options.on_acknowledged = device_on_acknowledged;
}

static inline void device_open(struct device *device)
{
    char error[256] = "";

    if (hf_client_new(&device->options, &device->client, error, sizeof(error)) != HOLDFAST_OK)
        fail_msg("%s", error);
}

static inline void device_deinit(struct device *device)
{
    hf_client_free(device->client);
    door_deinit(&device->door);
    assert_int_equal(atomic_load(&device->live_bytes), 0);
}

/* Turns of both until there is nothing to do at this time; true when there was something. */
static inline bool device_settle(struct device *device)
{
    bool any = false, more = true;

    while (more) {
        struct pollfd fd = {.fd = hf_client_fd(device->client), .events = POLLIN};

        more = door_turn(&device->door);
        if (poll(&fd, 1, 0) > 0 || hf_client_timeout_ms(device->client) == 0) {
            more = true;
            (void)hf_client_step(device->client);
        }
        any |= more;
    }
    return any;
}

/* Until *counter has reached count. When both sides have nothing to do the clock moves to what is due next, in steps: on a busy machine loopback takes its time. */
static inline void device_until(struct device *device, atomic_uint *counter, unsigned count)
{
    time_t end = time(NULL) + DOOR_PATIENCE_S;

    while (atomic_load(counter) < count) {
        struct pollfd fds[3] = {{.fd = hf_client_fd(device->client), .events = POLLIN},
                                {.fd = device->door.listener, .events = POLLIN},
                                {.fd = device->door.fd, .events = POLLIN}};
        int timeout_ms;

        if (time(NULL) > end)
            fail_msg("nothing came of it within %d s", DOOR_PATIENCE_S);
        if (device_settle(device) || atomic_load(counter) >= count)
            continue;
        timeout_ms = hf_client_timeout_ms(device->client);
        if (device->door.fd >= 0)
            fds[1].fd = -1;
        if (poll(fds, 3, timeout_ms < 0 ? 100 : 2) == 0 && timeout_ms > 0)
            device->now_ms += (unsigned)HF_MIN(timeout_ms, DOOR_STEP_MS);
    }
}

static inline int device_publish(struct device *device, const char *payload)
{
    struct hf_client_publication publication = HOLDFAST_PUBLICATION_INIT;

    publication.class = HOLDFAST_MESSAGE;
    publication.topic = "t";
    publication.payload = payload;
    publication.payload_bytes = strlen(payload);
    publication.on_done = device_on_done;
    return hf_client_publish(device->client, &publication);
}

#endif
