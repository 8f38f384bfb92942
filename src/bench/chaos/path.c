#include "bench/chaos/path.h"

#include <math.h>

#include "base/assert.h"
#include "base/hash.h"

/* What is told apart by seed: each kind of fault, in each direction, of each connection. */
enum { DRAW_LOSS, DRAW_BURST, DRAW_JITTER, DRAW_DAMAGE, DRAW_ORDER, DRAWS, DRAW_FATE = 2 * DRAWS };

static const double US_PER_S = 1e6;

static void seed_one(struct hf_rng *rng, uint64_t seed, uint64_t number, unsigned which)
{
    hf_rng_seed(rng, hf_hash_mix(hf_hash_mix(seed) + number) + which);
}

void hf_chaos_path_init(struct hf_chaos_path *path, uint64_t seed, uint64_t number,
                        enum hf_chaos_direction direction)
{
    unsigned first = direction == HF_CHAOS_UP ? 0 : DRAWS;

    *path = (struct hf_chaos_path){0};
    seed_one(&path->loss, seed, number, first + DRAW_LOSS);
    seed_one(&path->burst, seed, number, first + DRAW_BURST);
    seed_one(&path->jitter, seed, number, first + DRAW_JITTER);
    seed_one(&path->damage, seed, number, first + DRAW_DAMAGE);
    seed_one(&path->order, seed, number, first + DRAW_ORDER);
}

double hf_chaos_fate(uint64_t seed, uint64_t number)
{
    struct hf_rng rng;

    seed_one(&rng, seed, number, DRAW_FATE);
    return hf_chaos_draw(&rng);
}

double hf_chaos_draw(struct hf_rng *rng)
{
    return (double)(hf_rng_u64(rng) >> 11) * 0x1p-53;
}

static bool chance(struct hf_rng *rng, double share)
{
    return hf_chaos_draw(rng) < share;
}

size_t hf_chaos_unit_bytes(const struct hf_chaos_lane_faults *faults)
{
    uint64_t step;

    if (!hf_chaos_faults_per_unit(faults))
        return SIZE_MAX / 8;
    if (faults->rate == 0)
        return HF_CHAOS_SEGMENT_BYTES;
    step = faults->rate * HF_CHAOS_RATE_STEP_US / (uint64_t)US_PER_S;
    return (size_t)HF_MAX(HF_MIN(step, (uint64_t)HF_CHAOS_SEGMENT_BYTES), (uint64_t)1);
}

/* The state moves with each unit. In a burst burst_drop of them are lost, outside of one only `loss`. The shares of the
 * states follow from burst_loss: bad = burst_loss / burst_drop, and what enters the bad state also leaves it. */
static bool is_lost(struct hf_chaos_path *path, const struct hf_chaos_lane_faults *faults)
{
    double move = hf_chaos_draw(&path->burst), luck = hf_chaos_draw(&path->loss);

    if (faults->burst_loss == 0) {
        path->in_burst = false;
    } else {
        double bad = faults->burst_loss / faults->burst_drop, leave = 1 / faults->burst_length;

        if (bad >= 1)
            path->in_burst = true;
        else if (path->in_burst)
            path->in_burst = move >= leave;
        else
            path->in_burst = move < leave * bad / (1 - bad);
    }
    return luck < (path->in_burst ? 1 - (1 - faults->loss) * (1 - faults->burst_drop) : faults->loss);
}

static uint64_t delay_us(struct hf_chaos_path *path, const struct hf_chaos_lane_faults *faults)
{
    double swing = (2 * hf_chaos_draw(&path->jitter) - 1) * (double)faults->jitter_us;
    double delay = (double)faults->latency_us + swing;

    return delay > 0 ? (uint64_t)delay : 0;
}

/* When the line has sent it; a line without a limit needs no time. */
static uint64_t leave_us(struct hf_chaos_path *path, const struct hf_chaos_lane_faults *faults,
                         uint64_t now_us, size_t bytes)
{
    if (faults->rate == 0)
        return now_us;
    path->line_free_us =
        HF_MAX(path->line_free_us, now_us) + (uint64_t)((double)bytes * US_PER_S / (double)faults->rate);
    return path->line_free_us;
}

static void judge_damage(struct hf_chaos_path *path, const struct hf_chaos_lane_faults *faults, size_t bytes,
                         struct hf_chaos_verdict *verdict)
{
    bool truncated = chance(&path->damage, faults->truncate), flipped = chance(&path->damage, faults->flip);
    uint64_t where = hf_rng_u64(&path->damage); /* as many draws for each unit, whatever is set */

    verdict->keep_bytes = bytes;
    verdict->duplicate = chance(&path->damage, faults->duplicate);
    if (truncated && bytes > 0) {
        verdict->truncated = true;
        verdict->keep_bytes = (size_t)(where % bytes);
        verdict->duplicate = false; /* it is over, or not the same any more */
    }
    if (flipped && verdict->keep_bytes > 0) {
        verdict->flipped = true;
        verdict->flip_bit = (size_t)(hf_hash_mix(where) % (verdict->keep_bytes * 8));
    }
}

uint64_t hf_chaos_rto_us(const struct hf_chaos_faults *faults)
{
    const struct hf_chaos_lane_faults *up = &faults->lane[HF_CHAOS_UP], *down = &faults->lane[HF_CHAOS_DOWN];
    uint64_t variance_us = (up->jitter_us + down->jitter_us) / 2; /* mean deviation of an even spread */

    return HF_MIN(up->latency_us + down->latency_us + HF_MAX(4 * variance_us, (uint64_t)HF_CHAOS_RTO_MIN_US),
                  (uint64_t)HF_CHAOS_RTO_MAX_US);
}

/* Lost again and again, each time it is sent anew after twice as long. */
static uint64_t stall_us(unsigned losses, uint64_t rto_us)
{
    uint64_t stall = 0;

    for (unsigned i = 0; i < losses; i++) {
        stall += rto_us;
        rto_us = HF_MIN(2 * rto_us, (uint64_t)HF_CHAOS_RTO_MAX_US);
    }
    return stall;
}

void hf_chaos_path_segment(struct hf_chaos_path *path, const struct hf_chaos_faults *faults,
                           enum hf_chaos_direction direction, uint64_t now_us, size_t bytes,
                           struct hf_chaos_verdict *ret_verdict)
{
    const struct hf_chaos_lane_faults *lane = &faults->lane[direction];
    struct hf_chaos_verdict verdict = {0};

    HF_ASSERT(bytes > 0);
    while (verdict.losses < HF_CHAOS_RETRIES_MAX && is_lost(path, lane))
        verdict.losses++;
    verdict.reset = verdict.losses > 0 && chance(&path->order, lane->reset_loss);
    verdict.stall_us = verdict.reset ? 0 : stall_us(verdict.losses, hf_chaos_rto_us(faults));
    judge_damage(path, lane, bytes, &verdict);
    verdict.due_us = leave_us(path, lane, now_us, bytes) + delay_us(path, lane) + verdict.stall_us;
    verdict.due_us = HF_MAX(verdict.due_us, path->order_us);
    verdict.copy_due_us = path->order_us = verdict.due_us;
    *ret_verdict = verdict;
}

void hf_chaos_path_datagram(struct hf_chaos_path *path, const struct hf_chaos_faults *faults,
                            enum hf_chaos_direction direction, uint64_t now_us, size_t bytes,
                            struct hf_chaos_verdict *ret_verdict)
{
    const struct hf_chaos_lane_faults *lane = &faults->lane[direction];
    struct hf_chaos_verdict verdict = {0};
    uint64_t delay = delay_us(path, lane), copy_delay = delay_us(path, lane);

    verdict.dropped = is_lost(path, lane);
    verdict.losses = verdict.dropped;
    judge_damage(path, lane, bytes, &verdict);
    verdict.reordered = chance(&path->order, lane->reorder) && !verdict.dropped;
    if (!verdict.dropped) {
        uint64_t left_us = leave_us(path, lane, now_us, bytes);

        verdict.due_us = left_us + delay + (verdict.reordered ? lane->reorder_by_us : 0);
        verdict.copy_due_us = left_us + copy_delay;
    }
    *ret_verdict = verdict;
}

uint64_t hf_chaos_path_end_us(struct hf_chaos_path *path, const struct hf_chaos_lane_faults *faults,
                              uint64_t now_us)
{
    path->order_us = HF_MAX(HF_MAX(path->line_free_us, now_us) + faults->latency_us, path->order_us);
    return path->order_us;
}

uint64_t hf_chaos_handshake_us(struct hf_chaos_path *up, struct hf_chaos_path *down,
                               const struct hf_chaos_faults *faults, unsigned *ret_losses)
{
    const struct hf_chaos_lane_faults *lanes = faults->lane;
    unsigned losses = 0;

    while (losses < HF_CHAOS_CONNECT_RETRIES_MAX &&
           (is_lost(up, &lanes[HF_CHAOS_UP]) || is_lost(down, &lanes[HF_CHAOS_DOWN])))
        losses++;
    *ret_losses = losses;
    return lanes[HF_CHAOS_UP].latency_us + lanes[HF_CHAOS_DOWN].latency_us +
           stall_us(losses, HF_CHAOS_RTO_CONNECT_US);
}

uint64_t hf_chaos_cut_us(const struct hf_chaos_faults *faults, uint64_t opened_us, double draw)
{
    uint64_t at_us = HF_CHAOS_NEVER;

    HF_ASSERT(draw >= 0 && draw < 1);
    if (faults->cut_after_us > 0)
        at_us = opened_us + faults->cut_after_us;
    if (faults->cut_mean_us > 0) {
        double age_us = -log1p(-draw) * (double)faults->cut_mean_us; /* draw = 0: at once */

        at_us = HF_MIN(at_us, opened_us + (uint64_t)age_us);
    }
    return at_us;
}
