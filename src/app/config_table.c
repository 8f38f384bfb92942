#include "app/config_table.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

/* Choices of each ENUM and FLAGS, in the order of their values. */
#define CHOICE(constant, name, help) [constant] = {name, help},
#define CHOICE_SET(set)                                                                       \
    static const struct hf_config_choice choices_##set[] = {HF_CONFIG_CHOICES_##set(CHOICE)}; \
    _Static_assert(sizeof(enum hf_config_##set) == sizeof(unsigned),                          \
                   "enums are read and written as unsigned");
HF_CONFIG_CHOICE_SETS(CHOICE_SET)

/* What the kinds have beside the common columns. */
#define EXTRA_U64(arg)
#define EXTRA_MS(arg)
#define EXTRA_US(arg)
#define EXTRA_BYTES(arg)
#define EXTRA_BOOL(arg)
#define EXTRA_TEXT(arg)
#define EXTRA_TEXTS(arg)
#define EXTRA_ENUM(arg)    .choices = choices_##arg, .choice_count = HF_CONFIG_COUNT_##arg,
#define EXTRA_FLAGS(arg)   EXTRA_ENUM(arg)
#define EXTRA_SECTION(arg) .shape = shape_##arg,
#define EXTRA_LIST(arg)    .shape = shape_##arg,

enum { RESTART = 0, LIVE = 1 };

/* offsetof() needs the struct's name, which a row does not carry; this_t is that name inside each function. */
#define hf_config_root hf_config
#define ROW(kind_, arg, name_, default_, min_, max_, change, help_) \
    {.name = #name_,                                                \
     .kind = HF_CONFIG_KIND_##kind_,                                \
     .offset = offsetof(this_t, name_),                             \
     .default_text = default_,                                      \
     .min = min_,                                                   \
     .max = max_,                                                   \
     .live = change,                                                \
     .help = help_,                                                 \
     EXTRA_##kind_(arg)},
#define SHAPE(struct_)                                                                                   \
    static const struct hf_config_shape *shape_##struct_(void)                                           \
    {                                                                                                    \
        typedef struct hf_config_##struct_ this_t;                                                       \
        static const struct hf_config_row rows[] = {HF_CONFIG_ROWS_##struct_(ROW)};                      \
        static const struct hf_config_shape shape = {#struct_, sizeof(this_t), rows, HF_COUNT_OF(rows)}; \
                                                                                                         \
        return &shape;                                                                                   \
    }
HF_CONFIG_STRUCTS(SHAPE)
#undef hf_config_root

const struct hf_config_shape *hf_config_shape(void)
{
    return shape_root();
}

const struct hf_config_row *hf_config_row_find(const struct hf_config_shape *shape, struct hf_slice name)
{
    for (size_t i = 0; i < shape->row_count; i++)
        if (hf_slice_is(name, shape->rows[i].name))
            return &shape->rows[i];
    return NULL;
}

const struct hf_config_row *hf_config_row_label(const struct hf_config_shape *shape)
{
    static const char *const labels[] = {"name", "id", "kid"};

    for (size_t i = 0; i < HF_COUNT_OF(labels); i++)
        if (strcmp(shape->rows[0].name, labels[i]) == 0)
            return &shape->rows[0];
    return NULL;
}

int hf_config_choice_find(const struct hf_config_row *row, struct hf_slice name)
{
    for (size_t i = 0; i < row->choice_count; i++)
        if (hf_slice_is(name, row->choices[i].name))
            return (int)i;
    return -1;
}

const char *hf_config_item_step(const struct hf_config_row *list, const struct hf_config_items *items,
                                size_t i, char storage[HF_CONFIG_STEP_BYTES_MAX])
{
    const struct hf_config_row *label = hf_config_row_label(list->shape());

    if (label != NULL) {
        const char *text = *(char **)hf_config_member(label, hf_config_item(list, items, i));

        if (text != NULL)
            return text;
    }
    (void)snprintf(storage, HF_CONFIG_STEP_BYTES_MAX, "%zu", i);
    return storage;
}

static void clear_items(const struct hf_config_row *list, struct hf_config_items *items)
{
    for (size_t i = 0; i < items->count; i++)
        hf_config_clear(list->shape(), hf_config_item(list, items, i));
    free(items->at);
    *items = (struct hf_config_items){0};
}

void hf_config_texts_clear(struct hf_config_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->at[i]);
    free(texts->at);
    *texts = (struct hf_config_texts){0};
}

/* Recursion is as deep as the table is: HF_CONFIG_DEPTH_MAX. */
void hf_config_clear(const struct hf_config_shape *shape, void *object)
{
    for (size_t i = 0; i < shape->row_count; i++) {
        const struct hf_config_row *row = &shape->rows[i];
        void *member = hf_config_member(row, object);

        switch (row->kind) {
        case HF_CONFIG_KIND_TEXT:
            free(*(char **)member);
            *(char **)member = NULL;
            break;
        case HF_CONFIG_KIND_TEXTS: hf_config_texts_clear(member); break;
        case HF_CONFIG_KIND_SECTION: hf_config_clear(row->shape(), member); break;
        case HF_CONFIG_KIND_LIST: clear_items(row, member); break;
        default: break;
        }
    }
}
