/* codec/mansrtsp/parse.c - see mansrtsp.h. */
#include <math.h>
#include <stdlib.h>

#include "base/assert.h"
#include "codec/mansrtsp/mansrtsp.h"

enum { NUMBER_BYTES_MAX = 24 };

const char *hf_mansrtsp_tolerance_name(unsigned index)
{
    static const char *const names[] = {
#define TOLERANCE(id, name) name,
        HF_MANSRTSP_TOLERANCE_MAP(TOLERANCE)
#undef TOLERANCE
    };

    return index < HF_MANSRTSP_TOLERANCES ? names[index] : NULL;
}

/* The next line without its end; blanks around it go. False at the end of the body. */
static bool next_line(struct hf_slice *body, struct hf_slice *ret_line, uint32_t *tolerances)
{
    if (body->bytes == 0)
        return false;
    const char *end = memchr(body->at, '\n', body->bytes);
    size_t bytes = end != NULL ? (size_t)(end - body->at) : body->bytes;
    struct hf_slice line = {body->at, bytes};

    body->at += bytes + (end != NULL);
    body->bytes -= bytes + (end != NULL);
    if (end != NULL && line.bytes > 0 && line.at[line.bytes - 1] == '\r')
        line.bytes--;
    else
        *tolerances |= HF_MANSRTSP_LINE_END;
    while (line.bytes > 0 && (line.at[line.bytes - 1] == '\0' || line.at[line.bytes - 1] == '\r'))
        line.bytes--;
    *ret_line = hf_slice_trim(line);
    return true;
}

static struct hf_slice take_until(struct hf_slice *text, char separator)
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

/* Digits, one point or comma, and a sign where it is allowed. */
static bool number(struct hf_mansrtsp *message, struct hf_slice text, bool sign, double *ret_value)
{
    char copy[NUMBER_BYTES_MAX + 1], *end;

    if (text.bytes == 0 || text.bytes > NUMBER_BYTES_MAX)
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];

        if (!((c >= '0' && c <= '9') || c == '.' || c == ',' || (sign && i == 0 && (c == '-' || c == '+'))))
            return false;
        if (c == ',')
            message->tolerances |= HF_MANSRTSP_COMMA;
        copy[i] = (char)(c == ',' ? '.' : c);
    }
    copy[text.bytes] = '\0';
    *ret_value = strtod(copy, &end);
    return end == copy + text.bytes && isfinite(*ret_value);
}

/* now, 100, 100.5, 0:01:40 or nothing */
static bool point(struct hf_mansrtsp *message, struct hf_slice text, enum hf_mansrtsp_point *ret_point,
                  double *ret_seconds)
{
    double part;

    *ret_seconds = 0;
    *ret_point = HF_MANSRTSP_OPEN;
    if (text.bytes == 0)
        return true;
    if (hf_slice_eq_nocase(text, HF_SLICE("now"))) {
        *ret_point = HF_MANSRTSP_NOW;
        return true;
    }
    for (unsigned parts = 0; text.bytes > 0; parts++) {
        if (parts == 3 || !number(message, take_until(&text, ':'), false, &part))
            return false;
        *ret_seconds = *ret_seconds * 60 + part;
    }
    *ret_point = HF_MANSRTSP_AT;
    return true;
}

static bool take_range(struct hf_mansrtsp *message, struct hf_slice text)
{
    struct hf_slice unit = take_until(&text, '=');
    struct hf_slice start = take_until(&text, '-');

    text = take_until(&text, ';');
    if (!hf_slice_eq_nocase(unit, HF_SLICE("npt")) ||
        !point(message, start, &message->start, &message->start_s) ||
        !point(message, text, &message->end, &message->end_s)) {
        message->start = message->end = HF_MANSRTSP_OPEN;
        return false;
    }
    return true;
}

/* url=...;seq=1024;rtptime=90000 */
static bool take_info(struct hf_mansrtsp *message, struct hf_slice text)
{
    uint64_t value;

    while (text.bytes > 0) {
        struct hf_slice item = take_until(&text, ';');
        struct hf_slice name = take_until(&item, '=');

        if (hf_slice_eq_nocase(name, HF_SLICE("seq")) && hf_slice_to_u64(item, &value) &&
            value <= UINT16_MAX) {
            message->has_seq = true;
            message->seq = (uint16_t)value;
        } else if (hf_slice_eq_nocase(name, HF_SLICE("rtptime")) && hf_slice_to_u64(item, &value) &&
                   value <= UINT32_MAX) {
            message->has_rtptime = true;
            message->rtptime = (uint32_t)value;
        }
    }
    return message->has_seq || message->has_rtptime;
}

static bool take_header(struct hf_mansrtsp *message, struct hf_slice name, struct hf_slice value)
{
    uint64_t cseq;

    if (hf_slice_eq_nocase(name, HF_SLICE("CSeq"))) {
        if (!hf_slice_to_u64(value, &cseq) || cseq > UINT32_MAX)
            return false;
        message->has_cseq = true;
        message->cseq = (uint32_t)cseq;
    } else if (hf_slice_eq_nocase(name, HF_SLICE("Scale"))) {
        message->has_scale = number(message, value, true, &message->scale) && message->scale != 0;
        return message->has_scale;
    } else if (hf_slice_eq_nocase(name, HF_SLICE("Range"))) {
        return take_range(message, value);
    } else if (hf_slice_eq_nocase(name, HF_SLICE("PauseTime"))) {
        message->pause_now = hf_slice_eq_nocase(value, HF_SLICE("now"));
        return message->pause_now;
    } else if (hf_slice_eq_nocase(name, HF_SLICE("RTP-Info"))) {
        return take_info(message, value);
    }
    return true; /* another header: nothing that steers */
}

/* RTSP/1.0 200 OK, or PLAY RTSP/1.0, or PLAY url RTSP/1.0. */
static bool take_first(struct hf_mansrtsp *message, struct hf_slice line)
{
    static const char *const methods[] = {"PLAY", "PAUSE", "TEARDOWN"};
    struct hf_slice rest = line, word = take_until(&rest, ' '), version = word;
    bool answer = word.bytes > 0 && memchr(word.at, '/', word.bytes) != NULL;
    uint64_t status;

    if (answer) {
        if (!hf_slice_to_u64(take_until(&rest, ' '), &status) || status < 100 || status > 999)
            return false;
        message->status = (unsigned)status;
        message->reason = rest;
    } else {
        message->method = HF_MANSRTSP_OTHER;
        message->method_name = word;
        for (unsigned i = 0; i < HF_COUNT_OF(methods); i++)
            if (hf_slice_eq_nocase(word, hf_slice_of(methods[i])))
                message->method = (enum hf_mansrtsp_method)(HF_MANSRTSP_PLAY + i);
        for (version = rest; rest.bytes > 0;) /* the last word */
            version = take_until(&rest, ' ');
    }
    if (!hf_slice_is(version, "RTSP/1.0"))
        message->tolerances |= HF_MANSRTSP_VERSION;
    /* A method that is not known needs the version to be told from noise. */
    return answer || message->method != HF_MANSRTSP_OTHER ||
           (version.bytes > 5 && memmem(version.at, version.bytes, "RTSP/", 5) != NULL);
}

hf_err hf_mansrtsp_parse(struct hf_slice body, struct hf_mansrtsp *ret_message)
{
    static const char *const once[] = {"CSeq", "Scale", "Range", "PauseTime", "RTP-Info"};
    struct hf_slice line = {NULL, 0};
    unsigned lines = 0, seen = 0;

    *ret_message = (struct hf_mansrtsp){.method = HF_MANSRTSP_ANSWER};
    while (line.bytes == 0)
        if (!next_line(&body, &line, &ret_message->tolerances))
            return HF_ERR_MALFORMED;
    if (line.bytes > HF_MANSRTSP_LINE_BYTES_MAX || !take_first(ret_message, line))
        return HF_ERR_MALFORMED;
    while (next_line(&body, &line, &ret_message->tolerances) && line.bytes > 0) {
        if (++lines == HF_MANSRTSP_LINES_MAX) {
            ret_message->tolerances |= HF_MANSRTSP_LINES;
            break;
        }
        if (line.bytes > HF_MANSRTSP_LINE_BYTES_MAX) {
            ret_message->tolerances |= HF_MANSRTSP_LONG;
            continue;
        }
        bool colon = memchr(line.at, ':', line.bytes) != NULL;
        struct hf_slice name = take_until(&line, ':');
        unsigned which = 0;

        while (which < HF_COUNT_OF(once) && !hf_slice_eq_nocase(name, hf_slice_of(once[which])))
            which++;
        if (which < HF_COUNT_OF(once) && (seen >> which & 1))
            ret_message->tolerances |= HF_MANSRTSP_TWICE;
        else if (!colon || !take_header(ret_message, name, line))
            ret_message->tolerances |= HF_MANSRTSP_UNREADABLE;
        else if (which < HF_COUNT_OF(once))
            seen |= 1u << which;
    }
    if (!ret_message->has_cseq)
        ret_message->tolerances |= HF_MANSRTSP_CSEQ;
    return HF_OK;
}
