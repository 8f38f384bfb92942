/* The YAML layer: libyaml's events, matched against the table as they come. Recursion follows the table, never the
 * input; what the table does not know is skipped with a counter. Aliases are refused, so the work is bounded by the
 * file's size. */
#include <yaml.h>

#include "app/config_read.h"
#include "app/config_value.h"
#include "base/assert.h"

struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    struct hf_config_origin origin; /* of the current event */
    struct hf_config_errors *errors;
    struct hf_sb path;
    char path_storage[HF_CONFIG_PATH_BYTES_MAX];
};

/* HF_ERR_INVALID ends the reading: the text is no YAML any more, or enough was reported. */
static hf_err next(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    if (reader->errors->count == HF_CONFIG_ERRORS_MAX)
        return HF_ERR_INVALID;
    if (!yaml_parser_parse(&reader->parser, &reader->event)) {
        memset(&reader->event, 0, sizeof(reader->event));
        if (reader->parser.error == YAML_MEMORY_ERROR)
            return HF_ERR_NOMEM;
        reader->origin.line = reader->parser.problem_mark.line + 1;
        hf_config_error(reader->errors, &reader->origin, "not YAML: %s%s%s",
                        reader->parser.problem ? reader->parser.problem : "unreadable",
                        reader->parser.context ? ", " : "",
                        reader->parser.context ? reader->parser.context : "");
        return HF_ERR_INVALID;
    }
    reader->origin.line = reader->event.start_mark.line + 1;
    return HF_OK;
}

/* Leaves the last event of the node that the current event begins. */
static hf_err skip_node(struct reader *reader)
{
    size_t depth = 0;
    hf_err err = HF_OK;

    for (;;) {
        yaml_event_type_t type = reader->event.type;

        if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT)
            depth++;
        else if (type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT)
            depth--;
        if (depth == 0)
            return HF_OK;
        err = next(reader);
        if (err != HF_OK)
            return err;
    }
}

static struct hf_slice scalar(const struct reader *reader)
{
    return (struct hf_slice){(const char *)reader->event.data.scalar.value, reader->event.data.scalar.length};
}

static bool is_null(const struct reader *reader)
{
    struct hf_slice text;

    if (reader->event.type != YAML_SCALAR_EVENT || reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    text = scalar(reader);
    return text.bytes == 0 || hf_slice_is(text, "~") || hf_slice_is(text, "null");
}

/* Reports, skips the node and goes on; a wrong node is no reason to stop reading. */
static hf_err refuse_node(struct reader *reader, const char *what)
{
    if (reader->event.type == YAML_ALIAS_EVENT)
        what = "is an alias; aliases are not supported, write the value again";
    hf_config_error(reader->errors, &reader->origin, "%s %s", reader->path.at, what);
    return skip_node(reader);
}

static hf_err read_mapping(struct reader *reader, const struct hf_config_shape *shape, void *object);

static hf_err read_list(struct reader *reader, const struct hf_config_row *row, struct hf_config_items *items)
{
    hf_err err = next(reader);

    while (err == HF_OK && reader->event.type != YAML_SEQUENCE_END_EVENT) {
        size_t path_bytes = reader->path.bytes;
        char step[HF_CONFIG_STEP_BYTES_MAX];

        if (reader->event.type != YAML_MAPPING_START_EVENT) {
            err = refuse_node(reader, "holds something that is not a mapping of options");
        } else {
            err = hf_config_append(row, items, reader->path.at, &reader->origin, reader->errors);
            if (err == HF_ERR_INVALID) {
                err = skip_node(reader);
            } else if (err == HF_OK) {
                hf_config_path_add(&reader->path, hf_config_item_step(row, items, items->count - 1, step));
                err = read_mapping(reader, row->shape(), hf_config_item(row, items, items->count - 1));
                hf_config_path_cut(&reader->path, path_bytes);
            }
        }
        if (err == HF_OK)
            err = next(reader);
    }
    return err;
}

static hf_err read_elements(struct reader *reader, const struct hf_config_row *row, void *object)
{
    hf_err err = next(reader);

    hf_config_set_empty(row, object);
    while (err == HF_OK && reader->event.type != YAML_SEQUENCE_END_EVENT) {
        if (reader->event.type != YAML_SCALAR_EVENT)
            err = refuse_node(reader, "holds something that is not a single value");
        else
            err = hf_config_value_add(row, object, scalar(reader), reader->path.at, &reader->origin,
                                      reader->errors);
        if (err == HF_OK || err == HF_ERR_INVALID)
            err = next(reader);
    }
    return err;
}

/* A lone value; HF_ERR_INVALID of a value is reported and not the end of the reading. */
static hf_err read_scalar(struct reader *reader, const struct hf_config_row *row, void *object)
{
    bool null = is_null(reader);
    hf_err err;

    if (null && row->kind != HF_CONFIG_KIND_TEXT) {
        hf_config_error(reader->errors, &reader->origin, "%s has no value; its default is %s",
                        reader->path.at, row->default_text);
        return HF_OK;
    }
    err = hf_config_value_set(row, object, null ? HF_SLICE("") : scalar(reader), reader->path.at,
                              &reader->origin, reader->errors);
    return err == HF_ERR_INVALID ? HF_OK : err;
}

static hf_err read_value(struct reader *reader, const struct hf_config_row *row, void *object)
{
    void *member = hf_config_member(row, object);
    yaml_event_type_t type = reader->event.type;

    switch (row->kind) {
    case HF_CONFIG_KIND_SECTION:
        if (is_null(reader))
            return HF_OK; /* "admin:" and nothing below: the defaults */
        return type == YAML_MAPPING_START_EVENT ? read_mapping(reader, row->shape(), member)
                                                : refuse_node(reader, "must be a mapping of options");
    case HF_CONFIG_KIND_LIST:
        if (is_null(reader))
            return HF_OK;
        return type == YAML_SEQUENCE_START_EVENT
                   ? read_list(reader, row, member)
                   : refuse_node(reader, "must be a list; begin each item with '- '");
    case HF_CONFIG_KIND_TEXTS:
    case HF_CONFIG_KIND_FLAGS:
        if (type == YAML_SEQUENCE_START_EVENT)
            return read_elements(reader, row, object);
        break;
    default: break;
    }
    return type == YAML_SCALAR_EVENT ? read_scalar(reader, row, object)
                                     : refuse_node(reader, "must be a single value");
}

static hf_err read_pair(struct reader *reader, const struct hf_config_shape *shape, void *object,
                        uint64_t *seen)
{
    const struct hf_config_row *row;
    size_t path_bytes = reader->path.bytes;
    uint64_t bit;
    hf_err err;

    if (reader->event.type != YAML_SCALAR_EVENT) {
        err = refuse_node(reader, "has a key that is not a name");
        row = NULL;
    } else {
        row = hf_config_row_find(shape, scalar(reader));
        if (row == NULL)
            hf_config_unknown(shape, reader->path.at, scalar(reader), &reader->origin, reader->errors);
        err = HF_OK;
    }
    if (err == HF_OK)
        err = next(reader);
    if (err != HF_OK)
        return err;
    if (row == NULL)
        return skip_node(reader);

    hf_config_path_add(&reader->path, row->name);
    bit = 1ull << (row - shape->rows);
    if ((*seen & bit) != 0)
        err = refuse_node(reader, "stands here twice");
    else
        err = read_value(reader, row, object);
    *seen |= bit;
    hf_config_path_cut(&reader->path, path_bytes);
    return err;
}

static hf_err read_mapping(struct reader *reader, const struct hf_config_shape *shape, void *object)
{
    uint64_t seen = 0;
    hf_err err = next(reader);

    HF_ASSERT(shape->row_count <= 64);
    while (err == HF_OK && reader->event.type != YAML_MAPPING_END_EVENT) {
        err = read_pair(reader, shape, object, &seen);
        if (err == HF_OK)
            err = next(reader);
    }
    return err;
}

static hf_err read_stream(struct reader *reader, struct hf_config *config)
{
    bool had_document = false;
    hf_err err;

    while ((err = next(reader)) == HF_OK) {
        switch (reader->event.type) {
        case YAML_STREAM_END_EVENT: return HF_OK;
        case YAML_DOCUMENT_START_EVENT:
            if (had_document) {
                hf_config_error(reader->errors, &reader->origin,
                                "a second document begins; only one is read");
                return HF_ERR_INVALID;
            }
            had_document = true;
            break;
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT: break;
        case YAML_MAPPING_START_EVENT: err = read_mapping(reader, hf_config_shape(), config); break;
        default:
            if (is_null(reader))
                break; /* only comments */
            hf_config_error(reader->errors, &reader->origin, "a configuration is a mapping of sections");
            return HF_ERR_INVALID;
        }
        if (err != HF_OK)
            return err;
    }
    return err;
}

hf_err hf_config_read_yaml(struct hf_config *config, const char *name, struct hf_slice yaml,
                           struct hf_config_errors *errors)
{
    struct reader reader = {.origin = {.name = name}, .errors = errors};
    size_t errors_before = errors->error_count;
    hf_err err;

    hf_sb_init(&reader.path, reader.path_storage, sizeof(reader.path_storage));
    if (!yaml_parser_initialize(&reader.parser))
        return HF_ERR_NOMEM;
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)(yaml.at ? yaml.at : ""), yaml.bytes);
    err = read_stream(&reader, config);
    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    return err == HF_OK && errors->error_count > errors_before ? HF_ERR_INVALID : err;
}
