/* codec/samples/samples.h - batches of sensor samples, DATA format 4. Pure: allocates nothing; a batch that was read points into the caller's bytes.
 *
 *   u8 version 1 | u8 count 1..64 | u16 zero | u32 samples lost since the batch before | 16 bytes boot id
 *   i64 UTC minus CLOCK_MONOTONIC_RAW, ns | u32 its uncertainty, us | count x sample | u32 CRC-32C of all before it
 *   sample: u64 CLOCK_MONOTONIC_RAW, ns | u16 cadence, RPM x 2 | i16 power, W | i16 lean, degrees x 256
 *
 * Big-endian, two's complement. The CRC is made once, where the samples are captured, and checked once, where they are used: what lies between carries
 * the bytes as they are. Raw clocks of two hosts, or of two boots of one, are never compared: only what hf_sample_utc_ns() gives, within the uncertainty.
 * Vector: ts 123,456,789,000 ns, 90.5 RPM, -12 W, -45.5 degrees = 0000001cbe991a08 00b5 fff4 d280. */
#ifndef HF_CODEC_SAMPLES_SAMPLES_H
#define HF_CODEC_SAMPLES_SAMPLES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum {
    HF_SAMPLE_BYTES = 14,
    HF_SAMPLES_MAX = 64,
    HF_SAMPLES_VERSION = 1,
    HF_SAMPLES_HEAD_BYTES = 36,
    HF_SAMPLES_CRC_BYTES = 4,
    HF_SAMPLES_BYTES_MAX = HF_SAMPLES_HEAD_BYTES + HF_SAMPLES_MAX * HF_SAMPLE_BYTES + HF_SAMPLES_CRC_BYTES,
    HF_SAMPLES_BOOT_BYTES = 16
};

#define HF_SAMPLE_CADENCE_INVALID 0xFFFF   /* no value: the sensor is away, or said nonsense */
#define HF_SAMPLE_VALUE_INVALID   (-32768) /* power and lean */

enum {
    HF_SAMPLE_CADENCE_MAX = 510,  /* 255 RPM */
    HF_SAMPLE_POWER_MIN = -2048,  /* W */
    HF_SAMPLE_POWER_MAX = 2047,   /* W */
    HF_SAMPLE_LEAN_MAX = 90 * 256 /* either side */
};

struct hf_sample {
    uint64_t ts_ns; /* of the one trigger that captured all three; 0..INT64_MAX */
    uint16_t cadence_half_rpm;
    int16_t power_w, lean_q8_deg;
};

struct hf_samples {
    uint8_t boot_id[HF_SAMPLES_BOOT_BYTES];
    int64_t utc_offset_ns;
    uint32_t uncertainty_us;
    uint32_t lost; /* samples that the ring refused since the batch before */
    unsigned count;
    const uint8_t *samples; /* borrows: count x HF_SAMPLE_BYTES, for hf_sample_read() */
};

void hf_sample_write(uint8_t out[HF_SAMPLE_BYTES], const struct hf_sample *sample);
void hf_sample_read(const uint8_t in[HF_SAMPLE_BYTES], struct hf_sample *ret_sample); /* takes any bytes */

/* Each value in its range, or invalid. */
bool hf_sample_valid(const struct hf_sample *sample);

/* When it was captured, nanoseconds since 1970. For samples of a batch that was read. */
static inline int64_t hf_sample_utc_ns(const struct hf_samples *samples, const struct hf_sample *sample)
{
    return (int64_t)sample->ts_ns + samples->utc_offset_ns;
}

/* HF_ERR_CORRUPT: the CRC is wrong; the sender has the batch and can be asked for it again. HF_ERR_MALFORMED: the CRC is right, or there is no room for one, and
 * asking again would bring the same: another version or length, no sample, more than 64, a value out of its range, times that go back, or
 * a capture before 1970 or after 2262. */
hf_err hf_samples_read(struct hf_slice payload, struct hf_samples *ret_samples);

/* Of `head` everything but `samples` counts; count is 1 to 64, and `samples` are as hf_samples_read() takes them: asserted. Returns bytes. */
size_t hf_samples_write(uint8_t out[HF_SAMPLES_BYTES_MAX], const struct hf_samples *head,
                        const struct hf_sample *samples);

#endif
