/* bench/pace.h - sending numbered messages over many connections, open or closed loop, and accounting for each
 * answer. Open loop: event i of the schedule belongs to connection i mod n and is its message i div n, so the
 * intended time of every message is known without storing it. Closed loop: at most `window` are unanswered. */
#ifndef HF_BENCH_PACE_H
#define HF_BENCH_PACE_H

#include "bench/worker.h"

/* Builds message `number` and gives it to hf_bench_conn_send(), whose result it returns. */
typedef hf_err hf_bench_send_fn(struct hf_bench_conn *conn, uint64_t number);

bool hf_bench_pace_start(struct hf_bench_worker *worker, hf_bench_send_fn *send_one);
void hf_bench_pace_tick(struct hf_bench_worker *worker, uint64_t now_ns, hf_bench_send_fn *send_one);
uint64_t hf_bench_pace_due_ns(const struct hf_bench_worker *worker);
/* Sends what this connection owes, as far as there is room. */
void hf_bench_pace_send(struct hf_bench_conn *conn, hf_bench_send_fn *send_one);
/* An answer to message `number` came: checks its place, records the latency, in a closed loop sends on. */
void hf_bench_pace_answered(struct hf_bench_conn *conn, uint64_t number, uint64_t now_ns,
                            hf_bench_send_fn *send_one);
/* The server refused message `number`: it counts as seen, but not as answered. */
void hf_bench_pace_refused(struct hf_bench_conn *conn, uint64_t number, uint64_t now_ns,
                           hf_bench_send_fn *send_one);
bool hf_bench_pace_drained(const struct hf_bench_worker *worker);
void hf_bench_pace_finish(struct hf_bench_worker *worker);

#endif
