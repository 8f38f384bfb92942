/* core/media/ports.h - the ports on which media comes in: even ones for RTP, the next for RTCP (RFC 3550 11). A port that was given back rests before it is given out again, so
 * that late packets of one stream never meet the next one's socket; the one that has rested longest is next. Allocates at init only; time is handed in. Requirement GB-11. */
#ifndef HF_CORE_MEDIA_PORTS_H
#define HF_CORE_MEDIA_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum {
    HF_MEDIA_QUARANTINE_MS = 10000,
    HF_MEDIA_PORTS_ALARM_PERCENT = 90, /* given out or resting: the alarm begins */
    HF_MEDIA_PORTS_CALM_PERCENT = 80,  /* and ends */
};

enum hf_media_port_state { HF_MEDIA_PORT_FREE, HF_MEDIA_PORT_USED, HF_MEDIA_PORT_RESTING };

struct hf_media_ports {
    uint16_t first; /* even */
    uint32_t pairs;
    uint32_t used, resting;
    bool alarm;                                        /* read it after each call */
    uint64_t exhausted, taken, given, skipped, alarms; /* counters */
    /* the pool's own */
    struct hf_media_port *at; /* owns: by pair */
    uint32_t *free_ring, *rest_ring;
    uint32_t free_head, free_count, rest_head;
};

/* Pairs from the first even port >= first to the last odd one <= last. HF_ERR_INVALID: not one pair. HF_ERR_NOMEM. */
hf_err hf_media_ports_init(struct hf_media_ports *self, uint16_t first, uint16_t last);
void hf_media_ports_deinit(struct hf_media_ports *self);

/* The even port. HF_ERR_LIMIT: none is free, counted. */
hf_err hf_media_ports_take(struct hf_media_ports *self, uint64_t now_ms, uint16_t *ret_port);
/* Asserts that it was taken. */
void hf_media_ports_give(struct hf_media_ports *self, uint64_t now_ms, uint16_t port);
/* As give, for one that somebody else on this machine holds. */
void hf_media_ports_skip(struct hf_media_ports *self, uint64_t now_ms, uint16_t port);
/* Ends what has rested long enough; take() does, too. For gauges and the alarm's end. */
void hf_media_ports_settle(struct hf_media_ports *self, uint64_t now_ms);

/* Counts every pair anew. False: the counters do not agree with the pairs, which is a bug. */
struct hf_media_ports_audit {
    uint32_t free, used, resting;
    uint64_t longest_ms; /* that one has been given out */
};
bool hf_media_ports_audit(const struct hf_media_ports *self, uint64_t now_ms,
                          struct hf_media_ports_audit *ret);

#endif
