/* core/twin/live.h - what a device's samples say now: the latest values, windows over the last 1 s and 60 s, and what the rider does. In memory only, in the
 * home worker of the device; a bounded number of devices, of which the one that was silent for longest makes room.
 *
 * Windows and states run on the device's own clock, which does not step; another boot id begins them anew, because clocks of two boots are never compared. The windows end
 * with the newest sample and are made of buckets (1 s: 10 of 100 ms; 60 s: 60 of 1 s), the newest of which is not full yet.
 *
 * A batch counts when the log has accepted it, not when it is durable: the twin stores nothing and nobody acts upon it for good, so waiting for the disk would only make it
 * older. What a crash takes back was not acknowledged, comes again and is seen again; duplicates are known before they get here. The series (app/series_thread.h) is made
 * of what is durable. */
#ifndef HF_CORE_TWIN_LIVE_H
#define HF_CORE_TWIN_LIVE_H

#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"
#include "codec/samples/samples.h"
#include "core/event.h"
#include "core/twin/riding.h"
#include "core/twin/series.h"

enum {
    HF_LIVE_SHORT_BUCKETS = 10,
    HF_LIVE_SHORT_BUCKET_MS = 100,
    HF_LIVE_LONG_BUCKETS = 60,
    HF_LIVE_LONG_BUCKET_MS = 1000,
    HF_LIVE_DELAY_MS = 60000, /* the smallest delay is of the last one to two of these */
};

struct hf_live_bucket { /* of one channel */
    int32_t sum;
    int16_t min, max;
    uint32_t count;
};

struct hf_live_window {
    uint64_t newest; /* number of the newest bucket: its time by its width */
    bool any;
    struct hf_live_bucket *buckets; /* [number % count][channel]; the owner's */
    unsigned count;
    uint64_t width_ns;
};

struct hf_twin { /* 3 KiB, with its names */
    struct hf_map_node node;
    struct hf_list_node used;
    uint8_t boot_id[HF_SAMPLES_BOOT_BYTES];
    int64_t utc_offset_ns;
    uint32_t uncertainty_us;
    uint64_t newest_ns; /* of this boot */
    uint64_t samples, lost, batches, boots;
    uint64_t arrived_us;     /* UTC here, of the last batch */
    int64_t delay_us;        /* of its newest sample: here less there, errors of both clocks included */
    int64_t delay_min_us[2]; /* of this HF_LIVE_DELAY_MS and the one before; INT64_MAX = none */
    uint64_t delay_period;
    struct hf_riding_state riding;        /* times in ms of the device's clock */
    struct hf_sample last;                /* each channel its last valid value */
    uint64_t last_ns[HF_SERIES_CHANNELS]; /* when; 0 = never in this boot */
    struct hf_live_window windows[2];     /* 1 s, 60 s */
    struct hf_live_bucket seconds[HF_LIVE_SHORT_BUCKETS * HF_SERIES_CHANNELS],
        minute[HF_LIVE_LONG_BUCKETS * HF_SERIES_CHANNELS];
    uint8_t tenant_bytes, device_bytes;
    char names[HF_TENANT_BYTES_MAX + HF_DEVICE_BYTES_MAX];
};

struct hf_twins_stats {
    uint64_t devices, devices_evicted, batches, samples, lost, boots, refused /* no memory */;
    uint64_t riding[HF_RIDINGS]; /* devices by state */
};

struct hf_twins {
    struct hf_map map;
    struct hf_list_node used; /* the longest unused first */
    struct hf_slab *slab;
    uint32_t devices_max;
    struct hf_twins_stats stats;
};

/* devices_max 1 or more. HF_ERR_NOMEM. */
hf_err hf_twins_init(struct hf_twins *twins, uint32_t devices_max);
void hf_twins_deinit(struct hf_twins *twins); /* also of one that is all zero */

/* now_us: UTC of arrival. The twin, borrowed until the next call; NULL: no memory for one more (counted). Allocates nothing for a device that is known. */
struct hf_twin *hf_twins_take(struct hf_twins *twins, struct hf_slice tenant, struct hf_slice device,
                              const struct hf_samples *samples, uint64_t now_us);
const struct hf_twin *hf_twins_find(const struct hf_twins *twins, struct hf_slice tenant,
                                    struct hf_slice device);

/* One that is made again of what was stored, without a place among the others: begun, then given samples in order (points of HF_SERIES_RAW), of which those before the window only say
 * what a channel had last. Its clock is UTC, and of batches it
 * knows nothing: arrived_us, the counters and the clock stay 0. */
void hf_twin_begin(struct hf_twin *ret_twin);
void hf_twin_replay(struct hf_twin *twin, const struct hf_series_point *point, bool in_window);
static inline bool hf_twin_is_restored(const struct hf_twin *twin)
{
    return twin->arrived_us == 0;
}

/* The struct was copied: its windows look into the copy from now on. */
void hf_twin_moved(struct hf_twin *twin);

/* The window's 1 s (0) or 60 s (1), of one channel. */
struct hf_series_stat hf_twin_window(const struct hf_twin *twin, unsigned window,
                                     enum hf_series_channel channel);

/* How far the device's clock is ahead of ours (negative: behind), and within what: the smallest delay of a batch in the last minutes was the way, of which half the round
 * trip is taken for granted, and the clocks' difference. False: no batch yet. rtt_us 0 = not measured: the way is then part of the uncertainty. */
bool hf_twin_clock(const struct hf_twin *twin, uint32_t rtt_us, int64_t *ret_ahead_us,
                   uint64_t *ret_within_us);

#endif
