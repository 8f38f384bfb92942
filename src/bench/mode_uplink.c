/* bench/mode_uplink.c - device messages until their durable acknowledgement, in raw WebSocket:
 *   up    {"type":"data","topic":"bench","id":"<connection>-<number>","payload":{...}}  padded to --payload bytes
 *   down  {"type":"ack","id":"<connection>-<number>","offset":N}
 * with --shadow as reports to the shadow, each a change of a value:
 *   up    {"type":"data","topic":"$shadow/update","id":"<connection>-<number>","payload":{"reported":{"n":<number>,"fill":".."}}}
 *   down  {"type":"ack","id":"<connection>-<number>","version":N}
 * or, with --protocol holdfast.v1, as numbered DATA frames whose ACK says durable. The gateway acknowledges after fsync. An answer with our id that is no ack is a refusal. Offsets, or
 * versions, of one connection must grow. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "bench/mark.h"
#include "bench/pace.h"
#include "bench/session.h"

static const char id_key[] = "\"id\":\"", ack_type[] = "\"type\":\"ack\"",
                  offset_key[] = "\"offset\":", version_key[] = "\"version\":";

static hf_err send_one(struct hf_bench_conn *conn, uint64_t number)
{
    if (hf_bench_session_is_on(conn->net->config))
        return hf_bench_session_send(conn, number);
    bool shadow = conn->net->config->shadow;
    struct hf_slice end = shadow ? HF_SLICE("\"}}}") : HF_SLICE("\"}}");
    char text[HF_BENCH_PAYLOAD_BYTES_MAX];
    size_t bytes = conn->net->config->payload_bytes;
    size_t used = (size_t)snprintf(text, sizeof(text),
                                   "{\"type\":\"data\",\"topic\":\"%s\",\"id\":\"%" PRIu32 "-%" PRIu64
                                   "\",\"payload\":{",
                                   shadow ? "$shadow/update" : "bench", conn->index, number);
    if (shadow)
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, "\"reported\":{\"n\":%" PRIu64 ",", number);
    used += (size_t)snprintf(text + used, sizeof(text) - used, "\"fill\":\"");
    size_t fill = bytes > used + end.bytes ? bytes - used - end.bytes : 0;

    memset(text + used, 'x', fill);
    memcpy(text + used + fill, end.at, end.bytes);
    return hf_bench_conn_send(conn, HF_WS_OP_TEXT, text, used + fill + end.bytes);
}

static bool start(struct hf_bench_worker *worker)
{
    return hf_bench_pace_start(worker, send_one);
}

static void tick(struct hf_bench_worker *worker, uint64_t now_ns)
{
    hf_bench_pace_tick(worker, now_ns, send_one);
}

static void send_owed(struct hf_bench_conn *conn, uint64_t now_ns)
{
    (void)now_ns;
    hf_bench_pace_send(conn, send_one);
}

static bool offset_grows(struct hf_bench_conn *conn, const char *text, size_t bytes)
{
    const char *key = conn->net->config->shadow ? version_key : offset_key;
    size_t key_bytes = strlen(key);
    const char *end = text + bytes, *at = memmem(text, bytes, key, key_bytes);
    uint64_t offset;

    if (at == NULL)
        return false;
    at += key_bytes;
    size_t digits = 0;

    while (at + digits < end && at[digits] >= '0' && at[digits] <= '9')
        digits++;
    if (!hf_slice_to_u64((struct hf_slice){at, digits}, &offset))
        return false;
    bool grows = offset >= conn->offset_min;

    conn->offset_min = offset + 1;
    return grows;
}

static void message(struct hf_bench_conn *conn, const uint8_t *data, size_t bytes, uint64_t now_ns)
{
    struct hf_bench_result *result = conn->net->result;
    const char *text = (const char *)data;
    uint64_t index, number;

    if (!hf_bench_mark_read(text, bytes, id_key, &index, &number)) {
        result->foreign++;
        return;
    }
    if (index != conn->index) {
        result->corrupt++; /* an answer meant for another connection */
        return;
    }
    if (memmem(text, bytes, ack_type, sizeof(ack_type) - 1) == NULL) {
        result->refused++;
        hf_bench_pace_refused(conn, number, now_ns, send_one);
        return;
    }
    if (!offset_grows(conn, text, bytes))
        result->corrupt++;
    hf_bench_pace_answered(conn, number, now_ns, send_one);
}

static void acked(struct hf_bench_conn *conn, uint64_t number, uint64_t now_ns)
{
    hf_bench_pace_answered(conn, number, now_ns, send_one);
}

const struct hf_bench_mode_ops hf_bench_mode_uplink = {
    .hold_open = true,
    .start = start,
    .tick = tick,
    .due_ns = hf_bench_pace_due_ns,
    .send = send_owed,
    .message = message,
    .acked = acked,
    .drained = hf_bench_pace_drained,
    .finish = hf_bench_pace_finish,
};
