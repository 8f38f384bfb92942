/* app/media_voice.c - what is said to a device: the sending side of a talk's leg. Sound comes by HTTP, as fast as its buffer has room, and goes as RTP, 20 ms in a packet, at the speed at which it is to be heard.
 *
 *   request -> speaker (one at a time; waits while the ring is full) -> ring (media.talk_bytes_max) -> a packet every 20 ms while there is sound
 *
 * When the ring runs dry nothing is sent; the next packet has the marker, and a time that went on (RFC 3551 4.1). What does not fill a packet waits for more, HF_MEDIA_VOICE_PATIENCE_MS, and is then
 * filled up with silence. Over UDP sender reports go beside it while there is sound. Sources: RFC 3550 5.1, RFC 3551 4.1, 4.5.14, RFC 4571; GB/T 28181-2022 9.12, annex C. */
#include <stdlib.h>

#include "app/media_plane.h"
#include "base/assert.h"
#include "codec/ps/mux.h"
#include "codec/rtp/rtcp.h"
#include "io/clock.h"
#include "io/entropy.h"

enum {
    PACKET_MS = 20,
    PACKET_BYTES = 160, /* of G.711 */
    BYTES_A_MS = 8,
    PATIENCE_MS = 100,
    TAIL_MS = 500, /* between the last packet and the end: the device's own buffer is heard to its end */
    IDLE_MS_MIN = 10000, /* a talk is not over at once because nobody has spoken yet */
    LATE_MS_MAX = 200,   /* behind its time it goes on from now, without catching up */
    PS_MAP_PACKETS = 50,
    PACK_BYTES_MAX = 1024,
    FRAME_BYTES = 2,
};
#define NTP_BEGIN_S UINT64_C(2208988800) /* 1900 to 1970 */

static struct hf_media *media_of(const struct hf_media_voice *voice)
{
    return voice->leg->media;
}

static uint64_t now_ms(const struct hf_media_voice *voice)
{
    return media_of(voice)->loop->now_ms;
}

/* ---- sending ---- */

/* The session stands, and there is something to send through. */
static bool is_open(const struct hf_media_leg *leg)
{
    if (!leg->answered || leg->voice->codec == HF_ES_UNKNOWN)
        return false;
    return leg->transport == HF_GB_MEDIA_UDP ? leg->rtp != NULL && leg->remote.any.sa_family != AF_UNSPEC
                                             : leg->stream != NULL;
}

static bool send_bytes(struct hf_media_leg *leg, uint8_t *framed, size_t packet_bytes)
{
    if (leg->transport == HF_GB_MEDIA_UDP)
        return hf_udp_send(leg->rtp, NULL, &leg->remote, framed + FRAME_BYTES, packet_bytes) == HF_OK;
    struct hf_link *link = &leg->stream->link;

    hf_rtp_frame_write((uint16_t)packet_bytes, framed);
    return link->ops->queued_bytes(link) <= leg->media->options.talk_bytes_max &&
           link->ops->write(link, framed, FRAME_BYTES + packet_bytes) == HF_OK;
}

/* The next 20 ms off the ring; what is missing is silence. */
static void take_sound(struct hf_media_voice *voice, uint8_t out[PACKET_BYTES])
{
    for (size_t i = 0; i < PACKET_BYTES; i++) {
        if (voice->count == 0) {
            out[i] = voice->codec == HF_ES_G711U ? 0xff : 0xd5;
            continue;
        }
        out[i] = voice->ring[voice->at];
        voice->at = (voice->at + 1) % voice->room;
        voice->count--;
    }
}

static void send_packet(struct hf_media_voice *voice, bool begins)
{
    struct hf_media_leg *leg = voice->leg;
    uint8_t sound[PACKET_BYTES], framed[FRAME_BYTES + HF_RTP_HEAD_BYTES + PACK_BYTES_MAX];
    uint8_t *payload = framed + FRAME_BYTES + HF_RTP_HEAD_BYTES;
    size_t bytes = PACKET_BYTES;
    struct hf_rtp head = {.marker = begins,
                          .payload_type = voice->payload_type,
                          .sequence = voice->sequence++,
                          .timestamp = (uint32_t)voice->time,
                          .ssrc = leg->source.offered};

    take_sound(voice, sound);
    if (!voice->in_ps) {
        memcpy(payload, sound, sizeof(sound));
    } else { /* a pack is one packet, so each has the marker */
        struct hf_ps_map map = {.audio = voice->codec};
        uint64_t time = voice->time * 45 / 4; /* 90 kHz */
        struct hf_es_unit unit = {.codec = voice->codec,
                                  .audio = true,
                                  .key = begins || voice->packets % PS_MAP_PACKETS == 0,
                                  .has_time = true,
                                  .pts = time,
                                  .dts = time,
                                  .at = sound,
                                  .bytes = sizeof(sound)};

        HF_ASSERT(hf_ps_write_bytes_max(sizeof(sound)) <= PACK_BYTES_MAX);
        bytes = hf_ps_write(&map, &unit, payload);
        head.marker = true;
        head.timestamp = (uint32_t)time;
    }
    hf_rtp_write(&head, framed + FRAME_BYTES);
    voice->time += PACKET_BYTES;
    voice->packets++;
    voice->bytes += bytes;
    if (send_bytes(leg, framed, HF_RTP_HEAD_BYTES + bytes)) {
        media_of(voice)->stats.talk_packets++;
        media_of(voice)->stats.talk_bytes += bytes;
        voice->sent_bytes += bytes;
    } else {
        voice->lost++;
        media_of(voice)->stats.talk_lost++;
    }
}

/* ---- sound that comes ---- */

static void finish(struct hf_media_voice *voice, hf_err err)
{
    struct hf_view *view = voice->speaker;

    voice->speaker = NULL;
    view->voice = NULL;
    if (err == HF_OK)
        voice->last = view->sound_last;
    hf_media_view_spoke(view, voice->leg, err);
}

static void fill(struct hf_media_voice *voice)
{
    struct hf_view *view = voice->speaker;

    if (view == NULL || !voice->leg->answered)
        return;
    voice->spoken_ms = now_ms(voice);
    if (view->sound_bytes > 0 && view->sound_codec != voice->codec) {
        finish(voice, HF_ERR_UNSUPPORTED);
        return;
    }
    while (voice->count < voice->room && view->sound_taken < view->sound_bytes) {
        size_t to = (voice->at + voice->count) % voice->room;
        size_t part = HF_MIN(HF_MIN(voice->room - to, voice->room - voice->count),
                             view->sound_bytes - view->sound_taken);

        memcpy(voice->ring + to, view->sound + view->sound_taken, part);
        voice->count += part;
        view->sound_taken += part;
    }
    if (view->sound_taken == view->sound_bytes)
        finish(voice, HF_OK);
}

/* ---- reports (RFC 3550 6.4.1) ---- */

/* Of now: what stands at the microphone, so to speak. */
static uint32_t rtp_now(const struct hf_media_voice *voice)
{
    int64_t ahead_ms = (int64_t)now_ms(voice) - (int64_t)voice->due_ms;
    uint64_t time = voice->time + (uint64_t)(ahead_ms * BYTES_A_MS);

    return (uint32_t)(voice->in_ps ? time * 45 / 4 : time);
}

/* Only over UDP: on a connection a device expects nothing but its sound. */
static void report(struct hf_media_voice *voice)
{
    struct hf_media_leg *leg = voice->leg;
    uint64_t utc_ms = hf_clock_utc_ms(), sent = voice->packets - voice->lost;
    uint64_t ntp = (utc_ms / 1000 + NTP_BEGIN_S) << 32 | ((utc_ms % 1000) << 32) / 1000;
    uint8_t out[HF_RTCP_SENDER_BYTES_MAX];

    if (leg->transport != HF_GB_MEDIA_UDP || !is_open(leg) || sent == voice->reported_packets ||
        (voice->report_ms != 0 && now_ms(voice) - voice->report_ms < HF_MEDIA_REPORT_MS))
        return;
    voice->report_ms = now_ms(voice);
    voice->reported_packets = sent;
    hf_media_leg_rtcp(leg, out,
                      hf_rtcp_write_sender(leg->source.offered, ntp, rtp_now(voice), (uint32_t)sent,
                                           (uint32_t)voice->sent_bytes, HF_SLICE("holdfast"), out));
}

/* ---- time ---- */

/* A packet's worth, or all that there will be. */
static bool has_packet(const struct hf_media_voice *voice)
{
    bool complete =
        voice->speaker == NULL && (voice->last || now_ms(voice) - voice->spoken_ms >= PATIENCE_MS);

    return voice->count >= PACKET_BYTES || (voice->count > 0 && complete);
}

static void stop(struct hf_media_voice *voice)
{
    hf_wheel_cancel(&media_of(voice)->loop->wheel, &voice->timer);
    voice->runs = false;
}

static void on_timer(struct hf_timer *timer, uint64_t now)
{
    struct hf_media_voice *voice = HF_CONTAINER_OF(timer, struct hf_media_voice, timer);

    if (now > voice->due_ms + LATE_MS_MAX)
        voice->due_ms = now;
    while (voice->runs && voice->due_ms <= now) {
        if (!is_open(voice->leg) || !has_packet(voice)) {
            media_of(voice)->stats.talk_gaps += !voice->last;
            voice->gaps += !voice->last;
            stop(voice);
            return;
        }
        send_packet(voice, false);
        voice->due_ms += PACKET_MS;
        fill(voice);
    }
    hf_wheel_arm(&media_of(voice)->loop->wheel, timer, voice->due_ms);
}

static void start(struct hf_media_voice *voice)
{
    uint64_t now = now_ms(voice);

    fill(voice);
    if (voice->runs || !is_open(voice->leg) || !has_packet(voice))
        return;
    if (voice->packets > 0 && now > voice->due_ms) /* time went on while nothing was said */
        voice->time += (now - voice->due_ms) * BYTES_A_MS;
    voice->runs = true;
    send_packet(voice, true);
    voice->due_ms = now + PACKET_MS;
    fill(voice);
    hf_wheel_arm(&media_of(voice)->loop->wheel, &voice->timer, voice->due_ms);
}

void hf_media_voice_sweep(struct hf_media_leg *leg)
{
    struct hf_media_voice *voice = leg->voice;
    const struct hf_media_options *options = &leg->media->options;
    uint64_t now = now_ms(voice);

    start(voice);
    report(voice);
    if (voice->speaker != NULL && !is_open(leg) && now - voice->speaker->begun_ms >= options->start_ms)
        finish(voice, HF_ERR_TIMEOUT);
    if (!leg->answered || voice->runs || voice->speaker != NULL || voice->count > 0 || voice->told)
        return;
    if (voice->last && now - voice->due_ms >= TAIL_MS) {
        voice->told = true;
        hf_media_tell(leg, HF_GB_MEDIA_PLAYED, HF_OK);
    } else if (now - HF_MAX(voice->spoken_ms, leg->answered_ms) >=
               HF_MAX(options->unwatched_ms, (uint32_t)IDLE_MS_MIN)) {
        voice->told = true;
        hf_media_tell(leg, HF_GB_MEDIA_UNWATCHED, HF_OK);
    }
}

/* ---- life ---- */

hf_err hf_media_voice_new(struct hf_media_leg *leg)
{
    struct hf_media_voice *voice = calloc(1, sizeof(*voice));

    if (voice == NULL)
        return HF_ERR_NOMEM;
    voice->room = leg->media->options.talk_bytes_max;
    voice->ring = malloc(voice->room);
    if (voice->ring == NULL) {
        free(voice);
        return HF_ERR_NOMEM;
    }
    voice->leg = leg;
    hf_timer_init(&voice->timer, on_timer);
    voice->sequence = (uint16_t)hf_entropy_u64();
    voice->time = (uint32_t)hf_entropy_u64();
    leg->voice = voice;
    return HF_OK;
}

void hf_media_voice_free(struct hf_media_leg *leg)
{
    struct hf_media_voice *voice = leg->voice;

    if (voice == NULL)
        return;
    stop(voice);
    if (voice->speaker != NULL)
        finish(voice, HF_ERR_CLOSED);
    leg->voice = NULL;
    free(voice->ring);
    free(voice);
}

void hf_media_voice_answered(struct hf_media_leg *leg, unsigned payload_type, struct hf_slice format)
{
    struct hf_media_voice *voice = leg->voice;

    voice->payload_type = (uint8_t)payload_type;
    voice->in_ps = hf_slice_eq_nocase(format, HF_SLICE("PS"));
    if (voice->in_ps || hf_slice_eq_nocase(format, HF_SLICE("PCMA")))
        voice->codec = HF_ES_G711A;
    else if (hf_slice_eq_nocase(format, HF_SLICE("PCMU")))
        voice->codec = HF_ES_G711U;
    start(voice);
}

void hf_media_voice_go(struct hf_media_leg *leg)
{
    if (leg->voice != NULL)
        start(leg->voice);
}

hf_err hf_media_voice_speak(struct hf_media_leg *leg, struct hf_view *view)
{
    struct hf_media_voice *voice = leg->voice;

    if (voice->speaker != NULL)
        return HF_ERR_EXISTS;
    voice->speaker = view;
    voice->told = false;
    view->voice = voice;
    start(voice);
    return HF_OK;
}

void hf_media_voice_left(struct hf_view *view)
{
    struct hf_media_voice *voice = view->voice;

    if (voice == NULL)
        return;
    voice->speaker = NULL;
    view->voice = NULL;
    voice->spoken_ms = now_ms(voice);
}

void hf_media_voice_report(const struct hf_media_leg *leg, struct hf_json_out *out)
{
    const struct hf_media_voice *voice = leg->voice;

    hf_json_out_object(out, "said");
    hf_json_out_cstr(out, "codec",
                     voice->codec == HF_ES_UNKNOWN ? "unknown" : hf_es_codec_name(voice->codec));
    hf_json_out_u64(out, "packets", voice->packets);
    hf_json_out_u64(out, "bytes", voice->bytes);
    hf_json_out_u64(out, "lost", voice->lost);
    hf_json_out_u64(out, "gaps", voice->gaps);
    hf_json_out_u64(out, "waiting_bytes", voice->count);
    hf_json_out_end(out);
}
