/* adapter/gb28181/call_control.c - steering a playback: a MANSRTSP body in INFO. Scale and Range go in separate requests, as devices want them (annex B). */
#include "adapter/gb28181/call.h"

static void body_of(const struct hf_gb_request *request, struct hf_mansrtsp *ret)
{
    *ret =
        (struct hf_mansrtsp){.method = HF_MANSRTSP_PLAY, .has_cseq = true, .cseq = request->call->info_cseq};
    switch (request->verb) {
    case HF_GB_CALL_VERB_PAUSE: ret->method = HF_MANSRTSP_PAUSE; return;
    case HF_GB_CALL_VERB_RESUME: ret->start = HF_MANSRTSP_NOW; return;
    case HF_GB_CALL_VERB_SPEED:
        ret->has_scale = true;
        ret->scale = request->scale / 1000.0;
        return;
    default:
        ret->start = (enum hf_mansrtsp_point)request->range_start;
        ret->start_s = request->range_start_s;
        ret->end = (enum hf_mansrtsp_point)request->range_end;
        ret->end_s = request->range_end_s;
        return;
    }
}

hf_err hf_gb_call_control(struct hf_gb_request *request)
{
    struct hf_gb_call *call = request->call;
    struct hf_gb_site *site = call->device->site;
    struct hf_mansrtsp body;
    char text[512];
    struct hf_sb sb, rtsp;

    call->info_cseq++;
    body_of(request, &body);
    hf_sb_init(&rtsp, text, sizeof(text));
    if (hf_mansrtsp_build(&body, &rtsp) != HF_OK || !hf_gb_call_write(call, HF_SIP_INFO, &sb) ||
        hf_sip_write_end(&sb, HF_SLICE("Application/MANSRTSP"), hf_sb_done(&rtsp)) != HF_OK) {
        hf_gb_request_fail_soon(request, HF_REASON_INTERNAL_ERROR, HF_SLICE("INFO"));
        return HF_OK;
    }
    hf_err err = hf_sip_tx_request(site->layer, &call->device->flow, hf_sb_done(&sb), &request->user,
                                   hf_gb_now(site), &request->tx);
    hf_gb_call_record(call); /* a number of the dialog is used up */
    return hf_gb_request_sent(request, err);
}

/* The device did it: where the recording is from now on. */
static void done(struct hf_gb_request *request)
{
    struct hf_gb_call *call = request->call;
    uint64_t now_ms = hf_gb_now(call->device->site);

    switch (request->verb) {
    case HF_GB_CALL_VERB_PAUSE: hf_gb_call_pause(&call->times, now_ms); break;
    case HF_GB_CALL_VERB_RESUME: hf_gb_call_resume(&call->times, now_ms); break;
    case HF_GB_CALL_VERB_SPEED: hf_gb_call_scale(&call->times, request->scale, now_ms); break;
    default:
        if (request->range_start == HF_MANSRTSP_AT)
            hf_gb_call_seek(&call->times, (uint64_t)(request->range_start_s * 1000), now_ms);
        break;
    }
    hf_gb_call_record(call);
    hf_gb_call_arm(call);
}

static void rtsp_members(const struct hf_mansrtsp *rtsp, struct hf_json_out *out)
{
    hf_json_out_u64(out, "rtsp_status", rtsp->status);
    if (rtsp->has_scale)
        hf_json_out_double(out, "scale", rtsp->scale);
    if (rtsp->start == HF_MANSRTSP_AT)
        hf_json_out_double(out, "range_start", rtsp->start_s);
    if (rtsp->end == HF_MANSRTSP_AT)
        hf_json_out_double(out, "range_end", rtsp->end_s);
    if (rtsp->has_seq)
        hf_json_out_u64(out, "rtp_seq", rtsp->seq);
    if (rtsp->has_rtptime)
        hf_json_out_u64(out, "rtp_time", rtsp->rtptime);
}

void hf_gb_call_controlled(struct hf_gb_request *request, const struct hf_sip_tx_event *event)
{
    struct hf_gb_call *call = request->call;
    struct hf_gb_site *site = call->device->site;
    const struct hf_sip_msg *msg = event->msg;
    struct hf_mansrtsp rtsp = {.status = 0};
    bool spoke = msg->body.bytes > 0 && hf_mansrtsp_parse(msg->body, &rtsp) == HF_OK &&
                 rtsp.method == HF_MANSRTSP_ANSWER;
    bool failed = msg->status >= 300 || (spoke && rtsp.status >= 300);
    char id[HF_GB_CALL_ID_TEXT], storage[HF_GB_REFUSAL_BYTES_MAX];
    struct hf_json_out out;
    struct hf_sb sb;

    if (!failed && hf_gb_call_state(&call->state) == HF_GB_CALL_CONNECTED)
        done(request);
    site->stats.commands_failed += failed;
    site->stats.commands_done += !failed;
    hf_gb_call_id_text(call, id);
    hf_sb_init(&sb, site->json, HF_GB_RESULT_BYTES_MAX + 1);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_bool(&out, "confirmed", !failed);
    hf_json_out_cstr(&out, "call", id);
    hf_json_out_u64(&out, "status", msg->status);
    if (msg->status >= 300)
        hf_json_out_text(&out, "text", hf_gb_refusal(site, msg, storage));
    if (spoke)
        rtsp_members(&rtsp, &out);
    hf_json_out_u64(&out, "position_ms", hf_gb_call_position_ms(&call->times, hf_gb_now(site)));
    hf_json_out_end(&out);
    if (msg->status == 481) /* it knows nothing of the session any more (RFC 3261 12.2.1.2) */
        (void)hf_gb_call_happens(call, HF_GB_CALL_BYE, HF_GB_CALL_END_BYE);
    (void)hf_gb_request_end(request, failed, hf_sb_done(&sb));
}
