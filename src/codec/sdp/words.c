/* codec/sdp/words.c - words, f= and look-ups: see sdp.h. */
#include "codec/sdp/words.h"

#include "base/assert.h"

const struct hf_sdp_words hf_sdp_sessions = {
    {"Play", "Playback", "Download", "Talk"}, 4, HF_SDP_SESSION_OTHER};
const struct hf_sdp_words hf_sdp_kinds = {{"video", "audio"}, 2, HF_SDP_KIND_OTHER};
const struct hf_sdp_words hf_sdp_transports = {{"RTP/AVP", "TCP/RTP/AVP"}, 2, HF_SDP_TRANSPORT_OTHER};
const struct hf_sdp_words hf_sdp_directions = {{"sendrecv", "sendonly", "recvonly", "inactive"}, 4, 0};
const struct hf_sdp_words hf_sdp_setups = {{"active", "passive", "actpass", "holdconn"}, 4, 0};
const struct hf_sdp_words hf_sdp_connections = {{"new", "existing"}, 2, 0};

unsigned hf_sdp_word_of(const struct hf_sdp_words *words, struct hf_slice text)
{
    for (unsigned i = 0; i < words->count; i++)
        if (hf_slice_eq_nocase(text, hf_slice_of(words->names[i])))
            return i + 1;
    return words->other;
}

const char *hf_sdp_word_name(const struct hf_sdp_words *words, unsigned value)
{
    return value > 0 && value <= words->count ? words->names[value - 1] : NULL;
}

const char *hf_sdp_tolerance_name(unsigned index)
{
    static const char *const names[] = {
#define TOLERANCE(id, name) name,
        HF_SDP_TOLERANCE_MAP(TOLERANCE)
#undef TOLERANCE
    };

    return index < HF_SDP_TOLERANCES ? names[index] : NULL;
}

struct hf_slice hf_sdp_media_address(const struct hf_sdp *sdp, const struct hf_sdp_media *media)
{
    return media->address.bytes > 0 ? media->address : sdp->address;
}

const struct hf_sdp_payload *hf_sdp_payload_of(const struct hf_sdp_media *media, const char *encoding)
{
    for (unsigned i = 0; i < media->payload_count; i++)
        if (hf_slice_eq_nocase(media->payloads[i].encoding, hf_slice_of(encoding)))
            return &media->payloads[i];
    return NULL;
}

static struct hf_slice take_field(struct hf_slice *text)
{
    if (text->bytes == 0)
        return *text;
    const char *slash = memchr(text->at, '/', text->bytes);
    struct hf_slice field = {text->at, slash != NULL ? (size_t)(slash - text->at) : text->bytes};

    text->at += field.bytes + (slash != NULL);
    text->bytes -= field.bytes + (slash != NULL);
    return hf_slice_trim(field);
}

static unsigned take_code(struct hf_slice *text)
{
    uint64_t value;

    return hf_slice_to_u64(take_field(text), &value) && value <= UINT32_MAX ? (unsigned)value : 0;
}

bool hf_sdp_format_parse(struct hf_slice text, struct hf_sdp_format *ret_format)
{
    struct hf_slice video = hf_slice_trim(text), audio = {NULL, 0};
    const char *a = video.bytes > 0 ? memmem(video.at, video.bytes, "a/", 2) : NULL;

    *ret_format = (struct hf_sdp_format){.video_codec = 0};
    if (a != NULL) {
        audio = (struct hf_slice){a + 2, (size_t)(video.at + video.bytes - a - 2)};
        video.bytes = (size_t)(a - video.at);
    }
    if (video.bytes >= 2 && (video.at[0] | 32) == 'v' && video.at[1] == '/') {
        video = (struct hf_slice){video.at + 2, video.bytes - 2};
        ret_format->video_codec = take_code(&video);
        ret_format->resolution = take_field(&video);
        ret_format->fps = take_code(&video);
        ret_format->rate_type = take_code(&video);
        ret_format->kbps = take_code(&video);
    } else if (a == NULL) {
        return false;
    }
    ret_format->audio_codec = take_code(&audio);
    ret_format->audio_rate = take_code(&audio);
    ret_format->audio_sampling = take_code(&audio);
    return true;
}

static void put_code(struct hf_sb *out, unsigned code)
{
    hf_sb_char(out, '/');
    if (code != 0)
        hf_sb_u64(out, code);
}

void hf_sdp_format_write(const struct hf_sdp_format *format, struct hf_sb *out)
{
    hf_sb_char(out, 'v');
    put_code(out, format->video_codec);
    hf_sb_char(out, '/');
    hf_sb_slice(out, format->resolution);
    put_code(out, format->fps);
    put_code(out, format->rate_type);
    put_code(out, format->kbps);
    hf_sb_char(out, 'a');
    put_code(out, format->audio_codec);
    put_code(out, format->audio_rate);
    put_code(out, format->audio_sampling);
}
