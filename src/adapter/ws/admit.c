/* adapter/ws/admit.c - letting a device in: the 101, its identity, and its way to the worker that is its home. */
#include "adapter/ws/session.h"

#include <stdlib.h>

#include "adapter/ws/window.h"
#include "base/sb.h"
#include "codec/json/out.h"

static void write_greeting(struct hf_ws_conn *conn, const struct hf_ws_admit *admit,
                           const struct hf_ws_deflate *deflate)
{
    char text[1024];
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    hf_sb_text(&sb, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
    hf_sb_printf(&sb, "Sec-WebSocket-Accept: %s\r\n", admit->accept);
    if (admit->protocol != NULL)
        hf_sb_printf(&sb, "Sec-WebSocket-Protocol: %s\r\n", admit->protocol);
    if (deflate->on) {
        hf_sb_text(&sb, "Sec-WebSocket-Extensions: ");
        hf_ws_deflate_write_answer(deflate, &sb);
        hf_sb_text(&sb, "\r\n");
    }
    hf_sb_printf(&sb, "Holdfast-Connection: c_%016llx\r\n\r\n", (unsigned long long)admit->conn_id);
    HF_ASSERT(!sb.overflow);
    (void)conn->link->ops->write(conn->link, sb.at, sb.bytes);
}

void hf_ws_send_auth_ok(struct hf_ws_conn *conn, const struct hf_identity *identity)
{
    char text[HF_WS_OUT_HEAD_BYTES_MAX];
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_cstr(&out, "type", "auth_ok");
    hf_json_out_text(&out, "device", (struct hf_slice){identity->device, identity->device_bytes});
    if (identity->expires_ms != 0)
        hf_json_out_u64(&out, "expires_ms", identity->expires_ms);
    hf_json_out_end(&out);
    (void)hf_ws_send_text(conn, hf_sb_done(&sb));
}

static unsigned split_groups(const char *list, struct hf_slice groups[8])
{
    unsigned count = 0;

    for (const char *at = list; *at != '\0' && count < 8;) {
        size_t bytes = strcspn(at, ",");

        if (hf_id_valid((struct hf_slice){at, bytes}, HF_DEVICE_BYTES_MAX))
            groups[count++] = (struct hf_slice){at, bytes};
        at += bytes + (at[bytes] == ',');
    }
    return count;
}

static const char *protocol_of(enum hf_ws_mode mode)
{
    return mode == HF_WS_SESSION ? "holdfast.v1" : mode == HF_WS_SESSION_JSON ? "holdfast.v1.json" : "raw";
}

static struct hf_session_hello session_hello(const struct hf_session_rules *rules,
                                             const struct hf_frame_hello *hello)
{
    struct hf_session_hello session = {
        .downlink_position = hello->downlink_position,
        .queue_id = hello->queue_id,
        .uplink_first = hello->uplink_first,
        .uplink_next = hello->uplink_next,
        .window_messages = hello->window_messages,
        .window_bytes = HF_MIN(hello->window_bytes, (uint32_t)HF_WINDOW_BYTES_MAX),
        .uplink_window_messages = rules->window_messages,
        .uplink_window_bytes = rules->window_bytes,
        .resume_ms = rules->resume_ms,
    };

    memcpy(session.session_id, hello->session_id, sizeof(session.session_id));
    return session;
}

/* hello: NULL in raw mode. */
static hf_err admit_device(struct hf_ws_conn *conn, const struct hf_ws_admit *admit,
                           const struct hf_identity *identity, const struct hf_frame_hello *hello,
                           enum hf_reason *ret_reason)
{
    struct hf_session_hello session;
    struct hf_hub_connect connect = {
        .tenant = identity->tenant,
        .device = {identity->device, identity->device_bytes},
        .protocol = hf_slice_of(protocol_of((enum hf_ws_mode)conn->mode)),
        .trace = admit->trace[0] ? hf_slice_of(admit->trace) : (struct hf_slice){NULL, 0},
    };

    if (hello != NULL) {
        session = session_hello(
            &atomic_load_explicit(&identity->tenant->rules, memory_order_acquire)->session, hello);
        connect.hello = &session;
        connect.group_count = hello->group_count;
        memcpy(connect.groups, hello->groups, sizeof(connect.groups));
    }
    if (connect.group_count == 0)
        connect.group_count = split_groups(admit->groups, connect.groups);
    conn->expires_ms = identity->expires_ms;
    conn->dev.conn_id = admit->conn_id;
    conn->dev.ops = hello != NULL ? &hf_ws_session_ops : &hf_ws_devconn_ops;
    /* The compressor is shared, so its window is everyone's: who agreed to a smaller one gets messages as they are, and so does who has
     * one of their own. */
    conn->dev.variant =
        conn->mode == HF_WS_SESSION        ? HF_WS_VARIANT_SESSION
        : conn->mode == HF_WS_SESSION_JSON ? HF_WS_VARIANT_SESSION_JSON
        : admit->deflate.on && !hf_ws_window_deflates(conn) &&
                admit->deflate.server_max_window_bits >= conn->site->limits.deflate.server_max_window_bits
            ? HF_WS_VARIANT_DEFLATED
            : HF_WS_VARIANT_PLAIN;
    return hf_hub_connect(conn->site->hub, &conn->dev, &connect, ret_reason);
}

/* A session is let in by HELLO, who it is may be known or not. */
static bool admitted_at_once(const struct hf_ws_admit *admit)
{
    return admit->mode == HF_WS_RAW && admit->identity.tenant != NULL;
}

/* Into AUTH, or OPEN. HF_ERR_NOMEM, or why the hub does not want it. */
static hf_err begin(struct hf_ws_conn *conn, const struct hf_ws_admit *admit, enum hf_reason *ret_reason)
{
    if (admit->mode != HF_WS_RAW) {
        conn->session = hf_slab_take(conn->site->sessions);
        if (conn->session == NULL)
            return HF_ERR_NOMEM;
    }
    if (!admitted_at_once(admit)) {
        conn->admit = malloc(sizeof(*conn->admit));
        if (conn->admit == NULL)
            return HF_ERR_NOMEM;
        *conn->admit = *admit;
        hf_ws_linger(conn);
        return HF_OK;
    }
    hf_list_init(&conn->dev.unsettled);
    conn->state = HF_WS_STATE_OPEN; /* before extra: the union */
    if (hf_ws_extra_take(conn, admit, &admit->identity) != HF_OK)
        return HF_ERR_NOMEM;
    return admit_device(conn, admit, &admit->identity, NULL, ret_reason);
}

hf_err hf_ws_open(struct hf_ws_site *site, struct hf_link *link, const struct hf_ws_admit *admit,
                  enum hf_reason *ret_reason)
{
    struct hf_ws_conn *conn = hf_slab_take(site->conns);
    bool identified = admit->identity.tenant != NULL && !admit->identity.any;
    struct hf_ws_deflate deflate = admit->deflate;

    *ret_reason = HF_REASON_MEMORY_LIMIT;
    if (conn == NULL)
        return HF_ERR_LIMIT;
    conn->site = site;
    conn->link = link;
    conn->tls = admit->tls;
    conn->mode = (uint8_t)admit->mode;
    conn->last_life_ms = conn->state_ms = site->hub->now_ms;
    hf_timer_init(&conn->timer, hf_ws_on_timer);
    conn->dev.conn_id = admit->conn_id;
    if (conn->mode != HF_WS_RAW) /* frames to a session are not compressed, so no window of ours is needed */
        deflate.server_no_context_takeover = true;
    hf_ws_window_open(conn, identified && !admit->upgraded, &deflate);
    hf_err err = begin(conn, admit, ret_reason);
    if (err != HF_OK) {
        hf_ws_window_close(conn);
        hf_ws_extra_free(conn);
        hf_slab_give(site->sessions, conn->session);
        hf_slab_give(site->conns, conn);
        return err;
    }
    hf_ws_decoder_init(&conn->decoder, admitted_at_once(admit) ? &site->open_config : &site->auth_config,
                       admit->deflate.on);
    link->handler = &hf_ws_link_handler;
    link->user = conn;
    site->stats.opened++;
    if (!admit->upgraded)
        write_greeting(conn, admit, &deflate);
    else if (admitted_at_once(admit)) /* else HELLO has come along, and WELCOME will answer it */
        hf_ws_send_auth_ok(conn, &admit->identity);
    if (admitted_at_once(admit))
        hf_ws_log(conn, "OPEN", HF_REASON_CONNECTED, 0, HF_OK);
    hf_ws_arm(conn);
    return HF_OK;
}

/* ---- in-band ---- */

void hf_ws_refused(struct hf_ws_site *site, const struct hf_identity *identity, enum hf_reason reason)
{
    if (identity->tenant != NULL && identity->device_bytes > 0)
        hf_hub_refused(site->hub, identity->tenant->name,
                       (struct hf_slice){identity->device, identity->device_bytes}, reason);
}

bool hf_ws_check_token(struct hf_ws_conn *conn, struct hf_slice token, struct hf_identity *ret_identity)
{
    struct hf_ws_site *site = conn->site;
    const struct hf_device *device = conn->dev.device;
    struct hf_slice wanted = {NULL, 0};
    const char *check = "token";
    enum hf_reason reason = HF_REASON_CREDENTIALS_MISSING;

    *ret_identity = (struct hf_identity){0};
    if (device != NULL)
        wanted = (struct hf_slice){device->id, device->id_bytes};
    else if (conn->admit->identity.device_bytes > 0)
        wanted = (struct hf_slice){conn->admit->identity.device, conn->admit->identity.device_bytes};
    if (token.bytes > 0)
        reason = (conn->mode == HF_WS_RAW ? hf_auth_device : hf_auth_device_later)(
            site->auth, token, NULL, wanted, site->hub->utc_ms, ret_identity, &check);
    if (reason == HF_REASON_NONE && device != NULL && ret_identity->tenant != device->tenant)
        reason = HF_REASON_IDENTITY_MISMATCH;
    if (reason == HF_REASON_NONE && device == NULL && conn->admit->identity.tenant != NULL &&
        ret_identity->tenant != conn->admit->identity.tenant) /* the request has said whose it is */
        reason = HF_REASON_IDENTITY_MISMATCH;
    if (reason == HF_REASON_NONE) {
        site->stats.auth_in_band++;
        return true;
    }
    site->stats.auth_refused++;
    hf_ws_refused(site, ret_identity, reason);
    hf_ws_close(conn, reason, 0, (struct hf_slice){NULL, 0});
    return false;
}

bool hf_ws_prolong(struct hf_ws_conn *conn, const struct hf_identity *identity)
{
    if (hf_ws_use_credential(conn, identity->credential_hash) != HF_OK) {
        hf_ws_close(conn, HF_REASON_MEMORY_LIMIT, 0, (struct hf_slice){NULL, 0});
        return false;
    }
    conn->expires_ms = identity->expires_ms;
    hf_ws_arm(conn);
    return true;
}

hf_err hf_ws_authenticated(struct hf_ws_conn *conn, const struct hf_identity *identity,
                           const struct hf_frame_hello *hello, enum hf_reason *ret_reason)
{
    struct hf_ws_admit *admit = conn->admit;

    HF_ASSERT(conn->state == HF_WS_STATE_AUTH);
    hf_ws_state(conn, HF_WS_STATE_OPEN);
    conn->extra = NULL;
    hf_err err = HF_ERR_NOMEM;
    *ret_reason = HF_REASON_MEMORY_LIMIT;
    hf_list_remove(&conn->dev.unsettled);
    if (hf_ws_extra_take(conn, admit, identity) == HF_OK)
        err = admit_device(conn, admit, identity, hello, ret_reason);
    free(admit);
    if (err != HF_OK) {
        hf_ws_linger(conn);
        return err;
    }
    if (hello == NULL) { /* a session is established with WELCOME */
        hf_ws_decoder_set_config(&conn->decoder, &conn->site->open_config);
        hf_ws_send_auth_ok(conn, identity);
        hf_ws_log(conn, "OPEN", HF_REASON_CONNECTED, 0, HF_OK);
    }
    hf_ws_arm(conn);
    return HF_OK;
}

bool hf_ws_move_home(struct hf_ws_conn *conn, const struct hf_identity *identity, const uint8_t *rest,
                     size_t rest_bytes)
{
    struct hf_ws_site *site = conn->site;
    struct hf_ws_admit *admit = conn->admit;

    HF_ASSERT(conn->state == HF_WS_STATE_AUTH);
    admit->identity = *identity;
    admit->upgraded = true;
    if (site->ops->move(site->context, conn->link, admit, rest, rest_bytes) != HF_OK) {
        hf_ws_close(conn, HF_REASON_BUSY, 0, (struct hf_slice){NULL, 0});
        return false;
    }
    conn->admit = NULL; /* travels with the connection */
    conn->link = NULL;
    site->stats.ended++; /* here; its home counts it as opened once more */
    hf_wheel_cancel(site->wheel, &conn->timer);
    hf_ws_decoder_deinit(&conn->decoder);
    hf_ws_release(conn); /* takes it off the list, too */
    return true;
}
