/* codec/sip/mask.c */
#include "codec/sip/mask.h"

#include "base/assert.h"
#include "codec/sip/scan.h"

static bool has_response(struct hf_slice name)
{
    switch (hf_sip_header_of(name)) {
    case HF_SIP_AUTHORIZATION:
    case HF_SIP_PROXY_AUTHORIZATION:
    case HF_SIP_AUTHENTICATION_INFO: return true;
    default: return false;
    }
}

/* Behind the value that starts at `at`: a quoted string, closed or not, or what stands before the next comma or blank. */
static char *value_end(char *at, char *end)
{
    bool quoted = at < end && *at == '"';

    for (at += quoted; at < end && (quoted ? *at != '"' : *at != ',' && !hf_sip_is_lws(*at)); at++)
        if (quoted && *at == '\\' && at + 1 < end)
            at++;
    return at;
}

static void mask_line(char *at, char *end)
{
    while (at < end) {
        char *name = at;

        if (!hf_sip_is(*at, SIP_TOKEN)) {
            at = *at == '"' ? value_end(at, end) : at; /* names inside quotes are none */
            at += at < end;
            continue;
        }
        while (at < end && hf_sip_is(*at, SIP_TOKEN))
            at++;
        struct hf_slice word = hf_sip_between(name, at);
        bool secret = HF_SIP_IS(word, "response") || HF_SIP_IS(word, "rspauth");

        while (at < end && hf_sip_is_lws(*at))
            at++;
        if (at == end || *at != '=')
            continue;
        do
            at++;
        while (at < end && hf_sip_is_lws(*at));
        char *stop = value_end(at, end);

        if (at == end)
            return;
        for (char *c = *at == '"' ? at + 1 : at; secret && c < stop; c++)
            if (!hf_sip_is_lws(*c))
                *c = '*';
        at = stop + (stop < end);
    }
}

static bool is_blank_line(const char *at, const char *end)
{
    return *at == '\n' || (*at == '\r' && at + 1 < end && at[1] == '\n');
}

void hf_sip_mask(char *text, size_t bytes)
{
    char *at = text, *end, *stop;

    if (bytes == 0)
        return;
    for (end = text + bytes; at < end && is_blank_line(at, end);) /* before a start line */
        at += *at == '\n' ? 1 : 2;
    for (; at < end && !is_blank_line(at, end); at = stop) {
        char *name = at;

        stop = at;
        do { /* a header with its folds */
            stop = memchr(stop, '\n', (size_t)(end - stop));
            stop = stop == NULL ? end : stop + 1;
        } while (stop < end && (*stop == ' ' || *stop == '\t'));
        while (at < stop && hf_sip_is(*at, SIP_TOKEN))
            at++;
        if (has_response(hf_sip_between(name, at)))
            mask_line(at, stop);
    }
}
