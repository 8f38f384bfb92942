/* bench/gb/reel.h - the picture of simulated cameras: the access units of a program stream (`ffmpeg ... -f vob`), in memory, in the order of their decoding times from the first key
 * frame on. It is read once and then shared by every call of every camera; who sends it muxes each unit anew, so that its times go on where the reel begins again. */
#ifndef HF_BENCH_GB_REEL_H
#define HF_BENCH_GB_REEL_H

#include "base/err.h"
#include "codec/ps/mux.h"

enum {
    HF_CAM_REEL_BYTES_MAX = 256 << 20, /* of units: half an hour at 1 Mbit/s */
    HF_CAM_REEL_UNITS_MAX = 1 << 20,
    HF_CAM_REEL_ERROR_BYTES = 256,
};

struct hf_cam_reel_unit {
    uint64_t time; /* of decoding, 90 kHz, from the first key frame */
    size_t at;     /* in bytes of the reel */
    uint32_t bytes, pts_ahead /* of time */;
    uint32_t order; /* as it came */
    uint8_t codec;  /* enum hf_es_codec */
    bool audio, key;
};

struct hf_cam_reel_reader; /* reel.c */

struct hf_cam_reel { /* to be read only, after hf_cam_reel_end */
    struct hf_cam_reel_unit *units;
    uint8_t *bytes;
    uint32_t unit_count;
    uint64_t span; /* 90 kHz: the first unit comes again that much after it came */
    struct hf_ps_map map;
    struct hf_cam_reel_reader *reader; /* until the end */
};

hf_err hf_cam_reel_new(struct hf_cam_reel **ret_reel); /* HF_ERR_NOMEM */
void hf_cam_reel_free(struct hf_cam_reel *reel);       /* NULL is harmless */
/* The next bytes of the file, cut anywhere. HF_ERR_NOMEM; HF_ERR_LIMIT: above a bound. Errors are final. */
hf_err hf_cam_reel_feed(struct hf_cam_reel *reel, const uint8_t *in, size_t bytes);
/* The file is over. HF_ERR_MALFORMED: there is no key frame of H.264 or H.265 in it. Errors as above, too. */
hf_err hf_cam_reel_end(struct hf_cam_reel *reel);

/* The whole file, once. Errors as above and HF_ERR_IO; `error` tells a person. reel_file.c */
hf_err hf_cam_reel_read(const char *path, struct hf_cam_reel **ret_reel, char error[HF_CAM_REEL_ERROR_BYTES]);

/* The unit at `index` (below unit_count) with `base` added to its times, as hf_ps_write wants it. */
struct hf_es_unit hf_cam_reel_unit(const struct hf_cam_reel *reel, uint32_t index, uint64_t base);
/* The last key frame of the picture that is not behind `time`; 0 at least. */
uint32_t hf_cam_reel_seek(const struct hf_cam_reel *reel, uint64_t time);

#endif
