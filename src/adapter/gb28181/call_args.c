/* adapter/gb28181/call_args.c - what an application asks of sessions, out of its JSON. A member that is not known to the verb, or not of its kind, is named in the result. */
#include "adapter/gb28181/call.h"

#include <arpa/inet.h>
#include <math.h>

#include "codec/json/array.h"
#include "codec/json/scan.h"

#define V(verb) (1u << HF_GB_CALL_VERB_##verb)

enum {
    MEDIA = V(PLAY) | V(PLAYBACK) | V(DOWNLOAD) | V(TALK),
    HISTORY = V(PLAYBACK) | V(DOWNLOAD),
    CONTROL = V(PAUSE) | V(RESUME) | V(SPEED) | V(SEEK),
};

static const struct verb {
    const char *name;
    uint8_t verb;
} verbs[] = {
    {"Play", HF_GB_CALL_VERB_PLAY},         {"Playback", HF_GB_CALL_VERB_PLAYBACK},
    {"Download", HF_GB_CALL_VERB_DOWNLOAD}, {"Talk", HF_GB_CALL_VERB_TALK},
    {"Broadcast", HF_GB_CALL_VERB_TALK},    {"Stop", HF_GB_CALL_VERB_STOP},
    {"Pause", HF_GB_CALL_VERB_PAUSE},       {"Resume", HF_GB_CALL_VERB_RESUME},
    {"Speed", HF_GB_CALL_VERB_SPEED},       {"Seek", HF_GB_CALL_VERB_SEEK},
    {"Calls", HF_GB_CALL_VERB_CALLS},
};

/* Which verbs know a member, and which cannot do without. */
static const struct row {
    const char *name;
    uint32_t known, needed;
    const char *wants;
} rows[HF_GB_ARGS] = {
    [HF_GB_ARG_CHANNEL] = {"channel", MEDIA | V(STOP) | V(CALLS), 0, "the id of a channel"},
    [HF_GB_ARG_CALL] = {"call", CONTROL | V(STOP), CONTROL, "the id that Play answered"},
    [HF_GB_ARG_STREAM] = {"stream", V(PLAY) | HISTORY | V(STOP), 0, "0 to 9"},
    [HF_GB_ARG_TRANSPORT] = {"transport", MEDIA, 0, "udp, tcp_passive or tcp_active"},
    [HF_GB_ARG_TO] = {"to", MEDIA, 0, "{\"host\": a numeric address, \"port\": 1 to 65535}"},
    [HF_GB_ARG_SSRC] = {"ssrc", MEDIA, 0, "ten digits, not all 0"},
    [HF_GB_ARG_FROM] = {"from", HISTORY, HISTORY, "a time as 2026-03-01T12:00:00, or seconds of 1970"},
    [HF_GB_ARG_UNTIL] = {"until", HISTORY | V(SEEK), HISTORY,
                         "a time after from; of Seek, seconds from the start"},
    [HF_GB_ARG_TYPE] = {"type", HISTORY, 0, "0 to 3"},
    [HF_GB_ARG_SPEED] = {"speed", V(DOWNLOAD), 0, "1 to 32"},
    [HF_GB_ARG_SCALE] = {"scale", V(SPEED), V(SPEED), "0.25 to 4, or -4 to -0.25"},
    [HF_GB_ARG_RANGE] = {"range", V(SEEK), V(SEEK), "0 to 2678400, seconds from the start, or now"},
    [HF_GB_ARG_MAX_FORWARDS] = {"max_forwards", V(PLAY) | HISTORY, 0, "1 to 70"},
    [HF_GB_ARG_FORCE] = {"force", V(STOP), 0, "true or false"},
    [HF_GB_ARG_UNTIL_UNWATCHED] = {"until_unwatched", V(PLAY), 0,
                                   "true or false; nobody watches here what goes to a media server"},
};

bool hf_gb_call_verb_of(struct hf_slice name, enum hf_gb_call_verb *ret_verb)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (hf_slice_eq_nocase(name, hf_slice_of(verbs[i].name))) {
            *ret_verb = (enum hf_gb_call_verb)verbs[i].verb;
            return true;
        }
    return false;
}

static bool text_of(const struct hf_json_field *field, char *storage, size_t storage_bytes,
                    struct hf_slice *ret_text)
{
    return hf_json_to_text(field, storage, storage_bytes, ret_text) == HF_OK;
}

static bool small(const struct hf_json_field *field, unsigned min, unsigned max, uint8_t *ret)
{
    uint64_t value;

    if (hf_json_to_u64(field, &value) != HF_OK || value < min || value > max)
        return false;
    *ret = (uint8_t)value;
    return true;
}

static bool channel(const struct hf_json_field *field, struct hf_gb_call_args *args)
{
    char storage[64];
    struct hf_slice text;

    if (!text_of(field, storage, sizeof(storage), &text) || !hf_gbid_valid(text, HF_GBID_RULE_LOOSE) ||
        text.bytes > sizeof(args->channel))
        return false;
    memcpy(args->channel, text.at, text.bytes);
    args->channel_bytes = (uint8_t)text.bytes;
    return true;
}

static bool call_id(const struct hf_json_field *field, struct hf_gb_call_args *args)
{
    char storage[64];
    struct hf_slice text;

    if (!text_of(field, storage, sizeof(storage), &text) || text.bytes != HF_GB_CALL_ID_TEXT - 1)
        return false;
    args->call = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        const char *digit = strchr("0123456789abcdef", text.at[i]);

        if (digit == NULL || text.at[i] == '\0')
            return false;
        args->call = args->call << 4 | (uint64_t)(*digit > '9' ? *digit - 'a' + 10 : *digit - '0');
    }
    return true;
}

static bool transport(const struct hf_json_field *field, struct hf_gb_call_args *args)
{
    args->transport = hf_json_is(field, "udp")           ? HF_GB_MEDIA_UDP
                      : hf_json_is(field, "tcp_passive") ? HF_GB_MEDIA_TCP_PASSIVE
                                                         : HF_GB_MEDIA_TCP_ACTIVE;
    return args->transport != HF_GB_MEDIA_TCP_ACTIVE || hf_json_is(field, "tcp_active");
}

/* {"host":"192.0.2.7","port":30000}: an address, because devices do not ask a name server. */
static bool to(const struct hf_json_field *field, struct hf_gb_call_args *args)
{
    struct hf_json_field member;
    struct hf_slice walk = field->raw, text;
    char storage[HF_SIP_FLOW_HOST_MAX];
    uint64_t port = 0;
    uint8_t address[16];

    if (field->type != HF_JSON_OBJECT)
        return false;
    args->host[0] = '\0';
    while (hf_json_object_next(&walk, &member)) {
        if (hf_slice_is(member.name, "host")) {
            if (!text_of(&member, storage, sizeof(storage) - 1, &text) || text.bytes >= sizeof(args->host))
                return false; /* without escapes it is as long as it likes */
            memcpy(args->host, text.at, text.bytes);
            args->host[text.bytes] = '\0';
            if (strlen(args->host) != text.bytes)
                return false;
        } else if (!hf_slice_is(member.name, "port") || hf_json_to_u64(&member, &port) != HF_OK) {
            return false;
        }
    }
    args->port = (uint16_t)port;
    return port > 0 && port <= UINT16_MAX &&
           (inet_pton(AF_INET, args->host, address) == 1 || inet_pton(AF_INET6, args->host, address) == 1);
}

static bool ssrc(const struct hf_json_field *field, struct hf_gb_call_args *args)
{
    char storage[32];
    struct hf_slice text;
    bool exact;

    return text_of(field, storage, sizeof(storage), &text) && hf_ssrc_parse(text, &args->ssrc, &exact) &&
           exact && args->ssrc != 0;
}

static bool time_of(const struct hf_json_field *field, int zone_minutes, uint64_t *ret_ms)
{
    char storage[64];
    struct hf_slice text;
    uint64_t seconds;

    if (field->type == HF_JSON_STRING)
        return text_of(field, storage, sizeof(storage), &text) &&
               hf_cdp_time_parse(text, zone_minutes, ret_ms) == HF_OK;
    if (hf_json_to_u64(field, &seconds) != HF_OK || seconds > UINT32_MAX)
        return false;
    *ret_ms = seconds * 1000;
    return true;
}

/* Seconds from the start of what was asked for, or "now". */
static bool point(const struct hf_json_field *field, enum hf_mansrtsp_point *ret_point, double *ret_s)
{
    *ret_point = HF_MANSRTSP_AT;
    if (hf_json_is(field, "now")) {
        *ret_point = HF_MANSRTSP_NOW;
        return true;
    }
    return hf_json_to_double(field, ret_s) == HF_OK && *ret_s >= 0 && *ret_s <= 31 * 86400.0;
}

/* 0.25 to 4, and the same backwards (2022). */
static bool scale(const struct hf_json_field *field, struct hf_gb_call_args *args)
{
    double value;

    if (hf_json_to_double(field, &value) != HF_OK || fabs(value) < 0.25 || fabs(value) > 4)
        return false;
    args->scale = (int32_t)lround(value * 1000);
    return true;
}

static bool read_member(enum hf_gb_call_verb verb, unsigned row, const struct hf_json_field *field,
                        int zone_minutes, struct hf_gb_call_args *args)
{
    switch (row) {
    case HF_GB_ARG_CHANNEL: return channel(field, args);
    case HF_GB_ARG_CALL: return call_id(field, args);
    case HF_GB_ARG_STREAM: return small(field, 0, 9, &args->stream);
    case HF_GB_ARG_TRANSPORT: return transport(field, args);
    case HF_GB_ARG_TO: return to(field, args);
    case HF_GB_ARG_SSRC: return ssrc(field, args);
    case HF_GB_ARG_FROM: return time_of(field, zone_minutes, &args->from_ms);
    case HF_GB_ARG_UNTIL:
        return verb == HF_GB_CALL_VERB_SEEK ? point(field, &args->range_end, &args->range_end_s)
                                            : time_of(field, zone_minutes, &args->until_ms);
    case HF_GB_ARG_TYPE: return small(field, 0, 3, &args->type);
    case HF_GB_ARG_SPEED: return small(field, 1, 32, &args->speed);
    case HF_GB_ARG_SCALE: return scale(field, args);
    case HF_GB_ARG_MAX_FORWARDS: return small(field, 1, HF_SIP_MAX_FORWARDS_DEFAULT, &args->max_forwards);
    case HF_GB_ARG_RANGE: return point(field, &args->range_start, &args->range_start_s);
    case HF_GB_ARG_UNTIL_UNWATCHED: return hf_json_to_bool(field, &args->until_unwatched) == HF_OK;
    default: return hf_json_to_bool(field, &args->force) == HF_OK;
    }
}

static unsigned row_of(struct hf_slice name)
{
    unsigned row = 0;

    while (row < HF_GB_ARGS && !hf_slice_is(name, rows[row].name))
        row++;
    return row;
}

/* What no single member shows. */
static const char *together(enum hf_gb_call_verb verb, const struct hf_gb_call_args *args)
{
    if (verb == HF_GB_CALL_VERB_STOP &&
        ((args->given >> HF_GB_ARG_CALL & 1) != 0) == ((args->given >> HF_GB_ARG_CHANNEL & 1) != 0))
        return "call"; /* one of both */
    if (((1u << verb) & HISTORY) != 0 && args->until_ms / 1000 <= args->from_ms / 1000)
        return "until";
    if (args->until_unwatched && (args->given >> HF_GB_ARG_TO & 1) != 0)
        return "until_unwatched";
    return NULL;
}

hf_err hf_gb_call_args_read(enum hf_gb_call_verb verb, struct hf_slice json, int zone_minutes,
                            struct hf_gb_call_args *ret_args, struct hf_slice *ret_element)
{
    struct hf_slice walk = json;
    struct hf_json_field member;

    *ret_element = (struct hf_slice){NULL, 0};
    *ret_args = (struct hf_gb_call_args){.stream = HF_GB_CALL_NO_STREAM, .speed = 1};
    if (hf_json_scan(json.at, json.bytes, NULL, 0, 0) != HF_OK || hf_json_type_of(json) != HF_JSON_OBJECT)
        return HF_ERR_INVALID;
    while (hf_json_object_next(&walk, &member)) {
        unsigned row = row_of(member.name);

        *ret_element = member.name;
        ret_args->wants = row == HF_GB_ARGS || !(rows[row].known & 1u << verb)
                              ? "this command has no such member"
                          : ret_args->given & 1u << row ? "it stands there twice"
                                                        : rows[row].wants;
        if (row == HF_GB_ARGS || !(rows[row].known & 1u << verb) || (ret_args->given & 1u << row) ||
            !read_member(verb, row, &member, zone_minutes, ret_args))
            return HF_ERR_INVALID;
        ret_args->given |= 1u << row;
    }
    for (unsigned row = 0; row < HF_GB_ARGS; row++)
        if ((rows[row].needed & 1u << verb) && !(ret_args->given & 1u << row)) {
            *ret_element = hf_slice_of(rows[row].name);
            ret_args->wants = rows[row].wants;
            return HF_ERR_INVALID;
        }
    *ret_element = hf_slice_of(together(verb, ret_args));
    ret_args->wants = verb == HF_GB_CALL_VERB_STOP   ? "a call or a channel, one of both"
                      : verb == HF_GB_CALL_VERB_PLAY ? rows[HF_GB_ARG_UNTIL_UNWATCHED].wants
                                                     : rows[HF_GB_ARG_UNTIL].wants;
    return ret_element->bytes > 0 ? HF_ERR_INVALID : HF_OK;
}
