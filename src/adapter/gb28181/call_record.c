/* adapter/gb28181/call_record.c - sessions that outlive the gateway (GB-17, GB-20), written down: a camera.call record when one stands, when that which would be needed to end it changes, and when it is over.
 * Log first: the table of calls follows from these. What is in a record is read again by call_restore.c:
 *
 *   {"kind":"play","channel":"..","stream":0,"transport":0,"relayed":false,"host":"203.0.113.7","port":30000,"from_host":"192.0.2.10","from_port":15060,"ssrc":200000000,"answer_ssrc":0,
 *    "payload_type":96,"format":"PS","users":1,"since_ms":..,"refresh_s":0,"info_cseq":0,
 *    "incoming":false,"source":"",                                                                 a broadcast
 *    "from_s":..,"until_s":..,"type":0,"speed":0,"position_ms":..,"at_ms":..,"scale":1000,"paused":false,     a history
 *    "call_id":"..","local_tag":"..","remote_tag":"..","local":"sip:..","remote":"sip:..","target":"sip:..","routes":["<sip:..;lr>"],"cseq":3,"invite_cseq":2,"remote_cseq":7}
 *   {"owes":true,"kind":"play","channel":"..","source":"", and the dialog}                        it is over, and the BYE is owed (call_bye.c) */
#include "adapter/gb28181/call.h"

static void write_media(const struct hf_gb_call *call, struct hf_json_out *out)
{
    const struct hf_hub *hub = call->device->site->options.hub;

    hf_json_out_cstr(out, "kind", hf_gb_call_kind_name(call->kind));
    hf_json_out_text(out, "channel", hf_gb_call_channel(call));
    hf_json_out_u64(out, "stream", call->stream);
    hf_json_out_u64(out, "transport", call->transport);
    hf_json_out_bool(out, "relayed", call->through_us);
    hf_json_out_cstr(out, "host", call->host);
    hf_json_out_u64(out, "port", call->port);
    hf_json_out_cstr(out, "from_host", call->from_host);
    hf_json_out_u64(out, "from_port", call->from_port);
    hf_json_out_u64(out, "ssrc", call->ssrc);
    hf_json_out_u64(out, "answer_ssrc", call->answer_ssrc);
    hf_json_out_u64(out, "payload_type", call->payload_type);
    hf_json_out_text(out, "format", (struct hf_slice){call->format, call->format_bytes});
    hf_json_out_u64(out, "users", call->users);
    hf_json_out_u64(out, "since_ms", hub->utc_ms - (hub->now_ms - call->times.connected_ms));
    hf_json_out_u64(out, "refresh_s", call->refresh_s);
    hf_json_out_u64(out, "info_cseq", call->info_cseq);
    hf_json_out_bool(out, "incoming", call->incoming);
    hf_json_out_text(out, "source", (struct hf_slice){call->source, call->source_bytes});
}

static void write_history(const struct hf_gb_call *call, struct hf_json_out *out)
{
    const struct hf_hub *hub = call->device->site->options.hub;

    hf_json_out_u64(out, "from_s", call->from_s);
    hf_json_out_u64(out, "until_s", call->until_s);
    hf_json_out_u64(out, "type", call->type);
    hf_json_out_u64(out, "speed", call->speed);
    hf_json_out_u64(out, "position_ms", hf_gb_call_position_ms(&call->times, hub->now_ms));
    hf_json_out_u64(out, "at_ms", hub->utc_ms);
    hf_json_out_i64(out, "scale", call->times.scale);
    hf_json_out_bool(out, "paused", call->times.paused_ms != 0);
}

void hf_gb_call_write_dialog(const struct hf_sip_dialog *dialog, struct hf_json_out *out)
{
    struct hf_sip_dialog_saved saved;

    hf_sip_dialog_save(dialog, &saved);
    hf_json_out_text(out, "call_id", saved.call_id);
    hf_json_out_text(out, "local_tag", saved.local_tag);
    hf_json_out_text(out, "remote_tag", saved.remote_tag);
    hf_json_out_text(out, "local", saved.local_uri);
    hf_json_out_text(out, "remote", saved.remote_uri);
    hf_json_out_text(out, "target", saved.target);
    hf_json_out_array(out, "routes");
    for (unsigned i = 0; i < saved.route_count; i++)
        hf_json_out_text(out, NULL, saved.routes[i]);
    hf_json_out_end(out);
    hf_json_out_u64(out, "cseq", saved.local_cseq);
    hf_json_out_u64(out, "invite_cseq", saved.invite_cseq);
    if (saved.has_remote_cseq)
        hf_json_out_u64(out, "remote_cseq", saved.remote_cseq);
}

void hf_gb_call_record(struct hf_gb_call *call)
{
    struct hf_gb_site *site = call->device->site;
    char storage[HF_CALL_RECORD_BYTES_MAX + 1];
    struct hf_json_out out;
    struct hf_sb sb;

    if (hf_gb_call_state(&call->state) != HF_GB_CALL_CONNECTED ||
        call->dialog.state != HF_SIP_DIALOG_CONFIRMED)
        return;
    hf_sb_init(&sb, storage, sizeof(storage));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    write_media(call, &out);
    if (hf_gb_call_is_history(call))
        write_history(call, &out);
    hf_gb_call_write_dialog(&call->dialog, &out);
    hf_json_out_end(&out);
    if (!hf_json_out_complete(&out) ||
        hf_hub_camera_call(site->options.hub, site->options.tenant->name, hf_gb_device_id(call->device),
                           call->id, hf_sb_done(&sb)) != HF_OK)
        site->stats.calls_unrecorded++; /* with the next change; a crash until then leaves it to itself */
    else
        call->recorded = true;
}

void hf_gb_call_unrecord(struct hf_gb_call *call)
{
    struct hf_gb_site *site = call->device->site;

    if (call->recorded &&
        hf_hub_camera_call(site->options.hub, site->options.tenant->name, hf_gb_device_id(call->device),
                           call->id, (struct hf_slice){NULL, 0}) != HF_OK)
        site->stats.calls_unrecorded++; /* the next start sends a BYE to what is over */
    call->recorded = false;
}
