/* Single settings by path: --set, and what the environment is translated to. */
#include <stdlib.h>

#include "app/config_read.h"
#include "app/config_value.h"
#include "app/suggest.h"
#include "base/assert.h"

void hf_config_path_add(struct hf_sb *path, const char *step)
{
    if (path->bytes > 0)
        hf_sb_char(path, '.');
    hf_sb_text(path, step);
}

void hf_config_path_cut(struct hf_sb *path, size_t bytes)
{
    HF_ASSERT(bytes <= path->bytes);
    path->bytes = bytes;
    path->at[bytes] = '\0';
    path->overflow = false;
}

void hf_config_unknown(const struct hf_config_shape *shape, const char *path, struct hf_slice name,
                       const struct hf_config_origin *origin, struct hf_config_errors *errors)
{
    const char *dot = path[0] != '\0' ? "." : "";
    struct hf_suggest suggest;

    hf_suggest_init(&suggest, name);
    for (size_t i = 0; i < shape->row_count; i++)
        hf_suggest_offer(&suggest, shape->rows[i].name);
    if (suggest.best != NULL)
        hf_config_error(errors, origin, "unknown key '%s%s%.*s'; did you mean '%s%s%s'?", path, dot,
                        HF_CONFIG_SHOWN(name), path, dot, suggest.best);
    else
        hf_config_error(errors, origin, "unknown key '%s%s%.*s'; `holdfast default-config` shows all", path,
                        dot, HF_CONFIG_SHOWN(name));
}

hf_err hf_config_append(const struct hf_config_row *list, struct hf_config_items *items, const char *path,
                        const struct hf_config_origin *origin, struct hf_config_errors *errors)
{
    const struct hf_config_shape *shape = list->shape();
    bool is_full = (items->count & (items->count - 1)) == 0; /* only here is room made: 1, 2, 4, ... items */
    hf_err err;

    if (items->count >= list->max) {
        hf_config_error(errors, origin, "%s has more than %llu items", path, (unsigned long long)list->max);
        return HF_ERR_INVALID;
    }
    if (is_full) {
        void *grown = realloc(items->at, (items->count > 0 ? 2 * items->count : 1) * shape->bytes);

        if (grown == NULL)
            return HF_ERR_NOMEM;
        items->at = grown;
    }
    err = hf_config_defaults(shape, (char *)items->at + items->count * shape->bytes);
    if (err == HF_OK)
        items->count++;
    return err;
}

/* The item that a step names: its position (the next free one appends) or its label. */
static hf_err find_item(const struct hf_config_row *list, struct hf_config_items *items, struct hf_slice step,
                        const struct hf_sb *path, const struct hf_config_origin *origin,
                        struct hf_config_errors *errors, void **ret_item)
{
    char storage[HF_CONFIG_STEP_BYTES_MAX];
    uint64_t position;
    hf_err err = HF_OK;

    for (size_t i = 0; i < items->count; i++)
        if (hf_slice_is(step, hf_config_item_step(list, items, i, storage))) {
            *ret_item = hf_config_item(list, items, i);
            return HF_OK;
        }
    if (!hf_slice_to_u64(step, &position) || position > items->count) {
        hf_config_error(errors, origin, "%s has no item '%.*s'; the next free position is %zu", path->at,
                        HF_CONFIG_SHOWN(step), items->count);
        return HF_ERR_INVALID;
    }
    if (position == items->count)
        err = hf_config_append(list, items, path->at, origin, errors);
    if (err == HF_OK)
        *ret_item = hf_config_item(list, items, (size_t)position);
    return err;
}

static struct hf_slice take_step(struct hf_slice *path)
{
    const char *dot = path->bytes > 0 ? memchr(path->at, '.', path->bytes) : NULL;
    struct hf_slice step = {path->at, dot != NULL ? (size_t)(dot - path->at) : path->bytes};
    size_t taken = step.bytes + (dot != NULL);

    *path = (struct hf_slice){path->at + taken, path->bytes - taken};
    return step;
}

hf_err hf_config_set(struct hf_config *config, struct hf_slice path, struct hf_slice value,
                     const struct hf_config_origin *origin, struct hf_config_errors *errors)
{
    const struct hf_config_shape *shape = hf_config_shape();
    void *object = config;
    char walked_storage[HF_CONFIG_PATH_BYTES_MAX];
    struct hf_sb walked;

    hf_sb_init(&walked, walked_storage, sizeof(walked_storage));
    for (;;) {
        struct hf_slice step = take_step(&path);
        const struct hf_config_row *row = hf_config_row_find(shape, step);
        void *item = NULL;
        hf_err err;

        if (row == NULL) {
            hf_config_unknown(shape, walked.at, step, origin, errors);
            return HF_ERR_INVALID;
        }
        hf_config_path_add(&walked, row->name);
        if (row->kind != HF_CONFIG_KIND_SECTION && row->kind != HF_CONFIG_KIND_LIST) {
            if (path.bytes == 0)
                return hf_config_value_set(row, object, value, walked.at, origin, errors);
            hf_config_error(errors, origin, "%s holds a value, there is no '%.*s' in it", walked.at,
                            HF_CONFIG_SHOWN(path));
            return HF_ERR_INVALID;
        }
        if (path.bytes == 0) {
            hf_config_error(errors, origin, "%s is a %s; name one option in it", walked.at,
                            row->kind == HF_CONFIG_KIND_LIST ? "list" : "section");
            return HF_ERR_INVALID;
        }
        item = hf_config_member(row, object);
        if (row->kind == HF_CONFIG_KIND_LIST) {
            step = take_step(&path);
            err = find_item(row, item, step, &walked, origin, errors, &item);
            if (err != HF_OK)
                return err;
            hf_sb_printf(&walked, ".%.*s", HF_CONFIG_SHOWN(step));
        }
        object = item;
        shape = row->shape();
    }
}

hf_err hf_config_read_settings(struct hf_config *config, struct hf_config_settings settings,
                               struct hf_config_errors *errors)
{
    hf_err ret = HF_OK;

    for (size_t i = 0; i < settings.count; i++) {
        const char *text = settings.at[i], *equals = strchr(text, '=');
        struct hf_config_origin origin = {.name = "--set"};
        hf_err err;

        if (equals == NULL) {
            hf_config_error(errors, &origin, "'%.80s' is not of the form section.option=value", text);
            err = HF_ERR_INVALID;
        } else {
            err = hf_config_set(config, (struct hf_slice){text, (size_t)(equals - text)},
                                hf_slice_of(equals + 1), &origin, errors);
        }
        if (err == HF_ERR_NOMEM)
            return err;
        if (err != HF_OK)
            ret = err;
    }
    return ret;
}
