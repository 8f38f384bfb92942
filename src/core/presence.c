#include "core/presence.h"

#include "base/assert.h"

#define TO(state) (HF_##state + 1) /* so that an empty cell is 0 */

static const uint8_t cells[HF_PRESENCES][HF_EVIDENCES] = {
    [HF_UNKNOWN] =
        {
            [HF_EVIDENCE_CONNECTED] = TO(ONLINE),
            [HF_EVIDENCE_LIFE] = TO(ONLINE),
            [HF_EVIDENCE_QUIET] = TO(UNKNOWN),
            [HF_EVIDENCE_SILENT] = TO(OFFLINE),
            [HF_EVIDENCE_BYE] = TO(OFFLINE),
            [HF_EVIDENCE_SOCKET_LOST] = TO(UNKNOWN),
            [HF_EVIDENCE_RESTART] = TO(UNKNOWN),
            [HF_EVIDENCE_EXPIRED] = TO(OFFLINE),
            [HF_EVIDENCE_AUTH_FAILED] = TO(UNKNOWN),
        },
    [HF_ONLINE] =
        {
            [HF_EVIDENCE_CONNECTED] = TO(ONLINE),
            [HF_EVIDENCE_LIFE] = TO(ONLINE),
            [HF_EVIDENCE_QUIET] = TO(UNKNOWN),
            [HF_EVIDENCE_SILENT] = TO(OFFLINE),
            [HF_EVIDENCE_BYE] = TO(OFFLINE),
            [HF_EVIDENCE_SOCKET_LOST] = TO(UNKNOWN),
            [HF_EVIDENCE_RESTART] = TO(UNKNOWN),
            [HF_EVIDENCE_EXPIRED] = TO(OFFLINE),
            [HF_EVIDENCE_AUTH_FAILED] = TO(ONLINE),
        },
    [HF_OFFLINE] =
        {
            [HF_EVIDENCE_CONNECTED] = TO(ONLINE),
            [HF_EVIDENCE_RESTART] = TO(OFFLINE),
            [HF_EVIDENCE_AUTH_FAILED] = TO(OFFLINE),
        },
};

struct hf_presence_step hf_presence_apply(enum hf_presence presence, enum hf_evidence evidence)
{
    HF_ASSERT(presence < HF_PRESENCES);
    HF_ASSERT(evidence < HF_EVIDENCES);
    unsigned cell = cells[presence][evidence];

    if (cell == 0)
        return (struct hf_presence_step){presence, false, true};
    enum hf_presence next = (enum hf_presence)(cell - 1);
    return (struct hf_presence_step){next, next != presence || evidence == HF_EVIDENCE_CONNECTED, false};
}

const char *hf_presence_name(unsigned presence)
{
    return presence == HF_ONLINE ? "online" : presence == HF_OFFLINE ? "offline" : "unknown";
}

enum hf_presence hf_presence_read(enum hf_presence recorded, bool same_boot, uint64_t utc_ms,
                                  uint64_t unknown_until_ms)
{
    if (same_boot || recorded == HF_OFFLINE)
        return recorded;
    return utc_ms >= unknown_until_ms ? HF_OFFLINE : HF_UNKNOWN;
}
