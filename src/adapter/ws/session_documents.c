/* adapter/ws/session_documents.c - documents of a device and of its group, and its shadows (PATCH and DELTA, [9]). A document lives at its home worker, which may be another one:
 * a PATCH is a call that travels there, and the connection may be gone when the answer is back. After WELCOME each document is read once from the version that the
 * device has; until that is answered nothing is told of its changes, which the answer has anyhow. */
#include "adapter/ws/session.h"
#include "adapter/ws/shadow.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/uuid.h"
#include "core/access.h"
#include "core/document/document.h"

enum { CONTEXTS = 1 << HF_DOCUMENT_CONTEXT | 1 << HF_DOCUMENT_GROUP, SHADOW = 1 << HF_DOCUMENT_SHADOW };

struct hf_ws_documents {
    struct hf_ws_conn *conn;
    struct hf_list_node calls;                 /* struct ask */
    uint64_t versions[HF_DOCUMENT_SHADOW + 1]; /* that the device has, as HELLO said */
    uint64_t retry_ms;      /* reads that could not be done are made again; 0 = there are none */
    uint8_t open;           /* calls on their way, or whose answer waits for room */
    uint8_t untold;         /* of them: answers for which the link had no room */
    uint8_t offered;        /* by 1 << document: those that the device takes part in */
    uint8_t unread, asking; /* the same: not answered yet; on their way */
    bool alone;             /* nobody else was in the group when it came */
    uint16_t group_bytes;   /* 0 = it has none */
    char group[];           /* "group/NAME" */
};

static const struct hf_slice none = {NULL, 0};

struct ask { /* lies before what the call borrows, in its storage */
    struct hf_list_node node;
    struct hf_call *call;
    struct hf_ws_site *site;
    struct hf_ws_documents *documents; /* not looked at once the call is abandoned */
    uint32_t request;                  /* 0 = read after WELCOME */
    uint32_t bytes;                    /* counted in document_bytes_now */
    uint16_t reason;                   /* of the answer that found no room; NONE also before it */
    uint8_t document;
    bool untold, again; /* there was no room for its answer; it is asked for anew */
    bool change;        /* it was one, and was judged when it came, not when it is asked for anew */
};

static const struct hf_tenant_rules *rules_of(const struct hf_ws_conn *conn)
{
    return atomic_load_explicit(&conn->dev.device->tenant->rules, memory_order_acquire);
}

static struct hf_slice device_name(const struct hf_ws_conn *conn)
{
    return (struct hf_slice){conn->dev.device->id, conn->dev.device->id_bytes};
}

static struct hf_slice name_of(const struct hf_ws_documents *documents, unsigned document)
{
    return document == HF_DOCUMENT_GROUP ? (struct hf_slice){documents->group, documents->group_bytes}
                                         : device_name(documents->conn);
}

/* Who takes part in a group's document may hear its topic, and who changes it may speak there; the device's own needs no rule. */
static bool allowed(const struct hf_ws_documents *documents, unsigned document, bool change)
{
    const struct hf_access_rules *access = rules_of(documents->conn)->access;
    struct hf_slice device = device_name(documents->conn), topic = name_of(documents, document);

    return document != HF_DOCUMENT_GROUP || access == NULL ||
           (hf_access_allowed(access, device, topic, HF_ACCESS_DOWN) &&
            (!change || hf_access_allowed(access, device, topic, HF_ACCESS_UP)));
}

/* ---- calls ---- */

static bool tell(struct hf_ws_documents *documents, const struct ask *ask, const struct hf_call *call);
static void again_later(struct hf_ws_documents *documents);

/* The named shadow that it changed, or wanted to, went before its answer could be told: it is told as any end is. Without memory for that it says only what became of the change. */
static void answer_gone(const struct ask *ask, struct hf_call *call)
{
    static const char end[] = "{\"name\":\"%.*s\",\"version\":0,\"delta\":{}}";
    size_t room = sizeof(end) + HF_SHADOW_NAME_BYTES_MAX;

    call->reason = ask->reason;
    call->document.version = 0;
    if (!call->document.shadow || call->topic.bytes == 0 || (call->result = malloc(room)) == NULL)
        return;
    call->result_bytes = (size_t)snprintf(call->result, room, end, (int)call->topic.bytes, call->topic.at);
}

/* It keeps its place among those on their way, so there are never more of them. */
static void put_off(struct ask *ask)
{
    ask->untold = true;
    ask->documents->untold++;
    ask->documents->conn->dev.answers = true;
    ask->site->stats.document_answers_put_off++;
}

static void on_done(struct hf_call *call)
{
    struct ask *ask = call->maker;
    bool told = true;

    if (!call->abandoned && ask->again &&
        (call->reason == HF_REASON_BUSY || call->reason == HF_REASON_MEMORY_LIMIT)) {
        put_off(ask); /* what it asked for first was done, or not: this says nothing of it */
        again_later(ask->documents);
        return;
    }
    if (!call->abandoned) {
        if (call->reason == HF_REASON_NONE)
            call->reason = ask->reason;
        else if (ask->again && ask->change && call->reason == HF_REASON_NOT_FOUND)
            answer_gone(ask, call);
        told = tell(ask->documents, ask, call);
    }
    if (!call->abandoned && !told) {
        ask->reason = call->reason;
        put_off(ask);
        return;
    }
    if (!call->abandoned) {
        hf_list_remove(&ask->node);
        ask->documents->open--;
    }
    ask->site->stats.document_bytes_now -= ask->bytes;
    hf_call_free(call);
}

/* shadow: its name, of a document SHADOW. */
static struct hf_call *call_new(struct hf_ws_documents *documents, unsigned document, struct hf_slice shadow,
                                struct hf_slice json)
{
    struct hf_ws_conn *conn = documents->conn;
    struct hf_slice name = name_of(documents, document), device = device_name(conn);
    struct hf_call *call = hf_call_new(HF_CALL_DOCUMENT, sizeof(struct ask) + name.bytes + device.bytes +
                                                             json.bytes + shadow.bytes);

    if (call == NULL)
        return NULL;
    struct ask *ask = call->storage;
    char *at = (char *)(ask + 1);
    *ask =
        (struct ask){.call = call, .site = conn->site, .documents = documents, .document = (uint8_t)document};
    hf_list_init(&ask->node);
    call->tenant = conn->dev.device->tenant->name;
    call->device = (struct hf_slice){memcpy(at, name.at, name.bytes), name.bytes};
    call->key = (struct hf_slice){memcpy(at + name.bytes, device.at, device.bytes), device.bytes};
    call->payload = (struct hf_slice){at + name.bytes + device.bytes, json.bytes};
    if (json.bytes > 0)
        memcpy(at + name.bytes + device.bytes, json.at, json.bytes);
    if (shadow.bytes > 0)
        call->topic = (struct hf_slice){
            memcpy(at + name.bytes + device.bytes + json.bytes, shadow.at, shadow.bytes), shadow.bytes};
    call->document.conn = conn->dev.conn_id;
    if (document == HF_DOCUMENT_SHADOW) {
        call->document.shadow = true;
        call->document.sections = HF_WS_SHADOW_SECTIONS;
        call->document.epoch = conn->dev.device->epoch;
    }
    call->maker = ask;
    call->on_done = on_done;
    return call;
}

/* Takes the call. False: it could not go on its way. Its answer may be told, and the connection closed over it, before this returns. */
static bool make(struct hf_ws_documents *documents, struct hf_call *call, size_t bytes)
{
    struct hf_ws_site *site = documents->conn->site;
    struct ask *ask = call->maker;

    if (documents->open >= HF_WS_DOCUMENT_CALLS_MAX ||
        site->stats.document_bytes_now + bytes > HF_WS_DOCUMENT_BYTES_TOTAL_MAX) {
        hf_call_free(call);
        return false;
    }
    ask->bytes = (uint32_t)bytes;
    site->stats.document_bytes_now += bytes;
    hf_list_push_back(&documents->calls, &ask->node);
    documents->open++;
    if (site->ops->call(site->context, call) == HF_OK)
        return true;
    hf_list_remove(&ask->node);
    documents->open--;
    site->stats.document_bytes_now -= bytes;
    hf_call_free(call);
    return false;
}

/* ---- reads after WELCOME ---- */

static void again_later(struct hf_ws_documents *documents)
{
    documents->retry_ms = documents->conn->site->hub->now_ms + HF_WS_DOCUMENT_RETRY_MS;
    hf_ws_arm(documents->conn);
}

/* False: the connection was closed over the answer. */
static bool read_one(struct hf_ws_conn *conn, unsigned document)
{
    struct hf_ws_documents *documents = conn->session->documents;
    struct hf_call *call = call_new(documents, document, none, none);

    if (call != NULL) {
        call->document.base_version = documents->versions[document];
        call->document.first = document == HF_DOCUMENT_CONTEXT || documents->alone;
        documents->asking |= (uint8_t)(1 << document);
    }
    if (call == NULL || !make(documents, call, 0)) {
        documents->asking &= (uint8_t) ~(1 << document);
        again_later(documents);
    }
    return conn->session->documents == documents;
}

static void read_all(struct hf_ws_conn *conn)
{
    struct hf_ws_documents *documents = conn->session->documents;

    documents->retry_ms = 0;
    for (unsigned document = HF_DOCUMENT_CONTEXT; document <= HF_DOCUMENT_SHADOW; document++)
        if ((documents->unread & ~documents->asking & 1 << document) != 0 && !read_one(conn, document))
            return;
}

void hf_ws_documents_welcomed(struct hf_ws_conn *conn)
{
    struct hf_ws_documents *documents = conn->session->documents;

    if (documents == NULL)
        return;
    documents->unread = documents->offered;
    if (documents->group_bytes == 0 || !allowed(documents, HF_DOCUMENT_GROUP, false))
        documents->unread &= (uint8_t) ~(1 << HF_DOCUMENT_GROUP);
    read_all(conn);
}

uint64_t hf_ws_documents_due_ms(const struct hf_ws_conn *conn)
{
    const struct hf_ws_documents *documents = conn->session->documents;

    return documents != NULL && documents->retry_ms != 0 ? documents->retry_ms : UINT64_MAX;
}

void hf_ws_documents_tick(struct hf_ws_conn *conn, uint64_t now_ms)
{
    if (now_ms < hf_ws_documents_due_ms(conn))
        return;
    read_all(conn);
    if (conn->state == HF_WS_STATE_OPEN)
        hf_ws_documents_settle(conn);
}

/* ---- answers ---- */

/* False: there was no room for it, and it is told when there is. */
static bool tell_delta(struct hf_ws_conn *conn, const struct ask *ask, const struct hf_call *call)
{
    const struct hf_call_document *document = &call->document;
    struct hf_outgoing outgoing = {
        .kind = document->shadow ? HF_OUT_SHADOW : HF_OUT_DOCUMENT,
        .class = HF_CLASS_MESSAGE,
        .format = document->kind,
        .id = document->shadow ? NULL : document->snapshot_id,
        .topic = document->shadow ? call->topic : call->device,
        .payload = {call->result, call->result_bytes},
        .seq = document->version,
        .from_version =
            document->kind == HF_PATCH_FULL && call->result_bytes > 0 ? 0 : document->base_version,
        .request = ask->request,
        .reason = call->reason,
    };

    return hf_hub_tell_now(conn->site->hub, &conn->dev, &outgoing);
}

/* The answer of a read that nobody asked for: told only when it says something new. */
static void tell_read(struct hf_ws_documents *documents, const struct ask *ask, const struct hf_call *call)
{
    struct hf_ws_conn *conn = documents->conn;
    bool gone = call->reason == HF_REASON_NOT_FOUND;

    documents->asking &= (uint8_t) ~(1 << ask->document);
    if (call->reason != HF_REASON_NONE && !gone) {
        again_later(documents);
        return;
    }
    documents->unread &= (uint8_t) ~(1 << ask->document);
    bool news = gone ? documents->versions[ask->document] != 0 : call->result_bytes > 0;
    if (!news || tell_delta(conn, ask, call) || conn->session->documents != documents)
        return;
    documents->unread |= (uint8_t)(1 << ask->document); /* there was no room for it */
    again_later(documents);
}

static bool tell(struct hf_ws_documents *documents, const struct ask *ask, const struct hf_call *call)
{
    if (ask->request != 0)
        return tell_delta(documents->conn, ask, call);
    tell_read(documents, ask, call);
    return true;
}

/* An answer for which there was no room, as the document is now: what was told of it meanwhile is not older. False: its home takes no question at present. */
static bool tell_again(struct ask *ask)
{
    struct hf_call *call = ask->call;
    bool shown = ask->reason == HF_REASON_NONE || ask->reason == HF_REASON_VERSION_CONFLICT;

    ask->untold = false;
    ask->documents->untold--;
    if (!shown) { /* it says nothing of the document */
        on_done(call);
        return true;
    }
    free(call->result);
    call->result = NULL;
    call->result_bytes = 0;
    call->reason = HF_REASON_NONE;
    ask->change |= call->document.change;
    call->document.change = false;
    if (call->document.shadow || ask->reason == HF_REASON_VERSION_CONFLICT)
        call->document.base_version = 0; /* all of it */
    ask->again = true;
    if (ask->site->ops->call(ask->site->context, call) == HF_OK)
        return true;
    put_off(ask);
    return false;
}

void hf_ws_documents_settle(struct hf_ws_conn *conn)
{
    struct hf_ws_documents *documents = conn->session->documents;
    unsigned before = 0;

    while (documents != NULL && documents->untold > 0 && documents->untold != before &&
           hf_ws_queued_bytes(&conn->dev) <= rules_of(conn)->queue_low_bytes) {
        struct hf_list_node *at = documents->calls.next;

        while (!HF_CONTAINER_OF(at, struct ask, node)->untold)
            at = at->next;
        before = documents->untold;
        if (!tell_again(HF_CONTAINER_OF(at, struct ask, node)))
            again_later(documents);
        documents = conn->session->documents; /* it may be over */
    }
    conn->dev.answers = documents != NULL && documents->untold > 0;
}

bool hf_ws_takes_document(const struct hf_devconn *devconn, struct hf_slice name)
{
    const struct hf_ws_conn *conn = HF_CONTAINER_OF(devconn, const struct hf_ws_conn, dev);
    const struct hf_ws_documents *documents = conn->session->documents;

    if (documents == NULL)
        return false;
    for (unsigned document = HF_DOCUMENT_CONTEXT; document <= HF_DOCUMENT_GROUP; document++)
        if (hf_slice_eq(name, name_of(documents, document)))
            return (documents->offered & ~documents->unread & 1 << document) != 0;
    return false;
}

/* The unnamed one is read first, and has then what was changed meanwhile. For the others it asks itself, and a delta is whole: it needs nothing to stand on. */
bool hf_ws_takes_shadow(const struct hf_devconn *devconn, struct hf_slice name)
{
    const struct hf_ws_conn *conn = HF_CONTAINER_OF(devconn, const struct hf_ws_conn, dev);
    const struct hf_ws_documents *documents = conn->session->documents;

    if (documents == NULL)
        return false;
    return (documents->offered & (name.bytes > 0 ? SHADOW : ~documents->unread & SHADOW)) != 0;
}

/* ---- PATCH ---- */

static void refuse(struct hf_ws_conn *conn, const struct hf_frame_patch *patch, enum hf_reason reason)
{
    struct hf_frame delta = {.type = HF_FRAME_DELTA};

    delta.as.delta = (struct hf_frame_delta){.request = patch->request,
                                             .document = patch->document,
                                             .kind = HF_PATCH_FULL,
                                             .reason = (uint16_t)reason};
    (void)hf_ws_session_send(conn, &delta);
}

static enum hf_reason judge(const struct hf_ws_documents *documents, const struct hf_frame_patch *patch)
{
    unsigned bit = patch->document <= HF_DOCUMENT_SHADOW ? 1U << patch->document : 0;

    if (documents == NULL ||
        (bit != 0 && patch->document != HF_DOCUMENT_NONE && (documents->offered & bit) == 0))
        return HF_REASON_NOT_IMPLEMENTED;
    if ((bit & (CONTEXTS | SHADOW)) == 0)
        return HF_REASON_BAD_REQUEST;
    if (patch->kind > HF_PATCH_JSON || patch->merge >= HF_MERGES)
        return HF_REASON_BAD_REQUEST;
    if (patch->document == HF_DOCUMENT_GROUP && documents->group_bytes == 0)
        return HF_REASON_NOT_FOUND;
    if (!allowed(documents, patch->document, patch->json.bytes > 0))
        return HF_REASON_FORBIDDEN;
    return patch->json.bytes > (patch->document == HF_DOCUMENT_SHADOW ? (size_t)HF_SHADOW_CHANGE_BYTES_MAX
                                                                      : (size_t)HF_DOCUMENT_BYTES_MAX)
               ? HF_REASON_MESSAGE_TOO_BIG
               : HF_REASON_NONE;
}

bool hf_ws_session_patch(struct hf_ws_conn *conn, const struct hf_frame_patch *patch, bool not_json,
                         uint32_t *ret_wait_ms)
{
    struct hf_ws_site *site = conn->site;
    struct hf_ws_documents *documents = conn->session->documents;
    struct hf_ws_shadow_ask shadow = {.json = patch->json,
                                      .kind = patch->kind,
                                      .version = patch->base_version,
                                      .question = patch->json.bytes == 0};
    uint8_t random[HF_UUID_RANDOM_BYTES];

    if (!hf_hub_uplink_take(site->hub, &conn->dev, ret_wait_ms))
        return false;
    if (patch->request == 0) {
        hf_ws_session_refuse(conn, 0, HF_REASON_BAD_REQUEST, "the request of a PATCH must not be 0");
        return true;
    }
    if (patch->document == HF_DOCUMENT_CERTIFICATE) {
        hf_ws_certificate_patch(conn, patch, not_json);
        return true;
    }
    enum hf_reason reason = judge(documents, patch);
    if (reason == HF_REASON_NONE &&
        (not_json || (patch->document == HF_DOCUMENT_SHADOW && !hf_ws_shadow_parse(&shadow))))
        reason = HF_REASON_BAD_REQUEST;
    if (reason != HF_REASON_NONE) {
        refuse(conn, patch, reason);
        return true;
    }
    struct hf_call *call = call_new(documents, patch->document, shadow.name, shadow.json);
    if (call == NULL) {
        refuse(conn, patch, HF_REASON_MEMORY_LIMIT);
        return true;
    }
    site->ops->random(site->context, random, sizeof(random));
    hf_uuid7(call->id, site->hub->utc_ms, random);
    ((struct ask *)call->maker)->request = patch->request;
    call->document.change = !shadow.question;
    call->document.kind = shadow.kind;
    call->document.merge = patch->merge;
    call->document.ttl_ms = patch->ttl_ms;
    call->document.base_version = shadow.version;
    if (!make(documents, call, patch->json.bytes)) {
        site->stats.document_calls_refused++;
        refuse(conn, patch, HF_REASON_BUSY);
    }
    return true;
}

/* ---- life ---- */

uint32_t hf_ws_documents_begin(struct hf_ws_conn *conn, struct hf_tenant *tenant,
                               const struct hf_frame_hello *hello)
{
    static const char prefix[] = "group/";
    struct hf_hub *hub = conn->site->hub;
    struct hf_slice group = hello->group_count > 0 ? hello->groups[0] : (struct hf_slice){NULL, 0};
    size_t bytes =
        group.bytes > 0 && group.bytes <= HF_GROUP_BYTES_MAX ? sizeof(prefix) - 1 + group.bytes : 0;
    uint32_t granted = hello->capabilities & (HF_CAP_DOCUMENTS | HF_CAP_SHADOW);
    struct hf_ws_documents *documents =
        granted != 0 && conn->site->ops->call != NULL ? calloc(1, sizeof(*documents) + bytes) : NULL;

    if (documents == NULL)
        return 0;
    documents->conn = conn;
    documents->offered =
        (uint8_t)((granted & HF_CAP_DOCUMENTS ? CONTEXTS : 0) | (granted & HF_CAP_SHADOW ? SHADOW : 0));
    documents->unread = documents->offered;
    documents->group_bytes = (uint16_t)bytes;
    hf_list_init(&documents->calls);
    if (bytes > 0) {
        memcpy(documents->group, prefix, sizeof(prefix) - 1);
        memcpy(documents->group + sizeof(prefix) - 1, group.at, group.bytes);
        documents->alone = !hub->options.ops->listened(hub->options.context, tenant,
                                                       (struct hf_slice){documents->group, bytes});
    }
    for (unsigned i = 0; i < hello->document_count; i++)
        if (hello->documents[i].document < HF_COUNT_OF(documents->versions))
            documents->versions[hello->documents[i].document] = hello->documents[i].version;
    conn->session->documents = documents;
    return granted;
}

static void on_left(struct hf_call *call)
{
    hf_call_free(call);
}

/* Its time to live counts from here on, if nobody else is there. */
static void leave_group(struct hf_ws_documents *documents)
{
    struct hf_ws_site *site = documents->conn->site;
    struct hf_call *call = call_new(documents, HF_DOCUMENT_GROUP, none, none);

    if (call == NULL)
        return; /* it ends a little early */
    call->document.leave = true;
    call->on_done = on_left;
    if (site->ops->call(site->context, call) != HF_OK)
        hf_call_free(call);
}

void hf_ws_documents_end(struct hf_ws_conn *conn)
{
    struct hf_ws_documents *documents = conn->session->documents;
    struct hf_list_node *node;

    if (documents == NULL)
        return;
    while ((node = hf_list_pop_front(&documents->calls)) != NULL) {
        struct ask *ask = HF_CONTAINER_OF(node, struct ask, node);

        ask->call->abandoned = true;
        if (ask->untold)
            on_done(ask->call);
    }
    if (conn->dev.device != NULL && documents->group_bytes > 0 && (documents->offered & CONTEXTS))
        leave_group(documents);
    conn->session->documents = NULL;
    free(documents);
}
