#include "sim/samples.h"

#include <string.h>

#include "base/assert.h"
#include "sim/sim.h"

const char sim_samples_mark[] = "sim-samples-";

enum { SECOND_NS = 1000000000, STEP_NS = 10000000, NUMBERS_PER_BOOT = 200 };

static uint64_t mix(uint32_t number)
{
    uint64_t hash = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

    return hash ^ hash >> 29;
}

bool sim_is_batch(const struct sim_device *device, uint32_t number)
{
    return device->sim->plan.samples && !device->twin && number % 3 == 1;
}

bool sim_batch_is_bad(uint32_t number)
{
    return mix(number) % 61 == 7;
}

static void draw(const struct sim_device *device, uint32_t number, struct hf_samples *head,
                 struct hf_sample samples[HF_SAMPLES_MAX])
{
    uint64_t hash = mix(number);

    *head = (struct hf_samples){.utc_offset_ns = (int64_t)SIM_UTC_MS * 1000000,
                                .uncertainty_us = 100,
                                .lost = hash % 5 == 0 ? 1 + (uint32_t)(hash >> 8) % 30 : 0,
                                .count = 1 + (unsigned)(hash >> 16) % HF_SAMPLES_MAX};
    memcpy(head->boot_id, sim_samples_mark, strlen(sim_samples_mark));
    head->boot_id[12] = (uint8_t)device->index;
    head->boot_id[13] = (uint8_t)(number / NUMBERS_PER_BOOT);
    for (unsigned i = 0; i < head->count; i++) {
        uint64_t noise = mix(number * HF_SAMPLES_MAX + i);

        samples[i] = (struct hf_sample){
            .ts_ns = number * (uint64_t)SECOND_NS + i * (uint64_t)STEP_NS,
            .cadence_half_rpm = (uint16_t)(noise % 9 == 0 ? HF_SAMPLE_CADENCE_INVALID : 160 + noise % 40),
            .power_w = (int16_t)(noise >> 20 & 511),
            .lean_q8_deg = (int16_t)((int)(noise >> 40 & 2047) - 1024)};
    }
}

size_t sim_batch_write(const struct sim_device *device, uint32_t number, uint8_t out[HF_SAMPLES_BYTES_MAX])
{
    struct hf_sample samples[HF_SAMPLES_MAX];
    struct hf_samples head;

    draw(device, number, &head, samples);
    size_t bytes = hf_samples_write(out, &head, samples);
    if (sim_batch_is_bad(number))
        out[HF_SAMPLES_HEAD_BYTES + mix(number) % (bytes - HF_SAMPLES_HEAD_BYTES)] ^= 16;
    return bytes;
}

bool sim_batch_maker(struct hf_slice payload, uint32_t *ret_device, uint32_t *ret_number)
{
    struct hf_samples head;
    struct hf_sample first;

    if (hf_samples_read(payload, &head) != HF_OK ||
        memcmp(head.boot_id, sim_samples_mark, strlen(sim_samples_mark)) != 0)
        return false;
    hf_sample_read(head.samples, &first);
    *ret_device = head.boot_id[12];
    *ret_number = (uint32_t)(first.ts_ns / SECOND_NS);
    return true;
}

void sim_batch_add(struct sim_sample_sums *sums, const struct sim_device *device, uint32_t number)
{
    struct hf_sample samples[HF_SAMPLES_MAX];
    struct hf_samples head;

    draw(device, number, &head, samples);
    sums->batches++;
    sums->samples += head.count;
    sums->lost += head.lost;
    for (unsigned i = 0; i < head.count; i++)
        sums->power += samples[i].power_w;
}
