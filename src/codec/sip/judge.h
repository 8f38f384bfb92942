/* codec/sip/judge.h - what a server refuses before it looks at what a request is about, in the order of RFC 3261 8.2: method,
 * Request-URI, Require, body, Accept. One table of what is served stands behind the verdict and the headers that explain
 * it. Sources: RFC 3261 8.1.3.3, 8.2.1-8.2.3; RFC 4475 3.3. */
#ifndef HF_CODEC_SIP_JUDGE_H
#define HF_CODEC_SIP_JUDGE_H

#include "codec/sip/write.h"

struct hf_sip_policy {
    uint32_t methods;              /* bits 1 << enum hf_sip_method that are served */
    const char *const *extensions; /* option tags that may be required; ends with NULL */
    const char *const *types;      /* types of bodies that are taken, without case; ends with NULL */
    bool offer_needs_sdp;          /* INVITE: an Accept without application/sdp is 406 */
};

enum { HF_SIP_TAKE = 0, HF_SIP_DROP = 1 }; /* beside statuses */

/* HF_SIP_TAKE; HF_SIP_DROP for what must not be answered: a broken response or ACK, a response with more than one Via,
 * a broken request without Via; else the status to answer: what the parser found wrong, 501, 405, 416, 420, 415, 406. */
unsigned hf_sip_judge(const struct hf_sip_msg *msg, const struct hf_sip_policy *policy);

/* The whole answer for a status that hf_sip_judge() gave (it is put into reply->status by the caller), with Allow, Unsupported
 * or Accept where the status calls for it. As hf_sip_write_reply. */
hf_err hf_sip_write_judgement(struct hf_sb *sb, const struct hf_sip_msg *request,
                              const struct hf_sip_reply *reply, const struct hf_sip_policy *policy);

/* "Allow: INVITE, ACK, ..." of the policy's methods: also for answers to OPTIONS and INVITE. */
hf_err hf_sip_write_allow(struct hf_sb *sb, uint32_t methods);

#endif
