/* bench/gb/play.c - what a camera sends in a call: each access unit of the reel as one pack of a program stream, cut into RTP packets of which the last has the marker, when its
 * time has come. Times go on where the reel begins again, so that a decoder sees one stream. Sources: RFC 3550 5.1; GB/T 28181-2016 and -2022, annex B (orders), annex C. */
#include "bench/gb/camera_parts.h"

#include "codec/rtp/rtp.h"

#define NEVER UINT64_MAX

_Static_assert(HF_ES_UNIT_BYTES_DEFAULT + HF_ES_UNIT_BYTES_DEFAULT / 64 + 4096 <= HF_CAM_BODY_BYTES_MAX,
               "a pack is written where bodies are");

enum { UNITS_A_TURN = 64 };
#define TIME_FIRST UINT64_C(90000) /* of the first frame: sound may need times before it */

static const struct hf_cam_reel *reel_of(const struct hf_cam *cam)
{
    return cam->world->profile->reel;
}

/* Where the next unit stands on the way from the beginning of the call's stream. */
static uint64_t time_of(const struct hf_cam *cam, const struct hf_cam_call *call)
{
    return call->base + reel_of(cam)->units[call->unit].time;
}

/* From here on the next unit is due now. */
static void due_now(struct hf_cam *cam, struct hf_cam_call *call)
{
    call->from_us = cam->world->now_us;
    call->from_time = time_of(cam, call);
}

void hf_cam_play_begin(struct hf_cam *cam, struct hf_cam_call *call)
{
    call->unit = 0;
    call->base = 0;
    due_now(cam, call);
}

uint64_t hf_cam_play_due_us(const struct hf_cam *cam, const struct hf_cam_call *call)
{
    if (call->paused)
        return NEVER;
    return call->from_us +
           (uint64_t)((double)(time_of(cam, call) - call->from_time) * 100 / (9 * call->speed));
}

/* The pack as packets. HF_ERR_IO: the connection is lost. */
static hf_err send_pack(struct hf_cam *cam, struct hf_cam_call *call, const uint8_t *pack, size_t bytes,
                        uint32_t time)
{
    struct hf_cam_world *world = cam->world;
    uint8_t packet[HF_CAM_MEDIA_PACKET_BYTES];

    for (size_t at = 0; at < bytes;) {
        size_t part = HF_MIN(bytes - at, sizeof(packet) - HF_RTP_HEAD_BYTES);
        struct hf_rtp head = {.marker = at + part == bytes,
                              .payload_type = call->payload_type,
                              .sequence = call->sequence++,
                              .timestamp = call->clock + time,
                              .ssrc = call->ssrc};

        hf_rtp_write(&head, packet);
        memcpy(packet + HF_RTP_HEAD_BYTES, pack + at, part);
        hf_err err = world->ops->media_send(world->context, call->media, packet, HF_RTP_HEAD_BYTES + part);

        if (err == HF_ERR_IO)
            return err;
        call->packets += err == HF_OK;
        world->stats.media_bytes += err == HF_OK ? HF_RTP_HEAD_BYTES + part : 0;
        *(err == HF_OK ? &world->stats.media_packets : &world->stats.media_lost) += 1;
        at += part;
    }
    return HF_OK;
}

static hf_err send_unit(struct hf_cam *cam, struct hf_cam_call *call)
{
    const struct hf_cam_reel *reel = reel_of(cam);
    struct hf_es_unit unit = hf_cam_reel_unit(reel, call->unit, TIME_FIRST + call->base);
    uint8_t *pack = (uint8_t *)cam->world->body;

    return send_pack(cam, call, pack, hf_ps_write(&reel->map, &unit, pack), (uint32_t)unit.dts);
}

hf_err hf_cam_play(struct hf_cam *cam, struct hf_cam_call *call)
{
    uint64_t now_us = cam->world->now_us, due_us = hf_cam_play_due_us(cam, call);

    if (due_us != NEVER && due_us + HF_CAM_MEDIA_LATE_MS_MAX * 1000 < now_us)
        due_now(cam, call);
    for (unsigned i = 0; i < UNITS_A_TURN && hf_cam_play_due_us(cam, call) <= now_us; i++) {
        if (call->once && (call->base > 0 || time_of(cam, call) >= call->stop_time))
            return HF_ERR_NOT_FOUND;
        hf_err err = send_unit(cam, call);

        if (err != HF_OK)
            return err;
        if (++call->unit < reel_of(cam)->unit_count)
            continue;
        call->unit = 0;
        call->base += reel_of(cam)->span;
    }
    return HF_OK;
}

unsigned hf_cam_play_steer(struct hf_cam *cam, struct hf_cam_call *call, const struct hf_mansrtsp *order)
{
    bool seeks = order->start == HF_MANSRTSP_AT;

    if (order->method == HF_MANSRTSP_TEARDOWN)
        return 200;                                      /* BYE follows */
    if (!call->once || call->state != HF_CAM_CALL_PLAYS) /* live cannot be steered */
        return 455;
    if (order->method == HF_MANSRTSP_PAUSE) {
        call->paused = true;
        return 200;
    }
    if (order->method != HF_MANSRTSP_PLAY)
        return 501;
    if (order->has_scale && order->scale < 0)
        return 456;
    if (seeks && order->start_s * HF_ES_CLOCK_HZ >= (double)reel_of(cam)->span)
        return 457;
    if (order->has_scale)
        call->speed = HF_MIN(order->scale, (double)HF_CAM_MEDIA_SPEED_MAX);
    if (seeks) {
        call->unit = hf_cam_reel_seek(reel_of(cam), (uint64_t)(order->start_s * HF_ES_CLOCK_HZ));
        call->base = 0;
    }
    call->paused = false;
    due_now(cam, call);
    return 200;
}
