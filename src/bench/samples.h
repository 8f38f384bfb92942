/* bench/samples.h - what the sensors of a bicycle would say, for `uplink --samples`: real batches of format 4, cheap to make. */
#ifndef HF_BENCH_SAMPLES_H
#define HF_BENCH_SAMPLES_H

#include "base/slice.h"
#include "bench/conn.h"
#include "codec/samples/samples.h"

/* The batch behind what the session has sent. The newest sample is of now; the others are 10 ms apart, or, when batches come faster than that allows, spread over the time since
 * the last batch: a closed loop that outruns 100 Hz never samples the future. Returns what was written to `out`. */
struct hf_slice hf_bench_samples_write(const struct hf_bench_session *session, unsigned count,
                                       uint64_t now_raw_ns, int64_t now_utc_ns,
                                       uint8_t out[HF_SAMPLES_BYTES_MAX]);

#endif
