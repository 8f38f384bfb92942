/* app/config_table.h - the rows of config_options.h as data, for whatever walks the configuration: reader,
 * printer, comparison. Inside app/config*.c only. */
#ifndef HF_APP_CONFIG_TABLE_H
#define HF_APP_CONFIG_TABLE_H

#include "app/config.h"

enum hf_config_kind {
    HF_CONFIG_KIND_U64,
    HF_CONFIG_KIND_MS,
    HF_CONFIG_KIND_US,
    HF_CONFIG_KIND_BYTES,
    HF_CONFIG_KIND_BOOL,
    HF_CONFIG_KIND_TEXT,
    HF_CONFIG_KIND_TEXTS,
    HF_CONFIG_KIND_ENUM,
    HF_CONFIG_KIND_FLAGS,
    HF_CONFIG_KIND_SECTION,
    HF_CONFIG_KIND_LIST
};

struct hf_config_choice {
    const char *name, *help;
};

struct hf_config_shape;

struct hf_config_row {
    const char *name;
    enum hf_config_kind kind;
    size_t offset; /* of the member in its struct */
    const char *default_text;
    uint64_t min, max;
    bool live; /* taken over by a reload */
    const char *help;
    const struct hf_config_choice *choices; /* ENUM, FLAGS: by value */
    size_t choice_count;
    const struct hf_config_shape *(*shape)(void); /* SECTION, LIST */
};

struct hf_config_shape { /* of one struct */
    const char *name;
    size_t bytes;
    const struct hf_config_row *rows;
    size_t row_count;
};

struct hf_config_items { /* what every struct hf_config_<name>_list looks like */
    void *at;
    size_t count;
};

const struct hf_config_shape *hf_config_shape(void); /* of struct hf_config, the root */

enum {
    HF_CONFIG_DEPTH_MAX = 5
}; /* root, gb28181, upstreams, ids, a row: paths never have more steps with a name */

const struct hf_config_row *hf_config_row_find(const struct hf_config_shape *shape,
                                               struct hf_slice name); /* or NULL */

/* The row that names an item of a list (name, id, kid), or NULL when items have only their position. */
const struct hf_config_row *hf_config_row_label(const struct hf_config_shape *shape);

static inline void *hf_config_member(const struct hf_config_row *row, const void *object)
{
    return (char *)(uintptr_t)object + row->offset;
}

/* The i-th item; i < count. */
static inline void *hf_config_item(const struct hf_config_row *list, const struct hf_config_items *items,
                                   size_t i)
{
    return (char *)items->at + i * list->shape()->bytes;
}

/* Frees what the object's members own and leaves them absent; not the object. */
void hf_config_clear(const struct hf_config_shape *shape, void *object);
void hf_config_texts_clear(struct hf_config_texts *texts);

/* The index of a choice, or -1. */
int hf_config_choice_find(const struct hf_config_row *row, struct hf_slice name);

/* What names the item in a path: its label or its position; `storage` is used for positions. */
enum { HF_CONFIG_STEP_BYTES_MAX = 24 };
const char *hf_config_item_step(const struct hf_config_row *list, const struct hf_config_items *items,
                                size_t i, char storage[HF_CONFIG_STEP_BYTES_MAX]);

#endif
