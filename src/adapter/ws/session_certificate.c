/* adapter/ws/session_certificate.c - the device's next certificate, over the session that it holds with the present one ([9], PATCH and DELTA of document 4). Of the device's request only the public key is
 * taken, which another thread does: who it is for, the session says. Who may ask, and when, is judged here (core/renewal.h). A certificate is in the log before it goes down. */
#include "adapter/ws/session.h"

#include <stdlib.h>

#include "codec/json/out.h"

enum {
    DETAILS_BYTES_MAX = 1024, /* of the record */
    REFUSAL_BYTES_MAX = 512,  /* of an answer without a certificate */
    ISSUED_BYTES_MAX = 256,   /* of one with, beside the chain */
};

struct renewal { /* lies before what the call borrows, in its storage */
    struct hf_list_node node;
    struct hf_call *call;
    struct hf_ws_site *site;
    struct hf_ws_conn *conn; /* not looked at once the call is abandoned */
    uint32_t request;
    bool recording; /* it is signed, and on its way into the log */
    struct hf_call_certificate made;
    char details[DETAILS_BYTES_MAX];
};

static bool shown_of(const struct hf_ws_conn *conn, struct hf_slice tenant, struct hf_slice device,
                     struct hf_ws_certificate *ret_shown)
{
    const struct hf_ws_site *site = conn->site;

    return conn->tls && conn->link != NULL && site->ops->certificate != NULL && site->ops->call != NULL &&
           site->ops->certificate(site->context, conn->link, tenant, device, ret_shown);
}

static bool shown_now(const struct hf_ws_conn *conn, struct hf_ws_certificate *ret_shown)
{
    const struct hf_device *device = conn->dev.device;

    return shown_of(conn, device->tenant->name, (struct hf_slice){device->id, device->id_bytes}, ret_shown);
}

/* ---- answers ---- */

static void tell(struct hf_ws_conn *conn, uint32_t request, enum hf_reason reason, struct hf_slice json)
{
    struct hf_frame delta = {.type = HF_FRAME_DELTA};

    delta.as.delta = (struct hf_frame_delta){.request = request,
                                             .document = HF_DOCUMENT_CERTIFICATE,
                                             .kind = HF_PATCH_FULL,
                                             .reason = (uint16_t)reason,
                                             .json = json};
    (void)hf_ws_session_send(conn, &delta);
}

/* Without a result it says only how things are. */
static void tell_state(struct hf_ws_conn *conn, uint32_t request, const struct hf_ws_certificate *shown)
{
    char storage[REFUSAL_BYTES_MAX];
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, storage, sizeof(storage));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_u64(&out, "not_after_ms", shown->not_after_ms);
    hf_json_out_u64(&out, "renew_from_ms", hf_renewal_from_ms(shown->not_before_ms, shown->not_after_ms));
    hf_json_out_end(&out);
    tell(conn, request, HF_REASON_NONE, hf_sb_done(&sb));
}

/* from_ms, retry_ms: 0 = not said. */
static void refuse(struct hf_ws_conn *conn, uint32_t request, enum hf_renewal_result result, uint64_t from_ms,
                   uint64_t retry_ms)
{
    char storage[REFUSAL_BYTES_MAX];
    struct hf_json_out out;
    struct hf_sb sb;

    conn->site->stats.renewals[result]++;
    hf_sb_init(&sb, storage, sizeof(storage));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_cstr(&out, "result", hf_renewal_name(result));
    hf_json_out_cstr(&out, "detail", hf_renewal_text(result));
    if (from_ms != 0)
        hf_json_out_u64(&out, "renew_from_ms", from_ms);
    if (retry_ms != 0)
        hf_json_out_u64(&out, "retry_ms", retry_ms);
    hf_json_out_end(&out);
    HF_ASSERT(!sb.overflow);
    tell(conn, request, hf_renewal_reason(result), hf_sb_done(&sb));
}

static void tell_issued(struct hf_ws_conn *conn, const struct renewal *renewal)
{
    const struct hf_call_certificate *made = &renewal->made;
    struct hf_slice chain = {renewal->call->result, renewal->call->result_bytes};
    size_t room = ISSUED_BYTES_MAX + 2 * chain.bytes; /* no character of a PEM takes more than two */
    char *storage = malloc(room);
    struct hf_json_out out;
    struct hf_sb sb;

    if (storage == NULL) { /* it is issued, and counted; the device asks again */
        tell(conn, renewal->request, HF_REASON_MEMORY_LIMIT, (struct hf_slice){NULL, 0});
        return;
    }
    hf_sb_init(&sb, storage, room);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_cstr(&out, "result", hf_renewal_name(HF_RENEWAL_ISSUED));
    hf_json_out_text(&out, "certificate", chain);
    hf_json_out_u64(&out, "not_after_ms", made->not_after_ms);
    hf_json_out_u64(&out, "renew_from_ms", hf_renewal_from_ms(made->not_before_ms, made->not_after_ms));
    hf_json_out_end(&out);
    HF_ASSERT(!sb.overflow);
    tell(conn, renewal->request, HF_REASON_NONE, hf_sb_done(&sb));
    free(storage);
}

/* ---- a request on its way ---- */

static void renewal_free(struct renewal *renewal)
{
    struct hf_ws_site *site = renewal->site;

    hf_list_remove(&renewal->node);
    site->renewal_count--;
    if (!renewal->call->abandoned)
        renewal->conn->session->renewing = false;
    hf_call_free(renewal->call);
}

static void fail(struct renewal *renewal, enum hf_renewal_result result)
{
    refuse(renewal->conn, renewal->request, result, 0,
           result == HF_RENEWAL_BUSY ? (uint64_t)HF_WS_DOCUMENT_RETRY_MS : 0);
    renewal_free(renewal);
}

static bool write_details(struct renewal *renewal, const struct hf_ws_certificate *shown)
{
    const struct hf_call_certificate *made = &renewal->made;
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, renewal->details, sizeof(renewal->details));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_hex(&out, "serial", made->serial, made->serial_bytes);
    hf_json_out_hex(&out, "sha256", made->fingerprint, sizeof(made->fingerprint));
    hf_json_out_time(&out, "not_after", made->not_after_ms);
    hf_json_out_hex(&out, "replaces", shown->fingerprint, sizeof(shown->fingerprint));
    hf_json_out_end(&out);
    renewal->call->payload = hf_sb_done(&sb);
    return !sb.overflow;
}

/* The same call goes on into the log. Its answer may come before this returns. */
static void record(struct renewal *renewal)
{
    struct hf_call *call = renewal->call;
    struct hf_ws_certificate shown;

    /* Signing took its time, in which the one that vouches for it may have been revoked. */
    if (!shown_now(renewal->conn, &shown) || !shown.accepted) {
        fail(renewal, HF_RENEWAL_NOT_ACCEPTED);
        return;
    }
    bool written = write_details(renewal, &shown);

    HF_ASSERT(written);
    call->type = HF_CALL_RECORD;
    call->event_type = HF_EVENT_AUDIT;
    call->format = HF_FORMAT_JSON;
    call->topic = HF_SLICE(HF_RENEWAL_ACTION);
    call->key = call->device;
    renewal->recording = true;
    if (renewal->site->ops->call(renewal->site->context, call) != HF_OK)
        fail(renewal, HF_RENEWAL_BUSY);
}

static void on_done(struct hf_call *call)
{
    struct renewal *renewal = call->maker;

    if (renewal->recording && call->reason == HF_REASON_NONE) {
        renewal->site->stats.renewals[HF_RENEWAL_ISSUED]++;
        if (!call->abandoned)
            tell_issued(renewal->conn, renewal);
        renewal_free(renewal);
        return;
    }
    if (call->abandoned) /* what was signed goes nowhere */
        renewal_free(renewal);
    else if (renewal->recording || call->reason != HF_REASON_NONE)
        fail(renewal, HF_RENEWAL_FAILED);
    else if (renewal->made.result != HF_RENEWAL_ISSUED)
        fail(renewal, (enum hf_renewal_result)renewal->made.result);
    else
        record(renewal);
}

/* ---- PATCH ---- */

/* The text of the request, into csr. ISSUED: it is there. */
static enum hf_renewal_result csr_of(const struct hf_frame_patch *patch, bool not_json,
                                     char csr[HF_RENEWAL_CSR_BYTES_MAX], struct hf_slice *ret_csr)
{
    struct hf_json_field field = HF_JSON_FIELD("csr");

    if (not_json || patch->kind > HF_PATCH_MERGE ||
        hf_json_scan(patch->json.at, patch->json.bytes, &field, 1, 0) != HF_OK || !field.found)
        return HF_RENEWAL_MALFORMED;
    hf_err err = hf_json_to_text(&field, csr, HF_RENEWAL_CSR_BYTES_MAX, ret_csr);
    if (err == HF_ERR_LIMIT || (err == HF_OK && ret_csr->bytes > HF_RENEWAL_CSR_BYTES_MAX))
        return HF_RENEWAL_TOO_BIG;
    return err == HF_OK && ret_csr->bytes > 0 ? HF_RENEWAL_ISSUED : HF_RENEWAL_MALFORMED;
}

static enum hf_renewal_result judge(const struct hf_ws_conn *conn, struct hf_ws_certificate *ret_shown)
{
    if (!shown_now(conn, ret_shown))
        return HF_RENEWAL_NO_CERTIFICATE;
    if (!ret_shown->accepted)
        return HF_RENEWAL_NOT_ACCEPTED;
    return ret_shown->renewable ? HF_RENEWAL_ISSUED : HF_RENEWAL_NO_CA;
}

/* BUSY, or ISSUED: it is on its way. */
static enum hf_renewal_result make(struct hf_ws_conn *conn, uint32_t request, struct hf_slice csr)
{
    struct hf_ws_site *site = conn->site;
    const struct hf_device *device = conn->dev.device;
    struct hf_call *call =
        hf_call_new(HF_CALL_CERTIFICATE, sizeof(struct renewal) + device->id_bytes + csr.bytes);

    if (call == NULL)
        return HF_RENEWAL_BUSY;
    struct renewal *renewal = call->storage;
    char *at = (char *)(renewal + 1);

    *renewal = (struct renewal){.call = call, .site = site, .conn = conn, .request = request};
    hf_list_init(&renewal->node);
    call->tenant = device->tenant->name;
    call->device = (struct hf_slice){memcpy(at, device->id, device->id_bytes), device->id_bytes};
    call->payload = (struct hf_slice){memcpy(at + device->id_bytes, csr.at, csr.bytes), csr.bytes};
    call->certificate = &renewal->made;
    call->maker = renewal;
    call->on_done = on_done;
    if (site->ops->call(site->context, call) != HF_OK) {
        hf_call_free(call);
        return HF_RENEWAL_BUSY;
    }
    hf_list_push_back(&site->renewals, &renewal->node);
    site->renewal_count++;
    conn->session->renewing = true;
    return HF_RENEWAL_ISSUED;
}

static bool within_rate(struct hf_ws_conn *conn, uint64_t *ret_wait_ms)
{
    struct hf_ws_site *site = conn->site;
    const struct hf_device *device = conn->dev.device;

    if (site->renewal_rates == NULL)
        site->renewal_rates = calloc(1, sizeof(*site->renewal_rates));
    *ret_wait_ms = HF_WS_DOCUMENT_RETRY_MS;
    return site->renewal_rates != NULL &&
           hf_renewal_take(
               site->renewal_rates,
               hf_device_hash(device->tenant->name, (struct hf_slice){device->id, device->id_bytes}),
               site->hub->now_ms, ret_wait_ms);
}

void hf_ws_certificate_patch(struct hf_ws_conn *conn, const struct hf_frame_patch *patch, bool not_json)
{
    struct hf_ws_certificate shown = {0};
    char csr_storage[HF_RENEWAL_CSR_BYTES_MAX];
    struct hf_slice csr = {NULL, 0};
    uint64_t from_ms, wait_ms;
    enum hf_renewal_result result = judge(conn, &shown);

    if (result == HF_RENEWAL_ISSUED && patch->json.bytes == 0) {
        tell_state(conn, patch->request, &shown);
        return;
    }
    if (result == HF_RENEWAL_ISSUED)
        result = csr_of(patch, not_json, csr_storage, &csr);
    if (result != HF_RENEWAL_ISSUED) {
        refuse(conn, patch->request, result, 0, 0);
        return;
    }
    from_ms = hf_renewal_from_ms(shown.not_before_ms, shown.not_after_ms);
    if (conn->site->hub->utc_ms < from_ms) {
        refuse(conn, patch->request, HF_RENEWAL_TOO_EARLY, from_ms, 0);
        return;
    }
    if (conn->session->renewing || conn->site->renewal_count >= HF_RENEWALS_WAITING_MAX) {
        refuse(conn, patch->request, HF_RENEWAL_BUSY, 0, HF_WS_DOCUMENT_RETRY_MS);
        return;
    }
    if (!within_rate(conn, &wait_ms)) {
        refuse(conn, patch->request, HF_RENEWAL_RATE, 0, wait_ms);
        return;
    }
    result = make(conn, patch->request, csr);
    if (result != HF_RENEWAL_ISSUED)
        refuse(conn, patch->request, result, 0, HF_WS_DOCUMENT_RETRY_MS);
}

/* ---- life ---- */

bool hf_ws_certificate_begin(struct hf_ws_conn *conn, struct hf_slice tenant, struct hf_slice device)
{
    struct hf_ws_certificate shown;

    return shown_of(conn, tenant, device, &shown) && shown.renewable;
}

/* The offer: a device learns when to ask, and needs no reader of certificates for it. */
void hf_ws_certificate_welcomed(struct hf_ws_conn *conn)
{
    struct hf_ws_certificate shown;

    if (conn->session->certificates && shown_now(conn, &shown))
        tell_state(conn, 0, &shown);
}

void hf_ws_certificate_end(struct hf_ws_conn *conn)
{
    if (!conn->session->renewing)
        return;
    conn->session->renewing = false;
    for (struct hf_list_node *at = conn->site->renewals.next; at != &conn->site->renewals; at = at->next) {
        struct renewal *renewal = HF_CONTAINER_OF(at, struct renewal, node);

        if (renewal->conn == conn)
            renewal->call->abandoned = true;
    }
}
