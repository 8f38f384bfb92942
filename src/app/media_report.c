/* app/media_report.c - what is known of a stream, as JSON. */
#include "app/media_plane.h"
#include "base/assert.h"
#include "codec/sdp/ssrc.h"

static const char *transport_name(unsigned transport)
{
    static const char *const names[] = {"udp", "tcp_passive", "tcp_active", "any"};

    return transport < HF_COUNT_OF(names) ? names[transport] : "unknown";
}

static void relay_out(struct hf_json_out *out, const struct hf_media_leg *leg, const union hf_address *to)
{
    char text[HF_SOCKET_TEXT_MAX];

    for (uint32_t i = 0; i < leg->consumer_count; i++) {
        const struct hf_media_consumer *consumer = &leg->consumers[i];

        if (!hf_media_same_address(&consumer->to, to))
            continue;
        hf_address_text(to, text);
        hf_json_out_object(out, "relay");
        hf_json_out_cstr(out, "to", text);
        hf_json_out_u64(out, "packets", consumer->packets);
        hf_json_out_end(out);
    }
}

size_t hf_media_report(const struct hf_media_leg *leg, const union hf_address *to,
                       char out_text[HF_MEDIA_REPORT_BYTES_MAX])
{
    char ssrc[HF_SSRC_TEXT_BYTES];
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, out_text, HF_MEDIA_REPORT_BYTES_MAX);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_cstr(&out, "transport", transport_name(leg->transport));
    hf_json_out_u64(&out, "port", leg->port);
    if (leg->source.latched) {
        hf_ssrc_format(leg->source.ssrc, ssrc);
        hf_json_out_cstr(&out, "ssrc", ssrc);
        hf_json_out_bool(&out, "ssrc_agreed", leg->source.known);
    }
    hf_json_out_u64(&out, "packets", leg->packets);
    hf_json_out_u64(&out, "bytes", leg->bytes);
    hf_json_out_u64(&out, "bits_per_s", leg->bits_per_s);
    hf_json_out_u64(&out, "lost", leg->receiver.lost);
    hf_json_out_u64(&out, "duplicates", leg->receiver.duplicates + leg->receiver.late);
    hf_json_out_u64(&out, "reordered", leg->receiver.reordered);
    if (leg->heard) {
        hf_json_out_u64(&out, "first_packet_us", leg->first_packet_us);
        hf_json_out_u64(&out, "jitter_us", hf_rtp_receiver_jitter_us(&leg->receiver));
        hf_json_out_u64(&out, "heard_ms_ago", leg->media->loop->now_ms - leg->heard_ms);
    }
    hf_json_out_u64(&out, "strangers_refused", leg->source.refused);
    if (leg->ps != NULL && leg->has_video) {
        hf_json_out_cstr(&out, "video", hf_es_codec_name((enum hf_es_codec)leg->ps->video.codec));
        hf_json_out_u64(&out, "frames", leg->ps->video.stats.units);
        hf_json_out_u64(&out, "key_frames", leg->ps->video.stats.keys);
        hf_json_out_u64(&out, "frames_dropped",
                        leg->ps->video.stats.dropped + leg->ps->video.stats.refused_large);
        hf_json_out_u64(&out, "resyncs", leg->ps->stats.resyncs);
    }
    if (leg->voice != NULL)
        hf_media_voice_report(leg, &out);
    if (leg->sound != NULL)
        hf_json_out_cstr(&out, "sound", hf_es_codec_name((enum hf_es_codec)leg->sound->codec));
    hf_json_out_u64(&out, "watchers", leg->view_count);
    hf_json_out_u64(&out, "relays", leg->consumer_count);
    if (to != NULL)
        relay_out(&out, leg, to);
    hf_json_out_end(&out);
    hf_sb_char(&sb, '\n');
    HF_ASSERT(!sb.overflow);
    return sb.bytes;
}
