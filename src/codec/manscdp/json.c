/* codec/manscdp/json.c - see json.h. */
#include "codec/manscdp/json.h"

#include "codec/manscdp/layout.h"

#define MEMBER(name, NAME, item) struct hf_cdp_##name name;
union any {
    HF_CDP_STRUCT_MAP(MEMBER)
};
#undef MEMBER

struct source {
    const struct hf_cdp_message *message;
    char *scratch;
    size_t scratch_bytes;
};

static void out_struct(const struct source *from, const struct hf_cdp_layout *layout, const void *body,
                       struct hf_json_out *out);

static void out_extras(const struct hf_cdp_extra *extras, unsigned count, struct hf_json_out *out)
{
    if (count == 0)
        return;
    hf_json_out_array(out, "extra");
    for (unsigned i = 0; i < count; i++) {
        hf_json_out_object(out, NULL);
        if (extras[i].parent.at != NULL)
            hf_json_out_text(out, "in", extras[i].parent);
        hf_json_out_text(out, "name", extras[i].name);
        hf_json_out_text(out, "value", extras[i].value);
        if (extras[i].markup)
            hf_json_out_bool(out, "markup", true);
        hf_json_out_end(out);
    }
    hf_json_out_end(out);
}

/* Half of the scratch for the items of this list, the rest for lists inside them. */
static void out_list(const struct source *from, const char *member, const struct hf_cdp_layout *layout,
                     const struct hf_cdp_list *list, struct hf_json_out *out)
{
    struct source inside = *from;
    struct hf_cdp_iter iter;
    union any item;

    inside.scratch_bytes /= 2;
    inside.scratch += inside.scratch_bytes;
    hf_cdp_list_begin(&iter, from->message, list, from->scratch, inside.scratch_bytes);
    hf_json_out_array(out, member);
    while (hf_cdp_list_next(&iter, &item, layout->bytes) == HF_OK && !out->sb->overflow) {
        if (layout->rows[0].name == NULL) {
            hf_json_out_text(out, NULL, *(const struct hf_slice *)hf_cdp_at(&item, &layout->rows[0]));
            continue;
        }
        hf_json_out_object(out, NULL);
        out_struct(&inside, layout, &item, out);
        out_extras(iter.extras, iter.extra_count, out);
        hf_json_out_end(out);
    }
    hf_json_out_end(out);
}

static void out_row(const struct source *from, const struct hf_cdp_row *row, const void *at,
                    struct hf_json_out *out)
{
    const struct hf_slice *text = at;

    switch ((enum hf_cdp_kind)row->kind) {
    case HF_CDP_KIND_TEXT:
    case HF_CDP_KIND_RAW:
        if (text->bytes > 0) /* RAW that is not UTF-8 shows U+FFFD */
            hf_json_out_text(out, row->member, *text);
        break;
    case HF_CDP_KIND_INT: hf_json_out_i64(out, row->member, ((const struct hf_cdp_int *)at)->value); break;
    case HF_CDP_KIND_REAL:
        hf_json_out_double(out, row->member, ((const struct hf_cdp_real *)at)->value);
        break;
    case HF_CDP_KIND_WORD:
        hf_json_out_cstr(out, row->member, hf_cdp_word_name(row->of, *(const uint8_t *)at));
        break;
    case HF_CDP_KIND_BLOCK:
        hf_json_out_object(out, row->member);
        out_struct(from, &hf_cdp_layouts[row->of], at, out);
        hf_json_out_end(out);
        break;
    case HF_CDP_KIND_LIST:
    case HF_CDP_KIND_ITEMS: out_list(from, row->member, &hf_cdp_layouts[row->of], at, out); break;
    case HF_CDP_KIND_RESULT:
    case HF_CDP_KIND_DROP: break;
    }
}

static void out_struct(const struct source *from, const struct hf_cdp_layout *layout, const void *body,
                       struct hf_json_out *out)
{
    for (unsigned i = 0; i < layout->row_count; i++)
        if (hf_cdp_is_set(body, &layout->rows[i]))
            out_row(from, &layout->rows[i], hf_cdp_at(body, &layout->rows[i]), out);
}

void hf_cdp_json(const struct hf_cdp_message *message, char *scratch, size_t scratch_bytes,
                 struct hf_json_out *out)
{
    struct source from = {message, scratch, scratch_bytes};
    const char *command = hf_cdp_command_name(message->command), *root = hf_cdp_root_name(message->root);

    hf_json_out_text(out, "command", command != NULL ? hf_slice_of(command) : message->command_name);
    hf_json_out_text(out, "root", root != NULL ? hf_slice_of(root) : message->root_name);
    if (message->sn.set)
        hf_json_out_i64(out, "sn", message->sn.value);
    if (message->device_id.bytes > 0)
        hf_json_out_text(out, "device_id", message->device_id);
    if (message->result != 0)
        hf_json_out_cstr(out, "result", hf_cdp_word_name(HF_CDP_WORDS_health, message->result));
    out_struct(&from, hf_cdp_layout_of(message), &message->as, out);
    out_extras(message->extras, message->extra_count, out);
}

void hf_cdp_json_item(const struct hf_cdp_iter *iter, const void *item, struct hf_json_out *out)
{
    const struct hf_cdp_layout *layout = &hf_cdp_layouts[iter->list->struct_index];
    char scratch[HF_CDP_SCRATCH_BYTES / 4]; /* of lists inside an item */
    struct source from = {iter->message, scratch, sizeof(scratch)};

    HF_ASSERT(layout->rows[0].name != NULL);
    out_struct(&from, layout, item, out);
    out_extras(iter->extras, iter->extra_count, out);
}
