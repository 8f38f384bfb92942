/* test/sim/oracle_samples.c - samples: what was captured is in the series, once, or in a gap; the live state holds what this start has accepted, once.
 *   accepted = live since the start = what the log got since                              OBS-8, TWIN-8
 *   series = what the log holds, after any crash; sums to the watt                        ST-5
 *   captured = in the series + lost in the ring + in batches that were refused or lost    AGT-4 */
#include <inttypes.h>
#include <stdlib.h>

#include "sim/oracle.h"
#include "sim/sim.h"

void sim_oracle_batch(struct sim *sim, struct sim_device *device, uint32_t number)
{
    struct sim_seen *seen = &sim->oracle.seen[device->index];

    if (sim_batch_is_bad(number))
        sim_fail(sim, "batch %" PRIu32 " of %s is believed, and its CRC is wrong", number, device->name);
    sim_batch_add(&seen->samples, device, number);
    sim_batch_add(&seen->live, device, number);
    sim->oracle.samples += 1;
}

void sim_oracle_samples_started(struct sim *sim)
{
    for (unsigned i = 0; i < sim->plan.devices; i++)
        sim->oracle.seen[i].live = (struct sim_sample_sums){0};
}

void sim_oracle_samples_quiet(struct sim *sim)
{
    static const struct hf_twin none;
    struct sim_gateway *gateway = &sim->gateway;

    for (unsigned i = 0; sim->plan.samples && i < sim->plan.devices; i++) {
        const struct sim_device *device = &sim->devices[i];
        const struct sim_sample_sums *live = &sim->oracle.seen[i].live;
        struct hf_slice name = hf_slice_of(device->name);
        const struct hf_twins *twins =
            &gateway->workers[hf_hub_home(gateway->tenant.name, name, gateway->worker_count)].hub.twins;
        const struct hf_twin *twin =
            twins->slab != NULL ? hf_twins_find(twins, gateway->tenant.name, name) : NULL;

        if (twin == NULL)
            twin = &none;
        if (!device->twin &&
            (twin->batches != live->batches || twin->samples != live->samples || twin->lost != live->lost))
            sim_fail(sim,
                     "the live state of %s holds %" PRIu64 " batches, %" PRIu64 " samples, %" PRIu64
                     " lost, and it was sent %" PRIu64 ", %" PRIu64 ", %" PRIu64 " since the start",
                     device->name, twin->batches, twin->samples, twin->lost, live->batches, live->samples,
                     live->lost);
    }
}

static void check_series(struct sim *sim, const struct sim_device *device)
{
    const struct sim_seen *seen = &sim->oracle.seen[device->index];
    struct sim_gateway *gateway = &sim->gateway;
    uint64_t from_us = SIM_UTC_MS * 1000;
    struct hf_archive_query query = {.tenant = gateway->tenant.name,
                                     .device = hf_slice_of(device->name),
                                     .channel = HF_SERIES_POWER,
                                     .from_us = from_us,
                                     .to_us = from_us + (SIM_DEVICE_MESSAGES_MAX + 1) * UINT64_C(1000000),
                                     .points_max = HF_ARCHIVE_POINTS_MAX};
    struct sim_sample_sums raw = {0}, seconds = {0};
    struct hf_archive_answer answer;

    for (unsigned tier = 0; tier < HF_SERIES_TIERS && !sim->oracle.failed; tier++) {
        struct sim_sample_sums *sums = tier == HF_SERIES_RAW ? &raw : &seconds;

        query.step_us = tier == HF_SERIES_RAW ? 0 : 10000000;
        query.from_us = from_us;
        do {
            hf_err err = hf_archive_query(&gateway->series.archive, &query, &answer);

            if (err != HF_OK) {
                sim_fail(sim, "the series of %s cannot be read: %s", device->name, hf_err_name(err));
                return;
            }
            for (uint32_t i = 0; i < answer.count; i++) {
                sums->samples += answer.points[i].stat.count;
                sums->power += answer.points[i].stat.sum;
            }
            free(answer.points);
            query.from_us = answer.next_us;
        } while (answer.next_us != 0);
        if (sums->samples != seen->samples.samples || sums->power != seen->samples.power)
            sim_fail(sim,
                     "the %s of %s are %" PRIu64 " samples of %" PRId64 " W in sum, in the log are %" PRIu64
                     " of %" PRId64 " W",
                     tier == HF_SERIES_RAW ? "samples" : "seconds", device->name, sums->samples, sums->power,
                     seen->samples.samples, seen->samples.power);
    }
}

/* Each batch that was made is in the log, or its device knows that it never will be, or died before it had it. */
static void check_captured(struct sim *sim, const struct sim_device *device)
{
    const struct sim_seen *seen = &sim->oracle.seen[device->index];
    struct sim_sample_sums captured = {0}, missing = {0};

    for (uint32_t number = 1; number <= device->made; number++) {
        bool gone =
            device->fate[number - 1] == SIM_MESSAGE_FAILED || device->fate[number - 1] == SIM_MESSAGE_LOST;

        if (!sim_is_batch(device, number))
            continue;
        sim_batch_add(&captured, device, number);
        if (gone && !seen->logged[number - 1])
            sim_batch_add(&missing, device, number);
    }
    if (captured.samples + captured.lost !=
        seen->samples.samples + seen->samples.lost + missing.samples + missing.lost)
        sim_fail(sim,
                 "%s has captured %" PRIu64 " samples, %" PRIu64 " are in the log and %" PRIu64
                 " in the books",
                 device->name, captured.samples + captured.lost, seen->samples.samples + seen->samples.lost,
                 missing.samples + missing.lost);
}

void sim_oracle_samples_end(struct sim *sim)
{
    if (!sim->plan.samples || !sim->gateway.running)
        return;
    sim_series_catch_up(&sim->gateway);
    for (unsigned i = 0; i < sim->plan.devices && !sim->oracle.failed; i++) {
        if (sim->devices[i].twin)
            continue;
        if (sim->gateway.series.gaps == 0)
            check_series(sim, &sim->devices[i]);
        check_captured(sim, &sim->devices[i]);
    }
}
