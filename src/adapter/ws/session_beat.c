/* adapter/ws/session_beat.c - the liveness of a session (HB-3 to HB-7), its states (WS-11), and what its timer has to do: heartbeats, silence, and the
 * acknowledgements of both streams. Inbound data re-arms nothing, as in heartbeat.c, but for a PING, which may announce a shorter interval. */
#include "adapter/ws/session.h"

#include "base/sb.h"
#include "codec/json/out.h"
#include "codec/session/binary.h"

enum { AUDIT_BYTES_MAX = 256, VERDICTS_MAX = 8 /* of one tick: each is given once, then it is quiet */ };

static const struct hf_session_rules *rules_of(const struct hf_ws_conn *conn)
{
    return &atomic_load_explicit(&conn->dev.device->tenant->rules, memory_order_acquire)->session;
}

static void close_for(struct hf_ws_conn *conn, enum hf_reason reason)
{
    hf_ws_close(conn, reason, 0, (struct hf_slice){NULL, 0});
}

void hf_ws_session_event(struct hf_ws_conn *conn, enum hf_link_event event, enum hf_reason reason)
{
    struct hf_ws_session *session = conn->session;
    struct hf_ws_site *site = conn->site;
    enum hf_link_state before = (enum hf_link_state)session->state;
    struct hf_link_step step = hf_link_apply(before, event);

    if (step.refused)
        site->stats.session.events_refused++;
    if (step.refused || step.ignored || step.next == before)
        return;
    session->state = (uint8_t)step.next;
    if (step.next == HF_LINK_DEGRADED)
        site->stats.session.degraded++;
    if (before == HF_LINK_DEGRADED && step.next == HF_LINK_CONNECTED)
        site->stats.session.restored++;
    if (site->ops->on_state != NULL)
        site->ops->on_state(site->context, conn, before, event, step.next, reason);
}

/* ---- heartbeats ---- */

/* T as the kernel is to know it; whole seconds, so that a round trip that wavers costs no system call. */
static void follow_timeout(struct hf_ws_conn *conn)
{
    struct hf_ws_session *session = conn->session;
    uint32_t seconds = (hf_beat_timeout_ms(&session->beat) + 999) / 1000;

    if (seconds == session->patience_s || seconds > UINT16_MAX || conn->link->ops->set_patience == NULL)
        return;
    session->patience_s = (uint16_t)seconds;
    conn->link->ops->set_patience(conn->link, seconds * 1000);
}

void hf_ws_session_begin(struct hf_ws_conn *conn, enum hf_profile profile, uint32_t interval_ms)
{
    struct hf_ws_session *session = conn->session;

    hf_beat_init(&session->beat, &rules_of(conn)->beats[profile], profile == HF_PROFILE_DEFAULT, interval_ms,
                 conn->site->hub->now_ms);
    session->beat.rtt = hf_devconn_session(&conn->dev)->rtt; /* as the last connection left it */
    if (session->beat.active)                                /* the listener's, as for raw mode */
        session->patience_s = (uint16_t)(session->beat.rules->dead_ms / 1000);
    follow_timeout(conn);
}

/* One question to the kernel per silence: what it says later is compared with this. */
static void watch(struct hf_ws_conn *conn)
{
    struct hf_link_kernel kernel = {0};

    if (conn->session->watched || conn->link->ops->kernel == NULL)
        return;
    conn->link->ops->kernel(conn->link, &kernel);
    conn->session->acked_bytes = kernel.acked_bytes;
    conn->session->watched = true;
}

/* Bytes that the peer's kernel has acknowledged since then: its program is stuck, the way to it is not (HB-4). */
static bool shows_evidence(struct hf_ws_conn *conn)
{
    struct hf_link_kernel kernel = {0};

    if (!conn->session->watched)
        return false;
    conn->link->ops->kernel(conn->link, &kernel);
    return kernel.acked_bytes > conn->session->acked_bytes;
}

/* With a device that knows no heartbeat frames the payload travels in a WebSocket Ping, which every client answers (HB-1). */
static void send_beat(struct hf_ws_conn *conn, const struct hf_frame_beat *beat)
{
    struct hf_frame frame = {.type = HF_FRAME_PING};
    uint8_t payload[HF_HEARTBEAT_BYTES];

    frame.as.beat = *beat;
    watch(conn);
    if (conn->session->capabilities & HF_CAP_HEARTBEAT) {
        (void)hf_ws_session_send(conn, &frame);
        return;
    }
    hf_heartbeat_encode(&beat->beat, payload);
    if (hf_ws_send_control(conn, HF_WS_OP_PING, payload, sizeof(payload)) == HF_OK)
        conn->site->stats.pings_out++;
}

static void on_audited(struct hf_call *call)
{
    hf_call_free(call);
}

/* An invalid heartbeat is recorded (HB-3); the third ends the connection, so this is bounded. */
static void audit(struct hf_ws_conn *conn, const struct hf_frame_beat *beat)
{
    const struct hf_device *device = conn->dev.device;
    struct hf_call *call = hf_call_new(HF_CALL_RECORD, AUDIT_BYTES_MAX);
    char *storage = call ? call->storage : NULL;
    char connection[24];
    struct hf_json_out out;
    struct hf_sb sb;

    conn->site->stats.session.invalid_heartbeats++;
    if (call == NULL)
        return;
    hf_sb_init(&sb, connection, sizeof(connection));
    hf_sb_printf(&sb, "c_%016llx", (unsigned long long)conn->dev.conn_id);
    memcpy(storage, device->id, device->id_bytes);
    hf_sb_init(&sb, storage + device->id_bytes, AUDIT_BYTES_MAX - device->id_bytes);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_cstr(&out, "connection", connection);
    hf_json_out_cstr(&out, "fault", beat->valid ? "sequence" : "damaged");
    if (beat->valid)
        hf_json_out_u64(&out, "seq", beat->beat.seq);
    hf_json_out_end(&out);
    HF_ASSERT(!sb.overflow);
    call->event_type = HF_EVENT_AUDIT;
    call->format = HF_FORMAT_JSON;
    call->tenant = device->tenant->name; /* lives as long as the process */
    call->device = call->key = (struct hf_slice){storage, device->id_bytes};
    call->topic = HF_SLICE("heartbeat.invalid");
    call->payload = hf_sb_done(&sb);
    call->on_done = on_audited;
    call->origin = conn->site->hub->options.worker;
    hf_hub_call(conn->site->hub, NULL, call);
}

/* What the rule says of a heartbeat that came. False: the connection was closed. */
static bool obey(struct hf_ws_conn *conn, enum hf_beat_verdict verdict, const struct hf_frame_beat *beat)
{
    switch (verdict) {
    case HF_BEAT_DEGRADED: hf_ws_session_event(conn, HF_LINK_EV_SICK, HF_REASON_SILENCE); break;
    case HF_BEAT_RESTORED: hf_ws_session_event(conn, HF_LINK_EV_HEALTHY, HF_REASON_NONE); break;
    case HF_BEAT_INVALID: audit(conn, beat); break;
    case HF_BEAT_INVALID_MANY:
        audit(conn, beat);
        close_for(conn, HF_REASON_INVALID_HEARTBEAT);
        return false;
    default: break;
    }
    return true;
}

/* What a device's clock says in its heartbeat, beside ours when it was sent: half a round trip ago, where that was measured (to ask the kernel for each would cost more than
 * to answer it). A mark for people, nothing hangs on it (HB-3). */
static void look_at_clock(struct hf_ws_conn *conn, uint64_t ts_ms)
{
    struct hf_ws_session *session = conn->session;
    int64_t sent_ms = (int64_t)conn->site->hub->utc_ms - session->beat.rtt.srtt_us / 2000;

    if (ts_ms == 0 || ts_ms > INT64_MAX)
        return; /* it has no clock, or nonsense */
    int64_t ahead_ms = HF_MAX(HF_MIN((int64_t)ts_ms - sent_ms, (int64_t)INT32_MAX), -(int64_t)INT32_MAX);
    bool skewed = ahead_ms > HF_WS_CLOCK_SKEW_MS || ahead_ms < -HF_WS_CLOCK_SKEW_MS;

    conn->site->stats.session.clocks_skewed += skewed && !session->clock_skewed;
    conn->clock_ahead_ms = (int32_t)ahead_ms;
    session->clock_known = true;
    session->clock_skewed = skewed;
}

void hf_ws_session_ping(struct hf_ws_conn *conn, const struct hf_frame_beat *ping)
{
    struct hf_frame pong = {.type = HF_FRAME_PONG};
    enum hf_beat_verdict verdict = HF_BEAT_NOTHING;

    pong.as.beat = *ping;
    if (hf_ws_welcomed(conn))
        verdict = hf_beat_ping(&conn->session->beat, ping, conn->site->hub->now_ms);
    else if (!ping->valid)
        return; /* nobody yet whom it could be held against; frames before WELCOME are counted */
    if (!obey(conn, verdict, ping) || verdict == HF_BEAT_INVALID)
        return;
    (void)hf_ws_session_send(conn, &pong);
    if (!hf_ws_welcomed(conn))
        return;
    look_at_clock(conn, ping->beat.ts_ms);
    follow_timeout(conn);
    hf_ws_arm(conn);
}

void hf_ws_session_pong(struct hf_ws_conn *conn, const struct hf_frame_beat *pong)
{
    uint32_t rtt_ms;
    enum hf_beat_verdict verdict = hf_beat_pong(&conn->session->beat, pong, conn->site->hub->now_ms, &rtt_ms);

    if (!obey(conn, verdict, pong))
        return;
    hf_devconn_session(&conn->dev)->rtt = conn->session->beat.rtt;
    follow_timeout(conn);
    hf_ws_arm(conn);
}

void hf_ws_session_ws_pong(struct hf_ws_conn *conn, struct hf_slice payload)
{
    struct hf_frame_beat pong = {.valid = true};

    if (conn->state != HF_WS_STATE_OPEN || !hf_ws_welcomed(conn) ||
        (conn->session->capabilities & HF_CAP_HEARTBEAT) || payload.bytes != HF_HEARTBEAT_BYTES ||
        !hf_heartbeat_decode((const uint8_t *)payload.at, &pong.beat))
        return; /* unsolicited, of the device's own making: ignored (RFC 6455 5.5.3) */
    hf_ws_session_pong(conn, &pong);
}

void hf_ws_session_life(struct hf_ws_conn *conn)
{
    conn->session->watched = false;
    if (hf_ws_welcomed(conn))
        hf_beat_life(&conn->session->beat, conn->site->hub->now_ms);
}

/* ---- the timer ---- */

static uint32_t interval_of(const struct hf_ws_conn *conn) /* KA, for the evidence of silence */
{
    const struct hf_beat *beat = &conn->session->beat;

    return beat->active ? beat->rules->idle_ms : beat->interval_ms;
}

static uint64_t quiet_at_ms(const struct hf_ws_conn *conn)
{
    return conn->session->beat.life_ms + hf_presence_quiet_ms(interval_of(conn));
}

uint64_t hf_ws_session_due_ms(const struct hf_ws_conn *conn)
{
    const struct hf_session *session = hf_devconn_session(&conn->dev);

    if (!hf_ws_welcomed(conn))
        return conn->state_ms + HF_WS_WELCOME_MS;
    uint64_t due_ms = hf_receiver_due_ms(&session->up);
    if (conn->held != NULL) /* while we do not read, silence says nothing about the peer */
        return session->up.ack_due_ms ? session->up.ack_due_ms : UINT64_MAX;
    due_ms = HF_MIN(due_ms, hf_sender_due_ms(&session->down, &session->rtt));
    due_ms = HF_MIN(due_ms, hf_beat_due_ms(&conn->session->beat));
    due_ms = HF_MIN(due_ms, hf_ws_documents_due_ms(conn));
    return conn->quiet ? due_ms : HF_MIN(due_ms, quiet_at_ms(conn));
}

static bool beat(struct hf_ws_conn *conn, uint64_t now_ms) /* false: closed */
{
    struct hf_beat *rule = &conn->session->beat;
    struct hf_frame_beat out;

    rule->rules = &rules_of(conn)->beats[rule->rules->profile]; /* a reload may have changed them */
    for (unsigned i = 0; i < VERDICTS_MAX; i++) {
        enum hf_beat_verdict verdict = hf_beat_tick(rule, now_ms, conn->site->hub->utc_ms, &out);

        if (verdict == HF_BEAT_NOTHING)
            break;
        if (verdict == HF_BEAT_SEND) {
            send_beat(conn, &out);
        } else if (verdict == HF_BEAT_DEAD) {
            if (!shows_evidence(conn) || !hf_beat_grant(rule, now_ms)) {
                close_for(conn, HF_REASON_HEARTBEAT_TIMEOUT);
                return false;
            }
            conn->site->stats.session.granted++;
        } else if (!obey(conn, verdict, &out)) {
            return false;
        }
    }
    if (!conn->quiet && now_ms >= quiet_at_ms(conn)) {
        conn->quiet = true;
        watch(conn);
        hf_hub_evidence(conn->site->hub, &conn->dev, HF_EVIDENCE_QUIET, HF_REASON_SILENCE);
    }
    return true;
}

static void send_ack(struct hf_ws_conn *conn, bool ask)
{
    struct hf_frame frame = {.type = HF_FRAME_ACK};
    struct hf_frame_ack *ack = &frame.as.ack;

    hf_receiver_ack(&hf_devconn_session(&conn->dev)->up, ack, conn->site->hub->now_ms);
    ack->ask = ask;
    if (!(conn->session->capabilities & HF_CAP_SELECTIVE_ACK))
        ack->range_count = 0;
    conn->site->stats.session.nacks_out += ack->nack;
    conn->site->stats.session.asks_out += ask;
    hf_err err = hf_ws_session_send(conn, &frame);
    if (err == HF_OK)
        conn->site->stats.acks_out++;
    else if (err !=
             HF_ERR_CLOSED) /* else its end is on its way; one that is missing in between would be missed */
        close_for(conn, HF_REASON_SLOW_READER);
}

/* A timer that comes this late says that this process did not run (stopped, starved, a machine that slept): what a peer did not say in time may lie in
 * its socket, and not at the front. Told by any connection, it holds for all of the worker. */
static bool was_absent(struct hf_ws_conn *conn, uint64_t due_ms, uint64_t now_ms)
{
    struct hf_ws_site *site = conn->site;

    if (now_ms > due_ms && now_ms - due_ms > HF_WS_ABSENT_MS)
        site->absent_ms = now_ms;
    return site->absent_ms != 0 && now_ms - site->absent_ms <= HF_WS_ABSENT_MS;
}

/* Both streams: an acknowledgement that is due, a question, or a verdict. */
static void settle(struct hf_ws_conn *conn, uint64_t due_ms, uint64_t now_ms)
{
    struct hf_session *session = hf_devconn_session(&conn->dev);
    bool judge = !was_absent(conn, due_ms, now_ms) && conn->held == NULL;
    enum hf_receiver_verdict up = hf_receiver_tick(&session->up, now_ms);
    enum hf_sender_verdict down =
        judge ? hf_sender_tick(&session->down, &session->rtt, now_ms) : HF_SENDER_NOTHING;

    if (up == HF_RECEIVER_LOST && judge) {
        close_for(conn, HF_REASON_GAP);
    } else if (down == HF_SENDER_STALLED) {
        hf_ws_session_event(conn, HF_LINK_EV_SICK, HF_REASON_STALLED);
        conn->site->stats.session.stalled++;
        close_for(conn, HF_REASON_STALLED);
    } else if (up != HF_RECEIVER_NOTHING || down == HF_SENDER_ASK) {
        send_ack(conn, down == HF_SENDER_ASK);
    }
}

void hf_ws_session_settle(struct hf_devconn *devconn)
{
    struct hf_ws_conn *conn = hf_ws_conn_of(devconn);

    if (!hf_ws_welcomed(conn))
        return;
    settle(conn, hf_ws_session_due_ms(conn), conn->site->hub->now_ms);
    if (conn->state == HF_WS_STATE_OPEN)
        hf_ws_documents_settle(conn);
    if (conn->state == HF_WS_STATE_OPEN)
        hf_ws_arm(conn);
}

void hf_ws_session_tick(struct hf_ws_conn *conn, uint64_t now_ms)
{
    uint64_t due_ms = hf_ws_session_due_ms(conn);

    if (!hf_ws_welcomed(conn)) {
        if (now_ms >= due_ms)
            close_for(conn, HF_REASON_BUSY);
        return;
    }
    if (conn->held == NULL && !beat(conn, now_ms))
        return;
    settle(conn, due_ms, now_ms);
    if (conn->state == HF_WS_STATE_OPEN)
        hf_ws_documents_tick(conn, now_ms);
}
