/* core/gb/call.h - a media session of a camera: when it rings, when it stands, when it is over. One table for calls of ours and of the device's; the adapter tells what happened, does
 * what the step says, and asks what is due next. A step looks at the table first and then exchanges one word that holds state and version, so that of two threads that tell
 * something at once neither jumps where the table has no cell (GB-12). Pure. Sources: RFC 3261 9, 13, 15; GB/T 28181-2022 9.2, 9.8, 9.9; requirements GB-12, GB-17.
 *
 *   IDLE --invite--> RINGING --2xx, ACK--> CONNECTED --bye, stop, lost--> DISCONNECTED --freed--> IDLE
 *                      +--- 3xx to 6xx, CANCEL, BYE, stop, setup timer, lost ---^  */
#ifndef HF_CORE_GB_CALL_H
#define HF_CORE_GB_CALL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    HF_GB_CALL_SETUP_MS = 10000, /* from the command to the answer */
    HF_GB_CALL_SETUP_MS_MIN = 1000,
    HF_GB_CALL_SETUP_MS_MAX = 32000,
    HF_GB_CALL_MEDIA_MS = 10000,         /* from the answer to the first packet, where we see it; live */
    HF_GB_CALL_MEDIA_HISTORY_MS = 20000, /* playback and download */
    HF_GB_CALL_TAIL_MS =
        30000, /* a playback of which nobody says that it is at its end: after its last second */
    HF_GB_CALL_PAUSE_MS = 3600000, /* paused and forgotten */
    HF_GB_CALL_CLOSE_MS =
        80000, /* a cancelled INVITE has ended by then, whatever the device does: timers B and CANCEL, 32 s each */
};

#define HF_GB_CALL_STATE_MAP(X)                                          \
    X(HF_GB_CALL_IDLE, "idle")                                           \
    X(HF_GB_CALL_RINGING, "ringing") /* INVITE is out, or has come in */ \
    X(HF_GB_CALL_CONNECTED, "connected")                                 \
    X(HF_GB_CALL_DISCONNECTED, "disconnected") /* over; something may still come late */
#define HF_GB_CALL_ENUM(id, name) id,
enum hf_gb_call_state { HF_GB_CALL_STATE_MAP(HF_GB_CALL_ENUM) HF_GB_CALL_STATES };
#undef HF_GB_CALL_ENUM
const char *hf_gb_call_state_name(unsigned state); /* "ringing" */

enum hf_gb_call_event {
    HF_GB_CALL_INVITE, /* out or in */
    HF_GB_CALL_1XX,
    HF_GB_CALL_2XX,     /* in: it wants our ACK; or out, and its ACK has come */
    HF_GB_CALL_REFUSED, /* 300 to 699, no answer at all, or CANCEL by who asked */
    HF_GB_CALL_BYE,     /* theirs */
    HF_GB_CALL_STOP,    /* ours: an application has had enough */
    HF_GB_CALL_SETUP,   /* the setup timer */
    HF_GB_CALL_LOST,    /* no media, or no longer, or no device */
    HF_GB_CALL_FREED,
    HF_GB_CALL_EVENTS
};

/* What a step asks for. */
enum {
    HF_GB_CALL_DO_ACK = 1,    /* acknowledge the 2xx */
    HF_GB_CALL_DO_BYE = 2,    /* say BYE, best effort; after DO_ACK when both are set */
    HF_GB_CALL_DO_CANCEL = 4, /* cancel our INVITE; theirs is refused */
    HF_GB_CALL_DO_OK = 8,     /* answer 200 */
    HF_GB_CALL_DO_END = 16,   /* the call is over: once */
};

struct hf_gb_call_step {
    enum hf_gb_call_state next;
    uint8_t todo;   /* HF_GB_CALL_DO_* */
    bool forbidden; /* the table has no such cell: nothing changes */
};
/* The table alone. */
struct hf_gb_call_step hf_gb_call_look(enum hf_gb_call_state state, enum hf_gb_call_event event);

/* State in the low byte, above it how many steps there were. Zero is IDLE. */
typedef _Atomic uint64_t hf_gb_call_word;
struct hf_gb_call_step hf_gb_call_step(hf_gb_call_word *word, enum hf_gb_call_event event);
static inline enum hf_gb_call_state hf_gb_call_state(const hf_gb_call_word *word)
{
    return (enum hf_gb_call_state)(atomic_load(word) & 0xff);
}

/* ---- deadlines ---- */

enum hf_gb_call_due {
    HF_GB_CALL_DUE_NOTHING,
    HF_GB_CALL_DUE_SETUP,   /* no answer */
    HF_GB_CALL_DUE_MEDIA,   /* no first packet */
    HF_GB_CALL_DUE_TAIL,    /* a history that should be at its end */
    HF_GB_CALL_DUE_PAUSE,   /* paused for too long */
    HF_GB_CALL_DUE_REFRESH, /* the session's timer (RFC 4028) ran out */
    HF_GB_CALL_DUE_CLOSE,   /* the end itself takes too long */
    HF_GB_CALL_DUES
};
const char *hf_gb_call_due_name(enum hf_gb_call_due due); /* "setup", as results name it */

struct hf_gb_call_times { /* monotonic; 0 = it has not happened */
    uint64_t begun_ms, connected_ms, media_ms /* the first packet */, ended_ms, paused_ms;
    uint64_t refresh_ms; /* when the session's timer runs out; 0 = there is none */
    uint32_t setup_ms;   /* the limit */
    bool watched;        /* media goes through us: the first packet is seen */
    bool history;
    /* Where a history is: played_ms of its length_ms at mark_ms, from then on at this speed, in thousandths; negative: backwards. */
    uint64_t length_ms, played_ms, mark_ms;
    int32_t scale;
};
/* What is due next in this state, and when; it may lie in the past. */
enum hf_gb_call_due hf_gb_call_due(const struct hf_gb_call_times *times, enum hf_gb_call_state state,
                                   uint64_t *ret_due_ms);
/* How long that was allowed to take. */
uint32_t hf_gb_call_limit_ms(const struct hf_gb_call_times *times, enum hf_gb_call_due due);

uint32_t hf_gb_call_setup_ms(uint32_t wanted_ms); /* 0 is the default, anything else is clamped */

/* The position of a history now, 0 to length_ms. */
uint64_t hf_gb_call_position_ms(const struct hf_gb_call_times *times, uint64_t now_ms);
void hf_gb_call_pause(struct hf_gb_call_times *times, uint64_t now_ms);
void hf_gb_call_resume(struct hf_gb_call_times *times, uint64_t now_ms); /* harmless when it runs */
void hf_gb_call_scale(struct hf_gb_call_times *times, int32_t thousandths, uint64_t now_ms); /* not 0 */
void hf_gb_call_seek(struct hf_gb_call_times *times, uint64_t position_ms, uint64_t now_ms);

#endif
