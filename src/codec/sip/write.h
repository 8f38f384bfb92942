/* codec/sip/write.h - writes SIP messages into a string builder over the caller's buffer. Nothing that comes from
 * outside can add a line: folds become one blank, any other control character is refused.
 * Every call returns HF_OK; HF_ERR_INVALID when it refused its argument and added nothing; HF_ERR_LIMIT when the
 * builder had no room (sb->overflow stays set, so checking it once at the end is enough).
 * Sources: RFC 3261 7, 8.1, 8.2.6, 9.1, 17.1.1.3; RFC 3581 4; requirement GB-4. */
#ifndef HF_CODEC_SIP_WRITE_H
#define HF_CODEC_SIP_WRITE_H

#include "base/sb.h"
#include "codec/sip/sip.h"

/* "Not Found"; for codes outside the table the text of their class ("Client Error"), never NULL. */
const char *hf_sip_status_text(unsigned status);

/* --- pieces, in any order between the start line and the end --- */

/* METHOD URI SIP/2.0. The method must be a token, the URI without blanks. */
hf_err hf_sip_write_request(struct hf_sb *sb, struct hf_slice method, struct hf_slice uri);
/* SIP/2.0 STATUS REASON; 100..699; reason absent = the table's text. */
hf_err hf_sip_write_status(struct hf_sb *sb, unsigned status, struct hf_slice reason);
hf_err hf_sip_write_header(struct hf_sb *sb, struct hf_slice name, struct hf_slice value);
hf_err hf_sip_write_id(struct hf_sb *sb, enum hf_sip_header_id id, struct hf_slice value); /* not OTHER */
hf_err hf_sip_write_u64(struct hf_sb *sb, enum hf_sip_header_id id, uint64_t value);

struct hf_sip_via_out {
    enum hf_sip_transport transport;
    struct hf_slice host; /* an IPv6 address with or without brackets */
    uint16_t port;        /* 0 = none written */
    struct hf_slice branch;
    bool rport; /* adds ";rport" */
};
hf_err hf_sip_write_via(struct hf_sb *sb, const struct hf_sip_via_out *via);
/* From, To, Contact, Route...: "NAME: <URI>;tag=TAG"; tag absent = none. */
hf_err hf_sip_write_address(struct hf_sb *sb, enum hf_sip_header_id id, struct hf_slice uri,
                            struct hf_slice tag);
hf_err hf_sip_write_cseq(struct hf_sb *sb, uint32_t number, struct hf_slice method);

/* Content-Type (only with a body; absent = none), Content-Length always, the empty line, the body. */
hf_err hf_sip_write_end(struct hf_sb *sb, struct hf_slice content_type, struct hf_slice body);

/* Adds the value with folds made one blank; what hf_sip_write_header does to values. */
hf_err hf_sip_write_value(struct hf_sb *sb, struct hf_slice value);

/* --- answers (RFC 3261 8.2.6) --- */

struct hf_sip_reply {
    unsigned status;
    struct hf_slice reason; /* absent = the table's text */
    struct hf_slice
        to_tag; /* added to To when the request's has none and status is above 100; absent = none */
    struct hf_slice received; /* source address without brackets, absent = top Via stays as it is */
    uint16_t received_port;
    bool force_rport; /* behave as if the top Via had rport (platform rule for UDP) */
};

/* The status line and, copied in order: every Via (the top one with received when the source is not what sent-by
 * says or rport is asked for, and rport filled), Record-Route for 101..299, From, To, Call-ID, CSeq; Timestamp for
 * 100. The caller adds what else it wants and ends with hf_sip_write_end. Of a malformed request that is ->answerable
 * what it has is copied. HF_ERR_INVALID for any other, and when a value may not be written. */
hf_err hf_sip_write_reply(struct hf_sb *sb, const struct hf_sip_msg *request,
                          const struct hf_sip_reply *reply);

/* --- requests made from others --- */

/* The ACK for a final response other than 2xx (17.1.1.3): whole, ended. `invite` is our own request as parsed. */
hf_err hf_sip_write_ack(struct hf_sb *sb, const struct hf_sip_msg *invite, const struct hf_sip_msg *response);
/* The CANCEL of our own request (9.1): whole, ended. */
hf_err hf_sip_write_cancel(struct hf_sb *sb, const struct hf_sip_msg *request);

#endif
