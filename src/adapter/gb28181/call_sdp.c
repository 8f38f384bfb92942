/* adapter/gb28181/call_sdp.c - what stands in our SDP, and what is made of a device's. Devices leave out and misspell; only what leaves nothing to send to or to expect is refused. */
#include "adapter/gb28181/call.h"

/* Payload types as GB/T 28181 fixes them, for answers without a=rtpmap. */
static const struct known {
    uint8_t type;
    const char *encoding;
    uint32_t clock_hz;
} known[] = {
    {96, "PS", 90000},   {98, "H264", 90000}, {97, "MPEG4", 90000}, {100, "H265", 90000},
    {99, "SVAC", 90000}, {8, "PCMA", 8000},   {0, "PCMU", 8000},    {4, "G723", 8000},
    {9, "G722", 8000},   {18, "G729", 8000},  {20, "SVACA", 8000},  {102, "AAC", 8000},
};

static const struct known *known_of(uint8_t type)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].type == type)
            return &known[i];
    return NULL;
}

static struct hf_sdp_payload payload_of(uint8_t type)
{
    const struct known *row = known_of(type);

    HF_ASSERT(row != NULL);
    return (struct hf_sdp_payload){
        .type = type, .encoding = hf_slice_of(row->encoding), .clock_hz = row->clock_hz};
}

static void tolerate(struct hf_gb_call *call, unsigned what)
{
    call->tolerated |= 1u << what;
}

/* ---- ours ---- */

static const enum hf_sdp_session sessions[HF_GB_CALL_KINDS] = {HF_SDP_PLAY, HF_SDP_PLAYBACK, HF_SDP_DOWNLOAD,
                                                               HF_SDP_PLAY};

static void transport(struct hf_sdp_media *media, uint8_t transport)
{
    media->transport = transport == HF_GB_MEDIA_UDP ? HF_SDP_UDP : HF_SDP_TCP;
    if (transport == HF_GB_MEDIA_UDP)
        return;
    media->setup = transport == HF_GB_MEDIA_TCP_PASSIVE ? HF_SDP_PASSIVE : HF_SDP_ACTIVE;
    media->connection = HF_SDP_NEW;
}

bool hf_gb_call_offer(const struct hf_gb_call *call, struct hf_sb *sb)
{
    const struct hf_gb_site *site = call->device->site;
    char uri[64], number[8], speed[8];
    struct hf_sdp sdp = {
        .origin_user = site->options.server_id,
        .session = sessions[call->kind],
        .address = hf_slice_of(call->host),
        .start_s = call->from_s,
        .stop_s = call->until_s,
        .media_count = 1,
        .has_ssrc = true,
        .ssrc = call->ssrc,
    };
    struct hf_sdp_media *media = &sdp.media[0];

    media->kind = HF_SDP_VIDEO;
    media->port = call->port;
    media->direction = HF_SDP_RECVONLY;
    transport(media, call->transport);
    media->payloads[media->payload_count++] = payload_of(96); /* first: some recorders insist */
    media->payloads[media->payload_count++] = payload_of(98);
    media->payloads[media->payload_count++] = payload_of(97);
    if (call->device->version >= HF_GB_VERSION_2022)
        media->payloads[media->payload_count++] = payload_of(100);
    if (hf_gb_call_is_history(call)) {
        (void)snprintf(uri, sizeof(uri), "%.*s:%u", (int)call->channel_bytes, call->channel, call->type);
        sdp.uri = hf_slice_of(uri);
    }
    if (call->kind == HF_GB_CALL_DOWNLOAD) {
        (void)snprintf(speed, sizeof(speed), "%u", call->speed);
        sdp.download_speed = hf_slice_of(speed);
    }
    if (call->stream != HF_GB_CALL_NO_STREAM) {
        (void)snprintf(number, sizeof(number), "%u", call->stream);
        sdp.stream_number = hf_slice_of(number);
    }
    return hf_sdp_build(&sdp, sb) == HF_OK;
}

bool hf_gb_call_talk_answer(const struct hf_gb_call *call, struct hf_sb *sb)
{
    const struct hf_gb_site *site = call->device->site;
    struct hf_sdp sdp = {
        .origin_user = site->options.server_id,
        .session = HF_SDP_PLAY,
        .address = hf_slice_of(call->host),
        .media_count = 1,
        .has_ssrc = true,
        .ssrc = call->ssrc,
        .has_format = true,
        .format = {.audio_codec = 1, .audio_rate = 8, .audio_sampling = 1}, /* G.711, 64 kbit/s, 8 kHz */
    };
    struct hf_sdp_media *media = &sdp.media[0];

    media->kind = HF_SDP_AUDIO;
    media->port = call->port;
    media->direction = HF_SDP_SENDONLY;
    transport(media, call->transport);
    media->payloads[media->payload_count++] = payload_of(call->payload_type);
    return hf_sdp_build(&sdp, sb) == HF_OK;
}

/* ---- theirs ---- */

static void keep_host(struct hf_gb_call *call, const struct hf_sdp *sdp, const struct hf_sdp_media *media,
                      const struct hf_sip_flow *flow)
{
    char storage[HF_SIP_FLOW_HOST_MAX];
    struct hf_slice host = hf_sdp_media_address(sdp, media);

    if (host.bytes == 0)
        host = sdp->origin_address;
    if (host.bytes == 0 || host.bytes >= sizeof(call->from_host)) {
        tolerate(call, HF_GB_CALL_TOL_NO_ADDRESS);
        host = hf_sip_flow_peer_host(flow, storage);
    }
    (void)snprintf(call->from_host, sizeof(call->from_host), "%.*s", (int)host.bytes, host.at);
}

static void keep_format(struct hf_gb_call *call, const struct hf_sdp_payload *payload)
{
    const struct known *row = known_of(payload->type);
    struct hf_slice name =
        payload->encoding.bytes > 0 ? payload->encoding : hf_slice_of(row ? row->encoding : NULL);

    if (name.bytes == 0)
        tolerate(call, HF_GB_CALL_TOL_NO_FORMAT);
    call->payload_type = payload->type;
    call->format_bytes = (uint8_t)HF_MIN(name.bytes, sizeof(call->format));
    if (name.bytes > 0)
        memcpy(call->format, name.at, call->format_bytes);
}

/* Video and audio may stand in one m= each; the stream is in the first that has a port. */
static const struct hf_sdp_media *media_of(const struct hf_sdp *sdp)
{
    for (unsigned i = 0; i < sdp->media_count; i++)
        if (sdp->media[i].port != 0)
            return &sdp->media[i];
    return sdp->media_count > 0 ? &sdp->media[0] : NULL;
}

static void take_ssrc(struct hf_gb_call *call, const struct hf_sdp *sdp)
{
    if (!sdp->has_ssrc) {
        tolerate(call, HF_GB_CALL_TOL_NO_SSRC);
        return;
    }
    call->answer_ssrc = sdp->ssrc;
    if (sdp->ssrc != call->ssrc) /* a lower platform chooses itself, and some devices do what they like */
        tolerate(call, HF_GB_CALL_TOL_OTHER_SSRC);
}

/* Whoever listens for nobody waits for media that will not come: it is said before the wait is over. */
static void look_at_transport(struct hf_gb_call *call, const struct hf_sdp_media *media)
{
    bool tcp = call->transport != HF_GB_MEDIA_UDP;
    unsigned same = call->transport == HF_GB_MEDIA_TCP_PASSIVE ? HF_SDP_PASSIVE : HF_SDP_ACTIVE;

    if (media->transport == (tcp ? HF_SDP_UDP : HF_SDP_TCP))
        tolerate(call, HF_GB_CALL_TOL_OTHER_TRANSPORT);
    else if (tcp && media->setup == same)
        tolerate(call, HF_GB_CALL_TOL_SAME_SETUP);
}

hf_err hf_gb_call_take_answer(struct hf_gb_call *call, const struct hf_sip_flow *flow, struct hf_slice body,
                              const char **ret_element)
{
    struct hf_sdp_media none = {.payload_count = 0};
    struct hf_sdp sdp = {.tolerances = 0};
    bool read = body.bytes > 0 && hf_sdp_parse(body, &sdp) == HF_OK;
    const struct hf_sdp_media *media = read ? media_of(&sdp) : NULL;

    if (!read)
        tolerate(call, HF_GB_CALL_TOL_NO_SDP);
    else if (media == NULL)
        tolerate(call, HF_GB_CALL_TOL_NO_MEDIA);
    if (media == NULL)
        media = &none;
    else if (media->port == 0)
        tolerate(call, HF_GB_CALL_TOL_PORT_0);
    take_ssrc(call, &sdp);
    look_at_transport(call, media);
    keep_host(call, &sdp, media, flow);
    call->from_port = media->port;
    call->setup = (uint8_t)media->setup;
    if (media->payload_count > 0)
        keep_format(call, &media->payloads[0]);
    else
        tolerate(call, HF_GB_CALL_TOL_NO_FORMAT);
    call->file_bytes = sdp.has_file_size ? sdp.file_size_bytes : 0;
    if (sdp.has_format) {
        call->video_codec = (uint8_t)HF_MIN(sdp.format.video_codec, 255u);
        call->audio_codec = (uint8_t)HF_MIN(sdp.format.audio_codec, 255u);
    }
    call->device->site->stats.calls_tolerated += call->tolerated != 0 || sdp.tolerances != 0;
    /* Who is to be connected to must say where. Everybody else sends, whatever the SDP says. */
    if (call->transport == HF_GB_MEDIA_TCP_ACTIVE && call->from_port == 0) {
        *ret_element = !read ? "SDP" : "m";
        return HF_ERR_INVALID;
    }
    return HF_OK;
}

/* G.711 A, then U, then PS as some devices ask for: 96 is what its map says, and what we answer. */
static const struct hf_sdp_payload *wanted_of(const struct hf_sdp_media *media)
{
    static const uint8_t wanted[] = {8, 0, 96};

    for (size_t i = 0; i < sizeof(wanted); i++)
        for (unsigned j = 0; j < media->payload_count; j++) {
            struct hf_slice encoding = media->payloads[j].encoding;

            if (media->payloads[j].type == wanted[i] &&
                (wanted[i] != 96 || encoding.bytes == 0 || hf_slice_eq_nocase(encoding, HF_SLICE("PS"))))
                return &media->payloads[j];
        }
    return NULL;
}

hf_err hf_gb_call_take_offer(struct hf_gb_call *call, const struct hf_sip_flow *flow, struct hf_slice body)
{
    struct hf_sdp sdp;
    const struct hf_sdp_media *media = hf_sdp_parse(body, &sdp) == HF_OK ? media_of(&sdp) : NULL;
    const struct hf_sdp_payload *payload = media != NULL ? wanted_of(media) : NULL;

    if (media == NULL || media->transport > HF_SDP_TCP)
        return HF_ERR_INVALID;
    /* Who listens has to say where: over UDP, and when we are to connect. */
    bool tcp = media->transport == HF_SDP_TCP, connects = tcp && media->setup != HF_SDP_PASSIVE;
    if (payload == NULL || (media->port == 0 && !connects))
        return HF_ERR_INVALID;
    call->transport = !tcp ? HF_GB_MEDIA_UDP : connects ? HF_GB_MEDIA_TCP_PASSIVE : HF_GB_MEDIA_TCP_ACTIVE;
    call->from_port = media->port;
    call->setup = (uint8_t)media->setup;
    keep_host(call, &sdp, media, flow);
    keep_format(call, payload);
    if (sdp.has_ssrc) {
        call->answer_ssrc = sdp.ssrc;
        if (sdp.ssrc != call->ssrc)
            tolerate(call, HF_GB_CALL_TOL_OTHER_SSRC);
    }
    return HF_OK;
}
