#include "core/twin/archive.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "core/twin/archive_parts.h"

enum {
    TOTALS_BYTES = HF_SERIES_TIERS * 24,
    US_PER_SECOND = 1000000,
    INLINE_BYTES_MAX = 1900 /* of a value beside its key */
};
static const struct hf_slice totals_key = {"\0", 1};

/* ---- what there is ---- */

uint32_t hf_archive_row_bytes(struct hf_slice key, size_t value_bytes)
{
    size_t head = key.bytes + 16; /* of a node, roughly, with its place in the page */

    if (value_bytes > INLINE_BYTES_MAX)
        return (uint32_t)(head + (value_bytes + 16 + HF_ARCHIVE_PAGE_BYTES - 1) / HF_ARCHIVE_PAGE_BYTES *
                                     HF_ARCHIVE_PAGE_BYTES);
    return (uint32_t)(head + value_bytes);
}

void hf_archive_count(struct hf_archive *archive, unsigned tier, int64_t blocks, int64_t bytes,
                      int64_t points)
{
    struct hf_archive_tier_stats *stats = &archive->stats.tiers[tier];

    stats->blocks += (uint64_t)blocks;
    stats->bytes += (uint64_t)bytes;
    stats->points += (uint64_t)points;
}

static hf_err read_totals(struct hf_archive *archive)
{
    struct hf_kv_txn *txn = NULL;
    struct hf_slice value;
    hf_err err = hf_kv_read(archive->kv, &txn);

    if (err != HF_OK)
        return err;
    err = hf_kv_get(txn, HF_KV_SERIES, totals_key, &value);
    for (unsigned tier = 0; tier < HF_SERIES_TIERS; tier++) {
        struct hf_archive_tier_stats *stats = &archive->stats.tiers[tier];
        const uint8_t *at =
            err == HF_OK && value.bytes == TOTALS_BYTES ? (const uint8_t *)value.at + 24 * tier : NULL;

        stats->blocks = at ? hf_get_u64(at) : 0;
        stats->bytes = at ? hf_get_u64(at + 8) : 0;
        stats->points = at ? hf_get_u64(at + 16) : 0;
    }
    hf_kv_end(txn);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

static hf_err write_totals(struct hf_archive *archive)
{
    uint8_t out[TOTALS_BYTES];

    for (unsigned tier = 0; tier < HF_SERIES_TIERS; tier++) {
        hf_put_u64(out + 24 * tier, archive->stats.tiers[tier].blocks);
        hf_put_u64(out + 24 * tier + 8, archive->stats.tiers[tier].bytes);
        hf_put_u64(out + 24 * tier + 16, archive->stats.tiers[tier].points);
    }
    return hf_kv_put(archive->txn, HF_KV_SERIES, totals_key,
                     (struct hf_slice){(const char *)out, sizeof(out)});
}

/* ---- devices in memory ---- */

static bool is_of(const struct hf_map_node *node, const void *key)
{
    const struct hf_archive_device *device = HF_CONTAINER_OF(node, const struct hf_archive_device, node);

    return hf_slice_eq(hf_kvkey_slice(&device->key), hf_kvkey_slice(key));
}

static uint64_t hash_of(const struct hf_kvkey *key)
{
    return hf_device_hash(hf_kvkey_slice(key), HF_SLICE(""));
}

hf_err hf_archive_init(struct hf_archive *archive, struct hf_kv *kv, const struct hf_archive_limits *limits)
{
    HF_ASSERT(limits->devices_max > 0);
    *archive = (struct hf_archive){.kv = kv, .limits = *limits, .through = hf_kv_applied_offset(kv)};
    hf_map_init(&archive->map, is_of);
    hf_list_init(&archive->used);
    return read_totals(archive);
}

static void device_free(struct hf_archive *archive, struct hf_archive_device *device)
{
    hf_list_remove(&device->used);
    hf_map_remove(&archive->map, &device->node);
    archive->stats.devices--;
    free(device);
}

static void drop_all(struct hf_archive *archive)
{
    while (!hf_list_empty(&archive->used))
        device_free(archive, HF_CONTAINER_OF(archive->used.next, struct hf_archive_device, used));
    hf_kv_end(archive->txn);
    archive->txn = NULL;
    archive->rows_uncommitted = 0;
}

void hf_archive_deinit(struct hf_archive *archive)
{
    if (archive->kv == NULL)
        return;
    drop_all(archive);
    hf_map_deinit(&archive->map);
    archive->kv = NULL;
}

void hf_archive_forget(struct hf_archive *archive)
{
    drop_all(archive);
    (void)read_totals(archive); /* else they are off until the next start, and only shown */
}

hf_err hf_archive_txn(struct hf_archive *archive)
{
    return archive->txn != NULL ? HF_OK : hf_kv_write(archive->kv, &archive->txn);
}

void hf_archive_rest(struct hf_archive *archive)
{
    HF_ASSERT(archive->rows_uncommitted == 0);
    hf_kv_end(archive->txn);
    archive->txn = NULL;
}

struct hf_archive_device *hf_archive_find(const struct hf_archive *archive, const struct hf_kvkey *key)
{
    struct hf_map_node *node = hf_map_find(&archive->map, hash_of(key), key);

    return node ? HF_CONTAINER_OF(node, struct hf_archive_device, node) : NULL;
}

/* ---- blocks ---- */

static hf_err write_block(struct hf_archive *archive, unsigned tier, struct hf_archive_block *block)
{
    if (!block->open || !block->dirty)
        return HF_OK;
    struct hf_slice value = hf_series_block(&block->writer);
    hf_err err = hf_archive_txn(archive);
    if (err == HF_OK)
        err = hf_kv_put(archive->txn, HF_KV_SERIES, hf_kvkey_slice(&block->key), value);
    if (err != HF_OK)
        return err;
    uint32_t bytes = hf_archive_row_bytes(hf_kvkey_slice(&block->key), value.bytes);
    hf_archive_count(archive, tier, block->row_bytes == 0, (int64_t)bytes - block->row_bytes,
                     (int64_t)block->writer.head.points - block->row_points);
    block->row_bytes = bytes;
    block->row_points = block->writer.head.points;
    block->dirty = false;
    archive->rows_uncommitted++;
    archive->sweep.written++;
    return HF_OK;
}

static hf_err put_point(struct hf_archive *archive, struct hf_archive_device *device, unsigned tier,
                        const struct hf_series_point *point, uint64_t place)
{
    struct hf_archive_block *block = &device->blocks[tier];
    hf_err err = HF_ERR_FULL;

    if (block->open && point->t_us < block->writer.head.first_us + (uint64_t)HF_ARCHIVE_SPAN_MS * 1000)
        err = hf_series_put(&block->writer, point);
    if (err == HF_ERR_FULL) {
        err = write_block(archive, tier, block);
        if (err != HF_OK)
            return err;
        hf_series_begin(&block->writer, (uint8_t)tier, block->at, sizeof(block->at));
        block->key = device->key;
        hf_kvkey_add_u64(&block->key, hf_archive_number(tier, point->t_us));
        hf_kvkey_add_u64(&block->key, place);
        block->open = true;
        block->row_bytes = 0;
        block->row_points = 0;
        err = hf_series_put(&block->writer, point);
    }
    HF_ASSERT(err == HF_OK); /* the point is ours, and an empty block takes any */
    block->dirty = true;
    return HF_OK;
}

static hf_err put_second(struct hf_archive *archive, struct hf_archive_device *device)
{
    if (!device->has_second)
        return HF_OK;
    device->has_second = false;
    return put_point(archive, device, HF_SERIES_SECOND, &device->second, device->second_place);
}

static hf_err flush_device(struct hf_archive *archive, struct hf_archive_device *device)
{
    hf_err err = put_second(archive, device);

    for (unsigned tier = 0; err == HF_OK && tier < HF_SERIES_TIERS; tier++)
        err = write_block(archive, tier, &device->blocks[tier]);
    return err;
}

/* ---- taking ---- */

static hf_err device_of(struct hf_archive *archive, const struct hf_event *event,
                        struct hf_archive_device **ret_device)
{
    struct hf_kvkey key;
    hf_err err = hf_kvkey_device(&key, event->tenant, event->device);

    if (err != HF_OK)
        return err;
    *ret_device = hf_archive_find(archive, &key);
    if (*ret_device != NULL)
        return HF_OK;
    if (archive->stats.devices >= archive->limits.devices_max) {
        struct hf_archive_device *silent =
            HF_CONTAINER_OF(archive->used.next, struct hf_archive_device, used);

        err = flush_device(archive, silent);
        if (err != HF_OK)
            return err;
        device_free(archive, silent);
        archive->stats.evicted++;
    }
    struct hf_archive_device *device = calloc(1, sizeof(*device));
    if (device == NULL || hf_map_insert(&archive->map, &device->node, hash_of(&key)) != HF_OK) {
        free(device);
        return HF_ERR_NOMEM;
    }
    device->key = key;
    hf_list_init(&device->used);
    archive->stats.devices++;
    *ret_device = device;
    return HF_OK;
}

static hf_err take_sample(struct hf_archive *archive, struct hf_archive_device *device,
                          const struct hf_sample *sample, uint64_t t_us, uint64_t place)
{
    struct hf_series_point point = {.t_us = t_us};
    uint64_t second_us = t_us - t_us % US_PER_SECOND;
    hf_err err = HF_OK;

    if (sample->cadence_half_rpm != HF_SAMPLE_CADENCE_INVALID)
        point.of[HF_SERIES_CADENCE] = hf_series_one(sample->cadence_half_rpm);
    if (sample->power_w != HF_SAMPLE_VALUE_INVALID)
        point.of[HF_SERIES_POWER] = hf_series_one(sample->power_w);
    if (sample->lean_q8_deg != HF_SAMPLE_VALUE_INVALID)
        point.of[HF_SERIES_LEAN] = hf_series_one(sample->lean_q8_deg);
    if (device->has_second &&
        (device->second.t_us != second_us || device->second_samples == HF_SERIES_COUNT_MAX))
        err = put_second(archive, device);
    if (err == HF_OK)
        err = put_point(archive, device, HF_SERIES_RAW, &point, place);
    if (err != HF_OK)
        return err;
    device->second_samples = device->has_second ? device->second_samples + 1 : 1;
    if (!device->has_second)
        device->second = (struct hf_series_point){.t_us = second_us};
    device->has_second = true;
    device->second_place = place;
    for (unsigned i = 0; i < HF_SERIES_CHANNELS; i++)
        hf_series_add(&device->second.of[i], &point.of[i]);
    return HF_OK;
}

hf_err hf_archive_take(struct hf_archive *archive, const struct hf_event *event)
{
    struct hf_archive_device *device = NULL;
    struct hf_samples samples;

    if (event->type != HF_EVENT_MESSAGE || event->format != HF_FORMAT_SAMPLES)
        return HF_OK;
    if (hf_samples_read(event->payload, &samples) != HF_OK) {
        archive->stats.unreadable++;
        return HF_OK;
    }
    hf_err err = device_of(archive, event, &device);
    if (err == HF_ERR_INVALID) {
        archive->stats.unreadable++;
        return HF_OK;
    }
    if (err != HF_OK)
        return err;
    hf_list_remove(&device->used);
    hf_list_push_back(&archive->used, &device->used);
    device->taken_us = event->time_ms * 1000;
    archive->stats.batches++;
    for (unsigned i = 0; err == HF_OK && i < samples.count; i++) {
        struct hf_sample sample;

        hf_sample_read(samples.samples + (size_t)i * HF_SAMPLE_BYTES, &sample);
        int64_t utc_ns = hf_sample_utc_ns(&samples, &sample);
        if (utc_ns < 0 || (uint64_t)utc_ns / 1000 > HF_SERIES_US_MAX) {
            archive->stats.unplaced++;
            continue;
        }
        err = take_sample(archive, device, &sample, (uint64_t)utc_ns / 1000, event->offset << 6 | i);
        archive->stats.samples++;
    }
    return err;
}
_Static_assert(HF_SAMPLES_MAX <= 64, "the place in a batch takes six bits");

hf_err hf_archive_commit(struct hf_archive *archive, uint64_t through, uint64_t now_us)
{
    hf_err err = HF_OK;

    for (struct hf_list_node *at = archive->used.next, *next; err == HF_OK && at != &archive->used;
         at = next) {
        struct hf_archive_device *device = HF_CONTAINER_OF(at, struct hf_archive_device, used);

        next = at->next;
        err = flush_device(archive, device);
        if (err == HF_OK && now_us > device->taken_us + (uint64_t)HF_ARCHIVE_IDLE_MS * 1000)
            device_free(archive, device);
    }
    if (err == HF_OK)
        err = hf_archive_txn(archive);
    if (err == HF_OK)
        err = write_totals(archive);
    if (err != HF_OK)
        return err;
    err = hf_kv_commit(archive->txn, HF_MAX(through, archive->through));
    archive->txn = NULL;
    if (err != HF_OK)
        return err;
    archive->through = HF_MAX(through, archive->through);
    archive->rows_uncommitted = 0;
    archive->stats.commits++;
    return HF_OK;
}
