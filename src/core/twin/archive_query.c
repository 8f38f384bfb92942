/* core/twin/archive_query.c - a range of a device's series, and its steps. Blocks that lie wholly within one step are summed up by their heads alone. */
#include <stdlib.h>

#include "base/assert.h"
#include "core/twin/archive_parts.h"

enum { US_PER_SECOND = 1000000, ROOM_FIRST = 256 };

struct work {
    const struct hf_archive_query *query;
    struct hf_archive_answer *answer;
    struct hf_archive *archive;
    uint64_t from_us, to_us, step_us;
    uint32_t room, blocks_max;
    hf_err err;
};

static uint64_t place_of(const struct work *work, uint64_t t_us)
{
    return work->step_us ? t_us - t_us % work->step_us : t_us;
}

static bool grow(struct work *work)
{
    uint32_t room = HF_MIN(work->room ? work->room * 4 : (uint32_t)ROOM_FIRST, work->query->points_max);
    struct hf_archive_point *points = realloc(work->answer->points, (size_t)room * sizeof(*points));

    if (points == NULL) {
        work->err = HF_ERR_NOMEM;
        return false;
    }
    work->answer->points = points;
    work->room = room;
    return true;
}

/* The answer is full and this lies behind it, or what is last in it has to go. */
static void leave_out(struct work *work, uint64_t t_us)
{
    struct hf_archive_answer *answer = work->answer;

    answer->next_us = answer->next_us ? HF_MIN(answer->next_us, t_us) : t_us;
}

/* Points come nearly in order: a search from the end. In raw series several may have the same time. */
static void add(struct work *work, uint64_t t_us, const struct hf_series_stat *stat)
{
    struct hf_archive_answer *answer = work->answer;
    uint64_t place_us = place_of(work, t_us);
    uint32_t at = answer->count;

    if (stat->count == 0)
        return;
    if (answer->next_us != 0 && place_us >= answer->next_us)
        return;
    while (at > 0 && answer->points[at - 1].t_us > place_us)
        at--;
    if (work->step_us && at > 0 && answer->points[at - 1].t_us == place_us) {
        hf_series_add(&answer->points[at - 1].stat, stat);
        return;
    }
    if (answer->count == work->query->points_max) {
        if (at == answer->count) {
            leave_out(work, place_us);
            return;
        }
        leave_out(work, answer->points[answer->count - 1].t_us);
        answer->count--;
    }
    if (answer->count == work->room && !grow(work))
        return;
    memmove(&answer->points[at + 1], &answer->points[at], (answer->count - at) * sizeof(answer->points[0]));
    answer->points[at] = (struct hf_archive_point){place_us, *stat};
    answer->count++;
}

static void take_block(struct work *work, struct hf_slice block)
{
    struct hf_series_reader reader;
    struct hf_series_point point;
    unsigned channel = work->query->channel;
    hf_err err = hf_series_open(&reader, block);

    if (err != HF_OK) {
        work->archive->stats.damaged++;
        return;
    }
    const struct hf_series_head *head = &reader.head;
    if (head->last_us < work->from_us || head->first_us >= work->to_us)
        return;
    if (work->step_us && head->first_us >= work->from_us && head->last_us < work->to_us &&
        place_of(work, head->first_us) == place_of(work, head->last_us)) {
        add(work, head->first_us, &head->of[channel]);
        return;
    }
    work->answer->blocks++;
    while (work->err == HF_OK && (err = hf_series_next(&reader, &point)) == HF_OK) {
        if (point.t_us >= work->to_us)
            return;
        if (point.t_us >= work->from_us)
            add(work, point.t_us, &point.of[channel]);
    }
    work->archive->stats.damaged += err == HF_ERR_CORRUPT;
}

/* What is in memory, instead of the rows that an earlier commit made of it. */
static void take_open(struct work *work, struct hf_archive_device *device)
{
    unsigned tier = work->answer->tier;

    if (device->blocks[tier].open)
        take_block(work, hf_series_block(&device->blocks[tier].writer));
    if (tier == HF_SERIES_SECOND && device->has_second && device->second.t_us >= work->from_us &&
        device->second.t_us < work->to_us)
        add(work, device->second.t_us, &device->second.of[work->query->channel]);
}

/* Rows whose block may reach into the range, in the order of their begin. */
static hf_err take_rows(struct work *work, struct hf_kv_txn *txn, const struct hf_kvkey *name,
                        const struct hf_archive_device *device)
{
    unsigned tier = work->answer->tier;
    uint64_t span_us = (uint64_t)HF_ARCHIVE_SPAN_MS * 1000;
    struct hf_kvkey from = *name;
    struct hf_kv_cursor cursor;
    struct hf_slice key, value, rest, unused;

    hf_kvkey_add_u64(&from, hf_archive_number(tier, work->from_us > span_us ? work->from_us - span_us : 0));
    hf_err err = hf_kv_scan(txn, HF_KV_SERIES, hf_kvkey_slice(name), hf_kvkey_slice(&from), false, &cursor);
    if (err != HF_OK)
        return err;
    while (work->err == HF_OK && (err = hf_kv_next(&cursor, &key, &value)) == HF_OK) {
        err = hf_kvkey_parse(key, &unused, &unused, &rest);
        if (err != HF_OK || rest.bytes != 16)
            continue;
        uint64_t number = hf_kvkey_u64_read(rest.at), first_us = number & (hf_archive_number(1, 0) - 1);
        if (number >> 60 != tier || first_us >= work->to_us)
            break;
        /* All that follow begin later: when the answer is full before that, they add nothing. */
        if (work->answer->next_us != 0 && place_of(work, first_us) >= work->answer->next_us)
            break;
        if (work->answer->blocks >= work->blocks_max ||
            work->answer->heads++ >= (uint64_t)work->blocks_max * HF_ARCHIVE_HEADS_PER_BLOCK) {
            /* What lies at or behind the begin of this one is not whole. */
            if (place_of(work, first_us) <= work->from_us)
                work->err = HF_ERR_LIMIT;
            leave_out(work, place_of(work, first_us));
            break;
        }
        if (device == NULL || !device->blocks[tier].open ||
            !hf_slice_eq(key, hf_kvkey_slice(&device->blocks[tier].key)))
            take_block(work, value);
    }
    hf_kv_scan_end(&cursor);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

static hf_err query_once(struct hf_archive *archive, const struct hf_archive_query *query,
                         struct hf_archive_answer *ret_answer)
{
    struct hf_archive_answer answer = {
        .tier = query->step_us > 0 && query->step_us % US_PER_SECOND == 0 ? HF_SERIES_SECOND : HF_SERIES_RAW};
    struct work work = {.query = query,
                        .answer = &answer,
                        .archive = archive,
                        .from_us = query->from_us,
                        .to_us = query->to_us,
                        .step_us = query->step_us,
                        .blocks_max = query->blocks_max ? query->blocks_max : HF_ARCHIVE_BLOCKS_PER_QUERY};
    struct hf_kv_txn *read = NULL;
    struct hf_kvkey name;

    HF_ASSERT(query->points_max > 0);
    if (query->step_us > 0) {
        work.from_us -= work.from_us % query->step_us;
        work.to_us += (query->step_us - work.to_us % query->step_us) % query->step_us;
    }
    archive->stats.queries++;
    hf_err err = hf_kvkey_device(&name, query->tenant, query->device);
    if (err == HF_OK && archive->txn == NULL)
        err = hf_kv_read(archive->kv, &read);
    struct hf_archive_device *device = err == HF_OK ? hf_archive_find(archive, &name) : NULL;
    if (err == HF_OK)
        err = take_rows(&work, archive->txn ? archive->txn : read, &name, device);
    if (err == HF_OK && work.err == HF_OK && device != NULL)
        take_open(&work, device);
    hf_kv_end(read);
    if (err == HF_OK)
        err = work.err;
    while (err == HF_OK && answer.next_us != 0 && answer.count > 0 &&
           answer.points[answer.count - 1].t_us >= answer.next_us)
        answer.count--; /* not whole */
    if (err != HF_OK) {
        free(answer.points);
        return err;
    }
    if (answer.count == 0) {
        free(answer.points);
        answer.points = NULL;
    }
    *ret_answer = answer;
    return HF_OK;
}

/* More samples than a page has points may have one time, of a clock that stands still perhaps: they go together, or no query from there would ever come behind them. */
static hf_err query_time(struct hf_archive *archive, const struct hf_archive_query *query,
                         struct hf_archive_answer *ret_answer)
{
    struct hf_archive_query one = *query;

    one.to_us = one.from_us + 1;
    one.points_max = HF_ARCHIVE_POINTS_MAX;
    hf_err err = query_once(archive, &one, ret_answer);
    if (err != HF_OK)
        return err;
    if (ret_answer->next_us != 0)
        return HF_ERR_LIMIT; /* and no points: they all had this time */
    ret_answer->next_us = one.to_us;
    return HF_OK;
}

hf_err hf_archive_query(struct hf_archive *archive, const struct hf_archive_query *query,
                        struct hf_archive_answer *ret_answer)
{
    hf_err err = query_once(archive, query, ret_answer);

    if (err != HF_OK || ret_answer->next_us == 0 || ret_answer->next_us > query->from_us)
        return err;
    HF_ASSERT(ret_answer->count ==
              0); /* all that there was room for had the time of what there was none for */
    return query_time(archive, query, ret_answer);
}
