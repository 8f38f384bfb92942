/* adapter/ws/session_in.c - what a device of holdfast.v1 says: the frames of one WebSocket message, each judged by type, direction and state, and given to
 * the hub. A numbered frame that cannot be taken now (the device's rate, or the log) waits with all that stands behind it: hold.c.
 * What came early is kept by core as it was sent, and decoded again when it is in turn. */
#include "adapter/ws/session.h"

#include <stdlib.h>

#include "codec/session/binary.h"
#include "codec/session/json.h"
#include "core/session/serial.h"
#include "core/topic.h"

enum { SMALL_BYTES_MAX = 4096 }; /* of JSON: unescaped on the stack */

enum outcome {
    TAKEN,
    WAIT, /* offer it again in wait_ms; 0 = when the log says so */
    GONE, /* closed, or moved to its home */
};

struct input { /* one message */
    struct hf_ws_conn *conn;
    struct hf_slice left;  /* from the present frame on */
    struct hf_slice whole; /* the present frame, as it was sent */
    const uint8_t *rest;   /* what came behind the message */
    size_t rest_bytes;
    uint32_t wait_ms;
    bool kept;        /* by core, until it was in turn: seen before */
    bool not_as_said; /* its payload is no JSON, or no text, and claims to be */
    bool moved;
};

static enum outcome close_for(struct hf_ws_conn *conn, enum hf_reason reason)
{
    hf_ws_close(conn, reason, 0, (struct hf_slice){NULL, 0});
    return GONE;
}

static enum outcome broken(struct hf_ws_conn *conn)
{
    return close_for(conn, HF_REASON_SESSION_BROKEN);
}

static enum outcome alive(const struct hf_ws_conn *conn)
{
    return conn->state <= HF_WS_STATE_OPEN ? TAKEN : GONE;
}

/* ---- the numbered ones ---- */

static enum outcome obey(struct input *in, enum hf_session_verdict verdict, uint32_t seq)
{
    switch (verdict) {
    case HF_SESSION_VERDICT_OK:
    case HF_SESSION_VERDICT_EARLY:
    case HF_SESSION_VERDICT_DUPLICATE: break;
    case HF_SESSION_VERDICT_DENIED:
        in->conn->site->stats.denied++;
        hf_ws_session_refuse(in->conn, seq, HF_REASON_FORBIDDEN, "an access rule does not allow this topic");
        break;
    case HF_SESSION_VERDICT_UNMATCHED:
        hf_ws_session_refuse(in->conn, seq, HF_REASON_UNMATCHED,
                             "no command with this id waits for a result");
        break;
    case HF_SESSION_VERDICT_BUSY: in->wait_ms = HF_MAX(in->wait_ms, 1u); return WAIT;
    case HF_SESSION_VERDICT_BROKEN: return broken(in->conn);
    case HF_SESSION_VERDICT_FULL: return close_for(in->conn, HF_REASON_STORAGE_FULL);
    case HF_SESSION_VERDICT_UNTELLABLE:
        hf_ws_close(in->conn, HF_REASON_RATE_LIMIT, 0,
                    HF_SLICE("too many messages of the window were refused"));
        return GONE;
    }
    return alive(in->conn);
}

static bool log_keeps_up(const struct input *in) /* else WAIT, for no certain time */
{
    return in->conn->site->ops->may_take(in->conn->site->context);
}

/* Nothing that could become an event: its number is used up, or the device would send it for ever. */
static enum outcome refuse(struct input *in, uint32_t seq, const char *detail)
{
    struct hf_ws_conn *conn = in->conn;

    if (!log_keeps_up(in))
        return WAIT;
    enum hf_session_verdict verdict = hf_hub_session_refuse(conn->site->hub, &conn->dev, seq,
                                                            HF_REASON_BAD_REQUEST, in->whole, &in->wait_ms);
    if (verdict == HF_SESSION_VERDICT_OK)
        hf_ws_session_refuse(conn, seq, HF_REASON_BAD_REQUEST, detail);
    return obey(in, verdict, seq);
}

static uint32_t times_corrupt(struct hf_ws_conn *conn, uint32_t seq) /* this one counted in */
{
    struct hf_ws_corrupt_batch *known = conn->site->corrupt_batches, batch = {conn->dev.conn_id, seq, 1};
    unsigned at = 0;

    while (at < HF_WS_CORRUPT_BATCHES - 1 && (known[at].conn_id != batch.conn_id || known[at].seq != seq))
        at++;
    if (known[at].conn_id == batch.conn_id && known[at].seq == seq)
        batch.times = known[at].times + 1;
    memmove(&known[1], &known[0], at * sizeof(batch));
    known[0] = batch;
    return batch.times;
}

static bool in_turn(const struct hf_ws_conn *conn, uint32_t wire)
{
    const struct hf_receiver *up = &hf_devconn_session(&conn->dev)->up;
    uint64_t seq;

    return hf_serial_expand(up->expected, wire, &seq) && hf_receiver_offer(up, seq) == HF_RECEIVE_DELIVER;
}

/* Nothing of a batch that does not check is believed; it is asked for again as a frame would be (DLV-3). A batch that comes with the wrong CRC again and again
 * was damaged before it was sent, and would stand in the way of all behind it for ever: its number is used up, with this reason. One that is not in turn is not there: it
 * comes again when it is. Else three such batches in one window would end each connection before the first of them is given up, for ever. */
static enum outcome on_corrupt_batch(struct input *in, uint32_t seq)
{
    struct hf_ws_conn *conn = in->conn;

    if (!log_keeps_up(in) || !hf_hub_uplink_ready(conn->site->hub, &conn->dev, &in->wait_ms))
        return WAIT;
    conn->site->stats.samples_corrupt++;
    if (!in_turn(conn, seq))
        return alive(conn);
    if (!in->kept && times_corrupt(conn, seq) <= HF_WS_BATCH_ASKS_MAX) {
        if (hf_receiver_corrupt(&hf_devconn_session(&conn->dev)->up, conn->site->hub->now_ms))
            return close_for(conn, HF_REASON_CORRUPT);
        hf_ws_session_settle(&conn->dev);
        return alive(conn);
    }
    enum hf_session_verdict verdict =
        hf_hub_session_refuse(conn->site->hub, &conn->dev, seq, HF_REASON_CORRUPT, in->whole, &in->wait_ms);
    if (verdict == HF_SESSION_VERDICT_OK)
        hf_ws_session_refuse(conn, seq, HF_REASON_CORRUPT,
                             "the CRC of this batch of samples is wrong each time it comes");
    return obey(in, verdict, seq);
}

static enum outcome on_data(struct input *in, const struct hf_frame *frame)
{
    static const uint8_t none[16];
    const struct hf_frame_data *data = &frame->as.data;
    struct hf_ws_conn *conn = in->conn;
    bool text = data->text || data->format == HF_FORMAT_JSON;
    struct hf_samples samples;
    struct hf_incoming incoming = {
        .topic = data->topic.bytes > 0 ? data->topic : hf_ws_default_topic(conn),
        .payload = data->payload,
        .format = data->format,
        .flags = text ? HF_EVENT_FLAG_TEXT : 0,
        .id = memcmp(data->id, none, sizeof(none)) != 0 ? data->id : NULL,
        .made_ms = data->time_ms,
        .publish = true,
    };

    if (in->not_as_said || data->format > HF_FORMAT_SAMPLES)
        return refuse(in, data->seq, "the payload is not what its format or the text flag says");
    if (!hf_topic_valid(incoming.topic))
        return refuse(in, data->seq, "topic must be at most 256 bytes of text without + and #");
    if (data->format == HF_FORMAT_SAMPLES) {
        hf_err err = hf_samples_read(data->payload, &samples);

        if (err == HF_ERR_CORRUPT)
            return on_corrupt_batch(in, data->seq);
        if (err != HF_OK) {
            enum outcome outcome = refuse(
                in, data->seq, "this is no batch of samples: version, length, count, a value or a time");
            conn->site->stats.samples_malformed += outcome != WAIT;
            return outcome;
        }
        incoming.samples = &samples;
        incoming.rtt_us = hf_latency_synchronised(samples.uncertainty_us) ? 0 : hf_ws_session_rtt_us(conn);
    }
    if (!log_keeps_up(in))
        return WAIT;
    enum hf_session_verdict verdict =
        hf_hub_session_message(conn->site->hub, &conn->dev, data->seq, &incoming, in->whole, &in->wait_ms);
    if (verdict == HF_SESSION_VERDICT_OK)
        hf_ws_message_taken(conn, data->payload.bytes);
    return obey(in, verdict, data->seq);
}

static enum outcome on_result(struct input *in, const struct hf_frame *frame)
{
    const struct hf_frame_result *result = &frame->as.result;
    struct hf_ws_conn *conn = in->conn;

    if (in->not_as_said || result->format > HF_FORMAT_SAMPLES)
        return refuse(in, result->seq, "the payload is not what its format or the text flag says");
    if (!log_keeps_up(in))
        return WAIT;
    enum hf_session_verdict verdict =
        hf_hub_session_result(conn->site->hub, &conn->dev, result->seq, result, in->whole, &in->wait_ms);
    conn->site->stats.results += verdict != HF_SESSION_VERDICT_BUSY;
    return obey(in, verdict, result->seq);
}

static enum outcome on_gap(struct input *in, const struct hf_frame *frame)
{
    struct hf_ws_conn *conn = in->conn;

    if (!log_keeps_up(in))
        return WAIT;
    return obey(in, hf_hub_session_gap(conn->site->hub, &conn->dev, &frame->as.gap, in->whole, &in->wait_ms),
                frame->as.gap.from);
}

/* ---- the others ---- */

static bool waits_for_window(const struct hf_ws_conn *conn)
{
    return conn->dev.spilled && !hf_sender_may_send(&hf_devconn_session(&conn->dev)->down, 1);
}

static enum outcome on_ack(struct input *in, const struct hf_frame *frame)
{
    struct hf_ws_conn *conn = in->conn;
    struct hf_ws_session_stats *stats = &conn->site->stats.session;
    bool full = waits_for_window(conn);

    stats->nacks_in += frame->as.ack.nack;
    stats->asks_in += frame->as.ack.ask;
    enum hf_session_verdict verdict = hf_hub_session_ack(conn->site->hub, &conn->dev, &frame->as.ack);
    stats->window_full += full && !conn->session->full;
    conn->session->full = full && verdict == HF_SESSION_VERDICT_OK && waits_for_window(conn);
    return obey(in, verdict, 0);
}

static enum outcome on_subscribe(struct input *in, const struct hf_frame *frame)
{
    const struct hf_frame_subscribe *wish = &frame->as.subscribe;
    struct hf_ws_conn *conn = in->conn;

    if (!hf_topic_valid(wish->topic)) {
        hf_ws_session_refuse(conn, 0, HF_REASON_BAD_REQUEST,
                             "topic must be 1 to 256 bytes of text without + and #");
        return TAKEN;
    }
    hf_err err = wish->unsubscribe ? hf_hub_unsubscribe(conn->site->hub, &conn->dev, wish->topic)
                                   : hf_hub_subscribe(conn->site->hub, &conn->dev, wish->topic);
    if (err == HF_ERR_DENIED)
        hf_ws_session_refuse(conn, 0, HF_REASON_FORBIDDEN, "an access rule does not allow this topic");
    else if (err == HF_ERR_LIMIT)
        hf_ws_session_refuse(conn, 0, HF_REASON_TENANT_LIMIT,
                             "this connection has as many subscriptions as it may have");
    else if (err == HF_ERR_NOMEM)
        hf_ws_session_refuse(conn, 0, HF_REASON_MEMORY_LIMIT, "no memory left for a subscription");
    return TAKEN;
}

static enum outcome on_hello(struct input *in, const struct hf_frame *frame)
{
    return hf_ws_session_hello(in->conn, &frame->as.hello, in->left, in->rest, in->rest_bytes, &in->moved)
               ? TAKEN
               : GONE;
}

static enum outcome on_auth(struct input *in, const struct hf_frame *frame)
{
    return hf_ws_session_auth(in->conn, &frame->as.auth) ? TAKEN : GONE;
}

static enum outcome on_ping(struct input *in, const struct hf_frame *frame)
{
    hf_ws_session_ping(in->conn, &frame->as.beat);
    return alive(in->conn);
}

static enum outcome on_pong(struct input *in, const struct hf_frame *frame)
{
    hf_ws_session_pong(in->conn, &frame->as.beat);
    return alive(in->conn);
}

static enum outcome on_patch(struct input *in, const struct hf_frame *frame)
{
    if (!log_keeps_up(in) || !hf_ws_session_patch(in->conn, &frame->as.patch, in->not_as_said, &in->wait_ms))
        return WAIT;
    return alive(in->conn);
}

static enum outcome on_bye(struct input *in, const struct hf_frame *frame)
{
    const struct hf_reason_info *info = hf_reason_info(frame->as.bye.reason);
    bool normal = frame->as.bye.reason == HF_REASON_NONE || info->reason == HF_REASON_NORMAL;

    hf_ws_peer_bye(in->conn, normal ? HF_REASON_NORMAL : info->reason);
    return GONE;
}

/* When a type may come: HELLO opens what is closed behind it. */
enum { BEFORE = 1 << 0, AFTER = 1 << 1 }; /* HELLO; between HELLO and WELCOME neither is enough */
enum { ALWAYS = BEFORE | AFTER | 1 << 2 };

static const struct {
    enum outcome (*on_frame)(struct input *in, const struct hf_frame *frame);
    uint8_t when;
} types[HF_FRAME_TYPES] = {
    [HF_FRAME_HELLO] = {on_hello, BEFORE},
    [HF_FRAME_DATA] = {on_data, AFTER},
    [HF_FRAME_ACK] = {on_ack, AFTER},
    [HF_FRAME_GAP] = {on_gap, AFTER},
    [HF_FRAME_RESULT] = {on_result, AFTER},
    [HF_FRAME_PATCH] = {on_patch, AFTER},
    [HF_FRAME_PING] = {on_ping, ALWAYS},
    [HF_FRAME_PONG] = {on_pong, AFTER},
    [HF_FRAME_BYE] = {on_bye, ALWAYS},
    [HF_FRAME_AUTH] = {on_auth, ALWAYS},
    [HF_FRAME_SUBSCRIBE] = {on_subscribe, AFTER},
};

static unsigned phase_of(const struct hf_ws_conn *conn)
{
    return conn->state == HF_WS_STATE_AUTH ? BEFORE : hf_ws_welcomed(conn) ? AFTER : 1 << 2;
}

/* Before WELCOME nobody is known, or nobody is sure: little is listened to [10]. */
static bool too_early(struct hf_ws_conn *conn, size_t bytes)
{
    struct hf_ws_session *session = conn->session;

    if (hf_ws_welcomed(conn))
        return false;
    session->early_frames++;
    session->early_bytes = (uint16_t)HF_MIN(session->early_bytes + bytes, (size_t)UINT16_MAX);
    return session->early_frames > HF_WS_EARLY_FRAMES_MAX || session->early_bytes > HF_WS_EARLY_BYTES_MAX;
}

static enum outcome take(struct input *in, struct hf_frame *frame)
{
    struct hf_ws_conn *conn = in->conn;
    unsigned type = frame->type > HF_FRAME_NONE && frame->type < HF_FRAME_TYPES ? frame->type : HF_FRAME_NONE;

    if (!in->kept && too_early(conn, in->whole.bytes))
        return broken(conn);
    if (type != HF_FRAME_NONE && (types[type].on_frame == NULL || !(types[type].when & phase_of(conn))))
        return broken(conn);
    /* A type of a version to come is skipped. */
    enum outcome outcome = type == HF_FRAME_NONE ? TAKEN : types[type].on_frame(in, frame);
    if (outcome != WAIT && !in->kept && !in->moved)
        conn->site->stats.session.frames_in[type]++;
    return outcome;
}

/* ---- decoding ---- */

static enum outcome undecodable(struct hf_ws_conn *conn, hf_err err)
{
    if (err == HF_ERR_LIMIT)
        return close_for(conn, HF_REASON_MESSAGE_TOO_BIG);
    return err == HF_ERR_NOMEM ? close_for(conn, HF_REASON_MEMORY_LIMIT) : broken(conn);
}

static hf_err decode_json(struct hf_ws_conn *conn, struct hf_slice text, char *small, struct hf_frame *frame)
{
    struct hf_ws_site *site = conn->site;
    char *scratch = small;
    size_t room = SMALL_BYTES_MAX;

    if (text.bytes > SMALL_BYTES_MAX) {
        hf_err err = hf_ws_scratch(site, &site->unescaped);
        if (err != HF_OK)
            return err;
        scratch = (char *)site->unescaped.at;
        room = site->unescaped.bytes;
    }
    return hf_frame_decode_json(text, site->limits.message_bytes_max, scratch, room, frame);
}

/* Of a frame that does not check nothing is believed; what is missing is asked for again (DLV-3). */
static enum outcome on_corrupt(struct hf_ws_conn *conn)
{
    conn->site->stats.session.crc_wrong++;
    if (!hf_ws_welcomed(conn) ||
        hf_receiver_corrupt(&hf_devconn_session(&conn->dev)->up, conn->site->hub->now_ms))
        return close_for(conn, HF_REASON_CORRUPT);
    hf_ws_session_settle(&conn->dev);
    return alive(conn);
}

/* The frame at the begin of in->left; *ret_taken_bytes: its length. */
static enum outcome take_first(struct input *in, size_t *ret_taken_bytes)
{
    struct hf_ws_conn *conn = in->conn;
    struct hf_frame frame;
    char small[SMALL_BYTES_MAX];
    hf_err err;

    frame.type = HF_FRAME_NONE; /* the rest is the codec's, and large */
    if (hf_ws_is_json(conn)) {
        *ret_taken_bytes = in->left.bytes;
        err = decode_json(conn, in->left, small, &frame);
    } else {
        err = hf_frame_decode((const uint8_t *)in->left.at, in->left.bytes,
                              conn->site->limits.message_bytes_max, ret_taken_bytes, &frame);
    }
    if (err == HF_ERR_CORRUPT)
        return on_corrupt(conn);
    if (err != HF_OK && err != HF_ERR_INVALID)
        return undecodable(conn, err);
    in->not_as_said = err == HF_ERR_INVALID;
    in->whole = (struct hf_slice){in->left.at, *ret_taken_bytes};
    return take(in, &frame);
}

/* What core kept is in the encoding in which it came: of this connection, as it forgets what is early with each. */
static enum outcome take_kept(struct hf_ws_conn *conn, uint32_t *ret_wait_ms)
{
    struct hf_receiver *up = &hf_devconn_session(&conn->dev)->up;
    enum outcome outcome = TAKEN;
    struct hf_slice kept;

    while (outcome == TAKEN && (kept = hf_receiver_ready(up)).bytes > 0) {
        struct input in = {.conn = conn, .left = kept, .kept = true};
        uint64_t expected = up->expected;
        size_t taken;

        outcome = take_first(&in, &taken);
        *ret_wait_ms = in.wait_ms;
        HF_ASSERT(outcome != TAKEN || up->expected > expected); /* or this would never end */
    }
    return outcome;
}

bool hf_ws_session_ready(struct hf_ws_conn *conn, uint32_t *ret_wait_ms)
{
    if (conn->state != HF_WS_STATE_OPEN || !hf_ws_welcomed(conn))
        return true;
    return take_kept(conn, ret_wait_ms) == TAKEN;
}

/* A frame, and what it brings into turn. */
static enum outcome step(struct input *in)
{
    struct hf_ws_conn *conn = in->conn;
    size_t taken = 0;

    enum outcome outcome = take_first(in, &taken);
    if (outcome != TAKEN)
        return outcome;
    in->left.at += taken;
    in->left.bytes -= taken;
    return conn->state == HF_WS_STATE_OPEN && hf_ws_welcomed(conn) ? take_kept(conn, &in->wait_ms) : TAKEN;
}

void hf_ws_session_message(struct hf_ws_conn *conn, bool text, struct hf_slice payload, const uint8_t *rest,
                           size_t rest_bytes, bool *ret_moved)
{
    struct input in = {.conn = conn, .left = payload, .rest = rest, .rest_bytes = rest_bytes};
    enum outcome outcome = TAKEN;

    if (text != hf_ws_is_json(conn)) {
        close_for(conn, HF_REASON_UNSUPPORTED_DATA);
        return;
    }
    if (payload.bytes == 0) {
        broken(conn);
        return;
    }
    while (outcome == TAKEN && in.left.bytes > 0)
        outcome = step(&in);
    *ret_moved = in.moved;
    if (outcome == WAIT && in.left.bytes > 0)
        hf_ws_hold_message(conn, text, in.left, rest, rest_bytes, in.wait_ms);
    else if (outcome == WAIT) /* for what came early; the message itself is through */
        hf_ws_hold(conn, rest, rest_bytes, in.wait_ms);
}
