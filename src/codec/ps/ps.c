/* codec/ps/ps.c - LOOK for a start code -> HEAD of what it begins -> PAYLOAD or SKIP -> LOOK ...; an unbounded payload looks for its end itself. */
#include "codec/ps/ps.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"

enum { LOOK, HEAD, PAYLOAD, UNBOUNDED, SKIP };
enum { CODE_MIN = 0xb9, END = 0xb9, PACK = 0xba, SYSTEM = 0xbb, MAP = 0xbc };
enum { PACK_BYTES = 10, PACK_BYTES_1 = 8, LENGTH_BYTES = 2, PES_BYTES = 5, MAP_BYTES_MAX = 1018 };

void hf_ps_init(struct hf_ps *self, uint8_t *video, size_t video_bytes, uint8_t *audio, size_t audio_bytes,
                hf_es_unit_fn *on_unit, void *context)
{
    *self = (struct hf_ps){.state = LOOK, .code = UINT32_MAX};
    hf_es_init(&self->video, false, HF_ES_UNKNOWN, video, video_bytes, on_unit, context);
    hf_es_init(&self->audio, true, HF_ES_UNKNOWN, audio, audio_bytes, on_unit, context);
}

static bool is_video(uint8_t id)
{
    return id >= 0xe0 && id <= 0xef;
}

static bool is_audio(uint8_t id)
{
    return id >= 0xc0 && id <= 0xdf;
}

static void look(struct hf_ps *self, bool synced)
{
    self->state = LOOK;
    self->synced = synced;
    self->code = UINT32_MAX;
    self->looked = 0;
}

static void resync(struct hf_ps *self)
{
    self->stats.resyncs++;
    hf_es_lost(&self->video);
    hf_es_lost(&self->audio);
    look(self, false);
}

static void skip(struct hf_ps *self, uint32_t bytes)
{
    self->left = bytes;
    self->state = SKIP;
    if (bytes == 0)
        look(self, true);
}

/* ---- heads ---- */

static void head_begins(struct hf_ps *self, uint8_t id)
{
    self->id = id;
    self->head_bytes = 0;
    self->state = HEAD;
    switch (id) {
    case END: look(self, true); break;
    case PACK: self->head_need = PACK_BYTES_1; break; /* its first byte says whether there are two more */
    default: self->head_need = is_video(id) || is_audio(id) ? PES_BYTES : LENGTH_BYTES; break;
    }
}

static enum hf_es_codec codec_of(uint8_t stream_type)
{
    switch (stream_type) {
    case 0x03:
    case 0x04: return HF_ES_MPEG_AUDIO;
    case 0x0f: return HF_ES_AAC;
    case 0x10: return HF_ES_MPEG4;
    case 0x1b: return HF_ES_H264;
    case 0x24: return HF_ES_H265;
    case 0x80: return HF_ES_SVAC;
    case 0x90: return HF_ES_G711A;
    case 0x91: return HF_ES_G711U;
    case 0x92: return HF_ES_G722_1;
    case 0x93: return HF_ES_G723_1;
    case 0x99: return HF_ES_G729;
    case 0x9b: return HF_ES_SVAC_AUDIO;
    default: return HF_ES_UNKNOWN;
    }
}

/* Flags (2), length and descriptors of the program, length of the table, {type, id, length and descriptors} ..., CRC (4, not checked: devices fill it with anything). */
static bool read_map(struct hf_ps *self, const uint8_t *at, size_t bytes)
{
    size_t end, here = 4;

    if (bytes < 6)
        return false;
    here += hf_get_u16(at + 2);
    if (here + 2 > bytes)
        return false;
    end = here + 2 + hf_get_u16(at + here);
    here += 2;
    if (end > bytes)
        return false;
    while (end - here >= 4) {
        size_t info_bytes = hf_get_u16(at + here + 2);

        self->types[at[here + 1]] = (uint8_t)codec_of(at[here]);
        if (end - here - 4 < info_bytes)
            return false;
        here += 4 + info_bytes;
    }
    if (self->video_id != 0)
        hf_es_set_codec(&self->video, (enum hf_es_codec)self->types[self->video_id]);
    if (self->audio_id != 0)
        hf_es_set_codec(&self->audio, (enum hf_es_codec)self->types[self->audio_id]);
    return end == here;
}

static void take_map(struct hf_ps *self)
{
    uint32_t bytes = hf_get_u16(self->head);

    if (self->head_bytes == LENGTH_BYTES && bytes > MAP_BYTES_MAX) {
        self->stats.refused_map++;
        skip(self, bytes);
    } else if (self->head_bytes < LENGTH_BYTES + bytes) {
        self->head_need = LENGTH_BYTES + bytes;
    } else {
        self->stats.maps++;
        self->stats.refused_map += !read_map(self, self->head + LENGTH_BYTES, bytes);
        look(self, true);
    }
}

static void take_pack(struct hf_ps *self)
{
    bool mpeg2 = self->head[0] >> 6 == 1;

    if (self->head_bytes < PACK_BYTES && mpeg2) {
        self->head_need = PACK_BYTES;
        return;
    }
    self->stats.packs++;
    skip(self, mpeg2 ? self->head[9] & 7u : 0);
}

/* '0010' or '0001' or '0011', 3 bits, marker, 15, marker, 15, marker; markers are not checked. */
static uint64_t read_time(const uint8_t *at)
{
    return (uint64_t)(at[0] >> 1 & 7) << 30 | (uint64_t)(hf_get_u16(at + 1) >> 1) << 15 |
           hf_get_u16(at + 3) >> 1;
}

/* The stream that a packet's payload is for, NULL when it is nobody's. */
static struct hf_es *es_of(struct hf_ps *self)
{
    uint8_t *taken = is_video(self->id) ? &self->video_id : &self->audio_id;
    struct hf_es *es = is_video(self->id) ? &self->video : &self->audio;

    if (*taken == 0) {
        *taken = self->id;
        hf_es_set_codec(es, (enum hf_es_codec)self->types[self->id]);
    }
    return *taken == self->id ? es : NULL;
}

static void payload_begins(struct hf_ps *self, uint32_t bytes, bool unbounded)
{
    const uint8_t *head = self->head;
    struct hf_es_time time = {0};

    self->stats.packets++;
    self->es = es_of(self);
    if (self->es == NULL) {
        self->stats.other_streams++;
        if (unbounded)
            look(self, false);
        else
            skip(self, bytes);
        return;
    }
    if (head[3] & 0x80 && head[4] >= 5) {
        time = (struct hf_es_time){.has = true, .pts = read_time(head + PES_BYTES)};
        time.dts = head[3] & 0x40 && head[4] >= 10 ? read_time(head + PES_BYTES + 5) : time.pts;
    }
    hf_es_begin(self->es, &time);
    self->left = bytes;
    self->zeros = 0;
    self->state = unbounded ? UNBOUNDED : PAYLOAD;
    if (!unbounded && bytes == 0) {
        hf_es_end(self->es);
        look(self, true);
    }
}

static void take_pes(struct hf_ps *self)
{
    uint32_t bytes = hf_get_u16(self->head), optional = self->head[4];

    if (self->head_bytes == PES_BYTES) {
        bool unbounded = bytes == 0 && is_video(self->id);

        if (self->head[2] >> 6 != 2 || (!unbounded && bytes < 3 + optional)) {
            self->stats.refused_head++;
            resync(self);
            return;
        }
        self->head_need = PES_BYTES + optional;
        if (optional > 0)
            return;
    }
    payload_begins(self, bytes == 0 ? 0 : bytes - 3 - optional, bytes == 0);
}

static void take_head(struct hf_ps *self)
{
    if (self->id == PACK) {
        take_pack(self);
    } else if (self->id == MAP) {
        take_map(self);
    } else if (is_video(self->id) || is_audio(self->id)) {
        take_pes(self);
    } else {
        self->stats.other_streams += self->id != SYSTEM;
        skip(self, hf_get_u16(self->head));
    }
}

/* ---- bytes ---- */

static size_t step_look(struct hf_ps *self, const uint8_t *in, size_t bytes)
{
    size_t at = 0;

    while (at < bytes) {
        self->code = self->code << 8 | in[at++];
        self->looked++;
        if (self->code >> 8 == 1 && (self->code & 0xff) >= CODE_MIN) {
            self->stats.skipped_bytes += self->looked - 4;
            head_begins(self, self->code & 0xff);
            return at;
        }
        if (self->synced && self->looked == 4) {
            self->synced = false;
            self->stats.resyncs++;
            hf_es_lost(&self->video);
            hf_es_lost(&self->audio);
        }
    }
    return at;
}

/* The payload of a packet without a length, up to the next start code of this level. Zeros that may belong to one are held back. */
static size_t step_unbounded(struct hf_ps *self, const uint8_t *in, size_t bytes)
{
    static const uint8_t held[3] = {0, 0, 1};

    if (self->zeros == 0) {
        const uint8_t *zero = memchr(in, 0, bytes);
        size_t run = zero == NULL ? bytes : (size_t)(zero - in);

        hf_es_add(self->es, in, run);
        self->zeros = zero != NULL;
        return run + (zero != NULL);
    }
    if (self->zeros == 3 && in[0] >= CODE_MIN) {
        hf_es_end(self->es);
        head_begins(self, in[0]);
        return 1;
    }
    if (self->zeros == 2 && in[0] <= 1) {
        if (in[0] == 0)
            hf_es_add(self->es, held, 1);
        else
            self->zeros = 3;
        return 1;
    }
    if (self->zeros == 1 && in[0] == 0) {
        self->zeros = 2;
        return 1;
    }
    hf_es_add(self->es, held, self->zeros);
    self->zeros = 0;
    return 0; /* and now this byte */
}

static size_t step_payload(struct hf_ps *self, const uint8_t *in, size_t bytes)
{
    size_t part = HF_MIN(bytes, (size_t)self->left);

    hf_es_add(self->es, in, part);
    self->left -= (uint32_t)part;
    if (self->left == 0) {
        hf_es_end(self->es);
        look(self, true);
    }
    return part;
}

static size_t step_head(struct hf_ps *self, const uint8_t *in, size_t bytes)
{
    size_t part = HF_MIN(bytes, (size_t)(self->head_need - self->head_bytes));

    HF_ASSERT(self->head_need <= sizeof(self->head));
    memcpy(self->head + self->head_bytes, in, part);
    self->head_bytes += (uint32_t)part;
    if (self->head_bytes == self->head_need)
        take_head(self);
    return part;
}

void hf_ps_feed(struct hf_ps *self, const uint8_t *in, size_t bytes)
{
    self->stats.bytes += bytes;
    while (bytes > 0) {
        size_t taken = 0;

        switch (self->state) {
        case LOOK: taken = step_look(self, in, bytes); break;
        case HEAD: taken = step_head(self, in, bytes); break;
        case PAYLOAD: taken = step_payload(self, in, bytes); break;
        case UNBOUNDED: taken = step_unbounded(self, in, bytes); break;
        case SKIP:
            taken = HF_MIN(bytes, (size_t)self->left);
            skip(self, self->left - (uint32_t)taken);
            break;
        default: HF_UNREACHABLE();
        }
        in += taken;
        bytes -= taken;
    }
}

void hf_ps_lost(struct hf_ps *self)
{
    self->stats.losses++;
    hf_es_lost(&self->video);
    hf_es_lost(&self->audio);
    look(self, false);
}

void hf_ps_unit_ends(struct hf_ps *self)
{
    if ((self->state == LOOK && self->looked == 0 && self->synced) ||
        (self->state == UNBOUNDED && self->zeros == 0))
        hf_es_unit_ends(&self->video);
}

void hf_ps_flush(struct hf_ps *self)
{
    static const uint8_t held[3] = {0, 0, 1};

    if (self->state == UNBOUNDED && self->zeros > 0)
        hf_es_add(self->es, held, self->zeros);
    if (self->state == PAYLOAD && self->es == &self->video)
        hf_es_lost(&self->video); /* it was not whole */
    hf_es_flush(&self->video);
    if (self->state == PAYLOAD && self->es == &self->audio)
        hf_es_lost(&self->audio);
    hf_es_flush(&self->audio);
    look(self, false);
}
