/* core/session_record.h - what an ONLINE event of holdfast.v1 says about the session, in its payload; the event's id is the session's. The tables take the
 * session from it (core/projection.c), applications read it in the event's text.
 *
 *   u8 version (1), u8 result, u16 reason, u64 base, u64 top, u64 queue id, u64 uplink, u64 gap from, u64 gap to       (big-endian) */
#ifndef HF_CORE_SESSION_RECORD_H
#define HF_CORE_SESSION_RECORD_H

#include "base/err.h"
#include "codec/session/frame.h"

enum { HF_SESSION_RECORD_BYTES = 4 + 6 * 8, HF_SESSION_QUEUE_CHARS = 16 };

struct hf_session_record {
    uint8_t result; /* enum hf_session_result */
    uint16_t reason;
    uint64_t base,
        top; /* downlink numbers are those of the device less base; up to top they were given before the session was made */
    uint64_t queue_id, uplink; /* where a queue that was not known begins */
    uint64_t gap_from, gap_to; /* of the session before: lost; 0 = nothing */
};

void hf_session_record_encode(const struct hf_session_record *record, uint8_t out[HF_SESSION_RECORD_BYTES]);
/* HF_ERR_MALFORMED: not one; the event of a raw connection has none. */
hf_err hf_session_record_decode(struct hf_slice payload, struct hf_session_record *ret_record);

/* A queue id as 16 hex digits, no NUL; parse gives 0 for anything else. */
void hf_session_queue_text(uint64_t queue_id, char out[HF_SESSION_QUEUE_CHARS]);
uint64_t hf_session_queue_parse(struct hf_slice text);

/* Session ids: 12 random bytes and 4 that bind them to the device, so that one that was given to another device is told from one that is no longer known. No
 * secret: who a device is, its credentials say. */
void hf_session_id_make(const uint8_t random[12], struct hf_slice tenant, struct hf_slice device,
                        uint8_t ret_id[16]);
bool hf_session_id_is_of(const uint8_t id[16], struct hf_slice tenant, struct hf_slice device);

#endif
