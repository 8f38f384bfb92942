/* app/series_gateway.c - the time series of this node: their store, their thread, what /metrics says of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/metrics_page.h"
#include "app/worker.h"
#include "store/lmdb/kv_lmdb.h"
#include "store/memory/kv_memory.h"

static hf_err open_store(struct hf_gateway *gateway, const struct hf_config *config, char *error,
                         size_t error_bytes)
{
    char dir[HF_LOG_PATH_BYTES_MAX];

    if (config->store.kind == HF_CONFIG_STORE_MEMORY)
        return hf_kv_memory_open(&gateway->series_kv);
    (void)snprintf(dir, sizeof(dir), "%s/series", gateway->data_dir);
    hf_err err = hf_kv_lmdb_open(dir, NULL, &gateway->series_kv);
    if (err != HF_OK)
        (void)snprintf(
            error, error_bytes,
            "cannot open the time series in '%s': %s (%s); if they are damaged, move them away: what the "
            "event log still has is read into new ones",
            dir, hf_err_text(err), strerror(errno));
    return err;
}

hf_err hf_gateway_series_init(struct hf_gateway *gateway, const struct hf_config *config, char *error,
                              size_t error_bytes)
{
    if (!config->samples.series)
        return HF_OK;
    hf_err err = open_store(gateway, config, error, error_bytes);
    if (err != HF_OK)
        return err;
    gateway->series = calloc(1, sizeof(*gateway->series));
    if (gateway->series == NULL)
        return HF_ERR_NOMEM;
    gateway->series->log = gateway->log;
    gateway->series->kv = gateway->series_kv;
    gateway->series->logger = &gateway->logger;
    gateway->series->workers = gateway->worker_count;
    gateway->series->commit_ms = (uint32_t)config->samples.series_commit_ms;
    gateway->series->limits = (struct hf_archive_limits){
        .devices_max = (uint32_t)config->samples.series_devices_max,
        .keep_ms = {[HF_SERIES_RAW] = config->samples.raw_keep_ms,
                    [HF_SERIES_SECOND] = config->samples.second_keep_ms},
        .bytes_max = config->samples.series_bytes,
    };
    err = hf_series_thread_init(gateway->series);
    if (err != HF_OK)
        (void)snprintf(error, error_bytes, "cannot read the time series: %s", hf_err_text(err));
    return err;
}

void hf_gateway_series_free(struct hf_gateway *gateway)
{
    if (gateway->series != NULL)
        hf_series_thread_deinit(gateway->series);
    free(gateway->series);
    hf_kv_close(gateway->series_kv);
}

void hf_gateway_series_metrics(struct hf_page *page, struct hf_gateway *gateway)
{
    static const char *const tiers[HF_SERIES_TIERS] = {"raw", "second"};
    static const struct {
        const char *name, *type, *help;
        size_t offset;
    } rows[] = {
        {"series_blocks", "gauge", "blocks of the time series",
         offsetof(struct hf_archive_tier_stats, blocks)},
        {"series_bytes", "gauge", "bytes that they take, pages counted whole",
         offsetof(struct hf_archive_tier_stats, bytes)},
        {"series_points", "gauge", "points in them", offsetof(struct hf_archive_tier_stats, points)},
        {"series_deleted_by_age_total", "counter", "blocks that were too old",
         offsetof(struct hf_archive_tier_stats, deleted_age)},
        {"series_deleted_by_size_total", "counter", "blocks that made room (samples.series_bytes)",
         offsetof(struct hf_archive_tier_stats, deleted_bytes)},
    };
    struct hf_series_thread_stats stats;

    if (gateway->series == NULL)
        return;
    hf_series_thread_stats(gateway->series, &stats);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_page_head(page, rows[i].name, rows[i].type, rows[i].help);
        for (unsigned tier = 0; tier < HF_SERIES_TIERS; tier++) {
            uint64_t value;

            memcpy(&value, (const char *)&stats.archive.tiers[tier] + rows[i].offset, sizeof(value));
            hf_page_add(page, "holdfast_%s{tier=\"%s\"} %llu\n", rows[i].name, tiers[tier],
                        (unsigned long long)value);
        }
    }
    uint64_t durable = hf_log_durable_through(gateway->log);
    hf_page_one(page, "series_lag_records", "gauge", "records of the log that the time series have not taken",
                (double)(durable - HF_MIN(durable, stats.applied)));
    hf_page_one(page, "series_file_bytes", "gauge", "bytes of their store, free pages included",
                (double)stats.kv.bytes_used);
    hf_page_one(page, "series_samples_total", "counter", "samples taken into time series",
                (double)stats.archive.samples);
    hf_page_one(page, "series_unplaced_total", "counter", "samples whose time is out of range",
                (double)stats.archive.unplaced);
    hf_page_one(page, "series_damaged_total", "counter", "blocks that could not be read",
                (double)stats.archive.damaged);
    hf_page_one(page, "series_devices", "gauge", "devices whose blocks are being filled",
                (double)stats.archive.devices);
    hf_page_one(page, "series_devices_evicted_total", "counter",
                "devices that made room (samples.series_devices_max)", (double)stats.archive.evicted);
    hf_page_one(page, "series_commits_total", "counter", "commits of their store",
                (double)stats.archive.commits);
    hf_page_one(page, "series_failures_total", "counter", "failed steps", (double)stats.failures);
    hf_page_one(page, "series_gap_records_total", "counter",
                "records that retention took before they were read", (double)stats.gaps);
    hf_page_one(page, "series_restored_total", "counter",
                "live states that were read from the time series, since no batch came since the start",
                (double)stats.archive.restored);
    hf_page_one(page, "series_queries_total", "counter", "queries answered", (double)stats.archive.queries);
}
