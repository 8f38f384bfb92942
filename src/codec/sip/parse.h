/* codec/sip/parse.h - private to sip: what parser and framer must read alike. */
#ifndef HF_CODEC_SIP_PARSE_H
#define HF_CODEC_SIP_PARSE_H

#include "codec/sip/sip.h"

/* Content-Length over all its lines; zero before the first. */
struct hf_sip_length {
    bool found;
    uint32_t bytes;
};

/* Takes one Content-Length value, trimmed. What was forgiven is or-ed into *tolerated. */
enum hf_sip_problem hf_sip_take_length(struct hf_sip_length *length, struct hf_slice value,
                                       const struct hf_sip_limits *limits, uint32_t *tolerated);

/* Splits the start line and the headers of a head into msg. *at stands on the start line and moves behind the empty
 * line, or to the end when there is none. Notes the problems in msg->problem. */
void hf_sip_split_head(const char **at, const char *end, const struct hf_sip_limits *limits,
                       struct hf_sip_msg *msg);

/* Expires and the parameter of a Contact: seconds. False for what is no number, which RFC 3261 20.10 reads as absent;
 * above 2^32 - 1 only with HF_SIP_TOL_EXPIRES_ODD, as that. */
bool hf_sip_take_expires(struct hf_slice value, uint32_t tolerances, uint32_t *ret_s, uint32_t *tolerated);

/* Whether the text, but for blanks and NULs around it, is an XML document from its first "<" to the end tag of
 * its root: enough to tell which of two lengths of a body is meant. */
bool hf_sip_xml_whole(struct hf_slice text);

static inline void hf_sip_note(struct hf_sip_msg *msg, enum hf_sip_problem problem)
{
    if (msg->problem == HF_SIP_NO_PROBLEM)
        msg->problem = (uint8_t)problem;
}

#endif
