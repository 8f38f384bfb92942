/* core/fleet/pusher.h - carries pushes out (TWIN-8): walks over the members of a group and asks for one change of each member's shadow at its home worker. One push after the other, the oldest
 * first, so that what was pushed last is what stays. Everything that counts is in the log (core/fleet/push_rows.h): a pusher that ends in between is followed by one that walks again
 * and passes who has been counted.
 *
 * Spread over turns: a step every HF_PUSH_STEP_MS looks at HF_PUSH_STEP_MEMBERS members at most, with HF_PUSH_UNDER_WAY changes under way. Who cannot be changed now (busy, out of
 * memory, the rate of its shadow) is left for another round, HF_PUSH_ROUNDS_MAX of them; whoever is left then is refused for that reason. */
#ifndef HF_CORE_FLEET_PUSHER_H
#define HF_CORE_FLEET_PUSHER_H

#include "base/wheel.h"
#include "core/call.h"
#include "core/fleet/query.h"

enum {
    HF_PUSH_STEP_MS =
        HF_WHEEL_TICK_MS, /* 64 members in 16 ms: at some 20 us each on the worker that is home to all, far from a stall */
    HF_PUSH_STEP_MEMBERS = 64,
    HF_PUSH_STEP_ROWS = 500, /* of the index and of members, a step */
    HF_PUSH_UNDER_WAY = 256,
    HF_PUSH_ROUND_MS = 1000, /* between two rounds over the same group */
    HF_PUSH_ROUNDS_MAX = 30,
};

struct hf_pusher_stats {
    uint64_t asked, put_off /* busy members, left for another round */, refused, rounds, done;
};

struct hf_pusher_options {
    struct hf_kv *kv;
    struct hf_wheel *wheel;
    /* As hf_backend_ops.call: HF_OK: on_done() comes later or at once; HF_ERR_BUSY. Calls are DOCUMENT and RECORD. */
    hf_err (*call)(void *context, struct hf_call *call);
    void *context;
};

struct hf_pusher {
    struct hf_pusher_options options;
    struct hf_timer timer;
    struct hf_pusher_stats stats;
    /* The push that is carried out; tenant absent = none. */
    struct hf_slice tenant, group, change, who, by; /* in `storage` */
    char *storage;
    uint8_t id[16];
    uint8_t finished[16]; /* the last one that was done: the tables may not know it yet */
    struct hf_fleet_query query;
    unsigned under_way, round;
    uint16_t put_off_reason; /* of this round; NONE: nobody was put off */
    bool console;            /* it was asked for there */
    bool walked;             /* this round is over, but for what is under way */
    bool ending;             /* shadow.push_done is on its way */
    bool stopped;
    uint8_t after_bytes;
    char after[HF_DEVICE_BYTES_MAX];
    uint64_t round_ms; /* not before */
    uint64_t through;  /* the last record about a member: a round begins when the tables have it */
};

void hf_pusher_init(struct hf_pusher *pusher, const struct hf_pusher_options *options);
/* There may be a push to carry out: once a second and whenever one was accepted. Harmless at any time. */
void hf_pusher_look(struct hf_pusher *pusher, uint64_t now_ms);
/* Nothing more is begun; what is under way comes back before hf_pusher_deinit(). */
void hf_pusher_stop(struct hf_pusher *pusher);
void hf_pusher_deinit(struct hf_pusher *pusher);

#endif
