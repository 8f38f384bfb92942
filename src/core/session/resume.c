/* core/session/resume.c - the rows of RC-7, the strictest first: what a device must not ask for is refused whatever else holds. */
#include "core/session/resume.h"

struct hf_resume_answer hf_resume_decide(const struct hf_resume_query *query)
{
    if (!query->asked)
        return (struct hf_resume_answer){.resume = HF_RESUME_NEW};
    if (query->other_device)
        return (struct hf_resume_answer){.resume = HF_RESUME_FORBIDDEN,
                                         .reason = HF_REASON_IDENTITY_MISMATCH};
    if (!query->known)
        return (struct hf_resume_answer){.resume = HF_RESUME_REBUILT, .reason = HF_REASON_UNKNOWN_SESSION};
    if (query->position > query->sent_through)
        return (struct hf_resume_answer){.resume = HF_RESUME_BROKEN, .reason = HF_REASON_SESSION_BROKEN};
    if (query->silent_ms >= query->resume_ms)
        return (struct hf_resume_answer){.resume = HF_RESUME_REBUILT, .reason = HF_REASON_EXPIRED};
    if (query->retained_from > query->position + 1)
        return (struct hf_resume_answer){.resume = HF_RESUME_REBUILT,
                                         .reason = HF_REASON_GAP,
                                         .gap_from = query->position + 1,
                                         .gap_to = query->retained_from - 1};
    return (struct hf_resume_answer){.resume = HF_RESUME_RESUMED};
}
