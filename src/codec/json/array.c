/* codec/json/array.c - because the text is known to be valid JSON, an element ends at the next comma or bracket that is
 * neither inside a string nor inside another array or object. */
#include "codec/json/array.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t string_end(struct hf_slice text, size_t at) /* at the opening quote; behind the closing one */
{
    for (at++; at < text.bytes && text.at[at] != '"'; at++)
        if (text.at[at] == '\\')
            at++;
    return at + 1;
}

/* The length of the element that `text` starts with. */
static size_t element_end(struct hf_slice text)
{
    size_t at = 0;
    unsigned depth = 0;

    while (at < text.bytes) {
        char c = text.at[at];

        if (c == '"') {
            at = string_end(text, at);
            continue;
        }
        if (depth == 0 && (c == ',' || c == ']' || c == '}'))
            break;
        depth += c == '[' || c == '{';
        depth -= c == ']' || c == '}';
        at++;
    }
    return at < text.bytes ? at : text.bytes;
}

static void skip_space(struct hf_slice *rest)
{
    while (rest->bytes > 0 && is_space(rest->at[0])) {
        rest->at++;
        rest->bytes--;
    }
}

/* Behind a bracket or comma: false at the end of the array or object. */
static bool begin(struct hf_slice *rest)
{
    skip_space(rest); /* before an outermost bracket */
    if (rest->bytes == 0)
        return false;
    rest->at++; /* the bracket, or the comma behind the last element */
    rest->bytes--;
    skip_space(rest);
    return rest->bytes > 0 && rest->at[0] != ']' && rest->at[0] != '}';
}

static void take_value(struct hf_slice *rest, struct hf_slice name, struct hf_json_field *ret_value)
{
    struct hf_slice raw = {rest->at, element_end(*rest)};

    rest->at += raw.bytes;
    rest->bytes -= raw.bytes;
    while (raw.bytes > 0 && is_space(raw.at[raw.bytes - 1]))
        raw.bytes--;
    *ret_value = (struct hf_json_field){.name = name,
                                        .type = hf_json_type_of(raw),
                                        .found = true,
                                        .escaped = memchr(raw.at, '\\', raw.bytes) != NULL,
                                        .raw = raw};
}

bool hf_json_array_next(struct hf_slice *rest, struct hf_json_field *ret_element)
{
    if (!begin(rest))
        return false;
    take_value(rest, (struct hf_slice){NULL, 0}, ret_element);
    return true;
}

bool hf_json_object_next(struct hf_slice *rest, struct hf_json_field *ret_member)
{
    if (!begin(rest))
        return false;
    size_t bytes = string_end(*rest, 0);
    struct hf_slice name = {rest->at + 1, bytes - 2};

    rest->at += bytes;
    rest->bytes -= bytes;
    skip_space(rest);
    rest->at++; /* the colon */
    rest->bytes--;
    skip_space(rest);
    take_value(rest, name, ret_member);
    return true;
}
