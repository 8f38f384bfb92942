/* adapter/gb28181/upstream_call_answer.c - our 200 to a platform's INVITE: what the device has answered, in our name. */
#include "adapter/gb28181/upstream_call.h"

enum { SDP_BYTES_MAX = 2048 };

const char *hf_gb_up_call_verb(unsigned session)
{
    static const char *const verbs[] = {
        [HF_SDP_PLAY] = "Play", [HF_SDP_PLAYBACK] = "Playback", [HF_SDP_DOWNLOAD] = "Download"};

    return verbs[session];
}

struct hf_slice hf_gb_up_said_text(const struct hf_json_field *field, char *storage, size_t bytes)
{
    struct hf_slice text = {NULL, 0};

    return field->found && hf_json_to_text(field, storage, bytes, &text) == HF_OK
               ? text
               : (struct hf_slice){NULL, 0};
}

/* {"host":"192.0.2.7","port":15060} */
static void read_from(const struct hf_json_field *field, char *host, size_t host_bytes, uint16_t *ret_port)
{
    struct hf_json_field members[] = {HF_JSON_FIELD("host"), HF_JSON_FIELD("port")};
    uint64_t port = 0;

    host[0] = '\0';
    *ret_port = 0;
    if (!field->found || hf_json_scan(field->raw.at, field->raw.bytes, members, 2, 0) != HF_OK)
        return;
    struct hf_slice text = hf_gb_up_said_text(&members[0], host, host_bytes - 1);
    if (text.at != NULL && text.bytes < host_bytes) {
        memmove(host, text.at, text.bytes);
        host[text.bytes] = '\0';
    }
    if (members[1].found && hf_json_to_u64(&members[1], &port) == HF_OK && port <= UINT16_MAX)
        *ret_port = (uint16_t)port;
}

/* What the device says, in our name: from where it sends, with which SSRC and format. */
static bool write_sdp(const struct hf_gb_up_call *call, const struct hf_json_field said[HF_GB_UP_SAID],
                      struct hf_sb *sb)
{
    char host[HF_SIP_FLOW_HOST_MAX], local[HF_SIP_FLOW_HOST_MAX], ssrc[32], format[32], setup[16];
    struct hf_slice text = hf_gb_up_said_text(
        &said[said[HF_GB_UP_SAID_ANSWER_SSRC].found ? HF_GB_UP_SAID_ANSWER_SSRC : HF_GB_UP_SAID_SSRC], ssrc,
        sizeof(ssrc));
    struct hf_slice encoding = hf_gb_up_said_text(&said[HF_GB_UP_SAID_FORMAT], format, sizeof(format));
    struct hf_slice way = hf_gb_up_said_text(&said[HF_GB_UP_SAID_SETUP], setup, sizeof(setup));
    struct hf_sdp sdp = {.origin_user = hf_gb_up_call_shown(call),
                         .session_name = hf_slice_of(hf_gb_up_call_verb(call->session)),
                         .has_time = true,
                         .start_s = call->start_s,
                         .stop_s = call->stop_s,
                         .media_count = 1};
    struct hf_sdp_media *media = &sdp.media[0];
    uint64_t payload = 96;
    bool exact;

    read_from(&said[HF_GB_UP_SAID_FROM], host, sizeof(host), &media->port);
    sdp.address = host[0] != '\0' ? hf_slice_of(host) : hf_sip_flow_local_host(&call->up->flow, local);
    sdp.origin_address = sdp.address;
    if (media->port == 0)
        media->port = 9; /* discard: it sends, and nothing is sent to it */
    if (said[HF_GB_UP_SAID_PAYLOAD].found)
        (void)hf_json_to_u64(&said[HF_GB_UP_SAID_PAYLOAD], &payload);
    media->kind = HF_SDP_VIDEO;
    media->kind_name = HF_SLICE("video");
    media->transport = call->tcp ? HF_SDP_TCP : HF_SDP_UDP;
    media->direction = HF_SDP_SENDONLY;
    media->payload_count = 1;
    media->payloads[0] = (struct hf_sdp_payload){.type = (uint8_t)(payload & 127),
                                                 .encoding = encoding.at != NULL ? encoding : HF_SLICE("PS"),
                                                 .clock_hz = 90000};
    if (call->tcp) {
        bool active = way.at != NULL ? hf_slice_is(way, "active") : call->passive;
        media->setup = active ? HF_SDP_ACTIVE : HF_SDP_PASSIVE;
        media->connection = HF_SDP_NEW;
    }
    sdp.has_ssrc = text.at != NULL && hf_ssrc_parse(text, &sdp.ssrc, &exact);
    return hf_sdp_build(&sdp, sb) == HF_OK;
}

/* Into up->sip: 200 with SDP, to the request that was kept. */
static bool write_answer(struct hf_gb_up_call *call, struct hf_slice sdp, struct hf_slice *ret_text)
{
    struct hf_gb_upstream *up = call->up;
    char host[HF_SIP_FLOW_HOST_MAX], contact[2 * HF_GB_UP_TEXT_BYTES_MAX];
    struct hf_sip_reply reply = hf_sip_flow_reply(hf_sip_tx_flow(call->invite), 200, true, host);
    struct hf_gb_address ours;
    struct hf_sip_msg msg;
    struct hf_sb sb;

    if (hf_sip_parse(call->request, call->request_bytes, true, NULL, &msg) != HF_OK)
        return false;
    reply.to_tag = hf_sip_dialog_local_tag(&call->dialog);
    hf_gb_up_our_address(up, &ours);
    hf_sb_init(&sb, up->sip, HF_GB_SIP_BYTES_MAX + 1);
    if (hf_sip_write_reply(&sb, &msg, &reply) != HF_OK)
        return false;
    (void)hf_sip_write_address(
        &sb, HF_SIP_CONTACT,
        hf_gb_uri(contact, sizeof(contact), hf_gb_up_call_shown(call), ours.host, ours.port, ours.ipv6),
        (struct hf_slice){NULL, 0});
    (void)hf_sip_write_id(&sb, HF_SIP_USER_AGENT, up->options.user_agent);
    (void)hf_sip_write_allow(&sb, hf_gb_up_policy.methods);
    (void)hf_sip_write_end(&sb, HF_SLICE("application/sdp"), sdp);
    *ret_text = hf_sb_done(&sb);
    return !sb.overflow;
}

bool hf_gb_up_call_answer(struct hf_gb_up_call *call, const struct hf_json_field said[HF_GB_UP_SAID],
                          struct hf_slice *ret_text)
{
    char storage[SDP_BYTES_MAX];
    struct hf_sb sdp;

    hf_sb_init(&sdp, storage, sizeof(storage));
    return write_sdp(call, said, &sdp) && write_answer(call, hf_sb_done(&sdp), ret_text);
}
