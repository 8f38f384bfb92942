/* core/session/resume.h - what becomes of a session when its device returns (RC-7), a pure decision. */
#ifndef HF_CORE_SESSION_RESUME_H
#define HF_CORE_SESSION_RESUME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"

enum { HF_RESUME_MS_DEFAULT = 300000 };

struct hf_resume_query {
    bool asked;             /* HELLO named a session */
    bool known;             /* it is the one that this device had last */
    bool other_device;      /* it is known, and another device's */
    uint64_t silent_ms;     /* since the last sign of life */
    uint64_t resume_ms;     /* limit; exactly at it counts as over */
    uint64_t position;      /* of the device, in the session's numbers */
    uint64_t retained_from; /* the oldest number that can still be sent, or is known to be a gap */
    uint64_t sent_through;  /* the highest number given in this session */
};

enum hf_resume {
    HF_RESUME_NEW,
    HF_RESUME_RESUMED,
    HF_RESUME_REBUILT,
    HF_RESUME_FORBIDDEN /* 4403 */,
    HF_RESUME_BROKEN /* 4400 */
};

struct hf_resume_answer {
    enum hf_resume resume;
    enum hf_reason reason;     /* of REBUILT: gap, expired, unknown_session */
    uint64_t gap_from, gap_to; /* with reason gap */
};

struct hf_resume_answer hf_resume_decide(const struct hf_resume_query *query);

#endif
