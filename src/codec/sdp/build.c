/* codec/sdp/build.c - see sdp.h. */
#include "base/assert.h"
#include "codec/sdp/words.h"

struct build {
    struct hf_sb *out;
    bool invalid;
};

/* Text of ours or a peer's into a line: must not begin another. */
static void put(struct build *build, struct hf_slice text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if ((uint8_t)text.at[i] < 0x20 || text.at[i] == 0x7f)
            build->invalid = true;
    hf_sb_slice(build->out, text);
}

static void line_end(struct build *build)
{
    hf_sb_text(build->out, "\r\n");
}

static void line(struct build *build, const char *before, struct hf_slice value)
{
    hf_sb_text(build->out, before);
    put(build, value);
    line_end(build);
}

static void line_if(struct build *build, const char *before, struct hf_slice value)
{
    if (value.bytes > 0)
        line(build, before, value);
}

static void put_word(struct build *build, const char *before, const struct hf_sdp_words *words,
                     unsigned value)
{
    const char *name = hf_sdp_word_name(words, value);

    if (value != 0 && name == NULL)
        build->invalid = true;
    if (name != NULL)
        line(build, before, hf_slice_of(name));
}

static void put_address(struct build *build, const char *before, struct hf_slice address)
{
    bool six = address.bytes > 0 && memchr(address.at, ':', address.bytes) != NULL;

    hf_sb_text(build->out, before);
    hf_sb_text(build->out, six ? "IN IP6 " : "IN IP4 ");
    put(build, address);
    line_end(build);
}

static void put_payloads(struct build *build, const struct hf_sdp_media *media)
{
    for (unsigned i = 0; i < media->payload_count; i++) {
        const struct hf_sdp_payload *payload = &media->payloads[i];

        if (payload->encoding.bytes > 0) {
            hf_sb_text(build->out, "a=rtpmap:");
            hf_sb_u64(build->out, payload->type);
            hf_sb_char(build->out, ' ');
            put(build, payload->encoding);
            hf_sb_char(build->out, '/');
            hf_sb_u64(build->out, payload->clock_hz);
            line_end(build);
        }
        if (payload->fmtp.bytes > 0) {
            hf_sb_text(build->out, "a=fmtp:");
            hf_sb_u64(build->out, payload->type);
            hf_sb_char(build->out, ' ');
            put(build, payload->fmtp);
            line_end(build);
        }
    }
}

static void put_media(struct build *build, const struct hf_sdp_media *media)
{
    const char *kind = hf_sdp_word_name(&hf_sdp_kinds, media->kind);
    const char *transport = hf_sdp_word_name(&hf_sdp_transports, media->transport);

    hf_sb_text(build->out, "m=");
    put(build, kind != NULL ? hf_slice_of(kind) : media->kind_name);
    hf_sb_char(build->out, ' ');
    hf_sb_u64(build->out, media->port);
    hf_sb_char(build->out, ' ');
    put(build, transport != NULL ? hf_slice_of(transport) : media->transport_name);
    if (media->payload_count == 0 || (kind == NULL && media->kind_name.bytes == 0) ||
        (transport == NULL && media->transport_name.bytes == 0))
        build->invalid = true;
    for (unsigned i = 0; i < media->payload_count; i++) {
        hf_sb_char(build->out, ' ');
        hf_sb_u64(build->out, media->payloads[i].type);
        build->invalid = build->invalid || media->payloads[i].type > 127;
    }
    line_end(build);
    if (media->address.bytes > 0)
        put_address(build, "c=", media->address);
    put_word(build, "a=", &hf_sdp_directions, media->direction);
    put_payloads(build, media);
    put_word(build, "a=setup:", &hf_sdp_setups, media->setup);
    put_word(build, "a=connection:", &hf_sdp_connections, media->connection);
}

static void put_session(struct build *build, const struct hf_sdp *sdp)
{
    const char *session = hf_sdp_word_name(&hf_sdp_sessions, sdp->session);
    struct hf_slice zero = HF_SLICE("0"), name = session != NULL ? hf_slice_of(session) : sdp->session_name;

    hf_sb_text(build->out, "v=0\r\no=");
    put(build, sdp->origin_user.bytes > 0 ? sdp->origin_user : HF_SLICE("-"));
    hf_sb_char(build->out, ' ');
    put(build, sdp->origin_session.bytes > 0 ? sdp->origin_session : zero);
    hf_sb_char(build->out, ' ');
    put(build, sdp->origin_version.bytes > 0 ? sdp->origin_version : zero);
    put_address(build, " ", sdp->origin_address.bytes > 0 ? sdp->origin_address : sdp->address);
    build->invalid = build->invalid || name.bytes == 0 || sdp->address.bytes == 0;
    line(build, "s=", name);
    line_if(build, "u=", sdp->uri);
    put_address(build, "c=", sdp->address);
    hf_sb_text(build->out, "t=");
    hf_sb_u64(build->out, sdp->start_s);
    hf_sb_char(build->out, ' ');
    hf_sb_u64(build->out, sdp->stop_s);
    line_end(build);
}

static void put_rest(struct build *build, const struct hf_sdp *sdp)
{
    char ssrc[HF_SSRC_TEXT_BYTES];

    line_if(build, "a=downloadspeed:", sdp->download_speed);
    if (sdp->has_file_size) {
        hf_sb_text(build->out, "a=filesize:");
        hf_sb_u64(build->out, sdp->file_size_bytes);
        line_end(build);
    }
    line_if(build, "a=streamnumber:", sdp->stream_number);
    line_if(build, "a=svcspace:", sdp->svc_space);
    line_if(build, "a=svctime:", sdp->svc_time);
    line_if(build, "a=ssvcratio:", sdp->ssvc_ratio);
    for (unsigned i = 0; i < sdp->other_count; i++)
        line(build, "a=", sdp->others[i]);
    if (sdp->has_ssrc) {
        hf_ssrc_format(sdp->ssrc, ssrc);
        line(build, "y=", hf_slice_of(ssrc));
    }
    if (sdp->has_format) {
        struct hf_slice resolution = sdp->format.resolution;

        build->invalid = build->invalid ||
                         (resolution.bytes > 0 && (memchr(resolution.at, '/', resolution.bytes) != NULL ||
                                                   memchr(resolution.at, 'a', resolution.bytes) != NULL));
        hf_sb_text(build->out, "f=");
        size_t from = build->out->bytes;

        hf_sdp_format_write(&sdp->format, build->out);
        for (size_t i = from; i < build->out->bytes; i++)
            build->invalid = build->invalid || (uint8_t)build->out->at[i] < 0x20;
        line_end(build);
    }
}

hf_err hf_sdp_build(const struct hf_sdp *sdp, struct hf_sb *out)
{
    struct build build = {.out = out};
    size_t start = out->bytes;

    if (out->overflow)
        return HF_ERR_LIMIT;
    put_session(&build, sdp);
    for (unsigned i = 0; i < sdp->media_count; i++)
        put_media(&build, &sdp->media[i]);
    put_rest(&build, sdp);
    if (!build.invalid && sdp->media_count > 0 && !out->overflow)
        return HF_OK;
    hf_err err = build.invalid || sdp->media_count == 0 ? HF_ERR_INVALID : HF_ERR_LIMIT;

    out->bytes = start;
    out->at[start] = '\0';
    out->overflow = false;
    return err;
}
