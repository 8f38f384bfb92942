/* codec/manscdp/body.c - see body.h. */
#include "codec/manscdp/body.h"

#include "base/assert.h"
#include "codec/manscdp/xml.h"

enum hf_cdp_body hf_cdp_body_kind(struct hf_slice content_type, struct hf_slice body)
{
    static const struct {
        const char *type;
        enum hf_cdp_body is;
    } types[] = {{"application/manscdp+xml", HF_CDP_BODY_XML},
                 {"application/sdp", HF_CDP_BODY_SDP},
                 {"application/mansrtsp", HF_CDP_BODY_RTSP}};
    const char *semicolon = content_type.bytes > 0 ? memchr(content_type.at, ';', content_type.bytes) : NULL;

    if (semicolon != NULL)
        content_type.bytes = (size_t)(semicolon - content_type.at);
    content_type = hf_slice_trim(content_type);
    body = hf_xml_trim(body);
    if (body.bytes == 0)
        return HF_CDP_BODY_NONE;
    for (size_t i = 0; i < HF_COUNT_OF(types); i++)
        if (hf_slice_eq_nocase(content_type, hf_slice_of(types[i].type)))
            return types[i].is;
    if (body.bytes > 3 && memcmp(body.at, "\xef\xbb\xbf", 3) == 0)
        body = (struct hf_slice){body.at + 3, body.bytes - 3};
    if (body.at[0] == '<')
        return HF_CDP_BODY_XML;
    return body.bytes > 1 && (body.at[0] | 32) == 'v' && body.at[1] == '=' ? HF_CDP_BODY_SDP
                                                                           : HF_CDP_BODY_RTSP;
}
