/* test/sim/shadow_model.c - what becomes of a shadow by a change, on numbers: the rules of doc/api.md once more, in other words than core/document/shadow.c has them. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "codec/json/scan.h"
#include "sim/shadow.h"

const char *const sim_shadow_names[SIM_SHADOWS] = {"", "led"};
static const char *const paths[SIM_KEYS] = {"a", "b", "d", "e", "r", "w", "t", "groups", "n/x", "n/y", "n"};
static const enum sim_shadow_key of_section[HF_SHADOW_SECTIONS] = {SIM_KEY_R, SIM_KEY_W, SIM_KEY_T};

static bool is_inner(unsigned key)
{
    return key == SIM_KEY_N_X || key == SIM_KEY_N_Y;
}

static bool has_n(const struct sim_shadow_fields *fields)
{
    return fields->value[SIM_KEY_N_X] || fields->value[SIM_KEY_N_Y] || fields->value[SIM_KEY_N_EMPTY];
}

const char *sim_shadow_path(unsigned key)
{
    return paths[key];
}

bool sim_shadow_is_empty(const struct sim_shadow_fields *fields)
{
    static const struct sim_shadow_fields none;

    return sim_shadow_eq(fields, &none);
}

bool sim_shadow_eq(const struct sim_shadow_fields *a, const struct sim_shadow_fields *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* ---- changes ---- */

static bool touches(const struct sim_change *change, unsigned section)
{
    for (unsigned key = 0; key < SIM_KEYS; key++)
        if (change->of[section].set[key] != 0)
            return true;
    return change->of[section].remove != 0 || change->clears >> section & 1 || change->makes_n >> section & 1;
}

static void empty_n(struct sim_shadow_fields *fields, bool there)
{
    fields->value[SIM_KEY_N_EMPTY] =
        there && fields->value[SIM_KEY_N_X] == 0 && fields->value[SIM_KEY_N_Y] == 0;
}

static void merge(const struct sim_change *change, unsigned section, struct sim_shadow_fields *fields)
{
    bool there = has_n(fields);

    if (change->clears >> section & 1) {
        memset(fields, 0, sizeof(*fields));
        return;
    }
    for (unsigned key = 0; key < SIM_KEY_N_EMPTY; key++) {
        bool removes = change->of[section].remove >> key & 1;

        if (change->of[section].set[key] != 0)
            fields->value[key] = change->of[section].set[key];
        else if (removes)
            fields->value[key] = 0;
        there |= is_inner(key) && (removes || change->of[section].set[key] != 0);
    }
    empty_n(fields, there || change->of[section].set[SIM_KEY_N_EMPTY] != 0);
}

/* One operation after the other, as sim_change_text() writes them. False: a path is not there. */
static bool operate(const struct sim_change *change, unsigned section, struct sim_shadow_fields *fields)
{
    bool there = has_n(fields);

    if (change->makes_n >> section & 1) {
        fields->value[SIM_KEY_N_X] = fields->value[SIM_KEY_N_Y] = 0;
        there = true;
    }
    for (unsigned key = 0; key < SIM_KEY_N_EMPTY; key++) {
        bool removes = change->of[section].remove >> key & 1;

        if (change->of[section].set[key] != 0) {
            if (is_inner(key) && !there)
                return false;
            fields->value[key] = change->of[section].set[key];
        } else if (removes) {
            if (fields->value[key] == 0)
                return false;
            fields->value[key] = 0;
        }
    }
    empty_n(fields, there);
    return true;
}

static enum hf_reason apply(const struct sim_change *change, struct sim_shadow_state *state)
{
    if (change->test.value != 0) {
        uint32_t is = state->of[change->test.section].value[change->test.key];

        if (is != change->test.value)
            return is == 0 ? HF_REASON_BAD_REQUEST : HF_REASON_VERSION_CONFLICT;
    }
    for (unsigned i = 0; i < HF_SHADOW_SECTIONS; i++) {
        if (!touches(change, i))
            continue;
        if (change->kind == HF_PATCH_MERGE)
            merge(change, i, &state->of[i]);
        else if (!operate(change, i, &state->of[i]))
            return HF_REASON_BAD_REQUEST;
    }
    return HF_REASON_NONE;
}

/* Has any of the fields that differ been written or removed since the change's base? */
static bool settle_fields(const struct sim_shadow_state *before, const struct sim_change *change, unsigned i,
                          struct sim_shadow_state *after)
{
    bool newer = false;

    for (unsigned key = 0; key < SIM_KEYS; key++) {
        uint32_t was = before->of[i].value[key], is = after->of[i].value[key];
        bool there = key == SIM_KEY_N_EMPTY ? has_n(&after->of[i]) : is != 0;

        if (there)
            after->gone[i][key] = 0;
        if (was == is)
            continue;
        newer |= was != 0 && before->stamp[i][key] > change->base;
        newer |= is != 0 && HF_MAX(before->gone[i][key], before->forgotten) > change->base;
        after->stamp[i][key] = is != 0 ? before->version + 1 : 0;
        if (!there)
            after->gone[i][key] = before->version + 1;
    }
    return newer;
}

static enum hf_reason settle(const struct sim_shadow_state *before, const struct sim_change *change,
                             struct sim_shadow_state *after)
{
    for (unsigned i = 0; i < HF_SHADOW_SECTIONS; i++) {
        bool newer;

        if (sim_shadow_eq(&before->of[i], &after->of[i]))
            continue;
        if (!(change->may >> i & 1))
            return HF_REASON_FORBIDDEN;
        newer = settle_fields(before, change, i, after);
        if (newer && change->merge == HF_MERGE_CONFLICT_FREE && change->base != 0)
            return HF_REASON_VERSION_CONFLICT;
        after->version = before->version + 1;
        after->deleted = false;
    }
    return HF_REASON_NONE;
}

static enum hf_reason judge_delete(const struct sim_shadow_state *before, const struct sim_change *change,
                                   struct sim_shadow_state *ret_after)
{
    if (before->version == 0 || before->deleted)
        return HF_REASON_NOT_FOUND;
    if (change->base != 0 && change->base != before->version)
        return HF_REASON_VERSION_CONFLICT;
    *ret_after = (struct sim_shadow_state){
        .version = before->version + 1, .forgotten = before->version + 1, .deleted = true};
    return HF_REASON_NONE;
}

enum hf_reason sim_shadow_judge(const struct sim_shadow_state *before, const struct sim_change *change,
                                struct sim_shadow_state *ret_after,
                                char ret_refused[SIM_SHADOW_REFUSED_BYTES])
{
    struct sim_change left = *change;
    uint64_t version = before->deleted ? 0 : before->version; /* that a base may name */

    *ret_after = *before;
    ret_refused[0] = '\0';
    if (change->deletes)
        return judge_delete(before, change, ret_after);
    if (change->merge == HF_MERGE_OPLOG && change->base != 0 && change->base < version)
        sim_shadow_oplog(before, change, &left, ret_refused);
    enum hf_reason reason = apply(&left, ret_after);
    if (reason == HF_REASON_VERSION_CONFLICT) {
        ret_refused[0] = '\0'; /* the test came before all of them */
        return reason;
    }
    if (change->base > version)
        return HF_REASON_VERSION_CONFLICT;
    if (change->base != 0 && change->base != version &&
        (change->merge == HF_MERGE_KEEP || change->merge == HF_MERGE_VERSION))
        return HF_REASON_VERSION_CONFLICT;
    if (reason == HF_REASON_NONE)
        reason = settle(before, change, ret_after);
    return reason == HF_REASON_NONE && ret_refused[0] != '\0' && ret_after->version == before->version
               ? HF_REASON_VERSION_CONFLICT /* nothing is left of it */
               : reason;
}

void sim_shadow_delta(const struct sim_shadow_state *state, struct sim_shadow_fields *ret_delta)
{
    const struct sim_shadow_fields *desired = &state->of[HF_SHADOW_DESIRED],
                                   *reported = &state->of[HF_SHADOW_REPORTED];

    *ret_delta = *desired;
    for (unsigned key = 0; key < SIM_KEY_N_EMPTY; key++)
        if (reported->value[key] == desired->value[key])
            ret_delta->value[key] = 0;
    if (has_n(reported))
        ret_delta->value[SIM_KEY_N_EMPTY] = 0;
}

enum hf_shadow_applied sim_shadow_applied(const struct sim_shadow_state *state, uint64_t version)
{
    enum hf_shadow_applied applied = HF_SHADOW_SUPERSEDED;
    struct sim_shadow_fields delta;

    sim_shadow_delta(state, &delta);
    for (unsigned key = 0; key < SIM_KEYS; key++) {
        if (state->of[HF_SHADOW_DESIRED].value[key] == 0 || state->stamp[HF_SHADOW_DESIRED][key] != version)
            continue;
        if (delta.value[key] != 0)
            return HF_SHADOW_WANTED;
        applied = HF_SHADOW_APPLIED;
    }
    return applied;
}

/* ---- text ---- */

static void add(char out[SIM_SHADOW_TEXT_BYTES], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add(char out[SIM_SHADOW_TEXT_BYTES], const char *format, ...)
{
    size_t bytes = strlen(out);
    va_list arguments;

    va_start(arguments, format);
    int more = vsnprintf(out + bytes, SIM_SHADOW_TEXT_BYTES - bytes, format, arguments);
    va_end(arguments);
    HF_ASSERT(more >= 0 && bytes + (size_t)more < SIM_SHADOW_TEXT_BYTES);
}

static const char *comma(const char *out) /* between members */
{
    char last = out[strlen(out) - 1];

    return last == '{' || last == '[' ? "" : ",";
}

static void add_member(char out[SIM_SHADOW_TEXT_BYTES], const char *name, uint32_t set)
{
    if (set != 0)
        add(out, "%s\"%s\":%" PRIu32, comma(out), name, set);
    else
        add(out, "%s\"%s\":null", comma(out), name);
}

static void merge_text(const struct sim_change *change, unsigned section, char out[SIM_SHADOW_TEXT_BYTES])
{
    bool inner = change->of[section].set[SIM_KEY_N_EMPTY] != 0;

    if (change->clears >> section & 1) {
        add(out, "%s\"%s\":null", comma(out), hf_shadow_section_name(section));
        return;
    }
    add(out, "%s\"%s\":{", comma(out), hf_shadow_section_name(section));
    for (unsigned key = 0; key < SIM_KEY_N_EMPTY; key++) {
        bool named = change->of[section].set[key] != 0 || change->of[section].remove >> key & 1;

        inner |= named && is_inner(key);
        if (named && !is_inner(key))
            add_member(out, paths[key], change->of[section].set[key]);
    }
    if (inner) {
        add(out, "%s\"n\":{", comma(out));
        for (unsigned key = SIM_KEY_N_X; key <= SIM_KEY_N_Y; key++)
            if (change->of[section].set[key] != 0 || change->of[section].remove >> key & 1)
                add_member(out, paths[key] + 2, change->of[section].set[key]);
        add(out, "}");
    }
    add(out, "}");
}

static void operations_text(const struct sim_change *change, char out[SIM_SHADOW_TEXT_BYTES])
{
    add(out, "[");
    if (change->test.value != 0)
        add(out, "{\"op\":\"test\",\"path\":\"/%s/%s\",\"value\":%" PRIu32 "}",
            hf_shadow_section_name(change->test.section), paths[change->test.key], change->test.value);
    for (unsigned i = 0; i < HF_SHADOW_SECTIONS; i++) {
        const char *section = hf_shadow_section_name(i);

        if (change->makes_n >> i & 1)
            add(out, "%s{\"op\":\"add\",\"path\":\"/%s/n\",\"value\":{}}", comma(out), section);
        for (unsigned key = 0; key < SIM_KEY_N_EMPTY; key++)
            if (change->of[i].set[key] != 0)
                add(out, "%s{\"op\":\"add\",\"path\":\"/%s/%s\",\"value\":%" PRIu32 "}", comma(out), section,
                    paths[key], change->of[i].set[key]);
            else if (change->of[i].remove >> key & 1)
                add(out, "%s{\"op\":\"remove\",\"path\":\"/%s/%s\"}", comma(out), section, paths[key]);
    }
    add(out, "]");
}

void sim_change_text(const struct sim_change *change, bool named, char out[SIM_SHADOW_TEXT_BYTES])
{
    bool merges = change->kind == HF_PATCH_MERGE, name = named && change->shadow > 0, any = false;

    out[0] = '\0';
    if (!merges && !named) {
        operations_text(change, out);
        return;
    }
    add(out, "{");
    if (name)
        add(out, "\"name\":\"%s\"", sim_shadow_names[change->shadow]);
    if (change->base != 0 && change->base_inside)
        add(out, "%s\"version\":%" PRIu64, comma(out), change->base);
    if (!merges) {
        add(out, "%s\"patch\":", comma(out));
        operations_text(change, out);
    }
    for (unsigned i = 0; merges && i < HF_SHADOW_SECTIONS; i++)
        if (touches(change, i)) {
            merge_text(change, i, out);
            any = true;
        }
    if (merges && !any) /* something that changes nothing */
        add(out, "%s\"%s\":{}", comma(out),
            hf_shadow_section_name(change->app == NULL ? HF_SHADOW_REPORTED : HF_SHADOW_DESIRED));
    add(out, "}");
}

static size_t number_bytes(uint32_t number)
{
    char text[16];

    return (size_t)snprintf(text, sizeof(text), "%" PRIu32, number);
}

/* Members that nobody writes are found by their bytes: what is known, and what is printed around it, must be all. */
bool sim_shadow_parse(struct hf_slice section, struct sim_shadow_fields *ret_fields)
{
    struct hf_json_field fields[SIM_KEY_N_X + 1], inner[2] = {HF_JSON_FIELD("x"), HF_JSON_FIELD("y")};
    size_t bytes = 2, members = 0;
    uint64_t number;

    memset(ret_fields, 0, sizeof(*ret_fields));
    for (unsigned i = 0; i <= SIM_KEY_N_X; i++)
        fields[i] = (struct hf_json_field){.name = hf_slice_of(i < SIM_KEY_N_X ? paths[i] : "n")};
    if (hf_json_type_of(section) != HF_JSON_OBJECT ||
        hf_json_scan(section.at, section.bytes, fields, HF_COUNT_OF(fields), 0) != HF_OK)
        return false;
    for (unsigned key = 0; key < SIM_KEY_N_X; key++) {
        if (!fields[key].found)
            continue;
        if (hf_json_to_u64(&fields[key], &number) != HF_OK || number == 0 || number > UINT32_MAX)
            return false;
        ret_fields->value[key] = (uint32_t)number;
        bytes += 3 + strlen(paths[key]) + number_bytes((uint32_t)number);
        members++;
    }
    if (fields[SIM_KEY_N_X].found) {
        if (fields[SIM_KEY_N_X].type != HF_JSON_OBJECT ||
            hf_json_scan(fields[SIM_KEY_N_X].raw.at, fields[SIM_KEY_N_X].raw.bytes, inner, 2, 0) != HF_OK)
            return false;
        bytes += 4 + 2 + (inner[0].found && inner[1].found);
        members++;
        for (unsigned i = 0; i < 2; i++) {
            if (!inner[i].found)
                continue;
            if (hf_json_to_u64(&inner[i], &number) != HF_OK || number == 0 || number > UINT32_MAX)
                return false;
            ret_fields->value[SIM_KEY_N_X + i] = (uint32_t)number;
            bytes += 4 + number_bytes((uint32_t)number);
        }
        empty_n(ret_fields, true);
    }
    return bytes + (members > 1 ? members - 1 : 0) == section.bytes;
}

enum sim_shadow_key sim_shadow_own_key(unsigned section)
{
    return of_section[section];
}
