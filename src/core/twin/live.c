#include "core/twin/live.h"

#include "base/assert.h"

enum { NS_PER_MS = 1000000, NS_PER_US = 1000 };

struct wanted {
    struct hf_slice tenant, device;
};

static bool is_of(const struct hf_map_node *node, const void *key)
{
    const struct hf_twin *twin = HF_CONTAINER_OF(node, const struct hf_twin, node);
    const struct wanted *wanted = key;

    return hf_slice_eq((struct hf_slice){twin->names, twin->tenant_bytes}, wanted->tenant) &&
           hf_slice_eq((struct hf_slice){twin->names + twin->tenant_bytes, twin->device_bytes},
                       wanted->device);
}

hf_err hf_twins_init(struct hf_twins *twins, uint32_t devices_max)
{
    HF_ASSERT(devices_max > 0);
    *twins = (struct hf_twins){.devices_max = devices_max};
    hf_map_init(&twins->map, is_of);
    hf_list_init(&twins->used);
    twins->slab = hf_slab_new("twins", sizeof(struct hf_twin), devices_max);
    return twins->slab ? HF_OK : HF_ERR_NOMEM;
}

static void forget(struct hf_twins *twins, struct hf_twin *twin)
{
    twins->stats.riding[twin->riding.now]--;
    twins->stats.devices--;
    hf_list_remove(&twin->used);
    hf_map_remove(&twins->map, &twin->node);
    hf_slab_give(twins->slab, twin);
}

void hf_twins_deinit(struct hf_twins *twins)
{
    if (twins->slab == NULL)
        return;
    while (!hf_list_empty(&twins->used))
        forget(twins, HF_CONTAINER_OF(twins->used.next, struct hf_twin, used));
    hf_map_deinit(&twins->map);
    hf_slab_free(twins->slab);
    twins->slab = NULL;
}

/* ---- windows ---- */

static void window_init(struct hf_live_window *window, struct hf_live_bucket *buckets, unsigned count,
                        unsigned bucket_ms)
{
    *window = (struct hf_live_window){
        .buckets = buckets, .count = count, .width_ns = (uint64_t)bucket_ms * NS_PER_MS};
    memset(buckets, 0, count * HF_SERIES_CHANNELS * sizeof(*buckets));
}

static struct hf_live_bucket *bucket_of(const struct hf_live_window *window, uint64_t number)
{
    return window->buckets + number % window->count * HF_SERIES_CHANNELS;
}

/* The bucket of this time, those between emptied; NULL for one that has left the window. *ret_new: the first sample of it. */
static struct hf_live_bucket *advance(struct hf_live_window *window, uint64_t ns, bool *ret_new)
{
    uint64_t number = ns / window->width_ns;

    *ret_new = !window->any || number > window->newest;
    if (*ret_new) {
        uint64_t behind = window->any ? HF_MIN(number - window->newest, (uint64_t)window->count) : 1;

        for (uint64_t i = 0; i < behind; i++)
            memset(bucket_of(window, number - i), 0, HF_SERIES_CHANNELS * sizeof(struct hf_live_bucket));
        window->newest = number;
        window->any = true;
    }
    return number + window->count > window->newest ? bucket_of(window, number) : NULL;
}

static void bucket_add(struct hf_live_bucket *bucket, int16_t value)
{
    if (bucket->count == 0 || value < bucket->min)
        bucket->min = value;
    if (bucket->count == 0 || value > bucket->max)
        bucket->max = value;
    if (bucket->count < UINT16_MAX) { /* beyond 65 kHz the mean is of the first ones: a sum that fits */
        bucket->sum += value;
        bucket->count++;
    }
}

struct hf_series_stat hf_twin_window(const struct hf_twin *twin, unsigned window,
                                     enum hf_series_channel channel)
{
    const struct hf_live_window *of = &twin->windows[window];
    struct hf_series_stat all = {0};

    for (unsigned i = 0; i < of->count; i++) {
        const struct hf_live_bucket *bucket = &of->buckets[i * HF_SERIES_CHANNELS + channel];
        struct hf_series_stat one = {bucket->count, bucket->min, bucket->max, bucket->sum};

        hf_series_add(&all, &one);
    }
    return all;
}

void hf_twin_moved(struct hf_twin *twin)
{
    twin->windows[0].buckets = twin->seconds;
    twin->windows[1].buckets = twin->minute;
}

/* ---- riding ---- */

static bool mean_of(const struct hf_twin *twin, enum hf_series_channel channel, double unit, double *ret_mean)
{
    struct hf_series_stat stat = hf_twin_window(twin, 0, channel);

    *ret_mean = stat.count ? (double)stat.sum / stat.count / unit : 0;
    return stat.count > 0;
}

static void look_at_rider(struct hf_twin *twin, uint64_t now_ms)
{
    struct hf_riding_look look;

    look.has_cadence = mean_of(twin, HF_SERIES_CADENCE, 2, &look.cadence_rpm);
    look.has_power = mean_of(twin, HF_SERIES_POWER, 1, &look.power_w);
    look.has_lean = mean_of(twin, HF_SERIES_LEAN, 256, &look.lean_deg);
    (void)hf_riding_step(&twin->riding, &look, now_ms);
}

/* ---- a batch ---- */

static void begin(struct hf_twin *twin)
{
    twin->newest_ns = 0;
    twin->riding = (struct hf_riding_state){0};
    twin->last =
        (struct hf_sample){0, HF_SAMPLE_CADENCE_INVALID, HF_SAMPLE_VALUE_INVALID, HF_SAMPLE_VALUE_INVALID};
    memset(twin->last_ns, 0, sizeof(twin->last_ns));
    window_init(&twin->windows[0], twin->seconds, HF_LIVE_SHORT_BUCKETS, HF_LIVE_SHORT_BUCKET_MS);
    window_init(&twin->windows[1], twin->minute, HF_LIVE_LONG_BUCKETS, HF_LIVE_LONG_BUCKET_MS);
}

static void begin_boot(struct hf_twins *twins, struct hf_twin *twin, const struct hf_samples *samples)
{
    twins->stats.riding[twin->riding.now]--;
    twins->stats.riding[HF_RIDING_UNKNOWN]++;
    memcpy(twin->boot_id, samples->boot_id, sizeof(twin->boot_id));
    begin(twin);
    twin->boots++;
    twins->stats.boots++;
}

/* A channel of a sample; invalid: it has no value. */
struct reading {
    bool valid;
    int16_t value;
};

static void readings_of(const struct hf_sample *sample, struct reading ret_of[HF_SERIES_CHANNELS])
{
    ret_of[HF_SERIES_CADENCE] = (struct reading){sample->cadence_half_rpm != HF_SAMPLE_CADENCE_INVALID,
                                                 (int16_t)sample->cadence_half_rpm};
    ret_of[HF_SERIES_POWER] = (struct reading){sample->power_w != HF_SAMPLE_VALUE_INVALID, sample->power_w};
    ret_of[HF_SERIES_LEAN] =
        (struct reading){sample->lean_q8_deg != HF_SAMPLE_VALUE_INVALID, sample->lean_q8_deg};
}

static void take_windows(struct hf_twin *twin, const struct hf_sample *sample)
{
    struct reading of[HF_SERIES_CHANNELS];
    bool step = false;

    readings_of(sample, of);
    for (unsigned w = 0; w < HF_COUNT_OF(twin->windows); w++) {
        bool is_new;
        struct hf_live_bucket *bucket = advance(&twin->windows[w], sample->ts_ns, &is_new);

        step |= is_new && w == 0;
        for (unsigned i = 0; bucket != NULL && i < HF_SERIES_CHANNELS; i++)
            if (of[i].valid)
                bucket_add(&bucket[i], of[i].value);
    }
    if (step)
        look_at_rider(twin, sample->ts_ns / NS_PER_MS);
}

static void take_latest(struct hf_twin *twin, const struct hf_sample *sample)
{
    struct reading of[HF_SERIES_CHANNELS];

    if (sample->ts_ns < twin->newest_ns)
        return; /* a batch that came late: it counts in the windows, and is not the latest */
    readings_of(sample, of);
    twin->newest_ns = sample->ts_ns;
    for (unsigned i = 0; i < HF_SERIES_CHANNELS; i++)
        if (of[i].valid)
            twin->last_ns[i] = HF_MAX(sample->ts_ns, UINT64_C(1));
    if (of[HF_SERIES_CADENCE].valid)
        twin->last.cadence_half_rpm = sample->cadence_half_rpm;
    if (of[HF_SERIES_POWER].valid)
        twin->last.power_w = sample->power_w;
    if (of[HF_SERIES_LEAN].valid)
        twin->last.lean_q8_deg = sample->lean_q8_deg;
    twin->last.ts_ns = sample->ts_ns;
}

static void take_delay(struct hf_twin *twin, uint64_t now_us)
{
    uint64_t period = now_us / 1000 / HF_LIVE_DELAY_MS;
    int64_t utc_us = ((int64_t)twin->newest_ns + twin->utc_offset_ns) / NS_PER_US;

    twin->delay_us = (int64_t)now_us - utc_us;
    if (period != twin->delay_period) {
        twin->delay_min_us[1] = period == twin->delay_period + 1 ? twin->delay_min_us[0] : INT64_MAX;
        twin->delay_min_us[0] = INT64_MAX;
        twin->delay_period = period;
    }
    twin->delay_min_us[0] = HF_MIN(twin->delay_min_us[0], twin->delay_us);
}

static struct hf_twin *twin_new(struct hf_twins *twins, const struct wanted *key, uint64_t hash)
{
    if (twins->stats.devices >= twins->devices_max) {
        forget(twins, HF_CONTAINER_OF(twins->used.next, struct hf_twin, used));
        twins->stats.devices_evicted++;
    }
    struct hf_twin *twin = hf_slab_take(twins->slab);
    if (twin == NULL || hf_map_insert(&twins->map, &twin->node, hash) != HF_OK) {
        hf_slab_give(twins->slab, twin);
        twins->stats.refused++;
        return NULL;
    }
    twin->tenant_bytes = (uint8_t)key->tenant.bytes;
    twin->device_bytes = (uint8_t)key->device.bytes;
    memcpy(twin->names, key->tenant.at, key->tenant.bytes);
    memcpy(twin->names + key->tenant.bytes, key->device.at, key->device.bytes);
    twin->delay_min_us[0] = twin->delay_min_us[1] = INT64_MAX;
    hf_list_init(&twin->used);
    hf_list_push_back(&twins->used, &twin->used);
    twins->stats.devices++;
    twins->stats.riding[HF_RIDING_UNKNOWN]++;
    return twin;
}

const struct hf_twin *hf_twins_find(const struct hf_twins *twins, struct hf_slice tenant,
                                    struct hf_slice device)
{
    struct wanted key = {tenant, device};
    const struct hf_map_node *node =
        twins->slab ? hf_map_find(&twins->map, hf_device_hash(tenant, device), &key) : NULL;

    return node ? HF_CONTAINER_OF(node, const struct hf_twin, node) : NULL;
}

struct hf_twin *hf_twins_take(struct hf_twins *twins, struct hf_slice tenant, struct hf_slice device,
                              const struct hf_samples *samples, uint64_t now_us)
{
    struct wanted key = {tenant, device};
    uint64_t hash = hf_device_hash(tenant, device);
    struct hf_map_node *node = hf_map_find(&twins->map, hash, &key);
    struct hf_twin *twin = node ? HF_CONTAINER_OF(node, struct hf_twin, node) : NULL;
    bool fresh = twin == NULL;

    HF_ASSERT(tenant.bytes <= HF_TENANT_BYTES_MAX && device.bytes <= HF_DEVICE_BYTES_MAX);
    if (fresh)
        twin = twin_new(twins, &key, hash);
    if (twin == NULL)
        return NULL;
    hf_list_remove(&twin->used);
    hf_list_push_back(&twins->used, &twin->used);
    if (fresh || memcmp(twin->boot_id, samples->boot_id, sizeof(twin->boot_id)) != 0)
        begin_boot(twins, twin, samples);
    twin->utc_offset_ns = samples->utc_offset_ns;
    twin->uncertainty_us = samples->uncertainty_us;
    twins->stats.riding[twin->riding.now]--;
    for (unsigned i = 0; i < samples->count; i++) {
        struct hf_sample sample;

        hf_sample_read(samples->samples + (size_t)i * HF_SAMPLE_BYTES, &sample);
        take_windows(twin, &sample);
        take_latest(twin, &sample);
    }
    twins->stats.riding[twin->riding.now]++;
    twin->arrived_us = now_us;
    take_delay(twin, now_us);
    twin->samples += samples->count;
    twin->lost += samples->lost;
    twin->batches++;
    twins->stats.samples += samples->count;
    twins->stats.lost += samples->lost;
    twins->stats.batches++;
    return twin;
}

void hf_twin_begin(struct hf_twin *ret_twin)
{
    *ret_twin = (struct hf_twin){.delay_min_us = {INT64_MAX, INT64_MAX}};
    begin(ret_twin);
}

void hf_twin_replay(struct hf_twin *twin, const struct hf_series_point *point, bool in_window)
{
    const struct hf_series_stat *of = point->of;
    struct hf_sample sample = {
        .ts_ns = point->t_us * NS_PER_US,
        .cadence_half_rpm = of[HF_SERIES_CADENCE].count > 0 ? (uint16_t)of[HF_SERIES_CADENCE].max
                                                            : (uint16_t)HF_SAMPLE_CADENCE_INVALID,
        .power_w = of[HF_SERIES_POWER].count > 0 ? (int16_t)of[HF_SERIES_POWER].max
                                                 : (int16_t)HF_SAMPLE_VALUE_INVALID,
        .lean_q8_deg =
            of[HF_SERIES_LEAN].count > 0 ? (int16_t)of[HF_SERIES_LEAN].max : (int16_t)HF_SAMPLE_VALUE_INVALID,
    };

    if (in_window)
        take_windows(twin, &sample);
    take_latest(twin, &sample);
}

bool hf_twin_clock(const struct hf_twin *twin, uint32_t rtt_us, int64_t *ret_ahead_us,
                   uint64_t *ret_within_us)
{
    int64_t least = HF_MIN(twin->delay_min_us[0], twin->delay_min_us[1]);

    if (least == INT64_MAX)
        return false;
    *ret_ahead_us = (int64_t)(rtt_us / 2) - least;
    /* The way was between nothing and the round trip. Unmeasured, it was at most what was seen. */
    *ret_within_us = rtt_us > 0 ? rtt_us / 2 : (uint64_t)(least < 0 ? -least : least);
    return true;
}
