/* core/hub_session_testkit.h - devices of holdfast.v1 on the hub of hub_testkit.h: what each was told, by number, and a device that keeps its positions. */
#ifndef HF_CORE_HUB_SESSION_TESTKIT_H
#define HF_CORE_HUB_SESSION_TESTKIT_H

#include "core/hub_testkit.h"
#include "core/kvkey.h"

enum { SK_SEEN = 256 };

struct sk_seen {
    uint64_t seq, to; /* to: of a gap; 0 = a message */
    uint16_t reason;
    uint8_t kind;
    uint32_t tag;
};

struct sk_device { /* what outlives its connections */
    const char *name;
    uint8_t session_id[16];
    uint64_t position; /* downlink, durably */
    uint64_t queue_id, first, next;
    uint32_t window_messages, uplink_window_messages;
    /* of the connection */
    unsigned index, welcomes, seen_count;
    bool gaps_fail, no_documents;
    struct hf_session_opened opened;
    struct sk_seen seen[SK_SEEN];
};

static struct sk_device *sk_by_conn[TK_CONNS];

static struct sk_device *sk_of(struct hf_devconn *devconn)
{
    struct tk_conn *conn = tk_conn_of(devconn);

    return sk_by_conn[conn - conn->tk->conns];
}

static void sk_welcome(struct hf_devconn *devconn, const struct hf_session_opened *opened)
{
    struct sk_device *device = sk_of(devconn);

    device->opened = *opened;
    device->welcomes++;
    memcpy(device->session_id, opened->session_id, 16);
    if (opened->result != HF_SESSION_RESUMED)
        device->position = 0;
    if (opened->uplink_durable >= device->first)
        device->first = opened->uplink_durable + 1;
}

static hf_err sk_gap(struct hf_devconn *devconn, uint64_t from, uint64_t to, enum hf_reason reason)
{
    struct sk_device *device = sk_of(devconn);

    if (device->gaps_fail)
        return HF_ERR_LIMIT;
    HF_ASSERT(device->seen_count < SK_SEEN && from <= to);
    device->seen[device->seen_count++] = (struct sk_seen){.seq = from, .to = to, .reason = (uint16_t)reason};
    return HF_OK;
}

static hf_err sk_write(struct hf_devconn *devconn, const struct hf_outgoing *outgoing)
{
    struct sk_device *device = sk_of(devconn);
    hf_err err = tk_write(devconn, outgoing);

    if (err != HF_OK || outgoing->seq == 0)
        return err;
    HF_ASSERT(device->seen_count < SK_SEEN);
    struct sk_seen *seen = &device->seen[device->seen_count++];
    *seen = (struct sk_seen){.seq = outgoing->seq, .kind = (uint8_t)outgoing->kind};
    memcpy(&seen->tag, outgoing->payload.at, HF_MIN(outgoing->payload.bytes, sizeof(seen->tag)));
    return HF_OK;
}

static bool sk_takes_document(const struct hf_devconn *devconn, struct hf_slice name)
{
    const struct tk_conn *conn = tk_conn_of(devconn);

    (void)name;
    return !sk_by_conn[conn - conn->tk->conns]->no_documents;
}

static const struct hf_devconn_ops sk_ops = {
    .encode = tk_encode,
    .write_shared = tk_write_shared,
    .write = sk_write,
    .flush = tk_flush,
    .queued_bytes = tk_queued,
    .close = tk_close,
    .describe = tk_describe,
    .welcome = sk_welcome,
    .gap = sk_gap,
    .takes_document = sk_takes_document,
};

static inline struct sk_device sk_device(const char *name)
{
    return (struct sk_device){.name = name,
                              .queue_id = 77,
                              .first = 1,
                              .next = 1,
                              .window_messages = 256,
                              .uplink_window_messages = 256};
}

static inline hf_err sk_connect(struct tk *tk, unsigned index, struct sk_device *device,
                                enum hf_reason *ret_reason)
{
    struct tk_conn *conn = &tk->conns[index];
    struct hf_session_hello hello = {
        .downlink_position = device->position,
        .queue_id = device->queue_id,
        .uplink_first = device->first,
        .uplink_next = device->next,
        .window_messages = device->window_messages,
        .window_bytes = 1 << 20,
        .uplink_window_messages = device->uplink_window_messages,
        .uplink_window_bytes = 1 << 20,
        .resume_ms = 300000,
    };
    struct hf_hub_connect connect = {.tenant = &tk->tenant,
                                     .device = hf_slice_of(device->name),
                                     .protocol = HF_SLICE("holdfast.v1"),
                                     .hello = &hello};

    memcpy(hello.session_id, device->session_id, 16);
    HF_ASSERT(!conn->open);
    *conn = (struct tk_conn){.tk = tk, .dev = {.ops = &sk_ops, .conn_id = ++tk->next_id, .variant = 2}};
    conn->open = true;
    device->index = index;
    device->seen_count = device->welcomes = 0;
    sk_by_conn[index] = device;
    hf_err err = hf_hub_connect(&tk->hub, &conn->dev, &connect, ret_reason);
    conn->open = err == HF_OK;
    return err;
}

/* Connected and greeted. */
static inline void sk_open(struct tk *tk, unsigned index, struct sk_device *device)
{
    enum hf_reason reason = HF_REASON_NONE;

    assert_int_equal(sk_connect(tk, index, device, &reason), HF_OK);
    assert_int_equal(device->welcomes, 0); /* never before its record is durable */
    tk_run(tk);
    assert_int_equal(device->welcomes, 1);
}

/* The device stores what it was told up to `through` and says so. */
static inline enum hf_session_verdict sk_ack(struct tk *tk, struct sk_device *device, uint64_t through)
{
    struct hf_frame_ack ack = {.received_through = (uint32_t)through,
                               .durable_through = (uint32_t)through,
                               .window_messages = (uint16_t)device->window_messages,
                               .window_bytes = 1 << 20};

    device->position = HF_MAX(device->position, through);
    return hf_hub_session_ack(&tk->hub, &tk->conns[device->index].dev, &ack);
}

static inline enum hf_session_verdict sk_message(struct tk *tk, struct sk_device *device, uint64_t seq)
{
    char payload[8];
    struct hf_incoming incoming = {
        .topic = HF_SLICE("t"), .payload = {payload, sizeof(payload)}, .made_ms = 5};
    uint32_t wait_ms = 0;

    memcpy(payload, &seq, sizeof(seq));
    if (seq >= device->next)
        device->next = seq + 1;
    return hf_hub_session_message(&tk->hub, &tk->conns[device->index].dev, (uint32_t)seq, &incoming,
                                  (struct hf_slice){payload, sizeof(payload)}, &wait_ms);
}

/* ---- rows of tests ---- */

static inline int sk_setup(void **state)
{
    *state = tk_new();
    return *state == NULL;
}

static inline int sk_teardown(void **state)
{
    struct tk *tk = *state;

    tk_check_books(tk);
    tk_free(tk);
    return 0;
}

static inline const struct tk_reply *sk_send(struct tk *tk, struct tk_send *send)
{
    static struct tk_reply replies[256];
    static unsigned next;
    struct tk_reply *reply = &replies[next++ % HF_COUNT_OF(replies)];

    assert_true(tk_send(tk, send, reply));
    return reply;
}

static inline void sk_send_command(struct tk *tk, const char *device, uint32_t tag, uint8_t ret_id[16])
{
    struct tk_send call = {.device = device, .name = "unlock", .class = HF_CLASS_COMMAND, .tag = tag};

    (void)sk_send(tk, &call);
    memcpy(ret_id, call.id, 16);
}

static inline void sk_send_message(struct tk *tk, const char *device, uint32_t tag, uint64_t ttl_ms)
{
    struct tk_send call = {.device = device, .name = "t", .tag = tag, .ttl_ms = ttl_ms};

    (void)sk_send(tk, &call);
}

static inline void sk_expect(const struct sk_device *device, unsigned at, uint64_t seq, uint32_t tag)
{
    assert_true(at < device->seen_count);
    assert_int_equal(device->seen[at].to, 0);
    assert_int_equal(device->seen[at].seq, seq);
    assert_int_equal(device->seen[at].tag, tag);
}

static inline void sk_expect_gap(const struct sk_device *device, unsigned at, uint64_t from, uint64_t to,
                                 enum hf_reason reason)
{
    assert_true(at < device->seen_count);
    assert_int_equal(device->seen[at].seq, from);
    assert_int_equal(device->seen[at].to, to);
    assert_int_equal(device->seen[at].reason, reason);
}

static inline struct hf_device_row sk_row(struct tk *tk, const char *name)
{
    struct hf_kv_txn *txn;
    struct hf_kvkey key;
    struct hf_slice value;
    struct hf_device_row row;

    assert_int_equal(hf_kvkey_device(&key, tk->tenant.name, hf_slice_of(name)), HF_OK);
    assert_int_equal(hf_kv_read(tk->kv, &txn), HF_OK);
    assert_int_equal(hf_kv_get(txn, HF_KV_DEVICES, hf_kvkey_slice(&key), &value), HF_OK);
    assert_int_equal(hf_device_row_decode(value, &row), HF_OK);
    hf_kv_end(txn);
    return row;
}

#endif
