/* adapter/ws/session_open.c - the beginning of a session's connection: in-band credentials, HELLO, the way to the device's home, and WELCOME once the record
 * that lets it in is durable ([1], [2], [5]). */
#include "adapter/ws/session.h"

#include <stdlib.h>

#include "base/uuid.h"
#include "core/session/serial.h"

enum {
    VERSION = 1,
    OUR_CAPABILITIES = HF_CAP_HEARTBEAT | HF_CAP_RESUME | HF_CAP_SELECTIVE_ACK | HF_CAP_CRC | HF_CAP_REFUSALS
};

static const struct hf_tenant_rules *rules_of(struct hf_tenant *tenant)
{
    return atomic_load_explicit(&tenant->rules, memory_order_acquire);
}

static bool refuse(struct hf_ws_conn *conn, enum hf_reason reason)
{
    if (conn->state == HF_WS_STATE_AUTH)
        hf_ws_refused(conn->site, &conn->admit->identity, reason);
    hf_ws_close(conn, reason, 0, (struct hf_slice){NULL, 0});
    return false;
}

/* ---- AUTH ---- */

static void answer_auth(struct hf_ws_conn *conn, uint64_t expires_ms)
{
    struct hf_frame frame = {.type = HF_FRAME_AUTH};

    frame.as.auth = (struct hf_frame_auth){.answer = true, .expires_ms = expires_ms};
    (void)hf_ws_session_send(conn, &frame);
}

bool hf_ws_session_auth(struct hf_ws_conn *conn, const struct hf_frame_auth *auth)
{
    struct hf_identity identity;

    if (!hf_ws_check_token(conn, auth->token, &identity))
        return false;
    if (conn->state == HF_WS_STATE_AUTH)
        conn->admit->identity = identity;
    else if (!hf_ws_prolong(conn, &identity))
        return false;
    answer_auth(conn, identity.expires_ms);
    return true;
}

/* ---- HELLO ---- */

static bool well_formed(const struct hf_frame_hello *hello)
{
    bool ok = hello->queue_id != 0 && hello->uplink_first >= 1 && hello->uplink_next >= hello->uplink_first &&
              hello->window_messages >= 1 && hello->window_messages <= HF_WINDOW_MESSAGES_MAX &&
              hello->window_bytes >= HF_WINDOW_BYTES_MIN;

    for (unsigned i = 0; i < hello->group_count; i++)
        ok = ok && hf_id_valid(hello->groups[i], HF_DEVICE_BYTES_MAX);
    return ok;
}

/* This message from its present frame on, and what came behind it, begin anew on the home worker. */
static bool move_home(struct hf_ws_conn *conn, struct hf_slice left, const uint8_t *rest, size_t rest_bytes,
                      bool *ret_moved)
{
    struct hf_identity identity = conn->admit->identity;
    size_t room = HF_WS_HEAD_BYTES_MAX + left.bytes + rest_bytes;
    uint8_t *unread = malloc(room);

    if (unread == NULL)
        return refuse(conn, HF_REASON_MEMORY_LIMIT);
    size_t bytes = hf_ws_wrap_head(unread, hf_ws_is_json(conn), left.bytes);
    memcpy(unread + bytes, left.at, left.bytes);
    bytes += left.bytes;
    if (rest_bytes > 0)
        memcpy(unread + bytes, rest, rest_bytes);
    bytes += rest_bytes;
    HF_ASSERT(bytes <= room);
    *ret_moved = hf_ws_move_home(conn, &identity, unread, bytes);
    free(unread);
    return false;
}

/* Who wishes for nothing, or for what this gateway does not know, gets the tenant's; who knows no heartbeat frames cannot send them. */
static enum hf_profile profile_of(const struct hf_session_rules *rules, const struct hf_frame_hello *hello)
{
    unsigned wished =
        hello->profile > HF_PROFILE_ANY && hello->profile < HF_PROFILES ? hello->profile : rules->profile;

    return hello->capabilities & HF_CAP_HEARTBEAT ? (enum hf_profile)wished : HF_PROFILE_DEFAULT;
}

bool hf_ws_session_hello(struct hf_ws_conn *conn, const struct hf_frame_hello *hello, struct hf_slice left,
                         const uint8_t *rest, size_t rest_bytes, bool *ret_moved)
{
    struct hf_ws_site *site = conn->site;
    struct hf_identity *identity = &conn->admit->identity;
    enum hf_reason reason = HF_REASON_NONE;

    if (hello->version_min > VERSION || hello->version_max < VERSION)
        return refuse(conn, HF_REASON_VERSION);
    if (identity->tenant == NULL)
        return refuse(conn, HF_REASON_CREDENTIALS_MISSING);
    reason = hf_auth_name_device(site->auth, identity, hello->device);
    if (reason != HF_REASON_NONE)
        return refuse(conn, reason);
    const struct hf_session_rules *rules = &rules_of(identity->tenant)->session;
    if (!rules->enabled) /* credentials came in-band, or a reload has switched it off */
        return refuse(conn, HF_REASON_VERSION);
    if (!well_formed(hello))
        return refuse(conn, HF_REASON_SESSION_BROKEN);
    if (hf_hub_home(identity->tenant->name, (struct hf_slice){identity->device, identity->device_bytes},
                    site->hub->options.workers) != site->hub->options.worker)
        return move_home(conn, left, rest, rest_bytes, ret_moved);
    if (hello->trace.bytes > 0 && hello->trace.bytes <= HF_WS_TRACE_BYTES_MAX) {
        memset(conn->admit->trace, 0, sizeof(conn->admit->trace));
        memcpy(conn->admit->trace, hello->trace.at, hello->trace.bytes);
    }
    struct hf_identity known = *identity; /* the admit goes */
    conn->session->capabilities = hello->capabilities & OUR_CAPABILITIES;
    conn->session->capabilities |= (uint8_t)hf_ws_documents_begin(conn, known.tenant, hello);
    conn->session->certificates =
        (hello->capabilities & HF_CAP_CERTIFICATES) &&
        hf_ws_certificate_begin(conn, known.tenant->name,
                                (struct hf_slice){known.device, known.device_bytes});
    conn->session->beat.rules = &rules->beats[profile_of(rules, hello)];
    conn->session->waiting = hello->uplink_first < hello->uplink_next;
    if (hf_ws_authenticated(conn, &known, hello, &reason) == HF_OK)
        return true;
    hf_ws_refused(site, &known, reason);
    return refuse(conn, reason);
}

/* ---- WELCOME ---- */

static uint32_t interval_of(const struct hf_beat_rules *rules, const struct hf_rtt *rtt)
{
    switch (rules->profile) {
    case HF_PROFILE_HA: return HF_BEAT_HA_MS;
    case HF_PROFILE_ADAPTIVE: return hf_beat_interval(hf_rtt_srtt_ms(rtt), false);
    default: return rules->idle_ms;
    }
}

static bool is_none(const uint8_t id[16])
{
    static const uint8_t none[16];

    return memcmp(id, none, sizeof(none)) == 0;
}

/* A device that knows of this forgets nothing before the ACK that comes behind: it may have missed any of these (doc/protocol.md, REFUSE). */
static void refuse_again(struct hf_ws_conn *conn, const struct hf_refusals *refusals)
{
    if (!(conn->session->capabilities & HF_CAP_REFUSALS))
        return;
    for (unsigned i = 0; refusals != NULL && i < refusals->count; i++)
        for (uint64_t seq = refusals->at[i].from; seq <= refusals->at[i].to;
             seq = hf_serial_number(seq + 1)) {
            conn->site->stats.session.refused_again++;
            hf_ws_session_refuse(conn, (uint32_t)seq, (enum hf_reason)refusals->at[i].reason, "");
        }
    if (conn->session->waiting)
        hf_receiver_asked(&hf_devconn_session(&conn->dev)->up, conn->site->hub->now_ms);
}

void hf_ws_session_welcome(struct hf_devconn *devconn, const struct hf_session_opened *opened)
{
    struct hf_ws_conn *conn = hf_ws_conn_of(devconn);
    struct hf_ws_site *site = conn->site;
    struct hf_ws_session *session = conn->session;
    const struct hf_tenant_rules *rules = rules_of(devconn->device->tenant);
    const struct hf_beat_rules *beats = session->beat.rules; /* as HELLO wished */
    struct hf_frame frame = {.type = HF_FRAME_WELCOME};
    struct hf_frame_welcome *welcome = &frame.as.welcome;
    char durable_id[HF_UUID_TEXT_BYTES + 1];

    *welcome = (struct hf_frame_welcome){
        .version = VERSION,
        .result = (uint8_t)opened->result,
        .reason = (uint16_t)opened->reason,
        .capabilities = session->capabilities | (session->certificates ? (uint32_t)HF_CAP_CERTIFICATES : 0),
        .epoch = opened->epoch,
        .connection_id = devconn->conn_id,
        .uplink_received = opened->uplink_received,
        .uplink_durable = opened->uplink_durable,
        .downlink_next = opened->downlink_next,
        .gap_from = opened->gap_from,
        .gap_to = opened->gap_to,
        .window_messages = (uint16_t)hf_devconn_session(devconn)->up.window_messages,
        .window_bytes = hf_devconn_session(devconn)->up.window_bytes,
        .message_bytes_max = site->limits.message_bytes_max,
        .rate = rules->uplink.per_second,
        .durability = HF_DURABILITY_FSYNC,
        .profile = beats->profile,
        .k = beats->k,
        .interval_ms = interval_of(beats, &hf_devconn_session(devconn)->rtt),
        .resume_ms = (uint32_t)HF_MIN(rules->session.resume_ms, (uint64_t)UINT32_MAX),
        .ticket_ms = opened->ticket_ms,
        .time_ms = site->hub->utc_ms,
        .node = site->node,
    };
    memcpy(welcome->session_id, opened->session_id, sizeof(welcome->session_id));
    if (!is_none(opened->durable_id)) {
        hf_uuid_text(opened->durable_id, durable_id);
        welcome->durable_id = hf_slice_of(durable_id);
    }
    hf_ws_decoder_set_config(&conn->decoder,
                             hf_ws_is_json(conn) ? &site->session_json_config : &site->session_config);
    hf_ws_session_event(conn, HF_LINK_EV_HS_OK, HF_REASON_CONNECTED);
    conn->last_life_ms = site->hub->now_ms; /* the wait for the log was ours */
    hf_ws_session_begin(conn, (enum hf_profile)beats->profile, welcome->interval_ms);
    (void)hf_ws_session_send(conn, &frame);
    refuse_again(conn, opened->refusals);
    hf_ws_log(conn, "OPEN", HF_REASON_CONNECTED, 0, HF_OK);
    hf_ws_arm(conn);
    hf_ws_certificate_welcomed(conn);
    hf_ws_documents_welcomed(conn);
}
