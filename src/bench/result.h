/* bench/result.h - what one process (or, merged, one run) counted. Plain memory without pointers: a worker fills its
 * own in memory shared with the parent, which reads the counters for its progress line while the worker runs and
 * merges all when it has ended. */
#ifndef HF_BENCH_RESULT_H
#define HF_BENCH_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hist.h"

/* Why a connection failed. Columns: identifier, name, hard (counts in failure rates; a refusal is an answer), text. */
#define HF_BENCH_CAUSE_MAP(X)                                                                     \
    X(HF_BENCH_REFUSED, "REFUSED", true, "TCP refused or reset before an answer")                 \
    X(HF_BENCH_TIMEOUT, "TIMEOUT", true, "not open within --timeout")                             \
    X(HF_BENCH_TLS_FAILED, "TLS_FAILED", true, "the TLS handshake failed")                        \
    X(HF_BENCH_HTTP_REFUSED, "HTTP_REFUSED", false, "an HTTP answer other than 101, 401 and 403") \
    X(HF_BENCH_AUTH_REFUSED, "AUTH_REFUSED", false, "401, 403, or a close with 4401 or 4403")     \
    X(HF_BENCH_PROTOCOL, "PROTOCOL", false, "a wrong handshake answer or a broken frame")         \
    X(HF_BENCH_LOST, "LOST", false, "an open connection ended before the run did")                \
    X(HF_BENCH_LOCAL, "LOCAL", false, "the generator had no descriptor, port or memory left")

#define HF_BENCH_CAUSE_ENUM(id, name, hard, text) id,
enum hf_bench_cause { HF_BENCH_CAUSE_MAP(HF_BENCH_CAUSE_ENUM) HF_BENCH_CAUSES };
#undef HF_BENCH_CAUSE_ENUM

struct hf_bench_cause_info {
    const char *name;
    bool hard;
    const char *text;
};
const struct hf_bench_cause_info *hf_bench_cause_info(enum hf_bench_cause cause); /* asserts the range */

/* Counters over the whole run unless they say `measured`. */
#define HF_BENCH_COUNTER_MAP(X)                                                        \
    X(attempted, "connections tried")                                                  \
    X(undialled, "meant to be tried, but every connection was in use until the end")   \
    X(opened, "connections opened")                                                    \
    X(closed, "connections closed in good order at the end")                           \
    X(sent, "messages sent")                                                           \
    X(answered, "messages answered or delivered")                                      \
    X(measured, "of these, meant for the measured time")                               \
    X(lost, "never answered")                                                          \
    X(duplicate, "came more than once")                                                \
    X(reordered, "came out of order")                                                  \
    X(corrupt, "came with a wrong size or content")                                    \
    X(refused, "refused by the server, with an answer")                                \
    X(unsent, "meant to be sent, but the connection was closed or full until the end") \
    X(foreign, "other messages (greetings, events): not counted as answers")           \
    X(bytes_in, "payload bytes received")                                              \
    X(api_requests, "HTTP requests sent")                                              \
    X(api_failed, "HTTP requests without a 2xx answer")                                \
    X(stalls, "loop turns above the stall bound")                                      \
    X(resumed, "resume: sessions resumed")                                             \
    X(rebuilt, "resume: sessions that were not known any more")

/* Nanoseconds. */
#define HF_BENCH_HIST_MAP(X)                              \
    X(tcp, "TCP connect")                                 \
    X(tls, "TLS handshake")                               \
    X(upgrade, "upgrade request to 101")                  \
    X(open, "intended start to open")                     \
    X(latency, "intended send to answer")                 \
    X(api, "HTTP request to its answer")                  \
    X(first, "broadcast: intended send to first arrival") \
    X(last, "broadcast: intended send to last arrival")   \
    X(spread, "broadcast: first arrival to last arrival") \
    X(resume, "resume: intended redial to WELCOME")       \
    X(back, "resume: SIGUSR2 to WELCOME")                 \
    X(lag, "generator: intended send to send")            \
    X(stall, "generator: one turn of the event loop")

enum { HF_BENCH_CODES_MAX = 16 };

struct hf_bench_codes { /* HTTP statuses or close codes, the first 16 distinct ones */
    uint16_t code[HF_BENCH_CODES_MAX];
    uint64_t count[HF_BENCH_CODES_MAX];
    uint64_t other;
};

struct hf_bench_result {
#define HF_BENCH_COUNTER_FIELD(name, text) uint64_t name;
    HF_BENCH_COUNTER_MAP(HF_BENCH_COUNTER_FIELD)
#undef HF_BENCH_COUNTER_FIELD
    uint64_t cause[HF_BENCH_CAUSES];
    uint64_t cpu_ns, measured_cpu_ns; /* of the process: whole life, measured time */
    uint64_t cpu_worst_ns;            /* merged: measured_cpu_ns of the busiest process */
    uint64_t wait_ns;                 /* ready to run but not running, measured time */
    uint64_t rss_bytes;
    struct hf_bench_codes http_status, close_code;
#define HF_BENCH_HIST_FIELD(name, text) struct hf_hist name;
    HF_BENCH_HIST_MAP(HF_BENCH_HIST_FIELD)
#undef HF_BENCH_HIST_FIELD
};

void hf_bench_codes_add(struct hf_bench_codes *codes, unsigned code, uint64_t count);
void hf_bench_codes_merge(struct hf_bench_codes *into, const struct hf_bench_codes *from);
void hf_bench_result_merge(struct hf_bench_result *into, const struct hf_bench_result *from);
uint64_t hf_bench_result_failed(const struct hf_bench_result *result);      /* connections, every cause */
uint64_t hf_bench_result_hard_failed(const struct hf_bench_result *result); /* the hard causes only */

#endif
