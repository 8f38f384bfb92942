/* adapter/api/system.c - the ledger, the table of reasons, metrics and health. */
#include <stdlib.h>

#include "adapter/api/request.h"

enum { READY_BYTES_MAX = 16 << 10, LEDGER_BYTES = 4096, REASONS_BYTES = 24 << 10 };

/* ---- the ledger: accepted = delivered + pending + dropped ---- */

static void write_stream(struct hf_json_out *out, const char *name, const struct hf_ledger_counts *counts)
{
    uint64_t dropped = 0;

    hf_json_out_object(out, name);
    hf_json_out_u64(out, "accepted", counts->accepted);
    hf_json_out_u64(out, "restored", counts->restored);
    hf_json_out_u64(out, "delivered", counts->delivered);
    hf_json_out_u64(out, "pending", counts->pending);
    hf_json_out_object(out, "dropped");
    for (unsigned i = 0; i < HF_REASONS_MAX; i++) {
        dropped += counts->dropped[i];
        if (counts->dropped[i] != 0)
            hf_json_out_u64(out, hf_reason_name(i), counts->dropped[i]);
    }
    hf_json_out_end(out);
    hf_json_out_u64(out, "dropped_total", dropped);
    hf_json_out_i64(out, "difference",
                    (int64_t)(counts->accepted - counts->delivered - counts->pending - dropped));
    hf_json_out_end(out);
}

static void write_ledger(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct hf_ledger_snapshot *ledger = request->call->ledger;

    (void)context;
    hf_json_out_object(out, NULL);
    hf_time_out(out, "time", request->api->http->utc_ms);
    write_stream(out, "uplink", &ledger->uplink);
    write_stream(out, "downlink", &ledger->downlink);
    write_stream(out, "broadcast", &ledger->broadcast);
    hf_json_out_end(out);
}

static void on_ledger(struct hf_api_request *request)
{
    hf_api_reply_json(request, &(struct hf_api_reply){.status = 200, .bytes_hint = LEDGER_BYTES},
                      write_ledger, NULL);
}

void hf_api_ledger(struct hf_api_request *request)
{
    /* In the call's own storage: workers add to it even when nobody waits any more. */
    struct hf_call *call = hf_call_new(HF_CALL_LEDGER, sizeof(struct hf_ledger_snapshot));

    if (call == NULL) {
        hf_api_fail_err(request, HF_ERR_NOMEM);
        return;
    }
    call->ledger = call->storage;
    *call->ledger = (struct hf_ledger_snapshot){0};
    hf_api_call(request, call, on_ledger);
}

/* ---- reasons ---- */

static void write_reasons(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    size_t count;
    const struct hf_reason_info *table = hf_reason_table(&count);

    (void)request;
    (void)context;
    hf_json_out_object(out, NULL);
    hf_json_out_array(out, "reasons");
    for (size_t i = 0; i < count; i++) {
        hf_json_out_object(out, NULL);
        hf_json_out_cstr(out, "name", table[i].name);
        hf_json_out_cstr(out, "text", table[i].text);
        if (table[i].ws_code != 0)
            hf_json_out_u64(out, "close_code", table[i].ws_code);
        if (table[i].http_status != 0)
            hf_json_out_u64(out, "http_status", table[i].http_status);
        if (table[i].retry_ms != 0)
            hf_json_out_u64(out, "retry_after_ms", table[i].retry_ms);
        hf_json_out_end(out);
    }
    hf_json_out_end(out);
    hf_json_out_end(out);
}

void hf_api_reasons(struct hf_api_request *request)
{
    hf_api_reply_json(request, &(struct hf_api_reply){.status = 200, .bytes_hint = REASONS_BYTES},
                      write_reasons, NULL);
}

/* ---- metrics and health ---- */

void hf_api_metrics(struct hf_api_request *request)
{
    struct hf_backend *backend = request->api->backend;
    char *text = NULL;
    size_t bytes = backend->ops->metrics(backend, &text);

    if (bytes == 0)
        hf_api_fail_err(request, HF_ERR_NOMEM);
    else
        hf_http_answer(request->exchange,
                       &(struct hf_http_answer){.status = 200,
                                                .content_type = "text/plain; version=0.0.4; charset=utf-8",
                                                .body = {text, bytes}});
    free(text);
}

static void answer_json(struct hf_api_request *request, unsigned status, struct hf_slice json)
{
    hf_http_answer(
        request->exchange,
        &(struct hf_http_answer){.status = status, .content_type = "application/json", .body = json});
}

void hf_api_livez(struct hf_api_request *request)
{
    answer_json(request, 200, HF_SLICE("{\"live\":true}")); /* this worker turns */
}

void hf_api_readyz(struct hf_api_request *request)
{
    struct hf_backend *backend = request->api->backend;
    char *storage = malloc(READY_BYTES_MAX);
    struct hf_sb sb;

    if (storage == NULL) {
        hf_api_fail_err(request, HF_ERR_NOMEM);
        return;
    }
    hf_sb_init(&sb, storage, READY_BYTES_MAX);
    bool ready = backend->ops->ready(backend, &sb);
    answer_json(request, ready ? 200 : 503, hf_sb_done(&sb));
    free(storage);
}

static void write_started(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct hf_backend *backend = request->api->backend;

    (void)context;
    hf_json_out_object(out, NULL);
    hf_json_out_bool(out, "started", true); /* a listener is open only then */
    hf_time_out(out, "since", backend->started_ms);
    hf_json_out_u64(out, "boot", backend->boot);
    hf_json_out_cstr(out, "version", HF_VERSION);
    hf_json_out_end(out);
}

void hf_api_startupz(struct hf_api_request *request)
{
    hf_api_reply_json(request, &(struct hf_api_reply){.status = 200}, write_started, NULL);
}
