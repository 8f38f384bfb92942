/* core/twin/archive_last.c - the live state of a device of which the gateway remembers nothing, from its newest blocks of samples. */
#include "core/twin/archive_parts.h"
#include "core/twin/live.h"

static const uint64_t window_us = (uint64_t)HF_LIVE_LONG_BUCKETS * HF_LIVE_LONG_BUCKET_MS * 1000;

struct last {
    struct hf_archive *archive;
    struct hf_slice blocks[HF_ARCHIVE_LAST_BLOCKS]; /* the newest first */
    unsigned count;
    uint64_t newest_us;
    bool has[HF_SERIES_CHANNELS];
};

/* False: no block before this one is needed. */
static bool collect(struct last *last, struct hf_slice block)
{
    struct hf_series_head head;
    bool all = true;

    if (hf_series_head(block, &head) != HF_OK) {
        last->archive->stats.damaged++;
        return true;
    }
    last->blocks[last->count++] = block;
    last->newest_us = HF_MAX(last->newest_us, head.last_us);
    for (unsigned i = 0; i < HF_SERIES_CHANNELS; i++) {
        last->has[i] |= head.of[i].count > 0;
        all &= last->has[i];
    }
    return last->count < HF_ARCHIVE_LAST_BLOCKS && !(all && head.first_us + window_us <= last->newest_us);
}

static hf_err collect_rows(struct last *last, struct hf_kv_txn *txn, const struct hf_kvkey *name,
                           const struct hf_archive_device *device)
{
    const struct hf_archive_block *open = device != NULL ? &device->blocks[HF_SERIES_RAW] : NULL;
    struct hf_kvkey from = *name;
    struct hf_kv_cursor cursor;
    struct hf_slice key, value;
    bool more = true;

    hf_kvkey_add_u64(&from, hf_archive_number(HF_SERIES_SECOND, 0)); /* behind all raw ones */
    hf_err err = hf_kv_scan(txn, HF_KV_SERIES, hf_kvkey_slice(name), hf_kvkey_slice(&from), true, &cursor);
    if (err != HF_OK)
        return err;
    while (more && (err = hf_kv_next(&cursor, &key, &value)) == HF_OK)
        if (open == NULL || !open->open || !hf_slice_eq(key, hf_kvkey_slice(&open->key)))
            more = collect(last, value);
    hf_kv_scan_end(&cursor);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

static void replay(struct last *last, struct hf_slice block, struct hf_twin *twin)
{
    uint64_t from_us = last->newest_us > window_us ? last->newest_us - window_us : 0;
    struct hf_series_reader reader;
    struct hf_series_point point;
    hf_err err = hf_series_open(&reader, block);

    while (err == HF_OK && (err = hf_series_next(&reader, &point)) == HF_OK) {
        bool known = twin->riding.now != HF_RIDING_UNKNOWN;

        hf_twin_replay(twin, &point, point.t_us > from_us);
        if (!known && twin->riding.now != HF_RIDING_UNKNOWN)
            twin->riding.since_ms = 0; /* it was so when the minute began: since when, it does not say */
    }
    last->archive->stats.damaged += err == HF_ERR_CORRUPT;
}

hf_err hf_archive_last(struct hf_archive *archive, struct hf_slice tenant, struct hf_slice device,
                       struct hf_twin *ret_twin)
{
    struct last last = {.archive = archive};
    struct hf_kv_txn *read = NULL;
    struct hf_kvkey name;
    hf_err err = hf_kvkey_device(&name, tenant, device);

    archive->stats.restored++;
    if (err == HF_OK && archive->txn == NULL)
        err = hf_kv_read(archive->kv, &read);
    if (err != HF_OK)
        return err;
    struct hf_archive_device *held = hf_archive_find(archive, &name);
    bool more = held == NULL || !held->blocks[HF_SERIES_RAW].open ||
                collect(&last, hf_series_block(&held->blocks[HF_SERIES_RAW].writer));
    if (more)
        err = collect_rows(&last, archive->txn ? archive->txn : read, &name, held);
    if (err == HF_OK && last.count == 0)
        err = HF_ERR_NOT_FOUND;
    if (err == HF_OK) {
        hf_twin_begin(ret_twin);
        while (last.count > 0)
            replay(&last, last.blocks[--last.count], ret_twin);
    }
    hf_kv_end(read);
    return err;
}
