/* codec/ps/ps_fuzz.c - properties: where the bytes are cut changes no unit; a unit that was written is read again as it was. The first byte picks the cut, the second the size of the
 * buffer and where a loss is told of. */
#include "codec/ps/mux.h"
#include "codec/ps/ps.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { INPUT_BYTES_MAX = 64 * 1024, AUDIO_BYTES = HF_ES_AUDIO_BYTES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

struct heard {
    uint64_t hash, units;
    struct hf_ps_stats stats;
    struct hf_es_stats video, audio;
};

static void mix(struct heard *heard, const void *at, size_t bytes)
{
    const uint8_t *in = at;

    for (size_t i = 0; i < bytes; i++)
        heard->hash = (heard->hash ^ in[i]) * UINT64_C(0x100000001b3);
}

static void on_unit(void *context, const struct hf_es_unit *unit)
{
    struct heard *heard = context;
    uint64_t numbers[8] = {unit->codec,      unit->audio, unit->key, unit->has_time,
                           unit->after_loss, unit->pts,   unit->dts, unit->bytes};

    HF_ASSERT(unit->bytes > 0 && unit->pts >> 33 == 0 && unit->dts >> 33 == 0);
    heard->units++;
    mix(heard, numbers, sizeof(numbers));
    mix(heard, unit->at, unit->bytes);
}

static struct heard feed(const uint8_t *in, size_t bytes, size_t cut, size_t room, size_t lost_at, bool mark)
{
    static struct hf_ps ps;
    uint8_t *video = malloc(room), *audio = malloc(AUDIO_BYTES);
    struct heard heard = {.hash = UINT64_C(0xcbf29ce484222325)};

    hf_ps_init(&ps, video, room, audio, AUDIO_BYTES, on_unit, &heard);
    for (size_t at = 0; at < bytes;) {
        size_t part = HF_MIN(cut, bytes - at);
        uint8_t *copy;

        if (at < lost_at && at + part > lost_at)
            part = lost_at - at; /* the same place in both */
        copy = malloc(part);
        memcpy(copy, in + at, part);
        hf_ps_feed(&ps, copy, part);
        free(copy);
        at += part;
        if (at == lost_at && mark)
            hf_ps_unit_ends(&ps);
        else if (at == lost_at)
            hf_ps_lost(&ps);
    }
    hf_ps_flush(&ps);
    heard.stats = ps.stats;
    heard.video = ps.video.stats;
    heard.audio = ps.audio.stats;
    free(video);
    free(audio);
    return heard;
}

static void check_written(const uint8_t *in, size_t bytes)
{
    struct hf_es_unit unit = {.codec = HF_ES_G711A,
                              .audio = true,
                              .key = true,
                              .pts = bytes,
                              .dts = bytes,
                              .at = in,
                              .bytes = bytes};
    struct hf_ps_map map = {.audio = HF_ES_G711A};
    uint8_t *out = malloc(hf_ps_write_bytes_max(bytes));
    size_t written = hf_ps_write(&map, &unit, out);
    struct heard heard = feed(out, written, 1 + bytes % 7, HF_ES_UNIT_BYTES_MIN, SIZE_MAX, false);

    HF_ASSERT(heard.units == 1 && heard.stats.resyncs == 0 && heard.stats.skipped_bytes == 0);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    size_t room, lost_at;

    if (data_bytes < 3 || data_bytes > INPUT_BYTES_MAX)
        return 0;
    room = data[1] & 1 ? HF_ES_UNIT_BYTES_MIN : 65536;
    lost_at = data[1] & 2 ? (data_bytes - 2) * (data[1] >> 3) / 32 : SIZE_MAX;
    struct heard whole = feed(data + 2, data_bytes - 2, data_bytes - 2, room, lost_at, data[1] & 4);
    struct heard cut = feed(data + 2, data_bytes - 2, 1 + data[0] % 64, room, lost_at, data[1] & 4);

    HF_ASSERT(memcmp(&whole, &cut, sizeof(whole)) == 0);
    if (data_bytes - 2 <= HF_PS_PES_BYTES_MAX)
        check_written(data + 2, data_bytes - 2);
    return 0;
}
