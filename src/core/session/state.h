/* core/session/state.h - the states of a connection (WS-11), one table with one door. doc/protocol.md section 1 prints the same table. */
#ifndef HF_CORE_SESSION_STATE_H
#define HF_CORE_SESSION_STATE_H

#include <stdbool.h>
#include <stdint.h>

#define HF_LINK_STATE_MAP(X)                  \
    X(HF_LINK_HANDSHAKING, "handshaking")     \
    X(HF_LINK_CONNECTED, "connected")         \
    X(HF_LINK_DEGRADED, "degraded")           \
    X(HF_LINK_DISCONNECTING, "disconnecting") \
    X(HF_LINK_DISCONNECTED, "disconnected")
#define HF_LINK_EVENT_MAP(X)                                              \
    X(HF_LINK_EV_HS_OK, "hs_ok")                                          \
    X(HF_LINK_EV_HS_FAIL, "hs_fail") /* or its timeout */                 \
    X(HF_LINK_EV_HEALTHY, "healthy") /* 5 answers in time */              \
    X(HF_LINK_EV_SICK, "sick")       /* 3 late, 2 misses, loss >= 20 % */ \
    X(HF_LINK_EV_SILENT, "silent")   /* T is over */                      \
    X(HF_LINK_EV_LOCAL_CLOSE, "local_close")                              \
    X(HF_LINK_EV_PEER_CLOSE, "peer_close")                                \
    X(HF_LINK_EV_LOST, "lost")     /* EOF, RST, write deadline */         \
    X(HF_LINK_EV_CLOSED, "closed") /* the exchange is over, or 5 s */
#define HF_LINK_ENUM(id, name) id,
enum hf_link_state { HF_LINK_STATE_MAP(HF_LINK_ENUM) HF_LINK_STATES };
enum hf_link_event { HF_LINK_EVENT_MAP(HF_LINK_ENUM) HF_LINK_EVENTS };
#undef HF_LINK_ENUM

struct hf_link_step {
    enum hf_link_state next;
    bool refused; /* an empty cell: count it; next is the old state */
    bool ignored; /* a cell that says "ignored" */
};

struct hf_link_step hf_link_apply(enum hf_link_state state, enum hf_link_event event);
const char *hf_link_state_name(unsigned state);
const char *hf_link_event_name(unsigned event);

#endif
