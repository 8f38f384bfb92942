/* core/fleet/query.h - devices by what their shadows say (TWIN-9): some comparisons that all hold, and a walk over the devices for which they do, in the order of their ids.
 *
 *   filter:  tags.site=berlin, reported.firmware=1.2.*, reported.battery<20, tags.note="a, b*"
 *
 * Comparisons: = < <= > >=. A text that ends in * is a beginning, with = only. In quotes it is a JSON string, taken as it is. = compares text with text as the shadow shows it, so 3 finds the
 * number and the string; the others compare numbers with numbers, where both are, and otherwise bytes. Of an array one element is enough.
 *
 * Equal texts are found by the index: their lists of devices, each in order, leap over each other. Everything else is looked up in the row of each device that is left. */
#ifndef HF_CORE_FLEET_QUERY_H
#define HF_CORE_FLEET_QUERY_H

#include "core/fleet/fleet.h"

enum {
    HF_FLEET_FILTERS_MAX = 8,
    HF_FLEET_FILTER_BYTES_MAX = 1024,
    HF_FLEET_SEEK_STEPS = 4, /* what a leap costs beside the next row */
};

enum hf_fleet_op { HF_FLEET_EQ, HF_FLEET_BEGINS, HF_FLEET_LT, HF_FLEET_LE, HF_FLEET_GT, HF_FLEET_GE };

struct hf_fleet_query {
    unsigned count;
    struct hf_fleet_filter {
        uint8_t op, path_bytes, text_bytes;
        bool is_number;
        double number;
        char path[HF_FLEET_PATH_BYTES_MAX], text[HF_FLEET_TEXT_BYTES_MAX];
    } filters[HF_FLEET_FILTERS_MAX];
};

/* Adds the comparisons of `text` to *query. HF_ERR_MALFORMED, HF_ERR_LIMIT: *ret_wrong, never NULL, says to a person what it is. Whether the paths are indexed is not asked here. */
hf_err hf_fleet_query_add(struct hf_fleet_query *query, struct hf_slice text, const char **ret_wrong);
/* Adds path = text; false: too many, or too long. */
bool hf_fleet_query_equal(struct hf_fleet_query *query, struct hf_slice path, struct hf_slice text);
/* The first path that is neither a tag nor among `paths`; absent: all are. */
struct hf_slice hf_fleet_query_unknown(const struct hf_fleet_query *query,
                                       const struct hf_fleet_paths *paths);

struct hf_fleet_walk {
    /* Set by the caller, before the first step. query is not empty. */
    struct hf_kv_txn *txn;
    const struct hf_fleet_query *query;
    struct hf_slice tenant, prefix; /* prefix of ids; may be absent */
    struct hf_slice after;          /* devices behind this one; absent: all */
    uint64_t steps_max;
    /* private */
    uint64_t steps;
    bool begun, open;
    struct hf_kv_cursor cursor; /* over the only list, or over the rows of devices when no filter has one */
    struct hf_fleet_key key;    /* its prefix */
    uint8_t at_bytes, passed_bytes;
    char at[HF_DEVICE_BYTES_MAX + 1], passed[HF_DEVICE_BYTES_MAX];
};

/* The next device, borrowed until the next call. HF_ERR_NOT_FOUND: there is no further one. HF_ERR_AGAIN: steps_max were taken; hf_fleet_walk_passed() is a later walk's `after`. Others
 * are the transaction's. */
hf_err hf_fleet_walk_next(struct hf_fleet_walk *walk, struct hf_slice *ret_device);
/* Up to this device all were looked at; absent: none. */
struct hf_slice hf_fleet_walk_passed(const struct hf_fleet_walk *walk);
void hf_fleet_walk_end(struct hf_fleet_walk *walk); /* before its transaction; twice is harmless */

#endif
