#include "app/config_print.h"

#include <stdlib.h>

#include "app/config_value.h"
#include "base/assert.h"

enum { VALUE_BYTES_MAX = 256 * 1100 }; /* TEXTS: as many elements, as long, as the table allows, escaped */

static void indent(FILE *out, unsigned depth)
{
    (void)fprintf(out, "%*s", (int)(2 * depth), "");
}

static void print_object(const struct hf_config_shape *shape, const void *object, unsigned depth,
                         bool first_open, struct hf_sb *sb, FILE *out);

static void print_items(const struct hf_config_row *row, const struct hf_config_items *items, unsigned depth,
                        struct hf_sb *sb, FILE *out)
{
    (void)fprintf(out, "%s:%s\n", row->name, items->count == 0 ? " []" : "");
    for (size_t i = 0; i < items->count; i++) {
        indent(out, depth);
        (void)fputs("  - ", out);
        print_object(row->shape(), hf_config_item(row, items, i), depth + 2, true, sb, out);
    }
}

/* first_open: the line has begun already, behind "- ". */
static void print_object(const struct hf_config_shape *shape, const void *object, unsigned depth,
                         bool first_open, struct hf_sb *sb, FILE *out)
{
    for (size_t i = 0; i < shape->row_count; i++) {
        const struct hf_config_row *row = &shape->rows[i];
        const void *member = hf_config_member(row, object);

        if (i > 0 || !first_open)
            indent(out, depth);
        if (row->kind == HF_CONFIG_KIND_SECTION) {
            (void)fprintf(out, "%s:\n", row->name);
            print_object(row->shape(), member, depth + 1, false, sb, out);
        } else if (row->kind == HF_CONFIG_KIND_LIST) {
            print_items(row, member, depth, sb, out);
        } else {
            sb->bytes = 0;
            hf_config_value_print(row, object, sb);
            HF_ASSERT(!sb->overflow);
            (void)fprintf(out, "%s: %s\n", row->name, sb->at);
        }
    }
}

hf_err hf_config_print(const struct hf_config *config, FILE *out)
{
    char *storage = malloc(VALUE_BYTES_MAX);
    struct hf_sb sb;

    if (storage == NULL)
        return HF_ERR_NOMEM;
    hf_sb_init(&sb, storage, VALUE_BYTES_MAX);
    print_object(hf_config_shape(), config, 0, false, &sb, out);
    free(storage);
    return fflush(out) == 0 && !ferror(out) ? HF_OK : HF_ERR_IO;
}
