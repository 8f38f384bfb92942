/* core/session/heartbeat.h - the liveness rule of one connection, the same on both sides (HB-3 to HB-7, HB-9's first miss, WS-11's columns). One side, the
 * active one, sends heartbeats; both watch the silence of the other. Sans-I/O: time comes in, a verdict goes out. The 13 bytes are codec/session's.
 *
 * Who is active: the gateway in profile default, the device in ha and adaptive. The default profile's steps (30 s, 37.5, 45, 52.5, dead at 60) are
 * configured per tenant; the others follow from the interval in force: T = k I + clamp(SRTT + 4 RTTVAR, 100 ms, 2 s), with 1 s where nothing was measured.
 *
 *  default   life |----- idle -----| repeat | repeat | repeat | end        ha, adaptive   life |-- I --|-- I --|-- I --|margin| end
 *                                PING     PING     PING     PING dead                        PING    PING    PING         dead
 *                                         miss     miss: DEGRADED                                    miss    miss: DEGRADED
 *
 * DEGRADED shortens I, and T with it, but not the silence that led to it: the k-th beat has its time to be answered. A beat is lost when it is unanswered at the time of the next one, until its answer comes after all; it is a miss when nothing at all came since it was
 * sent. Loss is the number of lost ones among the last 20, counted against 20 from the start. */
#ifndef HF_CORE_SESSION_HEARTBEAT_H
#define HF_CORE_SESSION_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/session/frame.h"
#include "core/session/rtt.h"
#include "core/session/strikes.h"

enum {
    HF_BEAT_INTERVAL_MS_MIN = 5000, /* adaptive, healthy */
    HF_BEAT_INTERVAL_MS_MAX = 60000,
    HF_BEAT_DEGRADED_MS_MIN = 2000,
    HF_BEAT_HA_MS = 2000,
    HF_BEAT_LOSS_WINDOW = 20,  /* HB-6 */
    HF_BEAT_LOST_DEGRADED = 4, /* 20 % of them */
    HF_BEAT_LATE_MAX = 3,      /* in a row: DEGRADED */
    HF_BEAT_MISSES_DEGRADED = 2,
    HF_BEAT_ON_TIME_RESTORES = 5,
    HF_BEAT_OPEN_MAX = 8, /* beats whose answer may still come */
    HF_BEAT_ANSWER_MS = 500,
    HF_BEAT_MARGIN_MS_MIN = 100,
    HF_BEAT_MARGIN_MS_MAX = 2000,
    HF_BEAT_MARGIN_MS_UNMEASURED = 1000, /* as the first RTO of RFC 6298 */
};

#define HF_BEAT_UNMEASURED UINT32_MAX

struct hf_beat_rules {
    uint8_t profile;                      /* enum hf_profile, not ANY */
    uint8_t k;                            /* ha, adaptive: misses that end it; 3 */
    uint32_t idle_ms, repeat_ms, dead_ms; /* default: 30,000, 7,500, 60,000 */
};

enum hf_beat_verdict {
    HF_BEAT_NOTHING,
    HF_BEAT_SEND,     /* send *ret_beat as PING now */
    HF_BEAT_DEGRADED, /* just became so; a beat may be due at once: ask tick again */
    HF_BEAT_RESTORED,
    HF_BEAT_DEAD,         /* T is over */
    HF_BEAT_INVALID,      /* drop it, write the audit event */
    HF_BEAT_INVALID_MANY, /* the third within a minute: close 4400 */
};

struct hf_beat {
    const struct hf_beat_rules *rules; /* borrows */
    struct hf_rtt rtt;
    uint64_t life_ms;     /* last sign of life of the peer (monotonic) */
    uint64_t next_ms;     /* active: when the next beat is due */
    uint32_t seq;         /* last one sent */
    uint32_t peer_seq;    /* newest PING received */
    uint32_t interval_ms; /* I in force here: our own when active, what the peer announced when not */
    uint32_t wanted_ms;   /* active: a longer I that waits for its PONG; 0 = none */
    uint32_t open_ms
        [HF_BEAT_OPEN_MAX]; /* active: when the last beats were sent, low 32 bits, by seq; 0 = answered */
    uint64_t end_ms;        /* this silence does not end it before, whatever I has become; 0 = none */
    uint64_t sent_ms;       /* active: the last beat, or since when we listen */
    struct hf_strikes invalid;
    uint32_t answered_seq; /* active: newest beat answered */
    uint32_t lost_bits;    /* the last 20 beats before seq: 1 = unanswered, bit 0 is seq - 1 */
    uint8_t late, on_time; /* in a row */
    uint8_t misses;        /* in a row; at the first one a device looks around (HB-9) */
    uint8_t stage;         /* default, active: beats sent in this silence */
    bool judged : 1;       /* active: the last beat has been counted as answered or lost */
    bool dead : 1;
    bool active : 1, degraded : 1, peer_seen : 1, granted : 1;
};
_Static_assert(sizeof(struct hf_beat) <= 120, "an idle session is budgeted");

/* interval_ms: to begin with, from WELCOME; 0 = the profile's own. Above HF_BEAT_INTERVAL_MS_MAX counts as that (HB-7), below HF_BEAT_DEGRADED_MS_MIN as that. */
void hf_beat_init(struct hf_beat *beat, const struct hf_beat_rules *rules, bool active, uint32_t interval_ms,
                  uint64_t now_ms);

/* When tick() has to be called at the latest (monotonic ms). */
uint64_t hf_beat_due_ms(const struct hf_beat *beat);
/* Call again until NOTHING or DEAD. With SEND *ret_beat is filled; ts_ms is utc_ms. A tick that comes more than HF_BEAT_ANSWER_MS behind due (this process was
 * stopped) forgives the peer our own absence (F24); so does a PONG, because input may be read before timers run. DEAD is given again at every call until there is
 * life or a grant. Only the active side gets SEND, DEGRADED and RESTORED. */
enum hf_beat_verdict hf_beat_tick(struct hf_beat *beat, uint64_t now_ms, uint64_t utc_ms,
                                  struct hf_frame_beat *ret_beat);
/* An accepted frame came from the peer, of whatever type; _pong and _ping do it for theirs. */
void hf_beat_life(struct hf_beat *beat, uint64_t now_ms);
/* A PONG came: NOTHING, DEGRADED (late), RESTORED, INVALID, INVALID_MANY. An answer to a beat that was never sent, or that was answered already, is INVALID.
 * *ret_rtt_ms: how long it took; HF_BEAT_UNMEASURED when it does not say that, being invalid or so late that others took its place. */
enum hf_beat_verdict hf_beat_pong(struct hf_beat *beat, const struct hf_frame_beat *pong, uint64_t now_ms,
                                  uint32_t *ret_rtt_ms);
/* A PING came: NOTHING (echo it as PONG at once), INVALID, INVALID_MANY. Takes over the interval it announces, within the bounds of _init. */
enum hf_beat_verdict hf_beat_ping(struct hf_beat *beat, const struct hf_frame_beat *ping, uint64_t now_ms);
/* Before a verdict DEAD is carried out: the peer's kernel has acknowledged bytes since its last sign of life: one more I (default: repeat_ms), once until it shows
 * life. True = granted: not dead yet. */
bool hf_beat_grant(struct hf_beat *beat, uint64_t now_ms);
uint32_t hf_beat_timeout_ms(const struct hf_beat *beat); /* T now, without a grant */
/* HB-5, pure. */
uint32_t hf_beat_interval(uint32_t srtt_ms, bool degraded);
/* HB-6, pure: was an answer after delay_ms late, by what was known before it? */
bool hf_beat_late(const struct hf_rtt *rtt, uint64_t delay_ms);

#endif
