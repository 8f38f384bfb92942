/* adapter/ws/heartbeat.c - the one timer of a connection (a session's part of it is in session_beat.c), armed for whatever is due next: the gateway's Ping (profile `default`
 * of HB-4), the end of credentials, stuck output, an answer to our Close, an in-band auth. Inbound data never re-arms it: the
 * timer looks at last_life_ms when it fires, so a busy connection costs the wheel one operation per interval. */
#include "adapter/ws/session.h"

#include "base/bytes.h"

enum { PING_BYTES = 8, LATE_MS = 1000 };

/* Silence at which stage k is due: a Ping at 30 s, 37.5 s, 45 s and 52.5 s with the defaults, then the end at 60 s. */
static uint64_t stage_ms(const struct hf_tenant_rules *rules, unsigned stage)
{
    uint64_t due_ms = rules->heartbeat_interval_ms + (uint64_t)stage * rules->heartbeat_repeat_ms;

    return HF_MIN(due_ms, (uint64_t)rules->heartbeat_dead_ms);
}

static const struct hf_tenant_rules *rules_of(const struct hf_ws_conn *conn)
{
    return atomic_load_explicit(&conn->dev.device->tenant->rules, memory_order_acquire);
}

static void earliest(uint64_t *due_ms, uint64_t candidate_ms)
{
    if (*due_ms == 0 || candidate_ms < *due_ms)
        *due_ms = candidate_ms;
}

static uint64_t stuck_due(const struct hf_ws_conn *conn)
{
    uint64_t since_ms = conn->link->ops->blocked_since_ms(conn->link);

    return since_ms ? since_ms + conn->site->limits.write_timeout_ms : 0;
}

void hf_ws_arm(struct hf_ws_conn *conn)
{
    struct hf_ws_site *site = conn->site;
    uint64_t due_ms = 0;

    if (conn->link == NULL)
        return;
    switch (conn->state) {
    case HF_WS_STATE_AUTH: due_ms = conn->state_ms + site->limits.auth_timeout_ms; break;
    case HF_WS_STATE_OPEN:
        if (conn->session != NULL)
            earliest(&due_ms, hf_ws_session_due_ms(conn));
        else if (conn->held == NULL) /* while we do not read, silence says nothing about the peer */
            earliest(&due_ms, conn->last_life_ms + stage_ms(rules_of(conn), conn->stage));
        if (conn->expires_ms != 0)
            earliest(&due_ms,
                     site->hub->now_ms +
                         (conn->expires_ms > site->hub->utc_ms ? conn->expires_ms - site->hub->utc_ms : 0));
        if (stuck_due(conn) != 0)
            earliest(&due_ms, stuck_due(conn));
        if (hf_ws_held_resume_ms(conn) != 0)
            earliest(&due_ms, hf_ws_held_resume_ms(conn));
        break;
    default: due_ms = conn->state_ms + site->limits.close_timeout_ms; break;
    }
    if (due_ms != 0)
        hf_wheel_arm(site->wheel, &conn->timer, due_ms);
    else
        hf_wheel_cancel(site->wheel, &conn->timer);
}

static void ping(struct hf_ws_conn *conn)
{
    uint8_t payload[PING_BYTES];

    hf_put_u64(payload, conn->site->hub->now_ms);
    if (hf_ws_send_control(conn, HF_WS_OP_PING, payload, sizeof(payload)) == HF_OK)
        conn->site->stats.pings_out++;
}

void hf_ws_on_pong(struct hf_ws_conn *conn, struct hf_slice payload)
{
    uint64_t now_ms = conn->site->hub->now_ms, sent_ms;

    conn->site->stats.pongs_in++;
    if (conn->session != NULL) {
        hf_ws_session_ws_pong(conn, payload);
        return;
    }
    if (payload.bytes != PING_BYTES)
        return; /* unsolicited: ignored (RFC 6455 5.5.3) */
    sent_ms = hf_get_u64((const uint8_t *)payload.at);
    if (sent_ms <= now_ms && now_ms - sent_ms < 3600000)
        conn->rtt_ms = (uint32_t)(now_ms - sent_ms) + 1; /* 0 means not measured */
}

void hf_ws_life(struct hf_ws_conn *conn)
{
    conn->last_life_ms = conn->site->hub->now_ms;
    conn->stage = 0;
    if (conn->session != NULL)
        hf_ws_session_life(conn);
    if (conn->quiet) {
        conn->quiet = false;
        hf_hub_evidence(conn->site->hub, &conn->dev, HF_EVIDENCE_LIFE, HF_REASON_CONNECTED);
    }
}

/* Time in which this process did not run (stopped, starved of CPU, a machine that slept) is no silence of the peer: nobody
 * listened, and the Ping that it would have answered was not sent. A timer that comes this late says how much that was. */
static void forgive_own_absence(struct hf_ws_conn *conn, const struct hf_tenant_rules *rules, uint64_t now_ms)
{
    uint64_t due_ms = conn->last_life_ms + stage_ms(rules, conn->stage);

    if (now_ms > due_ms + LATE_MS)
        conn->last_life_ms += now_ms - due_ms;
}

static void heartbeat(struct hf_ws_conn *conn, uint64_t now_ms)
{
    const struct hf_tenant_rules *rules = rules_of(conn);

    forgive_own_absence(conn, rules, now_ms);
    uint64_t silence_ms = now_ms - conn->last_life_ms;
    if (silence_ms >= rules->heartbeat_dead_ms) {
        hf_ws_close(conn, HF_REASON_HEARTBEAT_TIMEOUT, 0, (struct hf_slice){NULL, 0});
        return;
    }
    if (silence_ms >= stage_ms(rules, conn->stage)) {
        ping(conn);
        while (conn->stage < UINT8_MAX && silence_ms >= stage_ms(rules, conn->stage))
            conn->stage++; /* a late timer sends one Ping, not several */
    }
    if (!conn->quiet && silence_ms >= hf_presence_quiet_ms(rules->heartbeat_interval_ms)) {
        conn->quiet = true;
        hf_hub_evidence(conn->site->hub, &conn->dev, HF_EVIDENCE_QUIET, HF_REASON_SILENCE);
    }
}

/* The first message did not come in time; or we did not read it in time: a node that starts is dialled by its whole fleet, and to send them away would make
 * it more. What lies unread is waited for again, HF_WS_AUTH_GRACES_MAX times. */
static void no_message_yet(struct hf_ws_conn *conn, uint64_t now_ms)
{
    struct hf_link_kernel kernel = {0};

    if (conn->link->ops->kernel != NULL)
        conn->link->ops->kernel(conn->link, &kernel);
    bool ours = conn->held != NULL || kernel.unread_bytes > 0;
    if (ours && conn->stage < HF_WS_AUTH_GRACES_MAX) {
        conn->stage++;
        conn->state_ms = now_ms;
        conn->site->stats.auth_graced++;
        hf_ws_arm(conn);
        return;
    }
    hf_ws_close(conn, ours ? HF_REASON_BUSY : HF_REASON_AUTH_TIMEOUT, 0, (struct hf_slice){NULL, 0});
}

void hf_ws_on_timer(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_ws_conn *conn = HF_CONTAINER_OF(timer, struct hf_ws_conn, timer);
    struct hf_slice none = {NULL, 0};

    switch (conn->state) {
    case HF_WS_STATE_AUTH: no_message_yet(conn, now_ms); return;
    case HF_WS_STATE_OPEN: break;
    case HF_WS_STATE_CLOSING:
        conn->reason = HF_REASON_CLOSE_TIMEOUT;
        hf_ws_abort(conn);
        return;
    default: /* ENDING: the end of its socket did not come in time */ hf_ws_abort(conn); return;
    }
    if (conn->expires_ms != 0 && conn->site->hub->utc_ms >= conn->expires_ms) {
        hf_ws_close(conn, HF_REASON_CREDENTIALS_EXPIRED, 0, none);
        return;
    }
    if (stuck_due(conn) != 0 && now_ms >= stuck_due(conn)) {
        hf_ws_close(conn, HF_REASON_WRITE_TIMEOUT, 0, none);
        return;
    }
    if (hf_ws_held_resume_ms(conn) != 0 && now_ms >= hf_ws_held_resume_ms(conn))
        hf_ws_unhold(conn);
    if (conn->state == HF_WS_STATE_OPEN && conn->session != NULL)
        hf_ws_session_tick(conn, now_ms);
    else if (conn->state == HF_WS_STATE_OPEN && conn->held == NULL)
        heartbeat(conn, now_ms);
    hf_ws_arm(conn);
}
