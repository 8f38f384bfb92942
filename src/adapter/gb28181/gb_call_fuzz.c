/* adapter/gb28181/gb_call_fuzz.c - what devices answer and offer, and what applications ask of sessions, in any bytes. Properties: whatever is made of it is written as JSON that
 * can be read again; an answer of ours to an offer that was taken is SDP that says the same; members that were taken are within their bounds. The first byte picks what the rest is. */
#include <stdlib.h>

#include "adapter/gb28181/call.h"
#include "codec/json/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static struct hf_hub hub;
static struct hf_gb_site *site;
static struct hf_gb_device device;

static struct hf_gb_call call_of(enum hf_gb_call_kind kind, uint8_t transport)
{
    if (site == NULL)
        site = calloc(1, sizeof(*site));
    HF_ASSERT(site != NULL);
    site->options.hub = &hub;
    site->options.server_id = HF_SLICE("34020000002000000001");
    device.site = site;
    device.flow = (struct hf_sip_flow){.peer = {192, 0, 2, 1}, .peer_port = 5060, .family = 4};
    return (struct hf_gb_call){.device = &device,
                               .kind = (uint8_t)kind,
                               .transport = transport,
                               .stream = HF_GB_CALL_NO_STREAM,
                               .ssrc = 200000000,
                               .host = "203.0.113.7",
                               .port = 30000,
                               .incoming = kind == HF_GB_CALL_TALK,
                               .times = {.scale = 1000}};
}

static void can_be_read(const struct hf_gb_call *call)
{
    static char text[65536];
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_gb_call_end_members(call, &out);
    hf_gb_call_members(call, &out);
    hf_json_out_end(&out);
    HF_ASSERT(hf_json_out_complete(&out));
    HF_ASSERT(hf_json_scan(text, sb.bytes, NULL, 0, 0) == HF_OK);
}

static void answered(uint8_t transport, struct hf_slice body)
{
    struct hf_gb_call call = call_of(HF_GB_CALL_PLAY, transport);
    const char *element = NULL;
    hf_err err = hf_gb_call_take_answer(&call, &device.flow, body, &element);

    HF_ASSERT((err == HF_OK) == (element == NULL));
    HF_ASSERT(err == HF_OK || transport == HF_GB_MEDIA_TCP_ACTIVE); /* nothing else is refused */
    HF_ASSERT(call.from_host[0] != '\0' && strlen(call.from_host) < sizeof(call.from_host));
    can_be_read(&call);
}

static void offered(struct hf_slice body)
{
    struct hf_gb_call call = call_of(HF_GB_CALL_TALK, HF_GB_MEDIA_UDP);
    char text[HF_GB_CALL_SDP_BYTES_MAX];
    struct hf_sdp sdp;
    struct hf_sb sb;

    if (hf_gb_call_take_offer(&call, &device.flow, body) != HF_OK)
        return;
    hf_sb_init(&sb, text, sizeof(text));
    HF_ASSERT(hf_gb_call_talk_answer(&call, &sb));
    HF_ASSERT(hf_sdp_parse(hf_sb_done(&sb), &sdp) == HF_OK && sdp.tolerances == 0);
    HF_ASSERT(sdp.media_count == 1 && sdp.media[0].payloads[0].type == call.payload_type);
    HF_ASSERT((sdp.media[0].transport == HF_SDP_TCP) == (call.transport != HF_GB_MEDIA_UDP));
    can_be_read(&call);
}

static void asked(enum hf_gb_call_verb verb, struct hf_slice json)
{
    struct hf_gb_call_args args;
    struct hf_slice element;

    if (hf_gb_call_args_read(verb, json, 480, &args, &element) != HF_OK)
        return;
    HF_ASSERT(element.bytes == 0 && args.transport <= HF_GB_MEDIA_TCP_ACTIVE);
    HF_ASSERT(args.stream <= 9 || args.stream == HF_GB_CALL_NO_STREAM);
    HF_ASSERT(args.type <= 3 && args.speed >= 1 && args.speed <= 32);
    HF_ASSERT(verb != HF_GB_CALL_VERB_SPEED || (abs(args.scale) >= 250 && abs(args.scale) <= 4000));
    HF_ASSERT(verb != HF_GB_CALL_VERB_PLAYBACK || args.until_ms > args.from_ms);
    HF_ASSERT(strlen(args.host) < sizeof(args.host) && args.range_start_s >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    if (data_bytes < 1)
        return 0;
    struct hf_slice rest = {(const char *)data + 1, data_bytes - 1};
    unsigned what = data[0] % (4 + HF_GB_CALL_VERBS);

    if (what < 3)
        answered((uint8_t)what, rest);
    else if (what == 3)
        offered(rest);
    else
        asked((enum hf_gb_call_verb)(what - 4), rest);
    return 0;
}
