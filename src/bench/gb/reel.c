#include "bench/gb/reel.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "codec/ps/ps.h"

#define CLOCK_MASK ((UINT64_C(1) << 33) - 1)

struct hf_cam_reel_reader {
    struct hf_ps ps;
    size_t bytes, room;
    uint32_t units_room;
    uint64_t first; /* decoding time of the first key frame */
    bool begun;
    hf_err err;
    uint8_t video[HF_ES_UNIT_BYTES_DEFAULT], audio[HF_ES_AUDIO_BYTES];
};

/* Makes room for `more` bytes and one unit. */
static hf_err make_room(struct hf_cam_reel *reel, size_t more)
{
    struct hf_cam_reel_reader *reader = reel->reader;

    if (reader->bytes + more > HF_CAM_REEL_BYTES_MAX || reel->unit_count == HF_CAM_REEL_UNITS_MAX)
        return HF_ERR_LIMIT;
    if (reader->bytes + more > reader->room) {
        size_t room = HF_MAX(2 * reader->room, reader->bytes + more);
        uint8_t *grown = realloc(reel->bytes, room);

        if (grown == NULL)
            return HF_ERR_NOMEM;
        reel->bytes = grown;
        reader->room = room;
    }
    if (reel->unit_count == reader->units_room) {
        uint32_t room = HF_MAX(2 * reader->units_room, 256u);
        struct hf_cam_reel_unit *grown = realloc(reel->units, room * sizeof(*grown));

        if (grown == NULL)
            return HF_ERR_NOMEM;
        reel->units = grown;
        reader->units_room = room;
    }
    return HF_OK;
}

static void on_unit(void *context, const struct hf_es_unit *unit)
{
    struct hf_cam_reel *reel = context;
    struct hf_cam_reel_reader *reader = reel->reader;
    bool is_picture = !unit->audio && (unit->codec == HF_ES_H264 || unit->codec == HF_ES_H265);

    if (reader->err != HF_OK || (!unit->audio && !is_picture) ||
        (!reader->begun && !(is_picture && unit->key)))
        return;
    if (!reader->begun)
        reader->first = unit->dts;
    reader->begun = true;
    uint64_t time = (unit->dts - reader->first) & CLOCK_MASK;
    if (time > CLOCK_MASK / 2) /* sound from before the first picture */
        return;
    reader->err = make_room(reel, unit->bytes);
    if (reader->err != HF_OK)
        return;
    *(unit->audio ? &reel->map.audio : &reel->map.video) = unit->codec;
    reel->units[reel->unit_count] =
        (struct hf_cam_reel_unit){.time = time,
                                  .at = reader->bytes,
                                  .bytes = (uint32_t)unit->bytes,
                                  .pts_ahead = (uint32_t)((unit->pts - unit->dts) & CLOCK_MASK),
                                  .order = reel->unit_count,
                                  .codec = (uint8_t)unit->codec,
                                  .audio = unit->audio,
                                  .key = unit->key};
    memcpy(reel->bytes + reader->bytes, unit->at, unit->bytes);
    reader->bytes += unit->bytes;
    reel->unit_count++;
}

hf_err hf_cam_reel_new(struct hf_cam_reel **ret_reel)
{
    struct hf_cam_reel *reel = calloc(1, sizeof(*reel));

    if (reel == NULL)
        return HF_ERR_NOMEM;
    reel->reader = calloc(1, sizeof(*reel->reader));
    if (reel->reader == NULL) {
        free(reel);
        return HF_ERR_NOMEM;
    }
    hf_ps_init(&reel->reader->ps, reel->reader->video, sizeof(reel->reader->video), reel->reader->audio,
               sizeof(reel->reader->audio), on_unit, reel);
    *ret_reel = reel;
    return HF_OK;
}

void hf_cam_reel_free(struct hf_cam_reel *reel)
{
    if (reel == NULL)
        return;
    free(reel->reader);
    free(reel->units);
    free(reel->bytes);
    free(reel);
}

hf_err hf_cam_reel_feed(struct hf_cam_reel *reel, const uint8_t *in, size_t bytes)
{
    if (reel->reader->err == HF_OK)
        hf_ps_feed(&reel->reader->ps, in, bytes);
    return reel->reader->err;
}

/* A frame is known to be whole only when the next one begins, sound at once: they come out of order. */
static int by_time(const void *left, const void *right)
{
    const struct hf_cam_reel_unit *a = left, *b = right;

    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* The time of the last frame and how long it stays: as long as the one before it did. */
static uint64_t span_of(const struct hf_cam_reel *reel)
{
    uint64_t last = 0, step = HF_ES_STEP_DEFAULT;

    for (uint32_t i = 0; i < reel->unit_count; i++) {
        const struct hf_cam_reel_unit *unit = &reel->units[i];

        if (unit->audio || unit->time == last)
            continue;
        step = unit->time - last;
        last = unit->time;
    }
    return HF_MAX(last, reel->units[reel->unit_count - 1].time) + step;
}

hf_err hf_cam_reel_end(struct hf_cam_reel *reel)
{
    hf_err err;

    hf_ps_flush(&reel->reader->ps);
    err = reel->reader->err;
    free(reel->reader);
    reel->reader = NULL;
    if (err != HF_OK)
        return err;
    if (reel->unit_count == 0)
        return HF_ERR_MALFORMED;
    qsort(reel->units, reel->unit_count, sizeof(*reel->units), by_time);
    reel->span = span_of(reel);
    return HF_OK;
}

struct hf_es_unit hf_cam_reel_unit(const struct hf_cam_reel *reel, uint32_t index, uint64_t base)
{
    const struct hf_cam_reel_unit *unit = &reel->units[index];
    uint64_t dts = base + unit->time;

    HF_ASSERT(index < reel->unit_count);
    return (struct hf_es_unit){.codec = (enum hf_es_codec)unit->codec,
                               .audio = unit->audio,
                               .key = unit->key,
                               .has_time = true,
                               .pts = (dts + unit->pts_ahead) & CLOCK_MASK,
                               .dts = dts & CLOCK_MASK,
                               .at = reel->bytes + unit->at,
                               .bytes = unit->bytes};
}

uint32_t hf_cam_reel_seek(const struct hf_cam_reel *reel, uint64_t time)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < reel->unit_count && reel->units[i].time <= time; i++)
        if (!reel->units[i].audio && reel->units[i].key)
            found = i;
    return found;
}
