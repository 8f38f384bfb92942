/* test/sim/samples.h - sensors: some of a device's messages are batches of samples (codec/samples), always the same for the same number. Some were damaged before they were sent: their CRC
 * is wrong each time they come. samples.c makes them, series_host.c is the thread of the time series, oracle_samples.c counts. */
#ifndef HF_SIM_SAMPLES_H
#define HF_SIM_SAMPLES_H

#include "codec/samples/samples.h"
#include "core/twin/archive.h"
#include "log/reader.h"
#include "sim/event.h"

struct sim;
struct sim_device;
struct sim_gateway;

enum { SIM_SAMPLES_BOOT = 8 /* where the boot id begins in a batch */ };
extern const char sim_samples_mark[]; /* and how: 12 bytes */

bool sim_is_batch(const struct sim_device *device, uint32_t number);
bool sim_batch_is_bad(uint32_t number); /* before it is sent */
size_t sim_batch_write(const struct sim_device *device, uint32_t number, uint8_t out[HF_SAMPLES_BYTES_MAX]);
/* Who made it, by its boot id and its first time; false: nobody did. */
bool sim_batch_maker(struct hf_slice payload, uint32_t *ret_device, uint32_t *ret_number);

struct sim_sample_sums {
    uint64_t batches, samples, lost;
    int64_t power; /* W, of all samples */
};
void sim_batch_add(struct sim_sample_sums *sums, const struct sim_device *device, uint32_t number);

/* app/series_thread.c as events: steps through the log, and commits now and then. The store survives kill -9; a power cut may take its last commit. */
struct sim_series {
    struct hf_kv *kv; /* owns */
    struct hf_archive archive;
    struct hf_log_reader *reader;
    struct sim_event step;
    uint64_t taken, committed_us, gaps; /* gaps: records that retention took first */
    bool open;
};
void sim_series_init(struct sim_gateway *gateway);
void sim_series_deinit(struct sim_gateway *gateway);
hf_err sim_series_start(struct sim_gateway *gateway);
void sim_series_end(struct sim_gateway *gateway);
void sim_series_catch_up(struct sim_gateway *gateway); /* takes what is durable, and commits */

/* oracle_samples.c */
void sim_oracle_batch(struct sim *sim, struct sim_device *device, uint32_t number); /* is durable */
void sim_oracle_samples_started(struct sim *sim);
void sim_oracle_samples_quiet(
    struct sim *sim); /* nothing is under way: live states hold what the log holds */
void sim_oracle_samples_end(struct sim *sim);

#endif
