/* codec/manscdp/json_in.c - typed JSON to what is to be written: see json.h. */
#include "codec/json/array.h"
#include "codec/manscdp/json.h"
#include "codec/manscdp/layout.h"

enum { ALIGNMENT = _Alignof(max_align_t) };

struct input {
    char *at; /* the rest of the caller's memory */
    size_t bytes;
    struct hf_slice wrong; /* the member that was refused */
    const char *wants;     /* what it may be */
};

static hf_err take_object(struct input *input, const struct hf_cdp_layout *layout, struct hf_slice json,
                          void *into, struct hf_cdp_message *message);

static hf_err take_text(struct input *input, const struct hf_json_field *field, struct hf_slice *into)
{
    hf_err err = hf_json_to_text(field, input->at, input->bytes, into);

    if (err == HF_OK && into->at == input->at) { /* it had escapes and was copied */
        input->at += into->bytes;
        input->bytes -= into->bytes;
    }
    return err;
}

static hf_err take_item(struct input *input, const struct hf_cdp_layout *layout,
                        const struct hf_json_field *field, void *item)
{
    if (layout->rows[0].name == NULL) /* a value */
        return take_text(input, field, (struct hf_slice *)(void *)((char *)item + layout->rows[0].at));
    *(bool *)item = true;
    return field->type == HF_JSON_OBJECT ? take_object(input, layout, field->raw, item, NULL)
                                         : HF_ERR_INVALID;
}

static hf_err take_items(struct input *input, const struct hf_cdp_layout *layout,
                         const struct hf_json_field *field, struct hf_cdp_list *list)
{
    struct hf_slice rest = field->raw;
    struct hf_json_field element;
    size_t count = 0, padding;
    hf_err err = HF_OK;

    if (field->type != HF_JSON_ARRAY)
        return HF_ERR_INVALID;
    while (hf_json_array_next(&rest, &element))
        count++;
    padding = (ALIGNMENT - (uintptr_t)input->at % ALIGNMENT) % ALIGNMENT;
    if (count > HF_CDP_ITEMS_MAX || padding > input->bytes || count * layout->bytes > input->bytes - padding)
        return HF_ERR_LIMIT;
    char *items = input->at + padding;

    input->at = items + count * layout->bytes;
    input->bytes -= padding + count * layout->bytes;
    memset(items, 0, count * layout->bytes);
    *list = (struct hf_cdp_list){.items = items, .count = count};
    rest = field->raw;
    for (size_t i = 0; err == HF_OK && hf_json_array_next(&rest, &element); i++)
        err = take_item(input, layout, &element, items + i * layout->bytes);
    return err;
}

static hf_err take_row(struct input *input, const struct hf_cdp_row *row, const struct hf_json_field *field,
                       void *at)
{
    struct hf_cdp_real *real = at;
    struct hf_cdp_int *number = at;
    struct hf_slice text;
    hf_err err = HF_OK;

    switch ((enum hf_cdp_kind)row->kind) {
    case HF_CDP_KIND_TEXT:
    case HF_CDP_KIND_RAW: return take_text(input, field, at);
    case HF_CDP_KIND_INT: number->set = true; return hf_json_to_i64(field, &number->value);
    case HF_CDP_KIND_REAL: real->set = true; return hf_json_to_double(field, &real->value);
    case HF_CDP_KIND_WORD:
        err = take_text(input, field, &text);
        *(uint8_t *)at = err == HF_OK ? hf_cdp_word_of(row->of, text) : 0;
        return err == HF_OK && *(uint8_t *)at == 0 ? HF_ERR_INVALID : err;
    case HF_CDP_KIND_BLOCK:
        *(bool *)at = true;
        return field->type == HF_JSON_OBJECT
                   ? take_object(input, &hf_cdp_layouts[row->of], field->raw, at, NULL)
                   : HF_ERR_INVALID;
    case HF_CDP_KIND_LIST:
    case HF_CDP_KIND_ITEMS: return take_items(input, &hf_cdp_layouts[row->of], field, at);
    case HF_CDP_KIND_RESULT:
    case HF_CDP_KIND_DROP: break;
    }
    return HF_ERR_INVALID;
}

static const struct hf_cdp_row *row_of_member(const struct hf_cdp_layout *layout, struct hf_slice name)
{
    for (unsigned i = 0; i < layout->row_count; i++)
        if (layout->rows[i].kind != HF_CDP_KIND_DROP && layout->rows[i].kind != HF_CDP_KIND_RESULT &&
            hf_slice_is(name, layout->rows[i].member))
            return &layout->rows[i];
    return NULL;
}

/* Members that a message has and its body has not. HF_ERR_NOT_FOUND: another one. */
static hf_err take_head(struct input *input, struct hf_cdp_message *message,
                        const struct hf_json_field *field)
{
    struct hf_slice text;
    hf_err err;

    if (hf_slice_is(field->name, "sn")) {
        message->sn.set = true;
        return hf_json_to_i64(field, &message->sn.value);
    }
    if (hf_slice_is(field->name, "device_id"))
        return take_text(input, field, &message->device_id);
    if (!hf_slice_is(field->name, "result"))
        return HF_ERR_NOT_FOUND;
    err = take_text(input, field, &text);
    message->result = err == HF_OK ? hf_cdp_word_of(HF_CDP_WORDS_health, text) : 0;
    return err == HF_OK && message->result == 0 ? HF_ERR_INVALID : err;
}

/* What a member of that kind may be, for people. */
static const char *wants_of(const struct hf_cdp_row *row)
{
    switch ((enum hf_cdp_kind)row->kind) {
    case HF_CDP_KIND_INT: return "a whole number";
    case HF_CDP_KIND_REAL: return "a number";
    case HF_CDP_KIND_WORD: return hf_cdp_words_text(row->of);
    case HF_CDP_KIND_BLOCK: return "an object";
    case HF_CDP_KIND_LIST:
    case HF_CDP_KIND_ITEMS:
        return hf_cdp_layouts[row->of].rows[0].name == NULL ? "a list of texts" : "a list of objects";
    default: return "a text";
    }
}

static const char *wants_at_head(struct hf_slice name)
{
    return hf_slice_is(name, "sn")       ? "a whole number"
           : hf_slice_is(name, "result") ? hf_cdp_words_text(HF_CDP_WORDS_health)
                                         : "a text";
}

static hf_err take_object(struct input *input, const struct hf_cdp_layout *layout, struct hf_slice json,
                          void *into, struct hf_cdp_message *message)
{
    struct hf_json_field field;
    uint64_t seen = 0;
    hf_err err;

    while (hf_json_object_next(&json, &field)) {
        const struct hf_cdp_row *row = row_of_member(layout, field.name);

        const char *wants = "nothing of that name is known here";

        err = message != NULL ? take_head(input, message, &field) : HF_ERR_NOT_FOUND;
        if (err == HF_ERR_NOT_FOUND && row != NULL && (seen >> (row - layout->rows) & 1)) {
            wants = "it is said twice";
        } else if (err == HF_ERR_NOT_FOUND && row != NULL) {
            wants = wants_of(row);
            seen |= UINT64_C(1) << (row - layout->rows);
            err = field.type == HF_JSON_NULL ? HF_OK : take_row(input, row, &field, (char *)into + row->at);
        } else if (err != HF_ERR_NOT_FOUND) {
            wants = wants_at_head(field.name);
        }
        if (err != HF_OK) {
            if (input->wrong.at == NULL) { /* the innermost one */
                input->wrong = field.name;
                input->wants = err == HF_ERR_LIMIT ? "it is too long" : wants;
            }
            return err == HF_ERR_LIMIT ? err : HF_ERR_INVALID;
        }
    }
    return HF_OK;
}

hf_err hf_cdp_from_json(enum hf_cdp_root root, enum hf_cdp_command command, struct hf_slice json,
                        char *memory, size_t memory_bytes, struct hf_cdp_message *ret_message,
                        struct hf_slice *ret_member, const char **ret_wants)
{
    struct input input = {.at = memory, .bytes = memory_bytes, .wrong = {NULL, 0}};
    const struct hf_cdp_kind_of_message *row = hf_cdp_message_row(command, root);

    memset(ret_message, 0, sizeof(*ret_message));
    ret_message->root = root;
    ret_message->command = command;
    if (row == NULL) {
        input.wrong = HF_SLICE("CmdType");
        input.wants = "the name of something that can be asked or ordered";
    }
    *ret_member = input.wrong;
    if (ret_wants != NULL)
        *ret_wants = input.wants;
    if (row == NULL || hf_json_scan(json.at, json.bytes, NULL, 0, 0) != HF_OK ||
        hf_json_type_of(json) != HF_JSON_OBJECT)
        return HF_ERR_INVALID;
    hf_err err = take_object(&input, &hf_cdp_layouts[row->layout], json, &ret_message->as, ret_message);

    *ret_member = input.wrong;
    if (ret_wants != NULL)
        *ret_wants = input.wants;
    return err;
}
