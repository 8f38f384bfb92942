/* codec/manscdp/build.c - struct hf_cdp_message to a body: see manscdp.h. */
#include <math.h>
#include <stdio.h>

#include "codec/manscdp/layout.h"

enum {
    REAL_DECIMALS = 9, /* a tenth of a millimetre of longitude */
    RAW_DEPTH = 3,     /* of the elements inside a RAW: root, the element itself, they */
};
static const double real_max = 1e15;

#define MEMBER(name, NAME, item) struct hf_cdp_##name name;
union any {
    HF_CDP_STRUCT_MAP(MEMBER)
};
#undef MEMBER

struct build {
    const struct hf_cdp_writer *writer;
    const struct hf_cdp_message *message;
    enum hf_text_charset charset;
    struct hf_sb *out;
    size_t first_list_max; /* items of the first list */
    bool list_done;
    const char *element; /* where it failed */
};

static hf_err write_struct(struct build *build, const struct hf_cdp_layout *layout, const void *body,
                           unsigned depth);

static void open_tag(struct build *build, const char *name)
{
    hf_sb_char(build->out, '<');
    hf_sb_text(build->out, name);
    hf_sb_char(build->out, '>');
}

static void close_tag(struct build *build, const char *name)
{
    hf_sb_text(build->out, "</");
    hf_sb_text(build->out, name);
    hf_sb_text(build->out, ">\r\n");
}

static void write_text(struct build *build, const char *name, struct hf_slice text)
{
    open_tag(build, name);
    hf_text_escape(build->writer->conv, build->charset, text, build->out);
    close_tag(build, name);
}

/* Plain decimals: no exponent, which devices do not read, and no zeros at the end. */
static hf_err write_real(struct build *build, const char *name, double value)
{
    char text[48];
    int bytes;

    if (!isfinite(value) || fabs(value) > real_max)
        return HF_ERR_INVALID;
    bytes = snprintf(text, sizeof(text), "%.*f", REAL_DECIMALS, value);
    while (bytes > 0 && text[bytes - 1] == '0')
        bytes--;
    if (bytes > 0 && text[bytes - 1] == '.')
        bytes--;
    struct hf_slice number = {text, (size_t)bytes};

    write_text(build, name, hf_slice_is(number, "-0") ? HF_SLICE("0") : number);
    return HF_OK;
}

static hf_err write_int(struct build *build, const char *name, int64_t value)
{
    open_tag(build, name);
    hf_sb_i64(build->out, value);
    close_tag(build, name);
    return HF_OK;
}

static hf_err write_word(struct build *build, const char *name, const struct hf_cdp_row *row, uint8_t value)
{
    const char *word = hf_cdp_word_name(row->of, value);

    if (word == NULL)
        return HF_ERR_INVALID;
    write_text(build, name, hf_slice_of(word));
    return HF_OK;
}

/* Markup as it came, once it is known to be harmless. */
static hf_err write_raw(struct build *build, const char *name, struct hf_slice raw)
{
    enum hf_text_charset from = build->message->charset == HF_TEXT_GB18030 ? HF_TEXT_GB18030 : HF_TEXT_UTF8;
    char text[HF_CDP_TEXT_BYTES_MAX * 3];
    unsigned marks = 0;

    if (!hf_xml_is_clean(raw, RAW_DEPTH))
        return HF_ERR_INVALID;
    if (raw.bytes > HF_CDP_TEXT_BYTES_MAX)
        return HF_ERR_LIMIT;
    size_t bytes = hf_text_decode(build->writer->conv, from, raw, text, sizeof(text), &marks);

    open_tag(build, name);
    hf_text_encode(build->writer->conv, build->charset, (struct hf_slice){text, bytes}, build->out);
    close_tag(build, name);
    return HF_OK;
}

/* *ret_empty: nothing stands between its tags. */
static hf_err write_item(struct build *build, const struct hf_cdp_layout *layout, const char *name,
                         const void *item, unsigned depth, bool *ret_empty)
{
    *ret_empty = false;
    if (layout->rows[0].name == NULL) { /* a value */
        write_text(build, name, *(const struct hf_slice *)hf_cdp_at(item, &layout->rows[0]));
        return HF_OK;
    }
    open_tag(build, name);
    hf_sb_text(build->out, "\r\n");
    size_t inside = build->out->bytes;
    hf_err err = write_struct(build, layout, item, depth + 1);

    *ret_empty = build->out->bytes == inside && !build->out->overflow;
    close_tag(build, name);
    return err;
}

/* The items of a list, at most items_max; *ret_count how many. */
static hf_err write_items(struct build *build, const struct hf_cdp_layout *layout, const char *name,
                          const struct hf_cdp_list *list, size_t items_max, unsigned depth, size_t *ret_count)
{
    char scratch[HF_CDP_SCRATCH_BYTES];
    struct hf_cdp_iter iter;
    union any item;
    hf_err err = HF_OK;

    hf_cdp_list_begin(&iter, build->message, list, scratch, sizeof(scratch));
    *ret_count = 0;
    while (iter.count < items_max && (err = hf_cdp_list_next(&iter, &item, layout->bytes)) == HF_OK) {
        size_t before = build->out->bytes;
        bool empty;

        err = write_item(build, layout, name, &item, depth, &empty);
        if (err != HF_OK || build->out->overflow)
            break;
        if (empty && list->items == NULL) { /* came from a peer with nothing but extras */
            build->out->bytes = before;
            build->out->at[before] = '\0';
            continue;
        }
        ++*ret_count;
    }
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

static hf_err write_list(struct build *build, const struct hf_cdp_row *row, const char *name,
                         const struct hf_cdp_list *list, unsigned depth)
{
    static const char num_before[] = " Num=\"", num_after[] = "\">";
    const struct hf_cdp_layout *layout = &hf_cdp_layouts[row->of];
    size_t items_max = build->list_done ? HF_CDP_ITEMS_MAX : build->first_list_max, count = 0;
    struct hf_sb *out = build->out;

    build->list_done = true;
    hf_sb_char(out, '<');
    hf_sb_text(out, name);
    size_t at = out->bytes;

    hf_sb_text(out, ">\r\n");
    hf_err err = write_items(build, layout, layout->item, list, items_max, depth, &count);

    close_tag(build, name);
    if (err != HF_OK || out->overflow || layout->rows[0].name == NULL)
        return err;
    /* How many there are is known now: Num is put in, in front of the > of the tag. */
    char num[sizeof(num_before) + 20 + sizeof(num_after)];
    struct hf_sb text;

    hf_sb_init(&text, num, sizeof(num));
    hf_sb_text(&text, num_before);
    hf_sb_u64(&text, count);
    hf_sb_text(&text, num_after);
    if (out->bytes + text.bytes - 1 > out->bytes_max) {
        out->overflow = true;
        return HF_OK;
    }
    memmove(out->at + at + text.bytes, out->at + at + 1, out->bytes - at); /* with its NUL */
    memcpy(out->at + at, num, text.bytes);
    out->bytes += text.bytes - 1;
    return HF_OK;
}

static hf_err write_block(struct build *build, const struct hf_cdp_row *row, const char *name, const void *at,
                          unsigned depth)
{
    open_tag(build, name);
    hf_sb_text(build->out, "\r\n");
    hf_err err = write_struct(build, &hf_cdp_layouts[row->of], at, depth + 1);

    close_tag(build, name);
    return err;
}

static hf_err write_row(struct build *build, const struct hf_cdp_row *row, const void *at, unsigned depth)
{
    const char *name = hf_cdp_row_name(row, build->message->root, build->writer->edition);
    size_t count;

    switch ((enum hf_cdp_kind)row->kind) {
    case HF_CDP_KIND_TEXT: write_text(build, name, *(const struct hf_slice *)at); return HF_OK;
    case HF_CDP_KIND_INT: return write_int(build, name, ((const struct hf_cdp_int *)at)->value);
    case HF_CDP_KIND_REAL: return write_real(build, name, ((const struct hf_cdp_real *)at)->value);
    case HF_CDP_KIND_WORD: return write_word(build, name, row, *(const uint8_t *)at);
    case HF_CDP_KIND_BLOCK: return write_block(build, row, name, at, depth);
    case HF_CDP_KIND_LIST: return write_list(build, row, name, at, depth);
    case HF_CDP_KIND_ITEMS:
        return write_items(build, &hf_cdp_layouts[row->of], name, at, HF_CDP_ITEMS_MAX, depth, &count);
    case HF_CDP_KIND_RAW: return write_raw(build, name, *(const struct hf_slice *)at);
    case HF_CDP_KIND_RESULT: return write_word(build, name, row, build->message->result);
    case HF_CDP_KIND_DROP: break;
    }
    return HF_OK;
}

static hf_err write_struct(struct build *build, const struct hf_cdp_layout *layout, const void *body,
                           unsigned depth)
{
    const bool is_2022 = build->writer->edition == HF_CDP_2022;

    for (unsigned i = 0; i < layout->row_count && !build->out->overflow; i++) {
        const struct hf_cdp_row *row = &layout->rows[i];
        bool set = row->kind == HF_CDP_KIND_RESULT ? build->message->result != 0 : hf_cdp_is_set(body, row);
        hf_err err = HF_OK;

        if ((row->flags & HF_CDP_IN_2016 && is_2022) || (row->flags & HF_CDP_IN_2022 && !is_2022)) {
            if (set && (row->flags & HF_CDP_COMMAND) && build->message->root == HF_CDP_ROOT_CONTROL &&
                !is_2022)
                err = HF_ERR_UNSUPPORTED;
        } else if (set) {
            err = write_row(build, row, hf_cdp_at(body, row), depth);
        } else if (row->flags & HF_CDP_MUST) {
            build->element = row->member; /* as who has to say it calls it */
            err = HF_ERR_INVALID;
        }
        if (err != HF_OK) {
            build->element = build->element != NULL ? build->element : row->name;
            return err;
        }
    }
    return HF_OK;
}

static bool is_name(struct hf_slice name)
{
    for (size_t i = 0; i < name.bytes; i++) {
        char c = name.at[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
              (i > 0 && ((c >= '0' && c <= '9') || c == '-' || c == '.'))))
            return false;
    }
    return name.bytes > 0 && name.bytes <= HF_XML_NAME_BYTES_MAX;
}

/* The name of an item of one of the message's lists: outside of it, a reader would take it and what follows for that list. */
static bool is_item_name(const struct hf_cdp_layout *layout, struct hf_slice name)
{
    for (unsigned i = 0; i < layout->row_count; i++) {
        const struct hf_cdp_row *row = &layout->rows[i];

        if (row->kind == HF_CDP_KIND_LIST && hf_cdp_has_id(&hf_cdp_layouts[row->of]) &&
            hf_slice_eq_nocase(name, hf_slice_of(hf_cdp_layouts[row->of].item)))
            return true;
    }
    return false;
}

static hf_err write_extras(struct build *build)
{
    const struct hf_cdp_message *message = build->message;
    const struct hf_cdp_layout *layout = hf_cdp_layout_of(message);
    bool other_case;

    for (unsigned i = 0; i < message->extra_count; i++) {
        const struct hf_cdp_extra *extra = &message->extras[i];
        char name[HF_XML_NAME_BYTES_MAX + 1];

        /* One that is named as a row is a value that could not be read. */
        if (extra->parent.at != NULL || extra->markup ||
            hf_cdp_row_of(layout, extra->name, 0, &other_case) != NULL || is_item_name(layout, extra->name))
            continue;
        build->element = "ExtraInfo";
        if (!is_name(extra->name))
            return HF_ERR_INVALID;
        memcpy(name, extra->name.at, extra->name.bytes);
        name[extra->name.bytes] = '\0';
        write_text(build, name, extra->value);
    }
    return HF_OK;
}

/* What must be true of the head and cannot be said in rows. */
static hf_err check(struct build *build, const struct hf_cdp_kind_of_message *row)
{
    const struct hf_cdp_message *message = build->message;

    build->element = "CmdType";
    if (row == NULL)
        return HF_ERR_INVALID;
    bool asks = message->root == HF_CDP_ROOT_QUERY || message->root == HF_CDP_ROOT_CONTROL;

    if (asks && row->since == HF_CDP_2022 && build->writer->edition != HF_CDP_2022)
        return HF_ERR_UNSUPPORTED;
    build->element = "SN";
    if (!message->sn.set)
        return HF_ERR_INVALID;
    build->element = "DeviceID"; /* a broadcast notice has source and target instead */
    if (message->device_id.bytes == 0 &&
        !(row->command == HF_CDP_CMD_BROADCAST && row->root == HF_CDP_ROOT_NOTIFY))
        return HF_ERR_INVALID;
    build->element = "Control";
    if (message->root == HF_CDP_ROOT_CONTROL && hf_cdp_order_name(message) == NULL)
        return HF_ERR_INVALID;
    build->element = "Result"; /* the answer's only content */
    if (message->root == HF_CDP_ROOT_RESPONSE && row->layout == HF_CDP_STRUCT_plain && message->result == 0)
        return HF_ERR_INVALID;
    build->element = NULL;
    return HF_OK;
}

static hf_err write_message(struct build *build)
{
    const struct hf_cdp_message *message = build->message;
    const struct hf_cdp_kind_of_message *row = hf_cdp_message_row(message->command, message->root);
    hf_err err = check(build, row);
    struct hf_sb *out = build->out;

    if (err != HF_OK)
        return err;
    const char *root = hf_cdp_root_name(message->root);
    const char *encoding = build->charset == HF_TEXT_UTF8 ? "UTF-8"
                           : build->writer->charset == HF_TEXT_AUTO && build->writer->edition != HF_CDP_2022
                               ? "GB2312"
                               : "GB18030";

    hf_sb_text(out, "<?xml version=\"1.0\" encoding=\"");
    hf_sb_text(out, encoding);
    hf_sb_text(out, "\"?>\r\n");
    open_tag(build, root);
    hf_sb_text(out, "\r\n");
    write_text(build, "CmdType", hf_slice_of(hf_cdp_command_name(message->command)));
    (void)write_int(build, "SN", message->sn.value);
    if (message->device_id.bytes > 0)
        write_text(build, "DeviceID", message->device_id);
    err = write_struct(build, &hf_cdp_layouts[row->layout], &message->as, 2);
    if (err == HF_OK)
        err = write_extras(build);
    close_tag(build, root);
    return err != HF_OK ? err : out->overflow ? HF_ERR_LIMIT : HF_OK;
}

static hf_err build_some(const struct hf_cdp_writer *writer, const struct hf_cdp_message *message,
                         size_t first_list_max, struct hf_sb *out, const char **ret_element)
{
    struct build build = {.writer = writer,
                          .message = message,
                          .charset = writer->charset == HF_TEXT_UTF8 ? HF_TEXT_UTF8 : HF_TEXT_GB18030,
                          .out = out,
                          .first_list_max = first_list_max};
    size_t start = out->bytes;

    if (out->overflow)
        return HF_ERR_LIMIT;
    hf_err err = write_message(&build);

    if (err != HF_OK) {
        out->bytes = start;
        out->at[start] = '\0';
        out->overflow = false;
        if (ret_element != NULL)
            *ret_element = build.element;
    }
    return err;
}

hf_err hf_cdp_build(const struct hf_cdp_writer *writer, const struct hf_cdp_message *message,
                    struct hf_sb *out, const char **ret_element)
{
    return build_some(writer, message, HF_CDP_ITEMS_MAX, out, ret_element);
}

static const struct hf_cdp_list *first_list(const struct hf_cdp_message *message)
{
    const struct hf_cdp_layout *layout = hf_cdp_layout_of(message);

    for (unsigned i = 0; i < layout->row_count; i++)
        if (layout->rows[i].kind == HF_CDP_KIND_LIST)
            return hf_cdp_at(&message->as, &layout->rows[i]);
    return NULL;
}

hf_err hf_cdp_build_part(const struct hf_cdp_writer *writer, const struct hf_cdp_message *message,
                         size_t bytes_max, struct hf_sb *out, size_t *ret_count, const char **ret_element)
{
    const struct hf_cdp_list *list = first_list(message);
    struct hf_sb room = *out; /* the same storage, its end drawn in */
    size_t fits = 0, too_many;

    if (list == NULL || list->items == NULL)
        return HF_ERR_INVALID;
    too_many = HF_MIN(list->count, (size_t)HF_CDP_ITEMS_MAX) + 1;
    room.bytes_max = HF_MIN(room.bytes_max, room.bytes + HF_MIN(bytes_max, room.bytes_max));
    /* Doubling first: what fits is small against what is there. Then halving between what fits and what does not. */
    while (too_many - fits > 1) {
        size_t count = fits == 0 ? 1 : HF_MIN(2 * fits, fits + (too_many - fits) / 2);
        hf_err err = build_some(writer, message, count, &room, ret_element);

        if (err != HF_OK && err != HF_ERR_LIMIT)
            return err;
        if (err == HF_OK)
            fits = count;
        else
            too_many = count;
        room.bytes = out->bytes;
    }
    if (fits == 0 && list->count > 0)
        return HF_ERR_LIMIT;
    hf_err err = build_some(writer, message, fits, &room, ret_element);

    if (err == HF_OK) {
        out->bytes = room.bytes;
        *ret_count = fits;
    }
    return err;
}
