/* app/heatmap.c - what was measured of the ways that messages and samples take (core/twin/latency.h), of all workers: /v1/heatmap and the page of /metrics; and the
 * counters of live states. */
#include "app/heatmap.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "app/worker.h"
#include "codec/json/out.h"

struct sum {
    struct hf_latencies latencies;
    struct hf_twins_stats twins;
    uint64_t corrupt, malformed;
    struct hf_worker_stats scratch;
};

static void take_sum(struct hf_gateway *gateway, struct sum *sum)
{
    memset(sum, 0, sizeof(*sum));
    for (unsigned i = 0; i < gateway->worker_count; i++) {
        hf_worker_stats(gateway->workers[i], &sum->scratch);
        hf_latencies_merge(&sum->latencies, &sum->scratch.latencies);
        const struct hf_twins_stats *add = &sum->scratch.twins;
        sum->twins.devices += add->devices;
        sum->twins.devices_evicted += add->devices_evicted;
        sum->twins.batches += add->batches;
        sum->twins.samples += add->samples;
        sum->twins.lost += add->lost;
        sum->twins.boots += add->boots;
        sum->twins.refused += add->refused;
        for (unsigned r = 0; r < HF_RIDINGS; r++)
            sum->twins.riding[r] += add->riding[r];
        sum->corrupt += sum->scratch.ws.samples_corrupt;
        sum->malformed += sum->scratch.ws.samples_malformed;
    }
}

static void quantile_out(struct hf_json_out *out, const char *name, const struct hf_hist *us, double q)
{
    if (hf_hist_count(us) > 0)
        hf_json_out_double(out, name, (double)hf_hist_quantile(us, q) / 1e3);
    else
        hf_json_out_null(out, name);
}

static const char *measured(unsigned pair)
{
    return pair == HF_LATENCY_HALF_RTT         ? "half of the round trip"
           : hf_latency_pairs[pair].same_clock ? "one clock"
                                               : "two clocks";
}

static void bounds_out(struct hf_json_out *out)
{
    hf_json_out_array(out, "buckets_ms");
    for (unsigned cell = 0; cell < HF_LATENCY_BUCKETS; cell++)
        hf_json_out_u64(out, NULL, hf_latency_bucket_ms[cell]);
    hf_json_out_end(out);
}

static void pair_out(struct hf_json_out *out, unsigned index, const struct hf_latency *latency)
{
    const struct hf_latency_pair_info *info = &hf_latency_pairs[index];
    uint64_t count = hf_hist_count(&latency->us);

    hf_json_out_object(out, NULL);
    hf_json_out_cstr(out, "source", info->source);
    hf_json_out_cstr(out, "destination", info->destination);
    hf_json_out_u64(out, "count", count);
    hf_json_out_array(out, "cells");
    for (unsigned cell = 0; cell < HF_LATENCY_BUCKETS; cell++)
        hf_json_out_u64(out, NULL, latency->cells[cell]);
    hf_json_out_end(out);
    quantile_out(out, "p50_ms", &latency->us, 0.5);
    quantile_out(out, "p95_ms", &latency->us, 0.95);
    quantile_out(out, "p99_ms", &latency->us, 0.99);
    quantile_out(out, "max_ms", &latency->us, 1);
    hf_json_out_cstr(out, "measured", measured(index));
    if (!info->same_clock || index == HF_LATENCY_HALF_RTT) {
        hf_json_out_double(out, "uncertainty_mean_ms",
                           count ? (double)latency->uncertainty_us_sum / (double)count / 1e3 : 0);
        hf_json_out_double(out, "uncertainty_max_ms", (double)latency->uncertainty_us_max / 1e3);
        hf_json_out_u64(out, "negative", latency->negative);
    }
    hf_json_out_end(out);
}

/* Large, and asked for seldom: one at a time. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static struct sum shared;

void hf_gateway_heatmap_json(struct hf_gateway *gateway, struct hf_json_out *out)
{
    pthread_mutex_lock(&one_at_a_time);
    take_sum(gateway, &shared);
    bounds_out(out);
    hf_json_out_array(out, "pairs");
    for (unsigned i = 0; i < HF_LATENCY_PAIRS; i++)
        pair_out(out, i, &shared.latencies.of[i]);
    hf_json_out_end(out);
    hf_json_out_object(out, "anomalies"); /* what was not believed has no latency */
    hf_json_out_u64(out, "batches_corrupt", shared.corrupt);
    hf_json_out_u64(out, "batches_malformed", shared.malformed);
    hf_json_out_end(out);
    pthread_mutex_unlock(&one_at_a_time);
}

void hf_gateway_heatmap_look(struct hf_gateway *gateway, uint64_t utc_ms)
{
    if (!hf_latency_history_due(gateway->latency_history, utc_ms)) /* only this thread writes it */
        return;
    pthread_mutex_lock(&one_at_a_time);
    take_sum(gateway, &shared);
    hf_latency_history_look(gateway->latency_history, &shared.latencies, utc_ms);
    pthread_mutex_unlock(&one_at_a_time);
}

static void part_out(struct hf_json_out *out, const struct hf_latency_slot *slot, unsigned pair)
{
    const struct hf_latency_part *part = &slot->of[pair];

    hf_json_out_object(out, NULL);
    hf_json_out_u64(out, "time_ms", slot->begin_ms);
    hf_json_out_u64(out, "count", part->count);
    hf_json_out_array(out, "cells");
    for (unsigned cell = 0; cell < HF_LATENCY_BUCKETS; cell++)
        hf_json_out_u64(out, NULL, part->cells[cell]);
    hf_json_out_end(out);
    hf_json_out_double(out, "p50_ms", part->p50_us / 1e3);
    hf_json_out_double(out, "p95_ms", part->p95_us / 1e3);
    hf_json_out_double(out, "p99_ms", part->p99_us / 1e3);
    hf_json_out_double(out, "max_ms", part->max_us / 1e3);
    if (!hf_latency_pairs[pair].same_clock)
        hf_json_out_double(out, "uncertainty_mean_ms", part->uncertainty_us / 1e3);
    hf_json_out_end(out);
}

/* The end of what fits, or to_ms. */
static uint64_t page_end(const struct hf_latency_history *history, const struct hf_heatmap_wish *wish)
{
    const struct hf_latency_slot *slot;
    uint64_t at_ms = wish->from_ms;

    for (uint32_t i = 0; (slot = hf_latency_history_find(history, wish->tier, at_ms, wish->to_ms)) != NULL;
         i++) {
        if (i == wish->slots_max)
            return slot->begin_ms;
        at_ms = slot->begin_ms + 1;
    }
    return wish->to_ms;
}

static void slots_out(struct hf_json_out *out, const struct hf_latency_history *history,
                      const struct hf_heatmap_wish *wish, uint64_t end_ms, unsigned pair)
{
    const struct hf_latency_slot *slot;

    hf_json_out_object(out, NULL);
    hf_json_out_cstr(out, "source", hf_latency_pairs[pair].source);
    hf_json_out_cstr(out, "destination", hf_latency_pairs[pair].destination);
    hf_json_out_cstr(out, "measured", measured(pair));
    hf_json_out_array(out, "slots");
    for (uint64_t at_ms = wish->from_ms;
         (slot = hf_latency_history_find(history, wish->tier, at_ms, end_ms)) != NULL;
         at_ms = slot->begin_ms + 1)
        if (slot->of[pair].count > 0)
            part_out(out, slot, pair);
    hf_json_out_end(out);
    hf_json_out_end(out);
}

void hf_gateway_heatmap_history_json(struct hf_gateway *gateway, const struct hf_heatmap_wish *wish,
                                     struct hf_json_out *out)
{
    const struct hf_latency_history *history = gateway->latency_history;

    pthread_mutex_lock(&one_at_a_time);
    uint64_t end_ms = page_end(history, wish);

    bounds_out(out);
    hf_json_out_array(out, "pairs");
    for (unsigned pair = 0; pair < HF_LATENCY_PAIRS; pair++)
        slots_out(out, history, wish, end_ms, pair);
    hf_json_out_end(out);
    if (end_ms < wish->to_ms)
        hf_json_out_u64(out, "next_from_ms", end_ms);
    pthread_mutex_unlock(&one_at_a_time);
}

static void cells(struct hf_page *page, const struct hf_latencies *latencies)
{
    hf_page_head(page, "latency_cells_total", "counter",
                 "cells of the heatmap; bucket is the begin, in seconds");
    for (unsigned i = 0; i < HF_LATENCY_PAIRS; i++)
        for (unsigned cell = 0; cell < HF_LATENCY_BUCKETS; cell++)
            hf_page_add(page,
                        "holdfast_latency_cells_total{source=\"%s\",destination=\"%s\",bucket=\"%g\"} %llu\n",
                        hf_latency_pairs[i].source, hf_latency_pairs[i].destination,
                        hf_latency_bucket_ms[cell] / 1e3, (unsigned long long)latencies->of[i].cells[cell]);
}

void hf_gateway_heatmap_metrics(struct hf_page *page, struct hf_gateway *gateway)
{
    static const char *const help[HF_LATENCY_PAIRS] = {
        [HF_LATENCY_CAPTURE] =
            ("capture of a batch's newest sample to the gateway, by two clocks, of devices "
             "with a synchronised one"),
        [HF_LATENCY_HALF_RTT] = "half of the round trip of devices whose clock is not synchronised",
        [HF_LATENCY_DURABLE] = "a message from the worker that took it to the disk",
        [HF_LATENCY_APPLICATION] = "an event from the disk to a reader that follows",
    };
    char name[64];

    pthread_mutex_lock(&one_at_a_time);
    take_sum(gateway, &shared);
    for (unsigned i = 0; i < HF_LATENCY_PAIRS; i++) {
        (void)snprintf(name, sizeof(name), "latency_%s_seconds", hf_latency_pairs[i].metric);
        hf_page_histogram(page, name, help[i], &shared.latencies.of[i].us);
    }
    cells(page, &shared.latencies);
    hf_page_head(page, "heatmap_slots", "gauge",
                 "slots of the heatmap's history that hold something, of a day and of a week");
    for (unsigned tier = 0; tier < HF_LATENCY_TIERS; tier++)
        hf_page_add(page, "holdfast_heatmap_slots{step=\"%us\"} %u\n", hf_latency_tiers[tier].step_ms / 1000,
                    hf_latency_history_slots(gateway->latency_history, (enum hf_latency_tier)tier));
    hf_page_one(page, "samples_total", "counter", "samples of sensors accepted",
                (double)shared.twins.samples);
    hf_page_one(page, "samples_lost_total", "counter", "samples that devices say they lost",
                (double)shared.twins.lost);
    hf_page_one(page, "sample_batches_total", "counter", "batches of samples accepted",
                (double)shared.twins.batches);
    hf_page_one(page, "sample_batches_corrupt_total", "counter", "batches of samples with a wrong CRC",
                (double)shared.corrupt);
    hf_page_one(page, "sample_batches_malformed_total", "counter", "batches of samples that are none",
                (double)shared.malformed);
    hf_page_one(page, "twins", "gauge", "devices with a live state", (double)shared.twins.devices);
    hf_page_one(page, "twins_evicted_total", "counter",
                "live states that made room (samples.live_devices_max)",
                (double)shared.twins.devices_evicted);
    hf_page_one(page, "twins_refused_total", "counter", "batches without a live state: no memory",
                (double)shared.twins.refused);
    hf_page_head(page, "twins_riding", "gauge", "devices by what their rider does");
    for (unsigned i = 0; i < HF_RIDINGS; i++)
        hf_page_add(page, "holdfast_twins_riding{state=\"%s\"} %llu\n", hf_riding_name(i),
                    (unsigned long long)shared.twins.riding[i]);
    pthread_mutex_unlock(&one_at_a_time);
}
