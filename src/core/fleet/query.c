#include "core/fleet/query.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

/* ---- what is asked ---- */

static bool take_number(struct hf_slice text, double *ret_number)
{
    const struct hf_json_field field = {.type = HF_JSON_NUMBER, .found = true, .raw = text};

    return hf_json_scan(text.at, text.bytes, NULL, 0, 0) == HF_OK &&
           hf_json_type_of(text) == HF_JSON_NUMBER && hf_json_to_double(&field, ret_number) == HF_OK;
}

static bool add(struct hf_fleet_query *query, enum hf_fleet_op op, struct hf_slice path, struct hf_slice text,
                bool quoted)
{
    struct hf_fleet_filter *filter = &query->filters[query->count];

    if (query->count == HF_FLEET_FILTERS_MAX || path.bytes == 0 || path.bytes > sizeof(filter->path) ||
        text.bytes > sizeof(filter->text))
        return false;
    *filter = (struct hf_fleet_filter){
        .op = (uint8_t)op, .path_bytes = (uint8_t)path.bytes, .text_bytes = (uint8_t)text.bytes};
    memcpy(filter->path, path.at, path.bytes);
    if (text.bytes > 0)
        memcpy(filter->text, text.at, text.bytes);
    filter->is_number = !quoted && text.bytes > 0 && take_number(text, &filter->number);
    query->count++;
    return true;
}

bool hf_fleet_query_equal(struct hf_fleet_query *query, struct hf_slice path, struct hf_slice text)
{
    return add(query, HF_FLEET_EQ, path, text, true);
}

static void skip(struct hf_slice *rest, size_t bytes)
{
    rest->at += bytes;
    rest->bytes -= bytes;
}

static void skip_space(struct hf_slice *rest)
{
    while (rest->bytes > 0 && (rest->at[0] == ' ' || rest->at[0] == '\t'))
        skip(rest, 1);
}

static size_t until(struct hf_slice text, const char *any)
{
    size_t bytes = 0;

    while (bytes < text.bytes && strchr(any, text.at[bytes]) == NULL)
        bytes++;
    return bytes;
}

static enum hf_fleet_op take_op(struct hf_slice *rest)
{
    bool equal = rest->bytes > 1 && rest->at[1] == '=';
    enum hf_fleet_op op = rest->at[0] == '='   ? HF_FLEET_EQ
                          : rest->at[0] == '<' ? (equal ? HF_FLEET_LE : HF_FLEET_LT)
                                               : (equal ? HF_FLEET_GE : HF_FLEET_GT);

    skip(rest, op == HF_FLEET_LE || op == HF_FLEET_GE ? 2 : 1);
    skip_space(rest);
    return op;
}

/* A quoted text at the beginning of `rest`; in `storage` where it has escapes. */
static bool take_quoted(struct hf_slice *rest, char *storage, size_t storage_bytes, struct hf_slice *ret_text)
{
    size_t end = 1;

    while (end < rest->bytes && rest->at[end] != '"')
        end += rest->at[end] == '\\' ? 2 : 1;
    if (end >= rest->bytes)
        return false;
    const struct hf_json_field field = {
        .type = HF_JSON_STRING, .found = true, .escaped = true, .raw = {rest->at, end + 1}};
    skip(rest, end + 1);
    return hf_json_scan(field.raw.at, field.raw.bytes, NULL, 0, 0) == HF_OK &&
           hf_json_to_text(&field, storage, storage_bytes, ret_text) == HF_OK;
}

static const char wrong_op[] =
    "behind the path of each comparison stands one of = < <= > >=; a text that begins so stands in quotes";

static const char *add_one(struct hf_fleet_query *query, struct hf_slice *rest)
{
    char storage[HF_FLEET_TEXT_BYTES_MAX];
    struct hf_slice path = hf_slice_trim((struct hf_slice){rest->at, until(*rest, "=<>,")}), text;
    size_t path_end = until(*rest, "=<>,");

    if (path.bytes == 0 || path.bytes > HF_FLEET_PATH_BYTES_MAX)
        return "a comparison begins with a path like tags.site or reported.firmware";
    skip(rest, path_end);
    if (rest->bytes == 0 || rest->at[0] == ',' || path.at[path.bytes - 1] == '!')
        return wrong_op;
    enum hf_fleet_op op = take_op(rest);
    if (rest->bytes > 0 &&
        strchr("=<>", rest->at[0]) != NULL) /* `==` finds nothing, and nobody would know why */
        return wrong_op;
    bool quoted = rest->bytes > 0 && rest->at[0] == '"';
    if (quoted) {
        if (!take_quoted(rest, storage, sizeof(storage), &text))
            return "a text in quotes is a JSON string of at most 120 bytes";
    } else {
        size_t bytes = until(*rest, ",");

        text = hf_slice_trim((struct hf_slice){rest->at, bytes});
        skip(rest, bytes);
        if (op == HF_FLEET_EQ && text.bytes > 0 && text.at[text.bytes - 1] == '*') {
            op = HF_FLEET_BEGINS;
            text.bytes--;
        }
    }
    skip_space(rest);
    if (rest->bytes > 0 && rest->at[0] != ',')
        return "comparisons are parted by commas; a text with a comma stands in quotes";
    return add(query, op, path, text, quoted)
               ? NULL
               : "at most 8 comparisons are taken, each with at most 120 bytes of text";
}

hf_err hf_fleet_query_add(struct hf_fleet_query *query, struct hf_slice text, const char **ret_wrong)
{
    struct hf_slice rest = text;

    for (;;) {
        bool full = query->count == HF_FLEET_FILTERS_MAX;

        skip_space(&rest);
        *ret_wrong = add_one(query, &rest);
        if (*ret_wrong != NULL)
            return full ? HF_ERR_LIMIT : HF_ERR_MALFORMED;
        *ret_wrong = "";
        if (rest.bytes == 0)
            return HF_OK;
        skip(&rest, 1); /* the comma */
    }
}

static struct hf_slice path_of(const struct hf_fleet_filter *filter)
{
    return (struct hf_slice){filter->path, filter->path_bytes};
}

static struct hf_slice text_of(const struct hf_fleet_filter *filter)
{
    return (struct hf_slice){filter->text, filter->text_bytes};
}

struct hf_slice hf_fleet_query_unknown(const struct hf_fleet_query *query, const struct hf_fleet_paths *paths)
{
    for (unsigned i = 0; i < query->count; i++) {
        struct hf_slice path = path_of(&query->filters[i]);
        bool known = path.bytes > 5 && memcmp(path.at, "tags.", 5) == 0;

        for (unsigned k = 0; !known && k < paths->count; k++)
            known = hf_slice_eq(paths->at[k], path);
        if (!known)
            return path;
    }
    return (struct hf_slice){NULL, 0};
}

/* ---- what fits ---- */

static int compare(struct hf_slice a, struct hf_slice b)
{
    size_t bytes = HF_MIN(a.bytes, b.bytes);
    int order = bytes > 0 ? memcmp(a.at, b.at, bytes) : 0;

    return order != 0 ? order : (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

static bool value_fits(const struct hf_fleet_filter *filter, const struct hf_fleet_value *value)
{
    struct hf_slice wanted = text_of(filter);
    double number;
    int order;

    if (filter->op == HF_FLEET_EQ)
        return hf_slice_eq(wanted, value->text);
    if (filter->op == HF_FLEET_BEGINS)
        return value->text.bytes >= wanted.bytes &&
               (wanted.bytes == 0 || memcmp(value->text.at, wanted.at, wanted.bytes) == 0);
    if (filter->is_number != (value->type == HF_JSON_NUMBER))
        return false; /* 9 is neither below nor above "abc" */
    if (filter->is_number)
        order = take_number(value->text, &number) ? (number > filter->number) - (number < filter->number) : 1;
    else
        order = compare(value->text, wanted);
    switch (filter->op) {
    case HF_FLEET_LT: return order < 0;
    case HF_FLEET_LE: return order <= 0;
    case HF_FLEET_GT: return order > 0;
    default: return order >= 0;
    }
}

static bool row_fits(const struct hf_fleet_query *query, struct hf_slice row)
{
    for (unsigned i = 0; i < query->count; i++) {
        const struct hf_fleet_filter *filter = &query->filters[i];
        size_t at = HF_FLEET_ROW_HEAD_BYTES;
        struct hf_fleet_value value;
        bool fits = false;

        while (!fits && row.bytes > at && hf_fleet_value_next(row, &at, &value))
            fits = hf_slice_eq(value.path, path_of(filter)) && value_fits(filter, &value);
        if (!fits)
            return false;
    }
    return true;
}

/* ---- the walk ---- */

static struct hf_slice at_of(const struct hf_fleet_walk *walk)
{
    return (struct hf_slice){walk->at, walk->at_bytes};
}

struct hf_slice hf_fleet_walk_passed(const struct hf_fleet_walk *walk)
{
    return walk->passed_bytes > 0 ? (struct hf_slice){walk->passed, walk->passed_bytes} : walk->after;
}

static void pass(struct hf_fleet_walk *walk, struct hf_slice device)
{
    memcpy(walk->passed, device.at, device.bytes);
    walk->passed_bytes = (uint8_t)device.bytes;
}

static bool spent(struct hf_fleet_walk *walk, unsigned steps)
{
    if (walk->steps >= walk->steps_max)
        return true;
    walk->steps += steps;
    return false;
}

static bool in_prefix(const struct hf_fleet_walk *walk, struct hf_slice device)
{
    return walk->prefix.bytes == 0 || (device.bytes >= walk->prefix.bytes &&
                                       memcmp(device.at, walk->prefix.at, walk->prefix.bytes) == 0);
}

/* `at` is where the walk looks next: the smallest id that may still fit. */
static void begin(struct hf_fleet_walk *walk)
{
    HF_ASSERT(walk->query->count > 0 && walk->after.bytes <= HF_DEVICE_BYTES_MAX &&
              walk->prefix.bytes <= HF_DEVICE_BYTES_MAX);
    bool behind = walk->after.at != NULL && compare(walk->after, walk->prefix) >= 0;
    struct hf_slice from = behind ? walk->after : walk->prefix;

    if (from.bytes > 0)
        memcpy(walk->at, from.at, from.bytes);
    walk->at_bytes = (uint8_t)from.bytes;
    if (behind)
        walk->at[walk->at_bytes++] = '\0'; /* the smallest behind it */
    walk->begun = true;
}

static hf_err list_key(const struct hf_fleet_walk *walk, const struct hf_fleet_filter *filter,
                       struct hf_fleet_key *ret_key)
{
    hf_err err = hf_fleet_key_begin(ret_key, walk->tenant, 'v');

    if (err != HF_OK)
        return err;
    hf_fleet_key_add(ret_key, path_of(filter), true);
    hf_fleet_key_add(ret_key, text_of(filter), true);
    return HF_OK;
}

/* The first device from walk->at on that is in this filter's list. */
static hf_err leap(struct hf_fleet_walk *walk, const struct hf_fleet_filter *filter,
                   struct hf_slice *ret_device)
{
    struct hf_fleet_key prefix;
    char from_storage[HF_FLEET_KEY_BYTES_MAX + 1];
    struct hf_kv_cursor cursor;
    struct hf_slice key, value;
    hf_err err = list_key(walk, filter, &prefix);

    if (err != HF_OK)
        return err;
    memcpy(from_storage, prefix.at, prefix.bytes);
    memcpy(from_storage + prefix.bytes, walk->at, walk->at_bytes);
    err = hf_kv_scan(walk->txn, HF_KV_FLEET, hf_fleet_key_slice(&prefix),
                     (struct hf_slice){from_storage, (size_t)prefix.bytes + walk->at_bytes}, false, &cursor);
    if (err != HF_OK)
        return err;
    err = hf_kv_next(&cursor, &key, &value);
    hf_kv_scan_end(&cursor);
    if (err != HF_OK)
        return err;
    *ret_device = (struct hf_slice){key.at + prefix.bytes, key.bytes - prefix.bytes};
    return ret_device->bytes == 0 || ret_device->bytes > HF_DEVICE_BYTES_MAX ? HF_ERR_CORRUPT : HF_OK;
}

/* The first device from walk->at on that is in all lists; it is walk->at then. */
static hf_err leap_all(struct hf_fleet_walk *walk, const struct hf_fleet_filter *const *lists, unsigned count)
{
    unsigned agreed = 0;
    bool known = false; /* walk->at is a device of a list */

    for (unsigned i = 0; agreed < count; i = (i + 1) % count) {
        struct hf_slice device;

        if (spent(walk, HF_FLEET_SEEK_STEPS))
            return HF_ERR_AGAIN;
        hf_err err = leap(walk, lists[i], &device);
        if (err != HF_OK)
            return err;
        if (!in_prefix(walk, device))
            return HF_ERR_NOT_FOUND;
        if (known && hf_slice_eq(device, at_of(walk))) {
            agreed++;
            continue;
        }
        if (known)
            pass(walk, at_of(walk)); /* this list does not have it */
        memcpy(walk->at, device.at, device.bytes);
        walk->at_bytes = (uint8_t)device.bytes;
        known = true;
        agreed = 1;
    }
    return HF_OK;
}

static hf_err row_of(struct hf_fleet_walk *walk, struct hf_slice device, struct hf_slice *ret_row)
{
    struct hf_fleet_key key;
    hf_err err = hf_fleet_key_begin(&key, walk->tenant, 'd');

    if (err != HF_OK)
        return err;
    hf_fleet_key_add(&key, device, false);
    return hf_kv_get(walk->txn, HF_KV_FLEET, hf_fleet_key_slice(&key), ret_row);
}

/* The only list, from walk->at on, with a cursor that stays: no other list lets it leap. */
static hf_err next_of_list(struct hf_fleet_walk *walk, const struct hf_fleet_filter *filter)
{
    char from[HF_FLEET_KEY_BYTES_MAX + 1];
    struct hf_slice key, value;
    hf_err err = HF_OK;

    if (spent(walk, 1))
        return HF_ERR_AGAIN;
    if (!walk->open) {
        err = list_key(walk, filter, &walk->key);
        if (err != HF_OK)
            return err;
        memcpy(from, walk->key.at, walk->key.bytes);
        memcpy(from + walk->key.bytes, walk->at, walk->at_bytes);
        err = hf_kv_scan(walk->txn, HF_KV_FLEET, hf_fleet_key_slice(&walk->key),
                         (struct hf_slice){from, (size_t)walk->key.bytes + walk->at_bytes}, false,
                         &walk->cursor);
        walk->open = err == HF_OK;
    }
    if (err == HF_OK)
        err = hf_kv_next(&walk->cursor, &key, &value);
    if (err != HF_OK)
        return err;
    struct hf_slice device = {key.at + walk->key.bytes, key.bytes - walk->key.bytes};
    if (device.bytes == 0 || device.bytes > HF_DEVICE_BYTES_MAX)
        return HF_ERR_CORRUPT;
    if (!in_prefix(walk, device))
        return HF_ERR_NOT_FOUND;
    memcpy(walk->at, device.at, device.bytes);
    walk->at_bytes = (uint8_t)device.bytes;
    return HF_OK;
}

static hf_err next_by_lists(struct hf_fleet_walk *walk, const struct hf_fleet_filter *const *lists,
                            unsigned count, struct hf_slice *ret_device)
{
    for (;;) {
        struct hf_slice row = {NULL, 0};
        hf_err err = count == 1 ? next_of_list(walk, lists[0]) : leap_all(walk, lists, count);

        if (err == HF_OK && count < walk->query->count) {
            walk->steps++;
            err = row_of(walk, at_of(walk), &row);
        }
        if (err != HF_OK)
            return err;
        pass(walk, at_of(walk));
        walk->at[walk->at_bytes++] = '\0';
        *ret_device = hf_fleet_walk_passed(walk);
        if (count == walk->query->count || row_fits(walk->query, row))
            return HF_OK;
    }
}

static hf_err open_rows(struct hf_fleet_walk *walk)
{
    char from[HF_FLEET_KEY_BYTES_MAX + 1];
    hf_err err = hf_fleet_key_begin(&walk->key, walk->tenant, 'd');

    if (err != HF_OK)
        return err;
    memcpy(from, walk->key.at, walk->key.bytes);
    memcpy(from + walk->key.bytes, walk->at, walk->at_bytes);
    err = hf_kv_scan(walk->txn, HF_KV_FLEET, hf_fleet_key_slice(&walk->key),
                     (struct hf_slice){from, (size_t)walk->key.bytes + walk->at_bytes}, false, &walk->cursor);
    walk->open = err == HF_OK;
    return err;
}

static hf_err next_by_rows(struct hf_fleet_walk *walk, struct hf_slice *ret_device)
{
    struct hf_slice key, row;
    hf_err err = walk->open ? HF_OK : open_rows(walk);

    while (err == HF_OK) {
        if (spent(walk, 1))
            return HF_ERR_AGAIN;
        err = hf_kv_next(&walk->cursor, &key, &row);
        if (err != HF_OK)
            break;
        struct hf_slice device = {key.at + walk->key.bytes, key.bytes - walk->key.bytes};
        if (device.bytes == 0 || device.bytes > HF_DEVICE_BYTES_MAX)
            return HF_ERR_CORRUPT;
        if (!in_prefix(walk, device))
            return HF_ERR_NOT_FOUND;
        pass(walk, device);
        if (row_fits(walk->query, row)) {
            *ret_device = hf_fleet_walk_passed(walk);
            return HF_OK;
        }
    }
    return err;
}

hf_err hf_fleet_walk_next(struct hf_fleet_walk *walk, struct hf_slice *ret_device)
{
    const struct hf_fleet_filter *lists[HF_FLEET_FILTERS_MAX];
    unsigned count = 0;

    if (!walk->begun)
        begin(walk);
    for (unsigned i = 0; i < walk->query->count; i++)
        if (walk->query->filters[i].op == HF_FLEET_EQ)
            lists[count++] = &walk->query->filters[i];
    return count > 0 ? next_by_lists(walk, lists, count, ret_device) : next_by_rows(walk, ret_device);
}

void hf_fleet_walk_end(struct hf_fleet_walk *walk)
{
    if (walk->open)
        hf_kv_scan_end(&walk->cursor);
    walk->open = false;
}
