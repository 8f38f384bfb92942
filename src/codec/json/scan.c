/* codec/json/scan.c - RFC 8259 without recursion: the kind of each open level is a bit, so the depth costs no
 * stack and its limit is a number. Runs of plain string bytes go by eight at a time. */
#include "codec/json/scan.h"

#include "base/assert.h"
#include "codec/json/lex.h"

struct scan {
    struct hf_json_cursor text;
    uint64_t objects; /* bit n: level n is an object */
    unsigned depth, depth_max;
    struct hf_json_field *fields;
    size_t field_count;
    struct hf_json_field *wanted; /* the field that the next top-level value belongs to */
};

enum hf_json_type hf_json_type_of(struct hf_slice text)
{
    text = hf_json_trim(text);
    switch (text.bytes > 0 ? text.at[0] : '\0') {
    case '{': return HF_JSON_OBJECT;
    case '[': return HF_JSON_ARRAY;
    case '"': return HF_JSON_STRING;
    case 't':
    case 'f': return HF_JSON_BOOL;
    case 'n': return HF_JSON_NULL;
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': return HF_JSON_NUMBER;
    default: return HF_JSON_NONE;
    }
}

/* A name may be spelled with escapes ("\u0074ype"); comparing raw bytes would let a second "type" by. */
static struct hf_json_field *find_field(struct scan *scan, struct hf_slice name, bool escaped)
{
    char storage[HF_JSON_NAME_BYTES_MAX];

    if (escaped && hf_json_unescape(name, storage, sizeof(storage), &name) != HF_OK)
        return NULL;
    for (size_t i = 0; i < scan->field_count; i++)
        if (hf_slice_eq(scan->fields[i].name, name))
            return &scan->fields[i];
    return NULL;
}

/* Inside an object, at a member's name: takes it and its colon. */
static bool take_name(struct scan *scan)
{
    const char *start = scan->text.at;
    bool escaped;

    if (!hf_json_next_is(&scan->text, '"', '"') || !hf_json_take_string(&scan->text, &escaped))
        return false;
    if (scan->depth == 1) {
        struct hf_slice name = {start + 1, (size_t)(scan->text.at - start) - 2};

        scan->wanted = find_field(scan, name, escaped);
        if (scan->wanted != NULL && scan->wanted->found)
            return false;
    }
    hf_json_skip_space(&scan->text);
    if (!hf_json_next_is(&scan->text, ':', ':'))
        return false;
    scan->text.at++;
    hf_json_skip_space(&scan->text);
    return true;
}

static bool in_object(const struct scan *scan)
{
    return scan->depth > 0 && (scan->objects >> (scan->depth - 1) & 1);
}

/* A value of the top-level object ends here. */
static void end_value(struct scan *scan)
{
    struct hf_json_field *field = scan->wanted;

    if (scan->depth != 1 || field == NULL)
        return;
    field->raw.bytes = (size_t)(scan->text.at - field->raw.at);
    scan->wanted = NULL;
}

static void begin_value(struct scan *scan)
{
    struct hf_json_field *field = scan->wanted;

    if (scan->depth != 1 || field == NULL)
        return;
    field->found = true;
    field->raw = (struct hf_slice){scan->text.at, 0};
    field->type = hf_json_type_of((struct hf_slice){scan->text.at, 1});
}

/* At a value. An opening bracket goes one level down and may leave the cursor at the next value. */
static hf_err take_value(struct scan *scan, bool *ret_complete)
{
    bool escaped = false;
    char c;

    if (scan->text.at == scan->text.end)
        return HF_ERR_MALFORMED;
    c = *scan->text.at;
    begin_value(scan);
    *ret_complete = true;
    if (c != '{' && c != '[') {
        if (!hf_json_take_scalar(&scan->text, &escaped))
            return HF_ERR_MALFORMED;
        if (scan->depth == 1 && scan->wanted != NULL)
            scan->wanted->escaped = escaped;
        return HF_OK;
    }
    if (scan->depth == scan->depth_max)
        return HF_ERR_LIMIT;
    scan->objects = (scan->objects & ~(UINT64_C(1) << scan->depth)) | (uint64_t)(c == '{') << scan->depth;
    scan->depth++;
    scan->text.at++;
    hf_json_skip_space(&scan->text);
    if (hf_json_next_is(&scan->text, (char)(c + 2), (char)(c + 2))) { /* '{' + 2 is '}', '[' + 2 is ']' */
        scan->text.at++;
        scan->depth--;
        return HF_OK;
    }
    *ret_complete = false;
    return c == '[' || take_name(scan) ? HF_OK : HF_ERR_MALFORMED;
}

/* Behind a complete value: closes what ends here, or steps over a comma to the next value. */
static hf_err take_ends(struct scan *scan)
{
    for (;;) {
        end_value(scan);
        if (scan->depth == 0)
            return HF_OK;
        bool object = in_object(scan);

        hf_json_skip_space(&scan->text);
        if (hf_json_next_is(&scan->text, ',', ',')) {
            scan->text.at++;
            hf_json_skip_space(&scan->text);
            return !object || take_name(scan) ? HF_OK : HF_ERR_MALFORMED;
        }
        if (!hf_json_next_is(&scan->text, object ? '}' : ']', object ? '}' : ']'))
            return HF_ERR_MALFORMED;
        scan->text.at++;
        scan->depth--;
    }
}

hf_err hf_json_scan(const char *in, size_t bytes, struct hf_json_field *fields, size_t field_count,
                    unsigned depth_max)
{
    struct scan scan = {.fields = fields,
                        .field_count = field_count,
                        .depth_max = depth_max > 0 ? depth_max : HF_JSON_DEPTH_MAX};

    HF_ASSERT(scan.depth_max <= HF_JSON_DEPTH_CEILING);
    for (size_t i = 0; i < field_count; i++) {
        HF_ASSERT(fields[i].name.bytes <= HF_JSON_NAME_BYTES_MAX);
        fields[i] = (struct hf_json_field){.name = fields[i].name};
    }
    if (bytes == 0)
        return HF_ERR_MALFORMED;
    scan.text = (struct hf_json_cursor){in, in + bytes};
    hf_json_skip_space(&scan.text);
    do {
        bool complete;
        hf_err err = take_value(&scan, &complete);

        if (err == HF_OK && complete)
            err = take_ends(&scan);
        if (err != HF_OK)
            return err;
    } while (scan.depth > 0);
    hf_json_skip_space(&scan.text);
    return scan.text.at == scan.text.end ? HF_OK : HF_ERR_MALFORMED;
}
