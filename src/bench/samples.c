#include "bench/samples.h"

#include "base/bytes.h"

enum { APART_NS = 10000000, UNCERTAINTY_US = 1 };

/* Up and down between 0 and `height`, `period` steps each way. */
static int wave(uint64_t step, unsigned period, int height)
{
    uint64_t at = step % (2 * (uint64_t)period);

    return (int)((uint64_t)height * (at < period ? at : 2 * (uint64_t)period - at) / period);
}

/* Slow waves with noise of the last digits on them, each session at another point: as sensors have it, for whoever stores differences. */
static struct hf_sample sample_at(uint64_t seed, uint64_t number)
{
    uint64_t step = number + seed % 100000, noise = (step * UINT64_C(0x9e3779b97f4a7c15)) >> 40;

    return (struct hf_sample){
        .cadence_half_rpm = (uint16_t)(150 + wave(step / 20, 60, 50)),
        .power_w = (int16_t)(120 + wave(step, 800, 150) + wave(step, 17, 40) + (int)(noise % 9)),
        .lean_q8_deg = (int16_t)(wave(step, 350, 10 * 256) - 5 * 256 + (int)(noise / 16 % 65))};
}

struct hf_slice hf_bench_samples_write(const struct hf_bench_session *session, unsigned count,
                                       uint64_t now_raw_ns, int64_t now_utc_ns,
                                       uint8_t out[HF_SAMPLES_BYTES_MAX])
{
    struct hf_samples head = {
        .utc_offset_ns = now_utc_ns - (int64_t)now_raw_ns, .uncertainty_us = UNCERTAINTY_US, .count = count};
    struct hf_sample samples[HF_SAMPLES_MAX];
    uint64_t since_ns = now_raw_ns - session->sampled_ns, apart_ns = since_ns / count;

    if (apart_ns > APART_NS)
        apart_ns = APART_NS;
    hf_put_u64(head.boot_id, session->queue_id);
    hf_put_u64(head.boot_id + 8, session->queue_id);
    for (unsigned i = 0; i < count; i++) {
        samples[i] = sample_at(session->queue_id, session->samples + i);
        samples[i].ts_ns = now_raw_ns - (uint64_t)(count - 1 - i) * apart_ns;
    }
    return (struct hf_slice){(const char *)out, hf_samples_write(out, &head, samples)};
}
