#include "adapter/api/cameras_body.h"

#include "codec/json/array.h"

/* The object's members one by one; false at the end, also of a body that is empty. */
static bool next(struct hf_slice *rest, struct hf_json_field *ret)
{
    return rest->bytes > 0 && hf_json_object_next(rest, ret);
}

static bool bad(struct hf_api_request *request, struct hf_slice name, const char *what)
{
    char field[64];
    struct hf_sb sb;

    hf_sb_init(&sb, field, sizeof(field));
    hf_sb_slice(&sb, (struct hf_slice){name.at, HF_MIN(name.bytes, sizeof(field) - 1)});
    (void)hf_sb_done(&sb);
    return hf_api_bad(request, field, "%s %s", field, what);
}

/* Members that the path says, or the gateway. */
static bool is_ours(struct hf_slice name)
{
    return hf_slice_is(name, "device_id") || hf_slice_is(name, "sn") || hf_slice_is(name, "channel");
}

static bool copy_members(struct hf_api_request *request, struct hf_slice body, struct hf_json_out *out)
{
    struct hf_json_field member;

    while (next(&body, &member)) {
        if (is_ours(member.name))
            return bad(request, member.name, "is not said in the body");
        hf_json_out_key(out, member.name);
        hf_json_out_raw(out, NULL, member.raw);
    }
    return true;
}

/* Every member of the body is one of fields, once; they get its values. */
static bool take(struct hf_api_request *request, struct hf_json_field *fields, size_t count)
{
    struct hf_slice body = request->body;
    struct hf_json_field member;

    while (next(&body, &member)) {
        size_t i = 0;

        while (i < count && !hf_slice_eq(fields[i].name, member.name))
            i++;
        if (fields == NULL || i == count)
            return bad(request, member.name, "is not known here");
        if (fields[i].found)
            return bad(request, member.name, "is there twice");
        struct hf_slice name = fields[i].name;
        fields[i] = member;
        fields[i].name = name; /* a literal, with its NUL */
    }
    return true;
}

bool hf_api_body_none(struct hf_api_request *request, const char *member, struct hf_json_out *out)
{
    (void)member, (void)out;
    return take(request, NULL, 0);
}

bool hf_api_body_as_it_is(struct hf_api_request *request, const char *member, struct hf_json_out *out)
{
    (void)member;
    return copy_members(request, request->body, out);
}

bool hf_api_body_inside(struct hf_api_request *request, const char *member, struct hf_json_out *out)
{
    struct hf_slice body = request->body;
    struct hf_json_field first;

    if (!next(&body, &first))
        return true; /* the command says what it needs */
    hf_json_out_object(out, member);
    if (!copy_members(request, request->body, out))
        return false;
    hf_json_out_end(out);
    return true;
}

/* One of the words, or 400. */
static bool one_of(struct hf_api_request *request, const struct hf_json_field *field,
                   const char *const *words, size_t count, size_t *ret_index)
{
    char list[128];
    struct hf_sb sb;

    hf_sb_init(&sb, list, sizeof(list));
    for (size_t i = 0; i < count; i++) {
        if (field->found && hf_json_is(field, words[i])) {
            *ret_index = i;
            return true;
        }
        hf_sb_text(&sb, i ? ", " : "must be ");
        hf_sb_text(&sb, words[i]);
    }
    (void)hf_sb_done(&sb);
    return bad(request, field->name, list);
}

static bool number_out(struct hf_api_request *request, const struct hf_json_field *field, uint64_t min,
                       uint64_t max, struct hf_json_out *out)
{
    uint64_t value = 0;

    if (!field->found)
        return true;
    if (!hf_api_member_u64(request, field, min, max, &value))
        return false;
    hf_json_out_u64(out, field->name.at, value);
    return true;
}

static bool needed(struct hf_api_request *request, const struct hf_json_field *field)
{
    return field->found || bad(request, field->name, "is missing");
}

bool hf_api_body_preset(struct hf_api_request *request, const char *member, struct hf_json_out *out)
{
    static const char *const words[] = {"set", "call", "delete"};
    static const char *const orders[] = {"preset_set", "preset_call", "preset_delete"};
    enum { ACTION, PRESET, FIELDS };
    struct hf_json_field fields[FIELDS] = {HF_JSON_FIELD("action"), HF_JSON_FIELD("preset")};
    size_t action = 0;

    (void)member;
    if (!take(request, fields, FIELDS) ||
        !one_of(request, &fields[ACTION], words, HF_COUNT_OF(words), &action) ||
        !needed(request, &fields[PRESET]))
        return false;
    hf_json_out_cstr(out, "order", orders[action]);
    return number_out(request, &fields[PRESET], 1, 255, out);
}

bool hf_api_body_cruise(struct hf_api_request *request, const char *member, struct hf_json_out *out)
{
    static const char *const words[] = {"start", "add", "delete", "speed", "dwell", "stop"};
    static const char *const orders[] = {"cruise_start", "cruise_add", "cruise_delete", "cruise_speed",
                                         "cruise_dwell"};
    enum { ACTION, GROUP, PRESET, VALUE, FIELDS };
    struct hf_json_field fields[FIELDS] = {HF_JSON_FIELD("action"), HF_JSON_FIELD("group"),
                                           HF_JSON_FIELD("preset"), HF_JSON_FIELD("value")};
    size_t action = 0;

    (void)member;
    if (!take(request, fields, FIELDS) ||
        !one_of(request, &fields[ACTION], words, HF_COUNT_OF(words), &action))
        return false;
    if (action == HF_COUNT_OF(orders)) { /* a cruise ends as every movement does */
        for (unsigned i = GROUP; i < FIELDS; i++)
            if (fields[i].found)
                return bad(request, fields[i].name, "does not go with stop");
        hf_json_out_bool(out, "stop", true);
        return true;
    }
    hf_json_out_cstr(out, "order", orders[action]);
    return number_out(request, &fields[GROUP], 0, 255, out) &&
           number_out(request, &fields[PRESET], 0, 255, out) &&
           number_out(request, &fields[VALUE], 0, 4095, out);
}

bool hf_api_body_drag_zoom(struct hf_api_request *request, const char *member, struct hf_json_out *out)
{
    static const char *const words[] = {"in", "out"};
    enum { DIRECTION, LENGTH, WIDTH, MID_X, MID_Y, LENGTH_X, LENGTH_Y, FIELDS };
    struct hf_json_field fields[FIELDS] = {HF_JSON_FIELD("direction"), HF_JSON_FIELD("length"),
                                           HF_JSON_FIELD("width"),     HF_JSON_FIELD("mid_x"),
                                           HF_JSON_FIELD("mid_y"),     HF_JSON_FIELD("length_x"),
                                           HF_JSON_FIELD("length_y")};
    size_t direction = 0;

    (void)member;
    if (!take(request, fields, FIELDS) ||
        !one_of(request, &fields[DIRECTION], words, HF_COUNT_OF(words), &direction))
        return false;
    hf_json_out_object(out, direction == 0 ? "drag_zoom_in" : "drag_zoom_out");
    for (unsigned i = LENGTH; i < FIELDS; i++)
        if (!needed(request, &fields[i]) || !number_out(request, &fields[i], 0, 1000000, out))
            return false;
    hf_json_out_end(out);
    return true;
}

static bool flag(struct hf_api_request *request, const struct hf_json_field *field, bool *ret)
{
    return (field->found && hf_json_to_bool(field, ret) == HF_OK) ||
           bad(request, field->name, "must be true or false");
}

bool hf_api_body_guard(struct hf_api_request *request, const char *member, struct hf_json_out *out)
{
    struct hf_json_field field = HF_JSON_FIELD("set");
    bool set = false;

    (void)member;
    if (!take(request, &field, 1) || !flag(request, &field, &set))
        return false;
    hf_json_out_cstr(out, "guard", set ? "SetGuard" : "ResetGuard");
    return true;
}

bool hf_api_body_record(struct hf_api_request *request, const char *member, struct hf_json_out *out)
{
    enum { RECORD, STREAM, FIELDS };
    struct hf_json_field fields[FIELDS] = {HF_JSON_FIELD("record"), HF_JSON_FIELD("stream_number")};
    bool record = false;

    (void)member;
    if (!take(request, fields, FIELDS) || !flag(request, &fields[RECORD], &record))
        return false;
    hf_json_out_cstr(out, "record", record ? "Record" : "StopRecord");
    return number_out(request, &fields[STREAM], 0, 255, out);
}

bool hf_api_body_config_types(struct hf_api_request *request, const char *member, struct hf_json_out *out)
{
    char storage[256];
    struct hf_slice types;

    (void)member;
    if (!take(request, NULL, 0) || !hf_api_param(request, "types", storage, sizeof(storage), &types))
        return false;
    if (types.at == NULL)
        types = HF_SLICE("BasicParam");
    for (size_t i = 0; i < types.bytes; i++)
        if (!((types.at[i] | 32) >= 'a' && (types.at[i] | 32) <= 'z') && types.at[i] != '/')
            return hf_api_bad(request, "types", "types are names like BasicParam, with / between them");
    hf_json_out_text(out, "config_type", types);
    return true;
}

bool hf_api_body_event(struct hf_api_request *request, const char *member, struct hf_json_out *out)
{
    char storage[64];
    struct hf_slice event;

    (void)member;
    if (!take(request, NULL, 0) || !hf_api_param(request, "event", storage, sizeof(storage), &event))
        return false;
    if (event.at == NULL || !hf_id_valid(event, 32))
        return hf_api_bad(request, "event", "event must be catalog, alarm, position or ptz_position");
    hf_json_out_text(out, "event", event);
    return true;
}
