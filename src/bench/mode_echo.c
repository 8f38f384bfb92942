/* bench/mode_echo.c - messages that come back. Payload: 8 bytes number, 4 bytes connection, then a pattern that
 * depends on both; shorter payloads hold the beginning of that. With --blind or --raw-tcp only the count of bytes is
 * checked, and answers are taken to come in order. */
#include <string.h>

#include "bench/pace.h"

#include "base/bytes.h"

enum { NUMBER_BYTES = 8, HEAD_BYTES = 12 };

static void payload_fill(uint8_t *out, size_t bytes, uint32_t index, uint64_t number)
{
    uint8_t head[HEAD_BYTES];

    hf_put_u64(head, number);
    hf_put_u32(head + NUMBER_BYTES, index);
    memcpy(out, head, HF_MIN(bytes, (size_t)HEAD_BYTES));
    if (bytes > HEAD_BYTES)
        memset(out + HEAD_BYTES, (int)('a' + (number + index) % 26), bytes - HEAD_BYTES);
}

static hf_err send_one(struct hf_bench_conn *conn, uint64_t number)
{
    uint8_t payload[HF_BENCH_PAYLOAD_BYTES_MAX];
    size_t bytes = conn->net->config->payload_bytes;

    payload_fill(payload, bytes, conn->index, number);
    return hf_bench_conn_send(conn, HF_WS_OP_BINARY, payload, bytes);
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

/* A stream of constant-sized answers: bytes are counted, answers are what they complete. */
static void message_raw(struct hf_bench_conn *conn, size_t bytes, uint64_t now_ns)
{
    size_t payload_bytes = conn->net->config->payload_bytes;

    conn->raw_bytes += bytes;
    for (; conn->raw_bytes >= payload_bytes; conn->raw_bytes -= payload_bytes)
        hf_bench_pace_answered(conn, conn->sequence.next, now_ns, send_one);
}

static void message(struct hf_bench_conn *conn, const uint8_t *data, size_t bytes, uint64_t now_ns)
{
    const struct hf_bench_config *config = conn->net->config;
    uint8_t want[HF_BENCH_PAYLOAD_BYTES_MAX];

    if (config->raw_tcp) {
        message_raw(conn, bytes, now_ns);
        return;
    }
    uint64_t number = conn->sequence.next;

    if (bytes != config->payload_bytes) {
        conn->net->result->corrupt++;
        return;
    }
    if (!config->blind && bytes > 0) {
        if (bytes >= NUMBER_BYTES)
            number = hf_get_u64(data);
        payload_fill(want, bytes, conn->index, number);
        if (memcmp(want, data, bytes) != 0) {
            conn->net->result->corrupt++;
            return;
        }
    }
    hf_bench_pace_answered(conn, number, now_ns, send_one);
}

const struct hf_bench_mode_ops hf_bench_mode_echo = {
    .hold_open = true,
    .start = start,
    .tick = tick,
    .due_ns = hf_bench_pace_due_ns,
    .send = send_owed,
    .message = message,
    .drained = hf_bench_pace_drained,
    .finish = hf_bench_pace_finish,
};
