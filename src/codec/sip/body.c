/* codec/sip/body.c - which of two lengths of a body is meant. */
#include "codec/sip/parse.h"
#include "codec/sip/scan.h"

static bool is_filler(char c)
{
    return c == '\0' || hf_sip_is_lws(c);
}

static bool is_name(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c == '-';
}

/* Behind a byte order mark, "<?...?>" and blanks; NULL when a declaration does not end. */
static const char *skip_prolog(const char *at, const char *end)
{
    if (end - at >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    at = hf_sip_skip_lws(at, end);
    if (end - at >= 2 && at[0] == '<' && at[1] == '?') {
        at = memmem(at, (size_t)(end - at), "?>", 2);
        if (at != NULL)
            at = hf_sip_skip_lws(at + 2, end);
    }
    return at;
}

bool hf_sip_xml_whole(struct hf_slice text)
{
    const char *at = text.at, *end = hf_sip_end(text), *name;

    while (at < end && is_filler(*at))
        at++;
    while (end > at && is_filler(end[-1]))
        end--;
    at = skip_prolog(at, end);
    if (at == NULL || at == end || *at != '<')
        return false;
    for (name = ++at; at < end && is_name(*at);)
        at++;
    size_t bytes = (size_t)(at - name);

    if (bytes == 0 || end[-1] != '>')
        return false;
    for (end--; end > at && hf_sip_is_lws(end[-1]);)
        end--;
    return (size_t)(end - at) >= bytes + 3 && /* ">" or more of the start tag, "</" */
           hf_slice_eq_nocase((struct hf_slice){end - bytes, bytes}, (struct hf_slice){name, bytes}) &&
           memcmp(end - bytes - 2, "</", 2) == 0;
}
