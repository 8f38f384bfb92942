/* bench/mode_table.c - the modes, and those that need no code of their own: their connections are the measurement. */
#include "bench/worker.h"

extern const struct hf_bench_mode_ops hf_bench_mode_echo, hf_bench_mode_uplink, hf_bench_mode_downlink,
    hf_bench_mode_broadcast, hf_bench_mode_resume;

static bool no_dial_under_way(const struct hf_bench_worker *worker)
{
    return worker->net.opening == 0;
}

static const struct hf_bench_mode_ops mode_connect = {.hold_open = true};
static const struct hf_bench_mode_ops mode_hold = {.hold_open = true};
static const struct hf_bench_mode_ops mode_churn = {.dials_in_run = true, .drained = no_dial_under_way};
static const struct hf_bench_mode_ops mode_flood = {.dials_in_run = true, .drained = no_dial_under_way};

const struct hf_bench_mode_ops *const hf_bench_mode_table[HF_BENCH_MODES] = {
    [HF_BENCH_CONNECT] = &mode_connect,
    [HF_BENCH_HOLD] = &mode_hold,
    [HF_BENCH_ECHO] = &hf_bench_mode_echo,
    [HF_BENCH_UPLINK] = &hf_bench_mode_uplink,
    [HF_BENCH_DOWNLINK] = &hf_bench_mode_downlink,
    [HF_BENCH_BROADCAST] = &hf_bench_mode_broadcast,
    [HF_BENCH_CHURN] = &mode_churn,
    [HF_BENCH_FLOOD] = &mode_flood,
    [HF_BENCH_RESUME] = &hf_bench_mode_resume,
};
