/* core/media/unit.h - access units on their way from a stream to those who watch it: kept once, shared by reference; the last group of pictures, so that a watcher begins at once; a
 * bounded queue for each watcher, which never blocks others. One thread. Units are blocks of a pool. Requirement GB-11. */
#ifndef HF_CORE_MEDIA_UNIT_H
#define HF_CORE_MEDIA_UNIT_H

#include "base/err.h"
#include "codec/ps/es.h"
#include "core/media/pool.h"

enum {
    HF_MEDIA_GOP_UNITS_MAX =
        2048, /* above it, or its bytes, the group is forgotten: who comes then waits for the next key frame */
    HF_MEDIA_QUEUE_UNITS_MAX = 2048,
};

struct hf_media_unit {
    struct hf_media_pool *pool; /* borrows */
    uint32_t references;
    uint8_t codec; /* enum hf_es_codec */
    bool audio, key, after_loss;
    uint64_t pts, dts; /* 90 kHz, 33 bits, as sent */
    size_t bytes;
    uint8_t data[];
};

/* Copies; one reference. The pool outlives it. NULL: the pool has no room. */
struct hf_media_unit *hf_media_unit_new(struct hf_media_pool *pool, const struct hf_es_unit *from);
struct hf_media_unit *hf_media_unit_ref(struct hf_media_unit *unit);
void hf_media_unit_unref(struct hf_media_unit *unit); /* NULL is harmless */

/* From the last key frame on. */
struct hf_media_gop {
    struct hf_media_unit **
        units; /* owns the array (HF_MEDIA_GOP_UNITS_MAX) and a reference of each; NULL until the first key frame */
    uint32_t count;
    size_t bytes, bytes_max; /* bytes_max 0: none is kept */
    bool complete;           /* it begins with a key frame and nothing of it is missing */
    uint64_t overflows;
};
void hf_media_gop_init(struct hf_media_gop *self, size_t bytes_max);
void hf_media_gop_clear(struct hf_media_gop *self);
void hf_media_gop_deinit(struct hf_media_gop *self);
/* has_video: the stream has some; without it every unit is a beginning and nothing is kept. */
void hf_media_gop_add(struct hf_media_gop *self, struct hf_media_unit *unit, bool has_video);

/* Of one watcher. What does not fit is lost, whole units up to the next key frame; when that comes and there is still no room, what waits is lost instead: who cannot follow sees the newest. */
struct hf_media_queue {
    struct hf_media_unit **units; /* owns, a ring of units_max */
    uint32_t units_max, head, count;
    size_t bytes, bytes_max;
    bool begun;     /* the first key frame has come */
    bool skipping;  /* up to the next one */
    uint64_t lost;  /* units, since begun */
    uint64_t jumps; /* times that it had to skip */
};
hf_err hf_media_queue_init(struct hf_media_queue *self, uint32_t units_max,
                           size_t bytes_max); /* HF_ERR_NOMEM */
void hf_media_queue_deinit(struct hf_media_queue *self);
void hf_media_queue_push(struct hf_media_queue *self, struct hf_media_unit *unit, bool has_video);
struct hf_media_unit *hf_media_queue_pop(struct hf_media_queue *self); /* gives its reference; NULL: empty */

#endif
