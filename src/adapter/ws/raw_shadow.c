/* adapter/ws/raw_shadow.c - shadows of a device in raw mode (doc/devices.md): what it says under $shadow/update and $shadow/get is a call to its home worker, which is this one;
 * the connection's memory waits for the answer, which is dropped when the connection has ended meanwhile. */
#include <stdlib.h>

#include "adapter/ws/conn.h"
#include "adapter/ws/session.h"
#include "adapter/ws/shadow.h"

struct raw_ask { /* lies before what the call borrows, in its storage */
    struct hf_ws_conn *conn;
    bool push; /* what it lacks is told as $shadow/delta */
    uint8_t id_bytes;
    char id[HF_WS_CLIENT_ID_BYTES_MAX]; /* a JSON value, as the device spelled it */
};

static const char prefix[] = "$shadow/";

bool hf_ws_is_shadow_topic(struct hf_slice topic)
{
    return topic.bytes >= sizeof(prefix) - 1 && memcmp(topic.at, prefix, sizeof(prefix) - 1) == 0;
}

bool hf_ws_raw_takes_shadow(const struct hf_devconn *devconn, struct hf_slice name)
{
    (void)name;
    return HF_CONTAINER_OF(devconn, const struct hf_ws_conn, dev)->shadow;
}

/* ---- answers ---- */

static void ack(struct hf_ws_conn *conn, const struct raw_ask *ask, const struct hf_call *call)
{
    char text[HF_WS_OUT_HEAD_BYTES_MAX];
    struct hf_slice refused = hf_slice_of(call->document.refused);
    char *large = refused.bytes > 0 ? malloc(sizeof(text) + refused.bytes) : NULL;
    struct hf_sb sb;

    if (large == NULL) /* without memory for the rest it says what is stored */
        refused.bytes = 0;
    hf_sb_init(&sb, large != NULL ? large : text, sizeof(text) + refused.bytes);
    hf_sb_text(&sb, "{\"type\":\"ack\",\"id\":");
    hf_sb_add(&sb, ask->id, ask->id_bytes);
    hf_sb_text(&sb, ",\"version\":");
    hf_sb_u64(&sb, call->document.version);
    if (refused.bytes > 0) {
        hf_sb_text(&sb, ",\"refused\":");
        hf_sb_slice(&sb, refused);
    }
    hf_sb_char(&sb, '}');
    HF_ASSERT(!sb.overflow);
    if (hf_ws_send_text(conn, hf_sb_done(&sb)) == HF_OK)
        conn->site->stats.acks_out++;
    free(large);
}

static void refuse(struct hf_ws_conn *conn, const struct raw_ask *ask, const struct hf_call *call)
{
    hf_ws_send_error(conn, (enum hf_reason)call->reason, (struct hf_slice){ask->id, ask->id_bytes},
                     call->reason == HF_REASON_VERSION_CONFLICT
                         ? "the shadow has another version; ask with $shadow/get"
                         : hf_reason_info(call->reason)->text);
}

/* What it lacks, before the ack that names the version. False: a slow reader has no room for it, and must not think that it knows that version. */
static bool tell(struct hf_ws_conn *conn, const struct hf_call *call)
{
    struct hf_outgoing outgoing = {.kind = HF_OUT_SHADOW,
                                   .class = HF_CLASS_MESSAGE,
                                   .flags = HF_EVENT_FLAG_TEXT,
                                   .topic = call->topic,
                                   .payload = {call->result, call->result_bytes},
                                   .seq = call->document.version};

    return call->reason != HF_REASON_NONE || call->result_bytes == 0 ||
           hf_hub_tell_now(conn->site->hub, &conn->dev, &outgoing);
}

/* Who follows its deltas gets this one when there is room; a question of one who does not, or that has to be answered by its id, is refused. */
static void untold(struct hf_ws_conn *conn, const struct raw_ask *ask, struct hf_call *call)
{
    if (conn->shadow && ask->id_bytes == 0)
        hf_hub_shadow_untold(conn->site->hub, &conn->dev, call->topic);
    else
        call->reason = HF_REASON_BUSY;
}

static void on_done(struct hf_call *call)
{
    struct raw_ask *ask = call->storage;
    struct hf_ws_conn *conn = ask->conn;
    bool none = call->reason == HF_REASON_NOT_FOUND && !call->document.change;

    conn->shadow_calls--;
    if (conn->state == HF_WS_STATE_OPEN && conn->link != NULL && ask->push && !tell(conn, call))
        untold(conn, ask, call);
    if (conn->state == HF_WS_STATE_OPEN && conn->link != NULL) {
        if (call->reason != HF_REASON_NONE && !none)
            refuse(conn, ask, call);
        else if (ask->id_bytes > 0)
            ack(conn, ask, call);
    }
    hf_ws_release(conn);
    hf_call_free(call);
}

/* ---- questions and changes ---- */

static struct hf_call *call_new(struct hf_ws_conn *conn, const struct hf_ws_shadow_ask *shadow)
{
    const struct hf_device *device = conn->dev.device;
    struct hf_slice name = {device->id, device->id_bytes};
    struct hf_call *call = hf_call_new(HF_CALL_DOCUMENT, sizeof(struct raw_ask) + name.bytes +
                                                             shadow->name.bytes + shadow->json.bytes);

    if (call == NULL)
        return NULL;
    struct raw_ask *ask = call->storage;
    char *at = (char *)(ask + 1);
    *ask = (struct raw_ask){.conn = conn};
    call->tenant = device->tenant->name;
    call->device = call->key = (struct hf_slice){memcpy(at, name.at, name.bytes), name.bytes};
    at += name.bytes;
    if (shadow->name.bytes > 0)
        call->topic = (struct hf_slice){memcpy(at, shadow->name.at, shadow->name.bytes), shadow->name.bytes};
    at += shadow->name.bytes;
    if (shadow->json.bytes > 0)
        call->payload =
            (struct hf_slice){memcpy(at, shadow->json.at, shadow->json.bytes), shadow->json.bytes};
    call->document = (struct hf_call_document){.shadow = true,
                                               .change = !shadow->question,
                                               .kind = shadow->kind,
                                               .sections = HF_WS_SHADOW_SECTIONS,
                                               .base_version = shadow->version,
                                               .conn = conn->dev.conn_id,
                                               .epoch = device->epoch};
    call->on_done = on_done;
    return call;
}

/* Takes the call. False: it could not go on its way. */
static bool make(struct hf_ws_conn *conn, struct hf_call *call)
{
    struct hf_ws_site *site = conn->site;

    if (call == NULL || site->ops->call == NULL || conn->shadow_calls >= HF_WS_DOCUMENT_CALLS_MAX) {
        site->stats.document_calls_refused++;
        hf_call_free(call);
        return false;
    }
    conn->shadow_calls++;
    if (site->ops->call(site->context, call) == HF_OK)
        return true;
    conn->shadow_calls--;
    hf_call_free(call);
    return false;
}

const char *hf_ws_raw_shadow(struct hf_ws_conn *conn, struct hf_slice topic, struct hf_slice json,
                             const struct hf_json_field *id, enum hf_reason *ret_reason)
{
    bool get = hf_slice_is(topic, "$shadow/get");
    struct hf_ws_shadow_ask shadow = {.json = json, .kind = HF_PATCH_MERGE, .question = json.bytes == 0};
    uint32_t wait_ms = 0;

    *ret_reason = HF_REASON_BAD_REQUEST;
    if (!get && !hf_slice_is(topic, "$shadow/update"))
        return "topics of the shadow are $shadow/update and $shadow/get; $shadow/delta is told";
    if (id != NULL && ((id->type != HF_JSON_STRING && id->type != HF_JSON_NUMBER) ||
                       id->raw.bytes > HF_WS_CLIENT_ID_BYTES_MAX))
        return "id must be a number or a string of at most 62 bytes";
    if (!hf_ws_shadow_parse(&shadow) || shadow.question != get)
        return get ? "payload must be {} with name and version, both optional"
                   : "payload must have reported, desired or patch";
    if (!hf_hub_uplink_take(conn->site->hub, &conn->dev, &wait_ms)) {
        *ret_reason = HF_REASON_RATE_LIMIT;
        return "too many messages at once";
    }
    struct hf_call *call = call_new(conn, &shadow);
    if (call != NULL && id != NULL) {
        struct raw_ask *ask = call->storage;

        ask->id_bytes = (uint8_t)id->raw.bytes;
        memcpy(ask->id, id->raw.at, id->raw.bytes);
    }
    if (call != NULL)
        ((struct raw_ask *)call->storage)->push = get;
    *ret_reason = HF_REASON_BUSY;
    return make(conn, call) ? NULL : "too many changes of shadows are on their way";
}

bool hf_ws_raw_shadow_subscribe(struct hf_ws_conn *conn, struct hf_slice topic, bool on)
{
    const struct hf_ws_shadow_ask shadow = {.question = true};

    if (!hf_slice_is(topic, "$shadow/delta"))
        return false;
    bool news = on && !conn->shadow;
    conn->shadow = on;
    if (!news)
        return true;
    struct hf_call *call = call_new(conn, &shadow); /* no memory: it hears of the next change */
    if (call != NULL)
        ((struct raw_ask *)call->storage)->push = true;
    (void)make(conn, call);
    return true;
}
