/* codec/ps/ps.h - MPEG program streams as cameras send them: bytes in, wherever the network cut them; access units of one video and one audio stream out (es.h). Pure: allocates
 * nothing, and where the bytes were cut changes nothing.
 *
 *   pack header    00 00 01 BA, clock and rate (10), stuffing      PES   00 00 01 id, length (2), flags (2), n, PTS, DTS, stuffing to n, payload
 *   system header  00 00 01 BB, length (2), ignored                      id: C0..DF audio, E0..EF video, BD and BF private, BE padding
 *   stream map     00 00 01 BC, length (2), types of ids                 length 0 (video): up to the next start code of this level
 *
 * The first video and the first audio id are taken, others are counted. After a loss (hf_ps_lost(), or bytes that are not what they should be) everything up to the next start code of
 * this level is skipped. Start codes of this level are B9 and above: NAL units of H.264 and H.265 never begin so. MPEG-1 packets are counted and skipped.
 *
 * Sources: ISO/IEC 13818-1 2.5, 2.4.3.6; GB/T 28181-2016 and -2022, annex C. */
#ifndef HF_CODEC_PS_PS_H
#define HF_CODEC_PS_PS_H

#include "codec/ps/es.h"

enum {
    HF_PS_HEAD_BYTES_MAX =
        1024, /* of what is gathered to be read: a stream map of 1,018 and its length; longer ones are skipped and counted */
};

struct hf_ps_stats {
    uint64_t bytes, packs, maps, packets;
    uint64_t resyncs;       /* places where no start code stood where one should */
    uint64_t skipped_bytes; /* on the way to the next one */
    uint64_t losses;        /* told by hf_ps_lost() */
    uint64_t refused_map;   /* stream maps that are too long or do not add up */
    uint64_t refused_head;  /* PES heads that do not add up, or are MPEG-1 */
    uint64_t other_streams; /* packets of private and of further streams */
};

struct hf_ps { /* fields are the demuxer's, but for stats and those of video and audio that es.h names */
    struct hf_es video, audio;
    struct hf_ps_stats stats;
    uint8_t video_id, audio_id; /* 0 = none yet */
    uint8_t types[256];         /* enum hf_es_codec of ids, by the stream map */
    uint8_t state;
    uint8_t id;      /* what is under way */
    bool synced;     /* a start code is expected here */
    uint32_t code;   /* while one is looked for: the last four bytes, */
    uint32_t looked; /* and how many there were */
    uint32_t left;   /* bytes of the payload, or to be skipped */
    uint8_t zeros;   /* of a packet of length 0: zeros held back (0 to 2); 3: 00 00 01 stood there */
    struct hf_es *es;
    uint32_t head_bytes, head_need;
    uint8_t head[HF_PS_HEAD_BYTES_MAX];
};

/* Buffers are the caller's and outlive the demuxer; HF_ES_UNIT_BYTES_MIN each at least (asserted). */
void hf_ps_init(struct hf_ps *self, uint8_t *video, size_t video_bytes, uint8_t *audio, size_t audio_bytes,
                hf_es_unit_fn *on_unit, void *context);
void hf_ps_feed(struct hf_ps *self, const uint8_t *in, size_t bytes);
void hf_ps_lost(struct hf_ps *self);      /* bytes are missing here */
void hf_ps_unit_ends(struct hf_ps *self); /* the sender says that a frame ends here: believed where it fits */
void hf_ps_flush(struct hf_ps *self);     /* nothing follows */

#endif
