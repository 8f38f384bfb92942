/* codec/sdp/parse.c - see sdp.h. Two passes: m= lines first, so that an attribute may stand in front of the media it is about. */
#include "base/assert.h"
#include "codec/sdp/words.h"

struct line {
    char type;
    struct hf_slice value;
};

struct lines {
    const char *at, *end;
    uint32_t tolerances;
};

/* The next "x=value"; what is none is skipped. False at the end. */
static bool next_line(struct lines *lines, struct line *ret_line)
{
    while (lines->at < lines->end) {
        const char *from = lines->at, *to = from;

        while (to < lines->end && *to != '\n' && *to != '\r' && *to != '\0')
            to++;
        struct hf_slice text = {from, (size_t)(to - from)};

        if (to == lines->end)
            lines->tolerances |= HF_SDP_LAST_LINE;
        else if (*to == '\0')
            lines->tolerances |= HF_SDP_NUL;
        else if (*to == '\n')
            lines->tolerances |= HF_SDP_LINE_END;
        lines->at = to < lines->end ? to + 1 : to;
        if (to < lines->end && *to == '\r' && lines->at < lines->end && *lines->at == '\n')
            lines->at++;
        else if (to < lines->end && *to == '\r')
            lines->tolerances |= HF_SDP_LINE_END;
        if (text.bytes == 0)
            continue;
        if (text.bytes > HF_SDP_LINE_BYTES_MAX) {
            lines->tolerances |= HF_SDP_LONG;
            continue;
        }
        struct hf_slice trimmed = hf_slice_trim(text);

        if (trimmed.bytes < 2 || trimmed.at[1] != '=') {
            if (trimmed.bytes > 0)
                lines->tolerances |= HF_SDP_UNREADABLE;
            continue;
        }
        ret_line->type = (char)(trimmed.at[0] | 32); /* Y= has been seen */
        ret_line->value = hf_slice_trim((struct hf_slice){trimmed.at + 2, trimmed.bytes - 2});
        if (trimmed.bytes < text.bytes || ret_line->value.bytes + 2 < trimmed.bytes)
            lines->tolerances |= HF_SDP_BLANK;
        return true;
    }
    return false;
}

/* Up to `separator`, which is taken, too; blanks around it go. The rest stays in *text. */
static struct hf_slice take_part(struct hf_slice *text, char separator)
{
    if (text->bytes == 0)
        return *text;
    const char *at = memchr(text->at, separator, text->bytes);
    struct hf_slice part = {text->at, at != NULL ? (size_t)(at - text->at) : text->bytes};

    text->at += part.bytes + (at != NULL);
    text->bytes -= part.bytes + (at != NULL);
    *text = hf_slice_trim(*text);
    return hf_slice_trim(part);
}

/* o=user session version IN IP4 address */
static bool take_origin(struct hf_sdp *sdp, struct hf_slice text)
{
    sdp->origin_user = take_part(&text, ' ');
    sdp->origin_session = take_part(&text, ' ');
    sdp->origin_version = take_part(&text, ' ');
    (void)take_part(&text, ' ');
    (void)take_part(&text, ' ');
    sdp->origin_address = text;
    return sdp->origin_user.bytes > 0;
}

/* c=IN IP4 address, of a multicast one without its /ttl */
static bool take_address(struct hf_slice text, struct hf_slice *ret_address)
{
    struct hf_slice net = take_part(&text, ' '), type = take_part(&text, ' ');

    text = take_part(&text, '/');
    if (text.bytes >= 2 && text.at[0] == '[' && text.at[text.bytes - 1] == ']')
        text = (struct hf_slice){text.at + 1, text.bytes - 2};
    if (!hf_slice_eq_nocase(net, HF_SLICE("IN")) || text.bytes == 0 ||
        !(hf_slice_eq_nocase(type, HF_SLICE("IP4")) || hf_slice_eq_nocase(type, HF_SLICE("IP6"))))
        return false;
    *ret_address = text;
    return true;
}

static bool take_time(struct hf_sdp *sdp, struct hf_slice text)
{
    struct hf_slice start = take_part(&text, ' ');

    sdp->has_time = hf_slice_to_u64(start, &sdp->start_s) && hf_slice_to_u64(text, &sdp->stop_s);
    return sdp->has_time;
}

static bool take_uri(struct hf_sdp *sdp, struct hf_slice text)
{
    struct hf_slice rest = text, id = take_part(&rest, ':');
    bool digits = id.bytes > 0 && id.bytes < text.bytes;

    for (size_t i = 0; i < id.bytes; i++)
        digits = digits && id.at[i] >= '0' && id.at[i] <= '9';
    sdp->uri = text;
    if (digits) {
        sdp->uri_id = id;
        sdp->uri_type = rest;
    }
    return text.bytes > 0;
}

static struct hf_sdp_payload *payload_of_type(struct hf_sdp *sdp, struct hf_sdp_media *media, unsigned type,
                                              bool listed)
{
    for (unsigned i = 0; i < media->payload_count; i++)
        if (media->payloads[i].type == type)
            return &media->payloads[i];
    if (media->payload_count == HF_SDP_PAYLOADS_MAX) {
        sdp->tolerances |= HF_SDP_PAYLOADS;
        return NULL;
    }
    if (!listed)
        sdp->tolerances |= HF_SDP_RTPMAP;
    media->payloads[media->payload_count] = (struct hf_sdp_payload){.type = (uint8_t)type};
    return &media->payloads[media->payload_count++];
}

static bool to_type(struct hf_slice text, unsigned *ret_type)
{
    uint64_t value;

    if (!hf_slice_to_u64(text, &value) || value > 127)
        return false;
    *ret_type = (unsigned)value;
    return true;
}

/* m=video 30000 RTP/AVP 96 98 97; a port may be 30000/2. */
static bool take_media(struct hf_sdp *sdp, struct hf_slice text)
{
    struct hf_slice kind = take_part(&text, ' '), port = take_part(&text, ' '),
                    transport = take_part(&text, ' ');
    struct hf_sdp_media media = {.kind_name = kind, .transport_name = transport};
    uint64_t number;
    unsigned type;
    bool good = true;

    port = take_part(&port, '/');
    if (!hf_slice_to_u64(port, &number) || number > UINT16_MAX || transport.bytes == 0)
        return false;
    media.port = (uint16_t)number;
    media.kind = (enum hf_sdp_kind)hf_sdp_word_of(&hf_sdp_kinds, kind);
    media.transport = (enum hf_sdp_transport)hf_sdp_word_of(&hf_sdp_transports, transport);
    while (text.bytes > 0) {
        if (to_type(take_part(&text, ' '), &type))
            (void)payload_of_type(sdp, &media, type, true);
        else
            good = false;
    }
    if (sdp->media_count == HF_SDP_MEDIA_MAX)
        sdp->tolerances |= HF_SDP_MEDIA;
    else
        sdp->media[sdp->media_count++] = media;
    return good;
}

/* a=rtpmap:96 PS/90000, a=fmtp:96 ... */
static bool take_map(struct hf_sdp *sdp, struct hf_sdp_media *media, struct hf_slice text, bool fmtp)
{
    struct hf_slice encoding, clock;
    uint64_t hz = 0;
    unsigned type;

    if (media == NULL || !to_type(take_part(&text, ' '), &type))
        return false;
    encoding = fmtp ? text : take_part(&text, '/');
    clock = take_part(&text, '/');
    if (encoding.bytes == 0 ||
        (!fmtp && clock.bytes > 0 && (!hf_slice_to_u64(clock, &hz) || hz > UINT32_MAX)))
        return false;
    struct hf_sdp_payload *payload = payload_of_type(sdp, media, type, false);

    if (payload == NULL)
        return true;
    if (fmtp) {
        payload->fmtp = encoding;
    } else {
        payload->encoding = encoding;
        payload->clock_hz = (uint32_t)hz;
    }
    return true;
}

static bool take_word(const struct hf_sdp_words *words, struct hf_slice text, unsigned *ret_value)
{
    unsigned value = hf_sdp_word_of(words, text);

    if (value != 0 && *ret_value == 0)
        *ret_value = value;
    return value != 0;
}

static bool take_text(struct hf_slice text, struct hf_slice *into)
{
    if (into->at == NULL)
        *into = text;
    return text.bytes > 0;
}

/* An attribute of the media that it follows, of the first when it follows none. */
static bool take_attribute(struct hf_sdp *sdp, struct hf_sdp_media *media, struct hf_slice text)
{
    struct hf_slice value = text, name = take_part(&value, ':');
    unsigned direction = hf_sdp_word_of(&hf_sdp_directions, name), word = 0;
    struct hf_sdp_media nowhere = {.kind = HF_SDP_KIND_NONE};
    bool good;

    if (direction != 0) {
        media = media != NULL ? media : &nowhere;
        media->direction = media->direction != 0 ? media->direction : (enum hf_sdp_direction)direction;
        return true;
    }
    if (hf_slice_eq_nocase(name, HF_SLICE("rtpmap")))
        return take_map(sdp, media, value, false);
    if (hf_slice_eq_nocase(name, HF_SLICE("fmtp")))
        return take_map(sdp, media, value, true);
    if (hf_slice_eq_nocase(name, HF_SLICE("setup"))) {
        good = take_word(&hf_sdp_setups, value, &word);
        if (media != NULL && media->setup == 0)
            media->setup = (enum hf_sdp_setup)word;
        return good;
    }
    if (hf_slice_eq_nocase(name, HF_SLICE("connection"))) {
        good = take_word(&hf_sdp_connections, value, &word);
        if (media != NULL && media->connection == 0)
            media->connection = (enum hf_sdp_connection)word;
        return good;
    }
    if (hf_slice_eq_nocase(name, HF_SLICE("filesize"))) {
        uint64_t bytes;

        if (!hf_slice_to_u64(value, &bytes))
            return false;
        sdp->file_size_bytes = sdp->has_file_size ? sdp->file_size_bytes : bytes;
        sdp->has_file_size = true;
        return true;
    }
    const struct {
        const char *name;
        struct hf_slice *into;
    } texts[] = {{"downloadspeed", &sdp->download_speed},
                 {"streamnumber", &sdp->stream_number},
                 {"svcspace", &sdp->svc_space},
                 {"svctime", &sdp->svc_time},
                 {"ssvcratio", &sdp->ssvc_ratio}};

    for (size_t i = 0; i < HF_COUNT_OF(texts); i++)
        if (hf_slice_eq_nocase(name, hf_slice_of(texts[i].name)))
            return take_text(value, texts[i].into);
    if (name.bytes == 0)
        return false;
    if (sdp->other_count == HF_SDP_OTHERS_MAX)
        sdp->tolerances |= HF_SDP_OTHERS;
    else
        sdp->others[sdp->other_count++] = text;
    return true;
}

static bool take_ssrc(struct hf_sdp *sdp, struct hf_slice text)
{
    bool exact = true;

    sdp->has_ssrc = hf_ssrc_parse(text, &sdp->ssrc, &exact);
    if (!exact)
        sdp->tolerances |= HF_SDP_SSRC;
    return sdp->has_ssrc;
}

static bool take_format(struct hf_sdp *sdp, struct hf_slice text)
{
    sdp->format_text = text;
    sdp->has_format = hf_sdp_format_parse(text, &sdp->format);
    return sdp->has_format;
}

/* Lines that count once. False: cannot be read. */
static bool take_line(struct hf_sdp *sdp, const struct line *line, struct hf_sdp_media *media)
{
    switch (line->type) {
    case 'o': return take_origin(sdp, line->value);
    case 's':
        sdp->session_name = line->value;
        sdp->session = (enum hf_sdp_session)hf_sdp_word_of(&hf_sdp_sessions, line->value);
        return true;
    case 'u': return take_uri(sdp, line->value);
    case 'c':
        return take_address(line->value,
                            media != NULL && sdp->address.bytes > 0 ? &media->address : &sdp->address);
    case 't': return take_time(sdp, line->value);
    case 'y': return take_ssrc(sdp, line->value);
    case 'f': return take_format(sdp, line->value);
    case 'v': return hf_slice_is(line->value, "0");
    default: return true; /* b=, i=, ... mean nothing here */
    }
}

static bool is_once(char type)
{
    return type != '\0' && strchr("vosutyf", type) != NULL;
}

hf_err hf_sdp_parse(struct hf_slice body, struct hf_sdp *ret_sdp)
{
    static const char order[] = "vosuctmayf", needed[] = "vosctm";
    struct lines lines = {.tolerances = 0};
    uint32_t seen = 0; /* by letter */
    unsigned rank = 0, media_seen = 0;
    struct line line;

    memset(ret_sdp, 0, sizeof(*ret_sdp));
    if (body.bytes == 0)
        return HF_ERR_MALFORMED;
    lines.at = body.at;
    lines.end = body.at + body.bytes;
    while (next_line(&lines, &line))
        if (line.type == 'm' && !take_media(ret_sdp, line.value))
            ret_sdp->tolerances |= HF_SDP_UNREADABLE;
    lines.at = body.at;
    while (next_line(&lines, &line)) {
        const char *place = strchr(order, line.type);
        bool first = line.type >= 'a' && line.type <= 'z' && !(seen >> (line.type - 'a') & 1);
        struct hf_sdp_media *media =
            ret_sdp->media_count == 0 ? NULL : &ret_sdp->media[media_seen > 0 ? media_seen - 1 : 0];
        bool good = true;

        if (place != NULL && media_seen == 0 && line.type != 'a') {
            if ((unsigned)(place - order) < rank)
                ret_sdp->tolerances |= HF_SDP_ORDER;
            rank = (unsigned)(place - order);
        } else if (media_seen > 0 && place != NULL && strchr("acmyf", line.type) == NULL) {
            ret_sdp->tolerances |= HF_SDP_ORDER; /* of the session, but below the media */
        }
        if (line.type == 'm')
            media_seen = HF_MIN(media_seen + 1, HF_MAX(ret_sdp->media_count, 1u));
        else if (line.type == 'a')
            good = take_attribute(ret_sdp, media, line.value);
        else if (!first && is_once(line.type))
            ret_sdp->tolerances |= HF_SDP_TWICE;
        else
            good = take_line(ret_sdp, &line, media_seen > 0 ? media : NULL);
        if (!good)
            ret_sdp->tolerances |= HF_SDP_UNREADABLE;
        if (good && line.type >= 'a' && line.type <= 'z' && (line.type != 'm' || ret_sdp->media_count > 0))
            seen |= UINT32_C(1) << (line.type - 'a');
    }
    ret_sdp->tolerances |= lines.tolerances;
    for (const char *c = needed; *c != '\0'; c++)
        if (!(seen >> (*c - 'a') & 1))
            ret_sdp->tolerances |= HF_SDP_MISSING;
    return seen == 0 && ret_sdp->media_count == 0 ? HF_ERR_MALFORMED : HF_OK;
}
