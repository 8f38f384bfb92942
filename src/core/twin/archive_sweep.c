/* core/twin/archive_sweep.c - what is too old, or too much, goes. The keys of a device lie in the order of tier and time, so its oldest come first; a walk takes a bounded number of
 * rows a step and goes round and round. Above bytes_max a floor rises under all devices alike, a 32nd of what raw samples span a round, down to an hour of them, then of the seconds. What
 * lies ahead of our clock, of a device whose own is wrong, is below no floor: above bytes_max it goes without one, or it would stay for ever and everybody else's go for it. */
#include "base/assert.h"
#include "base/sb.h"
#include "core/twin/archive_parts.h"

enum { FLOOR_SHIFT = 5 };
#define RAW_LEAST_US UINT64_C(3600000000)
#define AHEAD_US     UINT64_C(86400000000) /* a day: more than clocks differ by that somebody looks after */

static uint64_t bytes_now(const struct hf_archive *archive)
{
    return archive->stats.tiers[HF_SERIES_RAW].bytes + archive->stats.tiers[HF_SERIES_SECOND].bytes;
}

static uint64_t age_floor(const struct hf_archive *archive, unsigned tier, uint64_t now_us)
{
    uint64_t keep_us = archive->limits.keep_ms[tier] * 1000;

    return now_us > keep_us ? now_us - keep_us : 0;
}

/* A round is over. */
static void raise_floors(struct hf_archive *archive, uint64_t now_us)
{
    if (bytes_now(archive) <= archive->limits.bytes_max)
        return;
    for (unsigned tier = 0; tier < HF_SERIES_TIERS; tier++) {
        uint64_t *floor_us = &archive->sweep.floor_us[tier];
        uint64_t least_us = tier == HF_SERIES_RAW ? RAW_LEAST_US : 0;

        *floor_us = HF_MAX(*floor_us, age_floor(archive, tier, now_us));
        if (now_us <= *floor_us + least_us)
            continue; /* nothing more to take here */
        *floor_us += (now_us - *floor_us) >> FLOOR_SHIFT;
        *floor_us += UINT64_C(1000000);
        return;
    }
}

static void go_on_at(struct hf_archive *archive, struct hf_slice key)
{
    HF_ASSERT(key.bytes < sizeof(archive->sweep.from));
    memcpy(archive->sweep.from, key.at, key.bytes);
    archive->sweep.from_bytes = (uint16_t)key.bytes;
}

/* Nothing more of this tier of this device is old enough, up to what lies ahead: there, the next tier, or the next device. */
static void skip_to(struct hf_archive *archive, struct hf_slice tenant, struct hf_slice device, unsigned tier,
                    uint64_t ahead_us)
{
    struct hf_kvkey key;
    uint64_t number = ahead_us != 0                ? hf_archive_number(tier, ahead_us)
                      : tier + 1 < HF_SERIES_TIERS ? hf_archive_number(tier + 1, 0)
                                                   : UINT64_MAX;
    hf_err err = hf_kvkey_device_u64(&key, tenant, device, number);

    HF_ASSERT(err == HF_OK); /* it was parsed from a key */
    go_on_at(archive, hf_kvkey_slice(&key));
}

enum step { DELETED, KEPT, FOREIGN };

static enum step judge(struct hf_archive *archive, struct hf_slice key, struct hf_slice value,
                       uint64_t now_us, hf_err *ret_err)
{
    struct hf_slice tenant, device, rest;
    struct hf_series_head head;

    if (hf_kvkey_parse(key, &tenant, &device, &rest) != HF_OK || rest.bytes != 16)
        return FOREIGN;
    uint64_t number = hf_kvkey_u64_read(rest.at), first_us = number & (hf_archive_number(1, 0) - 1);
    unsigned tier = (unsigned)(number >> 60);
    if (tier >= HF_SERIES_TIERS)
        return FOREIGN;
    uint64_t age_us = age_floor(archive, tier, now_us);
    bool sound = hf_series_head(value, &head) == HF_OK;
    uint64_t last_us = sound ? head.last_us : first_us;
    bool too_much = bytes_now(archive) > archive->limits.bytes_max, ahead = first_us >= now_us + AHEAD_US;
    if (last_us >= age_us && last_us >= archive->sweep.floor_us[tier] && !(too_much && ahead)) {
        skip_to(archive, tenant, device, tier, too_much ? now_us + AHEAD_US : 0);
        return KEPT;
    }
    uint32_t bytes = hf_archive_row_bytes(key, value.bytes);
    go_on_at(archive, key); /* before the row goes, to which these slices point */
    struct hf_slice mine = {archive->sweep.from, archive->sweep.from_bytes};
    *ret_err = hf_kv_del(archive->txn, HF_KV_SERIES, mine);
    hf_archive_count(archive, tier, -1, -(int64_t)bytes, sound ? -(int64_t)head.points : 0);
    if (last_us < age_us)
        archive->stats.tiers[tier].deleted_age++;
    else
        archive->stats.tiers[tier].deleted_bytes++;
    return DELETED;
}

/* The row of a block that is still being filled: it is not in the way of anything, and its writer would put it again. */
static bool is_open(const struct hf_archive *archive, struct hf_slice key)
{
    struct hf_slice tenant, device, rest;
    struct hf_kvkey name;

    if (hf_kvkey_parse(key, &tenant, &device, &rest) != HF_OK ||
        hf_kvkey_device(&name, tenant, device) != HF_OK)
        return false;
    const struct hf_archive_device *held = hf_archive_find(archive, &name);
    for (unsigned tier = 0; held != NULL && tier < HF_SERIES_TIERS; tier++)
        if (held->blocks[tier].open && hf_slice_eq(hf_kvkey_slice(&held->blocks[tier].key), key))
            return true;
    return false;
}

hf_err hf_archive_sweep(struct hf_archive *archive, uint64_t now_us, uint64_t *ret_deleted)
{
    struct hf_slice none = {NULL, 0}, key, value;
    uint64_t left = HF_ARCHIVE_SWEEP_ROWS + 2 * archive->sweep.written;
    struct hf_kv_cursor cursor;
    hf_err err = hf_archive_txn(archive);

    archive->sweep.written = 0;
    *ret_deleted = 0;
    while (err == HF_OK && left-- > 0) {
        struct hf_slice from = {archive->sweep.from, archive->sweep.from_bytes};

        err = hf_kv_scan(archive->txn, HF_KV_SERIES, none, from, false, &cursor);
        if (err != HF_OK)
            return err;
        err = hf_kv_next(&cursor, &key, &value);
        hf_kv_scan_end(&cursor);
        if (err == HF_ERR_NOT_FOUND) { /* round */
            archive->sweep.from_bytes = 0;
            raise_floors(archive, now_us);
            return HF_OK;
        }
        if (err != HF_OK)
            return err;
        bool passed = is_open(archive, key);
        enum step step = passed ? FOREIGN : judge(archive, key, value, now_us, &err);
        *ret_deleted += step == DELETED;
        if (step == FOREIGN) { /* the smallest key behind it */
            go_on_at(archive, key);
            archive->sweep.from[archive->sweep.from_bytes++] = 0;
        }
    }
    return err;
}
