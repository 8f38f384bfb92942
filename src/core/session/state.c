/* core/session/state.c - the table of WS-11. DISCONNECTED has no row: nothing leaves it. */
#include "core/session/state.h"

#include <stddef.h>

#include "base/assert.h"

/* An empty cell is 0, so that a cell nobody thought of is a refused one. */
enum { IGNORED = 1, TO = 2 };

static const uint8_t cells[HF_LINK_STATES][HF_LINK_EVENTS] = {
    [HF_LINK_HANDSHAKING] = {[HF_LINK_EV_HS_OK] = TO + HF_LINK_CONNECTED,
                             [HF_LINK_EV_HS_FAIL] = TO + HF_LINK_DISCONNECTED,
                             [HF_LINK_EV_LOCAL_CLOSE] = TO + HF_LINK_DISCONNECTED,
                             [HF_LINK_EV_PEER_CLOSE] = TO + HF_LINK_DISCONNECTED,
                             [HF_LINK_EV_LOST] = TO + HF_LINK_DISCONNECTED},
    [HF_LINK_CONNECTED] = {[HF_LINK_EV_HEALTHY] = TO + HF_LINK_CONNECTED,
                           [HF_LINK_EV_SICK] = TO + HF_LINK_DEGRADED,
                           [HF_LINK_EV_SILENT] = TO + HF_LINK_DISCONNECTING,
                           [HF_LINK_EV_LOCAL_CLOSE] = TO + HF_LINK_DISCONNECTING,
                           [HF_LINK_EV_PEER_CLOSE] = TO + HF_LINK_DISCONNECTING,
                           [HF_LINK_EV_LOST] = TO + HF_LINK_DISCONNECTED},
    [HF_LINK_DEGRADED] = {[HF_LINK_EV_HEALTHY] = TO + HF_LINK_CONNECTED,
                          [HF_LINK_EV_SICK] = TO + HF_LINK_DEGRADED,
                          [HF_LINK_EV_SILENT] = TO + HF_LINK_DISCONNECTING,
                          [HF_LINK_EV_LOCAL_CLOSE] = TO + HF_LINK_DISCONNECTING,
                          [HF_LINK_EV_PEER_CLOSE] = TO + HF_LINK_DISCONNECTING,
                          [HF_LINK_EV_LOST] = TO + HF_LINK_DISCONNECTED},
    [HF_LINK_DISCONNECTING] = {[HF_LINK_EV_HEALTHY] = IGNORED,
                               [HF_LINK_EV_SICK] = IGNORED,
                               [HF_LINK_EV_SILENT] = IGNORED,
                               [HF_LINK_EV_LOCAL_CLOSE] = IGNORED,
                               [HF_LINK_EV_PEER_CLOSE] = TO + HF_LINK_DISCONNECTING,
                               [HF_LINK_EV_LOST] = TO + HF_LINK_DISCONNECTED,
                               [HF_LINK_EV_CLOSED] = TO + HF_LINK_DISCONNECTED},
};

struct hf_link_step hf_link_apply(enum hf_link_state state, enum hf_link_event event)
{
    HF_ASSERT(state < HF_LINK_STATES);
    HF_ASSERT(event < HF_LINK_EVENTS);
    uint8_t cell = cells[state][event];

    if (cell < TO)
        return (struct hf_link_step){.next = state, .refused = cell == 0, .ignored = cell == IGNORED};
    return (struct hf_link_step){.next = (enum hf_link_state)(cell - TO)};
}

#define NAME(id, name) [id] = name,

const char *hf_link_state_name(unsigned state)
{
    static const char *const names[] = {HF_LINK_STATE_MAP(NAME)};

    return state < HF_COUNT_OF(names) ? names[state] : "unknown";
}

const char *hf_link_event_name(unsigned event)
{
    static const char *const names[] = {HF_LINK_EVENT_MAP(NAME)};

    return event < HF_COUNT_OF(names) ? names[event] : "unknown";
}
