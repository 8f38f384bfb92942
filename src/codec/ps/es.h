/* codec/ps/es.h - from the bytes of one elementary stream, cut anywhere, to its access units. Pure: allocates nothing; a unit gathers in a buffer of the caller. Where the bytes
 * were cut changes nothing; where PES packets begin does, as it should.
 *
 * H.264 and H.265 are cut by their NAL units: a unit ends where the next one's delimiter, parameter set, SEI or first slice begins. It is known to be whole only then, or when the
 * sender says so (hf_es_unit_ends(): RTP's marker). What the stream is is told by the caller (stream map, SDP) and corrected by its parameter sets. Of other video a unit is what has one
 * PTS, of audio one PES packet.
 *
 * Sources: ITU-T H.264 7.4.1.2.3, H.265 7.4.2.4.4, annex B of both; ISO/IEC 13818-1 2.4.3.7 (PTS: of the first unit that begins in a packet). */
#ifndef HF_CODEC_PS_ES_H
#define HF_CODEC_PS_ES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hf_es_codec {
    HF_ES_UNKNOWN,
    HF_ES_MPEG4,
    HF_ES_H264,
    HF_ES_H265,
    HF_ES_SVAC,
    HF_ES_G711A,
    HF_ES_G711U,
    HF_ES_G722_1,
    HF_ES_G723_1,
    HF_ES_G729,
    HF_ES_SVAC_AUDIO,
    HF_ES_AAC, /* ADTS */
    HF_ES_MPEG_AUDIO,
    HF_ES_CODECS
};
const char *hf_es_codec_name(enum hf_es_codec codec); /* "H264"; never NULL */

enum {
    HF_ES_CLOCK_HZ = 90000,
    HF_ES_UNIT_BYTES_MIN = 4096,
    HF_ES_UNIT_BYTES_DEFAULT = 2 << 20, /* of video: a key frame of 4K at high quality */
    HF_ES_AUDIO_BYTES = 65536,          /* a PES packet at most */
    HF_ES_STEP_DEFAULT = 3600,          /* between units without times: 25 in a second */
};

struct hf_es_unit {
    enum hf_es_codec codec;
    bool audio;
    bool
        key; /* a decoder can begin here: parameter sets and an intra picture. Always true of audio and of video other than H.264 and H.265 */
    bool has_time;     /* pts and dts are the sender's; otherwise guessed from those before */
    bool after_loss;   /* what stood before it is missing */
    uint64_t pts, dts; /* 90 kHz; 33 bits, wrapping, as sent */
    const uint8_t *at; /* into the caller's buffer, until the callback returns */
    size_t bytes;      /* of H.264 and H.265 with start codes (annex B) */
};
typedef void hf_es_unit_fn(void *context, const struct hf_es_unit *unit); /* must not call the stream */

struct hf_es_stats {
    uint64_t units, keys;
    uint64_t dropped;       /* cut by a loss */
    uint64_t refused_large; /* larger than the buffer */
    uint64_t early_ends;    /* the sender said that a unit ended in its middle: it is not believed any more */
    uint64_t retyped;       /* parameter sets of another codec than was said */
};

struct hf_es_time {
    bool has;
    uint64_t pts, dts;
};

struct hf_es { /* fields are the stream's, but for codec and stats, which may be read */
    hf_es_unit_fn *on_unit;
    void *context;
    uint8_t *at; /* borrows */
    size_t room, bytes;
    uint8_t codec; /* enum hf_es_codec */
    bool audio, fresh /* no byte of the unit came yet */, broken, large, after_loss, ends_ignored,
        ended_by_sender;
    struct hf_es_time time, next,
        nal_time; /* of the unit under way; of what begins next; as next was where the NAL unit being looked at began */
    uint32_t next_serial, nal_serial;
    struct hf_es_time last; /* of the unit before; told: it was the sender's */
    bool last_told;
    uint64_t step;
    /* the scan for NAL units */
    uint32_t last4;    /* the last four bytes */
    size_t nal_at;     /* where the start code of the one being looked at begins, with its leading zero */
    uint8_t nal[3];    /* its first bytes */
    uint8_t nal_bytes; /* how many came; 0xff = none is being looked at */
    bool nal_seen, nal_first; /* a start code came in this unit; the one being looked at was the first */
    bool picture, intra;
    uint8_t sets; /* parameter sets in the unit: HF_ES_SET_* of es.c */
    struct hf_es_stats stats;
};

/* buffer: HF_ES_UNIT_BYTES_MIN at least (asserted), seven bytes more than the largest unit; it and context outlive the stream. */
void hf_es_init(struct hf_es *self, bool audio, enum hf_es_codec codec, uint8_t *buffer, size_t bytes,
                hf_es_unit_fn *on_unit, void *context);
void hf_es_set_codec(struct hf_es *self, enum hf_es_codec codec); /* as the stream map has it */
/* A PES packet begins, with or without a time; its payload; its end. */
void hf_es_begin(struct hf_es *self, const struct hf_es_time *time);
void hf_es_add(struct hf_es *self, const uint8_t *in, size_t bytes);
void hf_es_end(struct hf_es *self);
void hf_es_lost(struct hf_es *self);      /* bytes are missing here */
void hf_es_unit_ends(struct hf_es *self); /* the sender says that a unit ends here */
void hf_es_flush(struct hf_es *self);     /* nothing follows: what is whole goes out */

#endif
