#include "codec/samples/samples.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"

_Static_assert(HF_SAMPLES_BYTES_MAX == 936, "the wire's largest batch");

enum { AT_COUNT = 1, AT_ZERO = 2, AT_LOST = 4, AT_BOOT = 8, AT_OFFSET = 24, AT_UNCERTAINTY = 32 };

void hf_sample_write(uint8_t out[HF_SAMPLE_BYTES], const struct hf_sample *sample)
{
    hf_put_u64(out, sample->ts_ns);
    hf_put_u16(out + 8, sample->cadence_half_rpm);
    hf_put_u16(out + 10, (uint16_t)sample->power_w);
    hf_put_u16(out + 12, (uint16_t)sample->lean_q8_deg);
}

void hf_sample_read(const uint8_t in[HF_SAMPLE_BYTES], struct hf_sample *ret_sample)
{
    *ret_sample = (struct hf_sample){.ts_ns = hf_get_u64(in),
                                     .cadence_half_rpm = hf_get_u16(in + 8),
                                     .power_w = (int16_t)hf_get_u16(in + 10),
                                     .lean_q8_deg = (int16_t)hf_get_u16(in + 12)};
}

bool hf_sample_valid(const struct hf_sample *sample)
{
    return sample->ts_ns <= INT64_MAX &&
           (sample->cadence_half_rpm <= HF_SAMPLE_CADENCE_MAX ||
            sample->cadence_half_rpm == HF_SAMPLE_CADENCE_INVALID) &&
           ((sample->power_w >= HF_SAMPLE_POWER_MIN && sample->power_w <= HF_SAMPLE_POWER_MAX) ||
            sample->power_w == HF_SAMPLE_VALUE_INVALID) &&
           ((sample->lean_q8_deg >= -HF_SAMPLE_LEAN_MAX && sample->lean_q8_deg <= HF_SAMPLE_LEAN_MAX) ||
            sample->lean_q8_deg == HF_SAMPLE_VALUE_INVALID);
}

/* One that can stand after a capture at `before_ns`; its UTC is in 1970..2262. */
static bool fits(const struct hf_sample *sample, int64_t utc_offset_ns, uint64_t before_ns)
{
    int64_t utc_ns;

    return hf_sample_valid(sample) && sample->ts_ns >= before_ns &&
           !__builtin_add_overflow((int64_t)sample->ts_ns, utc_offset_ns, &utc_ns) && utc_ns >= 0;
}

hf_err hf_samples_read(struct hf_slice payload, struct hf_samples *ret_samples)
{
    const uint8_t *in = (const uint8_t *)payload.at;
    uint64_t before_ns = 0;

    if (payload.bytes < HF_SAMPLES_HEAD_BYTES + HF_SAMPLES_CRC_BYTES || payload.bytes > HF_SAMPLES_BYTES_MAX)
        return HF_ERR_MALFORMED;
    /* First: a flipped bit of the count would else read as the sender's mistake. */
    size_t body_bytes = payload.bytes - HF_SAMPLES_CRC_BYTES;
    if (hf_crc32c(0, in, body_bytes) != hf_get_u32(in + body_bytes))
        return HF_ERR_CORRUPT;
    if (in[0] != HF_SAMPLES_VERSION || in[AT_COUNT] < 1 || in[AT_COUNT] > HF_SAMPLES_MAX ||
        hf_get_u16(in + AT_ZERO) != 0 ||
        body_bytes != HF_SAMPLES_HEAD_BYTES + (size_t)in[AT_COUNT] * HF_SAMPLE_BYTES)
        return HF_ERR_MALFORMED;
    *ret_samples = (struct hf_samples){.utc_offset_ns = (int64_t)hf_get_u64(in + AT_OFFSET),
                                       .uncertainty_us = hf_get_u32(in + AT_UNCERTAINTY),
                                       .lost = hf_get_u32(in + AT_LOST),
                                       .count = in[AT_COUNT],
                                       .samples = in + HF_SAMPLES_HEAD_BYTES};
    memcpy(ret_samples->boot_id, in + AT_BOOT, HF_SAMPLES_BOOT_BYTES);
    for (unsigned i = 0; i < ret_samples->count; i++) {
        struct hf_sample sample;

        hf_sample_read(ret_samples->samples + (size_t)i * HF_SAMPLE_BYTES, &sample);
        if (!fits(&sample, ret_samples->utc_offset_ns, before_ns))
            return HF_ERR_MALFORMED;
        before_ns = sample.ts_ns;
    }
    return HF_OK;
}

size_t hf_samples_write(uint8_t out[HF_SAMPLES_BYTES_MAX], const struct hf_samples *head,
                        const struct hf_sample *samples)
{
    size_t bytes = HF_SAMPLES_HEAD_BYTES;
    uint64_t before_ns = 0;

    HF_ASSERT(head->count >= 1 && head->count <= HF_SAMPLES_MAX);
    out[0] = HF_SAMPLES_VERSION;
    out[AT_COUNT] = (uint8_t)head->count;
    hf_put_u16(out + AT_ZERO, 0);
    hf_put_u32(out + AT_LOST, head->lost);
    memcpy(out + AT_BOOT, head->boot_id, HF_SAMPLES_BOOT_BYTES);
    hf_put_u64(out + AT_OFFSET, (uint64_t)head->utc_offset_ns);
    hf_put_u32(out + AT_UNCERTAINTY, head->uncertainty_us);
    for (unsigned i = 0; i < head->count; i++, bytes += HF_SAMPLE_BYTES) {
        HF_ASSERT(fits(&samples[i], head->utc_offset_ns, before_ns));
        before_ns = samples[i].ts_ns;
        hf_sample_write(out + bytes, &samples[i]);
    }
    hf_put_u32(out + bytes, hf_crc32c(0, out, bytes));
    return bytes + HF_SAMPLES_CRC_BYTES;
}
