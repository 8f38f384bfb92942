/* app/config_rows.c - what is set, as JSON rows for GET /v1/config: each option with its value, its default and whether a reload takes it over. Lists are left out: they are the tenants',
 * keys' and cameras' own, and where secrets stand. */
#include <stdlib.h>

#include "app/config_print.h"
#include "app/config_value.h"
#include "base/assert.h"
#include "codec/json/out.h"

enum { ROWS_BYTES_MAX = 1 << 20, PATH_BYTES = 256, VALUE_BYTES_MAX = 256 << 10 };

struct rows {
    struct hf_json_out *out;
    char *value, *preset;
};

static struct hf_slice value_of(const struct hf_config_row *row, const void *object, char *storage)
{
    struct hf_sb sb;

    hf_sb_init(&sb, storage, VALUE_BYTES_MAX);
    hf_config_value_print(row, object, &sb);
    return hf_sb_done(&sb);
}

static void add_row(struct rows *rows, const char *path, const struct hf_config_row *row, const void *object,
                    const void *presets)
{
    struct hf_slice value = value_of(row, object, rows->value), preset = value_of(row, presets, rows->preset);

    hf_json_out_object(rows->out, NULL);
    hf_json_out_cstr(rows->out, "option", path);
    hf_json_out_text(rows->out, "value", value);
    hf_json_out_text(rows->out, "default", preset);
    hf_json_out_bool(rows->out, "changed", !hf_slice_eq(value, preset));
    hf_json_out_bool(rows->out, "live", row->live);
    hf_json_out_cstr(rows->out, "help", row->help);
    hf_json_out_end(rows->out);
}

/* As deep as sections are: HF_CONFIG_DEPTH_MAX. */
static void add_rows(struct rows *rows, const char *prefix, const struct hf_config_shape *shape,
                     const void *object, const void *presets)
{
    for (size_t i = 0; i < shape->row_count; i++) {
        const struct hf_config_row *row = &shape->rows[i];
        char path[PATH_BYTES];
        struct hf_sb sb;

        hf_sb_init(&sb, path, sizeof(path));
        hf_sb_printf(&sb, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", row->name);
        HF_ASSERT(!sb.overflow); /* names of the table */
        if (row->kind == HF_CONFIG_KIND_SECTION)
            add_rows(rows, path, row->shape(), hf_config_member(row, object), hf_config_member(row, presets));
        else if (row->kind != HF_CONFIG_KIND_LIST)
            add_row(rows, path, row, object, presets);
    }
}

size_t hf_config_rows(const struct hf_config *config, char **ret_json)
{
    const struct hf_config_shape *shape = hf_config_shape();
    char *json = malloc(ROWS_BYTES_MAX);
    void *presets = calloc(1, shape->bytes);
    struct rows rows = {.value = malloc(VALUE_BYTES_MAX), .preset = malloc(VALUE_BYTES_MAX)};
    struct hf_json_out out;
    struct hf_sb sb;
    size_t bytes = 0;

    if (json != NULL && presets != NULL && rows.value != NULL && rows.preset != NULL &&
        hf_config_defaults(shape, presets) == HF_OK) {
        hf_sb_init(&sb, json, ROWS_BYTES_MAX);
        hf_json_out_init(&out, &sb);
        rows.out = &out;
        hf_json_out_object(&out, NULL);
        hf_json_out_array(&out, "options");
        add_rows(&rows, "", shape, config, presets);
        hf_json_out_end(&out);
        hf_json_out_end(&out);
        bytes = sb.overflow ? 0 : sb.bytes;
        hf_config_clear(shape, presets);
    }
    free(presets);
    free(rows.value);
    free(rows.preset);
    if (bytes == 0) {
        free(json);
        json = NULL;
    }
    *ret_json = json;
    return bytes;
}
