#include "core/gb/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { TEXT_BYTES_MIN = 1024, KEYS_MIN = 64 };

struct hf_gb_merge {
    struct hf_gb_budget *budget;
    char *text;
    uint64_t *keys; /* open addressing, 0 = free; a power of two, at most half full */
    uint64_t text_bytes, text_room, text_bytes_max, key_room, items_max;
    struct hf_gb_merged merged;
};

struct hf_gb_merge *hf_gb_merge_new(struct hf_gb_budget *budget, uint64_t text_bytes_max, uint64_t items_max)
{
    struct hf_gb_merge *merge = calloc(1, sizeof(*merge));

    if (merge == NULL)
        return NULL;
    merge->budget = budget;
    merge->text_bytes_max = text_bytes_max;
    merge->items_max = items_max;
    return merge;
}

static bool spend(struct hf_gb_budget *budget, uint64_t bytes)
{
    if (bytes > budget->bytes_max || budget->bytes > budget->bytes_max - bytes)
        return false;
    budget->bytes += bytes;
    return true;
}

void hf_gb_merge_free(struct hf_gb_merge *merge)
{
    if (merge == NULL)
        return;
    merge->budget->bytes -= merge->text_room + merge->key_room * sizeof(*merge->keys);
    free(merge->text);
    free(merge->keys);
    free(merge);
}

/* Where the key is, or its free place. */
static uint64_t place(const uint64_t *keys, uint64_t room, uint64_t key)
{
    uint64_t at = hf_hash_mix(key) & (room - 1);

    while (keys[at] != 0 && keys[at] != key)
        at = (at + 1) & (room - 1);
    return at;
}

static hf_err room_for_key(struct hf_gb_merge *merge)
{
    uint64_t room = merge->key_room ? 2 * merge->key_room : KEYS_MIN;

    if (2 * (merge->merged.items + 1) <= merge->key_room)
        return HF_OK;
    if (!spend(merge->budget, (room - merge->key_room) * sizeof(*merge->keys)))
        return HF_ERR_LIMIT;
    uint64_t *keys = calloc(room, sizeof(*keys));
    if (keys == NULL) {
        merge->budget->bytes -= (room - merge->key_room) * sizeof(*keys);
        return HF_ERR_NOMEM;
    }
    for (uint64_t i = 0; i < merge->key_room; i++)
        if (merge->keys[i] != 0)
            keys[place(keys, room, merge->keys[i])] = merge->keys[i];
    free(merge->keys);
    merge->keys = keys;
    merge->key_room = room;
    return HF_OK;
}

static hf_err room_for_text(struct hf_gb_merge *merge, uint64_t bytes)
{
    uint64_t room = merge->text_room ? merge->text_room : TEXT_BYTES_MIN;

    if (bytes > merge->text_bytes_max)
        return HF_ERR_LIMIT;
    while (room < bytes)
        room *= 2;
    if (room <= merge->text_room)
        return HF_OK;
    if (!spend(merge->budget, room - merge->text_room))
        return HF_ERR_LIMIT;
    char *text = realloc(merge->text, room);
    if (text == NULL) {
        merge->budget->bytes -= room - merge->text_room;
        return HF_ERR_NOMEM;
    }
    merge->text = text;
    merge->text_room = room;
    return HF_OK;
}

hf_err hf_gb_merge_add(struct hf_gb_merge *merge, uint64_t key, struct hf_slice item)
{
    uint64_t comma = merge->text_bytes > 0 ? 2 : 0;

    if (key == 0)
        key = 1;
    if (merge->key_room > 0 && merge->keys[place(merge->keys, merge->key_room, key)] == key) {
        merge->merged.duplicates++;
        return HF_ERR_EXISTS;
    }
    hf_err err = merge->merged.items < merge->items_max ? room_for_key(merge) : HF_ERR_LIMIT;
    if (err == HF_OK)
        err = room_for_text(merge, merge->text_bytes + comma + item.bytes);
    if (err != HF_OK) {
        merge->merged.cut = true;
        return err;
    }
    merge->keys[place(merge->keys, merge->key_room, key)] = key;
    if (comma > 0)
        memcpy(merge->text + merge->text_bytes, ",\n", comma);
    merge->text_bytes += comma;
    if (item.bytes > 0)
        memcpy(merge->text + merge->text_bytes, item.at, item.bytes);
    merge->text_bytes += item.bytes;
    merge->merged.items++;
    return HF_OK;
}

void hf_gb_merge_expect(struct hf_gb_merge *merge, uint64_t sum)
{
    merge->merged.announced = true;
    if (sum > merge->merged.expected)
        merge->merged.expected = sum;
}

struct hf_gb_merged hf_gb_merged(const struct hf_gb_merge *merge)
{
    struct hf_gb_merged merged = merge->merged;

    merged.text = (struct hf_slice){merge->text ? merge->text : "", merge->text_bytes};
    return merged;
}

bool hf_gb_merge_complete(const struct hf_gb_merge *merge)
{
    return merge->merged.announced && !merge->merged.cut && merge->merged.items >= merge->merged.expected;
}
