/* adapter/gb28181/call_text.c - sessions as people and programs read them: results of commands, events. */
#include <inttypes.h>

#include "adapter/gb28181/call.h"

static const char *const transports[] = {"udp", "tcp_passive", "tcp_active"};

static void address(struct hf_json_out *out, const char *key, const char *host, uint16_t port)
{
    hf_json_out_object(out, key);
    hf_json_out_cstr(out, "host", host);
    hf_json_out_u64(out, "port", port);
    hf_json_out_end(out);
}

/* The codes of f= as names; absent for what nobody knows. */
static const char *video_name(unsigned code)
{
    static const char *const names[] = {NULL, "mpeg4", "h264", "svac", "3gp", "h265"};

    return code < sizeof(names) / sizeof(names[0]) ? names[code] : NULL;
}

static const char *audio_name(unsigned code)
{
    static const char *const names[] = {NULL, "g711", "g723.1", "g729", "g722.1", "svac", "aac"};

    return code < sizeof(names) / sizeof(names[0]) ? names[code] : NULL;
}

static const char *setup_name(unsigned setup)
{
    static const char *const names[] = {NULL, "active", "passive", "actpass", "holdconn"};

    return setup < sizeof(names) / sizeof(names[0]) ? names[setup] : NULL;
}

static void ssrc(struct hf_json_out *out, const char *key, uint32_t value)
{
    char text[HF_SSRC_TEXT_BYTES];

    hf_ssrc_format(value, text);
    hf_json_out_cstr(out, key, text);
}

static void name_if(struct hf_json_out *out, const char *key, const char *name)
{
    if (name != NULL)
        hf_json_out_cstr(out, key, name);
}

static void tolerated(const struct hf_gb_call *call, struct hf_json_out *out)
{
#define NAME(id, name) name,
    static const char *const names[HF_GB_CALL_TOLERANCES] = {HF_GB_CALL_TOLERANCE_MAP(NAME)};
#undef NAME

    if (call->tolerated == 0)
        return;
    hf_json_out_array(out, "tolerated");
    for (unsigned i = 0; i < HF_GB_CALL_TOLERANCES; i++)
        if (call->tolerated >> i & 1)
            hf_json_out_cstr(out, NULL, names[i]);
    hf_json_out_end(out);
}

/* What the device has answered. */
static void answer(const struct hf_gb_call *call, struct hf_json_out *out)
{
    if (call->from_host[0] == '\0')
        return;
    address(out, "from", call->from_host, call->from_port);
    if (call->answer_ssrc != 0)
        ssrc(out, "answer_ssrc", call->answer_ssrc);
    if (call->format_bytes > 0) {
        hf_json_out_u64(out, "payload_type", call->payload_type);
        hf_json_out_text(out, "format", (struct hf_slice){call->format, call->format_bytes});
    }
    name_if(out, "setup", setup_name(call->setup));
    name_if(out, "video", video_name(call->video_codec));
    name_if(out, "audio", audio_name(call->audio_codec));
    if (call->file_bytes != 0)
        hf_json_out_u64(out, "file_bytes", call->file_bytes);
    tolerated(call, out);
}

static void identity(const struct hf_gb_call *call, struct hf_json_out *out)
{
    struct hf_slice call_id = hf_sip_dialog_call_id(&call->dialog);
    char id[HF_GB_CALL_ID_TEXT], made[64];

    hf_gb_call_id_text(call, id);
    if (call_id.bytes == 0 && !call->incoming) {
        (void)snprintf(made, sizeof(made), HF_GB_CALL_ID "%s.%.*s", id, (int)call->device->id_bytes,
                       call->device->id);
        call_id = hf_slice_of(made);
    }
    hf_json_out_cstr(out, "call", id);
    if (call_id.bytes > 0)
        hf_json_out_text(out, "call_id", call_id);
    hf_json_out_cstr(out, "kind", hf_gb_call_kind_name(call->kind));
    hf_json_out_text(out, "channel", hf_gb_call_channel(call));
    if (call->stream != HF_GB_CALL_NO_STREAM)
        hf_json_out_u64(out, "stream", call->stream);
    ssrc(out, "ssrc", call->ssrc);
}

void hf_gb_call_members(const struct hf_gb_call *call, struct hf_json_out *out)
{
    identity(call, out);
    hf_json_out_cstr(out, "state", hf_gb_call_state_name(hf_gb_call_state(&call->state)));
    hf_json_out_u64(out, "users", call->users);
    hf_json_out_cstr(out, "transport", transports[call->transport]);
    hf_json_out_bool(out, "relayed", call->through_us);
    if (call->host[0] != '\0')
        address(out, "to", call->host, call->port);
    if (hf_gb_call_is_history(call)) {
        hf_json_out_time(out, "from_time", call->from_s * 1000);
        hf_json_out_time(out, "until_time", call->until_s * 1000);
        hf_json_out_u64(out, "position_ms",
                        hf_gb_call_position_ms(&call->times, hf_gb_now(call->device->site)));
        hf_json_out_double(out, "scale", call->times.scale / 1000.0);
        hf_json_out_bool(out, "paused", call->times.paused_ms != 0);
    }
    answer(call, out);
}

void hf_gb_call_end_members(const struct hf_gb_call *call, struct hf_json_out *out)
{
    struct hf_slice text = {call->text, call->text_bytes};

    hf_json_out_cstr(out, "reason", hf_gb_call_end_name(call->end));
    if (call->due != HF_GB_CALL_DUE_NOTHING) {
        hf_json_out_cstr(out, "timer", hf_gb_call_due_name((enum hf_gb_call_due)call->due));
        hf_json_out_u64(out, "limit_ms", hf_gb_call_limit_ms(&call->times, (enum hf_gb_call_due)call->due));
    } else if (call->sip_timer != HF_SIP_NO_TIMER) {
        hf_json_out_cstr(out, "timer", hf_sip_timer_name((enum hf_sip_timer)call->sip_timer));
    } else if (call->err != HF_OK) {
        hf_json_out_cstr(out, "error", hf_err_text(call->err));
    }
    if (call->status != 0)
        hf_json_out_u64(out, "status", call->status);
    if (text.bytes > 0)
        hf_json_out_text(out, call->end == HF_GB_CALL_END_BAD_ANSWER ? "element" : "text", text);
}

void hf_gb_call_event(struct hf_gb_call *call, const char *state)
{
    struct hf_gb_device *device = call->device;
    struct hf_gb_site *site = device->site;
    const struct hf_gb_call_times *times = &call->times;
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, site->json, HF_GB_JSON_BYTES_MAX);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_cstr(&out, "event", state);
    identity(call, &out);
    if (call->end == HF_GB_CALL_END_NONE) {
        hf_json_out_cstr(&out, "transport", transports[call->transport]);
        address(&out, "to", call->host, call->port);
        answer(call, &out);
        hf_json_out_u64(&out, "ring_ms", times->connected_ms - times->begun_ms);
    } else {
        hf_json_out_cstr(&out, "by", hf_gb_call_end_by(call->end));
        hf_gb_call_end_members(call, &out);
        hf_json_out_u64(&out, "connected_ms", times->ended_ms - times->connected_ms);
    }
    hf_json_out_end(&out);
    if (!hf_json_out_complete(&out) || hf_gb_tell(device, HF_SLICE("gb/call"), hf_sb_done(&sb)) != HF_OK)
        site->stats.call_events_lost++;
}
