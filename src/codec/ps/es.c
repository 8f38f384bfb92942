#include "codec/ps/es.h"

#include <string.h>

#include "base/assert.h"

enum { SET_VPS = 1, SET_SPS = 2, SET_PPS = 4 };
enum { NAL_LOOK = 3, NAL_NONE = 0xff, NAL_PREFIX_MAX = 4 };
enum { STEP_MAX = 10 * HF_ES_CLOCK_HZ };
#define TIME_MASK ((UINT64_C(1) << 33) - 1)

/* What a NAL unit says about where access units end. */
enum nal_kind { NAL_OTHER, NAL_BEFORE /* stands before the slices */, NAL_FIRST_SLICE, NAL_SLICE };

const char *hf_es_codec_name(enum hf_es_codec codec)
{
    static const char *const names[HF_ES_CODECS] = {"unknown",    "MPEG4", "H264",      "H265",   "SVAC",
                                                    "G711A",      "G711U", "G722.1",    "G723.1", "G729",
                                                    "SVAC audio", "AAC",   "MPEG audio"};

    return codec < HF_ES_CODECS ? names[codec] : names[HF_ES_UNKNOWN];
}

void hf_es_init(struct hf_es *self, bool audio, enum hf_es_codec codec, uint8_t *buffer, size_t bytes,
                hf_es_unit_fn *on_unit, void *context)
{
    HF_ASSERT(bytes >= HF_ES_UNIT_BYTES_MIN);
    *self = (struct hf_es){.on_unit = on_unit,
                           .context = context,
                           .at = buffer,
                           .room = bytes,
                           .codec = (uint8_t)codec,
                           .audio = audio,
                           .fresh = true,
                           .step = HF_ES_STEP_DEFAULT,
                           .last4 = UINT32_MAX,
                           .nal_bytes = NAL_NONE};
}

static bool has_nals(const struct hf_es *self)
{
    return !self->audio &&
           (self->codec == HF_ES_UNKNOWN || self->codec == HF_ES_H264 || self->codec == HF_ES_H265);
}

/* ---- a unit's life ---- */

static void take_time(struct hf_es *self, const struct hf_es_time *time)
{
    self->time = *time;
    /* Packets that continue a unit may repeat its time: that is not the next one's. */
    if (self->time.has && self->last_told && self->time.pts == self->last.pts &&
        self->time.dts == self->last.dts)
        self->time.has = false;
}

static void reset_unit(struct hf_es *self)
{
    self->bytes = 0;
    self->fresh = true;
    self->broken = self->large = self->picture = self->intra = self->nal_seen = false;
    self->sets = 0;
}

static bool is_key(const struct hf_es *self)
{
    switch (self->codec) {
    case HF_ES_H264: return self->intra && (self->sets & (SET_SPS | SET_PPS)) == (SET_SPS | SET_PPS);
    case HF_ES_H265: return self->intra && self->sets == (SET_VPS | SET_SPS | SET_PPS);
    default: return true;
    }
}

/* AAC and MPEG audio begin with a sync word; what has none and was not declared is G.711, the one codec that every camera has. */
static enum hf_es_codec audio_codec(const struct hf_es *self)
{
    if (self->bytes >= 2 && self->at[0] == 0xff && (self->at[1] & 0xf6) == 0xf0)
        return HF_ES_AAC;
    if (self->bytes >= 2 && self->at[0] == 0xff && (self->at[1] & 0xe0) == 0xe0 && (self->at[1] & 0x06) != 0)
        return HF_ES_MPEG_AUDIO;
    return HF_ES_G711A;
}

/* The first `bytes` bytes are one unit; gives it out, or counts why not. The caller moves what stands behind it. */
static void emit(struct hf_es *self, size_t bytes)
{
    struct hf_es_unit unit = {.audio = self->audio, .at = self->at, .bytes = bytes};

    if (self->broken || self->large) {
        self->stats.dropped += self->broken && bytes > 0;
        self->stats.refused_large += !self->broken;
        self->after_loss = true;
        return;
    }
    if (bytes == 0 || (has_nals(self) && !self->picture))
        return;
    if (self->audio && self->codec == HF_ES_UNKNOWN)
        self->codec = (uint8_t)audio_codec(self);
    unit.codec = (enum hf_es_codec)self->codec;
    unit.key = is_key(self);
    unit.after_loss = self->after_loss;
    unit.has_time = self->time.has;
    if (!self->time.has) {
        self->time.dts = (self->last.dts + (self->last.has ? self->step : 0)) & TIME_MASK;
        self->time.pts = self->time.dts;
    } else if (self->last.has) {
        uint64_t step = (self->time.dts - self->last.dts) & TIME_MASK;

        if (step > 0 && step < STEP_MAX)
            self->step = step;
    }
    unit.pts = self->time.pts;
    unit.dts = self->time.dts;
    self->last = self->time;
    self->last_told = self->time.has;
    self->last.has = true;
    self->after_loss = false;
    self->stats.units++;
    self->stats.keys += unit.key && !self->audio;
    self->on_unit(self->context, &unit);
}

/* ---- NAL units ---- */

/* The slice type of H.264 behind first_mb_in_slice 0, one bit: ue(v) of at most 9 fits in the other seven. */
static bool is_intra_slice(uint8_t byte)
{
    unsigned zeros = 0, type;

    while (zeros < 4 && !(byte & (0x40u >> zeros)))
        zeros++;
    if (zeros == 4)
        return false;
    type = (((unsigned)byte & 0x7f) >> (6 - 2 * zeros)) - 1;
    return type == 2 || type == 4 || type == 7 || type == 9;
}

static enum nal_kind judge_h264(struct hf_es *self, uint8_t *ret_sets, bool *ret_intra)
{
    bool first = self->nal[1] & 0x80;

    switch (self->nal[0] & 0x1f) {
    case 1: *ret_intra = first && is_intra_slice(self->nal[1]); return first ? NAL_FIRST_SLICE : NAL_SLICE;
    case 5: *ret_intra = true; return first ? NAL_FIRST_SLICE : NAL_SLICE;
    case 7: *ret_sets = SET_SPS; return NAL_BEFORE;
    case 8: *ret_sets = SET_PPS; return NAL_BEFORE;
    case 6:
    case 9:
    case 14:
    case 15:
    case 16:
    case 17:
    case 18: return NAL_BEFORE;
    default: return NAL_OTHER;
    }
}

static enum nal_kind judge_h265(struct hf_es *self, uint8_t *ret_sets, bool *ret_intra)
{
    unsigned type = self->nal[0] >> 1 & 0x3f;

    if (type < 32) {
        *ret_intra = type >= 16 && type <= 23;
        return self->nal[2] & 0x80 ? NAL_FIRST_SLICE : NAL_SLICE;
    }
    switch (type) {
    case 32: *ret_sets = SET_VPS; return NAL_BEFORE;
    case 33: *ret_sets = SET_SPS; return NAL_BEFORE;
    case 34: *ret_sets = SET_PPS; return NAL_BEFORE;
    case 35:
    case 39: return NAL_BEFORE;
    default: return (type >= 41 && type <= 44) || (type >= 48 && type <= 55) ? NAL_BEFORE : NAL_OTHER;
    }
}

/* The parameter sets of the two cannot be taken for one another: VPS of H.265 is an unspecified type in H.264, SPS of H.264 (its reference count is not 0) a reserved one in H.265. */
static enum hf_es_codec codec_by_sets(const uint8_t nal[NAL_LOOK])
{
    if (nal[0] == 0x40 && nal[1] == 0x01)
        return HF_ES_H265;
    if ((nal[0] & 0x9f) == 7 && (nal[0] & 0x60) != 0)
        return HF_ES_H264;
    return HF_ES_UNKNOWN;
}

/* The unit under way ends before the NAL unit being looked at, which begins the next one. */
static void cut(struct hf_es *self)
{
    size_t tail_bytes = self->bytes - self->nal_at;

    HF_ASSERT(self->nal_at <= self->bytes && tail_bytes <= NAL_PREFIX_MAX + NAL_LOOK);
    emit(self, self->nal_at);
    memmove(self->at, self->at + self->nal_at, tail_bytes);
    reset_unit(self);
    self->bytes = tail_bytes;
    self->fresh = false;
    self->nal_seen = true;
    self->ended_by_sender = false;
    if (self->nal_first)
        return; /* what was dropped held nothing: the time is this unit's */
    take_time(self, &self->nal_time);
    if (self->next_serial == self->nal_serial)
        self->next.has = false;
}

static void judge(struct hf_es *self)
{
    enum hf_es_codec codec = codec_by_sets(self->nal);
    enum nal_kind kind;
    uint8_t sets = 0;
    bool intra = false;

    if (codec != HF_ES_UNKNOWN && codec != self->codec) {
        self->stats.retyped += self->codec != HF_ES_UNKNOWN;
        self->codec = (uint8_t)codec;
        self->picture = false; /* nothing before it makes sense */
        self->broken = self->large = false;
        cut(self);
    }
    if (self->codec == HF_ES_UNKNOWN)
        return;
    kind = self->codec == HF_ES_H264 ? judge_h264(self, &sets, &intra) : judge_h265(self, &sets, &intra);
    if (self->picture && (kind == NAL_BEFORE || kind == NAL_FIRST_SLICE))
        cut(self);
    if (kind == NAL_SLICE && !self->picture && self->ended_by_sender) {
        self->stats.early_ends++;
        self->ends_ignored = true;
        self->broken = true;
    }
    self->ended_by_sender = false;
    self->sets |= sets;
    self->intra = self->intra || intra;
    self->picture = self->picture || kind == NAL_FIRST_SLICE || kind == NAL_SLICE;
}

/* ---- bytes ---- */

static void append(struct hf_es *self, const uint8_t *in, size_t bytes)
{
    if (self->fresh) {
        self->fresh = false;
        take_time(self, &self->next);
        self->next.has = false;
    }
    while (bytes > 0) {
        size_t part = HF_MIN(bytes, self->room - self->bytes);

        memcpy(self->at + self->bytes, in, part);
        self->bytes += part;
        in += part;
        bytes -= part;
        if (bytes >
            0) { /* too large: only where the next one begins counts from here; keep what its start code may need */
            size_t keep = self->nal_bytes != NAL_NONE ? self->bytes - self->nal_at : NAL_PREFIX_MAX;

            memmove(self->at, self->at + self->bytes - keep, keep);
            self->bytes = keep;
            self->nal_at = 0;
            self->large = true;
        }
    }
}

/* Bytes up to and with the end of the first start code, or all of them. */
static size_t run_to_start_code(const struct hf_es *self, const uint8_t *in, size_t bytes, bool *ret_found)
{
    uint32_t last4 = self->last4;
    size_t at = 0;

    *ret_found = false;
    for (; at < bytes && at < 2; at++) {
        last4 = last4 << 8 | in[at];
        if ((last4 & 0xffffff) == 1) {
            *ret_found = true;
            return at + 1;
        }
    }
    while (at < bytes) {
        const uint8_t *one = memchr(in + at, 1, bytes - at);

        if (one == NULL)
            return bytes;
        at = (size_t)(one - in) + 1;
        if (one[-1] == 0 && one[-2] == 0) {
            *ret_found = true;
            return at;
        }
    }
    return bytes;
}

static void note_last4(struct hf_es *self, const uint8_t *in, size_t bytes)
{
    for (size_t i = bytes > 4 ? bytes - 4 : 0; i < bytes; i++)
        self->last4 = self->last4 << 8 | in[i];
}

static void nal_begins(struct hf_es *self)
{
    self->nal_at = self->bytes - HF_MIN(self->bytes, (size_t)3 + (self->last4 == 1));
    self->nal_bytes = 0;
    self->nal_first = !self->nal_seen;
    self->nal_seen = true;
    self->nal_time = self->next;
    self->nal_serial = self->next_serial;
}

static void add_nals(struct hf_es *self, const uint8_t *in, size_t bytes)
{
    while (bytes > 0) {
        bool found = false;
        size_t run = self->nal_bytes == NAL_NONE ? run_to_start_code(self, in, bytes, &found) : 1;

        append(self, in, run);
        note_last4(self, in, run);
        if (self->nal_bytes != NAL_NONE) {
            found = (self->last4 & 0xffffff) == 1; /* the NAL unit was empty */
            self->nal[self->nal_bytes++] = in[0];
        }
        if (found) {
            nal_begins(self);
        } else if (self->nal_bytes == NAL_LOOK) {
            judge(self);
            self->nal_bytes = NAL_NONE;
        }
        in += run;
        bytes -= run;
    }
}

void hf_es_set_codec(struct hf_es *self, enum hf_es_codec codec)
{
    /* What parameter sets have said stands against a map of the other of the two. */
    bool known = self->codec == HF_ES_H264 || self->codec == HF_ES_H265;

    if (codec == self->codec || codec == HF_ES_UNKNOWN ||
        (known && (codec == HF_ES_H264 || codec == HF_ES_H265)))
        return;
    reset_unit(self);
    self->nal_bytes = NAL_NONE;
    self->last4 = UINT32_MAX;
    self->codec = (uint8_t)codec;
}

void hf_es_begin(struct hf_es *self, const struct hf_es_time *time)
{
    self->next_serial++;
    if (!has_nals(self) && !self->fresh && (self->audio || (time->has && time->pts != self->time.pts))) {
        emit(self, self->bytes);
        reset_unit(self);
    }
    if (time->has)
        self->next = *time;
}

void hf_es_add(struct hf_es *self, const uint8_t *in, size_t bytes)
{
    if (bytes == 0)
        return;
    if (has_nals(self))
        add_nals(self, in, bytes);
    else
        append(self, in, bytes);
}

void hf_es_end(struct hf_es *self)
{
    if (self->audio && !self->fresh) {
        emit(self, self->bytes);
        reset_unit(self);
    }
}

void hf_es_lost(struct hf_es *self)
{
    self->after_loss = true;
    self->nal_bytes = NAL_NONE;
    self->last4 = UINT32_MAX;
    self->next.has = false;
    if (self->audio) {
        self->stats.dropped += !self->fresh;
        reset_unit(self);
        return;
    }
    if (self->fresh && self->bytes == 0 && !has_nals(self))
        return;
    self->broken = true;  /* what follows may be the rest of a unit whose beginning is lost */
    self->picture = true; /* and the next beginning ends it */
}

void hf_es_unit_ends(struct hf_es *self)
{
    if (self->fresh || self->audio || self->ends_ignored || self->nal_bytes != NAL_NONE)
        return;
    if (has_nals(self) && !self->picture)
        return;
    emit(self, self->bytes);
    reset_unit(self);
    self->last4 = UINT32_MAX;
    self->ended_by_sender = true;
}

void hf_es_flush(struct hf_es *self)
{
    if (!self->fresh)
        emit(self, self->bytes);
    reset_unit(self);
    self->nal_bytes = NAL_NONE;
    self->last4 = UINT32_MAX;
}
