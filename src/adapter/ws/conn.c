/* adapter/ws/conn.c - life and death of a device connection. Every way out goes through end(), which tells the hub once, with one
 * reason. */
#include "adapter/ws/session.h"

#include <stdlib.h>

#include "adapter/ws/window.h"

static void on_drained(struct hf_link *link);
static void on_blocked(struct hf_link *link);
static void on_end(struct hf_link *link, enum hf_link_end end, int sys_errno);
static bool may_read(struct hf_link *link);

const struct hf_link_handler hf_ws_link_handler = {
    .on_data = hf_ws_on_data,
    .may_read = may_read,
    .on_drained = on_drained,
    .on_blocked = on_blocked,
    .on_end = on_end,
};

void hf_ws_state(struct hf_ws_conn *conn, enum hf_ws_state state)
{
    HF_ASSERT(state > conn->state); /* the states are a line; nothing leads back */
    conn->state = (uint8_t)state;
    conn->state_ms = conn->site->hub->now_ms;
}

void hf_ws_log(struct hf_ws_conn *conn, const char *event, enum hf_reason reason, uint16_t code,
               enum hf_err err)
{
    conn->site->ops->on_log(conn->site->context, conn, event, reason, code, err);
}

void hf_ws_conn_info(const struct hf_ws_conn *conn, struct hf_ws_conn_info *ret_info)
{
    const struct hf_device *device = conn->dev.device;

    *ret_info = (struct hf_ws_conn_info){
        .conn_id = conn->dev.conn_id,
        .opened_ms = conn->state_ms,
        .trace = conn->state != HF_WS_STATE_AUTH && conn->extra ? conn->extra->trace : "",
        .state = conn->session != NULL             ? (enum hf_link_state)conn->session->state
                 : conn->state == HF_WS_STATE_AUTH ? HF_LINK_HANDSHAKING
                                                   : HF_LINK_CONNECTED,
        .link = conn->link};
    if (device != NULL) {
        ret_info->tenant = device->tenant->name;
        ret_info->device = (struct hf_slice){device->id, device->id_bytes};
    }
}

static hf_err index_credential(struct hf_ws_extra *extra, uint64_t hash)
{
    struct hf_map *credentials = &extra->conn->site->credentials;

    if (extra->credential_hash == hash)
        return HF_OK;
    if (extra->credential_hash != 0)
        hf_map_remove(credentials, &extra->credential);
    extra->credential_hash = 0;
    if (hash == 0)
        return HF_OK;
    hf_err err = hf_map_insert(credentials, &extra->credential, hash);
    if (err == HF_OK)
        extra->credential_hash = hash;
    return err;
}

void hf_ws_extra_free(struct hf_ws_conn *conn)
{
    if (conn->state == HF_WS_STATE_AUTH) {
        free(conn->admit);
        conn->admit = NULL;
        return;
    }
    if (conn->extra == NULL)
        return;
    (void)index_credential(conn->extra, 0);
    free(conn->extra);
    conn->extra = NULL;
}

static hf_err extra_new(struct hf_ws_conn *conn, size_t topic_bytes)
{
    conn->extra = calloc(1, sizeof(*conn->extra) + topic_bytes);
    if (conn->extra == NULL)
        return HF_ERR_NOMEM;
    conn->extra->conn = conn;
    return HF_OK;
}

/* Makes what the connection needs beyond the common; HF_OK also when it needs nothing. */
hf_err hf_ws_extra_take(struct hf_ws_conn *conn, const struct hf_ws_admit *admit,
                        const struct hf_identity *identity)
{
    if (admit->trace[0] == '\0' && admit->topic_bytes == 0 && admit->format == HF_FORMAT_OPAQUE &&
        identity->credential_hash == 0)
        return HF_OK;
    if (extra_new(conn, admit->topic_bytes) != HF_OK)
        return HF_ERR_NOMEM;
    memcpy(conn->extra->trace, admit->trace, sizeof(conn->extra->trace));
    conn->extra->topic_bytes = admit->topic_bytes;
    conn->extra->format = admit->format;
    memcpy(conn->extra->topic, admit->topic, admit->topic_bytes);
    return index_credential(conn->extra, identity->credential_hash);
}

hf_err hf_ws_use_credential(struct hf_ws_conn *conn, uint64_t hash)
{
    HF_ASSERT(conn->state == HF_WS_STATE_OPEN);
    if (conn->extra == NULL && (hash == 0 || extra_new(conn, 0) != HF_OK))
        return hash == 0 ? HF_OK : HF_ERR_NOMEM;
    return index_credential(conn->extra, hash);
}

void hf_ws_release(struct hf_ws_conn *conn)
{
    if (conn->link != NULL || conn->acks_open > 0 || conn->shadow_calls > 0)
        return;
    hf_list_remove(&conn->dev.unsettled);
    hf_slab_give(conn->site->sessions, conn->session);
    hf_slab_give(conn->site->conns, conn);
}

/* The exchange of Close frames is through, or was waited for long enough. */
static void over(struct hf_ws_conn *conn)
{
    if (conn->session != NULL && conn->session->state == HF_LINK_DISCONNECTING)
        hf_ws_session_event(conn, HF_LINK_EV_CLOSED, (enum hf_reason)conn->reason);
}

void hf_ws_abort(struct hf_ws_conn *conn)
{
    over(conn);
    conn->link->ops->abort(conn->link);
    conn->link = NULL;
    conn->site->stats.ended++;
    hf_wheel_cancel(conn->site->wheel, &conn->timer);
    hf_ws_assembly_clear(&conn->assembly, &conn->site->open_config.memory);
    hf_ws_held_free(conn);
    hf_ws_window_close(conn);
    if (conn->state == HF_WS_STATE_AUTH)
        hf_ws_extra_free(conn);
    hf_ws_decoder_deinit(&conn->decoder);
    hf_list_remove(&conn->dev.unsettled);
    hf_ws_release(conn);
}

/* Beside the hub's own use of this list node: a connection that it does not have is found here. */
void hf_ws_linger(struct hf_ws_conn *conn)
{
    hf_list_init(&conn->dev.unsettled);
    hf_list_push_back(&conn->site->lingering, &conn->dev.unsettled);
}

/* The one way out of AUTH and OPEN: the hub hears of it, nothing of the device is touched afterwards. event: for the states of a session. */
static void end(struct hf_ws_conn *conn, enum hf_link_event event, enum hf_reason reason, uint16_t code,
                enum hf_evidence evidence, enum hf_err err)
{
    struct hf_ws_site *site = conn->site;

    if (conn->state > HF_WS_STATE_OPEN)
        return;
    conn->reason = (uint8_t)reason;
    site->stats.closes[reason]++;
    hf_ws_log(conn, "CLOSE", reason, code, err); /* with the state before */
    if (conn->session != NULL) {
        hf_ws_session_event(conn, event, reason);
        hf_ws_documents_end(conn);
        hf_ws_certificate_end(conn);
    }
    hf_ws_held_free(conn);
    hf_ws_assembly_clear(&conn->assembly, &site->open_config.memory);
    hf_ws_window_close(conn);
    hf_ws_extra_free(conn);
    conn->extra = NULL;
    if (conn->dev.device != NULL) {
        hf_hub_disconnected(site->hub, &conn->dev, evidence, reason, code, conn->last_life_ms);
        hf_ws_linger(conn);
    }
    hf_wheel_cancel(site->wheel, &conn->timer);
}

static void send_close(struct hf_ws_conn *conn, uint16_t code, enum hf_reason reason, struct hf_slice text)
{
    uint8_t payload[HF_WS_CLOSE_PAYLOAD_BYTES_MAX];
    const struct hf_reason_info *info = hf_reason_info(reason);
    size_t bytes = text.bytes > 0
                       ? hf_ws_close_payload(payload, code, text)
                       : hf_ws_close_payload_named(payload, code, hf_slice_of(info->name), info->retry_ms);

    (void)hf_ws_send_control(conn, HF_WS_OP_CLOSE, payload, bytes);
}

/* What our own close is to a session's states. */
static enum hf_link_event event_of(const struct hf_ws_conn *conn, enum hf_reason reason)
{
    if (conn->session == NULL || conn->session->state == HF_LINK_HANDSHAKING)
        return HF_LINK_EV_HS_FAIL;
    return reason == HF_REASON_HEARTBEAT_TIMEOUT ? HF_LINK_EV_SILENT
           : reason == HF_REASON_WRITE_TIMEOUT   ? HF_LINK_EV_LOST
                                                 : HF_LINK_EV_LOCAL_CLOSE;
}

static enum hf_evidence evidence_of(enum hf_reason reason)
{
    switch (reason) {
    case HF_REASON_HEARTBEAT_TIMEOUT:
    case HF_REASON_WRITE_TIMEOUT: return HF_EVIDENCE_SOCKET_LOST; /* nobody said goodbye */
    case HF_REASON_CREDENTIALS_EXPIRED:
    case HF_REASON_REVOKED: return HF_EVIDENCE_EXPIRED;
    case HF_REASON_DRAIN:
    case HF_REASON_RESTART: return HF_EVIDENCE_RESTART;
    default: return HF_EVIDENCE_BYE;
    }
}

static void say_close(struct hf_ws_conn *conn, enum hf_reason reason, uint16_t code, struct hf_slice text)
{
    if (conn->link == NULL)
        return;
    send_close(conn, code, reason, text);
    hf_ws_state(conn, HF_WS_STATE_CLOSING);
    conn->link->ops->resume_read(conn->link); /* the peer's Close must be seen */
    hf_ws_arm(conn);
}

/* code 0 = the reason's own. text: the reason text to send, absent = reason=<name>;retry_ms=<n>. */
void hf_ws_close(struct hf_ws_conn *conn, enum hf_reason reason, uint16_t code, struct hf_slice text)
{
    const struct hf_reason_info *info = hf_reason_info(reason);

    if (conn->state > HF_WS_STATE_OPEN)
        return;
    if (code == 0)
        code = info->ws_code ? info->ws_code : HF_WS_CODE_INTERNAL;
    if (conn->session != NULL && conn->link != NULL)
        hf_ws_session_bye(conn, reason, text);
    end(conn, event_of(conn, reason), reason, code, evidence_of(reason), HF_OK);
    say_close(conn, reason, code, text);
}

void hf_ws_peer_bye(struct hf_ws_conn *conn, enum hf_reason reason)
{
    const struct hf_reason_info *info = hf_reason_info(reason);
    uint16_t code = info->ws_code ? info->ws_code : HF_WS_CODE_NORMAL;

    if (conn->state > HF_WS_STATE_OPEN)
        return;
    end(conn, HF_LINK_EV_PEER_CLOSE, reason == HF_REASON_NORMAL ? reason : HF_REASON_PEER_CLOSED, code,
        HF_EVIDENCE_BYE, HF_OK);
    say_close(conn, reason, code, (struct hf_slice){NULL, 0});
}

void hf_ws_finish(struct hf_ws_conn *conn)
{
    hf_ws_state(conn, HF_WS_STATE_ENDING);
    conn->link->ops->resume_read(conn->link);
    conn->link->ops->finish(conn->link);
    hf_ws_arm(conn);
}

void hf_ws_peer_close(struct hf_ws_conn *conn, uint16_t code)
{
    uint8_t payload[HF_WS_CLOSE_PAYLOAD_BYTES_MAX];

    if (conn->state == HF_WS_STATE_CLOSING) {
        hf_ws_finish(conn);
        return;
    }
    if (conn->state > HF_WS_STATE_OPEN)
        return;
    bool normal = code == HF_WS_CODE_NORMAL || code == HF_WS_CODE_GOING_AWAY || code == HF_WS_CODE_NONE;
    end(conn, HF_LINK_EV_PEER_CLOSE, normal ? HF_REASON_NORMAL : HF_REASON_PEER_CLOSED, code, HF_EVIDENCE_BYE,
        HF_OK);
    (void)hf_ws_send_control(conn, HF_WS_OP_CLOSE, payload,
                             hf_ws_close_payload(payload, code, (struct hf_slice){"", 0}));
    hf_ws_finish(conn);
}

static void on_end(struct hf_link *link, enum hf_link_end link_end, int sys_errno)
{
    struct hf_ws_conn *conn = link->user;
    enum hf_reason reason = link_end == HF_LINK_END_EOF     ? HF_REASON_CONNECTION_LOST
                            : link_end == HF_LINK_END_RESET ? HF_REASON_CONNECTION_RESET
                                                            : HF_REASON_TLS_FAILED;

    (void)sys_errno;
    /* A Close frame may be in the same segment as the FIN: it was handled in on_data and this is its expected end. */
    end(conn, HF_LINK_EV_LOST, reason, HF_WS_CODE_ABNORMAL, HF_EVIDENCE_SOCKET_LOST, HF_ERR_CLOSED);
    over(conn);
    conn->link = NULL;
    conn->site->stats.ended++;
    hf_wheel_cancel(conn->site->wheel, &conn->timer);
    hf_ws_decoder_deinit(&conn->decoder);
    hf_ws_release(conn);
}

static bool may_read(struct hf_link *link)
{
    struct hf_ws_conn *conn = link->user;

    if (conn->state > HF_WS_STATE_OPEN)
        return true;
    if (conn->held != NULL) { /* what is held comes first */
        link->ops->pause_read(link);
        return false;
    }
    if (conn->site->ops->may_take(conn->site->context))
        return true;
    hf_ws_hold(conn, NULL, 0, 0); /* nothing was read yet: only the place in line is kept */
    return false;
}

static void on_drained(struct hf_link *link)
{
    struct hf_ws_conn *conn = link->user;

    if (conn->dev.device != NULL)
        hf_hub_drained(conn->site->hub, &conn->dev);
}

static void on_blocked(struct hf_link *link)
{
    hf_ws_arm(link->user); /* its timer must look at the progress now */
}
