/* bench/chaos/path.h - what happens to each unit of one direction of one connection: when it arrives, whether it does,
 * and in which state. Pure: the time, the seed and sizes go in, a verdict comes out. Equal seeds give equal verdicts
 * for the n-th unit, whatever the time is; and each kind of fault draws from a sequence of its own, so that jitter
 * that is switched on does not change which units are lost.
 *
 * Sources: loss in bursts: Gilbert (1960) and Elliott (1963), two states; retransmission: RFC 6298 with Linux's bounds
 * (TCP_RTO_MIN 200 ms, TCP_RTO_MAX 120 s, TCP_TIMEOUT_INIT 1 s, tcp_retries2 15, tcp_syn_retries 6). */
#ifndef HF_BENCH_CHAOS_PATH_H
#define HF_BENCH_CHAOS_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "bench/chaos/faults.h"

enum {
    HF_CHAOS_SEGMENT_BYTES = 1448, /* an Ethernet frame without the heads of IPv4 and TCP with timestamps */
    HF_CHAOS_RTO_MIN_US = 200000,
    HF_CHAOS_RTO_MAX_US = 120000000,
    HF_CHAOS_RTO_CONNECT_US = 1000000,
    HF_CHAOS_RETRIES_MAX = 15,
    HF_CHAOS_CONNECT_RETRIES_MAX = 6,
    HF_CHAOS_RATE_STEP_US = 50000, /* a limited line hands on what it carries in so long at once */
};
#define HF_CHAOS_NEVER UINT64_MAX

struct hf_chaos_path {
    struct hf_rng loss, burst, jitter, damage, order;
    bool in_burst;
    uint64_t line_free_us; /* a limited line has sent what was given to it */
    uint64_t order_us;     /* TCP: nothing is due before what came before it */
};

struct hf_chaos_verdict {
    uint64_t due_us;
    uint64_t copy_due_us; /* of the second one, when duplicate */
    uint64_t stall_us;    /* TCP: what retransmissions added */
    unsigned losses;      /* how often it was lost; TCP: 0..HF_CHAOS_RETRIES_MAX */
    bool dropped;         /* UDP: it never arrives; nothing else is set */
    bool reset;           /* TCP: the connection is reset when it is due */
    bool duplicate, reordered, flipped, truncated;
    size_t flip_bit;   /* 0..8 * keep_bytes - 1 */
    size_t keep_bytes; /* how much of it arrives */
};

/* `number` counts connections or flows from 1: each has fates of its own, each of its directions, too. */
void hf_chaos_path_init(struct hf_chaos_path *path, uint64_t seed, uint64_t number,
                        enum hf_chaos_direction direction);

/* How many bytes the next unit of a TCP stream has, at most. */
size_t hf_chaos_unit_bytes(const struct hf_chaos_lane_faults *faults);

/* One unit of 1..SIZE_MAX / 8 bytes (a datagram may be empty) that is sent at now_us. */
void hf_chaos_path_segment(struct hf_chaos_path *path, const struct hf_chaos_faults *faults,
                           enum hf_chaos_direction direction, uint64_t now_us, size_t bytes,
                           struct hf_chaos_verdict *ret_verdict);
void hf_chaos_path_datagram(struct hf_chaos_path *path, const struct hf_chaos_faults *faults,
                            enum hf_chaos_direction direction, uint64_t now_us, size_t bytes,
                            struct hf_chaos_verdict *ret_verdict);

/* When a FIN or a RST of now_us is due: behind everything before it. */
uint64_t hf_chaos_path_end_us(struct hf_chaos_path *path, const struct hf_chaos_lane_faults *faults,
                              uint64_t now_us);

/* How long a TCP handshake takes that begins now: one round trip, and the retransmissions of a SYN or a SYN-ACK that
 * was lost. ret_losses counts those. */
uint64_t hf_chaos_handshake_us(struct hf_chaos_path *up, struct hf_chaos_path *down,
                               const struct hf_chaos_faults *faults, unsigned *ret_losses);

/* RFC 6298 2.3 with what the proxy knows about the path instead of measurements. */
uint64_t hf_chaos_rto_us(const struct hf_chaos_faults *faults);

/* The draw that hf_chaos_cut_us wants: one for the life of a connection, so that a setting that changes moves the same fate. */
double hf_chaos_fate(uint64_t seed, uint64_t number);
/* When a connection that was opened at opened_us is cut; HF_CHAOS_NEVER when nothing cuts it. */
uint64_t hf_chaos_cut_us(const struct hf_chaos_faults *faults, uint64_t opened_us, double draw);

double hf_chaos_draw(struct hf_rng *rng); /* 0 <= x < 1 */

#endif
