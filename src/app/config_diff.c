/* What a reload would change, option by option. Items of lists are matched by their label, so that a new tenant in
 * front does not look like a change of all. */
#include <stdlib.h>
#include <string.h>

#include "app/config_read.h"
#include "app/config_value.h"
#include "base/assert.h"
#include "base/hash.h"

struct walk {
    struct hf_config_diff *diff;
    struct hf_sb path;
    char storage[HF_CONFIG_PATH_BYTES_MAX];
};

static void report(struct walk *walk, bool restart)
{
    struct hf_config_diff *diff = walk->diff;
    struct hf_sb sb;

    diff->restart_count += restart;
    if (diff->count == HF_CONFIG_CHANGES_MAX) {
        diff->not_kept_count++;
        return;
    }
    diff->at[diff->count].restart = restart;
    hf_sb_init(&sb, diff->at[diff->count].path, sizeof(diff->at[0].path));
    hf_sb_slice(&sb, hf_sb_done(&walk->path));
    diff->count++;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_texts(const struct hf_config_texts *a, const struct hf_config_texts *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->at[i], b->at[i]) != 0)
            return false;
    return true;
}

static bool same_value(const struct hf_config_row *row, const void *a, const void *b)
{
    switch (row->kind) {
    case HF_CONFIG_KIND_U64:
    case HF_CONFIG_KIND_MS:
    case HF_CONFIG_KIND_US:
    case HF_CONFIG_KIND_BYTES: return *(const uint64_t *)a == *(const uint64_t *)b;
    case HF_CONFIG_KIND_BOOL: return *(const bool *)a == *(const bool *)b;
    case HF_CONFIG_KIND_ENUM:
    case HF_CONFIG_KIND_FLAGS: return *(const unsigned *)a == *(const unsigned *)b;
    case HF_CONFIG_KIND_TEXT: return same_text(*(char *const *)a, *(char *const *)b);
    case HF_CONFIG_KIND_TEXTS: return same_texts(a, b);
    case HF_CONFIG_KIND_SECTION:
    case HF_CONFIG_KIND_LIST: break;
    }
    HF_UNREACHABLE();
}

/* Where the items of a list are by their steps, since lists of 100,000 devices are compared while a gateway runs. Open addressing, at most half full; slots 0 are free. */
struct index {
    const struct hf_config_row *list;
    const struct hf_config_items *items;
    uint32_t *slots; /* position + 1; NULL: no memory, every item is looked at */
    size_t mask;
};

static size_t hash_step(const char *step)
{
    static const uint8_t key[HF_HASH_KEY_BYTES] = {
        0}; /* whoever writes the configuration may slow it down as he likes */

    return (size_t)hf_hash(key, step, strlen(step));
}

static struct index index_of(const struct hf_config_row *list, const struct hf_config_items *items)
{
    struct index index = {.list = list, .items = items, .mask = 1};

    while (index.mask < 2 * items->count)
        index.mask = 2 * index.mask + 1;
    index.slots = calloc(index.mask + 1, sizeof(*index.slots));
    for (size_t i = 0; index.slots != NULL && i < items->count; i++) {
        char storage[HF_CONFIG_STEP_BYTES_MAX];
        size_t at = hash_step(hf_config_item_step(list, items, i, storage));

        while (index.slots[at & index.mask] != 0)
            at++;
        index.slots[at & index.mask] = (uint32_t)i + 1;
    }
    return index;
}

/* The position of the item that goes by this step, the first one of several; items->count when there is none. */
static size_t find_step(const struct index *index, const char *step)
{
    size_t count = index->items->count, at = index->slots != NULL ? hash_step(step) : 0;
    char storage[HF_CONFIG_STEP_BYTES_MAX];

    for (size_t i = 0; index->slots == NULL && i < count; i++)
        if (strcmp(step, hf_config_item_step(index->list, index->items, i, storage)) == 0)
            return i;
    for (; index->slots != NULL && index->slots[at & index->mask] != 0; at++) {
        size_t i = index->slots[at & index->mask] - 1;

        if (strcmp(step, hf_config_item_step(index->list, index->items, i, storage)) == 0)
            return i;
    }
    return count;
}

static void compare(struct walk *walk, const struct hf_config_shape *shape, const void *a, const void *b);

/* Items that are there in one list and not in the other; with `compare_both` also what changed inside. */
static void walk_items(struct walk *walk, const struct hf_config_row *list, const struct hf_config_items *a,
                       const struct hf_config_items *b, bool compare_both)
{
    struct index index = index_of(list, b);

    for (size_t i = 0; i < a->count; i++) {
        char storage[HF_CONFIG_STEP_BYTES_MAX];
        const char *step = hf_config_item_step(list, a, i, storage);
        size_t path_bytes = walk->path.bytes, other = find_step(&index, step);

        hf_config_path_add(&walk->path, step);
        if (other == b->count)
            report(walk, !list->live);
        else if (compare_both)
            compare(walk, list->shape(), hf_config_item(list, a, i), hf_config_item(list, b, other));
        hf_config_path_cut(&walk->path, path_bytes);
    }
    free(index.slots);
}

static void compare(struct walk *walk, const struct hf_config_shape *shape, const void *a, const void *b)
{
    for (size_t i = 0; i < shape->row_count; i++) {
        const struct hf_config_row *row = &shape->rows[i];
        const void *in_a = hf_config_member(row, a), *in_b = hf_config_member(row, b);
        size_t path_bytes = walk->path.bytes;

        hf_config_path_add(&walk->path, row->name);
        if (row->kind == HF_CONFIG_KIND_SECTION) {
            compare(walk, row->shape(), in_a, in_b);
        } else if (row->kind == HF_CONFIG_KIND_LIST) {
            walk_items(walk, row, in_a, in_b, true);
            walk_items(walk, row, in_b, in_a, false);
        } else if (!same_value(row, in_a, in_b)) {
            report(walk, !row->live);
        }
        hf_config_path_cut(&walk->path, path_bytes);
    }
}

void hf_config_reload_diff(const struct hf_config *before, const struct hf_config *after,
                           struct hf_config_diff *ret_diff)
{
    struct walk walk = {.diff = ret_diff};

    *ret_diff = (struct hf_config_diff){0};
    hf_sb_init(&walk.path, walk.storage, sizeof(walk.storage));
    compare(&walk, hf_config_shape(), before, after);
}

bool hf_config_gb_upstream_same(const struct hf_config_gb_upstream *a, const struct hf_config_gb_upstream *b)
{
    const struct hf_config_row *section = hf_config_row_find(hf_config_shape(), HF_SLICE("gb28181"));
    const struct hf_config_row *list = hf_config_row_find(section->shape(), HF_SLICE("upstreams"));
    struct hf_config_diff diff = {0};
    struct walk walk = {.diff = &diff};

    hf_sb_init(&walk.path, walk.storage, sizeof(walk.storage));
    compare(&walk, list->shape(), a, b);
    return diff.count == 0;
}
